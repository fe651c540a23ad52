/*
 * The runner. A key's way: a handler adds it to the queue, pump() takes it and reconciles, plan_run executes
 * the plan, and the key is held (still counted as worked on, so that changes wait) until the informers show
 * what was written.
 */
#include "lib/client/controller.h"

#include <stdlib.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/controller_private.h"
#include "lib/client/events.h"
#include "lib/client/informer_private.h"
#include "lib/client/plan.h"
#include "lib/client/rest.h"
#include "lib/client/workqueue.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

#define CONCURRENCY 5
#define SLICE_MS 5 /* reconciles run that long before the loop gets its turn */
#define HOLD_MAX_MS                                                                                          \
	30000 /* then reconcile on what there is: an informer may never see it (a selector, a lost watch) */

struct worker { /* one controller at work */
	struct worker *next;
	struct controller_runner *runner;
	const struct controller *controller;
	struct controller_context ctx;
	struct workqueue *queue;
	void *state;
	struct strmap *errors; /* key -> struct error of its last plan, while it fails */
	int in_flight;
	uint64_t reconciles, failures, busy_ns;
};

struct run { /* one plan under way */
	struct run *next, *previous;
	struct worker *worker;
	char *key;
	struct plan_run *plan_run;
	int64_t requeue_ms;
};

struct hold {
	struct hold *next;
	struct worker *worker;
	char *key;
	int64_t until_ms;
	size_t len, next_wait; /* those before next_wait are satisfied */
	struct hold_wait {
		struct informer *inf;
		int64_t revision;
		char *key, *uid; /* of a deletion */
	} waits[];
};

struct watch_binding {                     /* handler argument: one watched kind of one controller */
	struct controller_enqueue enqueue; /* first: what map functions hand back is this binding */
	struct watch_binding *next;
	struct worker *worker;
	const struct controller_watch *watch;
};

struct controller_runner {
	struct loop *loop;
	struct informer_set *informers;
	struct event_recorder *events;
	const void *options;
	struct plan_transport transport;
	struct worker *workers;
	struct watch_binding *bindings;
	struct run *runs;
	struct hold *holds;
	struct loop_timer *hold_timer;
	bool is_started;
};

struct informer *controller_informer(struct controller_context *ctx, const struct resource_type *type)
{
	return informer_get(ctx->informers, type);
}

static void pump(void *arg);
static void check_holds(struct controller_runner *runner, const struct informer *changed);
static void on_hold_timer(void *arg);

static void *zalloc(size_t size)
{
	void *p = calloc(1, size);
	if (!p)
		abort();
	return p;
}

/* ---- life ---- */

struct controller_runner *controller_runner_new_with(struct loop *loop,
    const struct plan_transport *transport, struct informer_set *informers, struct event_recorder *events,
    const void *options)
{
	struct controller_runner *runner = zalloc(sizeof(*runner));
	runner->loop = loop;
	runner->informers = informers;
	runner->events = events;
	runner->options = options;
	runner->transport = *transport;
	runner->hold_timer = loop_timer_new(loop, on_hold_timer, runner);
	return runner;
}

struct controller_runner *controller_runner_new(struct loop *loop, struct rest_client *client,
    struct informer_set *informers, struct event_recorder *events, const void *options)
{
	struct plan_transport transport;
	plan_transport_rest(&transport, client);
	return controller_runner_new_with(loop, &transport, informers, events, options);
}

static void hold_free(struct hold *hold)
{
	for (size_t i = 0; i < hold->len; i++) {
		free(hold->waits[i].key);
		free(hold->waits[i].uid);
	}
	free(hold->key);
	free(hold);
}

static void run_free(struct run *run)
{
	if (run->previous)
		run->previous->next = run->next;
	else
		run->worker->runner->runs = run->next;
	if (run->next)
		run->next->previous = run->previous;
	free(run->key);
	free(run);
}

void controller_runner_free(struct controller_runner *runner)
{
	if (!runner)
		return;
	while (runner->runs) {
		plan_run_cancel(runner->runs->plan_run);
		run_free(runner->runs);
	}
	for (struct hold *hold = runner->holds, *next; hold; hold = next) {
		next = hold->next;
		hold_free(hold);
	}
	for (struct watch_binding *binding = runner->bindings, *next; binding; binding = next) {
		next = binding->next;
		free(binding);
	}
	for (struct worker *worker = runner->workers, *next; worker; worker = next) {
		next = worker->next;
		if (worker->controller->done)
			worker->controller->done(worker->state);
		workqueue_free(worker->queue);
		strmap_free(worker->errors, free);
		free(worker);
	}
	loop_timer_free(runner->hold_timer);
	free(runner);
}

/* ---- from objects to keys ---- */

static void enqueue_key(struct controller_enqueue *enqueue, const char *key)
{
	struct watch_binding *binding = (struct watch_binding *)enqueue;
	workqueue_add(binding->worker->queue, key);
}

static void enqueue_object(struct controller_enqueue *enqueue, const struct object *obj)
{
	char key[OBJECT_KEY_MAX];
	enqueue_key(enqueue, object_key(obj, key));
}

