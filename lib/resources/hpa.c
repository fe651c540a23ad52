/* autoscaling/v2 HorizontalPodAutoscaler. */
#include "lib/resources/hpa_rules.h"
#include "lib/resources/strategy.h"

static AutoscalingV2__HPAScalingPolicy *new_policy(struct arena *arena, const char *type, int32_t value)
{
	AutoscalingV2__HPAScalingPolicy *p = API_NEW(arena, autoscaling_v2__hpascaling_policy);

	p->type = (char *)type;
	p->value = value;
	p->period_seconds = 15;
	return p;
}

/* Up at once, by 4 pods or by doubling, whichever is more; down by any number, all from the longer
 * stabilisation. */
static AutoscalingV2__HPAScalingRules *default_rules(
    struct arena *arena, AutoscalingV2__HPAScalingRules *rules, bool up)
{
	if (!rules)
		rules = API_NEW(arena, autoscaling_v2__hpascaling_rules);
	if (!rules->select_policy)
		rules->select_policy = (char *)"Max";
	if (up && !rules->has_stabilization_window_seconds)
		rules->has_stabilization_window_seconds = true;
	if (rules->policies)
		return rules;
	if (up)
		api_append(arena, rules, policies, new_policy(arena, "Pods", 4));
	api_append(arena, rules, policies, new_policy(arena, "Percent", 100));
	return rules;
}

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	AutoscalingV2__HorizontalPodAutoscalerSpec *spec =
	    MSG(AutoscalingV2__HorizontalPodAutoscaler, obj)->spec;

	if (!spec->n_metrics) {
		AutoscalingV2__MetricSpec *m = API_NEW(obj->arena, autoscaling_v2__metric_spec);

		m->type = (char *)"Resource";
		m->resource = API_NEW(obj->arena, autoscaling_v2__resource_metric_source);
		m->resource->name = (char *)"cpu";
		m->resource->target->type = (char *)"Utilization";
		m->resource->target->has_average_utilization = true;
		m->resource->target->average_utilization = 80;
		api_append(obj->arena, spec, metrics, m);
	}
	if (!spec->behavior)
		return;
	spec->behavior->scale_up = default_rules(obj->arena, spec->behavior->scale_up, true);
	spec->behavior->scale_down = default_rules(obj->arena, spec->behavior->scale_down, false);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	hpa_validate(MSG(AutoscalingV2__HorizontalPodAutoscaler, obj)->spec, PATH_ROOT("spec"), e);
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const AutoscalingV2__HorizontalPodAutoscalerStatus *s =
	    MSG(AutoscalingV2__HorizontalPodAutoscaler, obj)->status;

	rule_non_negative(e, CHILD(PATH_ROOT("status"), "currentReplicas"), s->current_replicas);
	rule_non_negative(e, CHILD(PATH_ROOT("status"), "desiredReplicas"), s->desired_replicas);
}

/* The cpu target stands last: where a reader of v1 finds it, and where upstream puts it. Errors name the
 * order as sent. */
static void prepare_create(struct object *obj, const struct resource_context *ctx)
{
	AutoscalingV2__HorizontalPodAutoscalerSpec *spec =
	    MSG(AutoscalingV2__HorizontalPodAutoscaler, obj)->spec;
	struct field_errors errors;

	field_errors_init(&errors, ctx->arena);
	validate(obj, ctx, &errors);
	for (size_t i = 0; !errors.len && i + 1 < spec->n_metrics; i++) {
		AutoscalingV2__MetricSpec *m = spec->metrics[i];

		if (!m->resource || !str_eq(m->resource->name, "cpu") ||
		    !m->resource->target->has_average_utilization)
			continue;
		memmove(spec->metrics + i, spec->metrics + i + 1,
		    (spec->n_metrics - i - 1) * sizeof *spec->metrics);
		spec->metrics[spec->n_metrics - 1] = m;
		return;
	}
}

static void prepare_update(struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	prepare_create(obj, ctx);
}

static const char *quantity_text(const Resource__Quantity *q, struct arena *arena)
{
	struct quantity v = quantity_of(q);
	char text[QUANTITY_TEXT_MAX];

	return arena_strdup(arena, quantity_format(&v, text));
}

