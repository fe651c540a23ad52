/* The stage `validate`: the strategy prepares the object, then every rule is checked. */
#include <inttypes.h>
#include <string.h>

#include "apiserver/patch/patch.h"
#include "apiserver/registry/internal.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

enum { GENERATED_SUFFIX = 5, GENERATED_BASE_MAX = 58 };

static int report(struct api_request *req, const struct field_errors *errors, struct error *err)
{
	if (!errors->len)
		return API_NEXT;
	field_errors_to_error(
	    errors, resource_error_group(req->type), req->type->kind, req->object->meta->name, err);
	return API_FAIL;
}

static struct field_errors *new_errors(struct api_request *req)
{
	struct field_errors *errors = ARENA_NEW(req->arena, struct field_errors);
	field_errors_init(errors, req->arena);
	return errors;
}

static void generate_name(struct object *obj)
{
	MetaV1__ObjectMeta *meta = obj->meta;
	char suffix[GENERATED_SUFFIX + 1];
	if (*meta->name || !*meta->generate_name)
		return;
	str_random(suffix, GENERATED_SUFFIX);
	meta->name = arena_printf(obj->arena, "%.*s%s", GENERATED_BASE_MAX, meta->generate_name, suffix);
}

static int prepare_create(struct api_request *req, struct error *err)
{
	struct object *obj = req->object;
	MetaV1__ObjectMeta *meta = obj->meta;
	struct resource_context ctx = registry_context(req);
	if (*meta->resource_version && strcmp(meta->resource_version, "0") != 0)
		return error_set(
		    err, ERR_BAD_REQUEST, "resourceVersion should not be set on objects to be created");
	meta->resource_version = "";
	meta->self_link = "";
	if ((req->type->flags & RESOURCE_STATUS) && !(req->type->flags & RESOURCE_KEEP_STATUS))
		registry_reset_status(obj);
	if (req->type->flags & RESOURCE_HAS_GENERATION) {
		meta->has_generation = true;
		meta->generation = 1;
	}
	generate_name(obj);
	if (!*req->info.name)
		req->info.name = arena_strdup(req->arena, meta->name);
	char uid[37];
	str_uuid(uid);
	meta->uid = arena_strdup(obj->arena, uid);
	resource_prepare_create(req->type, obj, &ctx); /* a job's selector is made of its uid */
	meta->creation_timestamp = time_new(obj->arena, ctx.now_s);
	meta->deletion_timestamp = NULL;
	meta->has_deletion_grace_period_seconds = false;
	return 0;
}

static int validate_create(struct api_request *req, struct error *err)
{
	struct resource_context ctx = registry_context(req);
	struct field_errors *errors = new_errors(req);
	if (prepare_create(req, err))
		return API_FAIL;
	resource_validate(req->type, req->object, &ctx, errors);
	return report(req, errors, err);
}

/* What a client may not change of the metadata is taken from the stored object. */
static void keep_system_fields(struct object *obj, const struct object *old)
{
	MetaV1__ObjectMeta *meta = obj->meta;
	if (!*meta->uid)
		meta->uid = arena_strdup(obj->arena, old->meta->uid);
	meta->creation_timestamp = old->meta->creation_timestamp
				       ? time_new(obj->arena, time_seconds(old->meta->creation_timestamp))
				       : NULL;
	/* What marks a deletion stays as it is; a client that sets it where it is not finds it immutable. */
	if (old->meta->deletion_timestamp)
		meta->deletion_timestamp = time_new(obj->arena, time_seconds(old->meta->deletion_timestamp));
	if (old->meta->has_deletion_grace_period_seconds && !meta->has_deletion_grace_period_seconds) {
		meta->has_deletion_grace_period_seconds = true;
		meta->deletion_grace_period_seconds = old->meta->deletion_grace_period_seconds;
	}
	meta->has_generation = old->meta->has_generation;
	meta->generation = old->meta->generation;
	meta->self_link = "";
	if (!*meta->generate_name)
		meta->generate_name = arena_strdup(obj->arena, old->meta->generate_name);
}

static int check_preconditions(struct api_request *req, struct error *err)
{
	const MetaV1__ObjectMeta *meta = req->object->meta, *old = req->old->meta;
	/* A patch carries no precondition: there a changed uid is an immutable field. */
	if (*meta->uid && strcmp(meta->uid, old->uid) != 0 && req->info.verb == API_UPDATE) {
		error_set(err, ERR_CONFLICT,
		    "Operation cannot be fulfilled on %s \"%s\": Precondition failed: UID in precondition: "
		    "%s, UID in object "
		    "meta: %s",
		    req->type->plural, req->info.name, meta->uid, old->uid);
		registry_about(req, err);
		return -1;
	}
	const char *version = meta->resource_version;
	int64_t revision = 0;
	if (registry_parse_revision(version, &revision, err))
		return -1;
	bool has_version = *version && strcmp(version, "0") != 0;
	if (!has_version && req->info.verb == API_UPDATE && !req->is_internal &&
	    !(req->type->flags & RESOURCE_UNCONDITIONAL_UPDATE)) {
		struct field_errors *errors = new_errors(req);
		field_errors_add(errors, FIELD_INVALID, "metadata.resourceVersion", "0x0",
		    "must be specified for an update");
		return field_errors_to_error(errors, req->type->group, req->type->plural, meta->name, err);
	}
	if (!has_version || !strcmp(version, old->resource_version))
		return 0;
	/* Another server may have brought the version that the client has seen: look once with a fresh cache.
	 */
	return registry_state(req)->is_fenced ? registry_conflict(req, err) : 1;
}

