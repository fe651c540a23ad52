/* batch/v1 Job. */
#include "lib/api/labels.h"
#include "lib/resources/job_rules.h"
#include "lib/resources/pod_cells.h"
#include "lib/resources/podspec.h"
#include "lib/resources/strategy.h"
#include "lib/resources/workload.h"

#define LABEL_UID "batch.kubernetes.io/controller-uid"
#define LABEL_NAME "batch.kubernetes.io/job-name"

static void default_spec(BatchV1__JobSpec *spec, struct arena *arena)
{
	podtemplate_defaults(arena, spec->template_);
	if (!spec->has_completions && !spec->has_parallelism) {
		spec->has_completions = true;
		spec->completions = 1;
	}
	if (!spec->has_parallelism) {
		spec->has_parallelism = true;
		spec->parallelism = 1;
	}
	if (!spec->has_backoff_limit) {
		spec->has_backoff_limit = true;
		spec->backoff_limit = spec->has_backoff_limit_per_index ? INT32_MAX : 6;
	}
	if (!spec->completion_mode)
		spec->completion_mode = (char *)"NonIndexed";
	spec->has_suspend = true; /* false unless given */
	if (!spec->pod_replacement_policy)
		spec->pod_replacement_policy =
		    (char *)(spec->pod_failure_policy ? "Failed" : "TerminatingOrFailed");
}

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	BatchV1__Job *job = MSG(BatchV1__Job, obj);
	const MetaV1__ObjectMeta *template = job->spec->template_->metadata;

	default_spec(job->spec, obj->arena);
	if (job->metadata->n_labels)
		return;
	for (size_t i = 0; i < template->n_labels; i++)
		api_map_set(obj->arena, job->metadata, labels, meta_v1__object_meta__labels_entry,
		    template->labels[i]->key, template->labels[i]->value);
}

static void add_label(MetaV1__ObjectMeta *meta, struct arena *arena, const char *key, const char *value)
{
	if (!api_map_get(meta, labels, key))
		api_map_set(arena, meta, labels, meta_v1__object_meta__labels_entry, key, value);
}

static void add_labels(MetaV1__ObjectMeta *meta, struct arena *arena, const BatchV1__Job *job)
{
	add_label(meta, arena, "job-name", job->metadata->name);
	add_label(meta, arena, LABEL_NAME, job->metadata->name);
	add_label(meta, arena, "controller-uid", job->metadata->uid);
	add_label(meta, arena, LABEL_UID, job->metadata->uid);
}

/* Unless told otherwise, a job selects its pods by its own uid; the caller has given it name and uid already.
 */
static void prepare_create(struct object *obj, const struct resource_context *ctx)
{
	BatchV1__Job *job = MSG(BatchV1__Job, obj);
	MetaV1__ObjectMeta *template = job->spec->template_->metadata;
	MetaV1__LabelSelector *selector;

	if (job->spec->has_manual_selector && job->spec->manual_selector)
		return;
	/* a job without labels of its own has its template's, these among them */
	if ((!job->metadata->n_labels || api_map_equal(job->metadata, template, labels)) &&
	    format_is_label_value(job->metadata->name))
		add_labels(job->metadata, obj->arena, job);
	add_labels(template, obj->arena, job);
	if (!job->spec->selector)
		job->spec->selector = API_NEW(obj->arena, meta_v1__label_selector);
	selector = job->spec->selector;
	if (!api_map_get(selector, match_labels, LABEL_UID))
		api_map_set(obj->arena, selector, match_labels, meta_v1__label_selector__match_labels_entry,
		    LABEL_UID, job->metadata->uid);
}

static void check_label(
    const MetaV1__ObjectMeta *meta, const char *key, const char *want, struct field_errors *e)
{
	const char *value = api_map_get(meta, labels, key);
	const struct field_path *p =
	    KEY(CHILD(CHILD(CHILD(PATH_ROOT("spec"), "template"), "metadata"), "labels"), key);
	const char *detail = arena_printf(e->arena, "must be '%s'", str_or(want, ""));

	if (rule_required_that(e, p, value, detail))
		rule_invalid_if(e, p, !str_eq(value, str_or(want, "")), value, detail);
}

/* A generated selector matches the labels that prepare_create makes; servers before v1.27 made them without
 * the prefix. */
