/* The drivers: what is done to every kind, in which the hooks of its strategy take part. */
#include <string.h>

#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/resources/strategy.h"
#include "lib/resources/cells.h"
#include "lib/resources/resource.h"
#include "lib/resources/rules.h"
#include "lib/resources/schema_defaults.h"
#include "lib/resources/schema_rules.h"

static MetaV1__ObjectMeta *metadata_of(const ProtobufCMessage *msg, const struct schema *schema)
{
	return *(MetaV1__ObjectMeta *const *)((const char *)msg + schema_find(schema, "metadata")->offset);
}

/* A version without defaults of its own takes those of the stored one. */
static void default_as_stored(
    const struct resource_type *type, struct object *obj, const struct resource_context *ctx)
{
	struct object *stored = NULL, *back = NULL;

	if (resource_convert(obj, type->stored_as, &stored, NULL) == 0) {
		resource_apply_defaults(type->stored_as, stored, ctx);
		if (resource_convert(stored, type, &back, NULL) == 0) {
			obj->msg = api_clone_message(obj->arena, back->msg);
			obj->meta = metadata_of(obj->msg, type->schema);
		}
	}
	object_unref(back);
	object_unref(stored);
}

void resource_apply_defaults(
    const struct resource_type *type, struct object *obj, const struct resource_context *ctx)
{
	if (type->dynamic)
		type->dynamic->defaults(type, obj);
	if (!obj->msg)
		return;
	schema_apply_defaults(obj->arena, type->schema, obj->msg);
	if (type->defaults)
		type->defaults(obj, ctx);
	else if (type->stored_as != type)
		default_as_stored(type, obj, ctx);
	schema_drop_empty_lists(type->schema, obj->msg);
}

/* The top-level struct member `status`; NULL for a kind without one. */
static ProtobufCMessage **status_member(const struct resource_type *type, const struct object *obj)
{
	const struct schema_field *f =
	    obj->msg && (type->flags & RESOURCE_STATUS) ? schema_find(type->schema, "status") : NULL;

	return f ? (ProtobufCMessage **)((char *)obj->msg + f->offset) : NULL;
}

void resource_prepare_create(
    const struct resource_type *type, struct object *obj, const struct resource_context *ctx)
{
	ProtobufCMessage **status = status_member(type, obj);

	if (status && !(type->flags & RESOURCE_KEEP_STATUS))
		*status = api_new_schema(obj->arena, schema_find(type->schema, "status")->message);
	if (type->prepare_create)
		type->prepare_create(obj, ctx);
}

void resource_prepare_update(const struct resource_type *type, struct object *obj, const struct object *old,
    const struct resource_context *ctx)
{
	ProtobufCMessage **status = status_member(type, obj);
	ProtobufCMessage **was = status ? status_member(type, old) : NULL;

	if (status)
		*status = *was ? api_clone_message(obj->arena, *was) : NULL;
	if (type->prepare_update)
		type->prepare_update(obj, old, ctx);
}

void strategy_keep_meta(struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	MetaV1__ObjectMeta *was = api_clone_message(obj->arena, &old->meta->base);

	(void)ctx;
	obj->meta->labels = was->labels;
	obj->meta->n_labels = was->n_labels;
	obj->meta->annotations = was->annotations;
	obj->meta->n_annotations = was->n_annotations;
	obj->meta->finalizers = was->finalizers;
	obj->meta->n_finalizers = was->n_finalizers;
	obj->meta->owner_references = was->owner_references;
	obj->meta->n_owner_references = was->n_owner_references;
}

void resource_prepare_status_update(const struct resource_type *type, struct object *obj,
    const struct object *old, const struct resource_context *ctx)
{
	const struct schema_field *f = obj->msg ? schema_find(type->schema, "spec") : NULL;

	if (f && f->kind == SCHEMA_MESSAGE && f->shape == SCHEMA_SINGLE) {
		const ProtobufCMessage *was = *(ProtobufCMessage *const *)((char *)old->msg + f->offset);

		*(ProtobufCMessage **)((char *)obj->msg + f->offset) =
		    was ? api_clone_message(obj->arena, was) : NULL;
	}
	if (type->prepare_status_update)
		type->prepare_status_update(obj, old, ctx);
}

