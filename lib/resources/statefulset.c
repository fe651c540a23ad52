/* apps/v1 StatefulSet. */
#include "lib/api/labels.h"
#include "lib/resources/pod_cells.h"
#include "lib/resources/podspec.h"
#include "lib/resources/strategy.h"
#include "lib/resources/workload.h"
#include "proto/apps_v1.pb-c.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	AppsV1__StatefulSetSpec *spec = MSG(AppsV1__StatefulSet, obj)->spec;

	podtemplate_defaults(obj->arena, spec->template_);
	if (str_empty(spec->update_strategy->type)) {
		spec->update_strategy->type = (char *)"RollingUpdate";
		if (!spec->update_strategy->rolling_update)
			spec->update_strategy->rolling_update =
			    API_NEW(obj->arena, apps_v1__rolling_update_stateful_set_strategy);
	}
	if (str_eq(spec->update_strategy->type, "RollingUpdate") && spec->update_strategy->rolling_update)
		spec->update_strategy->rolling_update->has_partition = true; /* 0 unless given */
	if (!spec->persistent_volume_claim_retention_policy) {
		spec->persistent_volume_claim_retention_policy =
		    API_NEW(obj->arena, apps_v1__stateful_set_persistent_volume_claim_retention_policy);
		spec->persistent_volume_claim_retention_policy->when_deleted = (char *)"Retain";
		spec->persistent_volume_claim_retention_policy->when_scaled = (char *)"Retain";
	}
}

static void check_update_strategy(
    const AppsV1__StatefulSetUpdateStrategy *s, const struct field_path *p, struct field_errors *e)
{
	const AppsV1__RollingUpdateStatefulSetStrategy *r = s->rolling_update;

	if (str_empty(s->type)) {
		rule_required(e, p, s->type);
	} else if (str_eq(s->type, "OnDelete")) {
		rule_invalid_if(
		    e, CHILD(p, "rollingUpdate"), r, NULL, "only allowed for updateStrategy 'RollingUpdate'");
	} else if (str_eq(s->type, "RollingUpdate")) {
		if (!r)
			return;
		rule_non_negative(e, CHILD(CHILD(p, "rollingUpdate"), "partition"), r->partition);
		if (r->max_unavailable) {
			rule_int_or_percent(
			    e, CHILD(CHILD(p, "rollingUpdate"), "maxUnavailable"), r->max_unavailable);
			rule_invalid_if(e, CHILD(CHILD(p, "rollingUpdate"), "maxUnavailable"),
			    !rule_int_or_percent_value(r->max_unavailable), NULL, "cannot be 0");
			rule_at_most_all(
			    e, CHILD(CHILD(p, "rollingUpdate"), "maxUnavailable"), r->max_unavailable);
		}
	} else {
		rule_invalid_if(e, p, true, s->type, "must be 'RollingUpdate' or 'OnDelete'");
	}
}

/* The template's pod spec is not looked into: its volumes are completed by the claim templates. */
static void check_template(
    const AppsV1__StatefulSetSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__PodTemplateSpec *template = spec->template_;
	struct selector *parsed = NULL;

	if (spec->selector && selector_from_object(e->arena, spec->selector, &parsed, NULL) < 0) {
		rule_invalid_if(e, CHILD(p, "selector"), true, NULL, "invalid label selector");
	} else {
		rule_invalid_if(e, CHILD(CHILD(CHILD(p, "template"), "metadata"), "labels"),
		    !parsed ||
			(!selector_is_everything(parsed) && !selector_matches(parsed, template->metadata)),
		    NULL, "`selector` does not match template `labels`");
		rule_labels(e, CHILD(CHILD(p, "template"), "labels"), template->metadata->n_labels,
		    template->metadata->labels);
		rule_annotations(e, CHILD(CHILD(p, "template"), "annotations"),
		    template->metadata->n_annotations, template->metadata->annotations);
	}
	if (!str_eq(template->spec->restart_policy, "Always"))
		RULE_ENUM(e, CHILD(CHILD(CHILD(p, "template"), "spec"), "restartPolicy"),
		    template->spec->restart_policy, "Always");
	rule_forbidden_if(e, CHILD(CHILD(CHILD(p, "template"), "spec"), "activeDeadlineSeconds"),
	    template->spec->has_active_deadline_seconds,
	    "activeDeadlineSeconds in StatefulSet is not Supported");
}

