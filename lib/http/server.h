/*
 * http server: HTTPS/1.1 for the API server, the kubelet and the metrics ports. libwebsockets owns sockets
 * and TLS (its raw-skt role on the loop's uv loop), libhttp-parser reads requests, and the bytes written are
 * ours, so the raw path, repeated headers, chunked bodies, Expect, Upgrade and tunnels work
 * (docs/library-notes in the design explain why).
 *
 * A request is handed to the handler when its head and whole body (up to body_max) have been read. Answer it
 * with http_respond(), or as a stream with http_start(), http_send(), http_end(), or take the connection over
 * with http_tunnel(). A request object lives until it is answered and finished, or on_close fired.
 */
#ifndef CUBE_HTTP_SERVER_H
#define CUBE_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct error;
struct loop;
struct http_server;
struct http_conn_tunnel;

/* Bytes shared by many answers: encode once, send many. */
struct bytes {
	_Atomic unsigned refs;
	size_t size;
	char data[];
};
struct bytes *bytes_new(const void *data, size_t size);
struct bytes *bytes_ref(struct bytes *b);
void bytes_unref(struct bytes *b);
/* Large text that is put together in a buf becomes bytes without a copy: begin with an empty buf, append,
 * finish. */
struct buf;
void bytes_begin(struct buf *buf);
struct bytes *bytes_finish(struct buf *buf); /* the buf is empty after */

struct http_header {
	const char *name, *value;
};

struct http_peer {           /* who is at the other end of the connection */
	const char *address; /* "127.0.0.1:40000" */
	bool has_cert;       /* a client certificate was presented */
	bool cert_verified;  /* ... and chains to client_ca_file, in its validity and for client use */
	const char *cert_common_name;
	const char *const *cert_organizations; /* all O values; ends with NULL */
	const char *cert_error;                /* why it was not verified, or NULL */
	const void
	    *cert_der; /* the certificate itself, for who must check it against another CA; NULL when none */
	size_t cert_der_size;
};

struct http_server_request {
	struct arena *arena; /* freed when the request is finished */
	const char *method;
	const char *target;                /* the raw request target, undecoded */
	const char *path;                  /* up to '?', undecoded */
	const char *query;                 /* behind '?', "" when none, undecoded */
	const struct http_header *headers; /* in order, names as sent */
	size_t headers_len;
	const char *body; /* NUL-terminated */
	size_t body_size;
	bool is_upgrade; /* Connection: upgrade with an Upgrade header */
	const struct http_peer *peer;
	bool is_unread;           /* its body was left unread because screen() said so */
	int64_t start_ms;         /* loop time at which the head was complete */
	void *user;               /* the handler's */
	struct http_header extra; /* the handler's too: one more header of the answer, whoever makes it */
};

const char *http_request_header(
    const struct http_server_request *request, const char *name); /* first; NULL if absent */
/* Value of a query parameter, percent-decoded, in the request's arena; NULL when absent. `nth` counts repeats
 * from 0. */
const char *http_request_query(struct http_server_request *request, const char *name, size_t nth);
/* Percent-decodes a path segment into the arena; NULL for malformed text or an encoded NUL. */
char *http_decode_segment(struct arena *arena, const char *text, size_t size);

struct http_server_options {
	const char *address;              /* "0.0.0.0", "127.0.0.1", "::" */
	int port;                         /* 0: any; see http_server_port() */
	const char *cert_file, *key_file; /* NULL: plain HTTP */
	const char *client_ca_file;       /* client certificates are asked for when set, and stay optional */
	int tls_min_version;              /* as OpenSSL numbers them; 0: TLS 1.2 */
	const char *tls_ciphers;          /* of TLS 1.2, an OpenSSL cipher list; NULL: OpenSSL's default */
	size_t body_max;                  /* 0: 3 MiB; larger bodies are answered 413 */
	size_t head_max;                  /* 0: 64 KiB; larger heads are answered 431 */
	/* What all connections together may hold of heads and bodies, those of requests under way included;
	 * 0: 64 MiB. Beyond it, whoever has been sending for the longest is answered 429. */
	size_t pending_max;
	int connections_max; /* 0: 20000; some of RLIMIT_NOFILE is kept back. Others are closed. */
	int64_t head_timeout_ms, body_timeout_ms, idle_timeout_ms; /* 0: 10 s, 60 s, 180 s */
	int64_t reload_ms;       /* how often the files are looked at for a change; 0: every minute */
	const char *server_name; /* Server header; NULL: none */
	/* Asked once when a request's head is there and its body is not, or not all of it: is the body to be
	 * read? Where not, late_handler answers. NULL: every body is read. Gets the handler's argument. */
	bool (*screen)(void *arg, struct http_server_request *request);
	/* Answers a request whose body has not come within body_timeout_ms, or was not wanted: it has none,
	 * and its connection closes behind the answer. NULL: a plain 504. Gets the handler's argument. */
	void (*late_handler)(void *arg, struct http_server_request *request);
};

