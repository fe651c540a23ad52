/* What every verb needs: names in errors, waiting, selectors, status. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/registry/internal.h"
#include "lib/api/json.h"
#include "lib/api/labels.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

struct registry_state *registry_state(struct api_request *req)
{
	if (!req->registry_state)
		req->registry_state = ARENA_NEW(req->arena, struct registry_state);
	return req->registry_state;
}

const char *registry_ns(const struct api_request *req)
{
	return req->type->flags & RESOURCE_NAMESPACED ? req->info.ns : "";
}

struct resource_context registry_context(struct api_request *req)
{
	struct arena *arena = req->object ? req->object->arena : req->arena;
	return (struct resource_context){.arena = arena,
	    .now_s = clock_wall_s(loop_clock(req->server->loop)),
	    .subresource = req->info.subresource};
}

void registry_about(const struct api_request *req, struct error *err)
{
	error_about(err, req->type->group, req->type->plural, req->info.name);
}

/* `deployments.apps "web"`, as upstream names an object in messages. */
static const char *qualified(const struct api_request *req)
{
	return *req->type->group ? arena_printf(req->arena, "%s.%s", req->type->plural, req->type->group)
				 : req->type->plural;
}

int registry_not_found(const struct api_request *req, struct error *err)
{
	if (registry_is_unreadable(req))
		return registry_unreadable(req, err);
	error_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", qualified(req), req->info.name);
	registry_about(req, err);
	/* All kinds with a scale but StatefulSets name it there when it is read. */
	bool is_core = req->type == resource_replicationcontrollers;
	if (!strcmp(req->info.subresource, "scale") && req->info.verb == API_GET &&
	    req->type != resource_statefulsets)
		error_about(err, is_core ? "autoscaling" : req->type->group,
		    arena_printf(req->arena, "%s/scale", req->type->plural), req->info.name);
	return API_FAIL;
}

int registry_conflict(const struct api_request *req, struct error *err)
{
	error_set(err, ERR_CONFLICT,
	    "Operation cannot be fulfilled on %s \"%s\": the object has been modified; please apply your "
	    "changes to the "
	    "latest version and try again",
	    qualified(req), req->info.name);
	registry_about(req, err);
	return API_FAIL;
}

bool registry_matches(struct api_request *req, const struct object *obj)
{
	const struct api_request_options *o = &req->options;
	const struct resource_type *type = req->type->stored_as ? req->type->stored_as : req->type;
	/* A webhook may change labels and fields: it is what the client sees that is selected. */
	const struct object *seen =
	    obj->versions ? object_in_version(obj, resource_api_version(req->type)) : NULL;
	if (seen) {
		obj = seen;
		type = req->type;
	}
	if (o->labels && !selector_matches(o->labels, obj->meta))
		return false;
	for (size_t i = 0; o->fields && i < o->fields->len; i++) {
		const struct field_term *t = &o->fields->terms[i];
		const char *value = resource_field(type, obj, t->field, req->arena);
		if (str_eq(value, t->value) != t->equal)
			return false;
	}
	return true;
}

bool registry_take_result(struct api_request *req)
{
	struct registry_state *state = registry_state(req);
	bool has = state->has_result;
	state->has_result = false;
	return has;
}

static void cancel_wait(void *arg)
{
	struct api_request *req = arg;
	struct registry_state *state = registry_state(req);
	watchcache_wait_cancel(state->wait);
	state->wait = NULL;
}

static void on_ready(void *arg, const struct error *err)
{
	struct api_request *req = arg;
	struct registry_state *state = registry_state(req);
	state->wait = NULL;
	state->has_result = true;
	state->error = err ? *err : ERROR_INIT;
	api_request_resume(req);
}

static int pend(struct api_request *req, struct watchcache_wait *wait)
{
	registry_state(req)->wait = wait;
	if (!api_is_write(req)) {
		req->cancel = cancel_wait;
		req->cancel_arg = req;
	}
	return API_PENDING;
}

int registry_fence(struct api_request *req)
{
	return pend(req, watchcache_fence(req->server, on_ready, req));
}

int registry_wait(struct api_request *req, int64_t revision, int64_t timeout_ms)
{
	return pend(req, watchcache_wait(req->server, revision, timeout_ms, on_ready, req));
}

