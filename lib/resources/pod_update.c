/* What may change in a pod once it exists: images, the deadline (down), tolerations (more), scheduling gates
 * (fewer). */
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/podspec.h"

static void check_deadline(const CoreV1__PodSpec *spec, const CoreV1__PodSpec *old,
    const struct field_path *p, struct field_errors *e)
{
	if (!old->has_active_deadline_seconds)
		return;
	if (!spec->has_active_deadline_seconds)
		rule_invalid_if(e, p, true, NULL, "must not update from a positive integer to nil value");
	else
		rule_invalid_if(e, p, spec->active_deadline_seconds > old->active_deadline_seconds, NULL,
		    "must be less than or equal to previous value");
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
		rule_forbidden_if(e, p, !known, "only deletion is allowed");
	}
}

void pod_validate_update(
    const CoreV1__Pod *pod, const CoreV1__Pod *old, struct arena *arena, struct field_errors *e)
{
	const struct field_path *p = PATH_ROOT("spec");
	const CoreV1__PodSpec *spec = pod->spec;
	CoreV1__PodSpec *munged;

	if (!rule_forbidden_if(e, CHILD(p, "containers"), spec->n_containers != old->spec->n_containers,
		"pod updates may not add or remove containers") ||
	    !rule_forbidden_if(e, CHILD(p, "initContainers"),
		spec->n_init_containers != old->spec->n_init_containers,
		"pod updates may not add or remove containers"))
		return;
	check_deadline(spec, old->spec, CHILD(p, "activeDeadlineSeconds"), e);
	check_tolerations(spec, old->spec, CHILD(p, "tolerations"), e);
	check_gates(spec, old->spec, CHILD(p, "schedulingGates"), e);

	/* everything else must be what it was: put the old values of what may change into a copy, and compare
	 */
	munged = api_clone_message(arena, &spec->base);
	for (size_t i = 0; i < munged->n_containers; i++)
		munged->containers[i]->image = old->spec->containers[i]->image;
	for (size_t i = 0; i < munged->n_init_containers; i++)
		munged->init_containers[i]->image = old->spec->init_containers[i]->image;
	munged->has_active_deadline_seconds = old->spec->has_active_deadline_seconds;
	munged->active_deadline_seconds = old->spec->active_deadline_seconds;
	munged->n_tolerations = old->spec->n_tolerations;
	munged->tolerations = old->spec->tolerations;
	munged->n_scheduling_gates = old->spec->n_scheduling_gates;
	munged->scheduling_gates = old->spec->scheduling_gates;
	if (old->spec->has_termination_grace_period_seconds &&
	    old->spec->termination_grace_period_seconds < 0 && spec->has_termination_grace_period_seconds &&
	    spec->termination_grace_period_seconds == 1)
		munged->termination_grace_period_seconds = old->spec->termination_grace_period_seconds;
	if (old->spec->n_scheduling_gates) { /* a gated pod may be told where to run */
		munged->n_node_selector = old->spec->n_node_selector;
		munged->node_selector = old->spec->node_selector;
		munged->affinity = old->spec->affinity;
	}
	rule_forbidden_if(e, p, !api_equal(munged, old->spec),
	    "pod updates may not change fields other than `spec.containers[*].image`, "
	    "`spec.initContainers[*].image`, "
	    "`spec.activeDeadlineSeconds`, `spec.tolerations` (only additions to existing tolerations), "
	    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)");
}
