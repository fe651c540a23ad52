/* managedFields of creates, updates and patches. */
#include <string.h>

#include "apiserver/openapi/openapi.h"
#include "apiserver/patch/internal.h"
#include "apiserver/patch/ownership.h"
#include "apiserver/patch/scale_owners.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/loop/loop.h"

struct json *patch_tree(struct arena *arena, const struct object *obj)
{
	struct json *tree = object_to_json(arena, obj), *meta = json_get(tree, "metadata");
	if (meta)
		json_remove(meta, "managedFields");
	json_sort(tree);
	return tree;
}

static struct typed type_of(struct api_request *req, const struct resource_type *type)
{
	return typed_root(type->schema, type->schema ? NULL : openapi_schema_of(req->server, type));
}

struct typed patch_type_of(struct api_request *req)
{
	return type_of(req, req->type);
}

struct object *patch_empty_object(const struct resource_type *type)
{
	if (type->schema)
		return object_new(type->schema);
	struct arena *arena = arena_new();
	struct json *tree = json_new_object(arena);
	json_set(arena, tree, "apiVersion", json_new_string(arena, resource_api_version(type)));
	json_set(arena, tree, "kind", json_new_string(arena, type->kind));
	return object_wrap_tree(arena, tree, NULL);
}

/* The change in the version of some other manager. */
static struct json *convert_tree(
    struct patch_change *c, const struct object *obj, const struct resource_type *to)
{
	struct object *converted = NULL;
	if (resource_convert(obj, to, &converted, NULL))
		return NULL;
	struct json *tree = patch_tree(c->ownership.arena, converted);
	object_unref(converted);
	return tree;
}

/* The kind in the version of some manager; NULL when it is not served any more. */
static const struct resource_type *in_version(
    struct api_request *req, struct arena *arena, const char *api_version)
{
	const struct resource_type *type = req->type, *to;
	const char *slash = strchr(api_version, '/');
	const char *group = slash ? arena_strndup(arena, api_version, (size_t)(slash - api_version)) : "";
	if (!strcmp(api_version, resource_api_version(type)))
		return type;
	to = api_find_type(req->server, group, slash ? slash + 1 : api_version, type->plural);
	return to && to->stored_as == type->stored_as ? to : NULL;
}

void patch_reconcile(struct api_request *req, struct managers *managers)
{
	for (size_t i = 0; i < managers->len; i++) {
		struct manager *m = &managers->items[i];
		const struct resource_type *type = in_version(req, managers->arena, m->api_version);
		m->set = type ? typed_reconcile(managers->arena, type_of(req, type), m->set)
			      : fieldset_new(managers->arena, "");
	}
	managers_drop_empty(managers);
}

static const struct ownership_view *other_view(void *arg, const char *api_version)
{
	struct patch_change *c = arg;
	for (size_t i = 0; i < c->others_len; i++)
		if (!strcmp(c->others[i].api_version, api_version))
			return &c->others[i];
	const struct resource_type *to = in_version(c->req, c->ownership.arena, api_version);
	if (!to)
		return NULL;
	if (c->others_len == sizeof c->others / sizeof c->others[0])
		return &c->ownership.view;
	struct ownership_view view = {.api_version = api_version,
	    .type = type_of(c->req, to),
	    .before = convert_tree(c, c->before, to),
	    .after = convert_tree(c, c->after, to)};
	if (!view.before || !view.after)
		return &c->ownership.view;
	ownership_compare(&c->ownership, &view);
	c->others[c->others_len] = view;
	return &c->others[c->others_len++];
}

void patch_change_init(struct patch_change *c, struct api_request *req, struct arena *arena,
    const struct object *before, const struct object *after, struct json *tree_before,
    struct json *tree_after)
{
	*c = (struct patch_change){.req = req, .before = before, .after = after};
	c->ownership = (struct ownership){.arena = arena,
	    .view = {.api_version = before->api_version,
		.type = patch_type_of(req),
		.before = tree_before,
		.after = tree_after},
	    .ignored = patch_reset_fields(req, arena, tree_after),
	    .other_view = other_view,
	    .arg = c};
	ownership_compare(&c->ownership, &c->ownership.view);
}

/* What a client sends counts when it makes sense; who does not know the field cannot delete it by leaving it
 * out. */
static void read_managers(struct api_request *req, struct arena *arena, const struct object *old,
    const struct object *obj, struct managers *ret)
{
	struct managers empty = {.arena = arena};
	*ret = empty;
	if (!*req->info.subresource) {
		if (managers_is_reset(obj->meta))
			return;
		if (!managers_read(ret, arena, obj->meta, NULL) && ret->len)
			return;
	}
	if (!old || managers_read(ret, arena, old->meta, NULL))
		*ret = empty;
}

void patch_keep_reset(struct object *obj)
{
	if (obj->meta->n_managed_fields || !managers_is_reset(obj->meta))
		return;
	obj->meta->managed_fields = ARENA_ARRAY(obj->arena, MetaV1__ManagedFieldsEntry *, 1);
	obj->meta->managed_fields[0] = API_NEW(obj->arena, meta_v1__managed_fields_entry);
	obj->meta->n_managed_fields = 1;
}

struct manager patch_self(struct api_request *req, bool is_apply)
{
	return (struct manager){.name = api_field_manager(req),
	    .api_version = resource_api_version(req->type),
	    .subresource = req->info.subresource,
	    .is_apply = is_apply};
}

/* A change through the scale subresource. */
static void track_scale(struct api_request *req, struct managers *managers, const struct object *old,
    const struct object *obj, int64_t now_s)
{
	struct arena *arena = managers->arena;
	const char *path = req->type->scale_spec_replicas;
	struct manager self = patch_self(req, false);
	scale_owners_update(managers, scale_owners_path(arena, path), &self,
	    scale_owners_count(patch_tree(arena, old), path),
	    scale_owners_count(patch_tree(arena, obj), path), now_s);
}

static void track_change(struct api_request *req, struct arena *arena, const struct object *before,
    const struct object *after, struct managers *managers, int64_t now_s)
{
	struct typed type = patch_type_of(req);
	struct json *tree_before = patch_tree(arena, before), *tree_after = patch_tree(arena, after);
	struct manager self = patch_self(req, false);
	struct patch_change change;
	if (typed_is_broken(arena, type, tree_before) || typed_is_broken(arena, type, tree_after))
		return; /* nobody can say what has changed */
	patch_reconcile(req, managers);
	patch_change_init(&change, req, arena, before, after, tree_before, tree_after);
	ownership_update(&change.ownership, managers, &self, now_s);
}

int patch_track(struct api_request *req, const struct object *old, struct object *obj, struct error *err)
{
	struct arena *arena = arena_new();
	struct object *empty = NULL;
	struct managers managers;
	read_managers(req, arena, old, obj, &managers);
	/* An object whose owners nobody knows stays that way until somebody applies. */
	if (old && !managers.len) {
		obj->meta->n_managed_fields = 0;
		obj->meta->managed_fields = NULL;
		arena_free(arena);
		return 0;
	}
	if (!old)
		empty = patch_empty_object(req->type);
	int64_t now_s = clock_wall_s(loop_clock(req->server->loop));
	if (old && !strcmp(req->info.subresource, "scale")) {
		track_scale(req, &managers, old, obj, now_s);
	} else {
		track_change(req, arena, old ? old : empty, obj, &managers, now_s);
	}
	managers_write(&managers, obj->arena, obj->meta);
	object_unref(empty);
	arena_free(arena);
	return 0;
}
