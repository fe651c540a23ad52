#include "lib/resources/job_rules.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/podspec.h"

enum {
	PARALLELISM_MAX = 100000,
	FAILED_INDEXES_MAX = 100000,
	COMPLETIONS_SOFT_MAX = 100000,
	MANY_PARALLELISM_MAX = 10000,    /* with more completions than that */
	MANY_FAILED_INDEXES_MAX = 10000, /* likewise */
	MANAGED_BY_MAX = 63,
	RULES_MAX = 20,
	EXIT_CODES_MAX = 255,
	INDEXES_TEXT_MAX = 64 * 1024
};

static void too_many(struct field_errors *e, const struct field_path *p, size_t max)
{
	field_errors_at(e, FIELD_TOO_MANY, p, NULL, "must have at most %zu items", max);
}

/* One number of a list of indexes: decimal digits below `completions`; -1 for anything else. */
static int64_t index_at(const char *text, size_t len, int32_t completions)
{
	int64_t n = 0;

	if (!len || len > 10)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		n = n * 10 + (text[i] - '0');
	}
	return n < completions ? n : -1;
}

int64_t job_count_indexes(const char *text, int32_t completions)
{
	int64_t total = 0, last = -1;

	if (str_empty(text))
		return 0;
	for (;;) {
		size_t len = strcspn(text, ",");
		const char *dash = memchr(text, '-', len);
		size_t head = dash ? (size_t)(dash - text) : len;
		int64_t from = index_at(text, head, completions);
		int64_t to = dash ? index_at(dash + 1, len - head - 1, completions) : from;

		if (from < 0 || to < 0 || from <= last || (dash && to <= from))
			return -1;
		total += to - from + 1;
		last = to;
		if (!text[len])
			return total;
		text += len + 1;
	}
}

static bool has_container(const CoreV1__PodSpec *pod, const char *name)
{
	for (size_t i = 0; i < pod->n_containers; i++)
		if (str_eq(pod->containers[i]->name, name))
			return true;
	for (size_t i = 0; i < pod->n_init_containers; i++)
		if (str_eq(pod->init_containers[i]->name, name))
			return true;
	return false;
}

static void check_exit_codes(const BatchV1__PodFailurePolicyOnExitCodesRequirement *r,
    const CoreV1__PodSpec *pod, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *values = CHILD(p, "values");
	bool is_ordered = true;

	if (rule_required(e, CHILD(p, "operator"), r->operator_))
		RULE_ENUM(e, CHILD(p, "operator"), r->operator_, "In", "NotIn");
	rule_invalid_if(e, CHILD(p, "containerName"),
	    r->container_name && !has_container(pod, r->container_name), r->container_name,
	    "must be one of the container or initContainer names in the pod template");
	rule_invalid_if(e, values, !r->n_values, NULL, "at least one value is required");
	if (r->n_values > EXIT_CODES_MAX)
		too_many(e, values, EXIT_CODES_MAX);
	for (size_t i = 0; i < r->n_values; i++) {
		bool seen = false;

		if (str_eq(r->operator_, "In") && !r->values[i])
			rule_invalid_int(e, AT(values, i), 0, "must not be 0 for the In operator");
		for (size_t j = 0; j < i && !seen; j++)
			seen = r->values[j] == r->values[i];
		if (seen)
			rule_duplicate(e, AT(values, i), arena_printf(e->arena, "%d", r->values[i]));
		is_ordered = is_ordered && (!i || r->values[i - 1] <= r->values[i]);
	}
	rule_invalid_if(e, values, !is_ordered, NULL, "must be ordered");
}

static void check_pod_conditions(
    const BatchV1__PodFailurePolicyRule *r, const struct field_path *p, struct field_errors *e)
{
	if (r->n_on_pod_conditions > RULES_MAX)
		too_many(e, p, RULES_MAX);
	for (size_t i = 0; i < r->n_on_pod_conditions; i++) {
		const BatchV1__PodFailurePolicyOnPodConditionsPattern *c = r->on_pod_conditions[i];

		rule_format(e, CHILD(AT(p, i), "type"), c->type, "qualified-name");
		if (rule_required(e, CHILD(AT(p, i), "status"), c->status))
			RULE_ENUM(e, CHILD(AT(p, i), "status"), c->status, "False", "True", "Unknown");
	}
}

