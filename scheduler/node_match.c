#include "scheduler/node_match.h"

#include <string.h>

#include "lib/api/schema.h"
#include "lib/base/str.h"

static bool in_values(const CoreV1__NodeSelectorRequirement *r, const char *value)
{
	for (size_t i = 0; i < r->n_values; i++) {
		if (str_eq(r->values[i], value))
			return true;
	}
	return false;
}

/* value NULL: the label is absent. */
static bool requirement_matches(const CoreV1__NodeSelectorRequirement *r, const char *value)
{
	int64_t have, want;

	if (str_eq(r->operator_, "In"))
		return value && in_values(r, value);
	if (str_eq(r->operator_, "NotIn"))
		return !value || !in_values(r, value);
	if (str_eq(r->operator_, "Exists"))
		return value != NULL;
	if (str_eq(r->operator_, "DoesNotExist"))
		return value == NULL;
	if (!value || r->n_values != 1 || !str_to_int64(value, &have) || !str_to_int64(r->values[0], &want))
		return false;
	return str_eq(r->operator_, "Gt") ? have > want : str_eq(r->operator_, "Lt") && have < want;
}

bool node_selector_term_matches(const CoreV1__NodeSelectorTerm *term, const CoreV1__Node *node)
{
	if (term->n_match_expressions == 0 && term->n_match_fields == 0)
		return false;
	for (size_t i = 0; i < term->n_match_expressions; i++) {
		if (!requirement_matches(term->match_expressions[i],
			api_map_get(node->metadata, labels, term->match_expressions[i]->key)))
			return false;
	}
	for (size_t i = 0; i < term->n_match_fields; i++) {
		if (!str_eq(term->match_fields[i]->key, "metadata.name") ||
		    !requirement_matches(term->match_fields[i], node->metadata->name))
			return false;
	}
	return true;
}

bool node_selector_matches(const CoreV1__NodeSelector *selector, const CoreV1__Node *node)
{
	for (size_t i = 0; i < selector->n_node_selector_terms; i++) {
		if (node_selector_term_matches(selector->node_selector_terms[i], node))
			return true;
	}
	return false;
}

bool node_matches_pod(const CoreV1__PodSpec *spec, const CoreV1__Node *node)
{
	const CoreV1__NodeAffinity *affinity = spec->affinity ? spec->affinity->node_affinity : NULL;

	for (size_t i = 0; i < spec->n_node_selector; i++) {
		const char *value = api_map_get(node->metadata, labels, spec->node_selector[i]->key);

		if (!value || strcmp(value, spec->node_selector[i]->value) != 0)
			return false;
	}
	return !affinity || !affinity->required_during_scheduling_ignored_during_execution ||
	       node_selector_matches(affinity->required_during_scheduling_ignored_during_execution, node);
}

bool taint_is_tolerated(const CoreV1__Taint *taint, CoreV1__Toleration *const *tolerations, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const CoreV1__Toleration *t = tolerations[i];

		if (!str_empty(t->effect) && !str_eq(t->effect, taint->effect))
			continue;
		if (!str_empty(t->key) && !str_eq(t->key, taint->key))
			continue;
		if (str_eq(t->operator_, "Exists") || str_eq(str_or(t->value, ""), str_or(taint->value, "")))
			return true;
	}
	return false;
}
