/*
 * server: cluster DNS on sockets: UDP and TCP on each address, answers from the zone, everything else by the
 * forwarder. Limits: TCP connections, queries being forwarded, and idle time.
 */
#ifndef CUBE_DNS_SERVER_H
#define CUBE_DNS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_forwarder;
struct dns_server;
struct dns_zone;
struct error;
struct loop;

struct dns_server_counts { /* since the start */
	uint64_t queries, answered, forwarded, forward_failures, dropped;
};

/* forwarder: borrowed; NULL: names outside the zone are refused. */
struct dns_server *dns_server_new(
    struct loop *loop, const struct dns_zone *zone, struct dns_forwarder *forwarder);
void dns_server_free(struct dns_server *server);
/* "1.2.3.4:53". A port of 0 takes the same free port for both protocols. */
int dns_server_listen(struct dns_server *server, const char *address, struct error *err);
int dns_server_port(const struct dns_server *server); /* of the first address */
void dns_server_set_ready(struct dns_server *server); /* the zone is loaded */
/*
 * Asks upstream for a random name once. If that question comes back to us, upstream ends here: forwarding is
 * switched off and on_loop fires.
 */
void dns_server_probe_loop(struct dns_server *server, void (*on_loop)(void *arg), void *arg);
const struct dns_server_counts *dns_server_counts(const struct dns_server *server);

#endif