static void check_failure_policy(
    const BatchV1__JobSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const BatchV1__PodFailurePolicy *policy = spec->pod_failure_policy;

	if (policy->n_rules > RULES_MAX)
		too_many(e, p, RULES_MAX);
	for (size_t i = 0; i < policy->n_rules; i++) {
		const BatchV1__PodFailurePolicyRule *r = policy->rules[i];
		const struct field_path *at = AT(p, i), *action = CHILD(at, "action");

		if (rule_required(e, action, r->action) &&
		    RULE_ENUM(e, action, r->action, "Count", "FailIndex", "FailJob", "Ignore"))
			rule_invalid_if(e, action,
			    !strcmp(r->action, "FailIndex") && !spec->has_backoff_limit_per_index, r->action,
			    "requires the backoffLimitPerIndex to be set");
		if (r->on_exit_codes)
			check_exit_codes(
			    r->on_exit_codes, spec->template_->spec, CHILD(at, "onExitCodes"), e);
		check_pod_conditions(r, CHILD(at, "onPodConditions"), e);
		rule_invalid_if(e, at, !r->on_exit_codes == !r->n_on_pod_conditions, NULL,
		    "exactly one of onExitCodes and onPodConditions is required");
	}
}

static void check_success_policy(
    const BatchV1__JobSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const BatchV1__SuccessPolicy *policy = spec->success_policy;

	rule_required_that(e, p, policy->n_rules,
	    "at least one rules must be specified when the successPolicy is specified");
	if (policy->n_rules > RULES_MAX)
		too_many(e, p, RULES_MAX);
	for (size_t i = 0; i < policy->n_rules; i++) {
		const BatchV1__SuccessPolicyRule *r = policy->rules[i];
		const struct field_path *count = CHILD(AT(p, i), "succeededCount"),
					*indexes = CHILD(AT(p, i), "succeededIndexes");
		int64_t total = 0;

		rule_required_that(e, AT(p, i), r->has_succeeded_count || r->succeeded_indexes,
		    "at least one of succeededCount or succeededIndexes must be specified");
		if (r->succeeded_indexes) {
			if (strlen(r->succeeded_indexes) > INDEXES_TEXT_MAX)
				field_errors_at(e, FIELD_TOO_LONG, indexes, NULL,
				    "may not be more than %d bytes", INDEXES_TEXT_MAX);
			total = job_count_indexes(r->succeeded_indexes, spec->completions);
			rule_invalid_if(e, indexes, total < 0, r->succeeded_indexes,
			    "must be increasing indexes below completions, such as 1,3-5");
		}
		if (!r->has_succeeded_count)
			continue;
		rule_non_negative(e, count, r->succeeded_count);
		rule_invalid_if(e, count,
		    r->succeeded_count > spec->completions ||
			(r->succeeded_indexes && r->succeeded_count > (total < 0 ? 0 : total)),
		    NULL, "must be less than or equal to the number of indexes");
	}
}

/* What only makes sense when every pod has an index, and its limits. */
static void check_indexed(const BatchV1__JobSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *parallelism = CHILD(p, "parallelism"),
				*failed = CHILD(p, "maxFailedIndexes");

	rule_required_that(
	    e, CHILD(p, "completions"), spec->has_completions, "when completion mode is Indexed");
	rule_invalid_if(e, parallelism, spec->parallelism > PARALLELISM_MAX, NULL,
	    "must be less than or equal to 100000 when completion mode is Indexed");
	rule_invalid_if(e, failed,
	    spec->has_completions && spec->has_max_failed_indexes &&
		spec->max_failed_indexes > spec->completions,
	    NULL, "must be less than or equal to completions");
	rule_invalid_if(e, failed, spec->max_failed_indexes > FAILED_INDEXES_MAX, NULL,
	    "must be less than or equal to 100000");
	if (!spec->has_backoff_limit_per_index || spec->completions <= COMPLETIONS_SOFT_MAX)
		return;
	rule_required_that(
	    e, failed, spec->has_max_failed_indexes, "must be specified when completions is above 100000");
	rule_invalid_if(e, parallelism, spec->parallelism > MANY_PARALLELISM_MAX, NULL,
	    "must be less than or equal to 10000 when completions are above 100000 and used with backoff "
	    "limit per index");
	rule_invalid_if(e, failed, spec->max_failed_indexes > MANY_FAILED_INDEXES_MAX, NULL,
	    "must be less than or equal to 10000 when completions are above 100000 and used with backoff "
	    "limit per index");
}

