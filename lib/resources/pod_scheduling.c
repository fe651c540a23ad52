/* Affinity, node selectors, tolerations, topology spreading. */
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/podspec.h"

static void check_requirement(
    const CoreV1__NodeSelectorRequirement *r, bool strict, const struct field_path *p, struct field_errors *e)
{
	const char *op = str_or(r->operator_, "");

	if (!strcmp(op, "In") || !strcmp(op, "NotIn"))
		rule_required_that(e, CHILD(p, "values"), r->n_values,
		    "must be specified when `operator` is 'In' or 'NotIn'");
	else if (!strcmp(op, "Exists") || !strcmp(op, "DoesNotExist"))
		rule_forbidden_if(e, CHILD(p, "values"), r->n_values,
		    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	else if (!strcmp(op, "Gt") || !strcmp(op, "Lt"))
		rule_required_that(e, CHILD(p, "values"), r->n_values == 1,
		    "must be specified single value when `operator` is 'Lt' or 'Gt'");
	else
		rule_invalid_if(e, CHILD(p, "operator"), true, op, "not a valid selector operator");
	rule_format(e, CHILD(p, "key"), r->key, "qualified-name");
	for (size_t i = 0; strict && i < r->n_values; i++)
		rule_format(e, AT(CHILD(p, "values"), i), r->values[i], "label-value");
}

static void check_field_requirement(
    const CoreV1__NodeSelectorRequirement *r, const struct field_path *p, struct field_errors *e)
{
	const char *op = str_or(r->operator_, "");

	if (!strcmp(op, "In") || !strcmp(op, "NotIn"))
		rule_required_that(e, CHILD(p, "values"), r->n_values == 1,
		    "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
	else
		rule_invalid_if(e, CHILD(p, "operator"), true, op, "not a valid selector operator");
	if (!rule_invalid_if(e, CHILD(p, "key"), !str_eq(r->key, "metadata.name"), r->key,
		"not a valid field selector key"))
		return;
	for (size_t i = 0; i < r->n_values; i++)
		rule_format(e, AT(CHILD(p, "values"), i), r->values[i], "dns-subdomain");
}

static void check_term(
    const CoreV1__NodeSelectorTerm *term, bool strict, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < term->n_match_expressions; i++)
		check_requirement(term->match_expressions[i], strict, AT(CHILD(p, "matchExpressions"), i), e);
	for (size_t i = 0; i < term->n_match_fields; i++)
		check_field_requirement(term->match_fields[i], AT(CHILD(p, "matchFields"), i), e);
}

void node_selector_validate(
    const CoreV1__NodeSelector *selector, bool strict, const struct field_path *p, struct field_errors *e)
{
	rule_required_that(e, CHILD(p, "nodeSelectorTerms"), selector->n_node_selector_terms,
	    "must have at least one node selector term");
	for (size_t i = 0; i < selector->n_node_selector_terms; i++)
		check_term(selector->node_selector_terms[i], strict, AT(CHILD(p, "nodeSelectorTerms"), i), e);
}

static void check_node_affinity(
    const CoreV1__NodeAffinity *a, bool strict, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *preferred = CHILD(p, "preferredDuringSchedulingIgnoredDuringExecution");

	if (a->required_during_scheduling_ignored_during_execution)
		node_selector_validate(a->required_during_scheduling_ignored_during_execution, strict,
		    CHILD(p, "requiredDuringSchedulingIgnoredDuringExecution"), e);
	for (size_t i = 0; i < a->n_preferred_during_scheduling_ignored_during_execution; i++) {
		const CoreV1__PreferredSchedulingTerm *t =
		    a->preferred_during_scheduling_ignored_during_execution[i];
		const struct field_path *at = AT(preferred, i);

		rule_range(e, CHILD(at, "weight"), t->weight, 1, 100);
		check_term(t->preference, false, CHILD(at, "preference"), e);
	}
}

static void check_label_keys(size_t len, char **keys, const MetaV1__LabelSelector *selector,
    const struct field_path *p, struct field_errors *e)
{
	if (!len ||
	    !rule_forbidden_if(e, p, !selector, "must not be specified when labelSelector is not set"))
		return;
	for (size_t i = 0; i < len; i++)
		rule_format(e, AT(p, i), keys[i], "qualified-name");
}

static bool has_string(size_t len, char **list, const char *s)
{
	for (size_t i = 0; i < len; i++)
		if (!strcmp(list[i], s))
			return true;
	return false;
}

/* Requirements that the server made of matchLabelKeys come last: a key that was there before is said twice.
 */
static void check_repeated_keys(
    const CoreV1__PodAffinityTerm *t, const struct field_path *p, struct field_errors *e)
{
	const MetaV1__LabelSelector *s = t->label_selector;
	struct rule_seen keys = {0};

	for (size_t i = 0; s && i < s->n_match_labels; i++)
		rule_seen(&keys, e->arena, s->match_labels[i]->key);
	for (size_t i = 0; s && i < s->n_match_expressions; i++) {
		const char *key = str_or(s->match_expressions[i]->key, "");
		bool again = rule_seen(&keys, e->arena, key);

		for (size_t j = 0; again && j < t->n_match_label_keys; j++)
			rule_invalid_if(e, AT(p, j), !strcmp(t->match_label_keys[j], key), key,
			    "exists in both matchLabelKeys and labelSelector");
	}
	for (size_t i = 0; i < t->n_match_label_keys; i++)
		rule_invalid_if(e, AT(CHILD(p, "matchLabelKeys"), i),
		    has_string(t->n_mismatch_label_keys, t->mismatch_label_keys, t->match_label_keys[i]),
		    t->match_label_keys[i], "exists in both matchLabelKeys and mismatchLabelKeys");
}

static void check_affinity_term(
    const CoreV1__PodAffinityTerm *t, const struct field_path *p, struct field_errors *e)
{
	rule_label_selector(e, CHILD(p, "labelSelector"), t->label_selector);
	rule_label_selector(e, CHILD(p, "namespaceSelector"), t->namespace_selector);
	for (size_t i = 0; i < t->n_namespaces; i++)
		rule_format(e, CHILD(p, "namespace"), t->namespaces[i], "dns-label");
	check_label_keys(
	    t->n_match_label_keys, t->match_label_keys, t->label_selector, CHILD(p, "matchLabelKeys"), e);
	check_label_keys(t->n_mismatch_label_keys, t->mismatch_label_keys, t->label_selector,
	    CHILD(p, "mismatchLabelKeys"), e);
	check_repeated_keys(t, p, e);
	rule_required(e, CHILD(p, "topologyKey"), t->topology_key);
	rule_format(e, CHILD(p, "topologyKey"), t->topology_key, "qualified-name");
}

/* Pod affinity and anti-affinity are two types of one shape. */
static void check_pod_affinity(size_t required_len, CoreV1__PodAffinityTerm **required, size_t preferred_len,
    CoreV1__WeightedPodAffinityTerm **preferred, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < required_len; i++)
		check_affinity_term(
		    required[i], AT(CHILD(p, "requiredDuringSchedulingIgnoredDuringExecution"), i), e);
	for (size_t i = 0; i < preferred_len; i++) {
		const struct field_path *list = CHILD(p, "preferredDuringSchedulingIgnoredDuringExecution");
		const struct field_path *at = AT(list, i);

		rule_range(e, CHILD(at, "weight"), preferred[i]->weight, 1, 100);
		check_affinity_term(preferred[i]->pod_affinity_term, CHILD(at, "podAffinityTerm"), e);
	}
}

