/*
 * garbage-collector: deletes objects whose owners are gone, waits for dependents in foreground deletion, and
 * cuts owner references when an owner is deleted with the orphan policy. Looks at every kind that is stored,
 * events excepted.
 *
 * An owner that the cache doesn't hold may just not have arrived yet. It counts as absent when its deletion
 * was seen, or when the owner kind's cache is at least as new as the dependent (an owner is always older than
 * what refers to it).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller-manager/shared/finalizers.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/controller.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"

#define FOREGROUND "foregroundDeletion"
#define ORPHAN "orphan"
#define OWNER_INDEX "garbage-collector-owner"

enum { ABSENT_MAX = 10000, STALE_RETRY_MS = 2000 };

struct kind {
	struct state *state;
	const struct resource_type *type;
	struct informer *informer;
};

struct state {
	struct controller_context ctx; /* a copy: handlers fire outside of reconcile */
	struct kind *kinds;
	size_t len;
	struct strmap *absent; /* uids of deleted objects */
};

enum owner_status { OWNER_SOLID, OWNER_DANGLING, OWNER_WAITING, OWNER_UNKNOWN };

static void on_change(void *arg, const struct object *old, const struct object *new_);
static void emit_owners(const struct object *obj, void (*emit)(void *ctx, const char *value), void *ctx);

/* ---- keys: plural.version.group/namespace/name ---- */

static void enqueue(struct state *state, const struct kind *kind, const struct object *obj)
{
	char key[640], object[OBJECT_KEY_MAX];

	if (!state->ctx.runner)
		return;
	snprintf(key, sizeof key, "%s.%s.%s/%s", kind->type->plural, kind->type->version, kind->type->group,
	    object_key(obj, object));
	controller_runner_enqueue(state->ctx.runner, "garbage-collector", key);
}

static const struct object *lookup(const struct state *state, const char *key, const struct kind **ret_kind)
{
	for (size_t i = 0; i < state->len; i++) {
		const struct resource_type *t = state->kinds[i].type;
		char prefix[256];
		int n = snprintf(prefix, sizeof prefix, "%s.%s.%s/", t->plural, t->version, t->group);

		if (strncmp(key, prefix, (size_t)n) == 0) {
			*ret_kind = &state->kinds[i];
			return informer_lookup_key(state->kinds[i].informer, key + n);
		}
	}
	return NULL;
}

static bool is_collected(const struct resource_type *t)
{
	const uint32_t needed = VERB_DELETE | VERB_LIST | VERB_WATCH | VERB_PATCH;

	return !(t->flags & (RESOURCE_VIRTUAL | RESOURCE_HIDDEN_VERSION)) && (t->verbs & needed) == needed &&
	       t->stored_as == t && !str_eq(t->plural, "events");
}

static void *init(struct controller_context *ctx)
{
	struct state *state = calloc(1, sizeof *state);

	state->ctx = *ctx;
	state->absent = strmap_new();
	state->kinds = calloc(resources_count(), sizeof *state->kinds);
	for (size_t i = 0; i < resources_count(); i++) {
		const struct resource_type *type = resources_at(i);
		struct kind *kind = &state->kinds[state->len];

		if (!is_collected(type))
			continue;
		*kind = (struct kind){state, type, controller_informer(ctx, type)};
		informer_add_index(kind->informer, OWNER_INDEX, emit_owners);
		state->len++;
	}
	for (size_t i = 0; i < state->len; i++)
		informer_add_handler(state->kinds[i].informer, on_change, &state->kinds[i]);
	return state;
}

static void done(void *arg)
{
	struct state *state = arg;

	strmap_free(state->absent, NULL);
	free(state->kinds);
	free(state);
}

static void emit_owners(const struct object *obj, void (*emit)(void *ctx, const char *value), void *ctx)
{
	for (size_t i = 0; i < obj->meta->n_owner_references; i++)
		emit(ctx, obj->meta->owner_references[i]->uid);
}

static void enqueue_dependents(struct state *state, const char *uid)
{
	for (size_t i = 0; i < state->len; i++) {
		informer_for_each (dependent, informer_by_index(state->kinds[i].informer, OWNER_INDEX, uid))
			enqueue(state, &state->kinds[i], dependent);
	}
}

