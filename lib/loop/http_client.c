/*
 * Three rules shape this file. A curl handle is never added or removed while curl runs one of our callbacks:
 * both happen in settle(), which runs when no curl call is on the stack. User callbacks that end a call run
 * there too. And a call that is cancelled only loses its callbacks; settle() takes it apart.
 */
#include "lib/loop/http_client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/str.h"
#include "lib/loop/http_internal.h"
#include "lib/loop/loop.h"

enum { CONNECTIONS_MAX = 1024 };

struct socket_watch {
	uv_poll_t poll;
	struct http_client *client;
	curl_socket_t fd;
	int events;
};

static void settle(struct http_client *client);
static void close_client(void *owner);

static void enter(struct http_client *client)
{
	client->depth++;
}

static void leave(struct http_client *client)
{
	if (--client->depth == 0)
		settle(client);
}

/* curl's sockets and timer on the loop */

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct socket_watch *watch = poll->data;
	struct http_client *client = watch->client;
	int flags = status < 0 ? CURL_CSELECT_ERR : 0, running;
	flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
	flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
	if (status < 0) /* libuv stopped watching; curl may still want to */
		uv_poll_start(poll, watch->events, on_socket);
	enter(client);
	curl_multi_socket_action(
	    client->multi, watch->fd, flags, &running); /* watch may be closed after this */
	leave(client);
}

static void on_timer(void *arg)
{
	struct http_client *client = arg;
	int running;
	enter(client);
	curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	leave(client);
}

static void free_watch(uv_handle_t *handle)
{
	free(handle->data);
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct http_client *client = arg;
	struct socket_watch *watch = socket_arg;
	if (what == CURL_POLL_REMOVE) {
		if (watch) {
			curl_multi_assign(client->multi, fd, NULL);
			uv_close((uv_handle_t *)&watch->poll, free_watch);
		}
		return 0;
	}
	if (!watch) {
		watch = loop_must(calloc(1, sizeof(*watch)));
		watch->client = client;
		watch->fd = fd;
		if (uv_poll_init(loop_uv(client->loop), &watch->poll, fd)) {
			free(watch);
			return -1;
		}
		watch->poll.data = watch;
		curl_multi_assign(client->multi, fd, watch);
	}
	watch->events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	uv_poll_start(&watch->poll, watch->events, on_socket);
	return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http_client *client = arg;
	if (timeout_ms < 0)
		loop_timer_stop(client->timer);
	else
		loop_timer_start(client->timer, timeout_ms, 0);
	return 0;
}

/* The client */

static void run_tick(void *arg)
{
	struct http_client *client = arg;
	if (client->depth == 0)
		settle(client);
}

static char *copy_text(const char *s)
{
	return str_empty(s) ? NULL : loop_must(strdup(s));
}

struct http_client *http_client_new(struct loop *loop, const struct http_tls *tls)
{
	static bool ready;
	if (!ready)
		curl_global_init(CURL_GLOBAL_DEFAULT);
	ready = true;
	struct http_client *client = loop_must(calloc(1, sizeof(*client)));
	client->loop = loop;
	client->timer = loop_timer_new_real(loop, on_timer, client);
	client->tick.fn = run_tick;
	client->tick.arg = client;
	loop_link_init(&client->starting);
	loop_link_init(&client->active);
	loop_link_init(&client->finished);
	if (tls)
		client->tls = (struct http_tls){
		    .ca_file = copy_text(tls->ca_file),
		    .ca_data = copy_text(tls->ca_data),
		    .cert_file = copy_text(tls->cert_file),
		    .key_file = copy_text(tls->key_file),
		    .cert_data = copy_text(tls->cert_data),
		    .key_data = copy_text(tls->key_data),
		    .server_name = copy_text(tls->server_name),
		    .insecure = tls->insecure,
		};
	client->multi = loop_must(curl_multi_init());
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	/* The default keeps four connections for each transfer under way, so idle ones would be closed after
	 * a burst. */
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	loop_own(loop, &client->owned, close_client);
	return client;
}

static void cancel_all(struct loop_link *ring)
{
	for (struct loop_link *link = ring->next; link != ring; link = link->next)
		((struct http_call *)link)->cancelled = true;
}

static void close_client(void *owner)
{
	struct http_client *client = owner;
	cancel_all(&client->starting);
	cancel_all(&client->active);
	cancel_all(&client->finished);
	client->closing = true;
	client->cancels = true;
	loop_tick_start(client->loop, &client->tick);
}

void http_client_free(struct http_client *client)
{
	if (!client || client->closing)
		return;
	loop_disown(&client->owned);
	close_client(client);
}

