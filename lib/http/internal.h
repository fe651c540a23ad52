/* What the files of lib/http share: the server, its connections and the exchange under way on each. */
#ifndef CUBE_HTTP_INTERNAL_H
#define CUBE_HTTP_INTERNAL_H

#include <http_parser.h> /* its names clash with libwebsockets': that one is seen by lws.c only */

#include "lib/base/buf.h"
#include "lib/http/lws.h"
#include "lib/http/server.h"
#include "lib/loop/loop.h"

enum {
	HTTP_COALESCE_MAX =
	    16 * 1024, /* parts below this are copied together: one write costs more than the copy */
	HTTP_PIPELINE_MAX = 64 * 1024, /* bytes read ahead while a request is being handled */
	HTTP_WRITE_STALL_S = 60,       /* a whole answer must make progress within this time */
	HTTP_ACCEPT_PAUSE_MS = 200,    /* when there are no descriptors left */
	/* What streams are sent in one turn of the loop; the others of a large fan-out wait for the next. */
	HTTP_TURN_STREAMS = 64,
	HTTP_TURN_BYTES = 512 * 1024,
	HTTP_STREAM_BEHIND_MAX = 1024 * 1024, /* a stream with more than this waits for no turn */
	HTTP_STOP_LINGER_MS = 1000, /* a server that stops waits so long for connections with their answers */
	HTTP_HEAD_KEPT = 8 * 1024,  /* a larger buffer of heads is not kept for the next request */
	HTTP_PENDING_MAX = 64 << 20, /* what all connections may hold of heads and bodies */
	HTTP_LINGER_MS = 2000        /* what a client sends behind a refusal is read for so long, unseen */
};

struct http_segment {
	struct bytes *bytes;
	size_t offset;
};

enum http_conn_state {
	HTTP_CONN_IDLE, /* between requests */
	HTTP_CONN_HEAD, /* reading a head */
	HTTP_CONN_BODY,
	HTTP_CONN_HANDLING, /* a request is with the handler */
	HTTP_CONN_TUNNEL,
	HTTP_CONN_CLOSING /* nothing is read any more; closes when the queue is empty */
};

struct http_exchange {
	struct http_server_request request;
	struct http_conn *conn;
	bool keep_alive, is_head, is_http10;
	bool is_started; /* http_start() was called */
	size_t held;     /* bytes of the body, counted in the server's held */
	bool is_chunked;
	void (*on_drain)(void *arg);
	void (*on_close)(void *arg);
	void *arg;
};

struct http_tunnel {
	struct http_conn *conn; /* NULL after the peer has gone */
	struct http_tunnel_callbacks callbacks;
	void *arg;
};

/* Connections to be flushed, in the order in which they got something to send. */
struct http_flush_list {
	struct http_conn *first, **end;
};

struct http_conn {
	/* What each piece of a stream touches comes first: with thousands of them it is memory that a fan-out
	 * waits for. */
	struct http_flush_list *flush_list; /* that it is in; or NULL */
	struct http_conn *flush_next, **flush_prev;
	struct http_server *server;
	struct lws *wsi;
	struct http_exchange *exchange; /* the one being read or handled */
	struct http_segment *queue;     /* ring */
	size_t queue_head, queue_len, queue_capacity;
	size_t queued; /* bytes */
	size_t source_left;
	struct http_source
	    source; /* of the answer under way: comes behind the queue; fill NULL when there is none */
	enum http_conn_state state;
	bool is_broken;   /* to be closed at once */
	bool is_settled;  /* owes no answer any more: a server that stops need not wait for it */
	bool in_callback; /* inside an lws callback, which closes by its return value */
	bool lingers; /* closing: the peer is still sending and would not see the answer if we closed now */
	bool has_said_all; /* lingering has begun: our side of the connection is closed */
	bool is_feeding;   /* inside conn_feed(): the loop there goes on with `in` */
	bool rx_paused;

	struct http_conn *next, **prev;
	struct http_tunnel *tunnel;
	struct http_peer peer;
	struct arena *peer_arena; /* strings of peer; made with the first request */
	char address[64];
	struct buf in;            /* read ahead, or bytes for a tunnel */
	struct loop_timer *timer; /* while a body comes in pieces; then for as long as we linger */

