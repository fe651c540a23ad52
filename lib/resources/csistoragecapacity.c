/* storage.k8s.io/v1 CSIStorageCapacity. */
#include "lib/resources/strategy.h"
#include "proto/storage_v1.pb-c.h"

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const StorageV1__CSIStorageCapacity *c = MSG(StorageV1__CSIStorageCapacity, obj);

	rule_label_selector(e, PATH_ROOT("nodeTopology"), c->node_topology);
	rule_format(e, PATH_ROOT("storageClassName"), c->storage_class_name, "dns-subdomain");
	if (c->capacity)
		rule_quantity_non_negative(e, PATH_ROOT("capacity"), c->capacity);
	if (c->maximum_volume_size)
		rule_quantity_non_negative(e, PATH_ROOT("maximumVolumeSize"), c->maximum_volume_size);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const StorageV1__CSIStorageCapacity *c = MSG(StorageV1__CSIStorageCapacity, obj),
					    *was = MSG(StorageV1__CSIStorageCapacity, old);

	rule_immutable(e, PATH_ROOT("nodeTopology"), api_equal(c->node_topology, was->node_topology));
	rule_immutable(
	    e, PATH_ROOT("storageClassName"), str_eq(c->storage_class_name, was->storage_class_name));
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("StorageClassName"), COLUMN("Capacity")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const StorageV1__CSIStorageCapacity *c = MSG(StorageV1__CSIStorageCapacity, obj);
	struct quantity q = quantity_of(c->capacity);
	char text[QUANTITY_TEXT_MAX];

	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_text(ctx, c->storage_class_name);
	ret[2] = cell_text(ctx, c->capacity ? quantity_format(&q, text) : "<unset>");
}

const struct resource_type csistoragecapacity_strategy = {
    .validate = validate, .validate_update = validate_update, COLUMNS(columns), .cells = cells};