/* Groups whose validation upstream does not go through core's, which is stricter about finalizers. */
static bool has_core_finalizer_rule(const struct resource_type *type)
{
	return strcmp(type->group, "apiextensions.k8s.io") && strcmp(type->group, "apiregistration.k8s.io") &&
	       strcmp(type->group, "admissionregistration.k8s.io") && strcmp(type->group, "policy");
}

static void validate_meta(
    const struct resource_type *type, const struct object *obj, struct field_errors *errors)
{
	rule_object_meta(errors, PATH_ROOT("metadata"), obj->meta, type->flags & RESOURCE_NAMESPACED,
	    type->name_format ? type->name_format : "dns-subdomain", has_core_finalizer_rule(type));
}

/* A version without rules of its own is validated as the stored one. Returns NULL when it has its own. */
static struct object *as_stored(const struct resource_type *type, const struct object *obj)
{
	struct object *stored = NULL;

	if (type->stored_as != type && !type->validate && !type->dynamic)
		resource_convert(obj, type->stored_as, &stored, NULL);
	return stored;
}

static void validate_one(const struct resource_type *type, const struct object *obj,
    const struct resource_context *ctx, struct field_errors *errors)
{
	if (obj->msg)
		schema_validate(type->schema, obj->msg, type->flags & RESOURCE_DECLARATIVE, NULL, errors);
	if (type->dynamic && !ctx->is_update)
		type->dynamic->validate(type, obj, NULL, errors);
	if (type->validate)
		type->validate(obj, ctx, errors);
}

void resource_validate(const struct resource_type *type, const struct object *obj,
    const struct resource_context *ctx, struct field_errors *errors)
{
	struct object *stored = as_stored(type, obj);
	struct resource_context stored_ctx = *ctx;

	validate_meta(type, obj, errors);
	stored_ctx.requested = type;
	if (stored)
		validate_one(type->stored_as, stored, &stored_ctx, errors);
	else
		validate_one(type, obj, ctx, errors);
	object_unref(stored);
}

void resource_validate_update(const struct resource_type *type, const struct object *obj,
    const struct object *old, const struct resource_context *ctx, struct field_errors *errors)
{
	struct object *stored = as_stored(type, obj), *stored_old = stored ? as_stored(type, old) : NULL;
	struct resource_context stored_ctx = *ctx;

	stored_ctx.is_update = true;
	rule_object_meta_update(errors, PATH_ROOT("metadata"), obj->meta, old->meta);
	resource_validate(type, obj, &stored_ctx, errors);
	if (type->dynamic)
		type->dynamic->validate(type, obj, old, errors);
	if (stored_old) {
		stored_ctx.requested = type;
		ctx = &stored_ctx;
		obj = stored;
		old = stored_old;
		type = type->stored_as;
	}
	if (obj->msg && old->msg)
		schema_validate_update(type->schema, obj->msg, old->msg, NULL, errors);
	if (type->validate_update)
		type->validate_update(obj, old, ctx, errors);
	object_unref(stored_old);
	object_unref(stored);
}

void resource_validate_status_update(const struct resource_type *type, const struct object *obj,
    const struct object *old, const struct resource_context *ctx, struct field_errors *errors)
{
	rule_object_meta_update(errors, PATH_ROOT("metadata"), obj->meta, old->meta);
	validate_meta(type, obj, errors);
	if (type->dynamic)
		type->dynamic->validate(type, obj, old, errors);
	if (type->validate_status_update)
		type->validate_status_update(obj, old, ctx, errors);
}

/* A field may have another name in another version; matching is done on the stored object. */
static bool is_selectable(const struct resource_type *type, const char *name)
{
	if (type->field_selectors && str_in(name, type->field_selectors))
		return true;
	for (size_t i = 0; i < resources_count(); i++) {
		const struct resource_type *other = resources_at(i);

		if (other->stored_as == type && other->field_selectors &&
		    str_in(name, other->field_selectors))
			return true;
	}
	return false;
}

