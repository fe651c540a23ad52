#include "lib/resources/service_rules.h"

#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/rules.h"

static void check_external_name(
    const CoreV1__ServiceSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const char *name = str_or(spec->external_name, "");
	size_t len = strlen(name);

	rule_forbidden_if(e, CHILD(p, "clusterIPs"), !str_empty(spec->cluster_ip),
	    "may not be set when type is 'ExternalName'");
	if (len > 1 && name[len - 1] == '.')
		name = arena_strndup(e->arena, name, len - 1);
	if (rule_required(e, CHILD(p, "externalName"), name))
		rule_format(e, CHILD(p, "externalName"), name, "dns-subdomain");
}

static void check_port(const CoreV1__ServiceSpec *spec, const CoreV1__ServicePort *port,
    struct rule_seen *names, const struct field_path *p, struct field_errors *e)
{
	if (spec->n_ports > 1 && str_empty(port->name))
		rule_required(e, CHILD(p, "name"), port->name);
	else if (!str_empty(port->name)) {
		rule_format(e, CHILD(p, "name"), port->name, "dns-label");
		if (rule_seen(names, e->arena, port->name))
			rule_duplicate(e, CHILD(p, "name"), port->name);
	}
	rule_port(e, CHILD(p, "port"), port->port);
	if (rule_required(e, CHILD(p, "protocol"), port->protocol))
		RULE_ENUM(e, CHILD(p, "protocol"), port->protocol, "TCP", "UDP", "SCTP");
	rule_port_or_name(e, CHILD(p, "targetPort"), port->target_port);
	if (port->app_protocol)
		rule_format(e, CHILD(p, "appProtocol"), port->app_protocol, "qualified-name");
	rule_forbidden_if(e, CHILD(p, "nodePort"), str_eq(spec->type, "ClusterIP") && port->node_port,
	    "may not be used when `type` is 'ClusterIP'");
}

static void check_duplicate_ports(
    const CoreV1__ServiceSpec *spec, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen ports = {0}, node_ports = {0};

	for (size_t i = 0; i < spec->n_ports; i++) {
		const CoreV1__ServicePort *port = spec->ports[i];
		const char *protocol = str_or(port->protocol, "");

		if (rule_seen(&ports, e->arena, arena_printf(e->arena, "%d/%s", port->port, protocol)))
			rule_duplicate(e, AT(p, i), "");
		if (port->node_port && rule_seen(&node_ports, e->arena,
					   arena_printf(e->arena, "%d/%s", port->node_port, protocol)))
			rule_duplicate(e, CHILD(AT(p, i), "nodePort"), "");
	}
}

static void check_ports(const CoreV1__ServiceSpec *spec, const struct field_path *p, struct field_errors *e)
{
	bool headless = str_eq(spec->cluster_ip, "None");
	struct rule_seen names = {0};

	if (!str_eq(spec->type, "ExternalName") && !headless)
		rule_required_that(e, p, spec->n_ports, "");
	for (size_t i = 0; i < spec->n_ports; i++)
		check_port(spec, spec->ports[i], &names, AT(p, i), e);
	check_duplicate_ports(spec, p, e);
}

static void check_cluster_ips(
    const CoreV1__ServiceSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *ips = CHILD(p, "clusterIPs");

	if (str_eq(spec->type, "ExternalName"))
		return;
	rule_invalid_if(e, ips, spec->n_cluster_ips && !str_eq(spec->cluster_ips[0], spec->cluster_ip), NULL,
	    "first value must match `clusterIP`");
	rule_invalid_if(e, ips, spec->n_cluster_ips > 2, NULL, "may only hold up to 2 values");
	rule_invalid_if(e, CHILD(p, "clusterIP"),
	    str_eq(spec->type, "LoadBalancer") && str_eq(spec->cluster_ip, "None"), "None",
	    "may not be set to 'None' for LoadBalancer services");
	for (size_t i = 0; i < spec->n_cluster_ips; i++) {
		if (!strcmp(spec->cluster_ips[i], "None"))
			rule_invalid_if(e, AT(ips, i), i > 0 || spec->n_cluster_ips > 1, "None",
			    "'None' must be the first and only value");
		else
			rule_format(e, AT(ips, i), spec->cluster_ips[i], "ip");
	}
	for (size_t i = 0; i < spec->n_ip_families; i++)
		RULE_ENUM(e, AT(CHILD(p, "ipFamilies"), i), spec->ip_families[i], "IPv4", "IPv6");
	if (spec->ip_family_policy)
		RULE_ENUM(e, CHILD(p, "ipFamilyPolicy"), spec->ip_family_policy, "SingleStack",
		    "PreferDualStack", "RequireDualStack");
}

