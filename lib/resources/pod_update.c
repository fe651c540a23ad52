/* What may change in a pod once it exists: images, the deadline (down), tolerations (more), scheduling gates
 * (fewer); and what its subresources may. */
#include <stdint.h>
#include <string.h>

#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/podspec.h"

/* Returns false when nothing else is worth a look, as upstream. */
static bool check_deadline(const CoreV1__PodSpec *spec, const CoreV1__PodSpec *old,
    const struct field_path *p, struct field_errors *e)
{
	if (!spec->has_active_deadline_seconds) {
		rule_invalid_if(e, p, old->has_active_deadline_seconds, NULL,
		    "must not update from a positive integer to nil value");
		return true;
	}
	return rule_range(e, p, spec->active_deadline_seconds, 0, INT32_MAX) &&
	       rule_invalid_if(e, p,
		   old->has_active_deadline_seconds &&
		       spec->active_deadline_seconds > old->active_deadline_seconds,
		   NULL, "must be less than or equal to previous value");
}

static bool same_toleration(const CoreV1__Toleration *a, const CoreV1__Toleration *b)
{
	return str_eq(a->key, b->key) && str_eq(a->operator_, b->operator_) && str_eq(a->value, b->value) &&
	       str_eq(a->effect, b->effect);
}

static void check_tolerations(const CoreV1__PodSpec *spec, const CoreV1__PodSpec *old,
    const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < old->n_tolerations; i++) {
		bool kept = false;

		for (size_t j = 0; j < spec->n_tolerations && !kept; j++)
			kept = same_toleration(old->tolerations[i], spec->tolerations[j]);
		if (!rule_forbidden_if(
			e, p, !kept, "existing toleration can not be modified except its tolerationSeconds"))
			return;
	}
}

static void check_gates(const CoreV1__PodSpec *spec, const CoreV1__PodSpec *old, const struct field_path *p,
    struct field_errors *e)
{
	for (size_t i = 0; i < spec->n_scheduling_gates; i++) {
		bool known = false;

		for (size_t j = 0; j < old->n_scheduling_gates && !known; j++)
			known = str_eq(spec->scheduling_gates[i]->name, old->scheduling_gates[j]->name);
		rule_forbidden_if(e, CHILD(AT(p, i), "name"), !known, "only deletion is allowed");
	}
}

static void check_node_selector(const CoreV1__PodSpec *spec, const CoreV1__PodSpec *old,
    const struct field_path *p, struct field_errors *e)
{
	bool kept = true;

	for (size_t i = 0; i < old->n_node_selector; i++) {
		const char *value = api_map_get(spec, node_selector, old->node_selector[i]->key);

		kept = kept && value && str_eq(value, old->node_selector[i]->value);
	}
	rule_invalid_if(e, p, !kept, NULL, "only additions are allowed (no mutations or deletions)");
}

static bool requirements_begin_with(
    size_t len, CoreV1__NodeSelectorRequirement **list, size_t old_len, CoreV1__NodeSelectorRequirement **old)
{
	if (len < old_len)
		return false;
	for (size_t i = 0; i < old_len; i++)
		if (!api_equal(list[i], old[i]))
			return false;
	return true;
}

/* A term without requirements matches nothing, so a requirement more would make it match more. */
static bool term_only_grew(const CoreV1__NodeSelectorTerm *term, const CoreV1__NodeSelectorTerm *old)
{
	if (!old->n_match_expressions && !old->n_match_fields)
		return !term->n_match_expressions && !term->n_match_fields;
	return requirements_begin_with(term->n_match_expressions, term->match_expressions,
		   old->n_match_expressions, old->match_expressions) &&
	       requirements_begin_with(
		   term->n_match_fields, term->match_fields, old->n_match_fields, old->match_fields);
}

