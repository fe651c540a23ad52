#include "lib/client/plan.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"

struct plan {
	struct arena *arena;
	struct plan_op **ops; /* pointers, so that an op stays where its caller knows it */
	size_t ops_len, ops_capacity;
	struct plan_event **events;
	size_t events_len, events_capacity;
	int group;
	int64_t requeue_ms;
	const char *failure;
};

struct plan *plan_new(void)
{
	struct arena *arena = arena_new();
	struct plan *plan = ARENA_NEW(arena, struct plan);
	plan->arena = arena;
	plan->requeue_ms = -1;
	return plan;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->ops_len; i++)
		object_unref(plan->ops[i]->object);
	arena_free(plan->arena); /* drops the events' references, and holds the plan itself */
}

struct arena *plan_arena(struct plan *plan)
{
	return plan->arena;
}

static void *grow(struct arena *arena, void *items, size_t len, size_t *capacity)
{
	if (len < *capacity)
		return items;
	size_t new_capacity = *capacity ? *capacity * 2 : 8;
	items = arena_grow(arena, items, len * sizeof(void *), new_capacity * sizeof(void *));
	*capacity = new_capacity;
	return items;
}

static struct plan_op *plan_op_new(
    struct plan *plan, enum plan_op_kind kind, const struct resource_type *type)
{
	struct plan_op *op = ARENA_NEW(plan->arena, struct plan_op);
	op->kind = kind;
	op->type = type;
	op->group = plan->group;
	op->grace_period_s = -1;
	plan->ops = grow(plan->arena, plan->ops, plan->ops_len, &plan->ops_capacity);
	plan->ops[plan->ops_len++] = op;
	return op;
}

static struct plan_op *plan_op_new_object(
    struct plan *plan, enum plan_op_kind kind, const struct resource_type *type, struct object *take_obj)
{
	struct plan_op *op = plan_op_new(plan, kind, type);
	op->object = take_obj;
	op->ns = object_namespace(take_obj);
	op->name = object_name(take_obj);
	return op;
}

struct plan_op *plan_create(struct plan *plan, const struct resource_type *type, struct object *take_obj)
{
	return plan_op_new_object(plan, PLAN_CREATE, type, take_obj);
}

struct plan_op *plan_update(struct plan *plan, const struct resource_type *type, struct object *take_obj)
{
	return plan_op_new_object(plan, PLAN_UPDATE, type, take_obj);
}

struct plan_op *plan_update_status(
    struct plan *plan, const struct resource_type *type, struct object *take_obj)
{
	struct plan_op *op = plan_op_new_object(plan, PLAN_UPDATE_STATUS, type, take_obj);
	op->subresource = "status";
	return op;
}

struct plan_op *plan_subresource(struct plan *plan, const struct resource_type *type, const char *ns,
    const char *name, const char *subresource, struct object *take_obj)
{
	struct plan_op *op = plan_op_new(plan, PLAN_SUBRESOURCE, type);
	op->object = take_obj;
	op->ns = arena_strdup(plan->arena, ns);
	op->name = arena_strdup(plan->arena, name);
	op->subresource = arena_strdup(plan->arena, subresource);
	return op;
}

struct plan_op *plan_delete(struct plan *plan, const struct object *obj)
{
	struct plan_op *op = plan_op_new(plan, PLAN_DELETE, resource_of(obj));
	op->ns = arena_strdup(plan->arena, object_namespace(obj));
	op->name = arena_strdup(plan->arena, object_name(obj));
	op->ignore_not_found = true; /* somebody else was quicker: what was wanted is so */
	op->uid = str_empty(object_uid(obj)) ? NULL : arena_strdup(plan->arena, object_uid(obj));
	return op;
}

struct plan_op *plan_delete_all(struct plan *plan, const struct resource_type *type, const char *ns)
{
	struct plan_op *op = plan_op_new(plan, PLAN_DELETE_ALL, type);
	op->ns = arena_strdup(plan->arena, ns);
	op->ignore_not_found = true;
	return op;
}

struct plan_op *plan_expect_none(struct plan *plan, const struct resource_type *type, const char *ns)
{
	struct plan_op *op = plan_op_new(plan, PLAN_EXPECT_NONE, type);
	op->ns = arena_strdup(plan->arena, ns);
	op->ignore_not_found = true;
	return op;
}

struct plan_op *plan_patch(struct plan *plan, const struct resource_type *type, const char *ns,
    const char *name, enum rest_patch patch_type, const struct json *patch)
{
	struct plan_op *op = plan_op_new(plan, PLAN_PATCH, type);
	op->ns = arena_strdup(plan->arena, ns);
	op->name = arena_strdup(plan->arena, name);
	op->patch_type = patch_type;
	op->patch = patch;
	return op;
}

