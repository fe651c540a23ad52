/* apps/v1 Deployment. */
#include <string.h>

#include "lib/resources/pod_cells.h"
#include "lib/resources/podspec.h"
#include "lib/resources/strategy.h"
#include "lib/resources/workload.h"
#include "proto/apps_v1.pb-c.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	AppsV1__DeploymentSpec *spec = MSG(AppsV1__Deployment, obj)->spec;
	AppsV1__RollingUpdateDeployment *rolling;

	podtemplate_defaults(obj->arena, spec->template_);
	if (!str_eq(spec->strategy->type, "RollingUpdate"))
		return;
	if (!spec->strategy->rolling_update)
		spec->strategy->rolling_update = API_NEW(obj->arena, apps_v1__rolling_update_deployment);
	rolling = spec->strategy->rolling_update;
	if (!rolling->max_unavailable)
		rolling->max_unavailable = intstr_new_string(obj->arena, "25%");
	if (!rolling->max_surge)
		rolling->max_surge = intstr_new_string(obj->arena, "25%");
}

/* The status' writer owns no labels: they come from the main resource. */
static void prepare_status_update(
    struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	MetaV1__ObjectMeta *was = api_clone_message(obj->arena, &old->meta->base);

	obj->meta->labels = was->labels;
	obj->meta->n_labels = was->n_labels;
}

static void check_strategy(
    const AppsV1__DeploymentStrategy *s, const struct field_path *p, struct field_errors *e)
{
	if (str_eq(s->type, "Recreate")) {
		rule_forbidden_if(e, CHILD(p, "rollingUpdate"), s->rolling_update,
		    "may not be specified when strategy `type` is 'Recreate'");
	} else if (str_eq(s->type, "RollingUpdate")) {
		if (rule_required_that(e, CHILD(p, "rollingUpdate"), s->rolling_update,
			"this should be defaulted and never be nil"))
			workload_validate_rolling(s->rolling_update->max_unavailable,
			    s->rolling_update->max_surge, CHILD(p, "rollingUpdate"), e);
	} else {
		RULE_ENUM(e, p, s->type, "Recreate", "RollingUpdate"); /* not at its type */
	}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const AppsV1__DeploymentSpec *spec = MSG(AppsV1__Deployment, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	rule_non_negative(e, CHILD(p, "replicas"), spec->replicas);
	workload_validate(spec->selector, spec->template_, WORKLOAD_REPORTS_BAD_SELECTOR, p, e);
	check_strategy(spec->strategy, CHILD(p, "strategy"), e);
	rule_non_negative(e, CHILD(p, "minReadySeconds"), spec->min_ready_seconds);
	if (spec->has_revision_history_limit)
		rule_non_negative(e, CHILD(p, "revisionHistoryLimit"), spec->revision_history_limit);
	if (!spec->has_progress_deadline_seconds)
		return;
	rule_non_negative(e, CHILD(p, "progressDeadlineSeconds"), spec->progress_deadline_seconds);
	rule_invalid_if(e, CHILD(p, "progressDeadlineSeconds"),
	    spec->progress_deadline_seconds <= spec->min_ready_seconds, NULL,
	    "must be greater than minReadySeconds");
}

static bool annotations_differ(const MetaV1__ObjectMeta *a, const MetaV1__ObjectMeta *b)
{
	if (a->n_annotations != b->n_annotations)
		return true;
	for (size_t i = 0; i < a->n_annotations; i++)
		if (strcmp(a->annotations[i]->key, b->annotations[i]->key) ||
		    strcmp(a->annotations[i]->value, b->annotations[i]->value))
			return true;
	return false;
}

/* Annotations reach the replica sets: a change of them is one that the controller has to observe. */
static void prepare_update(struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	if (annotations_differ(obj->meta, old->meta))
		obj->meta->generation = old->meta->generation + 1;
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	rule_immutable(e, PATH_CHILD(PATH_ROOT("spec"), "selector"),
	    !workload_selector_changed(
		MSG(AppsV1__Deployment, obj)->spec->selector, MSG(AppsV1__Deployment, old)->spec->selector));
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const AppsV1__DeploymentStatus *s = MSG(AppsV1__Deployment, obj)->status,
				       *was = MSG(AppsV1__Deployment, old)->status;
	const struct field_path *p = PATH_ROOT("status");

	rule_non_negative(e, CHILD(p, "observedGeneration"), s->observed_generation);
	rule_non_negative(e, CHILD(p, "replicas"), s->replicas);
	rule_non_negative(e, CHILD(p, "updatedReplicas"), s->updated_replicas);
	rule_non_negative(e, CHILD(p, "readyReplicas"), s->ready_replicas);
	rule_non_negative(e, CHILD(p, "availableReplicas"), s->available_replicas);
	rule_non_negative(e, CHILD(p, "unavailableReplicas"), s->unavailable_replicas);
	rule_invalid_if(e, CHILD(p, "updatedReplicas"), s->updated_replicas > s->replicas, NULL,
	    "cannot be greater than status.replicas");
	rule_invalid_if(e, CHILD(p, "readyReplicas"), s->ready_replicas > s->replicas, NULL,
	    "cannot be greater than status.replicas");
	rule_invalid_if(e, CHILD(p, "availableReplicas"), s->available_replicas > s->replicas, NULL,
	    "cannot be greater than status.replicas");
	rule_invalid_if(e, CHILD(p, "availableReplicas"), s->available_replicas > s->ready_replicas, NULL,
	    "cannot be greater than readyReplicas");
	workload_validate_collisions(s->has_collision_count ? &s->collision_count : NULL,
	    was->has_collision_count ? was->collision_count : 0, CHILD(p, "collisionCount"), e);
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Ready"), COLUMN("Up-to-date"),
    COLUMN("Available"), COLUMN_AGE, COLUMN_WIDE("Containers"), COLUMN_WIDE("Images"),
    COLUMN_WIDE("Selector")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const AppsV1__Deployment *d = MSG(AppsV1__Deployment, obj);

	ret[0] = cell_text(ctx, d->metadata->name);
	ret[1] = cell_printf(ctx, "%d/%d", d->status->ready_replicas, d->spec->replicas);
	ret[2] = cell_int(ctx, d->status->updated_replicas);
	ret[3] = cell_int(ctx, d->status->available_replicas);
	ret[4] = cell_age(ctx, d->metadata->creation_timestamp);
	ret[5] = cell_container_names(ctx, d->spec->template_->spec);
	ret[6] = cell_container_images(ctx, d->spec->template_->spec);
	ret[7] = cell_text(ctx, cell_selector(ctx, d->spec->selector));
}

const struct resource_type deployment_strategy = {.defaults = defaults,
    .prepare_update = prepare_update,
    .prepare_status_update = prepare_status_update,
    .validate = validate,
    .validate_update = validate_update,
    .validate_status_update = validate_status_update,
    COLUMNS(columns),
    .cells = cells};
