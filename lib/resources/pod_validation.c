/* The pod spec itself; its parts are in the other pod_*.c. */
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/podspec.h"

static void check_dns(const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *config = CHILD(p, "dnsConfig");
	const CoreV1__PodDNSConfig *dns = spec->dns_config;
	size_t total = 0;

	if (rule_required(e, CHILD(p, "dnsPolicy"), spec->dns_policy))
		RULE_ENUM(e, CHILD(p, "dnsPolicy"), spec->dns_policy, "ClusterFirstWithHostNet",
		    "ClusterFirst", "Default", "None");
	if (str_eq(spec->dns_policy, "None") &&
	    rule_required_that(e, config, dns, "must provide `dnsConfig` when `dnsPolicy` is None"))
		rule_required_that(e, CHILD(config, "nameservers"), dns->n_nameservers,
		    "must provide at least one DNS nameserver when `dnsPolicy` is None");
	if (!dns)
		return;
	rule_invalid_if(e, CHILD(config, "nameservers"), dns->n_nameservers > 3, NULL,
	    "must not have more than 3 nameservers");
	for (size_t i = 0; i < dns->n_nameservers; i++)
		rule_format(e, AT(CHILD(config, "nameservers"), i), dns->nameservers[i], "ip");
	rule_invalid_if(e, CHILD(config, "searches"), dns->n_searches > 32, NULL,
	    "must not have more than 32 search paths");
	for (size_t i = 0; i < dns->n_searches; i++) {
		size_t len = strlen(dns->searches[i]);
		const char *name = dns->searches[i];

		total += len + 1;
		if (len > 1 && name[len - 1] == '.')
			name = arena_strndup(e->arena, name, len - 1);
		rule_invalid_if(e, AT(CHILD(config, "searches"), i),
		    strcmp(name, ".") && !format_is_dns_subdomain(name), name,
		    format_check("dns-subdomain", "."));
	}
	rule_invalid_if(e, CHILD(config, "searches"), total > 2049, NULL,
	    "must not have more than 2048 characters in all search paths");
	for (size_t i = 0; i < dns->n_options; i++)
		rule_required(e, AT(CHILD(config, "options"), i), dns->options[i]->name);
}

void podspec_validate_seccomp(
    const CoreV1__SeccompProfile *profile, const struct field_path *p, struct field_errors *e)
{
	if (!profile)
		return;
	if (str_eq(profile->type, "Localhost"))
		rule_required_that(e, CHILD(p, "localhostProfile"), profile->localhost_profile,
		    "must be set when seccomp type is Localhost");
	else
		rule_invalid_if(e, CHILD(p, "localhostProfile"), profile->localhost_profile,
		    profile->localhost_profile, "can only be set when seccomp type is Localhost");
	if (profile->localhost_profile)
		rule_format(e, CHILD(p, "localhostProfile"), profile->localhost_profile, "relative-path");
	if (rule_required(e, CHILD(p, "type"), profile->type))
		RULE_ENUM(e, CHILD(p, "type"), profile->type, "Localhost", "RuntimeDefault", "Unconfined");
}

static bool is_sysctl_name(const char *s)
{
	for (const char *part = s;;) {
		size_t len = strcspn(part, "./");

		if (!len || strspn(part, "abcdefghijklmnopqrstuvwxyz0123456789-_") != len)
			return false;
		if (!part[len])
			return strlen(s) <= 253;
		part += len + 1;
	}
}

static void check_sysctls(
    const CoreV1__PodSecurityContext *sc, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen names = {0};

	for (size_t i = 0; i < sc->n_sysctls; i++) {
		const struct field_path *at = CHILD(AT(p, i), "name");
		const char *name = sc->sysctls[i]->name;

		if (!rule_required(e, at, name))
			continue;
		rule_invalid_if(e, at, !is_sysctl_name(name), name,
		    "must be a sysctl name: lower case words joined by dots or slashes");
		if (rule_seen(&names, e->arena, name))
			rule_duplicate(e, at, name);
	}
}

