/* apps/v1 ReplicaSet. */
#include "lib/resources/pod_cells.h"
#include "lib/resources/podspec.h"
#include "lib/resources/strategy.h"
#include "lib/resources/workload.h"
#include "proto/apps_v1.pb-c.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	podtemplate_defaults(obj->arena, MSG(AppsV1__ReplicaSet, obj)->spec->template_);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const AppsV1__ReplicaSetSpec *spec = MSG(AppsV1__ReplicaSet, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	rule_non_negative(e, CHILD(p, "replicas"), spec->replicas);
	rule_non_negative(e, CHILD(p, "minReadySeconds"), spec->min_ready_seconds);
	workload_validate(spec->selector, spec->template_, WORKLOAD_REPORTS_BAD_SELECTOR, p, e);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	rule_immutable(e, PATH_CHILD(PATH_ROOT("spec"), "selector"),
	    !workload_selector_changed(
		MSG(AppsV1__ReplicaSet, obj)->spec->selector, MSG(AppsV1__ReplicaSet, old)->spec->selector));
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const AppsV1__ReplicaSetStatus *s = MSG(AppsV1__ReplicaSet, obj)->status;
	const struct field_path *p = PATH_ROOT("status");

	rule_non_negative(e, CHILD(p, "replicas"), s->replicas);
	rule_non_negative(e, CHILD(p, "fullyLabeledReplicas"), s->fully_labeled_replicas);
	rule_non_negative(e, CHILD(p, "readyReplicas"), s->ready_replicas);
	rule_non_negative(e, CHILD(p, "availableReplicas"), s->available_replicas);
	rule_non_negative(e, CHILD(p, "observedGeneration"), s->observed_generation);
	rule_invalid_if(e, CHILD(p, "fullyLabeledReplicas"), s->fully_labeled_replicas > s->replicas, NULL,
	    "cannot be greater than status.replicas");
	rule_invalid_if(e, CHILD(p, "readyReplicas"), s->ready_replicas > s->replicas, NULL,
	    "cannot be greater than status.replicas");
	rule_invalid_if(e, CHILD(p, "availableReplicas"), s->available_replicas > s->replicas, NULL,
	    "cannot be greater than status.replicas");
	rule_invalid_if(e, CHILD(p, "availableReplicas"), s->available_replicas > s->ready_replicas, NULL,
	    "cannot be greater than readyReplicas");
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN_INT("Desired"), COLUMN_INT("Current"),
    COLUMN_INT("Ready"), COLUMN_AGE, COLUMN_WIDE("Containers"), COLUMN_WIDE("Images"),
    COLUMN_WIDE("Selector")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const AppsV1__ReplicaSet *rs = MSG(AppsV1__ReplicaSet, obj);

	ret[0] = cell_text(ctx, rs->metadata->name);
	ret[1] = cell_int(ctx, rs->spec->replicas);
	ret[2] = cell_int(ctx, rs->status->replicas);
	ret[3] = cell_int(ctx, rs->status->ready_replicas);
	ret[4] = cell_age(ctx, rs->metadata->creation_timestamp);
	ret[5] = cell_container_names(ctx, rs->spec->template_->spec);
	ret[6] = cell_container_images(ctx, rs->spec->template_->spec);
	ret[7] = cell_text(ctx, cell_selector(ctx, rs->spec->selector));
}

const struct resource_type replicaset_strategy = {.defaults = defaults,
    .validate = validate,
    .validate_update = validate_update,
    .validate_status_update = validate_status_update,
    COLUMNS(columns),
    .cells = cells};
