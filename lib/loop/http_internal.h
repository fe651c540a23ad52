/* http_internal: the client and its calls, as http_client.c (the multi handle), http_socket.c (its sockets on
 * the loop) and http_call.c (one exchange) share them. */
#ifndef CUBE_LOOP_HTTP_INTERNAL_H
#define CUBE_LOOP_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/loop/http_client.h"
#include "lib/loop/internal.h"

enum { HTTP_POOL_MAX = 32 };

struct socket_watch;

struct http_client {
	struct loop_owned owned;
	struct loop *loop;
	CURLM *multi;
	struct loop_timer *timer;
	struct loop_tick tick;
	struct http_tls tls; /* strings are ours */
	struct loop_link starting, active, finished;
	/* Calls that are over, with their handles set up as they were: most requests are of few kinds, and
	 * setting up a handle costs more than all else here. */
	struct http_call *pool[HTTP_POOL_MAX];
	size_t pool_len;
	struct buf shape;              /* of the request that is being started */
	struct socket_watch **watches; /* by descriptor */
	size_t watches_len;
	int64_t distrusted_ms; /* connections that are older are not used again; 0: all are good */
	int depth;             /* > 0: a curl call, or settle(), is on the stack */
	bool cancels;          /* some active call was cancelled */
	bool closing;
};

struct http_call {
	struct loop_link link; /* first: rings of calls are cast */
	struct http_client *client;
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	struct buf request_body, head, body;
	struct buf shape; /* what the handle is set up for: see describe() */
	size_t response_max;
	bool sends; /* a body, if only an empty one */
	bool cancelled, opened, too_large;
	long sendings; /* times that the request went out */
	bool lost_answer;
	bool is_answered;  /* a line of the answer has come: its connection is established */
	bool keeps_socket; /* one connection serves the call, and may serve others after it */
	void (*on_open)(void *arg, int status);
	void (*on_data)(void *arg, const char *data, size_t size);
	void (*done)(void *arg, const struct http_response *response);
	void *arg;
	CURLcode result;
	char message[CURL_ERROR_SIZE];
};

/* From the pool when it has one set up for such a request. */
struct http_call *http_call_new(struct http_client *client, const struct http_request *request);
void http_call_finish(struct http_call *call); /* builds the response and calls done */
void http_call_free(struct http_call *call);
/* curl_multi_socket_action(), and then what has come of it. */
void http_client_act(struct http_client *client, curl_socket_t fd, int flags);
/* http_socket.c: CURLMOPT_SOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION. */
int http_socket_set(CURL *easy, curl_socket_t fd, int what, void *client, void *watch);
int http_socket_close(void *client, curl_socket_t fd);

#endif