static void enqueue_owners(struct state *state, const struct object *obj)
{
	for (size_t i = 0; i < obj->meta->n_owner_references; i++) {
		for (size_t k = 0; k < state->len; k++) {
			const struct object *owner = informer_lookup_uid(
			    state->kinds[k].informer, obj->meta->owner_references[i]->uid);

			if (owner && owner->meta->deletion_timestamp)
				enqueue(state, &state->kinds[k], owner);
		}
	}
}

static void on_change(void *arg, const struct object *old, const struct object *new_)
{
	struct kind *kind = arg;
	struct state *state = kind->state;

	if (!new_ || (old && !str_eq(object_uid(old), object_uid(new_)))) {
		if (strmap_len(state->absent) >= ABSENT_MAX)
			strmap_remove(state->absent, strmap_key(strmap_first(state->absent)));
		strmap_put(state->absent, object_uid(old), state);
		enqueue_dependents(state, object_uid(old));
		enqueue_owners(state, old); /* an owner in foreground deletion waits for this */
	}
	if (!new_)
		return;
	if (new_->meta->n_owner_references || new_->meta->deletion_timestamp)
		enqueue(state, kind, new_);
	if (new_->meta->deletion_timestamp && object_has_finalizer(new_->meta, FOREGROUND))
		enqueue_dependents(state, object_uid(new_));
}

/* ---- judging owners ---- */

static const struct kind *owner_kind(const struct state *state, const MetaV1__OwnerReference *ref)
{
	const char *slash = strchr(ref->api_version, '/');
	size_t group_len = slash ? (size_t)(slash - ref->api_version) : 0;

	/* Any version of the group: the reference may have been written by an older client. */
	for (size_t i = 0; i < state->len; i++) {
		const struct resource_type *t = state->kinds[i].type;

		if (str_eq(t->kind, ref->kind) && strlen(t->group) == group_len &&
		    strncmp(t->group, ref->api_version, group_len) == 0)
			return &state->kinds[i];
	}
	return NULL;
}

static enum owner_status judge(
    const struct state *state, const struct object *obj, const MetaV1__OwnerReference *ref)
{
	const struct kind *kind = owner_kind(state, ref);
	const struct object *owner;
	bool namespaced;

	if (!kind)
		return OWNER_UNKNOWN; /* a kind that nobody serves: leave the object alone */
	namespaced = kind->type->flags & RESOURCE_NAMESPACED;
	if (namespaced && str_empty(object_namespace(obj)))
		return OWNER_UNKNOWN; /* a cluster-scoped object can't be owned by a namespaced one: no
					 verdict, as upstream */
	owner = informer_lookup(kind->informer, namespaced ? object_namespace(obj) : NULL, ref->name);
	if (owner && str_eq(object_uid(owner), ref->uid)) {
		if (owner->meta->deletion_timestamp && object_has_finalizer(owner->meta, FOREGROUND))
			return OWNER_WAITING;
		return OWNER_SOLID;
	}
	if (owner || strmap_has(state->absent, ref->uid) ||
	    informer_revision(kind->informer) >= obj->revision)
		return OWNER_DANGLING;
	return OWNER_UNKNOWN;
}

/* ---- acting ---- */

static void remove_references(
    struct plan *plan, const struct resource_type *type, const struct object *obj, const bool *gone)
{
	struct arena *a = plan_arena(plan);
	struct json *patch = json_new_object(a), *meta = json_new_object(a), *list = json_new_array(a), *all;

	all = json_get_path(object_to_json(a, obj), "metadata.ownerReferences");
	for (size_t i = 0; all && i < all->len; i++) {
		if (!gone[i])
			json_push(a, list, all->items[i]);
	}
	json_set(a, meta, "resourceVersion", json_new_string(a, obj->meta->resource_version));
	json_set(a, meta, "uid", json_new_string(a, obj->meta->uid));
	json_set(a, meta, "ownerReferences", list);
	json_set(a, patch, "metadata", meta);
	plan_patch(plan, type, object_namespace(obj), object_name(obj), REST_PATCH_MERGE, patch)
	    ->ignore_not_found = true;
}

static bool has_dependents(const struct state *state, const char *uid)
{
	for (size_t i = 0; i < state->len; i++) {
		informer_for_each (dependent, informer_by_index(state->kinds[i].informer, OWNER_INDEX, uid))
			return true;
	}
	return false;
}

