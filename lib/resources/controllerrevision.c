/* apps/v1 ControllerRevision. */
#include "lib/resources/strategy.h"
#include "proto/apps_v1.pb-c.h"

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	rule_required_that(e, PATH_ROOT("data"),
	    MSG(AppsV1__ControllerRevision, obj)->data && MSG(AppsV1__ControllerRevision, obj)->data->raw.len,
	    "data is mandatory");
	rule_non_negative(e, PATH_ROOT("revision"), MSG(AppsV1__ControllerRevision, obj)->revision);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	rule_immutable(e, PATH_ROOT("data"),
	    api_equal(
		MSG(AppsV1__ControllerRevision, obj)->data, MSG(AppsV1__ControllerRevision, old)->data));
}

/* "deployment.apps/web": the owner as kubectl names it. */
static const char *controller_text(const MetaV1__ObjectMeta *meta, struct arena *arena)
{
	const MetaV1__OwnerReference *owner = object_controller(meta);
	const char *slash = owner ? strchr(owner->api_version, '/') : NULL;

	if (!owner)
		return "<none>";
	if (!slash)
		return arena_printf(arena, "%s/%s", str_lower(arena, owner->kind), owner->name);
	return arena_printf(arena, "%s.%.*s/%s", str_lower(arena, owner->kind),
	    (int)(slash - owner->api_version), owner->api_version, owner->name);
}

static const struct table_column columns[] = {
    COLUMN_NAME, COLUMN("Controller"), COLUMN("Revision"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_text(ctx, controller_text(obj->meta, ctx->arena));
	ret[2] = cell_int(ctx, MSG(AppsV1__ControllerRevision, obj)->revision);
	ret[3] = cell_age(ctx, obj->meta->creation_timestamp);
}

const struct resource_type controllerrevision_strategy = {
    .validate = validate, .validate_update = validate_update, COLUMNS(columns), .cells = cells};
