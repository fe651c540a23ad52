#include "apiserver/shutdown.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/deadline.h"
#include "apiserver/options.h"
#include "apiserver/registry/system_objects.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

enum { LAST_ANSWERS_MS = 2000 }; /* for connections to close once nothing is under way */

struct shutdown {
	struct api_server *server;
	/* With --shutdown-send-retry-after: for the last request, before the listener closes. */
	struct loop_timer *patience;
	bool has_left, is_asked, is_draining, is_listening;
	void (*done)(void *arg);
	void *arg;
};

static void close_listener(struct shutdown *s, int64_t grace_ms)
{
	s->is_listening = false;
	loop_timer_stop(s->patience);
	http_server_shutdown(s->server->http, grace_ms, s->done, s->arg);
}

static bool is_idle(const struct api_server *server)
{
	return server->streams_running == 0 && deadlines_are_empty(server->deadlines);
}

static void drain(struct shutdown *s)
{
	struct api_server *server = s->server;
	const struct api_options *o = server->options;
	s->is_draining = true;
	watchcache_end_watches(server->cache);
	if (!server->http) {
		loop_defer(server->loop, s->done, s->arg);
	} else if (o->shutdown_send_retry_after) {
		s->is_listening = true;
		loop_timer_start(s->patience, is_idle(server) ? 0 : o->request_timeout_ms, 0);
	} else {
		close_listener(s, o->request_timeout_ms);
	}
}

static void on_patience_over(void *arg)
{
	struct shutdown *s = arg;
	close_listener(s, LAST_ANSWERS_MS);
}

static void on_left(void *arg)
{
	struct shutdown *s = arg;
	s->has_left = true;
	if (s->is_asked)
		drain(s);
}

void api_server_leave(struct api_server *server)
{
	if (server->is_stopping)
		return;
	struct shutdown *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	s->server = server;
	s->patience = loop_timer_new(server->loop, on_patience_over, s);
	server->is_stopping = true;
	server->shutdown = s;
	system_objects_leave(server->system_objects, on_left, s);
}

void api_server_shutdown(struct api_server *server, void (*done)(void *arg), void *arg)
{
	api_server_leave(server);
	struct shutdown *s = server->shutdown;
	s->is_asked = true;
	s->done = done;
	s->arg = arg;
	if (s->has_left)
		drain(s);
}

void shutdown_request_gone(struct api_server *server)
{
	struct shutdown *s = server->shutdown;
	/* Not from inside the answer: the connection is still in use. */
	if (s->is_listening && is_idle(server))
		loop_timer_start(s->patience, 0, 0);
}

void shutdown_free(struct shutdown *shutdown)
{
	if (!shutdown)
		return;
	loop_timer_free(shutdown->patience);
	free(shutdown);
}

/* Who looks after the server is served to the end, and so are the servers' calls to each other. */
static bool is_exempt(const struct api_request *req)
{
	static const char *const paths[] = {"/readyz", "/livez", "/healthz", "/metrics"};
	const char *agent = http_request_header(req->http, "User-Agent");
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		if (str_has_prefix(req->info.path, paths[i]))
			return true;
	return agent && str_has_prefix(agent, "kube-apiserver/");
}

int shutdown_refuse(struct api_request *req, struct error *err)
{
	const struct shutdown *s = req->server->shutdown;
	if (!s || !s->is_draining || is_exempt(req))
		return API_NEXT;
	if (!req->server->options->shutdown_send_retry_after) {
		err->retry_after_s = 1;
		return error_set(err, ERR_UNAVAILABLE, "apiserver is shutting down");
	}
	err->retry_after_s = 5;
	http_close_after(req->http);
	api_respond_text(req, 429, "text/plain; charset=utf-8",
	    "The apiserver is shutting down, please try again later.\n");
	return API_DONE;
}