static void check_affinity(
    const CoreV1__ServiceSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__ClientIPConfig *config =
	    spec->session_affinity_config ? spec->session_affinity_config->client_ip : NULL;

	if (rule_required(e, CHILD(p, "sessionAffinity"), spec->session_affinity))
		RULE_ENUM(e, CHILD(p, "sessionAffinity"), spec->session_affinity, "ClientIP", "None");
	if (str_eq(spec->session_affinity, "ClientIP") && config && config->has_timeout_seconds)
		rule_range(e, CHILD(CHILD(CHILD(p, "sessionAffinityConfig"), "clientIP"), "timeoutSeconds"),
		    config->timeout_seconds, 1, 86400);
}

static void check_traffic(const CoreV1__ServiceSpec *spec, const struct field_path *p, struct field_errors *e)
{
	bool lb = str_eq(spec->type, "LoadBalancer");
	bool external = lb || str_eq(spec->type, "NodePort") || spec->n_external_ips;

	if (!str_empty(spec->external_traffic_policy) &&
	    rule_invalid_if(e, CHILD(p, "externalTrafficPolicy"), !external, spec->external_traffic_policy,
		"may only be set for externally-accessible services"))
		RULE_ENUM(
		    e, CHILD(p, "externalTrafficPolicy"), spec->external_traffic_policy, "Cluster", "Local");
	else if (external && str_empty(spec->external_traffic_policy))
		rule_required(e, CHILD(p, "externalTrafficPolicy"), "");
	if (spec->internal_traffic_policy)
		RULE_ENUM(
		    e, CHILD(p, "internalTrafficPolicy"), spec->internal_traffic_policy, "Cluster", "Local");
	rule_non_negative(e, CHILD(p, "healthCheckNodePort"), spec->health_check_node_port);
	rule_invalid_if(e, CHILD(p, "healthCheckNodePort"),
	    spec->health_check_node_port && !(lb && str_eq(spec->external_traffic_policy, "Local")), NULL,
	    "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
	rule_forbidden_if(e, CHILD(p, "allocateLoadBalancerNodePorts"),
	    spec->has_allocate_load_balancer_node_ports && !lb,
	    "may only be used when `type` is 'LoadBalancer'");
	if (spec->load_balancer_class && rule_forbidden_if(e, CHILD(p, "loadBalancerClass"), !lb,
					     "may only be used when `type` is 'LoadBalancer'"))
		rule_format(e, CHILD(p, "loadBalancerClass"), spec->load_balancer_class, "qualified-name");
	rule_forbidden_if(e, CHILD(p, "LoadBalancerSourceRanges"), spec->n_load_balancer_source_ranges && !lb,
	    "may only be used when `type` is 'LoadBalancer'");
	for (size_t i = 0; lb && i < spec->n_load_balancer_source_ranges; i++)
		rule_format(e, AT(CHILD(p, "LoadBalancerSourceRanges"), i),
		    spec->load_balancer_source_ranges[i], "cidr");
}

void service_validate(const CoreV1__Service *service, struct field_errors *e)
{
	const CoreV1__ServiceSpec *spec = service->spec;
	const struct field_path *p = PATH_ROOT("spec");

	if (str_eq(spec->type, "ExternalName"))
		check_external_name(spec, p, e);
	if (rule_required(e, CHILD(p, "type"), spec->type))
		RULE_ENUM(
		    e, CHILD(p, "type"), spec->type, "ClusterIP", "ExternalName", "LoadBalancer", "NodePort");
	check_ports(spec, CHILD(p, "ports"), e);
	rule_labels(e, CHILD(p, "selector"), spec->n_selector, spec->selector);
	check_affinity(spec, p, e);
	check_cluster_ips(spec, p, e);
	for (size_t i = 0; i < spec->n_external_ips; i++)
		rule_format(e, AT(CHILD(p, "externalIPs"), i), spec->external_ips[i], "ip");
	check_traffic(spec, p, e);
}
