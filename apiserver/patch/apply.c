/* Server-side apply: the config merged into what is there, what is no longer applied taken away, conflicts
 * found. */
#include <string.h>

#include "apiserver/patch/internal.h"
#include "apiserver/patch/json_patch.h"
#include "apiserver/patch/scale_owners.h"
#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

/* One apply under way. */
struct apply {
	struct api_request *req;
	struct arena *arena; /* scratch */
	const struct object *live;
	struct json *config, *live_tree, *merged;
	struct managers managers;
	struct error *err;
};

static int check_type(struct apply *a)
{
	const char *kind = json_get_string(a->config, "kind", ""),
		   *version = json_get_string(a->config, "apiVersion", "");
	if (!*version)
		return error_set(a->err, ERR_BAD_REQUEST, "the applied configuration misses apiVersion");
	if (!*kind)
		return error_set(a->err, ERR_BAD_REQUEST, "the applied configuration misses kind");
	if (strcmp(kind, a->live->kind) != 0 || strcmp(version, a->live->api_version) != 0)
		return error_set(a->err, ERR_BAD_REQUEST,
		    "the applied configuration is a %s of %s, not a %s of %s", kind, version, a->live->kind,
		    a->live->api_version);
	return 0;
}

/* What the schema does not know cannot be owned, so it is refused whatever fieldValidation says. */
static int check_fields(struct apply *a)
{
	struct codec_warnings unknown = {.arena = a->arena};
	ProtobufCMessage *msg = NULL;
	if (!a->live->schema)
		return 0;
	if (codec_from_json(a->arena, a->live->schema, a->config, &unknown, &msg, a->err)) {
		a->err->code = ERR_BAD_REQUEST;
		return error_prefix(a->err, "failed to create typed patch object");
	}
	if (unknown.len)
		return error_set(a->err, ERR_BAD_REQUEST,
		    "failed to create typed patch object: %s: field not declared in schema",
		    unknown.items[0]);
	return 0;
}

static int check_config(struct apply *a, bool is_creating)
{
	struct api_request *req = a->req;
	const struct json *meta = json_get(a->config, "metadata");
	if (a->config->type != JSON_OBJECT)
		return error_set(a->err, ERR_BAD_REQUEST, "the applied configuration is no object");
	if (json_is_deeper(a->config, JSON_PATCH_DEPTH_MAX))
		return error_set(a->err, ERR_BAD_REQUEST, "the applied configuration nests too deeply");
	if (check_type(a))
		return -1;
	const struct json *managed = json_get(meta, "managedFields");
	if (managed && managed->type != JSON_NULL)
		return error_set(a->err, ERR_BAD_REQUEST, "metadata.managedFields must be nil");
	if (is_creating && !*json_get_string(meta, "name", ""))
		return error_set(a->err, ERR_BAD_REQUEST, "name must be provided");
	const char *uid = json_get_string(meta, "uid", "");
	if (is_creating && *uid) {
		error_set(a->err, ERR_CONFLICT,
		    "uid mismatch: the provided object specified uid %s, and no existing object was found",
		    uid);
		error_about(a->err, req->type->group, req->type->plural, req->info.name);
		return -1;
	}
	if (check_fields(a))
		return -1;
	const char *bad = typed_find_bad_item(a->arena, patch_type_of(a->req), a->config);
	if (!bad)
		return 0;
	return error_set(a->err, ERR_BAD_REQUEST, "failed to create typed patch object: %s %s",
	    *bad == '?' ? "a list item misses its keys" : "duplicate entries for key",
	    *bad == '?' ? "" : bad + 2);
}

/* Who wrote before anybody applied is not known when managedFields was cleared: a name of its own owns it
 * all. */
static void own_what_is_there(struct apply *a)
{
	struct manager before = {.name = "before-first-apply",
	    .api_version = resource_api_version(a->req->type),
	    .subresource = a->req->info.subresource};
	struct object *empty = patch_empty_object(a->req->type);
	struct patch_change change;
	patch_change_init(
	    &change, a->req, a->arena, empty, a->live, patch_tree(a->arena, empty), a->live_tree);
	ownership_update(
	    &change.ownership, &a->managers, &before, clock_wall_s(loop_clock(a->req->server->loop)));
	object_unref(empty);
}

/* The same for the one field of a Scale, when nobody owns it. */
static void own_replicas(struct apply *a)
{
	const char *path = a->req->type->scale_spec_replicas;
	struct fieldset *field = scale_owners_path(a->arena, path);
	struct manager before = {.name = "before-first-apply",
	    .api_version = resource_api_version(a->req->type),
	    .subresource = a->req->info.subresource,
	    .has_time = true,
	    .time_s = clock_wall_s(loop_clock(a->req->server->loop))};
	if (scale_owners_count(a->live_tree, path) && !scale_owners_exist(&a->managers, field))
		managers_add(&a->managers, &before)->set = field;
}

