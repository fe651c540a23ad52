/*
 * internal: what the files of lib/loop share, and nobody else includes.
 */
#ifndef CUBE_LOOP_INTERNAL_H
#define CUBE_LOOP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "lib/loop/loop.h"

struct error;
struct http_tls;
struct loop;
struct loop_timer;
struct ssl_ctx_st;
struct ssl_st;

void loop_link_init(struct loop_link *head);
void loop_link_append(struct loop_link *head, struct loop_link *link);
void loop_link_remove(struct loop_link *link); /* a link that is in no ring is left alone */
bool loop_link_is_empty(const struct loop_link *head);

/* What loop_free() has to close if its owner did not. Embedded first in its owner. */
struct loop_owned {
	struct loop_link link;
	void (*close)(void *owner);
};
void loop_own(struct loop *loop, struct loop_owned *owned, void (*close)(void *owner));
void loop_disown(struct loop_owned *owned);

/* A timer on real time, whatever the loop's clock is: I/O timeouts. */
struct loop_timer *loop_timer_new_real(struct loop *loop, void (*fn)(void *arg), void *arg);

/* 64 KiB into which a callback may read what it hands on before it returns. */
enum { LOOP_SCRATCH_SIZE = 64 * 1024 };
char *loop_scratch(struct loop *loop);

/* The ring of child processes, and the watch on SIGCHLD (process.c). */
struct loop_children {
	struct loop_link ring;
	uv_signal_t *signal;
};
struct loop_children *loop_children(struct loop *loop);
void process_forget_all(struct loop *loop);

void *loop_must(void *p); /* aborts on NULL */

/* Addresses (address.c). "unix:/path", "1.2.3.4:80", "[::1]:80", ":80" (any address). */
enum { ADDRESS_MAX = 128 };
/* 0, or 1 when the host is a name (nothing is written), or -1 with *err. */
int address_parse(const char *address, struct sockaddr_storage *ret, socklen_t *ret_len, struct error *err);
int address_split(const char *address, char host[256], char port[8], struct error *err);
const char *address_format(const struct sockaddr *addr, char out[ADDRESS_MAX]);

/* TLS (tls.c). */
struct ssl_ctx_st *tls_client_context(const struct http_tls *tls, struct error *err);
/* A client session for one connection; host is checked against the certificate unless tls is insecure. */
struct ssl_st *tls_client_session(struct ssl_ctx_st *ctx, const struct http_tls *tls, const char *host);

#endif