static const AutoscalingV2__MetricStatus *current_of(
    const AutoscalingV2__HorizontalPodAutoscaler *hpa, size_t i)
{
	return i < hpa->status->n_current_metrics ? hpa->status->current_metrics[i] : NULL;
}

static const char *target_text(
    const AutoscalingV2__MetricTarget *t, const AutoscalingV2__MetricValueStatus *now, struct arena *arena)
{
	const char *current = "<unknown>";

	if (t->average_value) {
		if (now && now->average_value)
			current = quantity_text(now->average_value, arena);
		return arena_printf(arena, "%s/%s (avg)", current, quantity_text(t->average_value, arena));
	}
	if (t->has_average_utilization) {
		if (now && now->has_average_utilization)
			current = arena_printf(arena, "%d%%", now->average_utilization);
		return arena_printf(arena, "%s/%d%%", current, t->average_utilization);
	}
	if (now && now->value)
		current = quantity_text(now->value, arena);
	return arena_printf(arena, "%s/%s", current, t->value ? quantity_text(t->value, arena) : "<auto>");
}

static const char *metric_text(
    const AutoscalingV2__HorizontalPodAutoscaler *hpa, size_t i, struct arena *arena)
{
	const AutoscalingV2__MetricSpec *m = hpa->spec->metrics[i];
	const AutoscalingV2__MetricStatus *now = current_of(hpa, i);

	if (m->resource) {
		const char *text = target_text(
		    m->resource->target, now && now->resource ? now->resource->current : NULL, arena);

		return arena_strndup(
		    arena, text, strlen(text) - (m->resource->target->average_value ? strlen(" (avg)") : 0));
	}
	if (m->container_resource)
		return target_text(m->container_resource->target,
		    now && now->container_resource ? now->container_resource->current : NULL, arena);
	if (m->pods) {
		const char *text =
		    target_text(m->pods->target, now && now->pods ? now->pods->current : NULL, arena);

		return arena_strndup(
		    arena, text, strlen(text) - (m->pods->target->average_value ? strlen(" (avg)") : 0));
	}
	if (m->object)
		return target_text(
		    m->object->target, now && now->object ? now->object->current : NULL, arena);
	if (m->external)
		return target_text(
		    m->external->target, now && now->external ? now->external->current : NULL, arena);
	return "<unknown type>";
}

static const char *metrics_text(const AutoscalingV2__HorizontalPodAutoscaler *hpa, struct arena *arena)
{
	const char *text = "";

	if (!hpa->spec->n_metrics)
		return "<none>";
	for (size_t i = 0; i < hpa->spec->n_metrics && i < 2; i++)
		text = arena_printf(arena, "%s%s%s", text, i ? ", " : "", metric_text(hpa, i, arena));
	if (hpa->spec->n_metrics > 2)
		text = arena_printf(arena, "%s + %zu more...", text, hpa->spec->n_metrics - 2);
	return text;
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Reference"), COLUMN("Targets"),
    COLUMN("MinPods"), COLUMN("MaxPods"), COLUMN("Replicas"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const AutoscalingV2__HorizontalPodAutoscaler *hpa = MSG(AutoscalingV2__HorizontalPodAutoscaler, obj);

	ret[0] = cell_text(ctx, hpa->metadata->name);
	ret[1] =
	    cell_printf(ctx, "%s/%s", hpa->spec->scale_target_ref->kind, hpa->spec->scale_target_ref->name);
	ret[2] = cell_text(ctx, metrics_text(hpa, ctx->arena));
	ret[3] = hpa->spec->has_min_replicas ? cell_printf(ctx, "%d", hpa->spec->min_replicas)
					     : cell_text(ctx, "<unset>");
	ret[4] = cell_int(ctx, hpa->spec->max_replicas);
	ret[5] = cell_int(ctx, hpa->status->current_replicas);
	ret[6] = cell_age(ctx, hpa->metadata->creation_timestamp);
}

const struct resource_type hpa_strategy = {.defaults = defaults,
    .prepare_create = prepare_create,
    .prepare_update = prepare_update,
    .validate = validate,
    .validate_status_update = validate_status_update,
    COLUMNS(columns),
    .cells = cells};
