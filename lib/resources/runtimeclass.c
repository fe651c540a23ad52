/* node.k8s.io/v1 RuntimeClass. */
#include "lib/resources/strategy.h"
#include "proto/node_v1.pb-c.h"

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const NodeV1__RuntimeClass *rc = MSG(NodeV1__RuntimeClass, obj);

	rule_format(e, PATH_ROOT("handler"), rc->handler, "dns-label");
	for (size_t i = 0; rc->overhead && i < rc->overhead->n_pod_fixed; i++)
		rule_resource_value(e,
		    KEY(PATH_CHILD(PATH_ROOT("overhead"), "podFixed"), rc->overhead->pod_fixed[i]->key),
		    rc->overhead->pod_fixed[i]->key, rc->overhead->pod_fixed[i]->value);
	if (rc->scheduling)
		rule_labels(e, PATH_CHILD(PATH_ROOT("scheduling"), "nodeSelector"),
		    rc->scheduling->n_node_selector, rc->scheduling->node_selector);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	rule_immutable(e, PATH_ROOT("handler"),
	    str_eq(MSG(NodeV1__RuntimeClass, obj)->handler, MSG(NodeV1__RuntimeClass, old)->handler));
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Handler"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_text(ctx, MSG(NodeV1__RuntimeClass, obj)->handler);
	ret[2] = cell_age(ctx, obj->meta->creation_timestamp);
}

const struct resource_type runtimeclass_strategy = {
    .validate = validate, .validate_update = validate_update, COLUMNS(columns), .cells = cells};