void podspec_validate_affinity(
    const struct podspec_scope *scope, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__Affinity *affinity = scope->spec->affinity;
	const CoreV1__PodAffinity *pod;
	const CoreV1__PodAntiAffinity *anti;

	if (!affinity)
		return;
	if (affinity->node_affinity)
		check_node_affinity(affinity->node_affinity, !scope->is_update, CHILD(p, "nodeAffinity"), e);
	pod = affinity->pod_affinity;
	if (pod)
		check_pod_affinity(pod->n_required_during_scheduling_ignored_during_execution,
		    pod->required_during_scheduling_ignored_during_execution,
		    pod->n_preferred_during_scheduling_ignored_during_execution,
		    pod->preferred_during_scheduling_ignored_during_execution, CHILD(p, "podAffinity"), e);
	anti = affinity->pod_anti_affinity;
	if (anti)
		check_pod_affinity(anti->n_required_during_scheduling_ignored_during_execution,
		    anti->required_during_scheduling_ignored_during_execution,
		    anti->n_preferred_during_scheduling_ignored_during_execution,
		    anti->preferred_during_scheduling_ignored_during_execution, CHILD(p, "podAntiAffinity"),
		    e);
}

static void check_toleration(const CoreV1__Toleration *t, const struct field_path *p, struct field_errors *e)
{
	const char *op = str_or(t->operator_, "");

	if (!str_empty(t->key))
		rule_format(e, CHILD(p, "key"), t->key, "qualified-name");
	else
		rule_invalid_if(e, CHILD(p, "operator"), strcmp(op, "Exists"), op,
		    "operator must be Exists when `key` is empty, which means \"match all values and all "
		    "keys\"");
	if (t->has_toleration_seconds)
		rule_invalid_if(e, CHILD(p, "effect"), !str_eq(t->effect, "NoExecute"), t->effect,
		    "effect must be 'NoExecute' when `tolerationSeconds` is set");
	if (!*op || !strcmp(op, "Equal"))
		rule_invalid_if(e, CHILD(p, "operator"), !format_is_label_value(str_or(t->value, "")),
		    t->value, "value must be a label value");
	else if (!strcmp(op, "Exists"))
		rule_invalid_if(e, CHILD(p, "operator"), !str_empty(t->value), t->value,
		    "value must be empty when `operator` is 'Exists'");
	else
		RULE_ENUM(e, CHILD(p, "operator"), op, "Equal", "Exists");
	if (!str_empty(t->effect))
		RULE_ENUM(e, CHILD(p, "effect"), t->effect, "NoSchedule", "PreferNoSchedule", "NoExecute");
}

