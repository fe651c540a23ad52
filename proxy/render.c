#include "proxy/render.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "proxy/endpoints.h"
#include "proxy/names.h"

enum { AFFINITY_DEFAULT_S = 10800 };

/* One port of a Service while its rules are written. */
struct service_port {
	const struct proxy_config *config;
	const CoreV1__Service *service;
	const CoreV1__ServicePort *port;
	struct arena *arena;
	struct rules *out;
	const char *name;     /* ns/name:port */
	const char *protocol; /* "tcp" */
	const char *cluster_ip;
	const char **lb_ips;
	size_t lb_ips_len;
	struct proxy_policy policy;
	struct proxy_choice choice;
	char svc[CHAIN_NAME_MAX], svl[CHAIN_NAME_MAX], ext[CHAIN_NAME_MAX], fw[CHAIN_NAME_MAX];
	bool has_internal, has_external, has_any;
	/* What becomes of packets that no endpoint can take, and why; NULL: they can. */
	const char *internal_target, *external_target, *internal_why, *external_why;
	int affinity_s; /* 0: none */
};

static bool is_ipv4(const char *text)
{
	struct in_addr ip;
	return text && inet_pton(AF_INET, text, &ip) == 1;
}

static const char *cluster_ip_of(const CoreV1__ServiceSpec *spec)
{
	for (size_t i = 0; i < spec->n_cluster_ips; i++)
		if (is_ipv4(spec->cluster_ips[i]))
			return spec->cluster_ips[i];
	return is_ipv4(spec->cluster_ip) ? spec->cluster_ip : NULL;
}

bool render_skips(const CoreV1__Service *service)
{
	return str_eq(service->spec->type, "ExternalName") || !cluster_ip_of(service->spec) ||
	       api_map_get(service->metadata, labels, "service.kubernetes.io/service-proxy-name");
}

/* "1.2.3.0/24": does it hold the address? False for IPv6 and for what is no range. */
static bool range_holds(const char *range, const char *ip)
{
	char network[32];
	const char *slash = strchr(range, '/');
	int64_t bits = 32;
	struct in_addr a, b;
	snprintf(network, sizeof(network), "%.*s", (int)(slash ? slash - range : (long)strlen(range)), range);
	if ((slash && (!str_to_int64(slash + 1, &bits) || bits < 0 || bits > 32)) ||
	    inet_pton(AF_INET, network, &a) != 1 || inet_pton(AF_INET, ip, &b) != 1)
		return false;
	uint32_t mask = bits ? htonl(UINT32_MAX << (32 - bits)) : 0;
	return (a.s_addr & mask) == (b.s_addr & mask);
}

static bool is_ipv4_range(const char *range)
{
	char network[32];
	const char *slash = strchr(range, '/');
	struct in_addr ip;
	snprintf(network, sizeof(network), "%.*s", (int)(slash ? slash - range : (long)strlen(range)), range);
	return range_holds(range, network) && inet_pton(AF_INET, network, &ip) == 1;
}

/* Ranges come from users and may have blanks around them. */
static const char *trim(struct arena *arena, const char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	size_t len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	return arena_strndup(arena, text, len);
}

/* Setting up */

static void collect_lb_ips(struct service_port *sp)
{
	const CoreV1__Service *service = sp->service;
	if (!str_eq(service->spec->type, "LoadBalancer") || !service->status ||
	    !service->status->load_balancer)
		return;
	const CoreV1__LoadBalancerStatus *status = service->status->load_balancer;
	sp->lb_ips = ARENA_ARRAY(sp->arena, const char *, status->n_ingress + 1);
	for (size_t i = 0; i < status->n_ingress; i++)
		if (is_ipv4(status->ingress[i]->ip) && !str_eq(status->ingress[i]->ip_mode, "Proxy"))
			sp->lb_ips[sp->lb_ips_len++] = status->ingress[i]->ip;
}

static bool has_external_ips(const CoreV1__ServiceSpec *spec)
{
	for (size_t i = 0; i < spec->n_external_ips; i++)
		if (is_ipv4(spec->external_ips[i]))
			return true;
	return false;
}

