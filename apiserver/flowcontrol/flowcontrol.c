/* The stage, and the life of a request's place. */
#include "apiserver/flowcontrol/flowcontrol.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/deadline.h"
#include "apiserver/flowcontrol/internal.h"
#include "apiserver/flowcontrol/shard.h"
#include "apiserver/options.h"
#include "apiserver/pipeline.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/base/arena.h"
#include "lib/base/metrics.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

#define RESTORE_MS 60000

int64_t flow_now_ns(const struct flowcontrol *fc)
{
	const struct clock *clock = loop_clock(fc->server->loop);
	return clock->monotonic_ns(clock);
}

/* --- what runs next --- */

static void ready_remove(struct flowcontrol *fc, struct flow_ticket *t)
{
	if (t->ready_prev)
		t->ready_prev->ready_next = t->ready_next;
	else
		fc->ready_first = t->ready_next;
	if (t->ready_next)
		t->ready_next->ready_prev = t->ready_prev;
	else
		fc->ready_last = t->ready_prev;
	t->is_ready = false;
}

/* Those that are ready now; what becomes ready meanwhile waits for the loop's next turn, so that a long queue
 * neither deepens the stack nor keeps the sockets waiting. */
static void run_ready(void *arg)
{
	struct flowcontrol *fc = arg;
	struct flow_ticket *last = fc->ready_last, *t;

	while ((t = fc->ready_first)) {
		bool is_last = t == last;
		ready_remove(fc, t);
		api_request_resume(t->req);
		if (is_last)
			break;
	}
	if (fc->ready_first)
		loop_timer_start(fc->ready_timer, 0, 0);
}

static void note_running(struct flowcontrol *fc, struct flow_ticket *t, double waited_s)
{
	struct flow_series *s = t->series;

	metric_add(s->dispatched, 1);
	metric_add(s->running, 1);
	metric_add(s->seats_running, t->fair.seats);
	t->level->dispatched++;
	flow_count_waited(fc, s, true, waited_s);
}

static void stop_waiting(struct flow_ticket *t)
{
	loop_timer_free(t->limit);
	t->limit = NULL;
	metric_add(t->series->waiting, -1);
	metric_add(t->series->seats_waiting, -t->fair.seats);
}

void flow_on_dispatch(void *arg, struct fair_request *request)
{
	struct flowcontrol *fc = arg;
	struct flow_ticket *t = (struct flow_ticket *)request;

	stop_waiting(t);
	note_running(fc, t, (double)(t->fair.start_ns - t->fair.arrival_ns) / 1e9);
	t->is_ready = true;
	t->ready_next = NULL;
	t->ready_prev = fc->ready_last;
	if (fc->ready_last)
		fc->ready_last->ready_next = t;
	else
		fc->ready_first = t;
	fc->ready_last = t;
	if (!loop_timer_is_active(fc->ready_timer))
		loop_timer_start(fc->ready_timer, 0, 0);
}

/* --- the end of a request's place --- */

static void reload_if_drained(struct flowcontrol *fc, const struct flow_level *level)
{
	if (level->is_quiescing && fair_is_idle(&level->fair))
		loop_timer_start(fc->reload, 0, 0);
}

void flowcontrol_release(struct api_request *req)
{
	struct flow_ticket *t = req->flow;
	struct flowcontrol *fc = req->server->flowcontrol;

	if (!t || t->fair.state != FAIR_RUNNING)
		return;
	int64_t now_ns = flow_now_ns(fc);
	flow_count_ran(fc, t->series, req->info.verb == API_WATCH, (double)(now_ns - t->fair.start_ns) / 1e9);
	metric_add(t->series->running, -1);
	metric_add(t->series->seats_running, -t->fair.seats);
	fair_finish(&t->level->fair, &t->fair, now_ns);
	reload_if_drained(fc, t->level);
}