static void check_id(struct field_errors *e, const struct field_path *p, bool set, int64_t id)
{
	if (set)
		rule_range(e, p, id, 0, INT32_MAX);
}

static void check_security_context(
    const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__PodSecurityContext *sc = spec->security_context;

	if (!sc)
		return;
	check_id(e, CHILD(p, "fsGroup"), sc->has_fs_group, sc->fs_group);
	check_id(e, CHILD(p, "runAsUser"), sc->has_run_as_user, sc->run_as_user);
	check_id(e, CHILD(p, "runAsGroup"), sc->has_run_as_group, sc->run_as_group);
	for (size_t i = 0; i < sc->n_supplemental_groups; i++)
		check_id(e, AT(CHILD(p, "supplementalGroups"), i), true, sc->supplemental_groups[i]);
	rule_invalid_if(e, CHILD(p, "shareProcessNamespace"),
	    spec->has_share_process_namespace && spec->share_process_namespace && spec->host_pid, NULL,
	    "ShareProcessNamespace and HostPID cannot both be enabled");
	check_sysctls(sc, CHILD(p, "sysctls"), e);
	if (sc->fs_group_change_policy)
		RULE_ENUM(e, CHILD(p, "fsGroupChangePolicy"), sc->fs_group_change_policy, "Always",
		    "OnRootMismatch");
	if (sc->supplemental_groups_policy)
		RULE_ENUM(e, CHILD(p, "supplementalGroupsPolicy"), sc->supplemental_groups_policy, "Merge",
		    "Strict");
	podspec_validate_seccomp(sc->seccomp_profile, CHILD(p, "seccompProfile"), e);
}

static void check_host_network(
    const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; spec->host_network && i < spec->n_containers; i++)
		for (size_t j = 0; j < spec->containers[i]->n_ports; j++) {
			const CoreV1__ContainerPort *port = spec->containers[i]->ports[j];

			rule_invalid_if(e, CHILD(AT(CHILD(AT(p, i), "ports"), j), "containerPort"),
			    port->host_port && port->host_port != port->container_port, NULL,
			    "must match `hostPort` when `hostNetwork` is true");
		}
}

static void check_identity(const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	if (!str_empty(spec->service_account_name))
		rule_format(e, CHILD(p, "serviceAccountName"), spec->service_account_name, "dns-subdomain");
	if (!str_empty(spec->node_name))
		rule_format(e, CHILD(p, "nodeName"), spec->node_name, "dns-subdomain");
	if (!str_empty(spec->hostname))
		rule_format(e, CHILD(p, "hostname"), spec->hostname, "dns-label");
	if (!str_empty(spec->subdomain))
		rule_format(e, CHILD(p, "subdomain"), spec->subdomain, "dns-label");
	if (!str_empty(spec->priority_class_name))
		rule_format(e, CHILD(p, "priorityClassName"), spec->priority_class_name, "dns-subdomain");
	if (spec->runtime_class_name)
		rule_format(e, CHILD(p, "runtimeClassName"), spec->runtime_class_name, "dns-subdomain");
	if (!str_empty(spec->scheduler_name))
		rule_format(e, CHILD(p, "schedulerName"), spec->scheduler_name, "dns-subdomain");
	if (spec->preemption_policy)
		RULE_ENUM(e, CHILD(p, "preemptionPolicy"), spec->preemption_policy, "PreemptLowerPriority",
		    "Never");
	if (spec->os && rule_required(e, CHILD(CHILD(p, "os"), "name"), spec->os->name))
		RULE_ENUM(e, CHILD(CHILD(p, "os"), "name"), spec->os->name, "linux", "windows");
}