struct report {
	struct apply *apply;
	struct field_errors *causes;
	struct buf text;
	const char *who;
};

static void add_conflict(void *arg, const char *path)
{
	struct report *r = arg;
	field_errors_add(r->causes, FIELD_MANAGER_CONFLICT, path, "", "conflict with %s", r->who);
	buf_printf(&r->text, "\n- %s", path);
}

static const char *describe(struct arena *arena, const struct manager *m)
{
	char time[TIME_TEXT_MAX];
	const char *part =
	    *m->subresource ? arena_printf(arena, " with subresource \"%s\"", m->subresource) : "";
	if (m->is_apply)
		return arena_printf(arena, "\"%s\"%s", m->name, part);
	return arena_printf(arena, "\"%s\"%s using %s%s%s", m->name, part, m->api_version,
	    m->has_time ? " at " : "", m->has_time ? time_format(m->time_s, time) : "");
}

static int report_conflicts(struct apply *a, const struct ownership_conflict *conflicts, size_t len)
{
	struct field_errors *causes = ARENA_NEW(a->req->arena, struct field_errors);
	struct report r = {a, causes, BUF_INIT, ""};
	field_errors_init(causes, a->req->arena);
	for (size_t i = 0; i < len; i++) {
		r.who = describe(a->req->arena, conflicts[i].manager);
		buf_printf(&r.text, "%sconflicts with %s:", i ? "\n" : "", r.who);
		fieldset_for_each(conflicts[i].fields, add_conflict, &r);
	}
	if (causes->len == 1)
		error_set(a->err, ERR_CONFLICT, "Apply failed with 1 conflict: conflict with %s: %s", r.who,
		    causes->items[0].field);
	else
		error_set(a->err, ERR_CONFLICT, "Apply failed with %zu conflicts: %s", causes->len,
		    buf_str(&r.text));
	a->err->causes = causes;
	buf_done(&r.text);
	return -1;
}

/* When `kubectl` applies, there is no conflict about what its annotation shows to be set by its client-side
 * apply: it is the same user. */
static size_t drop_allowed(struct apply *a, struct ownership_conflict *conflicts, size_t len)
{
	if (strcmp(api_field_manager(a->req), "kubectl") != 0)
		return len;
	struct fieldset *allowed =
	    last_applied_fields(a->arena, patch_type_of(a->req), a->live, a->live_tree);
	size_t kept = 0;
	if (fieldset_is_empty(allowed))
		return len;
	for (size_t i = 0; i < len; i++) {
		conflicts[i].fields = fieldset_difference(a->arena, conflicts[i].fields, allowed);
		if (!fieldset_is_empty(conflicts[i].fields))
			conflicts[kept++] = conflicts[i];
	}
	return kept;
}

static int settle(struct apply *a, struct ownership *o, const struct manager *self, bool force)
{
	size_t len = 0;
	struct ownership_conflict *conflicts = ownership_settle(o, &a->managers, self, force, &len);
	if (force || !len)
		return 0;
	len = drop_allowed(a, conflicts, len);
	if (len)
		return report_conflicts(a, conflicts, len);
	ownership_settle(o, &a->managers, self, true, &len);
	return 0;
}

/* The object that comes out; its managedFields are those of the live one still. */
static int make_object(struct apply *a, struct object **ret)
{
	struct arena *arena = arena_new();
	struct json *tree = json_clone(arena, a->merged);
	if (!strcmp(api_field_manager(a->req), "kubectl"))
		last_applied_refresh(arena, tree, a->config);
	return patch_to_object(a->req, a->live, arena, tree, ret, a->err);
}

/*
 * The live tree that the config is merged into. Gone from it are empty objects in items that this manager
 * applied, that it does not apply now and that nobody else claims: what is made of no fields is in no set,
 * and pruning would overlook it.
 */
static const struct json *merge_base(struct apply *a, const struct manager *self, struct typed type)
{
	const struct fieldset *empty, *now;
	if (!self)
		return a->live_tree;
	empty = typed_empty_choices(a->arena, type, a->live_tree, self->set);
	now = typed_empty_choices(a->arena, type, a->config, self->set);
	empty = fieldset_difference(a->arena, empty, now);
	for (size_t i = 0; i < a->managers.len; i++)
		if (&a->managers.items[i] != self)
			empty = fieldset_difference(a->arena, empty, a->managers.items[i].set);
	return fieldset_is_empty(empty) ? a->live_tree : typed_remove(a->arena, type, a->live_tree, empty);
}

