/* apps/v1 DaemonSet. */
#include <stdlib.h>

#include "lib/api/labels.h"
#include "lib/resources/pod_cells.h"
#include "lib/resources/podspec.h"
#include "lib/resources/strategy.h"
#include "lib/resources/workload.h"
#include "proto/apps_v1.pb-c.h"

#define TEMPLATE_GENERATION "deprecated.daemonset.template.generation"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	AppsV1__DaemonSetSpec *spec = MSG(AppsV1__DaemonSet, obj)->spec;
	AppsV1__RollingUpdateDaemonSet *rolling;

	podtemplate_defaults(obj->arena, spec->template_);
	if (!str_eq(spec->update_strategy->type, "RollingUpdate"))
		return;
	if (!spec->update_strategy->rolling_update)
		spec->update_strategy->rolling_update =
		    API_NEW(obj->arena, apps_v1__rolling_update_daemon_set);
	rolling = spec->update_strategy->rolling_update;
	if (!rolling->max_unavailable)
		rolling->max_unavailable = intstr_new_int(obj->arena, 1);
	if (!rolling->max_surge)
		rolling->max_surge = intstr_new_int(obj->arena, 0);
}

/* The generation of the template that old clients look at, which lives on as an annotation. */
static void set_template_generation(struct object *obj, long generation)
{
	api_map_set(obj->arena, obj->meta, annotations, meta_v1__object_meta__annotations_entry,
	    TEMPLATE_GENERATION, arena_printf(obj->arena, "%ld", generation));
}

static long template_generation(const struct object *obj)
{
	return strtol(str_or(api_map_get(obj->meta, annotations, TEMPLATE_GENERATION), "0"), NULL, 10);
}

static void prepare_create(struct object *obj, const struct resource_context *ctx)
{
	if (template_generation(obj) < 1)
		set_template_generation(obj, 1);
}

static void prepare_update(struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	bool same = api_equal(
	    MSG(AppsV1__DaemonSet, obj)->spec->template_, MSG(AppsV1__DaemonSet, old)->spec->template_);

	set_template_generation(obj, template_generation(old) + (same ? 0 : 1));
}

static void check_rolling(
    const AppsV1__RollingUpdateDaemonSet *r, const struct field_path *p, struct field_errors *e)
{
	int32_t unavailable = rule_int_or_percent_value(r->max_unavailable),
		surge = rule_int_or_percent_value(r->max_surge);

	rule_int_or_percent(e, CHILD(p, "maxUnavailable"), r->max_unavailable);
	rule_int_or_percent(e, CHILD(p, "maxSurge"), r->max_surge);
	rule_at_most_all(e, CHILD(p, "maxUnavailable"), r->max_unavailable);
	rule_at_most_all(e, CHILD(p, "maxSurge"), r->max_surge);
	rule_invalid_if(e, CHILD(p, "maxSurge"), unavailable && surge, NULL,
	    "may not be set when maxUnavailable is non-zero");
	rule_invalid_if(
	    e, CHILD(p, "maxUnavailable"), !unavailable && !surge, NULL, "cannot be 0 when maxSurge is 0");
}