static void check_generated_selector(
    const BatchV1__Job *job, const struct resource_context *ctx, struct field_errors *e)
{
	const MetaV1__ObjectMeta *template = job->spec->template_->metadata;
	const char *name = job->metadata->name, *uid = job->metadata->uid;
	MetaV1__ObjectMeta *generated = API_NEW(e->arena, meta_v1__object_meta);
	struct selector *parsed = NULL;

	if (!job->spec->selector || (job->spec->has_manual_selector && job->spec->manual_selector))
		return;
	check_label(template, "controller-uid", uid, e);
	check_label(template, "job-name", name, e);
	if (!ctx->is_update ||
	    (api_map_get(template, labels, LABEL_UID) && api_map_get(template, labels, LABEL_NAME))) {
		check_label(template, LABEL_UID, uid, e);
		check_label(template, LABEL_NAME, name, e);
		add_label(generated, e->arena, LABEL_UID, uid);
		add_label(generated, e->arena, LABEL_NAME, name);
	}
	add_label(generated, e->arena, "controller-uid", uid);
	add_label(generated, e->arena, "job-name", name);
	if (selector_from_object(e->arena, job->spec->selector, &parsed, NULL) == 0)
		rule_invalid_if(e, CHILD(PATH_ROOT("spec"), "selector"), !selector_matches(parsed, generated),
		    NULL, "`selector` not auto-generated");
}

/* Pods of an indexed job are named after it and their index. */
static void check_pod_names(const BatchV1__Job *job, struct field_errors *e)
{
	const char *last;

	if (!str_eq(job->spec->completion_mode, "Indexed") || job->spec->completions <= 0)
		return;
	last = arena_printf(e->arena, "%s-%d", str_or(job->metadata->name, ""), job->spec->completions - 1);
	rule_invalid_if(e, PATH_CHILD(PATH_ROOT("metadata"), "name"), !format_is_dns_label(last),
	    job->metadata->name,
	    arena_printf(e->arena, "will not able to create pod with invalid DNS label: %s", last));
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const BatchV1__Job *job = MSG(BatchV1__Job, obj);
	const struct field_path *p = PATH_ROOT("spec");
	struct selector *parsed = NULL;

	check_generated_selector(job, ctx, e);
	if (rule_required_that(e, CHILD(p, "selector"), job->spec->selector, ""))
		rule_label_selector(e, CHILD(p, "selector"), job->spec->selector);
	if (selector_from_object(e->arena, job->spec->selector, &parsed, NULL) == 0)
		rule_invalid_if(e, CHILD(CHILD(CHILD(p, "template"), "metadata"), "labels"),
		    !selector_matches(parsed, job->spec->template_->metadata), NULL,
		    "`selector` does not match template `labels`");
	job_validate_spec(job->spec, p, e);
	check_pod_names(job, e);
}

/* Where its pods may run can change until a suspended job has started. */
static bool same_template(
    const CoreV1__PodTemplateSpec *template, const CoreV1__PodTemplateSpec *was, bool may_move)
{
	CoreV1__PodTemplateSpec expected = *was;
	CoreV1__PodSpec pod = *was->spec;
	CoreV1__Affinity affinity = CORE_V1__AFFINITY__INIT;
	MetaV1__ObjectMeta meta = *was->metadata;
	const CoreV1__Affinity *now = template->spec->affinity;

	if (!may_move)
		return api_equal(template, was);
	if (pod.affinity)
		affinity = *pod.affinity;
	affinity.node_affinity = now ? now->node_affinity : NULL;
	pod.affinity = now || affinity.pod_affinity || affinity.pod_anti_affinity ? &affinity : NULL;
	pod.n_node_selector = template->spec->n_node_selector;
	pod.node_selector = template->spec->node_selector;
	pod.n_tolerations = template->spec->n_tolerations;
	pod.tolerations = template->spec->tolerations;
	pod.n_scheduling_gates = template->spec->n_scheduling_gates;
	pod.scheduling_gates = template->spec->scheduling_gates;
	meta.n_annotations = template->metadata->n_annotations;
	meta.annotations = template->metadata->annotations;
	meta.n_labels = template->metadata->n_labels;
	meta.labels = template->metadata->labels;
	expected.spec = &pod;
	expected.metadata = &meta;
	return api_equal(template, &expected);
}