static int affinity_of(const CoreV1__ServiceSpec *spec)
{
	if (!str_eq(spec->session_affinity, "ClientIP"))
		return 0;
	const CoreV1__SessionAffinityConfig *config = spec->session_affinity_config;
	if (config && config->client_ip && config->client_ip->has_timeout_seconds)
		return config->client_ip->timeout_seconds;
	return AFFINITY_DEFAULT_S;
}

static void set_names(struct service_port *sp)
{
	const MetaV1__ObjectMeta *meta = sp->service->metadata;
	sp->protocol = str_lower(sp->arena, str_or(sp->port->protocol, "TCP"));
	sp->name = arena_printf(sp->arena, "%s/%s%s%s", meta->namespace_, meta->name,
	    str_empty(sp->port->name) ? "" : ":", str_or(sp->port->name, ""));
	const char *hashed = arena_printf(sp->arena, "%s%s", sp->name, sp->protocol);
	chain_name("KUBE-SVC-", hashed, sp->svc);
	chain_name("KUBE-SVL-", hashed, sp->svl);
	chain_name("KUBE-EXT-", hashed, sp->ext);
	chain_name("KUBE-FW-", hashed, sp->fw);
}

/* Nothing behind the Service at all is refused; nothing on this node is dropped, as another node may have it.
 */
static void set_targets(struct service_port *sp)
{
	if (!sp->has_any) {
		sp->internal_target = sp->external_target = "REJECT";
		sp->internal_why = sp->external_why = "has no endpoints";
		return;
	}
	if (!sp->has_internal) {
		sp->internal_target = "DROP";
		sp->internal_why = "has no local endpoints";
	}
	if (!sp->has_external) {
		sp->external_target = "DROP";
		sp->external_why = "has no local endpoints";
	}
}

static void set_up(struct service_port *sp, const DiscoveryV1__EndpointSlice *const *slices,
    size_t slices_len, const struct proxy_endpoint **ret_all, size_t *ret_all_len)
{
	const CoreV1__ServiceSpec *spec = sp->service->spec;
	set_names(sp);
	sp->cluster_ip = cluster_ip_of(spec);
	collect_lb_ips(sp);
	sp->policy = (struct proxy_policy){
	    .internal_local = str_eq(spec->internal_traffic_policy, "Local"),
	    .external_local = str_eq(spec->external_traffic_policy, "Local"),
	    .externally_accessible = sp->port->node_port || sp->lb_ips_len || has_external_ips(spec),
	};
	*ret_all = endpoints_of_port(
	    sp->arena, sp->port, slices, slices_len, sp->config->node_name, sp->config->zone, ret_all_len);
	endpoints_choose(sp->arena, *ret_all, *ret_all_len, &sp->policy, &sp->choice);
	sp->has_any = sp->choice.has_any;
	sp->has_internal = sp->policy.internal_local ? sp->choice.local.len : sp->choice.cluster.len;
	sp->has_external = sp->policy.external_local ? sp->choice.local.len : sp->choice.cluster.len;
	sp->affinity_s = affinity_of(spec);
	set_targets(sp);
}

/* The shared chains: how packets find the Service */

static void match_address(struct service_port *sp, enum proxy_table table, const char *chain,
    const char *what, const char *ip, const char *target)
{
	rules_share(sp->out, table, chain,
	    "-m comment --comment \"%s %s\" -m %s -p %s -d %s --dport %d -j %s", sp->name, what, sp->protocol,
	    sp->protocol, ip, sp->port->port, target);
}

static void put_cluster_ip(struct service_port *sp)
{
	const char *chain = sp->policy.internal_local ? sp->svl : sp->svc;
	if (sp->internal_target)
		match_address(
		    sp, PROXY_FILTER, "KUBE-SERVICES", sp->internal_why, sp->cluster_ip, sp->internal_target);
	else
		match_address(sp, PROXY_NAT, "KUBE-SERVICES", "cluster IP", sp->cluster_ip, chain);
}

static void put_external_ip(struct service_port *sp, const char *what, const char *ip, const char *chain)
{
	if (sp->has_any)
		match_address(sp, PROXY_NAT, "KUBE-SERVICES", what, ip, chain);
	if (sp->external_target)
		match_address(
		    sp, PROXY_FILTER, "KUBE-EXTERNAL-SERVICES", sp->external_why, ip, sp->external_target);
}

