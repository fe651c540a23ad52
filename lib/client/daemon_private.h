/* daemon_private: the health server of a daemon (daemon_health.c), apart from its life (daemon.c). */
#ifndef CUBE_CLIENT_DAEMON_PRIVATE_H
#define CUBE_CLIENT_DAEMON_PRIVATE_H

#include <stdint.h>

struct buf;
struct daemon_health;
struct error;
struct loop;

struct daemon_health_hooks { /* read at each request; functions may be NULL */
	void (*metrics)(void *arg, struct buf *out);
	void *metrics_arg;
	const char *(*healthy)(void *arg);
	void *healthy_arg;
};

/* /healthz, /livez, /readyz and /metrics over plain HTTP. NULL and err when the address can't be bound. */
struct daemon_health *daemon_health_new(struct loop *loop, const char *address, int port,
    const struct daemon_health_hooks *hooks, struct error *err);
void daemon_health_free(struct daemon_health *health); /* NULL is accepted */

#endif
