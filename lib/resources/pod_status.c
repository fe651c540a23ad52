/* What a pod's status may become. */
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/podspec.h"

static bool is_restartable_init(const CoreV1__PodSpec *spec, const char *name)
{
	for (size_t i = 0; i < spec->n_init_containers; i++)
		if (str_eq(spec->init_containers[i]->name, name))
			return str_eq(spec->init_containers[i]->restart_policy, "Always");
	return false;
}

/* A container that has finished for good stays finished. `init`: the pod's spec, in which some never do. */
static void check_finished(size_t len, CoreV1__ContainerStatus **list, size_t old_len,
    CoreV1__ContainerStatus **old, const char *restart_policy, const CoreV1__PodSpec *init,
    const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < old_len && !str_eq(restart_policy, "Always"); i++) {
		const CoreV1__ContainerStateTerminated *end = old[i]->state->terminated;

		if (!end || (end->exit_code && str_eq(restart_policy, "OnFailure")) ||
		    (init && is_restartable_init(init, old[i]->name)))
			continue;
		for (size_t j = 0; j < len; j++)
			if (str_eq(list[j]->name, old[i]->name))
				rule_forbidden_if(e, CHILD(AT(p, i), "state"), !list[j]->state->terminated,
				    "may not be transitioned to non-terminated state");
	}
}

/* At most one address of each family; `ips` are len addresses at p[i]. */
static void check_ips(size_t len, const char *const *ips, const struct field_path *p, struct field_errors *e)
{
	bool v4 = false, v6 = false, valid = true;
	struct rule_seen seen = {0};

	for (size_t i = 0; i < len; i++) {
		valid = rule_format(e, AT(p, i), ips[i], "ip") && valid;
		v4 = v4 || format_is_ipv4(ips[i]);
		v6 = v6 || format_is_ipv6(ips[i]);
		if (rule_seen(&seen, e->arena, ips[i]))
			rule_duplicate(e, AT(p, i), ips[i]);
	}
	if (len < 2)
		return;
	if (!valid)
		field_errors_at(e, FIELD_INTERNAL, p, NULL, "failed to check for dual stack: invalid IP");
	rule_invalid_if(e, p, !valid || !v4 || !v6 || len > 2, NULL,
	    "may specify no more than one IP for each IP family");
}

static void check_addresses(
    const CoreV1__PodStatus *status, const struct field_path *p, struct field_errors *e)
{
	const char **ips = ARENA_ARRAY(e->arena, const char *, status->n_pod_ips + status->n_host_ips + 1);

	for (size_t i = 0; i < status->n_pod_ips; i++)
		ips[i] = str_or(status->pod_ips[i]->ip, "");
	check_ips(status->n_pod_ips, ips, CHILD(p, "podIPs"), e);
	for (size_t i = 0; i < status->n_host_ips; i++)
		ips[i] = str_or(status->host_ips[i]->ip, "");
	if (status->n_host_ips)
		rule_invalid_if(e, CHILD(AT(CHILD(p, "hostIPs"), 0), "ip"), !str_eq(status->host_ip, ips[0]),
		    ips[0], "must be equal to `hostIP`");
	check_ips(status->n_host_ips, ips, CHILD(p, "hostIPs"), e);
}

void pod_validate_status_update(const CoreV1__Pod *pod, const CoreV1__Pod *old, struct field_errors *e)
{
	static const char *const of_system[] = {"PodScheduled", "Ready", "Initialized", NULL};
	const CoreV1__PodStatus *status = pod->status, *was = old->status;
	const struct field_path *p = PATH_ROOT("status"), *meta = PATH_ROOT("metadata");
	const char *policy = old->spec->restart_policy, *node = status->nominated_node_name;

	podspec_validate_annotations_update(pod->metadata, old->metadata, CHILD(meta, "annotations"), e);
	podspec_validate_annotations(pod->spec, pod->metadata, CHILD(meta, "annotations"), e);
	for (size_t i = 0; i < status->n_conditions; i++) /* the path is upstream's */
		if (!str_in(str_or(status->conditions[i]->type, ""), of_system))
			rule_format(e, CHILD(AT(CHILD(meta, "conditions"), i), "Type"),
			    status->conditions[i]->type, "qualified-name");
	rule_forbidden_if(e, CHILD(p, "nodeName"), !str_eq(pod->spec->node_name, old->spec->node_name),
	    "may not be changed directly");
	if (!str_empty(node) && !str_eq(node, was->nominated_node_name))
		rule_format(e, CHILD(p, "nominatedNodeName"), node, "dns-subdomain");
	check_finished(status->n_container_statuses, status->container_statuses, was->n_container_statuses,
	    was->container_statuses, policy, NULL, CHILD(p, "containerStatuses"), e);
	check_finished(status->n_init_container_statuses, status->init_container_statuses,
	    was->n_init_container_statuses, was->init_container_statuses, policy, old->spec,
	    CHILD(p, "initContainerStatuses"), e);
	check_finished(status->n_ephemeral_container_statuses, status->ephemeral_container_statuses,
	    was->n_ephemeral_container_statuses, was->ephemeral_container_statuses, "Never", NULL,
	    CHILD(p, "ephemeralContainerStatuses"), e);
	check_addresses(status, p, e);
}