	/* the head while it is read */
	struct http_parser parser;
	struct buf head; /* target, then name and value pairs, each NUL-terminated */
	size_t *offsets; /* where each string starts: target, name, value, name, value ... */
	size_t offsets_len, offsets_capacity;
	int head_part;    /* what the parser gave last: 0 target, 1 name, 2 value */
	size_t head_size; /* bytes of this head read so far */
	struct buf body;
	char method[24]; /* of method_size bytes */
	size_t method_size;
	bool is_in_method;      /* more of the method may come */
	bool is_method_unknown; /* to the parser: it was given GET instead */
	bool message_done;
	int reject_status; /* answer this and close: 400, 413, 431 ...; 0: none */

	bool expects_continue; /* the client waits to be told that its body is wanted */
	size_t held;           /* bytes of head and body read so far, counted in the server's held */
	struct http_conn *newer_pending, *older_pending; /* among those in the middle of a request */
	bool is_pending;
};

struct http_server {
	struct loop *loop;
	struct http_server_options options; /* strings in arena */
	struct arena *arena;
	void (*handler)(void *arg, struct http_server_request *request);
	void *arg;
	struct http_lws *lws;
	struct http_tls_reload *tls_reload;
	int listen_fd;
	int port;
	struct loop_fd *listen_watch; /* NULL while accepting pauses */
	struct loop_timer *accept_timer;
	struct http_conn *conns;
	size_t conns_len, unsettled_len;
	struct http_flush_list answers, streams; /* all answers leave before the first stream */
	struct loop_tick flush_tick;
	size_t held; /* bytes of heads and bodies, by memory taken */
	struct http_conn *oldest_pending,
	    *newest_pending; /* those in the middle of a request, by when they began */
	bool is_stopping, is_freed;
	struct loop_timer *grace_timer;
	void (*shutdown_done)(void *arg);
	void *shutdown_arg;
	char *scratch; /* HTTP_WRITE_MAX bytes to put small segments together */
	char date[40]; /* of date_s */
	int64_t date_s;
};

/* connection.c */
void http_conn_feed(struct http_conn *conn, const char *data, size_t size);
void http_conn_continue(struct http_conn *conn); /* after an exchange: next pipelined request, or idle */
void http_conn_kill(struct http_conn *conn);     /* closes soon, dropping what is queued */
void http_conn_close_after_drain(struct http_conn *conn);
void http_exchange_free(struct http_exchange *exchange);
void http_exchange_finish(
    struct http_exchange *exchange); /* answered: flush, then the next request or the end */
void http_conn_refuse(struct http_conn *conn, int status); /* what it was sending: answers and closes */
/* pending.c: what is held of requests that are not complete, and of bodies under way */
void http_pending_update(struct http_conn *conn); /* after bytes were read */
void http_pending_done(struct http_conn *conn);   /* complete, refused or gone */
void http_pending_enforce(struct http_server *server);
/* message.c */
/* Parses up to the end of one message at most; returns the bytes used. Sets message_done or reject_status. */
size_t http_message_parse(struct http_conn *conn, const char *data, size_t size);
/* output.c */
void http_conn_source_done(struct http_conn *conn); /* no more is wanted of it */
void http_conn_queue(struct http_conn *conn, struct bytes *take_bytes);
void http_conn_flush(struct http_conn *conn);    /* now */
void http_conn_schedule(struct http_conn *conn); /* at the end of this turn of the loop, or soon after it */
void http_conn_queue_done(struct http_conn *conn);
void http_flush_list_init(struct http_flush_list *list);
void http_flush_scheduled(void *server);       /* the flush tick */
void http_conn_forget(struct http_conn *conn); /* drops it from the list of those to be flushed */
/* response.c */
void http_respond_plain(struct http_conn *conn, int status); /* when there is no request to answer: closes */
/* tls.c */
void http_tls_peer(struct http_conn *conn);
/* Fills in what the certificate says; verdict is what verification said of it (X509_V_OK or why not). A
 * subject whose names cannot be told as text is an error of the certificate too. */
struct x509_st;
void http_tls_read_certificate(
    struct http_peer *peer, struct arena *arena, struct x509_st *cert, long verdict);
/* tls_reload.c: NULL without TLS */
struct http_tls_reload *http_tls_reload_new(
    struct loop *loop, void *ssl_ctx, const struct http_server_options *options);
void http_tls_reload_free(struct http_tls_reload *reload);
/* server.c */
void http_server_conn_gone(struct http_server *server);
void http_server_conn_settled(struct http_conn *conn);
const char *http_server_date(struct http_server *server);

#endif