static void check_numbers(const BatchV1__JobSpec *spec, const struct field_path *p, struct field_errors *e)
{
	rule_non_negative(e, CHILD(p, "parallelism"), spec->parallelism);
	rule_non_negative(e, CHILD(p, "completions"), spec->completions);
	rule_non_negative(e, CHILD(p, "activeDeadlineSeconds"), spec->active_deadline_seconds);
	rule_non_negative(e, CHILD(p, "backoffLimit"), spec->backoff_limit);
	rule_non_negative(e, CHILD(p, "ttlSecondsAfterFinished"), spec->ttl_seconds_after_finished);
	rule_non_negative(e, CHILD(p, "backoffLimitPerIndex"), spec->backoff_limit_per_index);
	if (!spec->has_max_failed_indexes)
		return;
	rule_non_negative(e, CHILD(p, "maxFailedIndexes"), spec->max_failed_indexes);
	rule_required_that(e, CHILD(p, "backoffLimitPerIndex"), spec->has_backoff_limit_per_index,
	    "when maxFailedIndexes is specified");
}

static void check_policies(const BatchV1__JobSpec *spec, const struct field_path *p, struct field_errors *e)
{
	bool indexed = str_eq(spec->completion_mode, "Indexed");

	if (spec->pod_failure_policy)
		check_failure_policy(spec, CHILD(CHILD(p, "podFailurePolicy"), "rules"), e);
	if (spec->success_policy && indexed && spec->has_completions)
		check_success_policy(spec, CHILD(CHILD(p, "successPolicy"), "rules"), e);
	rule_invalid_if(e, CHILD(p, "successPolicy"), spec->success_policy && !indexed, NULL,
	    "requires indexed completion mode");
	if (spec->pod_replacement_policy && spec->pod_failure_policy)
		RULE_ENUM(e, CHILD(p, "podReplacementPolicy"), spec->pod_replacement_policy, "Failed");
	else if (spec->pod_replacement_policy)
		RULE_ENUM(e, CHILD(p, "podReplacementPolicy"), spec->pod_replacement_policy, "Failed",
		    "TerminatingOrFailed");
	if (spec->managed_by) {
		rule_name(e, CHILD(p, "managedBy"), spec->managed_by, "domain-prefixed-path");
		if (strlen(spec->managed_by) > MANAGED_BY_MAX)
			field_errors_at(e, FIELD_TOO_LONG, CHILD(p, "managedBy"), NULL,
			    "may not be more than %d bytes", MANAGED_BY_MAX);
	}
}

static void check_restart_policy(
    const BatchV1__JobSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const char *policy = spec->template_->spec->restart_policy;

	if (!rule_required_that(e, p, !str_empty(policy) && strcmp(policy, "Always"),
		"valid values: \"OnFailure\", \"Never\""))
		return;
	if (RULE_ENUM(e, p, policy, "OnFailure", "Never"))
		rule_invalid_if(e, p, spec->pod_failure_policy && strcmp(policy, "Never"), policy,
		    "only \"Never\" is supported when podFailurePolicy is specified");
}

void job_validate_spec(const BatchV1__JobSpec *spec, const struct field_path *p, struct field_errors *e)
{
	check_numbers(spec, p, e);
	if (spec->completion_mode)
		RULE_ENUM(e, CHILD(p, "completionMode"), spec->completion_mode, "NonIndexed", "Indexed");
	if (str_eq(spec->completion_mode, "Indexed"))
		check_indexed(spec, p, e);
	if (!spec->completion_mode || !strcmp(spec->completion_mode, "NonIndexed")) {
		rule_invalid_if(e, CHILD(p, "backoffLimitPerIndex"), spec->has_backoff_limit_per_index, NULL,
		    "requires indexed completion mode");
		rule_invalid_if(e, CHILD(p, "maxFailedIndexes"), spec->has_max_failed_indexes, NULL,
		    "requires indexed completion mode");
	}
	check_policies(spec, p, e);
	podtemplate_validate(spec->template_, CHILD(p, "template"), e);
	check_restart_policy(spec, CHILD(CHILD(CHILD(p, "template"), "spec"), "restartPolicy"), e);
}