/* Leaves the queue without having run. */
static void give_up(struct flowcontrol *fc, struct flow_ticket *t, enum flow_reason reason)
{
	int64_t now_ns = flow_now_ns(fc);

	stop_waiting(t);
	flow_count_waited(fc, t->series, false, (double)(now_ns - t->fair.arrival_ns) / 1e9);
	flow_count_rejected(fc, t->series, reason);
	t->level->rejected++;
	if (reason == FLOW_CANCELLED)
		t->level->cancelled++;
	else
		t->level->timed_out++;
	fair_cancel(&t->level->fair, &t->fair, now_ns);
	reload_if_drained(fc, t->level);
}

void flowcontrol_end(struct api_request *req)
{
	struct flow_ticket *t = req->flow;
	struct flowcontrol *fc = req->server->flowcontrol;

	if (!t)
		return;
	if (t->fair.state == FAIR_WAITING)
		give_up(fc, t, FLOW_CANCELLED);
	if (t->is_ready)
		ready_remove(fc, t);
	flowcontrol_release(req);
	flow_series_unref(fc, t->series);
	req->flow = NULL;
}

/* --- refusals --- */

static int refuse(struct api_request *req)
{
	struct flow_ticket *t = req->flow;
	int64_t now_s = flow_now_ns(req->server->flowcontrol) / 1000000000;

	req->error.retry_after_s = retry_after_refuse(&t->level->retry, now_s);
	api_respond_text(
	    req, 429, "text/plain; charset=utf-8", "Too many requests, please try again later.\n");
	return API_DONE;
}

static void on_limit(void *arg)
{
	struct flow_ticket *t = arg;
	struct api_request *req = t->req;

	give_up(req->server->flowcontrol, t, FLOW_TIME_OUT);
	req->is_pending = false;
	req->cancel = NULL;
	refuse(req);
}

/* The client has gone: flowcontrol_end() frees its place when the request is released. */
static void on_gone(void *arg)
{
}

/* --- the stage --- */

static void wait_for_seat(struct flowcontrol *fc, struct flow_ticket *t)
{
	struct api_request *req = t->req;

	metric_add(t->series->waiting, 1);
	metric_add(t->series->seats_waiting, t->fair.seats);
	t->limit = loop_timer_new(fc->server->loop, on_limit, t);
	loop_timer_start(t->limit, fc->server->options->request_timeout_ms / 4, 0);
	req->cancel = on_gone;
	req->cancel_arg = req;
}

static struct flow_ticket *ticket_new(
    struct api_request *req, const struct flow_target *target, const char *distinguisher)
{
	struct flow_ticket *t = ARENA_NEW(req->arena, struct flow_ticket);

	t->req = req;
	t->level = target->level;
	t->series = target->series;
	t->series->refs++;
	t->distinguisher = distinguisher;
	req->flow = t;
	return t;
}

static int admit(struct flowcontrol *fc, struct api_request *req)
{
	const struct flow_subject subject = {
	    .user = req->user.name,
	    .groups = req->user.groups,
	    .verb = req->info.verb_text,
	    .is_resource = req->info.is_resource,
	    .group = req->info.group,
	    .resource = req->info.resource,
	    .subresource = req->info.subresource,
	    .ns = req->info.ns,
	    .path = req->info.path,
	};
	const struct flow_schema *schema = flow_rules_match(fc->rules, &subject);
	const struct flow_target *target = schema ? schema->target : fc->catch_all;
	const char *by = schema ? flow_distinguish(schema, &subject) : "";
	struct flow_ticket *t = ticket_new(req, target, by);
	struct fair_set *fair = &t->level->fair;
	uint64_t hash = fair->config.queues > 0 ? shard_hash(t->series->schema, by) : 0;
	enum fair_verdict verdict =
	    fair_start(fair, &t->fair, flow_width(req, t->level), hash, flow_now_ns(fc));

	if (verdict == FAIR_RUN) {
		note_running(fc, t, 0);
		return API_NEXT;
	}
	if (verdict == FAIR_WAIT) {
		wait_for_seat(fc, t);
		return API_PENDING;
	}
	flow_count_rejected(fc, t->series, verdict == FAIR_QUEUE_FULL ? FLOW_QUEUE_FULL : FLOW_NO_SEAT);
	t->level->rejected++;
	flow_count_waited(fc, t->series, false, 0);
	return refuse(req);
}

