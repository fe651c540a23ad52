#include "apiserver/audit/policy_check.h"

#include <string.h>

#include "apiserver/audit/policy.h"
#include "lib/api/field_errors.h"
#include "lib/base/str.h"

static void check_stages(
    size_t len, char *const *stages, const struct field_path *path, struct field_errors *errors)
{
	for (size_t i = 0; i < len; i++)
		if (!str_in(stages[i], audit_stage_names))
			field_errors_not_supported(errors,
			    field_path_text(errors->arena, PATH_INDEX(path, i)), stages[i],
			    audit_stage_names);
}

/* A path, or a beginning of paths: "*" stands at the end only. */
static void check_url(const char *url, const struct field_path *path, struct field_errors *errors)
{
	const char *star = strchr(url, '*');
	if (!strcmp(url, "*"))
		return;
	if (*url != '/')
		field_errors_at(errors, FIELD_INVALID, path, url, "must begin with '/', or be \"*\"");
	if (star && star[1])
		field_errors_at(errors, FIELD_INVALID, path, url, "'*' may only be the last character");
}

static void check_group(
    const AuditV1__GroupResources *group, const struct field_path *path, struct field_errors *errors)
{
	/* A frequent slip: the version belongs to no rule. */
	if (strchr(group->group, '/'))
		field_errors_at(errors, FIELD_INVALID, PATH_CHILD(path, "group"), group->group,
		    "must be the name of an API group, without a version");
	if (group->n_resource_names && !group->n_resources)
		field_errors_at(errors, FIELD_INVALID, PATH_CHILD(path, "resourceNames"),
		    group->resource_names[0], "needs at least one entry in resources");
}

static void check_rule(
    const AuditV1__PolicyRule *rule, const struct field_path *path, struct field_errors *errors)
{
	const struct field_path *urls = PATH_CHILD(path, "nonResourceURLs");
	const struct field_path *groups = PATH_CHILD(path, "resources");
	if (str_empty(rule->level))
		field_errors_at(errors, FIELD_REQUIRED, PATH_CHILD(path, "level"), "",
		    "must be one of None, Metadata, Request, RequestResponse");
	else if (!str_in(rule->level, audit_level_names))
		field_errors_not_supported(errors, field_path_text(errors->arena, PATH_CHILD(path, "level")),
		    rule->level, audit_level_names);
	if (rule->n_non_resource_urls && (rule->n_resources || rule->n_namespaces))
		field_errors_at(errors, FIELD_INVALID, urls, rule->non_resource_urls[0],
		    "a rule is about resources and namespaces or about other URLs, not about both");
	for (size_t i = 0; i < rule->n_non_resource_urls; i++)
		check_url(rule->non_resource_urls[i], PATH_INDEX(urls, i), errors);
	for (size_t i = 0; i < rule->n_resources; i++)
		check_group(rule->resources[i], PATH_INDEX(groups, i), errors);
	check_stages(rule->n_omit_stages, rule->omit_stages, PATH_CHILD(path, "omitStages"), errors);
}

void audit_policy_check(const AuditV1__Policy *policy, struct field_errors *errors)
{
	const struct field_path *rules = PATH_ROOT("rules");
	if (policy->n_rules == 0)
		field_errors_at(
		    errors, FIELD_REQUIRED, rules, "", "a policy without rules would audit nothing");
	for (size_t i = 0; i < policy->n_rules; i++)
		check_rule(policy->rules[i], PATH_INDEX(rules, i), errors);
	check_stages(policy->n_omit_stages, policy->omit_stages, PATH_ROOT("omitStages"), errors);
}