static void collect(
    const struct state *state, const struct kind *kind, const struct object *obj, struct plan *plan)
{
	size_t len = obj->meta->n_owner_references, solid = 0, dangling = 0, waiting = 0, unknown = 0;
	bool *gone = ARENA_ARRAY(plan_arena(plan), bool, len + 1);
	struct plan_op *op;

	for (size_t i = 0; i < len; i++) {
		const MetaV1__OwnerReference *ref = obj->meta->owner_references[i];

		switch (judge(state, obj, ref)) {
		case OWNER_SOLID:
			solid++;
			break;
		case OWNER_DANGLING:
			dangling++;
			gone[i] = true;
			break;
		case OWNER_WAITING:
			waiting++;
			/* Without blockOwnerDeletion the owner doesn't wait, and the object goes when the
			 * owner has gone. */
			gone[i] = true;
			break;
		case OWNER_UNKNOWN:
			unknown++;
			if (owner_kind(state, ref))
				plan_requeue_after(plan, STALE_RETRY_MS);
			break;
		}
	}
	if (solid || unknown) {
		if (dangling + waiting && solid)
			remove_references(plan, kind->type, obj, gone);
		return;
	}
	if (!dangling && !waiting)
		return;
	op = plan_delete(plan, obj);
	op->ignore_not_found = true;
	op->propagation = object_has_finalizer(obj->meta, ORPHAN)                          ? "Orphan"
			  : object_has_finalizer(obj->meta, FOREGROUND)                    ? "Foreground"
			  : waiting && !dangling && has_dependents(state, object_uid(obj)) ? "Foreground"
											   : "Background";
}

/* Cuts the references of all dependents, then lets the owner go. */
static void orphan_dependents(
    const struct state *state, const struct kind *kind, const struct object *owner, struct plan *plan)
{
	size_t left = 0;

	for (size_t i = 0; i < state->len; i++) {
		informer_for_each (
		    obj, informer_by_index(state->kinds[i].informer, OWNER_INDEX, object_uid(owner))) {
			bool *gone = ARENA_ARRAY(plan_arena(plan), bool, obj->meta->n_owner_references);

			for (size_t k = 0; k < obj->meta->n_owner_references; k++)
				gone[k] = str_eq(obj->meta->owner_references[k]->uid, object_uid(owner));
			remove_references(plan, state->kinds[i].type, obj, gone);
			left++;
		}
	}
	if (left)
		plan_then(plan);
	finalizer_remove(plan, kind->type, owner, ORPHAN);
}

/* The owner goes once no dependent blocks it; those that do are deleted by their own keys. */
static void finish_foreground(
    const struct state *state, const struct kind *kind, const struct object *owner, struct plan *plan)
{
	for (size_t i = 0; i < state->len; i++) {
		informer_for_each (
		    obj, informer_by_index(state->kinds[i].informer, OWNER_INDEX, object_uid(owner))) {
			for (size_t k = 0; k < obj->meta->n_owner_references; k++) {
				const MetaV1__OwnerReference *ref = obj->meta->owner_references[k];

				if (str_eq(ref->uid, object_uid(owner)) && ref->block_owner_deletion)
					return;
			}
		}
	}
	finalizer_remove(plan, kind->type, owner, FOREGROUND);
}

static void reconcile(struct controller_context *ctx, void *arg, const char *key, struct plan *plan)
{
	struct state *state = arg;
	const struct kind *kind = NULL;
	const struct object *obj = lookup(state, key, &kind);

	if (!obj)
		return;
	if (obj->meta->deletion_timestamp) {
		if (object_has_finalizer(obj->meta, ORPHAN))
			orphan_dependents(state, kind, obj, plan);
		else if (object_has_finalizer(obj->meta, FOREGROUND))
			finish_foreground(state, kind, obj, plan);
		return;
	}
	if (obj->meta->n_owner_references)
		collect(state, kind, obj, plan);
}

static const struct controller_watch watches[] = {{NULL, NULL}}; /* init() watches every kind */
const struct controller controller_garbage_collector = {.name = "garbage-collector",
    .event_component = "garbage-collector-controller",
    .watches = watches,
    .init = init,
    .done = done,
    .reconcile = reconcile,
    .concurrency = 20};
