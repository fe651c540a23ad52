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

static void prepare_create(struct object *obj, const struct resource_context *ctx)
{
	CoreV1__Pod *pod = (CoreV1__Pod *)obj->msg;

	pod->status = API_NEW(obj->arena, core_v1__pod_status);
	pod->status->phase = (char *)"Pending";
	pod->status->qos_class = (char *)pod_qos_class(pod->spec);
	podspec_mirror_service_account(pod->spec); /* admission may have filled in the name */
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
	if (str_empty(pod->status->qos_class))
		pod->status->qos_class = arena_strdup(obj->arena, was->status->qos_class);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__Pod *pod = (const CoreV1__Pod *)obj->msg;

	podspec_validate(pod->spec, PATH_ROOT("spec"), e);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	if (str_eq(ctx->subresource, "ephemeralcontainers") || str_eq(ctx->subresource, "resize"))
		return;
	pod_validate_update((const CoreV1__Pod *)obj->msg, (const CoreV1__Pod *)old->msg, ctx->arena, e);
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__Pod *pod = (const CoreV1__Pod *)obj->msg;
	const CoreV1__Pod *was = (const CoreV1__Pod *)old->msg;
	const struct field_path *p = PATH_ROOT("status");

	rule_forbidden_if(e, CHILD(p, "nodeName"), !str_eq(pod->spec->node_name, was->spec->node_name),
	    "may not be changed directly");
	if (!str_empty(pod->status->nominated_node_name))
		rule_format(
		    e, CHILD(p, "nominatedNodeName"), pod->status->nominated_node_name, "dns-subdomain");
	for (size_t i = 0; i < pod->status->n_pod_ips; i++)
		rule_format(e, CHILD(AT(CHILD(p, "podIPs"), i), "ip"), pod->status->pod_ips[i]->ip, "ip");
	if (str_eq(was->spec->restart_policy, "Always"))
		return;
	for (size_t i = 0; i < was->status->n_container_statuses;
	     i++) { /* a finished container stays finished */
		const CoreV1__ContainerStatus *before = was->status->container_statuses[i];

		if (!before->state->terminated ||
		    (before->state->terminated->exit_code && str_eq(was->spec->restart_policy, "OnFailure")))
			continue;
		for (size_t j = 0; j < pod->status->n_container_statuses; j++)
			if (str_eq(pod->status->container_statuses[j]->name, before->name))
				rule_forbidden_if(e, CHILD(AT(CHILD(p, "containerStatuses"), j), "state"),
				    !pod->status->container_statuses[j]->state->terminated,
				    "may not be transitioned to non-terminated state");
	}
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
