/* v1 Pod. */
#include <stdio.h>
#include <string.h>

#include "lib/api/labels.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/cells.h"
#include "lib/resources/pod_cells.h"
#include "lib/resources/podspec.h"
#include "lib/resources/resource.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	pod_defaults(obj->arena, (CoreV1__Pod *)obj->msg);
}

/* A pod with gates says why it is not scheduled; who else looks at it need not know of gates. */
static void set_gated(CoreV1__Pod *pod, struct arena *arena)
{
	CoreV1__PodCondition *c = API_NEW(arena, core_v1__pod_condition);

	c->type = (char *)"PodScheduled";
	c->status = (char *)"False";
	c->reason = (char *)"SchedulingGated";
	c->message = (char *)"Scheduling is blocked due to non-empty scheduling gates";
	api_append(arena, pod->status, conditions, c);
}

static void add_requirements(const CoreV1__Pod *pod, struct arena *arena, size_t len, char **keys,
    const char *op, MetaV1__LabelSelector *selector)
{
	for (size_t i = 0; i < len; i++) {
		const char *value = api_map_get(pod->metadata, labels, keys[i]);
		MetaV1__LabelSelectorRequirement *r;

		if (!value)
			continue;
		r = API_NEW(arena, meta_v1__label_selector_requirement);
		r->key = keys[i];
		r->operator_ = (char *)op;
		api_append(arena, r, values, (char *)value);
		api_append(arena, selector, match_expressions, r);
	}
}

/* matchLabelKeys and mismatchLabelKeys become requirements on the pod's own labels. */
static void spell_out_term(const CoreV1__Pod *pod, struct arena *arena, CoreV1__PodAffinityTerm *t)
{
	if (!t->label_selector)
		return;
	add_requirements(pod, arena, t->n_match_label_keys, t->match_label_keys, "In", t->label_selector);
	add_requirements(
	    pod, arena, t->n_mismatch_label_keys, t->mismatch_label_keys, "NotIn", t->label_selector);
}

static void spell_out_affinity(CoreV1__Pod *pod, struct arena *arena)
{
	CoreV1__PodAffinity *with = pod->spec->affinity ? pod->spec->affinity->pod_affinity : NULL;
	CoreV1__PodAntiAffinity *without =
	    pod->spec->affinity ? pod->spec->affinity->pod_anti_affinity : NULL;

	for (size_t i = 0; with && i < with->n_required_during_scheduling_ignored_during_execution; i++)
		spell_out_term(pod, arena, with->required_during_scheduling_ignored_during_execution[i]);
	for (size_t i = 0; with && i < with->n_preferred_during_scheduling_ignored_during_execution; i++)
		spell_out_term(pod, arena,
		    with->preferred_during_scheduling_ignored_during_execution[i]->pod_affinity_term);
	for (size_t i = 0; without && i < without->n_required_during_scheduling_ignored_during_execution; i++)
		spell_out_term(pod, arena, without->required_during_scheduling_ignored_during_execution[i]);
	for (size_t i = 0; without && i < without->n_preferred_during_scheduling_ignored_during_execution;
	     i++)
		spell_out_term(pod, arena,
		    without->preferred_during_scheduling_ignored_during_execution[i]->pod_affinity_term);
}

static void prepare_create(struct object *obj, const struct resource_context *ctx)
{
	CoreV1__Pod *pod = (CoreV1__Pod *)obj->msg;

	pod->status = API_NEW(obj->arena, core_v1__pod_status);
	pod->status->phase = (char *)"Pending";
	pod->status->qos_class = (char *)pod_qos_class(pod->spec);
	podspec_mirror_service_account(pod->spec); /* admission may have filled in the name */
	spell_out_affinity(pod, obj->arena);
	if (pod->spec->n_scheduling_gates)
		set_gated(pod, obj->arena);
}

static void prepare_update(struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	CoreV1__Pod *pod = (CoreV1__Pod *)obj->msg;
	const CoreV1__Pod *was = (const CoreV1__Pod *)old->msg;

	pod->status = api_clone_message(obj->arena, &was->status->base);
	podspec_mirror_service_account(pod->spec);
	/* ephemeral containers are added through their subresource only */
	if (!str_eq(ctx->subresource, "ephemeralcontainers")) {
		CoreV1__PodSpec *spec = api_clone_message(obj->arena, &was->spec->base);

		pod->spec->ephemeral_containers = spec->ephemeral_containers;
		pod->spec->n_ephemeral_containers = spec->n_ephemeral_containers;
	}
}

static void prepare_status_update(
    struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	CoreV1__Pod *pod = (CoreV1__Pod *)obj->msg;
	const CoreV1__Pod *was = (const CoreV1__Pod *)old->msg;

	pod->spec = api_clone_message(obj->arena, &was->spec->base);
	/* old kubelets would break the references that garbage collection needs */
	obj->meta->n_owner_references = 0;
	obj->meta->owner_references = NULL;
	for (size_t i = 0; i < old->meta->n_owner_references; i++)
		api_append(obj->arena, obj->meta, owner_references,
		    api_clone(obj->arena, old->meta->owner_references[i]));
	if (str_empty(pod->status->qos_class))
		pod->status->qos_class = arena_strdup(obj->arena, was->status->qos_class);
	/* Owners are not the kubelet's matter. */
	MetaV1__ObjectMeta *meta = api_clone_message(obj->arena, &old->meta->base);
	obj->meta->owner_references = meta->owner_references;
	obj->meta->n_owner_references = meta->n_owner_references;
}

