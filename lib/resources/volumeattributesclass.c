/* storage.k8s.io/v1 VolumeAttributesClass: parameters of a volume that may change while it is in use. */
#include "lib/resources/strategy.h"
#include "proto/storage_v1.pb-c.h"

enum { MAX_PARAMETERS = 512, MAX_PARAMETERS_BYTES = 256 * 1024 };

static void check_parameters(const StorageV1__VolumeAttributesClass *class, struct field_errors *e)
{
	const struct field_path *p = PATH_ROOT("parameters");
	size_t size = 0;

	if (!rule_required_that(e, p, class->n_parameters, "must contain at least one key/value pair"))
		return;
	for (size_t i = 0; i < class->n_parameters; i++) {
		const struct api_string_entry *entry = (const void *)class->parameters[i];

		rule_invalid_if(e, p, str_empty(entry->key), entry->key, "field can not be empty.");
		size += strlen(entry->key) + strlen(entry->value);
	}
	if (class->n_parameters > MAX_PARAMETERS || size > MAX_PARAMETERS_BYTES)
		field_errors_at(e, FIELD_TOO_LONG, p, NULL,
		    "may not hold more than 512 parameters or more than 262144 bytes in all");
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const StorageV1__VolumeAttributesClass *class = MSG(StorageV1__VolumeAttributesClass, obj);

	if (rule_required(e, PATH_ROOT("driverName"), class->driver_name))
		rule_format(
		    e, PATH_ROOT("driverName"), str_lower(e->arena, class->driver_name), "qualified-name");
	check_parameters(class, e);
}

/* Who wants other values makes another class and names it in the claim. */
static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const StorageV1__VolumeAttributesClass *class = MSG(StorageV1__VolumeAttributesClass, obj),
					       *was = MSG(StorageV1__VolumeAttributesClass, old);

	rule_forbidden_if(e, PATH_ROOT("driverName"), !str_eq(class->driver_name, was->driver_name),
	    "updates to driverName are forbidden.");
	rule_forbidden_if(e, PATH_ROOT("parameters"), !api_map_equal(class, was, parameters),
	    "updates to parameters are forbidden.");
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("DriverName"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const StorageV1__VolumeAttributesClass *class = MSG(StorageV1__VolumeAttributesClass, obj);

	ret[0] = cell_text(ctx, class->metadata->name);
	ret[1] = cell_text(ctx, class->driver_name);
	ret[2] = cell_age(ctx, class->metadata->creation_timestamp);
}

const struct resource_type volumeattributesclass_strategy = {
    .validate = validate, .validate_update = validate_update, COLUMNS(columns), .cells = cells};