static void put_node_port(struct service_port *sp)
{
	if (sp->has_any)
		rules_share(sp->out, PROXY_NAT, "KUBE-NODEPORTS",
		    "-m comment --comment \"%s\" -m %s -p %s --dport %d -j %s", sp->name, sp->protocol,
		    sp->protocol, sp->port->node_port, sp->ext);
	if (sp->external_target)
		rules_share(sp->out, PROXY_FILTER, "KUBE-EXTERNAL-SERVICES",
		    "-m comment --comment \"%s %s\" -m addrtype --dst-type LOCAL -m %s -p %s --dport %d -j "
		    "%s",
		    sp->name, sp->external_why, sp->protocol, sp->protocol, sp->port->node_port,
		    sp->external_target);
}

/* The Service's own chains */

/* ClusterIP traffic that comes from no pod would carry an address that the endpoint may not answer to. */
static void put_cluster_masquerade(struct service_port *sp)
{
	const char *chain = sp->policy.internal_local ? sp->svl : sp->svc, *cidr = sp->config->cluster_cidr;
	char from[64] = "";
	if (!sp->config->masquerade_all && str_empty(cidr))
		return;
	if (!sp->config->masquerade_all)
		snprintf(from, sizeof(from), " ! -s %s", cidr);
	rules_add(sp->out, PROXY_NAT, chain,
	    "-m comment --comment \"%s cluster IP\" -m %s -p %s -d %s --dport %d%s -j KUBE-MARK-MASQ",
	    sp->name, sp->protocol, sp->protocol, sp->cluster_ip, sp->port->port, from);
}

static void put_external_chain(struct service_port *sp)
{
	const char *comment = "external destinations";
	if (!sp->policy.external_local) {
		rules_add(sp->out, PROXY_NAT, sp->ext,
		    "-m comment --comment \"masquerade traffic for %s %s\" -j KUBE-MARK-MASQ", sp->name,
		    comment);
		rules_add(sp->out, PROXY_NAT, sp->ext, "-j %s", sp->svc);
		return;
	}
	/* Pods and the node itself are inside already: they may use any endpoint. */
	if (sp->choice.cluster.len && !str_empty(sp->config->cluster_cidr))
		rules_add(sp->out, PROXY_NAT, sp->ext,
		    "-m comment --comment \"pod traffic for %s %s\" -s %s -j %s", sp->name, comment,
		    sp->config->cluster_cidr, sp->svc);
	if (sp->choice.cluster.len) {
		rules_add(sp->out, PROXY_NAT, sp->ext,
		    "-m comment --comment \"masquerade LOCAL traffic for %s %s\" -m addrtype --src-type "
		    "LOCAL -j KUBE-MARK-MASQ",
		    sp->name, comment);
		rules_add(sp->out, PROXY_NAT, sp->ext,
		    "-m comment --comment \"route LOCAL traffic for %s %s\" -m addrtype --src-type LOCAL -j "
		    "%s",
		    sp->name, comment, sp->svc);
	}
	if (sp->choice.local.len)
		rules_add(sp->out, PROXY_NAT, sp->ext, "-j %s", sp->svl);
}

static void put_firewall(struct service_port *sp)
{
	const CoreV1__ServiceSpec *spec = sp->service->spec;
	bool node_is_allowed = false;
	rules_chain(sp->out, PROXY_NAT, sp->fw);
	for (size_t i = 0; i < spec->n_load_balancer_source_ranges; i++) {
		const char *range = trim(sp->arena, spec->load_balancer_source_ranges[i]);
		if (!is_ipv4_range(range))
			continue;
		rules_add(sp->out, PROXY_NAT, sp->fw,
		    "-m comment --comment \"%s loadbalancer IP\" -s %s -j %s", sp->name, range, sp->ext);
		for (size_t j = 0; j < sp->config->node_ips_len; j++)
			node_is_allowed |= range_holds(range, sp->config->node_ips[j]);
	}
	/* Where the address is also on the node, its own requests come with that address as source. */
	for (size_t i = 0; node_is_allowed && i < sp->lb_ips_len; i++)
		rules_add(sp->out, PROXY_NAT, sp->fw,
		    "-m comment --comment \"%s loadbalancer IP\" -s %s -j %s", sp->name, sp->lb_ips[i],
		    sp->ext);
	for (size_t i = 0; i < sp->lb_ips_len; i++)
		rules_share(sp->out, PROXY_FILTER, "KUBE-PROXY-FIREWALL",
		    "-m comment --comment \"%s traffic not accepted by %s\" -m %s -p %s -d %s --dport %d -j "
		    "DROP",
		    sp->name, sp->fw, sp->protocol, sp->protocol, sp->lb_ips[i], sp->port->port);
}

