/* v1 ReplicationController. */
#include "lib/resources/pod_cells.h"
#include "lib/resources/podspec.h"
#include "lib/resources/strategy.h"
#include "lib/resources/workload.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	CoreV1__ReplicationController *rc = MSG(CoreV1__ReplicationController, obj);
	const MetaV1__ObjectMeta *template;

	if (!rc->spec->template_)
		return;
	podtemplate_defaults(obj->arena, rc->spec->template_);
	template = rc->spec->template_->metadata;
	for (size_t i = 0; !rc->spec->n_selector && i < template->n_labels; i++) {
		CoreV1__ReplicationControllerSpec *spec = rc->spec;

		for (size_t j = 0; j < template->n_labels; j++)
			api_map_set(obj->arena, spec, selector,
			    core_v1__replication_controller_spec__selector_entry, template->labels[j]->key,
			    template->labels[j]->value);
	}
	if (rc->metadata->n_labels)
		return;
	for (size_t i = 0; i < template->n_labels; i++)
		api_map_set(obj->arena, rc->metadata, labels, meta_v1__object_meta__labels_entry,
		    template->labels[i]->key, template->labels[i]->value);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__ReplicationControllerSpec *spec = MSG(CoreV1__ReplicationController, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	rule_non_negative(e, CHILD(p, "minReadySeconds"), spec->min_ready_seconds);
	rule_required_that(e, CHILD(p, "selector"), spec->n_selector, "");
	rule_non_negative(e, CHILD(p, "replicas"), spec->replicas);
	if (rule_required_that(e, CHILD(p, "template"), spec->template_, ""))
		podtemplate_validate_for_controller(spec->template_,
		    workload_has_labels(spec->template_, spec->n_selector, spec->selector),
		    CHILD(p, "template"), e);
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__ReplicationControllerStatus *s = MSG(CoreV1__ReplicationController, obj)->status;
	const struct field_path *p = PATH_ROOT("status");
	static const char too_many[] = "cannot be greater than status.replicas";

	rule_non_negative(e, CHILD(p, "replicas"), s->replicas);
	rule_non_negative(e, CHILD(p, "fullyLabeledReplicas"), s->fully_labeled_replicas);
	rule_non_negative(e, CHILD(p, "readyReplicas"), s->ready_replicas);
	rule_non_negative(e, CHILD(p, "availableReplicas"), s->available_replicas);
	rule_non_negative(e, CHILD(p, "observedGeneration"), s->observed_generation);
	rule_invalid_if(
	    e, CHILD(p, "fullyLabeledReplicas"), s->fully_labeled_replicas > s->replicas, NULL, too_many);
	rule_invalid_if(e, CHILD(p, "readyReplicas"), s->ready_replicas > s->replicas, NULL, too_many);
	rule_invalid_if(e, CHILD(p, "availableReplicas"),
	    s->available_replicas > s->replicas || s->available_replicas > s->ready_replicas, NULL,
	    "cannot be greater than status.replicas or readyReplicas");
}

static const char *const field_names[] = {"status.replicas", NULL};

static const char *field(const struct object *obj, const char *name, struct arena *arena)
{
	return arena_printf(arena, "%d", MSG(CoreV1__ReplicationController, obj)->status->replicas);
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN_INT("Desired"), COLUMN_INT("Current"),
    COLUMN_INT("Ready"), COLUMN_AGE, COLUMN_WIDE("Containers"), COLUMN_WIDE("Images"),
    COLUMN_WIDE("Selector")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__ReplicationController *rc = MSG(CoreV1__ReplicationController, obj);

	ret[0] = cell_text(ctx, rc->metadata->name);
	ret[1] = cell_int(ctx, rc->spec->replicas);
	ret[2] = cell_int(ctx, rc->status->replicas);
	ret[3] = cell_int(ctx, rc->status->ready_replicas);
	ret[4] = cell_age(ctx, rc->metadata->creation_timestamp);
	ret[5] =
	    rc->spec->template_ ? cell_container_names(ctx, rc->spec->template_->spec) : cell_text(ctx, "");
	ret[6] =
	    rc->spec->template_ ? cell_container_images(ctx, rc->spec->template_->spec) : cell_text(ctx, "");
	ret[7] = cell_text(ctx, cell_labels(ctx, rc->spec->n_selector, rc->spec->selector));
}

const struct resource_type replicationcontroller_strategy = {.defaults = defaults,
    .validate = validate,
    .validate_status_update = validate_status_update,
    .field_selectors = field_names,
    .field = field,
    COLUMNS(columns),
    .cells = cells};