static void check_node_affinity(const CoreV1__NodeAffinity *affinity, const CoreV1__NodeAffinity *old,
    const struct field_path *p, struct field_errors *e)
{
	const CoreV1__NodeSelector *now =
	    affinity ? affinity->required_during_scheduling_ignored_during_execution : NULL;
	const CoreV1__NodeSelector *was =
	    old ? old->required_during_scheduling_ignored_during_execution : NULL;
	const struct field_path *terms =
	    CHILD(CHILD(p, "requiredDuringSchedulingIgnoredDuringExecution"), "nodeSelectorTerms");

	if (!was || !was->n_node_selector_terms ||
	    !rule_invalid_if(e, terms, !now || now->n_node_selector_terms != was->n_node_selector_terms, NULL,
		"no additions/deletions to non-empty NodeSelectorTerms list are allowed"))
		return;
	for (size_t i = 0; i < was->n_node_selector_terms; i++)
		rule_invalid_if(e, AT(terms, i),
		    !term_only_grew(now->node_selector_terms[i], was->node_selector_terms[i]), NULL,
		    "only additions are allowed (no mutations or deletions)");
}

/* A gated pod may be told more exactly where to run; `munged` is given back what it was told before. */
static void check_gated(CoreV1__PodSpec *munged, const CoreV1__PodSpec *old, struct arena *arena,
    const struct field_path *p, struct field_errors *e)
{
	CoreV1__NodeAffinity *was = old->affinity ? old->affinity->node_affinity : NULL;
	const struct field_path *affinity = CHILD(CHILD(p, "affinity"), "nodeAffinity");

	check_node_selector(munged, old, CHILD(p, "nodeSelector"), e);
	munged->n_node_selector = old->n_node_selector;
	munged->node_selector = old->node_selector;
	check_node_affinity(munged->affinity ? munged->affinity->node_affinity : NULL, was, affinity, e);
	if (!munged->affinity && was)
		munged->affinity = API_NEW(arena, core_v1__affinity);
	if (munged->affinity)
		munged->affinity->node_affinity = was;
	if (munged->affinity && !old->affinity && !munged->affinity->pod_affinity &&
	    !munged->affinity->pod_anti_affinity)
		munged->affinity = NULL;
}

/* Everything else must be what it was: the old values of what may change go into a copy, which is compared.
 */
static void check_rest(const CoreV1__PodSpec *spec, const CoreV1__PodSpec *old, struct arena *arena,
    const struct field_path *p, struct field_errors *e)
{
	CoreV1__PodSpec *munged = api_clone_message(arena, &spec->base);

	for (size_t i = 0; i < munged->n_containers; i++)
		munged->containers[i]->image = old->containers[i]->image;
	for (size_t i = 0; i < munged->n_init_containers; i++)
		munged->init_containers[i]->image = old->init_containers[i]->image;
	munged->has_active_deadline_seconds = old->has_active_deadline_seconds;
	munged->active_deadline_seconds = old->active_deadline_seconds;
	munged->n_tolerations = old->n_tolerations;
	munged->tolerations = old->tolerations;
	munged->n_scheduling_gates = old->n_scheduling_gates;
	munged->scheduling_gates = old->scheduling_gates;
	if (old->has_termination_grace_period_seconds && old->termination_grace_period_seconds < 0 &&
	    spec->has_termination_grace_period_seconds && spec->termination_grace_period_seconds == 1)
		munged->termination_grace_period_seconds = old->termination_grace_period_seconds;
	if (old->n_scheduling_gates)
		check_gated(munged, old, arena, p, e);
	rule_forbidden_if(e, p, !api_equal(munged, old),
	    "pod updates may not change fields other than `spec.containers[*].image`, "
	    "`spec.initContainers[*].image`, "
	    "`spec.activeDeadlineSeconds`, `spec.tolerations` (only additions to existing tolerations), "
	    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)");
}

void pod_validate_update(
    const CoreV1__Pod *pod, const CoreV1__Pod *old, struct arena *arena, struct field_errors *e)
{
	const struct field_path *p = PATH_ROOT("spec");
	const CoreV1__PodSpec *spec = pod->spec;

	podspec_validate_annotations_update(
	    pod->metadata, old->metadata, PATH_CHILD(PATH_ROOT("metadata"), "annotations"), e);
	if (!rule_forbidden_if(e, CHILD(p, "containers"), spec->n_containers != old->spec->n_containers,
		"pod updates may not add or remove containers") ||
	    !rule_forbidden_if(e, CHILD(p, "initContainers"),
		spec->n_init_containers != old->spec->n_init_containers,
		"pod updates may not add or remove containers") ||
	    !check_deadline(spec, old->spec, CHILD(p, "activeDeadlineSeconds"), e))
		return;
	check_tolerations(spec, old->spec, CHILD(p, "tolerations"), e);
	check_gates(spec, old->spec, CHILD(p, "schedulingGates"), e);
	if (!api_equal(spec, old->spec))
		check_rest(spec, old->spec, arena, p, e);
}

