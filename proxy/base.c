#include "proxy/base.h"

#include <stdio.h>

#include "lib/base/str.h"

#define MARK "0x4000" /* packets that KUBE-POSTROUTING masquerades */
#define NEW "-m conntrack --ctstate NEW "

const struct base_shared base_shared_chains[] = {
    {PROXY_NAT, "KUBE-SERVICES"},
    {PROXY_NAT, "KUBE-NODEPORTS"},
    {PROXY_FILTER, "KUBE-SERVICES"},
    {PROXY_FILTER, "KUBE-EXTERNAL-SERVICES"},
    {PROXY_FILTER, "KUBE-NODEPORTS"},
    {PROXY_FILTER, "KUBE-PROXY-FIREWALL"},
    {PROXY_FILTER, NULL},
};

/* Each is put in front of the ones before it, so the last of a builtin chain comes first there. */
const struct base_jump base_jumps[] = {
    {PROXY_FILTER, "INPUT", "KUBE-EXTERNAL-SERVICES",
	NEW "-m comment --comment \"kubernetes externally-visible service portals\""},
    {PROXY_FILTER, "FORWARD", "KUBE-EXTERNAL-SERVICES",
	NEW "-m comment --comment \"kubernetes externally-visible service portals\""},
    {PROXY_FILTER, "INPUT", "KUBE-NODEPORTS",
	"-m comment --comment \"kubernetes health check service ports\""},
    {PROXY_FILTER, "FORWARD", "KUBE-SERVICES", NEW "-m comment --comment \"kubernetes service portals\""},
    {PROXY_FILTER, "OUTPUT", "KUBE-SERVICES", NEW "-m comment --comment \"kubernetes service portals\""},
    {PROXY_FILTER, "FORWARD", "KUBE-FORWARD", "-m comment --comment \"kubernetes forwarding rules\""},
    {PROXY_FILTER, "INPUT", "KUBE-PROXY-FIREWALL",
	NEW "-m comment --comment \"kubernetes load balancer firewall\""},
    {PROXY_FILTER, "OUTPUT", "KUBE-PROXY-FIREWALL",
	NEW "-m comment --comment \"kubernetes load balancer firewall\""},
    {PROXY_FILTER, "FORWARD", "KUBE-PROXY-FIREWALL",
	NEW "-m comment --comment \"kubernetes load balancer firewall\""},
    {PROXY_FILTER, "INPUT", "KUBE-FIREWALL", ""},
    {PROXY_FILTER, "OUTPUT", "KUBE-FIREWALL", ""},
    /* At the end: it accepts, and must not do so before a Service's REJECT was asked. */
    {PROXY_FILTER, "FORWARD", "CUBE-FORWARD", "-m comment --comment \"cube pod network\"", true},
    {PROXY_NAT, "OUTPUT", "KUBE-SERVICES", "-m comment --comment \"kubernetes service portals\""},
    {PROXY_NAT, "PREROUTING", "KUBE-SERVICES", "-m comment --comment \"kubernetes service portals\""},
    {PROXY_NAT, "POSTROUTING", "KUBE-POSTROUTING", "-m comment --comment \"kubernetes postrouting rules\""},
    {PROXY_NAT, "POSTROUTING", "CUBE-POSTROUTING", "-m comment --comment \"cube pod network\"", true},
    {PROXY_NAT, NULL},
};

bool base_owns_chain(const char *chain)
{
	static const char *const names[] = {"KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-EXTERNAL-SERVICES",
	    "KUBE-PROXY-FIREWALL", "KUBE-FORWARD", "KUBE-FIREWALL", "KUBE-MARK-MASQ", "KUBE-POSTROUTING",
	    BASE_CANARY, "CUBE-FORWARD", "CUBE-POSTROUTING", NULL};
	static const char *const prefixes[] = {
	    "KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-FW-", "KUBE-SEP-", NULL};
	for (size_t i = 0; prefixes[i]; i++)
		if (str_has_prefix(chain, prefixes[i]))
			return true;
	return str_in(chain, names);
}