static void on_change(void *arg, const struct object *old, const struct object *new_)
{
	struct watch_binding *binding = arg;
	if (binding->watch->map)
		binding->watch->map(&binding->worker->ctx, old, new_, &binding->enqueue);
	else
		enqueue_object(&binding->enqueue, new_ ? new_ : old);
}

static void on_progress(void *arg, struct informer *inf)
{
	check_holds(arg, inf);
}

void controller_runner_add(struct controller_runner *runner, const struct controller *controller)
{
	struct worker *worker = zalloc(sizeof(*worker));
	worker->runner = runner;
	worker->controller = controller;
	worker->ctx = (struct controller_context){.informers = runner->informers,
	    .clock = loop_clock(runner->loop),
	    .options = runner->options,
	    .runner = runner};
	worker->queue = workqueue_new(runner->loop, pump, worker);
	worker->errors = strmap_new();
	worker->next = runner->workers;
	runner->workers = worker;
	if (controller->init)
		worker->state = controller->init(&worker->ctx);
	for (const struct controller_watch *watch = controller->watches; watch && watch->type; watch++) {
		struct watch_binding *binding = zalloc(sizeof(*binding));
		binding->enqueue = (struct controller_enqueue){enqueue_key, enqueue_object};
		binding->worker = worker;
		binding->watch = watch;
		binding->next = runner->bindings;
		runner->bindings = binding;
		informer_add_handler(informer_get(runner->informers, *watch->type), on_change, binding);
	}
}

static void pump_all(void *arg)
{
	struct controller_runner *runner = arg;
	runner->is_started = true;
	for (struct worker *worker = runner->workers; worker; worker = worker->next)
		pump(worker);
}

void controller_runner_start(struct controller_runner *runner)
{
	informer_set_start(runner->informers);
	informer_set_on_synced(runner->informers, pump_all, runner);
}

void controller_runner_enqueue(struct controller_runner *runner, const char *controller, const char *key)
{
	for (struct worker *worker = runner->workers; worker; worker = worker->next)
		if (str_eq(worker->controller->name, controller))
			workqueue_add(worker->queue, key);
}

/* ---- reconciling ---- */

static struct hold *hold_new(struct worker *worker, const char *key, const struct plan_run_result *result)
{
	struct controller_runner *runner = worker->runner;
	struct hold *hold = zalloc(sizeof(*hold) + result->written_len * sizeof(hold->waits[0]));
	hold->worker = worker;
	hold->key = strdup(key);
	hold->until_ms = loop_now_ms(runner->loop) + HOLD_MAX_MS;
	for (size_t i = 0; i < result->written_len; i++) {
		const struct plan_written *written = &result->written[i];
		struct informer *inf = informer_find(runner->informers, written->type);
		if (!inf) /* nobody looks at this kind */
			continue;
		informer_on_progress(inf, on_progress, runner);
		struct hold_wait *wait = &hold->waits[hold->len++];
		wait->inf = inf;
		wait->revision = written->revision;
		wait->key = written->key ? strdup(written->key) : NULL;
		wait->uid = written->uid ? strdup(written->uid) : NULL;
	}
	return hold;
}

static bool wait_is_over(const struct hold_wait *wait)
{
	if (!wait->key)
		return informer_revision(wait->inf) >= wait->revision;
	const struct object *obj = informer_lookup_key(wait->inf, wait->key);
	return !obj || object_is_deleting(obj) || (wait->uid && !str_eq(wait->uid, object_uid(obj)));
}

static bool hold_is_over(struct hold *hold)
{
	while (hold->next_wait < hold->len && wait_is_over(&hold->waits[hold->next_wait]))
		hold->next_wait++;
	return hold->next_wait == hold->len;
}

/* The key may be taken again. */
static void release(struct hold *hold)
{
	workqueue_done(hold->worker->queue, hold->key);
	hold_free(hold);
}

static void check_holds(struct controller_runner *runner, const struct informer *changed)
{
	for (struct hold **place = &runner->holds; *place;) {
		struct hold *hold = *place;
		if (hold->waits[hold->next_wait].inf != changed || !hold_is_over(hold)) {
			place = &hold->next;
			continue;
		}
		*place = hold->next;
		release(hold);
	}
	if (!runner->holds)
		loop_timer_stop(runner->hold_timer);
}

static void on_hold_timer(void *arg)
{
	struct controller_runner *runner = arg;
	int64_t now_ms = loop_now_ms(runner->loop), next_ms = INT64_MAX;
	for (struct hold **place = &runner->holds; *place;) {
		struct hold *hold = *place;
		if (hold->until_ms > now_ms) {
			next_ms = hold->until_ms < next_ms ? hold->until_ms : next_ms;
			place = &hold->next;
			continue;
		}
		log_debug("%s %s: written but not seen", hold->worker->controller->name, hold->key);
		*place = hold->next;
		release(hold);
	}
	if (runner->holds)
		loop_timer_start(runner->hold_timer, next_ms - now_ms, 0);
}