/* The rules of pods that templates do not have. */
static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__Pod *pod = (const CoreV1__Pod *)obj->msg;
	const CoreV1__PodSpec *spec = pod->spec;
	const struct field_path *p = PATH_ROOT("spec");

	podspec_validate_annotations(
	    spec, pod->metadata, PATH_CHILD(PATH_ROOT("metadata"), "annotations"), e);
	podspec_validate(spec, pod->metadata, ctx->is_update, p, e);
	for (size_t i = 0; str_empty(spec->service_account_name) && i < spec->n_volumes; i++) {
		const CoreV1__ProjectedVolumeSource *s = spec->volumes[i]->volume_source->projected;
		const struct field_path *at =
		    CHILD(CHILD(AT(CHILD(p, "volumes"), i), "projected"), "sources");

		for (size_t j = 0; s && j < s->n_sources; j++)
			rule_forbidden_if(e, CHILD(AT(at, j), "serviceAccountToken"),
			    s->sources[j]->service_account_token,
			    "must not be specified when serviceAccountName is not set");
	}
	if (ctx->is_update)
		return;
	rule_forbidden_if(
	    e, CHILD(p, "ephemeralContainers"), spec->n_ephemeral_containers, "cannot be set on create");
	rule_forbidden_if(e, CHILD(p, "nodeName"), !str_empty(spec->node_name) && spec->n_scheduling_gates,
	    "cannot be set until all schedulingGates have been cleared");
	podspec_validate_profiles(spec, pod->metadata, p, e);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__Pod *pod = (const CoreV1__Pod *)obj->msg, *was = (const CoreV1__Pod *)old->msg;

	if (str_eq(ctx->subresource, "ephemeralcontainers"))
		pod_validate_ephemeral_update(pod, was, e);
	else if (str_eq(ctx->subresource, "resize"))
		pod_validate_resize(pod, was, ctx->arena, e);
	else
		pod_validate_update(pod, was, ctx->arena, e);
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	pod_validate_status_update((const CoreV1__Pod *)obj->msg, (const CoreV1__Pod *)old->msg, e);
}

static const char *const field_names[] = {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName",
    "spec.serviceAccountName", "spec.hostNetwork", "status.phase", "status.podIP", "status.podIPs",
    "status.nominatedNodeName", NULL};

static const char *field(const struct object *obj, const char *name, struct arena *arena)
{
	const CoreV1__Pod *pod = (const CoreV1__Pod *)obj->msg;

	if (!strcmp(name, "spec.nodeName"))
		return pod->spec->node_name;
	if (!strcmp(name, "status.phase"))
		return pod->status->phase;
	if (!strcmp(name, "spec.restartPolicy"))
		return pod->spec->restart_policy;
	if (!strcmp(name, "spec.schedulerName"))
		return pod->spec->scheduler_name;
	if (!strcmp(name, "spec.serviceAccountName"))
		return pod->spec->service_account_name;
	if (!strcmp(name, "spec.hostNetwork"))
		return pod->spec->host_network ? "true" : "false";
	if (!strcmp(name, "status.nominatedNodeName"))
		return pod->status->nominated_node_name;
	if (!strcmp(name, "status.podIPs")) /* may be asked for and has never a value */
		return "";
	return pod->status->n_pod_ips ? pod->status->pod_ips[0]->ip : str_or(pod->status->pod_ip, "");
}

static int64_t default_grace_s(const struct object *obj)
{
	const CoreV1__Pod *pod = (const CoreV1__Pod *)obj->msg;

	if (str_empty(pod->spec->node_name) || str_eq(pod->status->phase, "Succeeded") ||
	    str_eq(pod->status->phase, "Failed"))
		return 0;
	return pod->spec->has_termination_grace_period_seconds ? pod->spec->termination_grace_period_seconds
							       : 0;
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Ready"), COLUMN("Status"),
    COLUMN("Restarts"), COLUMN_AGE, COLUMN_WIDE("IP"), COLUMN_WIDE("Node"), COLUMN_WIDE("Nominated Node"),
    COLUMN_WIDE("Readiness Gates")};

const struct resource_type pod_strategy = {
    .defaults = defaults,
    .prepare_create = prepare_create,
    .prepare_update = prepare_update,
    .prepare_status_update = prepare_status_update,
    .validate = validate,
    .validate_update = validate_update,
    .validate_status_update = validate_status_update,
    .field_selectors = field_names,
    .field = field,
    .default_grace_s = default_grace_s,
    COLUMNS(columns),
    .cells = pod_cells,
};
