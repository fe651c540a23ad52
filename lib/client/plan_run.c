#include "lib/client/plan_run.h"

#include <stdlib.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/events.h"
#include "lib/client/plan.h"
#include "lib/client/rest.h"
#include "lib/resources/resource.h"

#define IN_FLIGHT_MAX 64

struct op_run {
	struct plan_run *run;
	const struct plan_op *op;
	void *call; /* the transport's, while under way */
};

struct plan_run {
	struct plan_transport transport;
	struct event_recorder *events;
	const char *component;
	struct plan *plan;
	struct op_run *ops;
	size_t ops_len, next, in_flight;
	struct error error;
	struct plan_written *written;
	size_t written_len;
	bool is_advancing, *is_finished; /* the latter is set while the start runs */
	void (*done)(void *arg, const struct plan_run_result *result);
	void *arg;
};

static void advance(struct plan_run *run);

static void run_free(struct plan_run *run)
{
	plan_free(run->plan); /* ops and written are in its arena */
	free(run);
}

struct plan_run *plan_run_start(const struct plan_transport *transport, struct event_recorder *events,
    const char *component, struct plan *take_plan,
    void (*done)(void *arg, const struct plan_run_result *result), void *arg)
{
	struct plan_run *run = calloc(1, sizeof(*run));
	if (!run)
		abort();
	run->transport = *transport;
	run->events = events;
	run->component = component;
	run->plan = take_plan;
	run->done = done;
	run->arg = arg;
	run->ops_len = plan_ops_len(take_plan);
	run->ops = ARENA_ARRAY(plan_arena(take_plan), struct op_run, run->ops_len + 1);
	run->written = ARENA_ARRAY(plan_arena(take_plan), struct plan_written, run->ops_len + 1);
	for (size_t i = 0; i < plan_events_len(take_plan); i++) {
		const struct plan_event *event = plan_event_at(take_plan, i);
		event_record_at(
		    events, component, event->about, NULL, event->is_warning, event->reason, event->message);
	}
	bool is_finished = false;
	run->is_finished = &is_finished;
	advance(run);
	if (is_finished)
		return NULL;
	run->is_finished = NULL;
	return run;
}

void plan_run_cancel(struct plan_run *run)
{
	if (!run)
		return;
	for (size_t i = 0; i < run->next; i++)
		if (run->ops[i].call)
			run->transport.cancel(run->transport.arg, run->ops[i].call);
	run_free(run);
}

/* ---- outcomes ---- */

/* Puts `value` where the message says %s; the message is data, never a format. */
static void record(struct plan_run *run, const struct plan_event *event, const char *value)
{
	struct arena *arena = arena_new();
	const char *mark = strstr(event->message, "%s"), *message = event->message;
	if (mark)
		message = arena_printf(
		    arena, "%.*s%s%s", (int)(mark - event->message), event->message, value, mark + 2);
	event_record_at(
	    run->events, run->component, event->about, NULL, event->is_warning, event->reason, message);
	arena_free(arena);
}

static void note_written(struct plan_run *run, const struct plan_op *op, const struct object *obj)
{
	/* What a subresource answers may be of another kind, with a revision that says nothing about this
	 * one. */
	int64_t revision = obj && str_eq(obj->kind, op->type->kind) ? obj->revision : 0;
	struct plan_written written = {.type = op->type};
	if (op->kind == PLAN_DELETE) {
		written.key = str_empty(op->ns)
				  ? op->name
				  : arena_printf(plan_arena(run->plan), "%s/%s", op->ns, op->name);
		written.uid = op->uid;
	} else if (revision > 0) {
		for (size_t i = 0; i < run->written_len; i++) { /* the newest of a type stands for all */
			struct plan_written *known = &run->written[i];
			if (known->type == op->type && !known->key) {
				if (revision > known->revision)
					known->revision = revision;
				return;
			}
		}
		written.revision = revision;
	} else {
		return;
	}
	run->written[run->written_len++] = written;
}

/* A namespace that goes away takes everything with it: nothing more needs to be made in it. */
static bool is_namespace_terminating(const struct plan_op *op, const struct error *err)
{
	return op->kind == PLAN_CREATE && error_is(err, ERR_FORBIDDEN) &&
	       strstr(err->message, "because it is being terminated");
}

static bool is_ignored(const struct plan_op *op, const struct error *err)
{
	return (op->ignore_not_found && error_is(err, ERR_NOT_FOUND)) ||
	       (op->ignore_exists && error_is(err, ERR_ALREADY_EXISTS)) || is_namespace_terminating(op, err);
}

