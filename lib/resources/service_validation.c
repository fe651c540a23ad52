#include "lib/resources/service_rules.h"

#include <ctype.h>
#include <string.h>

#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/rules.h"

static void check_external_name(
    const CoreV1__ServiceSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const char *name = str_or(spec->external_name, "");
	size_t len = strlen(name);

	rule_forbidden_if(e, CHILD(p, "clusterIPs"), !str_empty(spec->cluster_ip) || spec->n_cluster_ips,
	    "may not be set for ExternalName services");
	rule_forbidden_if(
	    e, CHILD(p, "ipFamilies"), spec->n_ip_families, "may not be set for ExternalName services");
	rule_forbidden_if(e, CHILD(p, "ipFamilyPolicy"), spec->ip_family_policy,
	    "may not be set for ExternalName services");
	if (len && name[len - 1] == '.')
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
	bool headless = spec->n_cluster_ips == 1 && !strcmp(spec->cluster_ips[0], "None");
	struct rule_seen names = {0};

	if (!str_eq(spec->type, "ExternalName") && !headless)
		rule_required_that(e, p, spec->n_ports, "");
	for (size_t i = 0; i < spec->n_ports; i++) {
		check_port(spec, spec->ports[i], &names, AT(p, i), e);
		rule_invalid_if(e, AT(p, i),
		    str_eq(spec->type, "LoadBalancer") && spec->ports[i]->port == 10250, NULL,
		    "may not be exposed externally since it is used by kubelet");
	}
	check_duplicate_ports(spec, p, e);
}

static void check_families(
    const CoreV1__ServiceSpec *spec, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen seen = {0};

	for (size_t i = 0; i < spec->n_ip_families; i++) {
		RULE_ENUM(e, AT(p, i), spec->ip_families[i], "IPv4", "IPv6");
		if (rule_seen(&seen, e->arena, spec->ip_families[i]))
			rule_duplicate(e, AT(p, i), spec->ip_families[i]);
	}
}

/* Addresses that are of no family at all are reported alone: they make the other findings meaningless. */
static bool check_each_ip(const CoreV1__ServiceSpec *spec, const struct field_path *p, struct field_errors *e)
{
	bool valid = true;

	for (size_t i = 0; i < spec->n_cluster_ips; i++)
		if (!i && !strcmp(spec->cluster_ips[0], "None"))
			valid = rule_invalid_if(
			    e, p, spec->n_cluster_ips > 1, "None", "'None' must be the first and only value");
		else
			valid = rule_format(e, AT(p, i), spec->cluster_ips[i], "ip") && valid;
	rule_invalid_if(e, p, spec->n_cluster_ips > 2, NULL, "may only hold up to 2 values");
	return valid;
}