static void check_new_finalizers(struct api_request *req, struct field_errors *errors)
{
	const MetaV1__ObjectMeta *meta = req->object->meta, *old = req->old->meta;
	if (!old->deletion_timestamp)
		return;
	for (size_t i = 0; i < meta->n_finalizers; i++)
		if (!object_has_finalizer(old, meta->finalizers[i]))
			field_errors_add(errors, FIELD_FORBIDDEN, "metadata.finalizers", NULL,
			    "no new finalizers can be added if the object is being deleted, found new "
			    "finalizers "
			    "[]string{\"%s\"}",
			    meta->finalizers[i]);
}

/* A write to the status of a custom resource changes nothing of its metadata, not even labels. */
static void keep_only_managers(struct object *obj, const MetaV1__ObjectMeta *sent)
{
	const MetaV1__ObjectMeta *meta = api_clone(obj->arena, sent);
	obj->meta->managed_fields = meta->managed_fields;
	obj->meta->n_managed_fields = meta->n_managed_fields;
}

/* A status write changes the status and metadata only: all the rest comes from the old object. */
static void prepare_status(struct api_request *req)
{
	struct resource_context ctx = registry_context(req);
	struct object *sent = req->object, *obj = object_clone(req->old);
	if (req->type->dynamic)
		keep_only_managers(obj, sent->meta);
	else
		registry_set_meta(obj, sent->meta);
	registry_keep_status(obj, sent);
	object_unref(sent);
	req->object = obj;
	ctx.arena = obj->arena;
	if (req->type->prepare_status_update)
		req->type->prepare_status_update(obj, req->old, &ctx);
}

static void prepare_main(struct api_request *req)
{
	struct resource_context ctx = registry_context(req);
	struct object *obj = req->object;
	const struct object *old = req->old;
	/* A part-wise subresource has its object made of the old one already; approval writes to the status.
	 */
	if ((req->type->flags & RESOURCE_STATUS) && !*req->info.subresource)
		registry_keep_status(obj, old);
	if (req->type->prepare_update)
		req->type->prepare_update(obj, old, &ctx);
	/* Where annotations count too, the hook has counted already. */
	bool is_counted = obj->meta->generation != old->meta->generation;
	bool counts =
	    (req->type->flags & RESOURCE_HAS_GENERATION) && !(req->type->flags & RESOURCE_FIXED_GENERATION);
	if (counts && !is_counted && registry_spec_changed(req->type, obj, old))
		obj->meta->generation = old->meta->generation + 1;
}

static int validate_update(struct api_request *req, struct error *err)
{
	struct resource_context ctx = registry_context(req);
	struct field_errors *errors = new_errors(req);
	bool is_status = !strcmp(req->info.subresource, "status");
	int rc = check_preconditions(req, err);
	if (rc > 0) {
		registry_state(req)->is_fenced = true;
		return registry_fence(req);
	}
	if (rc < 0)
		return API_FAIL;
	keep_system_fields(req->object, req->old);
	if (is_status)
		prepare_status(req);
	else if (registry_prepare_subresource(req, err))
		return API_FAIL;
	else
		prepare_main(req);
	/* Where only a part of what was sent counts, only that part is owned. */
	if (!registry_tracks_whole(req) && req->patch_type != PATCH_APPLY &&
	    patch_track(req, req->old, req->object, err))
		return API_FAIL;
	check_new_finalizers(req, errors);
	if (is_status)
		resource_validate_status_update(req->type, req->object, req->old, &ctx, errors);
	else
		resource_validate_update(req->type, req->object, req->old, &ctx, errors);
	return report(req, errors, err);
}

int registry_validate(struct api_request *req, struct error *err)
{
	if (req->info.verb == API_DELETE || req->info.verb == API_DELETECOLLECTION)
		return API_NEXT;
	if (registry_take_result(req))
		return API_AGAIN; /* the cache is fresh now: start over with what it has */
	if (registry_has_own_kind(req) && strcmp(req->info.subresource, "scale") != 0)
		return API_NEXT;
	if (req->type->flags & RESOURCE_VIRTUAL)
		return API_NEXT; /* reviews and bindings: nothing is stored, and who serves them checks them
				  */
	return req->is_creating ? validate_create(req, err) : validate_update(req, err);
}