static void on_op_done(void *arg, const struct error *err, const struct object *obj)
{
	struct op_run *op_run = arg;
	struct plan_run *run = op_run->run;
	const struct plan_op *op = op_run->op;
	op_run->call = NULL;
	run->in_flight--;
	if (err && is_ignored(op, err)) {
		if (op->kind == PLAN_DELETE) /* gone, though the informer may not know yet */
			note_written(run, op, NULL);
		err = NULL;
	} else if (err) {
		if (op->on_failure)
			record(run, op->on_failure, err->message);
	} else {
		note_written(run, op, obj);
		if (op->on_success) /* the server may have made the name up */
			record(run, op->on_success, obj ? object_name(obj) : str_or(op->name, ""));
	}
	if (err && run->error.code == ERR_NONE)
		run->error = *err;
	advance(run);
}

/* Sends what may be sent now; ends the run when nothing is left. */
static void advance(struct plan_run *run)
{
	if (run->is_advancing) /* a transport that answers at once */
		return;
	run->is_advancing = true;
	for (;;) {
		size_t i = run->next;
		if (i == run->ops_len || run->in_flight == IN_FLIGHT_MAX)
			break;
		const struct plan_op *op = plan_op_at(run->plan, i);
		bool new_group = i > 0 && op->group != plan_op_at(run->plan, i - 1)->group;
		if (new_group && (run->in_flight > 0 || run->error.code != ERR_NONE))
			break;
		run->next++;
		run->in_flight++;
		run->ops[i] = (struct op_run){.run = run, .op = op};
		void *call = run->transport.send(run->transport.arg, op, on_op_done, &run->ops[i]);
		if (call)
			run->ops[i].call = call;
	}
	run->is_advancing = false;
	if (run->in_flight > 0)
		return;
	if (plan_failure(run->plan)) /* ignored when an operation failed before: the first error counts */
		error_set(&run->error, ERR_INTERNAL, "%s", plan_failure(run->plan));
	struct plan_run_result result = {
	    .error = run->error.code == ERR_NONE ? NULL : &run->error,
	    .written = run->written,
	    .written_len = run->written_len,
	};
	run->done(run->arg, &result);
	if (run->is_finished)
		*run->is_finished = true;
	run_free(run);
}

/* ---- over REST ---- */

struct rest_op {
	struct rest_call *call;
	void (*done)(void *arg, const struct error *err, const struct object *obj);
	void *arg;
};

static void on_rest_done(void *arg, const struct rest_result *result)
{
	struct rest_op op = *(struct rest_op *)arg;
	free(arg);
	struct error left = ERROR_INIT;
	if (!result->error && result->items_len > 0)
		error_set(&left, ERR_CONFLICT, "%s \"%s\" is left", result->items[0]->kind,
		    object_name(result->items[0]));
	op.done(op.arg, result->error ? result->error : left.code ? &left : NULL, result->object);
}

static void *rest_op_send(void *arg, const struct plan_op *op,
    void (*done)(void *done_arg, const struct error *err, const struct object *obj), void *done_arg)
{
	static const enum rest_verb verbs[] = {[PLAN_CREATE] = REST_CREATE,
	    [PLAN_UPDATE] = REST_UPDATE,
	    [PLAN_UPDATE_STATUS] = REST_UPDATE,
	    [PLAN_PATCH] = REST_PATCH,
	    [PLAN_DELETE] = REST_DELETE,
	    [PLAN_SUBRESOURCE] = REST_CREATE,
	    [PLAN_DELETE_ALL] = REST_DELETE_COLLECTION,
	    [PLAN_EXPECT_NONE] = REST_LIST};
	struct rest_op *call = calloc(1, sizeof(*call));
	if (!call)
		abort();
	call->done = done;
	call->arg = done_arg;
	static const char *const put[] = {
	    "approval", "finalize", "scale", "status", NULL}; /* others are posted to */
	bool is_put = op->kind == PLAN_SUBRESOURCE && str_in(op->subresource, put);
	struct rest_request *request = REST_REQUEST(.verb = is_put ? REST_UPDATE : verbs[op->kind],
	    .type = op->type, .ns = op->ns, .name = op->name, .subresource = op->subresource,
	    .body = op->object, .patch = op->patch, .patch_type = op->patch_type,
	    .propagation = op->propagation, .precondition_uid = op->uid, .precondition_rv = op->rv);
	if (op->kind == PLAN_EXPECT_NONE)
		request->query = "limit=1";
	if (op->kind == PLAN_DELETE)
		request->grace_period_s = op->grace_period_s;
	call->call = rest_send(arg, request, on_rest_done, call);
	return call;
}

static void rest_op_cancel(void *arg, void *call)
{
	struct rest_op *op = call;
	rest_cancel(op->call);
	free(op);
}

void plan_transport_rest(struct plan_transport *transport, struct rest_client *client)
{
	*transport = (struct plan_transport){rest_op_send, rest_op_cancel, client};
}
