/* policy/v1 PodDisruptionBudget. */
#include "lib/resources/strategy.h"
#include "proto/policy_v1.pb-c.h"

static void check_amount(const Intstr__IntOrString *value, const struct field_path *p, struct field_errors *e)
{
	rule_int_or_percent(e, p, value);
	rule_at_most_all(e, p, value);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const PolicyV1__PodDisruptionBudgetSpec *spec = MSG(PolicyV1__PodDisruptionBudget, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	rule_invalid_if(e, p, spec->min_available && spec->max_unavailable, NULL,
	    "minAvailable and maxUnavailable cannot be both set");
	check_amount(spec->min_available, CHILD(p, "minAvailable"), e);
	check_amount(spec->max_unavailable, CHILD(p, "maxUnavailable"), e);
	rule_label_selector(e, CHILD(p, "selector"), spec->selector);
	if (spec->unhealthy_pod_eviction_policy)
		RULE_ENUM(e, CHILD(p, "unhealthyPodEvictionPolicy"), spec->unhealthy_pod_eviction_policy,
		    "AlwaysAllow", "IfHealthyBudget");
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const PolicyV1__PodDisruptionBudgetStatus *s = MSG(PolicyV1__PodDisruptionBudget, obj)->status;
	const struct field_path *p = PATH_ROOT("status");

	rule_conditions(e, CHILD(p, "conditions"), s->n_conditions, s->conditions);
	rule_non_negative(e, CHILD(p, "disruptionsAllowed"), s->disruptions_allowed);
	rule_non_negative(e, CHILD(p, "currentHealthy"), s->current_healthy);
	rule_non_negative(e, CHILD(p, "desiredHealthy"), s->desired_healthy);
	rule_non_negative(e, CHILD(p, "expectedPods"), s->expected_pods);
}

static struct json *amount(const struct resource_context *ctx, const Intstr__IntOrString *value)
{
	if (!value)
		return cell_text(ctx, "N/A");
	return intstr_is_string(value) ? cell_text(ctx, value->str_val)
				       : cell_printf(ctx, "%d", value->int_val);
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Min Available"), COLUMN("Max Unavailable"),
    COLUMN_INT("Allowed Disruptions"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const PolicyV1__PodDisruptionBudget *pdb = MSG(PolicyV1__PodDisruptionBudget, obj);

	ret[0] = cell_text(ctx, pdb->metadata->name);
	ret[1] = amount(ctx, pdb->spec->min_available);
	ret[2] = amount(ctx, pdb->spec->max_unavailable);
	ret[3] = cell_int(ctx, pdb->status->disruptions_allowed);
	ret[4] = cell_age(ctx, pdb->metadata->creation_timestamp);
}

const struct resource_type pdb_strategy = {
    .validate = validate, .validate_status_update = validate_status_update, COLUMNS(columns), .cells = cells};