int flowcontrol_admit(struct api_request *req, struct error *err)
{
	if (!req->server->options->enable_priority_and_fairness)
		return api_limit_in_flight(req, err);
	if (req->flow) /* has waited, and may run now */
		return API_NEXT;
	if (req->info.verb != API_WATCH && api_is_long_running(req))
		return API_NEXT;
	return admit(req->server->flowcontrol, req);
}

size_t flowcontrol_headers(const struct api_request *req, struct http_header *headers)
{
	const struct flow_ticket *t = req->flow;

	if (!t)
		return 0;
	headers[0] = (struct http_header){"X-Kubernetes-PF-FlowSchema-UID", t->series->schema_uid};
	headers[1] = (struct http_header){"X-Kubernetes-PF-PriorityLevel-UID", t->series->level_uid};
	return 2;
}

/* --- life --- */

static void on_reload(void *arg)
{
	struct flowcontrol *fc = arg;

	flow_config_load(fc);
	if (fc->may_write)
		flow_status_write(fc);
}

static void on_adjust(void *arg)
{
	flow_config_adjust(arg);
}

static void on_restore(void *arg)
{
	flow_restore(arg);
}

static void on_change(void *arg, const struct object *old, const struct object *obj)
{
	struct flowcontrol *fc = arg;

	(void)old;
	(void)obj;
	loop_timer_start(fc->reload, 0, 0); /* one for all changes of this turn */
}

void flowcontrol_init(struct api_server *server)
{
	const struct api_options *o = server->options;
	struct flowcontrol *fc = calloc(1, sizeof(*fc));

	if (!fc)
		abort();
	fc->server = server;
	fc->server_seats = (int)(o->max_requests_inflight + o->max_mutating_requests_inflight);
	fc->series = strmap_new();
	fc->metrics = flow_metrics_new(fc);
	fc->writing = strmap_new();
	fc->reload = loop_timer_new(server->loop, on_reload, fc);
	fc->adjust = loop_timer_new(server->loop, on_adjust, fc);
	fc->ready_timer = loop_timer_new(server->loop, run_ready, fc);
	fc->restore = loop_timer_new(server->loop, on_restore, fc);
	server->flowcontrol = fc;
}

void flowcontrol_start(struct api_server *server)
{
	struct flowcontrol *fc = server->flowcontrol;

	watchcache_subscribe(server, resource_prioritylevelconfigurations, on_change, fc);
	watchcache_subscribe(server, resource_flowschemas, on_change, fc);
	flow_config_load(fc); /* not a turn later: the first request needs it */
	loop_timer_start(fc->adjust, SEATS_ADJUST_MS, SEATS_ADJUST_MS);
}

void flowcontrol_maintain(struct api_server *server)
{
	struct flowcontrol *fc = server->flowcontrol;

	fc->may_write = true;
	loop_timer_start(fc->reload, 0, 0);
	loop_timer_start(fc->restore, RESTORE_MS, RESTORE_MS);
}

void flowcontrol_free(struct api_server *server)
{
	struct flowcontrol *fc = server->flowcontrol;

	if (!fc)
		return;
	loop_timer_free(fc->reload);
	loop_timer_free(fc->adjust);
	loop_timer_free(fc->ready_timer);
	loop_timer_free(fc->restore);
	flow_config_clear(fc);
	strmap_free(fc->series, NULL);
	strmap_free(fc->writing, flow_status_drop_write);
	free(fc);
	server->flowcontrol = NULL;
}
