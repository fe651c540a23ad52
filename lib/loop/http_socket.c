/*
 * curl's sockets on the loop. Between two transfers curl lets go of a connection's socket; its watch stays,
 * because taking it down and putting it up again costs five system calls a request.
 */
#include <stdlib.h>
#include <unistd.h>

#include "lib/loop/http_internal.h"
#include "lib/loop/loop.h"

struct socket_watch {
	uv_poll_t poll;
	struct http_client *client;
	curl_socket_t fd;
	int events;   /* what is polled for; 0: nothing */
	bool is_idle; /* the connection waits in curl's cache */
};

static void on_socket(uv_poll_t *poll, int status, int events);

static void poll_for(struct socket_watch *watch, int events)
{
	if (watch->events == events)
		return;
	watch->events = events;
	if (events)
		uv_poll_start(&watch->poll, events, on_socket);
	else
		uv_poll_stop(&watch->poll);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct socket_watch *watch = poll->data;
	if (watch->is_idle) { /* the peer closed it: curl notices when it is to be used again */
		poll_for(watch, 0);
		return;
	}
	int flags = status < 0 ? CURL_CSELECT_ERR : 0;
	flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
	flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
	if (status < 0) /* libuv stopped watching; curl may still want to */
		uv_poll_start(poll, watch->events, on_socket);
	http_client_act(watch->client, watch->fd, flags); /* watch may be closed after this */
}

static void free_watch(uv_handle_t *handle)
{
	free(handle->data);
}

static struct socket_watch **place_of(struct http_client *client, curl_socket_t fd)
{
	size_t need = (size_t)fd + 1;
	if (need > client->watches_len) {
		size_t len = client->watches_len ? client->watches_len : 32;
		while (len < need)
			len *= 2;
		client->watches = loop_must(realloc(client->watches, len * sizeof(void *)));
		for (size_t i = client->watches_len; i < len; i++)
			client->watches[i] = NULL;
		client->watches_len = len;
	}
	return &client->watches[fd];
}

static struct socket_watch *watch_new(struct http_client *client, curl_socket_t fd)
{
	struct socket_watch *watch = loop_must(calloc(1, sizeof(*watch)));
	watch->client = client;
	watch->fd = fd;
	if (uv_poll_init(loop_uv(client->loop), &watch->poll, fd)) {
		free(watch);
		return NULL;
	}
	watch->poll.data = watch;
	return watch;
}

static void drop(struct http_client *client, curl_socket_t fd)
{
	struct socket_watch **place = place_of(client, fd);
	if (*place)
		uv_close((uv_handle_t *)&(*place)->poll, free_watch);
	*place = NULL;
}

/*
 * Only an established connection is certain to be closed through http_socket_close(); of an attempt that
 * failed, curl closes the descriptor itself, and a watch left behind would be in the way of the next owner of
 * its number.
 */
static bool stays_open(CURL *easy)
{
	struct http_call *call = NULL;
	return !curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call) && call && call->is_answered &&
	       call->keeps_socket;
}

int http_socket_set(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct http_client *client = arg;
	struct socket_watch **place = place_of(client, fd);
	if (what == CURL_POLL_REMOVE) {
		if (*place && stays_open(easy)) {
			(*place)->is_idle = true;
			poll_for(*place, UV_READABLE);
		} else {
			drop(client, fd);
		}
		return 0;
	}
	if (!*place)
		*place = watch_new(client, fd);
	if (!*place)
		return -1;
	(*place)->is_idle = false;
	poll_for(*place, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0));
	return 0;
}

int http_socket_close(void *arg, curl_socket_t fd)
{
	drop(arg, fd);
	return close(fd);
}
