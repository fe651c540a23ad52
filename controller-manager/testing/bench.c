#include "controller-manager/testing/bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/client/test_objects.h"
#include "lib/resources/resource.h"

static struct {
	const struct controller *controller;
	struct clock_fake clock;
	struct informer_set *informers;
	struct controller_context ctx;
	struct controller_manager_options options;
	struct error last_error;
	void *state;
	struct plan *plan;
	struct arena *arena; /* of texts handed out */
	int revision, names;
	struct buf enqueued;
} bench;

static const struct controller_watch *watch_of(const struct resource_type *type)
{
	for (const struct controller_watch *watch = bench.controller->watches; watch->type; watch++)
		if (*watch->type == type)
			return watch;
	return NULL;
}

static void enqueue_key(struct controller_enqueue *enqueue, const char *key)
{
	buf_printf(&bench.enqueued, "%s ", key);
}

static void enqueue_object(struct controller_enqueue *enqueue, const struct object *obj)
{
	char key[OBJECT_KEY_MAX];
	enqueue_key(enqueue, object_key(obj, key));
}

static void on_change(void *arg, const struct object *old, const struct object *new_)
{
	static struct controller_enqueue enqueue = {enqueue_key, enqueue_object};
	const struct controller_watch *watch = arg;
	if (watch->map)
		watch->map(&bench.ctx, old, new_, &enqueue);
	else
		enqueue_object(&enqueue, new_ ? new_ : old);
}

void bench_start(const struct controller *controller, const struct controller_manager_options *options)
{
	resources_init();
	memset(&bench, 0, sizeof(bench));
	bench.controller = controller;
	clock_fake_init(&bench.clock, BENCH_NOW_S * 1000000000LL);
	bench.informers = informer_set_new(NULL);
	bench.arena = arena_new();
	if (options)
		bench.options = *options;
	bench.ctx = (struct controller_context){.informers = bench.informers,
	    .clock = &bench.clock.clock,
	    .now_s = BENCH_NOW_S,
	    .now_ms = BENCH_NOW_S * 1000LL,
	    .options = &bench.options};
	bench.revision = 100;
	if (controller->init)
		bench.state = controller->init(&bench.ctx);
	for (const struct controller_watch *watch = controller->watches; watch->type; watch++)
		informer_add_handler(
		    controller_informer(&bench.ctx, *watch->type), on_change, (void *)watch_of(*watch->type));
	informer_set_start(bench.informers);
}

void bench_stop(void)
{
	if (bench.controller->done)
		bench.controller->done(bench.state);
	plan_free(bench.plan);
	informer_set_free(bench.informers);
	arena_free(bench.arena);
	buf_done(&bench.enqueued);
}

struct controller_context *bench_context(void)
{
	return &bench.ctx;
}

/* Takes over the reference. */
static const struct object *put_object(struct object *take_obj, bool keep_revision)
{
	struct object *obj = take_obj;
	struct informer *inf = informer_get(bench.informers, resource_of(obj));
	if (str_empty(object_uid(obj))) {
		char key[OBJECT_KEY_MAX];
		const struct object *old = informer_lookup_key(inf, object_key(obj, key));
		obj->meta->uid = old ? arena_strdup(obj->arena, object_uid(old))
				     : arena_printf(obj->arena, "uid-%s", object_name(obj));
	}
	if (!obj->meta->creation_timestamp)
		obj->meta->creation_timestamp = time_new(obj->arena, bench.ctx.now_s);
	if (!keep_revision || !obj->revision) {
		obj->revision = ++bench.revision;
		obj->meta->resource_version = arena_printf(obj->arena, "%d", bench.revision);
	}
	informer_inject(inf, obj);
	object_unref(obj);
	return obj;
}

const struct object *bench_put(const char *yaml_fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;
	va_start(ap, yaml_fmt);
	buf_vprintf(&text, yaml_fmt, ap);
	va_end(ap);
	struct object *obj = test_object("%s", buf_str(&text));
	buf_done(&text);
	/* As the API server would have stored it. */
	resource_apply_defaults(resource_of(obj), obj,
	    &(struct resource_context){.arena = obj->arena, .now_s = bench.ctx.now_s, .subresource = ""});
	return put_object(obj, true);
}

const struct object *bench_store(struct object *take_obj)
{
	return put_object(take_obj, false);
}

void bench_remove(const struct resource_type *type, const char *ns, const char *name)
{
	informer_inject_delete(informer_get(bench.informers, type), ns, name);
}

void bench_pass(int64_t seconds)
{
	clock_fake_advance(&bench.clock, seconds * 1000000000LL);
	bench.ctx.now_ms += seconds * 1000;
	bench.ctx.now_s += seconds;
}

void bench_set_last_error(const char *message)
{
	bench.ctx.last_error = NULL;
	if (!message)
		return;
	bench.last_error = ERROR_INIT;
	error_set(&bench.last_error, ERR_FORBIDDEN, "%s", message);
	bench.ctx.last_error = &bench.last_error;
}

const struct plan *bench_reconcile(const char *key)
{
	plan_free(bench.plan);
	bench.plan = plan_new();
	bench.controller->reconcile(&bench.ctx, bench.state, key, bench.plan);
	return bench.plan;
}

const char *bench_describe(const char *key)
{
	return plan_describe(bench.arena, bench_reconcile(key));
}

