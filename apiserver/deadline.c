#include "apiserver/deadline.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/options.h"
#include "apiserver/pipeline.h"
#include "lib/base/flags.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

enum { WRITE_TIMEOUT_MS = 34000 }; /* upstream's bound of a write, below the usual --request-timeout */

struct deadlines {
	struct loop *loop;
	struct loop_timer *timer; /* for the earliest deadline among those who wait, or one that has gone */
	int64_t armed_ms;         /* what the timer stands at; 0: it does not run */
	struct api_request *waiting;
};

bool api_is_long_running(const struct api_request *req)
{
	static const char *const subresources[] = {"log", "exec", "attach", "portforward", "proxy", NULL};
	return req->info.verb == API_WATCH ||
	       (req->info.is_resource && str_in(req->info.subresource, subresources));
}

static void arm(struct deadlines *d, int64_t deadline_ms)
{
	int64_t left_ms = deadline_ms - loop_now_ms(d->loop);
	d->armed_ms = deadline_ms;
	loop_timer_start(d->timer, left_ms > 0 ? left_ms : 0, 0);
}

void deadline_watch(struct api_request *req)
{
	struct deadlines *d = req->server->deadlines;
	if (!req->deadline_ms || !req->http)
		return;
	req->waiting_next = d->waiting;
	req->waiting_prev = &d->waiting;
	if (req->waiting_next)
		req->waiting_next->waiting_prev = &req->waiting_next;
	d->waiting = req;
	if (!d->armed_ms || req->deadline_ms < d->armed_ms)
		arm(d, req->deadline_ms);
}

void deadline_forget(struct api_request *req)
{
	if (!req->waiting_prev)
		return;
	*req->waiting_prev = req->waiting_next;
	if (req->waiting_next)
		req->waiting_next->waiting_prev = req->waiting_prev;
	req->waiting_prev = NULL;
}

bool deadlines_are_empty(const struct deadlines *deadlines)
{
	return !deadlines->waiting;
}

/* The same words whatever it was that took too long. */
static int out_of_time(struct error *err)
{
	return error_set(err, ERR_TIMEOUT, "Timeout: request did not complete within the allotted timeout");
}

static void time_out(struct api_request *req)
{
	struct error err = ERROR_INIT;
	if (req->is_write_bound)
		error_set(&err, ERR_TIMEOUT,
		    "Timeout: request did not complete within requested timeout - context deadline exceeded");
	else
		out_of_time(&err);
	deadline_forget(req);
	if (!req->cancel) {
		api_request_abandon(req, &err);
		return;
	}
	req->cancel(req->cancel_arg);
	api_request_fail(req, &err);
}

static void on_time(void *arg)
{
	struct deadlines *d = arg;
	int64_t now_ms = loop_now_ms(d->loop), next_ms = 0;
	d->armed_ms = 0;
	/* One at a time: an answer may let another request go on, which changes the list. */
	for (struct api_request *req = d->waiting; req;) {
		if (req->deadline_ms <= now_ms) {
			time_out(req);
			req = d->waiting;
			next_ms = 0;
			continue;
		}
		if (!next_ms || req->deadline_ms < next_ms)
			next_ms = req->deadline_ms;
		req = req->waiting_next;
	}
	if (next_ms)
		arm(d, next_ms);
}

struct deadlines *deadlines_new(struct loop *loop)
{
	struct deadlines *d = calloc(1, sizeof *d);
	if (!d)
		abort();
	d->loop = loop;
	d->timer = loop_timer_new(loop, on_time, d);
	return d;
}

void deadlines_free(struct deadlines *deadlines)
{
	if (!deadlines)
		return;
	loop_timer_free(deadlines->timer);
	free(deadlines);
}

/* 0 is no wish, and more than the server grants counts as what it grants. */
static int wanted_timeout(struct api_request *req, int64_t *ret_ms, struct error *err)
{
	struct error why = ERROR_INIT;
	int64_t ms = 0;
	const char *text = *req->http->query ? http_request_query(req->http, "timeout", 0) : NULL;
	if (str_empty(text))
		return 0;
	if (flags_parse_duration(text, &ms, &why))
		return error_set(err, ERR_BAD_REQUEST,
		    "invalid timeout specified in the request URL - time: %s", why.message);
	if (ms > 0 && ms < *ret_ms)
		*ret_ms = ms;
	return 0;
}

int api_deadline(struct api_request *req, struct error *err)
{
	int64_t ms = req->server->options->request_timeout_ms;
	if (api_is_long_running(req))
		return API_NEXT;
	if (wanted_timeout(req, &ms, err))
		return API_FAIL;
	if (api_is_write(req) && req->info.is_resource && (ms <= 0 || ms > WRITE_TIMEOUT_MS)) {
		ms = WRITE_TIMEOUT_MS;
		req->is_write_bound = true;
	}
	if (ms > 0)
		req->deadline_ms = req->start_ms + ms;
	return API_NEXT;
}

int api_expect_body(struct api_request *req, struct error *err)
{
	if (!req->is_body_late)
		return API_NEXT;
	if (req->http && req->http->is_unread)
		return error_set(err, ERR_UNAUTHORIZED, "Unauthorized");
	return out_of_time(err);
}
