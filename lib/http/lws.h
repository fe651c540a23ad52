/*
 * lws: the one place that sees libwebsockets: TLS, sockets and readiness on the loop's uv loop, in its
 * raw-skt role. It calls up into connection.c with the bytes of each connection, and down from there come the
 * operations on a `wsi`.
 */
#ifndef CUBE_HTTP_LWS_H
#define CUBE_HTTP_LWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct http_conn;
struct http_lws;
struct http_server;
struct http_server_options;
struct loop;
struct lws;

enum {
	HTTP_WRITE_MAX = 64 * 1024
}; /* bytes given to lws at once: what does not fit the socket, lws copies */

struct http_lws *http_lws_new(struct loop *loop, const struct http_server_options *options,
    struct http_server *server, struct error *err);
void http_lws_free(
    struct http_lws *lws); /* closes all connections; lws itself finishes on later turns of the loop */
void http_lws_adopt(struct http_lws *lws, int fd); /* closes fd when it fails */

void http_lws_timeout(struct lws *wsi, int64_t ms); /* the connection ends after this; 0: never */
void http_lws_pause(struct lws *wsi, bool paused);
void http_lws_want_write(struct lws *wsi);
int http_lws_write(struct lws *wsi, const char *data, size_t size); /* takes all of it, or < 0 */
bool http_lws_is_full(struct lws *wsi); /* lws keeps a part that the socket did not take */
void http_lws_kill(struct lws *wsi);
void http_lws_end_output(struct lws *wsi); /* the peer sees the end; what it sends is still received */
int http_lws_fd(struct lws *wsi);
void *http_lws_ssl(struct lws *wsi);          /* SSL *, NULL without TLS */
void *http_lws_ssl_ctx(struct http_lws *lws); /* SSL_CTX * that new connections get, NULL without TLS */

/* What is called: connection.c and tls.c. */
struct http_conn *http_conn_new(struct http_server *server, struct lws *wsi);
int http_conn_receive(struct http_conn *conn, const char *data, size_t size); /* -1: close */
int http_conn_writable(struct http_conn *conn);                               /* -1: close */
void http_conn_free(struct http_conn *conn); /* the peer has gone: tells whoever waits */
int http_tls_setup(void *ssl_ctx, const struct http_server_options *options);

#endif
