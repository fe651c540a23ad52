/* storage.k8s.io/v1 CSINode. */
#include "lib/resources/strategy.h"
#include "lib/resources/volumes.h"
#include "proto/storage_v1.pb-c.h"

static void check_driver(const StorageV1__CSINodeDriver *d, struct rule_seen *names,
    const struct field_path *p, struct field_errors *e)
{
	struct rule_seen keys = {0};

	volume_validate_csi_driver(d->name, CHILD(p, "name"), e);
	if (!str_empty(d->name) && rule_seen(names, e->arena, d->name))
		rule_duplicate(e, CHILD(p, "name"), d->name);
	if (rule_required(e, CHILD(p, "nodeID"), d->node_id))
		rule_invalid_if(e, CHILD(p, "nodeID"), strlen(d->node_id) > 256, d->node_id,
		    "must be 256 characters or less");
	if (d->allocatable && d->allocatable->has_count)
		rule_non_negative(e, CHILD(CHILD(p, "allocatable"), "count"), d->allocatable->count);
	for (size_t i = 0; i < d->n_topology_keys; i++) {
		const char *key = d->topology_keys[i];

		rule_required(e, p, key);
		if (rule_seen(&keys, e->arena, key))
			rule_duplicate(e, p, key);
		rule_format(e, p, key, "qualified-name");
	}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const StorageV1__CSINodeSpec *spec = MSG(StorageV1__CSINode, obj)->spec;
	struct rule_seen names = {0};

	for (size_t i = 0; i < spec->n_drivers; i++)
		check_driver(spec->drivers[i], &names, AT(CHILD(PATH_ROOT("spec"), "drivers"), i), e);
}

/* Drivers come and go, but one does not change while it is there. */
static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const StorageV1__CSINodeSpec *spec = MSG(StorageV1__CSINode, obj)->spec,
				     *was = MSG(StorageV1__CSINode, old)->spec;

	for (size_t i = 0; i < was->n_drivers; i++)
		for (size_t j = 0; j < spec->n_drivers; j++)
			if (str_eq(was->drivers[i]->name, spec->drivers[j]->name))
				rule_immutable(e, PATH_ROOT("CSINodeDriver"),
				    api_equal(was->drivers[i], spec->drivers[j]));
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN_INT("Drivers"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_int(ctx, (int64_t)MSG(StorageV1__CSINode, obj)->spec->n_drivers);
	ret[2] = cell_age(ctx, obj->meta->creation_timestamp);
}

const struct resource_type csinode_strategy = {
    .validate = validate, .validate_update = validate_update, COLUMNS(columns), .cells = cells};
