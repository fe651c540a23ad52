#include "lib/resources/hpa_rules.h"

#include <string.h>

#include "lib/base/str.h"

static void check_reference(
    const AutoscalingV2__CrossVersionObjectReference *ref, const struct field_path *p, struct field_errors *e)
{
	rule_name(e, CHILD(p, "kind"), ref->kind, "path-segment");
	rule_name(e, CHILD(p, "name"), ref->name, "path-segment");
}

static void check_identifier(
    const AutoscalingV2__MetricIdentifier *id, const struct field_path *p, struct field_errors *e)
{
	rule_name(e, CHILD(p, "name"), id->name, "path-segment");
}

static bool is_positive(const Resource__Quantity *q)
{
	return quantity_of(q).nano > 0;
}

static void check_target(
    const AutoscalingV2__MetricTarget *t, const struct field_path *p, struct field_errors *e)
{
	static const char *const types[] = {"Utilization", "Value", "AverageValue", NULL};

	rule_required(e, CHILD(p, "type"), t->type);
	rule_invalid_if(e, CHILD(p, "type"), !str_in(str_or(t->type, ""), types), t->type,
	    "must be either Utilization, Value, or AverageValue");
	rule_invalid_if(e, CHILD(p, "value"), t->value && !is_positive(t->value), NULL, "must be positive");
	rule_invalid_if(e, CHILD(p, "averageValue"), t->average_value && !is_positive(t->average_value), NULL,
	    "must be positive");
	rule_invalid_if(e, CHILD(p, "averageUtilization"),
	    t->has_average_utilization && t->average_utilization < 1, NULL, "must be greater than 0");
}

static void check_resource_target(
    const AutoscalingV2__MetricTarget *t, const struct field_path *p, struct field_errors *e)
{
	check_target(t, p, e);
	rule_required_that(e, CHILD(p, "averageUtilization"), t->has_average_utilization || t->average_value,
	    "must set either a target raw value or a target utilization");
	rule_forbidden_if(e, CHILD(p, "averageValue"), t->has_average_utilization && t->average_value,
	    "may not set both a target raw value and a target utilization");
}

static void check_sources(
    const AutoscalingV2__MetricSpec *m, const struct field_path *p, struct field_errors *e)
{
	if (m->object) {
		check_reference(m->object->described_object, CHILD(CHILD(p, "object"), "describedObject"), e);
		check_identifier(m->object->metric, CHILD(CHILD(p, "object"), "metric"), e);
		check_target(m->object->target, CHILD(CHILD(p, "object"), "target"), e);
		rule_required_that(e, CHILD(CHILD(CHILD(p, "object"), "target"), "averageValue"),
		    m->object->target->value || m->object->target->average_value,
		    "must set either a target value for metric or a per-pod target");
	}
	if (m->external) {
		const struct field_path *target = CHILD(CHILD(p, "external"), "target");

		check_identifier(m->external->metric, CHILD(CHILD(p, "external"), "metric"), e);
		check_target(m->external->target, target, e);
		rule_required_that(e, CHILD(target, "averageValue"),
		    m->external->target->value || m->external->target->average_value,
		    "must set either a target value for metric or a per-pod target");
		rule_forbidden_if(e, CHILD(target, "value"),
		    m->external->target->value && m->external->target->average_value,
		    "may not set both a target value for metric and a per-pod target");
	}
	if (m->pods) {
		check_identifier(m->pods->metric, CHILD(CHILD(p, "pods"), "metric"), e);
		check_target(m->pods->target, CHILD(CHILD(p, "pods"), "target"), e);
		rule_required_that(e, CHILD(CHILD(CHILD(p, "pods"), "target"), "averageValue"),
		    m->pods->target->average_value, "must specify a positive target averageValue");
	}
	if (m->resource) {
		rule_required(e, CHILD(CHILD(p, "resource"), "name"), m->resource->name);
		check_resource_target(m->resource->target, CHILD(CHILD(p, "resource"), "target"), e);
	}
	if (m->container_resource) {
		rule_required(e, CHILD(CHILD(p, "containerResource"), "name"), m->container_resource->name);
		rule_required(
		    e, CHILD(CHILD(p, "containerResource"), "container"), m->container_resource->container);
		check_resource_target(
		    m->container_resource->target, CHILD(CHILD(p, "containerResource"), "target"), e);
	}
}

