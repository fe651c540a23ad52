#include "controller-manager/shared/claims.h"

#include <string.h>

#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"

static void index_orphans(const struct object *obj, void (*emit)(void *ctx, const char *value), void *ctx)
{
	if (!object_controller(obj->meta))
		emit(ctx, object_namespace(obj));
}

struct informer *claims_init(struct controller_context *ctx, const struct resource_type *child_type)
{
	struct informer *children = controller_informer(ctx, child_type);
	informer_add_index(children, "orphan", index_orphans);
	return children;
}

static void push(struct plan *plan, struct claims *claims, size_t *capacity, const struct object *obj)
{
	if (claims->len == *capacity) {
		size_t more = *capacity ? *capacity * 2 : 16;
		claims->items = arena_grow(plan_arena(plan), claims->items,
		    *capacity * sizeof(*claims->items), more * sizeof(*claims->items));
		*capacity = more;
	}
	claims->items[claims->len++] = obj;
}

/* The uid in the patch makes it fail when the name belongs to another object by now. */
static struct json *metadata_patch(struct arena *arena, const struct object *child, struct json *reference)
{
	struct json *references = json_new_array(arena), *meta = json_new_object(arena),
		    *patch = json_new_object(arena);
	json_push(arena, references, reference);
	json_set(arena, meta, "ownerReferences", references);
	json_set(arena, meta, "uid", json_new_string(arena, object_uid(child)));
	json_set(arena, patch, "metadata", meta);
	return patch;
}

static void adopt(struct plan *plan, const struct object *owner, const struct object *child)
{
	struct arena *arena = plan_arena(plan);
	struct json *ref = json_new_object(arena);
	json_set(arena, ref, "apiVersion", json_new_string(arena, owner->api_version));
	json_set(arena, ref, "kind", json_new_string(arena, owner->kind));
	json_set(arena, ref, "name", json_new_string(arena, object_name(owner)));
	json_set(arena, ref, "uid", json_new_string(arena, object_uid(owner)));
	json_set(arena, ref, "controller", json_new_bool(arena, true));
	json_set(arena, ref, "blockOwnerDeletion", json_new_bool(arena, true));
	struct plan_op *op = plan_patch(plan, resource_of(child), object_namespace(child), object_name(child),
	    REST_PATCH_STRATEGIC, metadata_patch(arena, child, ref));
	op->ignore_not_found = true;
}

static void release(struct plan *plan, const struct object *owner, const struct object *child)
{
	struct arena *arena = plan_arena(plan);
	struct json *ref = json_new_object(arena);
	json_set(arena, ref, "$patch", json_new_string(arena, "delete"));
	json_set(arena, ref, "uid", json_new_string(arena, object_uid(owner)));
	struct plan_op *op = plan_patch(plan, resource_of(child), object_namespace(child), object_name(child),
	    REST_PATCH_STRATEGIC, metadata_patch(arena, child, ref));
	op->ignore_not_found = true;
}

struct claims claims_make(struct plan *plan, const struct informer *children, const struct object *owner,
    const struct selector *selector, bool (*consider)(const struct object *child))
{
	struct claims claims = {0};
	size_t capacity = 0;
	bool is_deleting = object_is_deleting(owner);
	if (!selector || selector_is_everything(selector))
		return claims;
	informer_for_each (child, informer_by_index(children, "controller", object_uid(owner))) {
		if (consider && !consider(child))
			continue;
		if (selector_matches(selector, child->meta))
			push(plan, &claims, &capacity, child);
		else if (!is_deleting)
			release(plan, owner, child);
	}
	if (is_deleting)
		return claims;
	informer_for_each (child, informer_by_index(children, "orphan", object_namespace(owner))) {
		if (object_is_deleting(child) || (consider && !consider(child)) ||
		    !selector_matches(selector, child->meta))
			continue;
		adopt(plan, owner, child);
		push(plan, &claims, &capacity, child);
	}
	return claims;
}

struct claims claims_controlled(
    struct plan *plan, const struct informer *children, const struct object *owner)
{
	struct claims claims = {0};
	size_t capacity = 0;
	informer_for_each (child, informer_by_index(children, "controller", object_uid(owner)))
		push(plan, &claims, &capacity, child);
	return claims;
}

/* ---- from children to owners ---- */

static bool is_of_type(const MetaV1__OwnerReference *ref, const struct resource_type *type)
{
	if (!str_eq(ref->kind, type->kind))
		return false;
	size_t group_len = strlen(type->group); /* "apps" of "apps/v1"; the core group has no slash */
	return group_len == 0 ? !strchr(ref->api_version, '/')
			      : strncmp(ref->api_version, type->group, group_len) == 0 &&
				    ref->api_version[group_len] == '/';
}

static void enqueue_controller(
    const struct resource_type *owner_type, const struct object *child, struct controller_enqueue *enqueue)
{
	const MetaV1__OwnerReference *ref = child ? object_controller(child->meta) : NULL;
	if (!ref || !is_of_type(ref, owner_type))
		return;
	struct arena *arena = arena_new();
	const char *ns = object_namespace(child);
	enqueue->key(enqueue, str_empty(ns) ? ref->name : arena_printf(arena, "%s/%s", ns, ref->name));
	arena_free(arena);
}

static const char *controller_uid(const struct object *obj)
{
	const MetaV1__OwnerReference *ref = obj ? object_controller(obj->meta) : NULL;
	return ref ? ref->uid : "";
}

void claims_map(struct controller_context *ctx, const struct resource_type *owner_type,
    struct selector *(*selector_of)(struct arena *arena, const struct object *owner),
    const struct object *old, const struct object *new_, struct controller_enqueue *enqueue)
{
	bool moved = !old || !new_ || !str_eq(controller_uid(old), controller_uid(new_));
	if (moved)
		enqueue_controller(owner_type, old, enqueue);
	enqueue_controller(owner_type, new_, enqueue);
	if (!new_ || object_controller(new_->meta) || object_is_deleting(new_) ||
	    (!moved && api_map_equal(old->meta, new_->meta, labels)))
		return;
	struct arena *arena = arena_new();
	informer_for_each (
	    owner, informer_in_namespace(controller_informer(ctx, owner_type), object_namespace(new_))) {
		const struct selector *selector = selector_of(arena, owner);
		if (selector && !selector_is_everything(selector) && selector_matches(selector, new_->meta))
			enqueue->object(enqueue, owner);
	}
	arena_free(arena);
}