static void keep_held(struct controller_runner *runner, struct hold *hold)
{
	if (hold_is_over(hold)) {
		release(hold);
		return;
	}
	hold->next = runner->holds;
	runner->holds = hold;
	if (!loop_timer_is_active(runner->hold_timer))
		loop_timer_start(runner->hold_timer, HOLD_MAX_MS, 0);
}

static void remember_error(struct worker *worker, const char *key, const struct error *err)
{
	struct error *copy = NULL;
	if (err) {
		copy = zalloc(sizeof(*copy));
		*copy = *err;
		copy->causes = NULL; /* they do not live that long */
	}
	free(copy ? strmap_put(worker->errors, key, copy) : strmap_remove(worker->errors, key));
}

static void settle_key(struct worker *worker, const char *key, const struct error *err)
{
	if (!err) {
		remember_error(worker, key, NULL);
		workqueue_forget(worker->queue, key);
		return;
	}
	worker->failures++;
	if (error_is(err, ERR_CONFLICT) || error_is(err, ERR_ALREADY_EXISTS) ||
	    error_is(err, ERR_NOT_FOUND)) {
		/* Somebody else was quicker, or deleted it: the informers will show it. */
		log_debug("%s %s: %s", worker->controller->name, key, err->message);
	} else {
		log_warning("%s %s: %s", worker->controller->name, key, err->message);
		remember_error(worker, key, err);
	}
	workqueue_add_limited(worker->queue, key);
}

static void on_plan_done(void *arg, const struct plan_run_result *result)
{
	struct run *run = arg;
	struct worker *worker = run->worker;
	run->plan_run = NULL;
	worker->in_flight--;
	settle_key(worker, run->key, result->error);
	if (run->requeue_ms >= 0)
		workqueue_add_after(worker->queue, run->key, run->requeue_ms);
	keep_held(worker->runner, hold_new(worker, run->key, result));
	run_free(run);
	/* The slot is free: go on from the loop, not from within the answer. */
	workqueue_wake(worker->queue);
}

static void reconcile(struct worker *worker, const char *key)
{
	struct controller_runner *runner = worker->runner;
	const struct clock *clock = worker->ctx.clock;
	int64_t start_ns = clock->monotonic_ns(clock);
	struct plan *plan = plan_new();
	worker->ctx.now_ms = clock_wall_ns(clock) / 1000000;
	worker->ctx.now_s = worker->ctx.now_ms / 1000;
	worker->ctx.last_error = strmap_get(worker->errors, key);
	worker->controller->reconcile(&worker->ctx, worker->state, key, plan);
	worker->reconciles++;
	worker->busy_ns += (uint64_t)(clock->monotonic_ns(clock) - start_ns);

	struct run *run = zalloc(sizeof(*run));
	run->worker = worker;
	run->key = strdup(key);
	run->requeue_ms = plan_requeue_ms(plan);
	run->next = runner->runs;
	if (run->next)
		run->next->previous = run;
	runner->runs = run;
	worker->in_flight++;
	struct plan_run *plan_run = plan_run_start(
	    &runner->transport, runner->events, worker->controller->event_component, plan, on_plan_done, run);
	if (plan_run) /* else it is done, and run is gone */
		run->plan_run = plan_run;
}

static void pump(void *arg)
{
	struct worker *worker = arg;
	struct controller_runner *runner = worker->runner;
	int concurrency = worker->controller->concurrency ? worker->controller->concurrency : CONCURRENCY;
	if (!runner->is_started)
		return;
	int64_t start_ms = clock_monotonic_ms(worker->ctx.clock);
	while (worker->in_flight < concurrency) {
		const char *key = workqueue_take(worker->queue);
		if (!key)
			return;
		reconcile(worker, key);
		if (clock_monotonic_ms(worker->ctx.clock) - start_ms >= SLICE_MS) {
			workqueue_wake(worker->queue);
			return;
		}
	}
}

/* ---- metrics ---- */

void controller_runner_metrics(const struct controller_runner *runner, struct buf *out)
{
	buf_puts(out, "# TYPE workqueue_depth gauge\n");
	for (const struct worker *w = runner->workers; w; w = w->next)
		buf_printf(
		    out, "workqueue_depth{name=\"%s\"} %zu\n", w->controller->name, workqueue_len(w->queue));
	buf_puts(out, "# TYPE controller_runtime_reconcile_total counter\n");
	for (const struct worker *w = runner->workers; w; w = w->next) {
		buf_printf(out,
		    "controller_runtime_reconcile_total{controller=\"%s\",result=\"error\"} %llu\n",
		    w->controller->name, (unsigned long long)w->failures);
		buf_printf(out,
		    "controller_runtime_reconcile_total{controller=\"%s\",result=\"success\"} %llu\n",
		    w->controller->name, (unsigned long long)(w->reconciles - w->failures));
	}
	buf_puts(out, "# TYPE controller_runtime_reconcile_time_seconds_sum counter\n");
	for (const struct worker *w = runner->workers; w; w = w->next)
		buf_printf(out, "controller_runtime_reconcile_time_seconds_sum{controller=\"%s\"} %.6f\n",
		    w->controller->name, (double)w->busy_ns / 1e9);
}