static void check_cluster_ips(
    const CoreV1__ServiceSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *ips = CHILD(p, "clusterIPs");
	bool headless = spec->n_cluster_ips == 1 && !strcmp(spec->cluster_ips[0], "None");
	bool v4 = false, v6 = false;

	if (str_eq(spec->type, "ExternalName"))
		return;
	rule_invalid_if(e, AT(ips, 0),
	    headless && (str_eq(spec->type, "LoadBalancer") || str_eq(spec->type, "NodePort")), "None",
	    "may not be set to 'None' for services of this type");
	if (str_empty(spec->cluster_ip))
		rule_invalid_if(
		    e, ips, spec->n_cluster_ips, NULL, "must be empty when `clusterIP` is not specified");
	else if (rule_required_that(e, ips, spec->n_cluster_ips, ""))
		rule_invalid_if(e, ips, strcmp(spec->cluster_ips[0], spec->cluster_ip) != 0, NULL,
		    "first value must match `clusterIP`");
	check_families(spec, CHILD(p, "ipFamilies"), e);
	if (spec->ip_family_policy)
		RULE_ENUM(e, CHILD(p, "ipFamilyPolicy"), spec->ip_family_policy, "SingleStack",
		    "PreferDualStack", "RequireDualStack");
	if (!check_each_ip(spec, ips, e))
		return;
	for (size_t i = 0; i < spec->n_cluster_ips; i++) {
		bool is_v6 = format_is_ipv6(spec->cluster_ips[i]);

		v4 = v4 || !is_v6;
		v6 = v6 || is_v6;
		if (!headless && i < spec->n_ip_families)
			rule_invalid_if(e, AT(ips, i), str_eq(spec->ip_families[i], is_v6 ? "IPv4" : "IPv6"),
			    spec->cluster_ips[i], "must be of the family that `ipFamilies` indicates");
	}
	rule_invalid_if(e, ips, spec->n_cluster_ips > 1 && !(v4 && v6), NULL,
	    "may specify no more than one IP for each IP family");
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

static const char *trimmed(struct arena *arena, const char *s, size_t len)
{
	while (len && isspace((unsigned char)s[len - 1]))
		len--;
	while (len && isspace((unsigned char)*s)) {
		s++;
		len--;
	}
	return arena_strndup(arena, s, len);
}

static void check_traffic(const CoreV1__ServiceSpec *spec, const struct field_path *p, struct field_errors *e)
{
	bool lb = str_eq(spec->type, "LoadBalancer");
	bool external =
	    lb || str_eq(spec->type, "NodePort") || (service_has_cluster_ip(spec) && spec->n_external_ips);

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
	if (spec->health_check_node_port)
		rule_port(e, CHILD(p, "healthCheckNodePort"), spec->health_check_node_port);
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
	for (size_t i = 0; i < spec->n_load_balancer_source_ranges; i++)
		rule_format(e, AT(CHILD(p, "LoadBalancerSourceRanges"), i),
		    trimmed(e->arena, spec->load_balancer_source_ranges[i],
			strlen(spec->load_balancer_source_ranges[i])),
		    "cidr");
	if (spec->traffic_distribution)
		RULE_ENUM(e, CHILD(p, "trafficDistribution"), spec->traffic_distribution, "PreferClose");
}

/* Annotations that once were fields, or the other way round. */
static void check_annotations(const CoreV1__Service *service, struct field_errors *e)
{
	static const char ranges_key[] = "service.beta.kubernetes.io/load-balancer-source-ranges";
	static const char mode_key[] = "service.kubernetes.io/topology-mode";
	const struct field_path *p = CHILD(PATH_ROOT("metadata"), "annotations");
	const char *mode = api_map_get(service->metadata, annotations, mode_key);
	const char *hints =
	    api_map_get(service->metadata, annotations, "service.kubernetes.io/topology-aware-hints");
	const char *ranges = api_map_get(service->metadata, annotations, ranges_key);

	rule_invalid_if(e, KEY(p, mode_key), mode && hints && strcmp(mode, hints), mode,
	    "must match the annotation service.kubernetes.io/topology-aware-hints when both are specified");
	if (!ranges || service->spec->n_load_balancer_source_ranges)
		return;
	rule_forbidden_if(e, KEY(p, ranges_key), !str_eq(service->spec->type, "LoadBalancer"),
	    "may only be used when `type` is 'LoadBalancer'");
	ranges = trimmed(e->arena, ranges, strlen(ranges));
	while (*ranges) {
		size_t len = strcspn(ranges, ",");

		rule_format(e, KEY(p, ranges_key), trimmed(e->arena, ranges, len), "cidr");
		ranges += len + (ranges[len] == ',');
	}
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
		if (rule_format(e, AT(CHILD(p, "externalIPs"), i), spec->external_ips[i], "ip"))
			rule_invalid_if(e, AT(CHILD(p, "externalIPs"), i),
			    format_is_special_ip(spec->external_ips[i]), spec->external_ips[i],
			    "may not be unspecified, loopback or link-local");
	check_annotations(service, e);
	check_traffic(spec, p, e);
}

static bool is_headless(const CoreV1__ServiceSpec *spec)
{
	return spec->n_cluster_ips == 1 && !strcmp(spec->cluster_ips[0], "None");
}

/* What a Service may gain and lose between updates: the second of its addresses or families, never the first.
 */
static void check_lists(const char *name, size_t len, char **list, size_t old_len, char **old,
    const char *policy, bool each_index, struct field_errors *e)
{
	const struct field_path *spec = PATH_ROOT("spec"), *p = CHILD(spec, name);

	if (len == old_len) {
		for (size_t i = 0; i < len; i++)
			rule_invalid_if(e, AT(p, each_index ? i : 0), strcmp(list[i], old[i]) != 0, list[i],
			    "may not change once set");
		return;
	}
	rule_invalid_if(e, AT(p, 0), !len, NULL, "the primary one can not be unset");
	rule_invalid_if(
	    e, AT(p, 0), len && old_len && strcmp(list[0], old[0]), NULL, "may not change once set");
	rule_invalid_if(e, CHILD(spec, "ipFamilyPolicy"),
	    old_len > len && len == 1 && !str_eq(policy, "SingleStack"), policy,
	    "must be set to 'SingleStack' when releasing the secondary one");
}

void service_validate_update(
    const CoreV1__Service *service, const CoreV1__Service *old, struct field_errors *e)
{
	const CoreV1__ServiceSpec *spec = service->spec, *was = old->spec;
	const struct field_path *p = PATH_ROOT("spec");
	bool lb = str_eq(spec->type, "LoadBalancer") && str_eq(was->type, "LoadBalancer");

	rule_invalid_if(e, CHILD(p, "loadBalancerClass"),
	    lb && (!spec->load_balancer_class != !was->load_balancer_class ||
		      !str_eq(spec->load_balancer_class, was->load_balancer_class)),
	    spec->load_balancer_class, "may not change once set");
	rule_forbidden_if(e, CHILD(p, "healthCheckNodePort"),
	    lb && str_eq(spec->external_traffic_policy, "Local") &&
		str_eq(was->external_traffic_policy, "Local") &&
		spec->health_check_node_port != was->health_check_node_port,
	    "field is immutable");
	if (!service_has_cluster_ip(was) || !service_has_cluster_ip(spec))
		return;
	if (!is_headless(spec) || !is_headless(was))
		check_lists("clusterIPs", spec->n_cluster_ips, spec->cluster_ips, was->n_cluster_ips,
		    was->cluster_ips, spec->ip_family_policy, true, e);
	if (!is_headless(spec) && !is_headless(was))
		check_lists("ipFamilies", spec->n_ip_families, spec->ip_families, was->n_ip_families,
		    was->ip_families, spec->ip_family_policy, false, e);
}

/* Upstream of today refuses the status of a load balancer to other types; that of the recordings did not. */
void service_validate_status(const CoreV1__Service *service, struct field_errors *e)
{
	const CoreV1__LoadBalancerStatus *lb = service->status->load_balancer;
	const struct field_path *p = CHILD(CHILD(PATH_ROOT("status"), "loadBalancer"), "ingress");

	for (size_t i = 0; lb && i < lb->n_ingress; i++) {
		const CoreV1__LoadBalancerIngress *in = lb->ingress[i];
		const struct field_path *at = AT(p, i);

		if (!str_empty(in->ip))
			rule_format(e, CHILD(at, "ip"), in->ip, "ip");
		if (in->ip_mode && rule_forbidden_if(e, CHILD(at, "ipMode"), str_empty(in->ip),
				       "may not be specified when `ip` is not set"))
			RULE_ENUM(e, CHILD(at, "ipMode"), in->ip_mode, "Proxy", "VIP");
		if (str_empty(in->hostname))
			continue;
		rule_format(e, CHILD(at, "hostname"), in->hostname, "dns-subdomain");
		rule_invalid_if(e, CHILD(at, "hostname"), format_is_ip(in->hostname), in->hostname,
		    "must be a DNS name, not an IP address");
	}
}