static void check_uncounted(
    size_t len, char **uids, struct rule_seen *seen, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < len; i++)
		if (rule_invalid_if(e, AT(p, i), str_empty(uids[i]), "", "must not be empty") &&
		    rule_seen(seen, e->arena, uids[i]))
			rule_duplicate(e, AT(p, i), uids[i]);
}

static bool is_true(const BatchV1__JobStatus *s, const char *type)
{
	for (size_t i = 0; i < s->n_conditions; i++)
		if (str_eq(s->conditions[i]->type, type) && str_eq(s->conditions[i]->status, "True"))
			return true;
	return false;
}

static void check_conditions(const BatchV1__JobStatus *s, const BatchV1__JobStatus *was,
    const struct field_path *p, struct field_errors *e)
{
	static const char *const lasting[] = {"Failed", "Complete", "FailureTarget", "SuccessCriteriaMet"};

	rule_invalid_if(e, p, is_true(s, "Complete") && is_true(s, "Failed"), NULL,
	    "cannot set Complete=True and Failed=true conditions");
	rule_invalid_if(e, p, is_true(s, "Complete") && is_true(s, "FailureTarget"), NULL,
	    "cannot set Complete=True and FailureTarget=true conditions");
	rule_invalid_if(e, p,
	    is_true(s, "SuccessCriteriaMet") && (is_true(s, "Failed") || is_true(s, "FailureTarget")), NULL,
	    "cannot set SuccessCriteriaMet=True beside Failed=true or FailureTarget=true");
	for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++)
		rule_invalid_if(e, p, is_true(was, lasting[i]) && !is_true(s, lasting[i]), NULL,
		    arena_printf(e->arena, "cannot disable the terminal %s=True condition", lasting[i]));
}

static void check_index_lists(const BatchV1__JobSpec *spec, const BatchV1__JobStatus *s,
    const BatchV1__JobStatus *was, const struct field_path *p, struct field_errors *e)
{
	bool changed = !str_eq(str_or(s->completed_indexes, ""), str_or(was->completed_indexes, ""));

	if (changed && spec->has_completions)
		rule_invalid_if(e, CHILD(p, "completedIndexes"),
		    job_count_indexes(s->completed_indexes, spec->completions) < 0, s->completed_indexes,
		    "must be increasing indexes below completions, such as 1,3-5");
	rule_invalid_if(e, CHILD(p, "completedIndexes"),
	    changed && !str_empty(s->completed_indexes) && !str_eq(spec->completion_mode, "Indexed"),
	    s->completed_indexes, "cannot set non-empty completedIndexes when non-indexed completion mode");
	if (!s->failed_indexes || str_eq(s->failed_indexes, was->failed_indexes))
		return;
	rule_invalid_if(e, CHILD(p, "failedIndexes"), !spec->has_backoff_limit_per_index, s->failed_indexes,
	    "cannot set non-null failedIndexes when backoffLimitPerIndex is null");
	if (spec->has_completions && spec->has_backoff_limit_per_index)
		rule_invalid_if(e, CHILD(p, "failedIndexes"),
		    job_count_indexes(s->failed_indexes, spec->completions) < 0, s->failed_indexes,
		    "must be increasing indexes below completions, such as 1,3-5");
}

void job_validate_status(
    const BatchV1__Job *job, const BatchV1__Job *old, const struct field_path *p, struct field_errors *e)
{
	const BatchV1__JobStatus *s = job->status, *was = old->status;
	struct rule_seen seen = {0};

	rule_non_negative(e, CHILD(p, "active"), s->active);
	rule_non_negative(e, CHILD(p, "succeeded"), s->succeeded);
	rule_non_negative(e, CHILD(p, "failed"), s->failed);
	rule_non_negative(e, CHILD(p, "ready"), s->ready);
	rule_non_negative(e, CHILD(p, "terminating"), s->terminating);
	if (s->uncounted_terminated_pods) {
		const BatchV1__UncountedTerminatedPods *u = s->uncounted_terminated_pods;
		const struct field_path *at = CHILD(p, "uncountedTerminatedPods");

		check_uncounted(u->n_succeeded, u->succeeded, &seen, CHILD(at, "succeeded"), e);
		check_uncounted(u->n_failed, u->failed, &seen, CHILD(at, "failed"), e);
	}
	rule_invalid_if(e, CHILD(p, "failed"), s->failed < was->failed, NULL, "cannot be decreased");
	check_conditions(s, was, CHILD(p, "conditions"), e);
	check_index_lists(job->spec, s, was, p, e);
}
