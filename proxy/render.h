/*
 * render: the rules of one Service, as kube-proxy v1.32 in iptables mode writes them. Pure: configuration,
 * Service and its slices in, rules out.
 *
 * Chains (XXX is a hash of namespace/name:port and protocol):
 *   KUBE-SERVICES      one rule for each address and port of a Service, by which its packets reach the chains
 * below KUBE-SVC-XXX       spreads over all endpoints; KUBE-SVL-XXX over the node's own (traffic policy
 * Local) KUBE-EXT-XXX       traffic to external addresses and node ports: masquerade, short cuts, then SVC or
 * SVL KUBE-FW-XXX        load balancer addresses with source ranges: who may go on to KUBE-EXT KUBE-SEP-XXX
 * one endpoint: DNAT, and masquerade of what it sends to itself
 */
#ifndef CUBE_PROXY_RENDER_H
#define CUBE_PROXY_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/core_v1.pb-c.h"
#include "proto/discovery_v1.pb-c.h"
#include "proxy/rules.h"

struct proxy_config {
	const char *node_name;
	const char *zone;         /* of the node; "" unknown */
	const char *cluster_cidr; /* of pods; "" unknown: nothing is masqueraded for coming from outside */
	bool masquerade_all;
	const char *const *node_ips; /* addresses of the node, for source ranges; len below */
	size_t node_ips_len;
};

/* A place at which UDP packets come in, and where they may go: for clearing connection tracking. */
struct udp_frontend {
	char address[24];             /* "1.2.3.4:53", or ":30053" for a node port */
	const char *const *endpoints; /* "1.2.3.4:53", sorted */
	size_t endpoints_len;
};

struct render_extra { /* what a Service means beyond rules; lives in the arena */
	struct udp_frontend *udp;
	size_t udp_len;
	int health_check_port; /* 0: none */
	int local_endpoints;   /* ready ones on this node */
};

struct arena;

void render_service(const struct proxy_config *config, const CoreV1__Service *service,
    const DiscoveryV1__EndpointSlice *const *slices, size_t slices_len, struct arena *arena,
    struct rules *out, struct render_extra *ret_extra);

/* A Service that has no address of its own, or another proxy. */
bool render_skips(const CoreV1__Service *service);

#endif
