#include "kubelet/pods/hooks.h"

#include <stdlib.h>

#include "lib/loop/loop.h"

#define HTTP_TIMEOUT_MS (10 * 60 * 1000)
#define TCP_TIMEOUT_MS 60000

struct hook_run {
	struct probe_run *run;
	struct loop_timer *timer; /* sleep, and handlers that don't exist */
	bool ok;
	void (*done)(void *arg, bool ok, const char *message);
	void *arg;
};

static void hook_free(struct hook_run *h)
{
	probe_run_cancel(h->run);
	loop_timer_free(h->timer);
	free(h);
}

static void on_result(void *arg, enum probe_result result, const char *output)
{
	struct hook_run *h = arg;
	h->run = NULL;
	h->done(h->arg, result == PROBE_SUCCESS, output);
	hook_free(h);
}

static void on_timer(void *arg)
{
	struct hook_run *h = arg;
	h->done(h->arg, h->ok, "the hook names no handler");
	hook_free(h);
}

struct hook_run *hook_run(struct loop *loop, struct runtime *rt, struct http_client *http,
    const struct probe_target *target, const CoreV1__LifecycleHandler *handler,
    void (*done)(void *arg, bool ok, const char *message), void *arg)
{
	struct hook_run *h = calloc(1, sizeof *h);
	h->done = done;
	h->arg = arg;
	if (handler->exec) {
		h->run = probe_exec(rt, target, handler->exec, 0, on_result, h);
	} else if (handler->http_get) {
		h->run = probe_http(http, target, handler->http_get, HTTP_TIMEOUT_MS, on_result, h);
	} else if (handler->tcp_socket) {
		h->run = probe_tcp(loop, target, handler->tcp_socket, TCP_TIMEOUT_MS, on_result, h);
	} else {
		h->ok = handler->sleep != NULL;
		h->timer = loop_timer_new(loop, on_timer, h);
		loop_timer_start(h->timer, handler->sleep ? handler->sleep->seconds * 1000 : 0, 0);
	}
	return h;
}

void hook_cancel(struct hook_run *h)
{
	if (h)
		hook_free(h);
}