struct http_server *http_server_new(struct loop *loop, const struct http_server_options *options,
    void (*handler)(void *arg, struct http_server_request *request), void *arg, struct error *err);
int http_server_port(const struct http_server *server);
/* Stops accepting; requests under way may finish; done fires when all have been answered, their connections
 * closed or not, or when the grace is over. Tunnels are not waited for. */
void http_server_shutdown(struct http_server *server, int64_t grace_ms, void (*done)(void *arg), void *arg);
void http_server_free(struct http_server *server);

/* A whole answer. Headers end with {NULL}; Content-Length is added. The body is copied, or shared in the
 * _bytes form. */
void http_respond(struct http_server_request *request, int status, const char *content_type,
    const struct http_header *headers, const void *body, size_t body_size);
void http_respond_bytes(struct http_server_request *request, int status, const char *content_type,
    const struct http_header *headers, struct bytes *const *parts, size_t parts_len);

/*
 * A whole answer whose body is made while it leaves, so that a large one is never in memory at once. fill()
 * puts up to `room` bytes into `to` and returns how many: at least one until `size` are there; where the size
 * is HTTP_SIZE_UNKNOWN, 0 says that there are no more. done() fires once, when the last byte has been taken
 * or the peer is gone; the request object is not to be used any more after this call.
 */
#define HTTP_SIZE_UNKNOWN SIZE_MAX
struct http_source {
	size_t size;
	size_t (*fill)(void *arg, char *to, size_t room);
	void (*done)(void *arg);
	void *arg;
};
void http_respond_source(struct http_server_request *request, int status, const char *content_type,
    const struct http_header *headers, const struct http_source *source);

/*
 * The same bytes as gzip makes them; takes `plain`, whose size is known. Whoever answers with it sends
 * "Content-Encoding: gzip". It needs memory for a window, whatever the size.
 */
struct http_source http_gzip_source(const struct http_source *plain);
bool http_accepts_gzip(const struct http_server_request *request);

/*
 * A streamed answer (chunked). on_drain fires when the queue has emptied; on_close when the peer went away or
 * the server shuts down, after which the request is gone. http_send returns the bytes now queued: the owner
 * decides when a slow reader must be closed. Pieces leave with the loop's next turns, answers before streams;
 * what is sent to a stream that still waits for its turn leaves in one write.
 */
void http_start(struct http_server_request *request, int status, const char *content_type,
    const struct http_header *headers, void (*on_drain)(void *arg), void (*on_close)(void *arg), void *arg);
size_t http_send(struct http_server_request *request, const void *data, size_t size);
size_t http_send_bytes(struct http_server_request *request, struct bytes *bytes);
/* A piece of a stream with its framing, made once for all who get it. */
struct bytes *http_chunk_new(const void *data, size_t size);
size_t http_send_chunk(struct http_server_request *request, struct bytes *chunk);
/* The connection closes behind the answer, which says so. */
void http_close_after(struct http_server_request *request);
void http_end(struct http_server_request *request);   /* orderly: last chunk, keep-alive goes on */
void http_abort(struct http_server_request *request); /* closes the connection at once */
/* While a handler works asynchronously: called if the peer closes before the answer, so that work can be
 * cancelled. The request is gone afterwards. */
void http_on_close(struct http_server_request *request, void (*on_close)(void *arg), void *arg);

/*
 * Takes the connection over as a raw byte tunnel, e.g. after an Upgrade was accepted: `head` (may be NULL) is
 * written first. Bytes that came behind the request head are delivered through on_data. After on_end the
 * tunnel is still to be closed by its owner. The request object is gone after this call.
 */
struct http_tunnel_callbacks {
	void (*on_data)(void *arg, const char *data, size_t size);
	void (*on_drain)(void *arg);
	void (*on_end)(void *arg);
};
struct http_tunnel *http_tunnel(struct http_server_request *request, const void *head, size_t head_size,
    const struct http_tunnel_callbacks *callbacks, void *arg);
size_t http_tunnel_write(struct http_tunnel *tunnel, const void *data, size_t size); /* bytes now queued */
void http_tunnel_pause(struct http_tunnel *tunnel);
void http_tunnel_resume(struct http_tunnel *tunnel);
void http_tunnel_close(struct http_tunnel *tunnel); /* after what is queued has been sent */

#endif