static bool may_change_completions(const BatchV1__JobSpec *spec, const BatchV1__JobSpec *was)
{
	if (spec->has_completions == was->has_completions && spec->completions == was->completions)
		return true;
	return str_eq(spec->completion_mode, "Indexed") &&
	       (!spec->has_completions || spec->completions == spec->parallelism);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const BatchV1__JobSpec *spec = MSG(BatchV1__Job, obj)->spec, *was = MSG(BatchV1__Job, old)->spec;
	const struct field_path *p = PATH_ROOT("spec");
	bool may_move = was->has_suspend && was->suspend && !MSG(BatchV1__Job, old)->status->start_time;

	rule_immutable(e, CHILD(p, "completions"), may_change_completions(spec, was));
	rule_immutable(e, CHILD(p, "selector"), !workload_selector_changed(spec->selector, was->selector));
	rule_immutable(e, CHILD(p, "template"), same_template(spec->template_, was->template_, may_move));
	rule_immutable(e, CHILD(p, "completionMode"), str_eq(spec->completion_mode, was->completion_mode));
	rule_immutable(
	    e, CHILD(p, "podFailurePolicy"), api_equal(spec->pod_failure_policy, was->pod_failure_policy));
	rule_immutable(e, CHILD(p, "backoffLimitPerIndex"),
	    spec->has_backoff_limit_per_index == was->has_backoff_limit_per_index &&
		spec->backoff_limit_per_index == was->backoff_limit_per_index);
	rule_immutable(e, CHILD(p, "managedBy"),
	    !spec->managed_by == !was->managed_by &&
		str_eq(str_or(spec->managed_by, ""), str_or(was->managed_by, "")));
	rule_immutable(e, CHILD(p, "successPolicy"), api_equal(spec->success_policy, was->success_policy));
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	job_validate_status(MSG(BatchV1__Job, obj), MSG(BatchV1__Job, old), PATH_ROOT("status"), e);
}

static const char *const field_names[] = {"status.successful", NULL};

static const char *field(const struct object *obj, const char *name, struct arena *arena)
{
	return arena_printf(arena, "%d", MSG(BatchV1__Job, obj)->status->succeeded);
}

static bool has_condition(const BatchV1__Job *job, const char *type)
{
	for (size_t i = 0; i < job->status->n_conditions; i++)
		if (str_eq(job->status->conditions[i]->type, type))
			return str_eq(job->status->conditions[i]->status, "True");
	return false;
}

static const char *status_text(const BatchV1__Job *job)
{
	if (has_condition(job, "Complete"))
		return "Complete";
	if (has_condition(job, "Failed"))
		return "Failed";
	if (job->metadata->deletion_timestamp)
		return "Terminating";
	if (has_condition(job, "Suspended"))
		return "Suspended";
	return has_condition(job, "FailureTarget") ? "FailureTarget" : "Running";
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Status"), COLUMN("Completions"),
    COLUMN("Duration"), COLUMN_AGE, COLUMN_WIDE("Containers"), COLUMN_WIDE("Images"),
    COLUMN_WIDE("Selector")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const BatchV1__Job *job = MSG(BatchV1__Job, obj);
	int64_t start = time_seconds(job->status->start_time),
		end = time_seconds(job->status->completion_time);

	ret[0] = cell_text(ctx, job->metadata->name);
	ret[1] = cell_text(ctx, status_text(job));
	if (job->spec->has_completions)
		ret[2] = cell_printf(ctx, "%d/%d", job->status->succeeded, job->spec->completions);
	else if (job->spec->parallelism > 1)
		ret[2] = cell_printf(ctx, "%d/1 of %d", job->status->succeeded, job->spec->parallelism);
	else
		ret[2] = cell_printf(ctx, "%d/1", job->status->succeeded);
	ret[3] = cell_text(ctx, start ? cell_since(ctx, (end ? end : ctx->now_s) - start) : "");
	ret[4] = cell_age(ctx, job->metadata->creation_timestamp);
	ret[5] = cell_container_names(ctx, job->spec->template_->spec);
	ret[6] = cell_container_images(ctx, job->spec->template_->spec);
	ret[7] = cell_text(ctx, cell_selector(ctx, job->spec->selector));
}

const struct resource_type job_strategy = {.defaults = defaults,
    .prepare_create = prepare_create,
    .validate = validate,
    .validate_update = validate_update,
    .validate_status_update = validate_status_update,
    .field_selectors = field_names,
    .field = field,
    COLUMNS(columns),
    .cells = cells};
