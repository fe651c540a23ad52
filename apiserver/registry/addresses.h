/*
 * addresses: the cluster IPs and node ports that this server may give out, as numbers from 0 on: what the
 * bitmaps of the stored ranges count. The first cluster IP is the one behind the network's own address, and
 * the last one is before its broadcast address.
 */
#ifndef CUBE_APISERVER_REGISTRY_ADDRESSES_H
#define CUBE_APISERVER_REGISTRY_ADDRESSES_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/core_v1.pb-c.h"

struct api_options;
struct arena;
struct error;

enum { ADDRESS_NONE = -1 };

struct addresses {
	uint32_t network; /* host order */
	uint32_t ips_len;
	int32_t port_min, port_max;
	char ip_text[32], port_text[16]; /* as stored: "10.96.0.0/16", "30000-32767" */
};

/* From --service-cluster-ip-range and --service-node-port-range. */
int addresses_parse(struct addresses *ret, const struct api_options *options, struct error *err);
/* The ranges alone, as text: "10.96.0.0/16" and "30000-32767". Other members are left as they are. */
int addresses_parse_ips(struct addresses *ret, const char *cidr, struct error *err);
int addresses_parse_ports(struct addresses *ret, const char *text, struct error *err);

/* ADDRESS_NONE for what is no IPv4 address of the range. */
int64_t addresses_ip_number(const struct addresses *a, const char *text);
const char *addresses_ip(const struct addresses *a, int64_t number, char out[INET_ADDRSTRLEN]);
int64_t addresses_port_number(const struct addresses *a, int32_t port);

/* What a Service holds, of those in the range; each number once. */
struct address_list {
	int64_t *ips, *ports;
	size_t ips_len, ports_len;
};
void addresses_of(struct arena *arena, const struct addresses *a, const CoreV1__ServiceSpec *spec,
    struct address_list *ret);
/* Drops from `list` what `other` has too. */
void addresses_subtract(struct address_list *list, const struct address_list *other);

#endif
