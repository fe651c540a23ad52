/* networking.k8s.io/v1 NetworkPolicy. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "lib/resources/strategy.h"
#include "proto/networking_v1.pb-c.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	NetworkingV1__NetworkPolicySpec *spec = MSG(NetworkingV1__NetworkPolicy, obj)->spec;

	if (spec->n_policy_types)
		return;
	api_append(obj->arena, spec, policy_types, (char *)"Ingress");
	if (spec->n_egress)
		api_append(obj->arena, spec, policy_types, (char *)"Egress");
}

static bool parse_cidr(const char *text, unsigned char addr[16], int *bits)
{
	const char *slash = strchr(text, '/');
	char ip[64];

	if (!format_is_cidr(text))
		return false;
	memcpy(ip, text, (size_t)(slash - text));
	ip[slash - text] = '\0';
	memset(addr, 0, 16);
	*bits = atoi(slash + 1);
	if (inet_pton(AF_INET, ip, addr + 12) == 1)
		*bits += 96;
	else
		inet_pton(AF_INET6, ip, addr);
	return true;
}

/* Strictly inside: a longer prefix that begins the same. */
static bool is_inside(
    const unsigned char inner[16], int inner_bits, const unsigned char outer[16], int outer_bits)
{
	for (int i = 0; i < outer_bits; i++)
		if (((inner[i / 8] ^ outer[i / 8]) >> (7 - i % 8)) & 1)
			return false;
	return inner_bits > outer_bits;
}

static void check_block(const NetworkingV1__IPBlock *b, const struct field_path *p, struct field_errors *e)
{
	unsigned char outer[16], inner[16];
	int outer_bits, inner_bits;

	if (!rule_name(e, CHILD(p, "cidr"), b->cidr, "cidr"))
		return;
	parse_cidr(b->cidr, outer, &outer_bits);
	for (size_t i = 0; i < b->n_except; i++) {
		if (!rule_format(e, AT(CHILD(p, "except"), i), b->except[i], "cidr"))
			return; /* upstream looks no further */
		parse_cidr(b->except[i], inner, &inner_bits);
		rule_invalid_if(e, AT(CHILD(p, "except"), i),
		    strchr(b->cidr, ':') ? !strchr(b->except[i], ':') : strchr(b->except[i], ':') != NULL,
		    b->except[i], "must be of the family of `cidr`");
		rule_invalid_if(e, AT(CHILD(p, "except"), i),
		    !is_inside(inner, inner_bits, outer, outer_bits), b->except[i],
		    "must be a strict subset of `cidr`");
	}
}

static void check_peers(
    size_t len, NetworkingV1__NetworkPolicyPeer **peers, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < len; i++) {
		const NetworkingV1__NetworkPolicyPeer *peer = peers[i];
		const struct field_path *at = AT(p, i);

		rule_label_selector(e, CHILD(at, "podSelector"), peer->pod_selector);
		rule_label_selector(e, CHILD(at, "namespaceSelector"), peer->namespace_selector);
		if (peer->ip_block)
			check_block(peer->ip_block, CHILD(at, "ipBlock"), e);
		rule_required_that(e, at, peer->pod_selector || peer->namespace_selector || peer->ip_block,
		    "must specify a peer");
		rule_forbidden_if(e, at, peer->ip_block && (peer->pod_selector || peer->namespace_selector),
		    "may not specify both ipBlock and another peer");
	}
}

static void check_ports(
    size_t len, NetworkingV1__NetworkPolicyPort **ports, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < len; i++) {
		const NetworkingV1__NetworkPolicyPort *port = ports[i];
		const struct field_path *at = AT(p, i);

		if (port->protocol)
			RULE_ENUM(e, CHILD(at, "protocol"), port->protocol, "SCTP", "TCP", "UDP");
		if (port->port)
			rule_port_or_name(e, CHILD(at, "port"), port->port);
		if (!port->has_end_port)
			continue;
		if (!rule_invalid_if(e, CHILD(at, "endPort"), !port->port || intstr_is_string(port->port),
			NULL, "may only be specified beside a numeric `port`"))
			continue;
		rule_invalid_if(e, CHILD(at, "endPort"), port->end_port < port->port->int_val, NULL,
		    "must be greater than or equal to `port`");
		rule_port(e, CHILD(at, "endPort"), port->end_port);
	}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const NetworkingV1__NetworkPolicySpec *spec = MSG(NetworkingV1__NetworkPolicy, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	rule_label_selector(e, CHILD(p, "podSelector"), spec->pod_selector);
	for (size_t i = 0; i < spec->n_ingress; i++) {
		check_ports(spec->ingress[i]->n_ports, spec->ingress[i]->ports,
		    CHILD(AT(CHILD(p, "ingress"), i), "ports"), e);
		check_peers(spec->ingress[i]->n_from, spec->ingress[i]->from,
		    CHILD(AT(CHILD(p, "ingress"), i), "from"), e);
	}
	for (size_t i = 0; i < spec->n_egress; i++) {
		check_ports(spec->egress[i]->n_ports, spec->egress[i]->ports,
		    CHILD(AT(CHILD(p, "egress"), i), "ports"), e);
		check_peers(
		    spec->egress[i]->n_to, spec->egress[i]->to, CHILD(AT(CHILD(p, "egress"), i), "to"), e);
	}
	if (!rule_invalid_if(e, CHILD(p, "policyTypes"), spec->n_policy_types > 2, NULL,
		"may not specify more than two policyTypes"))
		return;
	for (size_t i = 0; i < spec->n_policy_types; i++)
		RULE_ENUM(e, AT(CHILD(p, "policyTypes"), i), spec->policy_types[i], "Egress", "Ingress");
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Pod-Selector"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] =
	    cell_text(ctx, cell_selector(ctx, MSG(NetworkingV1__NetworkPolicy, obj)->spec->pod_selector));
	ret[2] = cell_age(ctx, obj->meta->creation_timestamp);
}

const struct resource_type networkpolicy_strategy = {
    .defaults = defaults, .validate = validate, COLUMNS(columns), .cells = cells};