static void check_claim_retention(const AppsV1__StatefulSetPersistentVolumeClaimRetentionPolicy *r,
    const struct field_path *p, struct field_errors *e)
{
	if (!r)
		return;
	RULE_ENUM(e, CHILD(p, "whenDeleted"), r->when_deleted, "Retain", "Delete");
	RULE_ENUM(e, CHILD(p, "whenScaled"), r->when_scaled, "Retain", "Delete");
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const AppsV1__StatefulSetSpec *spec = MSG(AppsV1__StatefulSet, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	if (rule_required(e, CHILD(p, "podManagementPolicy"), spec->pod_management_policy))
		rule_invalid_if(e, CHILD(p, "podManagementPolicy"),
		    strcmp(spec->pod_management_policy, "OrderedReady") &&
			strcmp(spec->pod_management_policy, "Parallel"),
		    spec->pod_management_policy, "must be 'OrderedReady' or 'Parallel'");
	check_update_strategy(spec->update_strategy, CHILD(p, "updateStrategy"), e);
	check_claim_retention(spec->persistent_volume_claim_retention_policy,
	    CHILD(p, "persistentVolumeClaimRetentionPolicy"), e);
	rule_non_negative(e, CHILD(p, "replicas"), spec->replicas);
	rule_non_negative(e, CHILD(p, "minReadySeconds"), spec->min_ready_seconds);
	if (spec->ordinals)
		rule_non_negative(e, CHILD(CHILD(p, "ordinals"), "start"), spec->ordinals->start);
	if (rule_required_that(e, CHILD(p, "selector"), spec->selector, "")) {
		rule_label_selector(e, CHILD(p, "selector"), spec->selector);
		rule_invalid_if(e, CHILD(p, "selector"),
		    !spec->selector->n_match_labels && !spec->selector->n_match_expressions, NULL,
		    "empty selector is invalid for statefulset");
	}
	check_template(spec, p, e);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const AppsV1__StatefulSetSpec *spec = MSG(AppsV1__StatefulSet, obj)->spec,
				      *was = MSG(AppsV1__StatefulSet, old)->spec;
	AppsV1__StatefulSetSpec munged = *was;

	/* what may change, from the new one; everything else must be as it was */
	munged.has_replicas = spec->has_replicas;
	munged.replicas = spec->replicas;
	munged.template_ = spec->template_;
	munged.update_strategy = spec->update_strategy;
	munged.min_ready_seconds = spec->min_ready_seconds;
	munged.persistent_volume_claim_retention_policy = spec->persistent_volume_claim_retention_policy;
	munged.ordinals = spec->ordinals;
	rule_forbidden_if(e, PATH_ROOT("spec"), !api_equal(spec, &munged),
	    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
	    "'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const AppsV1__StatefulSetStatus *s = MSG(AppsV1__StatefulSet, obj)->status,
					*was = MSG(AppsV1__StatefulSet, old)->status;
	const struct field_path *p = PATH_ROOT("status");
	const char *detail = "cannot be greater than status.replicas";

	rule_non_negative(e, CHILD(p, "replicas"), s->replicas);
	rule_non_negative(e, CHILD(p, "readyReplicas"), s->ready_replicas);
	rule_non_negative(e, CHILD(p, "currentReplicas"), s->current_replicas);
	rule_non_negative(e, CHILD(p, "updatedReplicas"), s->updated_replicas);
	rule_non_negative(e, CHILD(p, "availableReplicas"), s->available_replicas);
	rule_non_negative(e, CHILD(p, "observedGeneration"), s->observed_generation);
	rule_invalid_if(e, CHILD(p, "readyReplicas"), s->ready_replicas > s->replicas, NULL, detail);
	rule_invalid_if(e, CHILD(p, "currentReplicas"), s->current_replicas > s->replicas, NULL, detail);
	rule_invalid_if(e, CHILD(p, "updatedReplicas"), s->updated_replicas > s->replicas, NULL, detail);
	rule_invalid_if(e, CHILD(p, "availableReplicas"), s->available_replicas > s->replicas, NULL, detail);
	rule_invalid_if(e, CHILD(p, "availableReplicas"), s->available_replicas > s->ready_replicas, NULL,
	    "cannot be greater than status.readyReplicas");
	workload_validate_collisions(s->has_collision_count ? &s->collision_count : NULL,
	    was->has_collision_count ? was->collision_count : 0, CHILD(p, "collisionCount"), e);
}

static const struct table_column columns[] = {
    COLUMN_NAME, COLUMN("Ready"), COLUMN_AGE, COLUMN_WIDE("Containers"), COLUMN_WIDE("Images")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const AppsV1__StatefulSet *s = MSG(AppsV1__StatefulSet, obj);

	ret[0] = cell_text(ctx, s->metadata->name);
	ret[1] = cell_printf(ctx, "%d/%d", s->status->ready_replicas, s->spec->replicas);
	ret[2] = cell_age(ctx, s->metadata->creation_timestamp);
	ret[3] = cell_container_names(ctx, s->spec->template_->spec);
	ret[4] = cell_container_images(ctx, s->spec->template_->spec);
}

const struct resource_type statefulset_strategy = {.defaults = defaults,
    .validate = validate,
    .validate_update = validate_update,
    .validate_status_update = validate_status_update,
    COLUMNS(columns),
    .cells = cells};
