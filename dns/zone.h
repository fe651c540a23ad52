/*
 * zone: the cluster's domain as data: services, the endpoints behind headless ones, and namespaces. Fed with
 * API objects as they come and go, in any order; holds its own compact copy. answer.c reads it.
 */
#ifndef CUBE_DNS_ZONE_H
#define CUBE_DNS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/message.h"
#include "proto/core_v1.pb-c.h"
#include "proto/discovery_v1.pb-c.h"

struct dns_zone;

struct dns_port {
	char *name;           /* lower case; "" when unnamed */
	const char *protocol; /* "tcp", "udp", "sctp" */
	uint16_t port;
};

struct dns_service {
	char *key, *ns, *name; /* key is "ns/name" */
	bool is_headless;
	char *external_name; /* NULL: none */
	struct dns_ip *ips;
	size_t ips_len;
	struct dns_port *ports;
	size_t ports_len;
};

struct dns_endpoint {
	struct dns_ip ip;
	char *hostname; /* NULL: the dashed address is its name */
};

struct dns_slice {
	struct dns_slice *next;         /* of the same service */
	char *service;                  /* "ns/name" */
	struct dns_endpoint *endpoints; /* ready ones */
	size_t endpoints_len;
	struct dns_port *ports; /* with one of port 0 when the slice has none */
	size_t ports_len;
};

struct dns_zone *dns_zone_new(const char *domain /* "cluster.local" */, uint32_t ttl_s);
void dns_zone_free(struct dns_zone *zone);
const char *dns_zone_domain(const struct dns_zone *zone);
uint32_t dns_zone_ttl(const struct dns_zone *zone);
uint32_t dns_zone_serial(const struct dns_zone *zone); /* grows with each change */
/* Address of the service that we are reached at, answered for ns.dns.DOMAIN; NULL for none. */
void dns_zone_set_self(struct dns_zone *zone, const struct dns_ip *ip);
const struct dns_ip *dns_zone_self(const struct dns_zone *zone);

void dns_zone_put_service(struct dns_zone *zone, const CoreV1__Service *service);
void dns_zone_remove_service(struct dns_zone *zone, const char *ns, const char *name);
void dns_zone_put_slice(struct dns_zone *zone, const DiscoveryV1__EndpointSlice *slice);
void dns_zone_remove_slice(struct dns_zone *zone, const char *ns, const char *name);
void dns_zone_put_namespace(struct dns_zone *zone, const char *name);
void dns_zone_remove_namespace(struct dns_zone *zone, const char *name);

bool dns_zone_has_namespace(const struct dns_zone *zone, const char *name);
const struct dns_service *dns_zone_service(const struct dns_zone *zone, const char *ns, const char *name);
const struct dns_slice *dns_zone_slices(
    const struct dns_zone *zone, const struct dns_service *service); /* first of a list */
const struct dns_service *dns_zone_service_of_ip(const struct dns_zone *zone, const struct dns_ip *ip);

/* Calls fn for each endpoint with this address and a host name, whose service is known. */
void dns_zone_endpoints_of_ip(const struct dns_zone *zone, const struct dns_ip *ip,
    void (*fn)(void *arg, const struct dns_service *service, const struct dns_endpoint *endpoint), void *arg);

#endif