static void check_lists(const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen gates = {0};

	for (size_t i = 0; i < spec->n_host_aliases; i++) {
		rule_format(e, CHILD(CHILD(p, "hostAliases"), "ip"), spec->host_aliases[i]->ip, "ip");
		for (size_t j = 0; j < spec->host_aliases[i]->n_hostnames; j++)
			rule_format(e, CHILD(CHILD(p, "hostAliases"), "hostnames"),
			    spec->host_aliases[i]->hostnames[j], "dns-subdomain");
	}
	for (size_t i = 0; i < spec->n_readiness_gates; i++)
		rule_format(e, CHILD(AT(CHILD(p, "readinessGates"), i), "conditionType"),
		    spec->readiness_gates[i]->condition_type, "qualified-name");
	for (size_t i = 0; i < spec->n_scheduling_gates; i++) {
		const char *name = str_or(spec->scheduling_gates[i]->name, "");

		rule_format(e, AT(CHILD(p, "schedulingGates"), i), name, "qualified-name");
		if (rule_seen(&gates, e->arena, name))
			rule_duplicate(e, AT(CHILD(p, "schedulingGates"), i), name);
	}
	for (size_t i = 0; i < spec->n_overhead; i++)
		rule_resource_value(e, KEY(CHILD(p, "overhead"), spec->overhead[i]->key),
		    spec->overhead[i]->key, spec->overhead[i]->value);
}

void podspec_validate(const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	struct volume_set volumes;

	podspec_validate_volumes(spec, CHILD(p, "volumes"), e, &volumes);
	podspec_validate_containers(spec, &volumes, p, e);
	podspec_validate_ephemeral_containers(spec, &volumes, CHILD(p, "ephemeralContainers"), e);
	if (rule_required(e, CHILD(p, "restartPolicy"), spec->restart_policy))
		RULE_ENUM(e, CHILD(p, "restartPolicy"), spec->restart_policy, "Always", "OnFailure", "Never");
	check_dns(spec, p, e);
	rule_labels(e, CHILD(p, "nodeSelector"), spec->n_node_selector, spec->node_selector);
	check_security_context(spec, CHILD(p, "securityContext"), e);
	check_host_network(spec, CHILD(p, "containers"), e);
	podspec_validate_affinity(spec->affinity, CHILD(p, "affinity"), e);
	podspec_validate_tolerations(spec, CHILD(p, "tolerations"), e);
	podspec_validate_spreading(spec, CHILD(p, "topologySpreadConstraints"), e);
	check_identity(spec, p, e);
	check_lists(spec, p, e);
	if (spec->has_active_deadline_seconds)
		rule_range(e, CHILD(p, "activeDeadlineSeconds"), spec->active_deadline_seconds, 1, INT32_MAX);
}

void podtemplate_validate(
    const CoreV1__PodTemplateSpec *template, const struct field_path *p, struct field_errors *e)
{
	rule_labels(e, CHILD(p, "labels"), template->metadata->n_labels, template->metadata->labels);
	rule_annotations(
	    e, CHILD(p, "annotations"), template->metadata->n_annotations, template->metadata->annotations);
	podspec_validate(template->spec, CHILD(p, "spec"), e);
	rule_forbidden_if(e, CHILD(CHILD(p, "spec"), "ephemeralContainers"),
	    template->spec->n_ephemeral_containers, "ephemeral containers not allowed in pod template");
}

void podtemplate_validate_for_controller(const CoreV1__PodTemplateSpec *template, bool selector_matches,
    const struct field_path *p, struct field_errors *e)
{
	const struct field_path *spec = CHILD(p, "spec");

	rule_invalid_if(e, CHILD(CHILD(p, "metadata"), "labels"), !selector_matches, NULL,
	    "`selector` does not match template `labels`");
	podtemplate_validate(template, p, e);
	if (!str_eq(template->spec->restart_policy, "Always"))
		RULE_ENUM(e, CHILD(spec, "restartPolicy"), template->spec->restart_policy, "Always");
	rule_forbidden_if(e, CHILD(spec, "activeDeadlineSeconds"),
	    template->spec->has_active_deadline_seconds,
	    "activeDeadlineSeconds in ReplicaSet is not Supported");
}
