/*
 * endpoints: which endpoints stand behind one port of a Service, and which of them serve which kind of
 * traffic. Pure.
 */
#ifndef CUBE_PROXY_ENDPOINTS_H
#define CUBE_PROXY_ENDPOINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/core_v1.pb-c.h"
#include "proto/discovery_v1.pb-c.h"

struct arena;

struct proxy_endpoint {
	char text[24]; /* "1.2.3.4:80" */
	char ip[16];
	bool is_local, ready, serving, terminating;
	bool has_hints, hinted; /* hinted: for our zone */
};

struct proxy_endpoints {
	const struct proxy_endpoint **items;
	size_t len;
};

/* All endpoints of the port, sorted by address, each once. IPv4 only. */
struct proxy_endpoint *endpoints_of_port(struct arena *arena, const CoreV1__ServicePort *port,
    const DiscoveryV1__EndpointSlice *const *slices, size_t slices_len, const char *node_name,
    const char *zone, size_t *ret_len);

/* How traffic of a Service is treated. */
struct proxy_policy {
	bool internal_local, external_local; /* the two traffic policies */
	bool externally_accessible;          /* it has a node port, external or load balancer addresses */
};

struct proxy_choice {
	struct proxy_endpoints cluster, local; /* for either policy; empty when the policy is not in use */
	struct proxy_endpoints all;            /* those that rules are written for */
	bool has_any;                          /* some node has one that serves, if not this one */
};

/*
 * Ready endpoints serve; where none is ready, those that still serve while terminating do (KEP-1669).
 * Topology hints count when every ready endpoint has one and our zone is among them.
 */
void endpoints_choose(struct arena *arena, const struct proxy_endpoint *endpoints, size_t len,
    const struct proxy_policy *policy, struct proxy_choice *ret);

#endif