void pod_validate_ephemeral_update(const CoreV1__Pod *pod, const CoreV1__Pod *old, struct field_errors *e)
{
	const struct field_path *p = PATH_CHILD(PATH_ROOT("spec"), "ephemeralContainers");

	if (!rule_forbidden_if(e, PATH_ROOT("[]"), pod_is_mirror(old->metadata),
		"static pods do not support ephemeral containers"))
		return;
	for (size_t i = 0; i < old->spec->n_ephemeral_containers; i++) {
		const CoreV1__EphemeralContainer *was = old->spec->ephemeral_containers[i], *now = NULL;

		for (size_t j = 0; j < pod->spec->n_ephemeral_containers; j++)
			if (str_eq(pod->spec->ephemeral_containers[j]->ephemeral_container_common->name,
				was->ephemeral_container_common->name))
				now = pod->spec->ephemeral_containers[j];
		if (rule_forbidden_if(e, p, !now, "existing ephemeral containers may not be removed"))
			rule_forbidden_if(
			    e, p, !api_equal(now, was), "existing ephemeral containers may not be changed");
	}
}

static bool is_resizable(const char *resource)
{
	return !strcmp(resource, "cpu") || !strcmp(resource, "memory");
}

/* Whether all amounts but those that may be resized are the same; `b` may lack none of them. */
static bool others_kept(size_t a_len, void *a_entries, size_t b_len, void *b_entries)
{
	struct quantity_entry **a = a_entries;

	for (size_t i = 0; i < a_len; i++) {
		struct quantity was = quantity_of(a[i]->value), now;

		if (!is_resizable(a[i]->key) &&
		    (!quantity_in_(b_len, b_entries, a[i]->key, &now) || quantity_compare(&was, &now)))
			return false;
	}
	return true;
}

static bool same_others(const CoreV1__ResourceRequirements *a, const CoreV1__ResourceRequirements *b)
{
	return others_kept(a->n_limits, a->limits, b->n_limits, b->limits) &&
	       others_kept(b->n_limits, b->limits, a->n_limits, a->limits) &&
	       others_kept(a->n_requests, a->requests, b->n_requests, b->requests) &&
	       others_kept(b->n_requests, b->requests, a->n_requests, a->requests);
}

void pod_validate_resize(
    const CoreV1__Pod *pod, const CoreV1__Pod *old, struct arena *arena, struct field_errors *e)
{
	const struct field_path *p = PATH_ROOT("spec");
	CoreV1__PodSpec *munged = api_clone_message(arena, &pod->spec->base);
	bool same = pod->spec->n_containers == old->spec->n_containers;

	if (!rule_forbidden_if(
		e, PATH_ROOT("[]"), pod_is_mirror(old->metadata), "static pods cannot be resized") ||
	    !rule_forbidden_if(e, PATH_ROOT("[]"), old->spec->os && str_eq(old->spec->os->name, "windows"),
		"windows pods cannot be resized"))
		return;
	rule_invalid_if(e, p, strcmp(pod_qos_class(pod->spec), pod_qos_class(old->spec)) != 0,
	    pod_qos_class(pod->spec), "Pod QOS Class may not change as a result of resizing");
	for (size_t i = 0; same && i < munged->n_containers; i++) {
		same = same_others(munged->containers[i]->resources, old->spec->containers[i]->resources);
		munged->containers[i]->resources = old->spec->containers[i]->resources;
		munged->containers[i]->resize_policy = old->spec->containers[i]->resize_policy;
		munged->containers[i]->n_resize_policy = old->spec->containers[i]->n_resize_policy;
	}
	rule_forbidden_if(
	    e, p, !same || !api_equal(munged, old->spec), "only cpu and memory resources are mutable");
}