const char *bench_json(size_t i)
{
	struct buf out = BUF_INIT;
	const struct plan_op *op = plan_op_at(bench.plan, i);
	if (op->object)
		object_encode_json(&out, op->object);
	else if (op->patch)
		json_write(&out, op->patch, 0);
	const char *text = arena_strdup(bench.arena, buf_str(&out));
	buf_done(&out);
	return text;
}

void bench_json_has_(size_t i, const char *text, const char *file, int line)
{
	const char *json = bench_json(i);
	if (!strstr(json, text)) {
		print_error("%s\nis not in\n%s\n", text, json);
		_fail(file, line);
	}
}

static void describe_event(struct buf *out, const char *mark, const struct plan_event *event)
{
	if (event)
		buf_printf(out, "%s%s %s %s/%s: %s\n", mark, event->is_warning ? "Warning" : "Normal",
		    event->reason, event->about->kind, object_name(event->about), event->message);
}

const char *bench_events(void)
{
	struct buf out = BUF_INIT;
	for (size_t i = 0; i < plan_events_len(bench.plan); i++)
		describe_event(&out, "", plan_event_at(bench.plan, i));
	for (size_t i = 0; i < plan_ops_len(bench.plan); i++) {
		describe_event(&out, "?", plan_op_at(bench.plan, i)->on_success);
		describe_event(&out, "!", plan_op_at(bench.plan, i)->on_failure);
	}
	const char *text = arena_strdup(bench.arena, buf_str(&out));
	buf_done(&out);
	return text;
}

/* The parts that a status update leaves alone and those that it writes are chosen by JSON: kinds differ. */
static struct object *with_part_of(const struct object *stored, const struct object *written, bool status)
{
	struct arena *arena = arena_new();
	struct json *into = object_to_json(arena, status ? stored : written);
	struct json *from = object_to_json(arena, status ? written : stored);
	struct json *part = json_get(from, "status");
	if (part)
		json_set(arena, into, "status", part);
	struct buf text = BUF_INIT;
	json_write(&text, into, 0);
	struct object *obj = test_object("%s", buf_str(&text));
	buf_done(&text);
	arena_free(arena);
	return obj;
}

static bool spec_differs(const struct object *a, const struct object *b)
{
	struct arena *arena = arena_new();
	bool differs = !json_equal(
	    json_get(object_to_json(arena, a), "spec"), json_get(object_to_json(arena, b), "spec"));
	arena_free(arena);
	return differs;
}

static void merge_patch(struct arena *arena, struct json *into, const struct json *patch)
{
	for (size_t i = 0; i < patch->len; i++) {
		const struct json_member *member = &patch->members[i];
		struct json *old = json_get(into, member->key);
		if (member->value->type == JSON_NULL)
			json_remove(into, member->key);
		else if (member->value->type != JSON_OBJECT)
			json_set(arena, into, member->key, member->value);
		else if (old && old->type == JSON_OBJECT)
			merge_patch(arena, old, member->value);
		else {
			json_set(arena, into, member->key, json_new_object(arena));
			merge_patch(arena, json_get(into, member->key), member->value);
		}
	}
}

static struct object *patched(const struct object *stored, const struct json *patch)
{
	struct arena *arena = arena_new();
	struct json *tree = object_to_json(arena, stored);
	merge_patch(arena, tree, patch);
	struct buf text = BUF_INIT;
	json_write(&text, tree, 0);
	struct object *obj = test_object("%s", buf_str(&text));
	buf_done(&text);
	arena_free(arena);
	return obj;
}

static void apply_op(const struct plan_op *op)
{
	struct informer *inf = informer_get(bench.informers, op->type);
	const struct object *stored = informer_lookup(inf, op->ns, op->name);
	if (op->kind == PLAN_DELETE) {
		informer_inject_delete(inf, op->ns, op->name);
		return;
	}
	if (op->kind == PLAN_CREATE) {
		struct object *obj = object_clone(op->object);
		if (str_empty(object_name(obj)))
			obj->meta->name =
			    arena_printf(obj->arena, "%s%d", obj->meta->generate_name, ++bench.names);
		if (!obj->meta->uid || !obj->meta->uid[0])
			obj->meta->uid =
			    arena_printf(obj->arena, "uid-%s-%d", object_name(obj), ++bench.names);
		obj->meta->generation = 1;
		put_object(obj, false);
		return;
	}
	assert_non_null(stored);
	if (op->kind == PLAN_PATCH) { /* strategic ones as merge patches: lists are replaced */
		put_object(patched(stored, op->patch), false);
		return;
	}
	assert_true(op->kind == PLAN_UPDATE || op->kind == PLAN_UPDATE_STATUS);
	struct object *obj = with_part_of(stored, op->object, op->kind == PLAN_UPDATE_STATUS);
	if (op->kind == PLAN_UPDATE && spec_differs(stored, obj))
		obj->meta->generation = stored->meta->generation + 1;
	put_object(obj, false);
}

void bench_apply(void)
{
	for (size_t i = 0; i < plan_ops_len(bench.plan); i++)
		apply_op(plan_op_at(bench.plan, i));
}

const char *bench_enqueued(void)
{
	const char *text = arena_strdup(bench.arena, buf_str(&bench.enqueued));
	buf_reset(&bench.enqueued);
	return text;
}
