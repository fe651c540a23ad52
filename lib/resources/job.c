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

void job_validate_spec(const BatchV1__JobSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *pod = CHILD(CHILD(p, "template"), "spec");

	rule_non_negative(e, CHILD(p, "parallelism"), spec->parallelism);
	rule_non_negative(e, CHILD(p, "completions"), spec->completions);
	rule_non_negative(e, CHILD(p, "activeDeadlineSeconds"), spec->active_deadline_seconds);
	rule_non_negative(e, CHILD(p, "backoffLimit"), spec->backoff_limit);
	rule_non_negative(e, CHILD(p, "ttlSecondsAfterFinished"), spec->ttl_seconds_after_finished);
	rule_non_negative(e, CHILD(p, "backoffLimitPerIndex"), spec->backoff_limit_per_index);
	if (spec->completion_mode &&
	    RULE_ENUM(e, CHILD(p, "completionMode"), spec->completion_mode, "NonIndexed", "Indexed") &&
	    !strcmp(spec->completion_mode, "Indexed"))
		rule_required_that(
		    e, CHILD(p, "completions"), spec->has_completions, "when completion mode is Indexed");
	podtemplate_validate(spec->template_, CHILD(p, "template"), e);
	if (str_eq(spec->template_->spec->restart_policy, "Always"))
		rule_required_that(
		    e, CHILD(pod, "restartPolicy"), false, "valid values: \"OnFailure\", \"Never\"");
	else
		RULE_ENUM(e, CHILD(pod, "restartPolicy"), spec->template_->spec->restart_policy, "OnFailure",
		    "Never");
}

/* A generated selector is exactly what prepare_create makes; servers before v1.27 made one without the
 * prefix. */
static void check_generated_selector(
    const BatchV1__Job *job, const struct resource_context *ctx, struct field_errors *e)
{
	const MetaV1__ObjectMeta *template = job->spec->template_->metadata;
	const MetaV1__LabelSelector *s = job->spec->selector;
	const struct field_path *labels =
	    CHILD(CHILD(CHILD(PATH_ROOT("spec"), "template"), "metadata"), "labels");

	if (!s || (job->spec->has_manual_selector && job->spec->manual_selector))
		return;
	if (ctx->is_update &&
	    (!api_map_get(template, labels, LABEL_UID) || !api_map_get(template, labels, LABEL_NAME)))
		return;
	rule_invalid_if(e, CHILD(PATH_ROOT("spec"), "selector"),
	    s->n_match_expressions || s->n_match_labels != 1 ||
		!str_eq(api_map_get(s, match_labels, LABEL_UID), job->metadata->uid),
	    NULL, "`selector` not auto-generated");
	rule_invalid_if(e, labels, !str_eq(api_map_get(template, labels, LABEL_UID), job->metadata->uid),
	    NULL, "must be the job's own uid");
	rule_invalid_if(e, labels, !str_eq(api_map_get(template, labels, LABEL_NAME), job->metadata->name),
	    NULL, "must be the job's own name");
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
}

static bool is_suspended(const BatchV1__JobSpec *spec)
{
	return spec->has_suspend && spec->suspend;
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const BatchV1__JobSpec *spec = MSG(BatchV1__Job, obj)->spec, *was = MSG(BatchV1__Job, old)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	rule_immutable(e, CHILD(p, "completions"),
	    (spec->has_completions == was->has_completions && spec->completions == was->completions) ||
		(str_eq(spec->completion_mode, "Indexed") && spec->completions == spec->parallelism));
	rule_immutable(e, CHILD(p, "selector"), !workload_selector_changed(spec->selector, was->selector));
	rule_immutable(e, CHILD(p, "template"),
	    (is_suspended(was) && !MSG(BatchV1__Job, old)->status->start_time) ||
		api_equal(spec->template_, was->template_));
	rule_immutable(e, CHILD(p, "completionMode"), str_eq(spec->completion_mode, was->completion_mode));
	rule_immutable(
	    e, CHILD(p, "podFailurePolicy"), api_equal(spec->pod_failure_policy, was->pod_failure_policy));
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
    .field_selectors = field_names,
    .field = field,
    COLUMNS(columns),
    .cells = cells};
