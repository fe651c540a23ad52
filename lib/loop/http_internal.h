/* http_internal: the client and its calls, as http_client.c (the multi handle) and http_call.c (one exchange)
 * share them. */
#ifndef CUBE_LOOP_HTTP_INTERNAL_H
#define CUBE_LOOP_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/loop/http_client.h"
#include "lib/loop/internal.h"

struct http_client {
	struct loop_owned owned;
	struct loop *loop;
	CURLM *multi;
	struct loop_timer *timer;
	struct loop_tick tick;
	struct http_tls tls; /* strings are ours */
	struct loop_link starting, active, finished;
	CURL *pool[32]; /* idle easy handles; a new one costs more than a reset */
	size_t pool_len;
	int depth;    /* > 0: a curl call, or settle(), is on the stack */
	bool cancels; /* some active call was cancelled */
	bool closing;
};

struct http_call {
	struct loop_link link; /* first: rings of calls are cast */
	struct http_client *client;
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	struct buf request_body, head, body;
	size_t response_max;
	bool cancelled, opened, too_large;
	void (*on_open)(void *arg, int status);
	void (*on_data)(void *arg, const char *data, size_t size);
	void (*done)(void *arg, const struct http_response *response);
	void *arg;
	CURLcode result;
	char message[CURL_ERROR_SIZE];
};

CURL *http_pool_take(struct http_client *client);
void http_call_setup(struct http_call *call, const struct http_request *request);
void http_call_finish(struct http_call *call); /* builds the response and calls done */

#endif
