/*
 * tunnel: a connection to the API server that was upgraded to SPDY/3.1: exec, attach, port-forward. It runs
 * on k->loop; callbacks fire from there.
 */
#ifndef CUBE_KUBECTL_STREAM_TUNNEL_H
#define CUBE_KUBECTL_STREAM_TUNNEL_H

#include "kubectl/kubectl.h"
#include "kubectl/stream/spdy.h"

struct tunnel;

struct tunnel_callbacks {
	void (*on_open)(void *arg, struct spdy *spdy);
	void (*on_data)(void *arg, uint32_t stream, const char *data, size_t size, bool fin);
	void (*on_reset)(void *arg, uint32_t stream, uint32_t status);
	void (*on_drain)(void *arg); /* may be NULL */
	/* The connection is of no use any more; err NULL when the peer closed it in order. */
	void (*on_end)(void *arg, const struct error *err);
};

/* protocols: values of X-Stream-Protocol-Version, best first, NULL-terminated. NULL and err when it cannot
 * start. */
struct tunnel *tunnel_open(struct kubectl *k, const char *path, const char *const *protocols,
    const struct tunnel_callbacks *callbacks, void *arg, struct error *err);
size_t tunnel_pending(const struct tunnel *tunnel); /* bytes not sent yet */
void tunnel_close(struct tunnel *tunnel);

/* Where the API server is, as stream_connect() takes it, and how to secure it (when *ret_tls). */
struct http_tls;
const char *tunnel_address(struct kubectl *k, struct http_tls *ret, bool *ret_tls);

#endif