static int run(struct apply *a, struct object **ret)
{
	struct api_request *req = a->req;
	struct typed type = patch_type_of(a->req);
	struct manager like = patch_self(req, true), *self = managers_find(&a->managers, &like);
	const struct fieldset *last = self ? self->set : NULL;
	const struct json *base = merge_base(a, self, type);
	const struct fieldset *ignored = patch_reset_fields(req, a->arena, a->config);
	struct fieldset *set = typed_fields(a->arena, type, a->config);
	struct patch_change change;
	struct object *obj = NULL;
	if (ignored) {
		set = fieldset_without(a->arena, set, ignored);
		last = fieldset_without(a->arena, last, ignored);
	}
	if (!self)
		self = managers_add(&a->managers, &like);
	self->set = set;
	self->api_version = like.api_version;
	a->merged = typed_merge(a->arena, type, base, a->config);
	/* Names count here, although nobody owns them in the end: they keep the metadata that they stand in.
	 */
	a->merged = ownership_prune(a->arena, type, a->merged, &a->managers, last);
	self->set = ownership_strip(a->arena, set);
	if (make_object(a, &obj))
		return -1;
	patch_change_init(&change, req, a->arena, a->live, obj, a->live_tree, a->merged);
	/* What this manager takes over counts by the field, whatever the version of the others. */
	struct manager before = *self;
	if (settle(a, &change.ownership, self, req->options.force)) {
		object_unref(obj);
		return -1;
	}
	self = managers_find(&a->managers, &before);
	/* Who changes nothing keeps the time of the last change, or has none. */
	if (self && !json_equal(a->merged, a->live_tree)) {
		self->has_time = true;
		self->time_s = clock_wall_s(loop_clock(req->server->loop));
	}
	if (req->is_creating)
		obj->meta->resource_version = ""; /* of an object that is gone */
	managers_write(&a->managers, obj->arena, obj->meta);
	*ret = obj;
	return 0;
}

/* Sets the member at a dotted path, making objects on the way. */
static void set_path(struct arena *arena, struct json *tree, const char *path, struct json *value)
{
	size_t len = 0;
	char **keys = str_split(arena, *path == '.' ? path + 1 : path, '.', &len);
	for (size_t k = 0; k + 1 < len; k++) {
		struct json *next = json_get(tree, keys[k]);
		if (!next)
			json_set(arena, tree, keys[k], next = json_new_object(arena));
		tree = next;
	}
	json_set(arena, tree, keys[len - 1], value);
}

/* A Scale that is applied is a config of the object that it scales, of one field. */
static struct json *unfold_scale(
    struct api_request *req, struct arena *arena, const struct json *scale, struct error *err)
{
	const struct json *replicas = json_get_path(scale, "spec.replicas"),
			  *meta = json_get(scale, "metadata");
	struct json *config = json_new_object(arena);
	int64_t n = 0;
	if (strcmp(json_get_string(scale, "kind", ""), "Scale") != 0 ||
	    strcmp(json_get_string(scale, "apiVersion", ""), "autoscaling/v1") != 0 ||
	    (replicas && !json_is_int(replicas, &n))) {
		error_set(err, ERR_BAD_REQUEST, "the applied configuration is no Scale of autoscaling/v1");
		return NULL;
	}
	json_set(arena, config, "apiVersion", json_new_string(arena, resource_api_version(req->type)));
	json_set(arena, config, "kind", json_new_string(arena, req->type->kind));
	if (meta)
		json_set(arena, config, "metadata", json_clone(arena, meta));
	if (replicas)
		set_path(arena, config, req->type->scale_spec_replicas, json_new_int(arena, n));
	return config;
}

int apply_patch(struct api_request *req, const struct object *current, struct json *patch,
    struct object **ret, struct error *err)
{
	struct apply a = {.req = req, .arena = arena_new(), .err = err};
	struct object *empty = current ? NULL : patch_empty_object(req->type);
	a.live = current ? current : empty;
	bool is_scale = !strcmp(req->info.subresource, "scale");
	a.config = is_scale ? unfold_scale(req, a.arena, patch, err) : json_clone(a.arena, patch);
	int rc = a.config ? 0 : -1;
	if (!rc) {
		json_sort(a.config);
		a.live_tree = patch_tree(a.arena, a.live);
		rc = check_config(&a, !current);
	}
	if (!rc && typed_is_broken(a.arena, patch_type_of(req), a.live_tree))
		rc = error_set(err, ERR_INTERNAL,
		    "failed to create typed live object: %s has a list with keys of whose items one lacks a "
		    "key; "
		    "update the object before you apply to it",
		    a.live->meta->name);
	if (!rc && managers_read(&a.managers, a.arena, a.live->meta, NULL))
		a.managers = (struct managers){.arena = a.arena};
	bool is_owned = a.managers.len > 0;
	if (!rc)
		patch_reconcile(req, &a.managers);
	if (!rc && current && is_scale)
		own_replicas(&a);
	else if (!rc && current && !is_owned)
		own_what_is_there(&a);
	if (!rc)
		rc = run(&a, ret);
	object_unref(empty);
	arena_free(a.arena);
	return rc;
}
