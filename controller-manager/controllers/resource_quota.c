/*
 * resource_quota: keeps the status of quotas: the bounds, and what is used of them. Admission charges what is
 * created; here everything is counted anew when something goes or ends, when the bounds change, and every
 * five minutes. Both count by lib/resources/quota_usage.h. Keys: quotas.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/controller.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/amounts.h"
#include "lib/resources/quota_usage.h"
#include "lib/resources/resource.h"

#define NAME "resource-quota"
#define RESYNC_MS (5 * 60 * 1000)
#define RECHECK_MS                                                                                           \
	10000 /* after a count: an object that admission has charged may not have been seen yet              \
	       */

struct kind {
	struct state *state;
	const struct resource_type *type;
	struct informer *informer;
};

struct state {
	struct controller_context ctx; /* a copy: handlers fire outside of reconcile */
	struct kind *kinds;            /* everything that is namespaced and stored */
	size_t len;
};

static const CoreV1__ResourceQuota *quota_of(const struct object *obj)
{
	return (const CoreV1__ResourceQuota *)obj->msg;
}

/* ---- when to count ---- */

static bool has_ended(const struct object *obj)
{
	const CoreV1__Pod *pod = (const CoreV1__Pod *)obj->msg;
	return str_eq(pod->status->phase, "Succeeded") || str_eq(pod->status->phase, "Failed");
}

/* Creations are admission's. Changes matter where they change what is used: pods that end, services of
 * another type. */
static bool releases(const struct kind *kind, const struct object *old, const struct object *new_)
{
	if (!new_)
		return true;
	if (!old)
		return false;
	if (kind->type == resource_pods)
		return has_ended(new_) && !has_ended(old);
	if (kind->type == resource_services)
		return !str_eq(((const CoreV1__Service *)old->msg)->spec->type,
		    ((const CoreV1__Service *)new_->msg)->spec->type);
	return false;
}

static void on_change(void *arg, const struct object *old, const struct object *new_)
{
	const struct kind *kind = arg;
	struct controller_context *ctx = &kind->state->ctx;
	const struct object *obj = new_ ? new_ : old;
	char key[OBJECT_KEY_MAX];

	if (!ctx->runner || !releases(kind, old, new_))
		return;
	informer_for_each (quota,
	    informer_in_namespace(controller_informer(ctx, resource_resourcequotas), object_namespace(obj)))
		controller_runner_enqueue(ctx->runner, NAME, object_key(quota, key));
}

/* Not every change of status: admission writes one for each object that it lets in. */
static void map_quota(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	if (new_ && (!old || !api_equal(quota_of(old)->spec, quota_of(new_)->spec)))
		enqueue->object(enqueue, new_);
}

static bool is_counted(const struct resource_type *t)
{
	const uint32_t needed = VERB_CREATE | VERB_LIST | VERB_WATCH;

	return (t->flags & RESOURCE_NAMESPACED) &&
	       !(t->flags & (RESOURCE_VIRTUAL | RESOURCE_HIDDEN_VERSION)) && (t->verbs & needed) == needed &&
	       t->stored_as == t && !str_eq(t->plural, "events");
}

static void *init(struct controller_context *ctx)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state || !(state->kinds = calloc(resources_count(), sizeof(*state->kinds))))
		abort();
	state->ctx = *ctx;
	for (size_t i = 0; i < resources_count(); i++) {
		const struct resource_type *type = resources_at(i);
		if (is_counted(type))
			state->kinds[state->len++] =
			    (struct kind){state, type, controller_informer(ctx, type)};
	}
	for (size_t i = 0; i < state->len; i++)
		informer_add_handler(state->kinds[i].informer, on_change, &state->kinds[i]);
	return state;
}

static void done(void *arg)
{
	struct state *state = arg;

	free(state->kinds);
	free(state);
}

/* ---- counting ---- */

/* Could the kind use anything that is bounded? Pods use what has no other owner, so they always count. */
static bool is_bounded(const struct kind *kind, const struct amounts *hard, struct arena *arena)
{
	static const char *const plain[] = {"pods", "services", "persistentvolumeclaims", "configmaps",
	    "secrets", "replicationcontrollers", "resourcequotas", NULL};
	const struct resource_type *t = kind->type;

	if (str_empty(t->group) && str_in(t->plural, plain))
		return true;
	return amounts_get(
	    hard, arena_printf(arena, "count/%s%s%s", t->plural, str_empty(t->group) ? "" : ".", t->group));
}

static void count_kind(
    const struct kind *kind, const struct object *quota, int64_t now_s, struct amounts *used)
{
	struct arena *arena = arena_new();

	informer_for_each (obj, informer_in_namespace(kind->informer, object_namespace(quota))) {
		if (!quota_scopes_match(quota_of(quota)->spec, obj))
			continue;
		struct amounts usage =
		    quota_usage_of(arena, kind->type->group, kind->type->plural, obj, now_s);
		for (size_t i = 0; i < usage.len; i++)
			if (amounts_get(used, usage.items[i].name))
				amounts_add_one(used, usage.items[i].name, &usage.items[i].q);
		arena_reset(arena);
	}
	arena_free(arena);
}

static bool amounts_equal(const struct amounts *x, const struct amounts *y)
{
	if (x->len != y->len)
		return false;
	for (size_t i = 0; i < x->len; i++) {
		const struct quantity *q = amounts_get(y, x->items[i].name);
		if (!q || quantity_compare(&x->items[i].q, q) != 0)
			return false;
	}
	return true;
}

static void reconcile(struct controller_context *ctx, void *arg, const char *key, struct plan *plan)
{
	const struct state *state = arg;
	const struct object *quota =
	    informer_lookup_key(controller_informer(ctx, resource_resourcequotas), key);
	struct arena *arena = plan_arena(plan);

	if (!quota || object_is_deleting(quota))
		return;
	struct amounts hard = AMOUNTS_OF(arena, quota_of(quota)->spec, hard), used = {.arena = arena};
	for (size_t i = 0; i < hard.len; i++)
		amounts_set(&used, hard.items[i].name, &(struct quantity){.format = hard.items[i].q.format});
	for (size_t i = 0; i < state->len; i++)
		if (is_bounded(&state->kinds[i], &hard, arena))
			count_kind(&state->kinds[i], quota, ctx->now_s, &used);

	struct amounts old_hard = AMOUNTS_OF(arena, quota_of(quota)->status, hard);
	struct amounts old_used = AMOUNTS_OF(arena, quota_of(quota)->status, used);
	plan_requeue_after(plan, RESYNC_MS);
	if (amounts_equal(&hard, &old_hard) && amounts_equal(&used, &old_used))
		return;
	struct object *changed = object_clone(quota);
	CoreV1__ResourceQuotaStatus *status = ((CoreV1__ResourceQuota *)changed->msg)->status;
	AMOUNTS_WRITE(changed->arena, &hard, status, hard, core_v1__resource_quota_status__hard_entry);
	AMOUNTS_WRITE(changed->arena, &used, status, used, core_v1__resource_quota_status__used_entry);
	plan_update_status(plan, resource_resourcequotas, changed);
	plan_requeue_after(plan, RECHECK_MS);
}

static const struct controller_watch watches[] = {{&resource_resourcequotas, map_quota}, {NULL, NULL}};

const struct controller controller_resource_quota = {.name = NAME,
    .event_component = "resourcequota-controller",
    .watches = watches,
    .init = init,
    .done = done,
    .reconcile = reconcile};
