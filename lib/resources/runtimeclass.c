/* node.k8s.io/v1 RuntimeClass. */
#include "lib/resources/podspec.h"
#include "lib/resources/strategy.h"
#include "proto/node_v1.pb-c.h"

/* Looked at, and reported, as if they were a container's limits. */
static void check_overhead(const NodeV1__Overhead *o, const struct field_path *p, struct field_errors *e)
{
	CoreV1__ResourceRequirements limits = CORE_V1__RESOURCE_REQUIREMENTS__INIT;

	limits.n_limits = o->n_pod_fixed;
	limits.limits = (void *)o->pod_fixed;
	podspec_validate_resources(&limits, p, e);
}

static void check_tolerations(const NodeV1__Scheduling *s, const struct field_path *p, struct field_errors *e)
{
	CoreV1__PodSpec pod = CORE_V1__POD_SPEC__INIT;

	pod.n_tolerations = s->n_tolerations;
	pod.tolerations = s->tolerations;
	podspec_validate_tolerations(&pod, p, e);
	for (size_t i = 0; i < s->n_tolerations; i++)
		for (size_t j = 0; j < i; j++)
			if (api_equal(s->tolerations[i], s->tolerations[j])) {
				rule_duplicate(e, AT(p, i), "");
				break;
			}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const NodeV1__RuntimeClass *rc = MSG(NodeV1__RuntimeClass, obj);

	rule_format(e, PATH_ROOT("handler"), rc->handler, "dns-label");
	if (rc->overhead)
		check_overhead(rc->overhead, PATH_ROOT("overhead"), e);
	if (!rc->scheduling)
		return;
	rule_labels(e, PATH_CHILD(PATH_ROOT("scheduling"), "nodeSelector"), rc->scheduling->n_node_selector,
	    rc->scheduling->node_selector);
	check_tolerations(rc->scheduling, PATH_CHILD(PATH_ROOT("scheduling"), "tolerations"), e);
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
