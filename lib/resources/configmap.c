/* v1 ConfigMap. */
#include "lib/resources/strategy.h"
#include "proto/core_v1.pb-c.h"

#define DATA_SIZE_MAX (1024 * 1024)

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__ConfigMap *cm = MSG(CoreV1__ConfigMap, obj);
	size_t total = 0;

	for (size_t i = 0; i < cm->n_data; i++) {
		rule_format(e, KEY(PATH_ROOT("data"), cm->data[i]->key), cm->data[i]->key, "config-key");
		total += strlen(cm->data[i]->value);
	}
	for (size_t i = 0; i < cm->n_binary_data; i++) {
		const char *key = cm->binary_data[i]->key;

		rule_format(e, KEY(PATH_ROOT("binaryData"), key), key, "config-key");
		rule_invalid_if(e, KEY(PATH_ROOT("data"), key), api_map_get(cm, data, key) != NULL, key,
		    "duplicate of key present in binaryData");
		total += cm->binary_data[i]->value.len;
	}
	if (total > DATA_SIZE_MAX)
		field_errors_at(
		    e, FIELD_TOO_LONG, PATH_ROOT("[]"), "", "may not be more than %d bytes", DATA_SIZE_MAX);
}

static bool same_data(const CoreV1__ConfigMap *a, const CoreV1__ConfigMap *b)
{
	if (a->n_data != b->n_data)
		return false;
	for (size_t i = 0; i < a->n_data; i++)
		if (strcmp(a->data[i]->key, b->data[i]->key) || strcmp(a->data[i]->value, b->data[i]->value))
			return false;
	return true;
}

static bool same_binary_data(const CoreV1__ConfigMap *a, const CoreV1__ConfigMap *b)
{
	if (a->n_binary_data != b->n_binary_data)
		return false;
	for (size_t i = 0; i < a->n_binary_data; i++)
		if (!api_equal(a->binary_data[i], b->binary_data[i]))
			return false;
	return true;
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__ConfigMap *cm = MSG(CoreV1__ConfigMap, obj), *was = MSG(CoreV1__ConfigMap, old);
	static const char detail[] = "field is immutable when `immutable` is set";

	if (!was->has_immutable || !was->immutable)
		return;
	rule_forbidden_if(e, PATH_ROOT("immutable"), !cm->has_immutable || !cm->immutable, detail);
	rule_forbidden_if(e, PATH_ROOT("data"), !same_data(cm, was), detail);
	rule_forbidden_if(e, PATH_ROOT("binaryData"), !same_binary_data(cm, was), detail);
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Data"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__ConfigMap *cm = MSG(CoreV1__ConfigMap, obj);

	ret[0] = cell_text(ctx, cm->metadata->name);
	ret[1] = cell_int(ctx, (int64_t)(cm->n_data + cm->n_binary_data));
	ret[2] = cell_age(ctx, cm->metadata->creation_timestamp);
}

const struct resource_type configmap_strategy = {
    .validate = validate, .validate_update = validate_update, COLUMNS(columns), .cells = cells};
