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

void http_client_act(struct http_client *client, curl_socket_t fd, int flags)
{
	int running;
	enter(client);
	curl_multi_socket_action(client->multi, fd, flags, &running);
	leave(client);
}

/* curl's timer on the loop; its sockets: http_socket.c */

static void on_timer(void *arg)
{
	struct http_client *client = arg;
	http_client_act(client, CURL_SOCKET_TIMEOUT, 0);
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

void http_client_distrust(struct http_client *client)
{
	client->distrusted_ms = loop_now_ms(client->loop);
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
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, http_socket_set);
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
		http_call_free(client->pool[--client->pool_len]);
	curl_multi_cleanup(
	    client->multi); /* closes the connections and, through http_socket.c, their watches */
	free(client->watches);
	buf_done(&client->shape);
	loop_timer_free(client->timer);
	loop_tick_stop(&client->tick);
	const char *const texts[] = {client->tls.ca_file, client->tls.ca_data, client->tls.cert_file,
	    client->tls.key_file, client->tls.cert_data, client->tls.key_data, client->tls.server_name};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free((char *)texts[i]);
	free(client);
}

/* Calls */

static void release_call(struct http_call *call)
{
	struct http_client *client = call->client;
	loop_link_remove(&call->link);
	if (call->easy && client->pool_len < sizeof(client->pool) / sizeof(*client->pool))
		client->pool[client->pool_len++] = call;
	else
		http_call_free(call);
}

static struct http_call *start(struct http_client *client, const struct http_request *request)
{
	struct http_call *call = http_call_new(client, request);
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

static void add_starting(struct http_client *client)
{
	bool is_empty = loop_link_is_empty(&client->starting);
	while (!loop_link_is_empty(&client->starting)) {
		struct http_call *call = (struct http_call *)client->starting.next;
		if (call->cancelled) {
			release_call(call);
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
	if (is_empty)
		return;
	/* At once, instead of by curl's timer on the loop's next turn. */
	int running;
	curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect_finished(client);
	if (!loop_link_is_empty(&client->finished))
		loop_tick_start(client->loop, &client->tick);
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
		release_call(call);
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
		release_call(call);
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