static void render_filter(const struct base_config *config, struct rules *out)
{
	/* Packets that connection tracking finds wrong were not translated and would reset a connection at
	 * its other end. */
	rules_add(out, PROXY_FILTER, "KUBE-FORWARD", "-m conntrack --ctstate INVALID -j DROP");
	rules_add(out, PROXY_FILTER, "KUBE-FORWARD",
	    "-m comment --comment \"kubernetes forwarding rules\" -m mark --mark " MARK "/" MARK
	    " -j ACCEPT");
	rules_add(out, PROXY_FILTER, "KUBE-FORWARD",
	    "-m comment --comment \"kubernetes forwarding conntrack rule\" -m conntrack --ctstate "
	    "RELATED,ESTABLISHED -j ACCEPT");
	/* route_localnet, which node ports on localhost need, opens 127/8 to neighbours. */
	rules_chain(out, PROXY_FILTER, "KUBE-FIREWALL");
	if (config->localhost_node_ports)
		rules_add(out, PROXY_FILTER, "KUBE-FIREWALL",
		    "-m comment --comment \"block incoming localnet connections\" -d 127.0.0.0/8 ! -s "
		    "127.0.0.0/8 "
		    "-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP");
	rules_chain(out, PROXY_FILTER, "CUBE-FORWARD");
	if (!str_empty(config->pod_cidr)) {
		rules_add(out, PROXY_FILTER, "CUBE-FORWARD", "-s %s -j ACCEPT", config->pod_cidr);
		rules_add(out, PROXY_FILTER, "CUBE-FORWARD", "-d %s -j ACCEPT", config->pod_cidr);
	}
}

static void render_nat(const struct base_config *config, struct rules *out)
{
	rules_add(out, PROXY_NAT, "KUBE-MARK-MASQ", "-j MARK --or-mark " MARK);
	rules_add(out, PROXY_NAT, "KUBE-POSTROUTING", "-m mark ! --mark " MARK "/" MARK " -j RETURN");
	/* Cleared, so that a packet that passes here again is not masqueraded again. */
	rules_add(out, PROXY_NAT, "KUBE-POSTROUTING", "-j MARK --xor-mark " MARK);
	rules_add(out, PROXY_NAT, "KUBE-POSTROUTING",
	    "-m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE "
	    "--random-fully");
	rules_chain(out, PROXY_NAT, "CUBE-POSTROUTING");
	if (str_empty(config->pod_cidr))
		return;
	if (!config->bridge_is_filtered)
		rules_add(out, PROXY_NAT, "CUBE-POSTROUTING",
		    "-s %s -d %s -m conntrack --ctstate DNAT -j MASQUERADE --random-fully", config->pod_cidr,
		    config->pod_cidr);
	rules_add(out, PROXY_NAT, "CUBE-POSTROUTING", "-d 224.0.0.0/4 -j RETURN");
	rules_add(out, PROXY_NAT, "CUBE-POSTROUTING",
	    "-m comment --comment \"pods to the outside\" -s %s ! -d %s -j MASQUERADE --random-fully",
	    config->pod_cidr, str_or(config->cluster_cidr, config->pod_cidr));
}

void base_render(const struct base_config *config, struct rules *out)
{
	render_filter(config, out);
	render_nat(config, out);
	/* The rule shows that the chain was not only kept but also not flushed. */
	for (int table = 0; table < PROXY_TABLES; table++)
		rules_add(out, (enum proxy_table)table, BASE_CANARY, "-j RETURN");
}

void base_tail(const struct base_config *config, enum proxy_table table, const char *chain, struct buf *out)
{
	static const char comment[] = "-m comment --comment \"kubernetes service nodeports; NOTE: this must "
				      "be the last rule in this chain\"";
	if (table != PROXY_NAT || !str_eq(chain, "KUBE-SERVICES"))
		return;
	const char *not_localhost = config->localhost_node_ports ? "" : " ! -d 127.0.0.0/8";
	if (!config->node_port_cidrs_len)
		buf_printf(out, "-A KUBE-SERVICES %s%s -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS\n",
		    comment, not_localhost);
	for (size_t i = 0; i < config->node_port_cidrs_len; i++)
		buf_printf(out, "-A KUBE-SERVICES %s -d %s -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS\n",
		    comment, config->node_port_cidrs[i]);
}
