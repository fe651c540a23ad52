/* storage.k8s.io/v1 CSIDriver. */
#include "lib/resources/strategy.h"
#include "proto/storage_v1.pb-c.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	StorageV1__CSIDriverSpec *spec = MSG(StorageV1__CSIDriver, obj)->spec;

	if (!spec->n_volume_lifecycle_modes)
		api_append(obj->arena, spec, volume_lifecycle_modes, (char *)"Persistent");
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const StorageV1__CSIDriverSpec *spec = MSG(StorageV1__CSIDriver, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");
	struct rule_seen audiences = {0};

	for (size_t i = 0; i < spec->n_volume_lifecycle_modes; i++)
		RULE_ENUM(e, CHILD(p, "volumeLifecycleModes"), spec->volume_lifecycle_modes[i], "Ephemeral",
		    "Persistent");
	if (spec->fs_group_policy)
		RULE_ENUM(e, CHILD(p, "fsGroupPolicy"), spec->fs_group_policy, "File", "None",
		    "ReadWriteOnceWithFSType");
	for (size_t i = 0; i < spec->n_token_requests; i++) {
		const StorageV1__TokenRequest *t = spec->token_requests[i];
		const struct field_path *at = AT(CHILD(p, "tokenRequests"), i);

		if (rule_seen(&audiences, e->arena, str_or(t->audience, "")))
			rule_duplicate(e, CHILD(at, "audience"), t->audience);
		else if (t->has_expiration_seconds)
			rule_range(e, CHILD(at, "expirationSeconds"), t->expiration_seconds, 600, 1LL << 32);
	}
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const StorageV1__CSIDriverSpec *spec = MSG(StorageV1__CSIDriver, obj)->spec,
				       *was = MSG(StorageV1__CSIDriver, old)->spec;
	bool same = spec->n_volume_lifecycle_modes == was->n_volume_lifecycle_modes;

	for (size_t i = 0; same && i < spec->n_volume_lifecycle_modes; i++)
		same = str_eq(spec->volume_lifecycle_modes[i], was->volume_lifecycle_modes[i]);
	rule_immutable(e, CHILD(PATH_ROOT("spec"), "attachedRequired"),
	    /* upstream's word */ spec->attach_required == was->attach_required);
	rule_immutable(e, CHILD(PATH_ROOT("spec"), "volumeLifecycleModes"), same);
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN_BOOL("AttachRequired"),
    COLUMN_BOOL("PodInfoOnMount"), COLUMN_BOOL("StorageCapacity"), COLUMN("TokenRequests"),
    COLUMN_BOOL("RequiresRepublish"), COLUMN("Modes"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const StorageV1__CSIDriverSpec *spec = MSG(StorageV1__CSIDriver, obj)->spec;
	char **audiences = ARENA_ARRAY(ctx->arena, char *, spec->n_token_requests + 1);

	for (size_t i = 0; i < spec->n_token_requests; i++)
		audiences[i] = spec->token_requests[i]->audience;
	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_bool(ctx, !spec->has_attach_required || spec->attach_required);
	ret[2] = cell_bool(ctx, spec->pod_info_on_mount);
	ret[3] = cell_bool(ctx, spec->storage_capacity);
	ret[4] = cell_text(
	    ctx, spec->n_token_requests ? cell_join(ctx, spec->n_token_requests, audiences, ",") : "<unset>");
	ret[5] = cell_bool(ctx, spec->requires_republish);
	ret[6] =
	    cell_text(ctx, cell_join(ctx, spec->n_volume_lifecycle_modes, spec->volume_lifecycle_modes, ","));
	ret[7] = cell_age(ctx, obj->meta->creation_timestamp);
}

const struct resource_type csidriver_strategy = {.defaults = defaults,
    .validate = validate,
    .validate_update = validate_update,
    COLUMNS(columns),
    .cells = cells};