const char *resource_field(
    const struct resource_type *type, const struct object *obj, const char *name, struct arena *arena)
{
	if (!strcmp(name, "metadata.name"))
		return str_or(obj->meta->name, "");
	if (!strcmp(name, "metadata.namespace"))
		return str_or(obj->meta->namespace_, "");
	if (type->dynamic)
		return type->dynamic->field(type, obj, name, arena);
	return type->field && is_selectable(type, name) ? type->field(obj, name, arena) : NULL;
}

static const struct table_column generic_columns[] = {COLUMN_NAME, {"Created At", "date", "", "", 0}};

/* A version without columns of its own is shown as the stored one. */
void resource_columns(const struct resource_type *type, const struct table_column **ret, size_t *ret_len)
{
	if (type && !type->columns)
		type = type->stored_as;
	if (type && type->columns) {
		*ret = type->columns;
		*ret_len = type->columns_len;
	} else {
		*ret = generic_columns;
		*ret_len = 2;
	}
}

void resource_cells(const struct resource_type *type, const struct object *obj,
    const struct resource_context *ctx, struct json **ret_cells)
{
	struct object *stored = NULL;

	if (type && type->dynamic) {
		type->dynamic->cells(type, obj, ctx, ret_cells);
		return;
	}
	if (type && type->stored_as && type->stored_as != type && !type->cells && type->stored_as->cells &&
	    resource_convert(obj, type->stored_as, &stored, NULL) == 0) {
		obj = stored;
		type = type->stored_as;
	}
	if (type && type->cells) {
		type->cells(obj, ctx, ret_cells);
	} else {
		ret_cells[0] = cell_text(ctx, obj->meta->name);
		ret_cells[1] = cell_time(ctx, obj->meta->creation_timestamp);
	}
	object_unref(stored);
}

/* Versions of the same shape: through JSON, which both spell alike. */
static int convert_through_json(const struct object *src, struct object *dst, struct error *err)
{
	struct json *tree = object_to_json(dst->arena, src);
	ProtobufCMessage *msg;

	json_set(dst->arena, tree, "apiVersion", json_new_string(dst->arena, dst->api_version));
	if (codec_from_json(dst->arena, dst->schema, tree, NULL, &msg, err) < 0)
		return error_prefix(err, "converting %s to %s", src->api_version, dst->api_version);
	dst->msg = msg;
	dst->meta = metadata_of(msg, dst->schema);
	return 0;
}

static int convert_step(const struct object *src, const struct resource_type *hidden,
    const struct resource_type *to, struct object **ret, struct error *err)
{
	struct object *dst = object_new(to->schema);
	int r = hidden->convert ? hidden->convert(src, dst, err) : convert_through_json(src, dst, err);

	if (r < 0) {
		object_unref(dst);
		return r;
	}
	dst->revision = src->revision;
	*ret = dst;
	return 0;
}

const char *resource_error_group(const struct resource_type *type)
{
	return type->error_group ? type->error_group : type->group;
}

int resource_convert(
    const struct object *src, const struct resource_type *to, struct object **ret, struct error *err)
{
	const struct resource_type *from = resource_of(src);
	struct object *stored = NULL;
	int r;

	if (to->dynamic) {
		const struct object *known = object_in_version(src, resource_api_version(to));
		struct object *copy = object_clone(known ? known : src);

		r = to->dynamic->convert(to, copy, err);
		*ret = r < 0 ? NULL : copy;
		if (r < 0)
			object_unref(copy);
		return r;
	}
	if (!from || from == to) {
		*ret = object_clone(src);
		return 0;
	}
	if (from->stored_as != to->stored_as)
		return error_set(err, ERR_INTERNAL, "%s is no version of %s", from->plural, to->plural);
	if (from->stored_as == from)
		return convert_step(src, to, to, ret, err);
	if (to->stored_as == to)
		return convert_step(src, from, to, ret, err);
	if (convert_step(src, from, from->stored_as, &stored, err) < 0)
		return -1;
	r = convert_step(stored, to, to, ret, err);
	object_unref(stored);
	return r;
}
