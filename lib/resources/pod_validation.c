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
	bool no_servers = false;
	size_t total = 0;

	if (rule_required(e, CHILD(p, "dnsPolicy"), spec->dns_policy))
		RULE_ENUM(e, CHILD(p, "dnsPolicy"), spec->dns_policy, "ClusterFirstWithHostNet",
		    "ClusterFirst", "Default", "None");
	if (str_eq(spec->dns_policy, "None") &&
	    rule_required_that(e, config, dns, "must provide `dnsConfig` when `dnsPolicy` is None"))
		no_servers = !rule_required_that(e, CHILD(config, "nameservers"), dns->n_nameservers,
		    "must provide at least one DNS nameserver when `dnsPolicy` is None");
	if (!dns || no_servers)
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
		if (len && name[len - 1] == '.')
			name = arena_strndup(e->arena, name, len - 1);
		rule_format(e, AT(CHILD(config, "searches"), i), name, "dns-subdomain");
	}
	rule_invalid_if(e, CHILD(config, "searches"), total > 2049, NULL,
	    "must not have more than 2048 characters in all search paths");
	for (size_t i = 0; i < dns->n_options; i++)
		rule_required(e, AT(CHILD(config, "options"), i), dns->options[i]->name);
}

/* A pod in the network of its node listens there. A template may leave the port of the node to defaulting. */
static void check_host_network(
    const struct podspec_scope *scope, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__PodSpec *spec = scope->spec;

	for (size_t i = 0; spec->host_network && i < spec->n_containers; i++)
		for (size_t j = 0; j < spec->containers[i]->n_ports; j++) {
			const CoreV1__ContainerPort *port = spec->containers[i]->ports[j];

			rule_invalid_if(e, CHILD(AT(CHILD(AT(p, i), "ports"), j), "hostPort"),
			    (scope->pod || port->host_port) && port->host_port != port->container_port, NULL,
			    "must match `containerPort` when `hostNetwork` is true");
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
	if (spec->preemption_policy &&
	    rule_required(e, CHILD(p, "preemptionPolicy"), spec->preemption_policy))
		RULE_ENUM(e, CHILD(p, "preemptionPolicy"), spec->preemption_policy, "PreemptLowerPriority",
		    "Never");
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
}

/* Overhead is checked as limits of a container would be, and reported so. */
static void check_overhead(const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e)
{
	CoreV1__ResourceRequirements limits = CORE_V1__RESOURCE_REQUIREMENTS__INIT;

	limits.n_limits = spec->n_overhead;
	limits.limits = (CoreV1__ResourceRequirements__LimitsEntry **)spec->overhead;
	podspec_validate_resources(&limits, p, e);
}

void podspec_validate(const CoreV1__PodSpec *spec, const MetaV1__ObjectMeta *pod, bool is_update,
    const struct field_path *p, struct field_errors *e)
{
	struct podspec_scope scope = {.spec = spec, .pod = pod, .is_update = is_update};

	podspec_validate_volumes(spec, pod, CHILD(p, "volumes"), e, &scope.volumes);
	podspec_validate_containers(&scope, p, e);
	if (rule_required(e, CHILD(p, "restartPolicy"), spec->restart_policy))
		RULE_ENUM(e, CHILD(p, "restartPolicy"), spec->restart_policy, "Always", "OnFailure", "Never");
	check_dns(spec, p, e);
	rule_labels(e, CHILD(p, "nodeSelector"), spec->n_node_selector, spec->node_selector);
	podspec_validate_pod_security(spec, CHILD(p, "securityContext"), e);
	check_host_network(&scope, CHILD(p, "containers"), e);
	podspec_validate_affinity(&scope, CHILD(p, "affinity"), e);
	podspec_validate_tolerations(spec, CHILD(p, "tolerations"), e);
	podspec_validate_spreading(spec, CHILD(p, "topologySpreadConstraints"), e);
	check_identity(spec, p, e);
	check_lists(spec, p, e);
	check_overhead(spec, CHILD(p, "overhead"), e);
	podspec_validate_os(spec, p, e);
	if (spec->has_active_deadline_seconds)
		rule_range(e, CHILD(p, "activeDeadlineSeconds"), spec->active_deadline_seconds, 1, INT32_MAX);
}

void podtemplate_validate(
    const CoreV1__PodTemplateSpec *template, const struct field_path *p, struct field_errors *e)
{
	rule_labels(e, CHILD(p, "labels"), template->metadata->n_labels, template->metadata->labels);
	rule_annotations(
	    e, CHILD(p, "annotations"), template->metadata->n_annotations, template->metadata->annotations);
	podspec_validate_annotations(template->spec, template->metadata, CHILD(p, "annotations"), e);
	podspec_validate(template->spec, NULL, false, CHILD(p, "spec"), e);
	podspec_validate_profiles(template->spec, template->metadata, CHILD(p, "spec"), e);
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