void podspec_validate_tolerations(
    const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < spec->n_tolerations; i++)
		check_toleration(spec->tolerations[i], AT(p, i), e);
}

static void check_spread_keys(
    const CoreV1__TopologySpreadConstraint *c, const struct field_path *p, struct field_errors *e)
{
	const MetaV1__LabelSelector *s = c->label_selector;

	rule_forbidden_if(
	    e, p, c->n_match_label_keys && !s, "must not be specified when labelSelector is not set");
	for (size_t i = 0; i < c->n_match_label_keys; i++) {
		const char *key = c->match_label_keys[i];
		bool selected = s && api_map_get(s, match_labels, key);

		for (size_t j = 0; s && !selected && j < s->n_match_expressions; j++)
			selected = str_eq(s->match_expressions[j]->key, key);
		rule_format(e, AT(p, i), key, "qualified-name");
		rule_invalid_if(
		    e, AT(p, i), selected, key, "exists in both matchLabelKeys and labelSelector");
	}
}

static void check_constraint(
    const CoreV1__TopologySpreadConstraint *c, const struct field_path *p, struct field_errors *e)
{
	rule_positive(e, CHILD(p, "maxSkew"), c->max_skew);
	rule_required(e, CHILD(p, "topologyKey"), c->topology_key);
	RULE_ENUM(e, CHILD(p, "whenUnsatisfiable"), c->when_unsatisfiable, "DoNotSchedule", "ScheduleAnyway");
	if (c->has_min_domains) {
		rule_positive(e, CHILD(p, "minDomains"), c->min_domains);
		rule_invalid_if(e, CHILD(p, "minDomains"), !str_eq(c->when_unsatisfiable, "DoNotSchedule"),
		    NULL, "can only use minDomains if whenUnsatisfiable=DoNotSchedule");
	}
	rule_label_selector(e, CHILD(p, "labelSelector"), c->label_selector);
	if (c->node_affinity_policy)
		RULE_ENUM(e, CHILD(p, "nodeAffinityPolicy"), c->node_affinity_policy, "Ignore", "Honor");
	if (c->node_taints_policy)
		RULE_ENUM(e, CHILD(p, "nodeTaintsPolicy"), c->node_taints_policy, "Ignore", "Honor");
	check_spread_keys(c, CHILD(p, "matchLabelKeys"), e);
}

void podspec_validate_spreading(
    const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	size_t len = spec->n_topology_spread_constraints;
	bool *comes_again = ARENA_ARRAY(e->arena, bool, len + 1);
	struct rule_seen later = {0};

	for (size_t i = len; i-- > 0;) {
		const CoreV1__TopologySpreadConstraint *c = spec->topology_spread_constraints[i];
		const char *both = arena_printf(
		    e->arena, "%s\n%s", str_or(c->topology_key, ""), str_or(c->when_unsatisfiable, ""));

		comes_again[i] = rule_seen(&later, e->arena, both);
	}
	for (size_t i = 0; i < len; i++) {
		const CoreV1__TopologySpreadConstraint *c = spec->topology_spread_constraints[i];

		check_constraint(c, AT(p, i), e);
		if (comes_again[i])
			rule_duplicate(
			    e, CHILD(AT(p, i), "{topologyKey, whenUnsatisfiable}"), c->topology_key);
	}
}