static void endpoint_chain(
    const struct service_port *sp, const struct proxy_endpoint *endpoint, char out[CHAIN_NAME_MAX])
{
	char hashed[1024];
	snprintf(hashed, sizeof(hashed), "%s%s%s", sp->name, sp->protocol, endpoint->text);
	chain_name("KUBE-SEP-", hashed, out);
}

static void put_spread(struct service_port *sp, const char *chain, const struct proxy_endpoints *endpoints)
{
	char sep[CHAIN_NAME_MAX];
	rules_chain(sp->out, PROXY_NAT, chain);
	/* First those that a client used lately. */
	for (size_t i = 0; sp->affinity_s && i < endpoints->len; i++) {
		endpoint_chain(sp, endpoints->items[i], sep);
		rules_add(sp->out, PROXY_NAT, chain,
		    "-m comment --comment \"%s -> %s\" -m recent --name %s --rcheck --seconds %d --reap -j "
		    "%s",
		    sp->name, endpoints->items[i]->text, sep, sp->affinity_s, sep);
	}
	for (size_t i = 0; i < endpoints->len; i++) {
		char chance[64] = "";
		/* Each takes its share of what the ones before it left; the last takes the rest. */
		if (i + 1 < endpoints->len)
			snprintf(chance, sizeof(chance), " -m statistic --mode random --probability %.10f",
			    1.0 / (double)(endpoints->len - i));
		endpoint_chain(sp, endpoints->items[i], sep);
		rules_add(sp->out, PROXY_NAT, chain, "-m comment --comment \"%s -> %s\"%s -j %s", sp->name,
		    endpoints->items[i]->text, chance, sep);
	}
}

static void put_endpoint(struct service_port *sp, const struct proxy_endpoint *endpoint)
{
	char sep[CHAIN_NAME_MAX], recent[64] = "";
	endpoint_chain(sp, endpoint, sep);
	if (sp->affinity_s)
		snprintf(recent, sizeof(recent), " -m recent --name %s --set", sep);
	/* A pod that reaches itself through the Service must see another source, or its answer would not
	 * leave it. */
	rules_add(sp->out, PROXY_NAT, sep, "-m comment --comment \"%s\" -s %s -j KUBE-MARK-MASQ", sp->name,
	    endpoint->ip);
	rules_add(sp->out, PROXY_NAT, sep,
	    "-m comment --comment \"%s\"%s -m %s -p %s -j DNAT --to-destination %s", sp->name, recent,
	    sp->protocol, sp->protocol, endpoint->text);
}

static void put_chains(struct service_port *sp, bool uses_fw)
{
	bool is_external = sp->has_any && sp->policy.externally_accessible;
	bool uses_cluster = sp->choice.cluster.len > 0, uses_local = sp->choice.local.len > 0;
	/* The masquerade rule stands first in the chain that the cluster IP leads to. */
	if (sp->has_internal)
		put_cluster_masquerade(sp);
	if (uses_fw)
		put_firewall(sp);
	if (is_external) {
		rules_chain(sp->out, PROXY_NAT, sp->ext);
		put_external_chain(sp);
	}
	if (uses_cluster)
		put_spread(sp, sp->svc, &sp->choice.cluster);
	if (uses_local)
		put_spread(sp, sp->svl, &sp->choice.local);
	for (size_t i = 0; i < sp->choice.all.len; i++)
		put_endpoint(sp, sp->choice.all.items[i]);
}

/* Beyond rules */

