/*
 * forward: asks upstream servers. Each query goes out with a random id from a socket of its own on a random
 * port; an answer counts only when server, id and question are right. A server that does not answer in time
 * is followed by the next one.
 */
#ifndef CUBE_DNS_FORWARD_H
#define CUBE_DNS_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct dns_forward;
struct dns_forwarder;
struct loop;

/* servers: "1.2.3.4:53", "[::1]:53". */
struct dns_forwarder *dns_forwarder_new(struct loop *loop, const char *const *servers, size_t servers_len);
void dns_forwarder_free(struct dns_forwarder *forwarder); /* cancels what is under way */
size_t dns_forwarder_pending(const struct dns_forwarder *forwarder);

/*
 * query is copied; the answer carries its id. done fires once, not inside this call; response is NULL when no
 * server answered. NULL is returned, and done never fires, when too many queries are under way already.
 */
struct dns_forward *dns_forward(struct dns_forwarder *forwarder, const void *query, size_t size,
    bool over_tcp, void (*done)(void *arg, const void *response, size_t size), void *arg);
void dns_forward_cancel(struct dns_forward *forward); /* NULL is accepted */

/*
 * "address:port" of the servers: the given ones ("1.2.3.4" or "1.2.3.4:5353"), or, when there are none, the
 * nameserver lines of a resolv.conf (NULL: none). Our own addresses (listed in own, with port) are left out.
 * Ends with NULL.
 */
const char *const *dns_upstreams(struct arena *arena, const char *const *given, size_t given_len,
    const char *resolv_conf, const char *const *own, size_t own_len, size_t *ret_len);

#endif
