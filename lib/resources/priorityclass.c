/* scheduling.k8s.io/v1 PriorityClass. */
#include "lib/resources/strategy.h"
#include "proto/scheduling_v1.pb-c.h"

#define USER_VALUE_MAX 1000000000

static bool is_system(const SchedulingV1__PriorityClass *pc)
{
	return !pc->global_default &&
	       ((str_eq(pc->metadata->name, "system-node-critical") && pc->value == 2000001000) ||
		   (str_eq(pc->metadata->name, "system-cluster-critical") && pc->value == 2000000000));
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const SchedulingV1__PriorityClass *pc = MSG(SchedulingV1__PriorityClass, obj);

	if (ctx->is_update)
		return; /* nothing that is looked at may change */
	if (str_has_prefix(pc->metadata->name, "system-"))
		rule_forbidden_if(e, PATH_CHILD(PATH_ROOT("metadata"), "name"), !is_system(pc),
		    "priority class names with 'system-' prefix are reserved for system use only");
	else
		rule_forbidden_if(e, PATH_ROOT("value"), pc->value > USER_VALUE_MAX,
		    "maximum allowed value of a user defined priority is 1000000000");
	if (rule_required(e, PATH_ROOT("preemptionPolicy"), pc->preemption_policy))
		RULE_ENUM(
		    e, PATH_ROOT("preemptionPolicy"), pc->preemption_policy, "PreemptLowerPriority", "Never");
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const SchedulingV1__PriorityClass *pc = MSG(SchedulingV1__PriorityClass, obj),
					  *was = MSG(SchedulingV1__PriorityClass, old);

	rule_forbidden_if(e, PATH_ROOT("Value"), pc->value != was->value, "may not be changed in an update.");
	rule_immutable(
	    e, PATH_ROOT("preemptionPolicy"), str_eq(pc->preemption_policy, was->preemption_policy));
}

static const struct table_column columns[] = {
    COLUMN_NAME, COLUMN_INT("Value"), COLUMN_BOOL("Global-Default"), COLUMN("PreemptionPolicy"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const SchedulingV1__PriorityClass *pc = MSG(SchedulingV1__PriorityClass, obj);

	ret[0] = cell_text(ctx, pc->metadata->name);
	ret[1] = cell_int(ctx, pc->value);
	ret[2] = cell_bool(ctx, pc->global_default);
	ret[3] = cell_text(ctx, pc->preemption_policy);
	ret[4] = cell_age(ctx, pc->metadata->creation_timestamp);
}

const struct resource_type priorityclass_strategy = {
    .validate = validate, .validate_update = validate_update, COLUMNS(columns), .cells = cells};