static void add_frontend(struct render_extra *extra, const struct proxy_endpoints *endpoints,
    struct arena *arena, const char *ip, int port)
{
	extra->udp = arena_grow(arena, extra->udp, extra->udp_len * sizeof(*extra->udp),
	    (extra->udp_len + 1) * sizeof(*extra->udp));
	struct udp_frontend *frontend = &extra->udp[extra->udp_len++];
	const char **texts = ARENA_ARRAY(arena, const char *, endpoints->len + 1);
	snprintf(frontend->address, sizeof(frontend->address), "%s:%d", ip, port);
	for (size_t i = 0; i < endpoints->len; i++)
		texts[i] = endpoints->items[i]->text;
	frontend->endpoints = texts;
	frontend->endpoints_len = endpoints->len;
}

static void note_udp(struct service_port *sp, struct render_extra *extra)
{
	const CoreV1__ServiceSpec *spec = sp->service->spec;
	const struct proxy_endpoints *all = &sp->choice.all;
	if (!str_eq(sp->protocol, "udp"))
		return;
	add_frontend(extra, all, sp->arena, sp->cluster_ip, sp->port->port);
	for (size_t i = 0; i < spec->n_external_ips; i++)
		if (is_ipv4(spec->external_ips[i]))
			add_frontend(extra, all, sp->arena, spec->external_ips[i], sp->port->port);
	for (size_t i = 0; i < sp->lb_ips_len; i++)
		add_frontend(extra, all, sp->arena, sp->lb_ips[i], sp->port->port);
	if (sp->port->node_port)
		add_frontend(extra, all, sp->arena, "", sp->port->node_port);
}

static void note_health(
    struct service_port *sp, struct render_extra *extra, const struct proxy_endpoint *all, size_t len)
{
	const CoreV1__ServiceSpec *spec = sp->service->spec;
	int local = 0;
	if (!sp->policy.external_local || !spec->health_check_node_port)
		return;
	for (size_t i = 0; i < len; i++)
		local += all[i].is_local && all[i].ready;
	/* The count is of the Service, so of the port with the most. */
	extra->health_check_port = spec->health_check_node_port;
	if (local > extra->local_endpoints)
		extra->local_endpoints = local;
}

static void render_port(struct service_port *sp, const DiscoveryV1__EndpointSlice *const *slices,
    size_t slices_len, struct render_extra *extra)
{
	const CoreV1__ServiceSpec *spec = sp->service->spec;
	const struct proxy_endpoint *all;
	size_t all_len;
	set_up(sp, slices, slices_len, &all, &all_len);
	bool uses_fw = sp->has_any && sp->lb_ips_len && spec->n_load_balancer_source_ranges;
	put_cluster_ip(sp);
	for (size_t i = 0; i < spec->n_external_ips; i++)
		if (is_ipv4(spec->external_ips[i]))
			put_external_ip(sp, "external IP", spec->external_ips[i], sp->ext);
	for (size_t i = 0; i < sp->lb_ips_len; i++)
		put_external_ip(sp, "loadbalancer IP", sp->lb_ips[i], uses_fw ? sp->fw : sp->ext);
	if (sp->port->node_port)
		put_node_port(sp);
	put_chains(sp, uses_fw);
	note_udp(sp, extra);
	note_health(sp, extra, all, all_len);
}

void render_service(const struct proxy_config *config, const CoreV1__Service *service,
    const DiscoveryV1__EndpointSlice *const *slices, size_t slices_len, struct arena *arena,
    struct rules *out, struct render_extra *ret_extra)
{
	*ret_extra = (struct render_extra){0};
	if (render_skips(service))
		return;
	for (size_t i = 0; i < service->spec->n_ports; i++) {
		struct service_port sp = {.config = config,
		    .service = service,
		    .port = service->spec->ports[i],
		    .arena = arena,
		    .out = out};
		render_port(&sp, slices, slices_len, ret_extra);
	}
	if (ret_extra->health_check_port)
		rules_share(out, PROXY_FILTER, "KUBE-NODEPORTS",
		    "-m comment --comment \"%s/%s health check node port\" -m tcp -p tcp --dport %d -j "
		    "ACCEPT",
		    service->metadata->namespace_, service->metadata->name, ret_extra->health_check_port);
}
