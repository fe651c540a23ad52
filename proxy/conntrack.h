/*
 * conntrack: UDP has no connections, so the kernel keeps sending a flow to the endpoint it once chose, also
 * when that is gone. Flows to a Service's address that do not lead to one of its endpoints are deleted here,
 * over netlink.
 */
#ifndef CUBE_PROXY_CONNTRACK_H
#define CUBE_PROXY_CONNTRACK_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/render.h"

struct conntrack_flow {       /* one UDP entry: where it was sent, and who answers */
	char destination[24]; /* "10.96.0.10:53" */
	char answerer[24];    /* "10.244.0.2:53" */
};

/*
 * Is the flow stale? frontends as render_service() notes them; a node port is ":port" and matches any
 * destination that leads elsewhere or, being translated already, to an endpoint that is gone.
 */
bool conntrack_is_stale(const struct conntrack_flow *flow, const struct udp_frontend *frontends, size_t len);

/* Blocking: for the thread pool. Returns how many were deleted, or -1 with *err. */
struct error;
int conntrack_clear(const struct udp_frontend *frontends, size_t len, struct error *err);

#endif