void plan_then(struct plan *plan)
{
	if (plan->ops_len > 0 && plan->ops[plan->ops_len - 1]->group == plan->group)
		plan->group++;
}

static void unref_object(void *arg)
{
	object_unref(arg);
}

static struct plan_event *event_new(
    struct plan *plan, const struct object *about, bool is_warning, const char *reason, const char *message)
{
	struct plan_event *event = ARENA_NEW(plan->arena, struct plan_event);
	event->about = object_ref(about);
	arena_on_free(plan->arena, unref_object, (void *)event->about);
	event->is_warning = is_warning;
	event->reason = arena_strdup(plan->arena, reason);
	event->message = message;
	return event;
}

void plan_event(
    struct plan *plan, const struct object *about, bool is_warning, const char *reason, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *message = arena_vprintf(plan->arena, fmt, ap);
	va_end(ap);
	plan->events = grow(plan->arena, plan->events, plan->events_len, &plan->events_capacity);
	plan->events[plan->events_len++] = event_new(plan, about, is_warning, reason, message);
}

void plan_on_success(struct plan *plan, struct plan_op *op, const struct object *about, bool is_warning,
    const char *reason, const char *fmt)
{
	op->on_success = event_new(plan, about, is_warning, reason, arena_strdup(plan->arena, fmt));
}

void plan_on_failure(
    struct plan *plan, struct plan_op *op, const struct object *about, const char *reason, const char *fmt)
{
	op->on_failure = event_new(plan, about, true, reason, arena_strdup(plan->arena, fmt));
}

void plan_requeue_after(struct plan *plan, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (plan->requeue_ms < 0 || ms < plan->requeue_ms)
		plan->requeue_ms = ms;
}

void plan_fail(struct plan *plan, const char *fmt, ...)
{
	if (plan->failure) /* the first one wins, as in struct error */
		return;
	va_list ap;
	va_start(ap, fmt);
	plan->failure = arena_vprintf(plan->arena, fmt, ap);
	va_end(ap);
}

size_t plan_ops_len(const struct plan *plan)
{
	return plan->ops_len;
}

const struct plan_op *plan_op_at(const struct plan *plan, size_t i)
{
	assert(i < plan->ops_len);
	return plan->ops[i];
}

size_t plan_events_len(const struct plan *plan)
{
	return plan->events_len;
}

const struct plan_event *plan_event_at(const struct plan *plan, size_t i)
{
	assert(i < plan->events_len);
	return plan->events[i];
}

int64_t plan_requeue_ms(const struct plan *plan)
{
	return plan->requeue_ms;
}

const char *plan_failure(const struct plan *plan)
{
	return plan->failure;
}

static void describe_op(struct buf *out, const struct plan_op *op)
{
	static const char *const verbs[] = {[PLAN_CREATE] = "create",
	    [PLAN_UPDATE] = "update",
	    [PLAN_UPDATE_STATUS] = "update-status",
	    [PLAN_PATCH] = "patch",
	    [PLAN_DELETE] = "delete",
	    [PLAN_SUBRESOURCE] = "post",
	    [PLAN_DELETE_ALL] = "delete-all",
	    [PLAN_EXPECT_NONE] = "expect-none"};
	buf_printf(out, "%s %s%s%s %s", verbs[op->kind], op->type->group, op->type->group[0] ? "/" : "",
	    op->type->version, op->type->plural);
	if (op->subresource && op->kind != PLAN_UPDATE_STATUS)
		buf_printf(out, "/%s", op->subresource);
	buf_putc(out, ' ');
	if (!str_empty(op->ns))
		buf_printf(out, "%s/", op->ns);
	if (!op->name)
		buf_putc(out, '*');
	else if (str_empty(op->name) && op->object)
		buf_printf(out, "%s*", op->object->meta->generate_name);
	else
		buf_puts(out, op->name);
	if (op->patch) {
		buf_putc(out, ' ');
		json_write(out, op->patch, 0);
	}
}

char *plan_describe(struct arena *arena, const struct plan *plan)
{
	struct buf out = BUF_INIT;
	for (size_t i = 0; i < plan->ops_len; i++) {
		if (i > 0)
			buf_puts(&out, plan->ops[i]->group != plan->ops[i - 1]->group ? "\nthen\n" : "\n");
		describe_op(&out, plan->ops[i]);
	}
	char *text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}