int registry_await_history(struct api_request *req, int64_t revision)
{
	struct watchcache_wait *wait =
	    watchcache_await_history(req->server, req->type, revision, on_ready, req);
	return wait ? pend(req, wait) : API_NEXT;
}

void registry_on_stored(void *arg, const struct storage_result *result)
{
	struct api_request *req = arg;
	struct registry_state *state = registry_state(req);
	state->op = NULL;
	state->has_result = true;
	state->error = result->error ? *result->error : ERROR_INIT;
	state->succeeded = result->succeeded;
	state->revision = result->revision;
	api_request_resume(req);
}

int registry_parse_revision(const char *text, int64_t *ret, struct error *err)
{
	uint64_t n = 0;
	if (*text && (!str_to_uint64(text, &n) || n > INT64_MAX))
		return error_set(err, ERR_BAD_REQUEST, "invalid resource version \"%s\"", text);
	*ret = (int64_t)n;
	return 0;
}

/* 504 with the cause that makes clients wait and try again. */
int registry_too_new(struct api_request *req, int64_t revision, struct error *err)
{
	struct field_errors *causes = ARENA_NEW(req->arena, struct field_errors);
	field_errors_init(causes, req->arena);
	field_errors_add(causes, FIELD_RESOURCE_VERSION_TOO_LARGE, "", NULL, "Too large resource version");
	error_set(err, ERR_TIMEOUT, "Too large resource version: %" PRId64 ", current: %" PRId64, revision,
	    watchcache_revision(req->server));
	err->retry_after_s = 1;
	err->causes = causes;
	return API_FAIL;
}

/* The embedded message of a top-level field; NULL when the kind has none. */
static void **top_message(const struct object *obj, const char *name)
{
	const struct schema_field *f = obj->schema ? schema_find(obj->schema, name) : NULL;
	if (!f || f->kind != SCHEMA_MESSAGE || f->shape != SCHEMA_SINGLE)
		return NULL;
	return (void **)((char *)obj->msg + f->offset);
}

void registry_set_meta(struct object *obj, const MetaV1__ObjectMeta *meta)
{
	void **slot = top_message(obj, "metadata");
	obj->meta = api_clone_message(obj->arena, &meta->base);
	if (slot)
		*slot = obj->meta;
}

void registry_reset_status(struct object *obj)
{
	void **status = top_message(obj, "status");
	if (status && *status)
		*status = api_new_descriptor(obj->arena, ((ProtobufCMessage *)*status)->descriptor);
	if (obj->tree)
		json_remove(obj->tree, "status");
}

void registry_keep_status(struct object *obj, const struct object *old)
{
	void **status = top_message(obj, "status"), **old_status = top_message(old, "status");
	if (status && old_status)
		*status = *old_status ? api_clone_message(obj->arena, *old_status) : NULL;
	if (obj->tree && old->tree) {
		struct json *kept = json_get(old->tree, "status");
		if (kept)
			json_set(obj->arena, obj->tree, "status", json_clone(obj->arena, kept));
		else
			json_remove(obj->tree, "status");
	}
}

/* Of a custom resource; its status counts when it has no subresource of that name. */
static bool tree_changed(const struct json *a, const struct json *b, bool has_status)
{
	size_t shared = 0, a_len = 0, b_len = 0;
	const char *const skipped[] = {"metadata", has_status ? "status" : NULL, NULL};
	for (size_t i = 0; i < a->len; i++) {
		if (str_in(a->members[i].key, skipped))
			continue;
		a_len++;
		struct json *other = json_get(b, a->members[i].key);
		shared += other && json_equal(a->members[i].value, other);
	}
	for (size_t i = 0; i < b->len; i++)
		b_len += !str_in(b->members[i].key, skipped);
	return shared != a_len || a_len != b_len;
}

/* Does anything but metadata and status differ? */
bool registry_spec_changed(
    const struct resource_type *type, const struct object *obj, const struct object *old)
{
	if (obj->tree && old->tree)
		return tree_changed(obj->tree, old->tree, type->flags & RESOURCE_STATUS);
	void **spec = top_message(obj, "spec"), **old_spec = top_message(old, "spec");
	if (spec && old_spec)
		return !api_equal_message(*spec, *old_spec);
	struct object *probe = object_clone(obj);
	registry_keep_status(probe, old);
	void **meta = top_message(probe, "metadata");
	*meta = old->meta;
	bool changed = !api_equal_message(probe->msg, old->msg);
	object_unref(probe);
	return changed;
}