static void check_metric(
    const AutoscalingV2__MetricSpec *m, const struct field_path *p, struct field_errors *e)
{
	const struct {
		const char *type, *field;
		const void *source;
	} sources[] = {{"Object", "object", m->object}, {"Pods", "pods", m->pods},
	    {"Resource", "resource", m->resource},
	    {"ContainerResource", "containerResource", m->container_resource},
	    {"External", "external", m->external}};
	const char *expected = "";
	int count = 0;

	rule_required_that(e, CHILD(p, "type"), !str_empty(m->type), "must specify a metric source type");
	RULE_ENUM(
	    e, CHILD(p, "type"), m->type, "ContainerResource", "External", "Object", "Pods", "Resource");
	check_sources(m, p, e);
	for (size_t i = 0; i < 5; i++) {
		count += sources[i].source != NULL;
		if (!str_eq(m->type, sources[i].type))
			continue;
		expected = sources[i].field;
		rule_required_that(e, CHILD(p, expected), sources[i].source,
		    "must populate information for the given metric source");
	}
	for (size_t i = 0; count != 1 && i < 5; i++)
		rule_forbidden_if(e, CHILD(p, sources[i].field),
		    sources[i].source && strcmp(sources[i].field, expected),
		    "must populate the given metric source only");
}

static void check_scaling(
    const AutoscalingV2__HPAScalingRules *rules, const struct field_path *p, struct field_errors *e)
{
	if (!rules)
		return;
	if (rules->has_stabilization_window_seconds)
		rule_range(
		    e, CHILD(p, "stabilizationWindowSeconds"), rules->stabilization_window_seconds, 0, 3600);
	if (rules->select_policy)
		RULE_ENUM(e, CHILD(p, "selectPolicy"), rules->select_policy, "Disabled", "Max", "Min");
	rule_required_that(e, CHILD(p, "policies"), rules->n_policies, "must specify at least one Policy");
	for (size_t i = 0; i < rules->n_policies; i++) {
		const AutoscalingV2__HPAScalingPolicy *policy = rules->policies[i];
		const struct field_path *at = AT(CHILD(p, "policies"), i);

		RULE_ENUM(e, CHILD(at, "type"), policy->type, "Percent", "Pods");
		rule_positive(e, CHILD(at, "value"), policy->value);
		rule_range(e, CHILD(at, "periodSeconds"), policy->period_seconds, 1, 1800);
	}
}

void hpa_validate(const AutoscalingV2__HorizontalPodAutoscalerSpec *spec, const struct field_path *p,
    struct field_errors *e)
{
	bool measures_elsewhere = false;

	if (spec->has_min_replicas)
		rule_invalid_if(e, CHILD(p, "minReplicas"), spec->min_replicas < 1, NULL,
		    "must be greater than or equal to 1");
	rule_positive(e, CHILD(p, "maxReplicas"), spec->max_replicas);
	rule_invalid_if(e, CHILD(p, "maxReplicas"),
	    spec->has_min_replicas && spec->max_replicas < spec->min_replicas, NULL,
	    "must be greater than or equal to `minReplicas`");
	check_reference(spec->scale_target_ref, CHILD(p, "scaleTargetRef"), e);
	for (size_t i = 0; i < spec->n_metrics; i++) {
		check_metric(spec->metrics[i], AT(CHILD(p, "metrics"), i), e);
		measures_elsewhere = measures_elsewhere || str_eq(spec->metrics[i]->type, "Object") ||
				     str_eq(spec->metrics[i]->type, "External");
	}
	rule_forbidden_if(e, CHILD(p, "metrics"),
	    spec->has_min_replicas && !spec->min_replicas && !measures_elsewhere,
	    "must specify at least one Object or External metric to support scaling to zero replicas");
	if (!spec->behavior)
		return;
	check_scaling(spec->behavior->scale_up, CHILD(CHILD(p, "behavior"), "scaleUp"), e);
	check_scaling(spec->behavior->scale_down, CHILD(CHILD(p, "behavior"), "scaleDown"), e);
}