static void destroy(struct http_client *client)
{
	while (client->pool_len)
		curl_easy_cleanup(client->pool[--client->pool_len]);
	curl_multi_cleanup(client->multi); /* closes the connections and, through set_socket, their watches */
	loop_timer_free(client->timer);
	loop_tick_stop(&client->tick);
	const char *const texts[] = {client->tls.ca_file, client->tls.ca_data, client->tls.cert_file,
	    client->tls.key_file, client->tls.cert_data, client->tls.key_data, client->tls.server_name};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free((char *)texts[i]);
	free(client);
}

/* Calls */

CURL *http_pool_take(struct http_client *client)
{
	return client->pool_len ? client->pool[--client->pool_len] : loop_must(curl_easy_init());
}

static void free_call(struct http_call *call)
{
	struct http_client *client = call->client;
	loop_link_remove(&call->link);
	if (call->easy && client->pool_len < sizeof(client->pool) / sizeof(*client->pool)) {
		curl_easy_reset(call->easy);
		client->pool[client->pool_len++] = call->easy;
	} else if (call->easy) {
		curl_easy_cleanup(call->easy);
	}
	curl_slist_free_all(call->headers);
	curl_slist_free_all(call->connect_to);
	buf_done(&call->head);
	buf_done(&call->body);
	buf_done(&call->request_body);
	free(call);
}

static struct http_call *start(struct http_client *client, const struct http_request *request)
{
	struct http_call *call = loop_must(calloc(1, sizeof(*call)));
	call->client = client;
	http_call_setup(call, request);
	loop_link_append(&client->starting, &call->link);
	loop_tick_start(client->loop, &client->tick);
	return call;
}

struct http_call *http_client_send(struct http_client *client, const struct http_request *request,
    void (*done)(void *arg, const struct http_response *response), void *arg)
{
	struct http_call *call = start(client, request);
	call->done = done;
	call->arg = arg;
	return call;
}

struct http_call *http_client_stream(struct http_client *client, const struct http_request *request,
    void (*on_open)(void *arg, int status), void (*on_data)(void *arg, const char *data, size_t size),
    void (*done)(void *arg, const struct http_response *response), void *arg)
{
	struct http_call *call = start(client, request);
	call->on_open = on_open;
	call->on_data = on_data;
	call->done = done;
	call->arg = arg;
	return call;
}

void http_call_cancel(struct http_call *call)
{
	if (!call || call->cancelled)
		return;
	call->cancelled = true;
	call->client->cancels = true;
	loop_tick_start(call->client->loop, &call->client->tick);
}

/* Settling */

static void add_starting(struct http_client *client)
{
	while (!loop_link_is_empty(&client->starting)) {
		struct http_call *call = (struct http_call *)client->starting.next;
		if (call->cancelled) {
			free_call(call);
			continue;
		}
		loop_link_remove(&call->link);
		loop_link_append(&client->active, &call->link);
		if (curl_multi_add_handle(client->multi, call->easy) == CURLM_OK)
			continue;
		call->result = CURLE_FAILED_INIT;
		loop_link_remove(&call->link);
		loop_link_append(&client->finished, &call->link);
	}
}

static void remove_cancelled(struct http_client *client)
{
	if (!client->cancels)
		return;
	client->cancels = false;
	struct loop_link *link, *next;
	for (link = client->active.next; link != &client->active; link = next) {
		struct http_call *call = (struct http_call *)link;
		next = link->next;
		if (!call->cancelled)
			continue;
		curl_multi_remove_handle(client->multi, call->easy);
		free_call(call);
	}
}

static void collect_finished(struct http_client *client)
{
	int left;
	for (CURLMsg *msg; (msg = curl_multi_info_read(client->multi, &left));) {
		struct http_call *call;
		CURL *easy = msg->easy_handle;
		CURLcode result = msg->data.result; /* msg is gone after the removal */
		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
		curl_multi_remove_handle(client->multi, easy);
		call->result = result;
		loop_link_remove(&call->link);
		loop_link_append(&client->finished, &call->link);
	}
}

static void fire_finished(struct http_client *client)
{
	while (!loop_link_is_empty(&client->finished)) {
		struct http_call *call = (struct http_call *)client->finished.next;
		loop_link_remove(&call->link);
		if (!call->cancelled) {
			call->cancelled = true; /* a cancel from inside done has nothing to do */
			http_call_finish(call);
		}
		free_call(call);
	}
}

/* Runs with no curl call on the stack; callbacks in it may send, cancel and free the client. */
static void settle(struct http_client *client)
{
	enter(client); /* what the callbacks below start waits for the next tick */
	collect_finished(client);
	fire_finished(client);
	remove_cancelled(client);
	add_starting(client);
	client->depth--;
	if (client->closing) {
		remove_cancelled(client);
		destroy(client);
	}
}