static void check_update_strategy(
    const AppsV1__DaemonSetUpdateStrategy *s, const struct field_path *p, struct field_errors *e)
{
	if (str_eq(s->type, "RollingUpdate")) {
		if (rule_required_that(e, CHILD(p, "rollingUpdate"), s->rolling_update, ""))
			check_rolling(s->rolling_update, CHILD(p, "rollingUpdate"), e);
	} else {
		RULE_ENUM(e, p, s->type, "RollingUpdate", "OnDelete"); /* not at its type */
	}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const AppsV1__DaemonSetSpec *spec = MSG(AppsV1__DaemonSet, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");
	struct selector *parsed = NULL;
	bool readable = selector_from_object(e->arena, spec->selector, &parsed, NULL) == 0;

	rule_label_selector(e, CHILD(p, "selector"), spec->selector);
	rule_invalid_if(e, CHILD(p, "selector"),
	    spec->selector && !spec->selector->n_match_labels && !spec->selector->n_match_expressions, NULL,
	    "empty selector is invalid for daemonset");
	podtemplate_validate_for_controller(spec->template_,
	    !readable || selector_matches(parsed, spec->template_->metadata), CHILD(p, "template"), e);
	rule_non_negative(e, CHILD(p, "minReadySeconds"), spec->min_ready_seconds);
	check_update_strategy(spec->update_strategy, CHILD(p, "updateStrategy"), e);
	if (spec->has_revision_history_limit)
		rule_non_negative(e, CHILD(p, "revisionHistoryLimit"), spec->revision_history_limit);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	rule_immutable(e, PATH_CHILD(PATH_ROOT("spec"), "selector"),
	    !workload_selector_changed(
		MSG(AppsV1__DaemonSet, obj)->spec->selector, MSG(AppsV1__DaemonSet, old)->spec->selector));
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const AppsV1__DaemonSetStatus *s = MSG(AppsV1__DaemonSet, obj)->status,
				      *was = MSG(AppsV1__DaemonSet, old)->status;
	const struct field_path *p = PATH_ROOT("status");

	rule_non_negative(e, CHILD(p, "currentNumberScheduled"), s->current_number_scheduled);
	rule_non_negative(e, CHILD(p, "numberMisscheduled"), s->number_misscheduled);
	rule_non_negative(e, CHILD(p, "desiredNumberScheduled"), s->desired_number_scheduled);
	rule_non_negative(e, CHILD(p, "numberReady"), s->number_ready);
	rule_non_negative(e, CHILD(p, "observedGeneration"), s->observed_generation);
	rule_non_negative(e, CHILD(p, "updatedNumberScheduled"), s->updated_number_scheduled);
	rule_non_negative(e, CHILD(p, "numberAvailable"), s->number_available);
	rule_non_negative(e, CHILD(p, "numberUnavailable"), s->number_unavailable);
	workload_validate_collisions(s->has_collision_count ? &s->collision_count : NULL,
	    was->has_collision_count ? was->collision_count : 0, CHILD(p, "collisionCount"), e);
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN_INT("Desired"), COLUMN_INT("Current"),
    COLUMN_INT("Ready"), COLUMN_INT("Up-to-date"), COLUMN_INT("Available"), COLUMN("Node Selector"),
    COLUMN_AGE, COLUMN_WIDE("Containers"), COLUMN_WIDE("Images"), COLUMN_WIDE("Selector")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const AppsV1__DaemonSet *ds = MSG(AppsV1__DaemonSet, obj);
	const CoreV1__PodSpec *pod = ds->spec->template_->spec;

	ret[0] = cell_text(ctx, ds->metadata->name);
	ret[1] = cell_int(ctx, ds->status->desired_number_scheduled);
	ret[2] = cell_int(ctx, ds->status->current_number_scheduled);
	ret[3] = cell_int(ctx, ds->status->number_ready);
	ret[4] = cell_int(ctx, ds->status->updated_number_scheduled);
	ret[5] = cell_int(ctx, ds->status->number_available);
	ret[6] = cell_text(ctx, cell_labels(ctx, pod->n_node_selector, pod->node_selector));
	ret[7] = cell_age(ctx, ds->metadata->creation_timestamp);
	ret[8] = cell_container_names(ctx, pod);
	ret[9] = cell_container_images(ctx, pod);
	ret[10] = cell_text(ctx, cell_selector(ctx, ds->spec->selector));
}

const struct resource_type daemonset_strategy = {.defaults = defaults,
    .prepare_create = prepare_create,
    .prepare_update = prepare_update,
    .validate = validate,
    .validate_update = validate_update,
    .validate_status_update = validate_status_update,
    COLUMNS(columns),
    .cells = cells};
