/* discovery.k8s.io/v1 EndpointSlice. */
#include "lib/base/buf.h"
#include "lib/resources/strategy.h"
#include "proto/discovery_v1.pb-c.h"

static void check_address(
    const char *type, const char *address, const struct field_path *p, struct field_errors *e)
{
	if (!strcmp(type, "IPv4"))
		rule_format(e, p, address, "ipv4");
	else if (!strcmp(type, "IPv6"))
		rule_format(e, p, address, "ipv6");
	else if (!strcmp(type, "FQDN"))
		rule_format(e, p, address, "dns-subdomain");
}

static void check_endpoint(
    const char *type, const DiscoveryV1__Endpoint *ep, const struct field_path *p, struct field_errors *e)
{
	if (rule_required_that(
		e, CHILD(p, "addresses"), ep->n_addresses, "must contain at least 1 address") &&
	    ep->n_addresses > 100)
		field_errors_at(
		    e, FIELD_TOO_MANY, CHILD(p, "addresses"), NULL, "must have at most 100 items");
	else
		for (size_t i = 0; i < ep->n_addresses; i++)
			check_address(type, ep->addresses[i], AT(CHILD(p, "addresses"), i), e);
	if (ep->node_name)
		rule_format(e, CHILD(p, "nodeName"), ep->node_name, "dns-subdomain");
	for (size_t i = 0; i < ep->n_deprecated_topology; i++)
		rule_format(
		    e, CHILD(p, "deprecatedTopology"), ep->deprecated_topology[i]->key, "qualified-name");
	if (ep->hostname)
		rule_format(e, CHILD(p, "hostname"), ep->hostname, "dns-label");
}

static void check_ports(
    const DiscoveryV1__EndpointSlice *s, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen names = {0};

	if (s->n_ports > 20000)
		field_errors_at(e, FIELD_TOO_MANY, p, NULL, "must have at most 20000 items");
	for (size_t i = 0; i < s->n_ports && s->n_ports <= 20000; i++) {
		const DiscoveryV1__EndpointPort *port = s->ports[i];
		const struct field_path *at = AT(p, i);

		if (rule_seen(&names, e->arena, str_or(port->name, "")))
			rule_duplicate(e, CHILD(at, "name"), port->name);
		if (!str_empty(port->name))
			rule_format(e, CHILD(at, "name"), port->name, "dns-label");
		if (rule_required(e, CHILD(at, "protocol"), port->protocol))
			RULE_ENUM(e, CHILD(at, "protocol"), port->protocol, "TCP", "UDP", "SCTP");
		if (port->app_protocol)
			rule_format(e, CHILD(at, "appProtocol"), port->app_protocol, "qualified-name");
	}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const DiscoveryV1__EndpointSlice *s = MSG(DiscoveryV1__EndpointSlice, obj);

	if (rule_required(e, PATH_ROOT("addressType"), s->address_type))
		RULE_ENUM(e, PATH_ROOT("addressType"), s->address_type, "IPv4", "IPv6", "FQDN");
	if (s->n_endpoints > 1000)
		field_errors_at(
		    e, FIELD_TOO_MANY, PATH_ROOT("endpoints"), NULL, "must have at most 1000 items");
	for (size_t i = 0; i < s->n_endpoints && s->n_endpoints <= 1000; i++)
		check_endpoint(
		    str_or(s->address_type, ""), s->endpoints[i], AT(PATH_ROOT("endpoints"), i), e);
	check_ports(s, PATH_ROOT("ports"), e);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	rule_immutable(e, PATH_ROOT("addressType"),
	    str_eq(MSG(DiscoveryV1__EndpointSlice, obj)->address_type,
		MSG(DiscoveryV1__EndpointSlice, old)->address_type));
}

static const char *list_text(const struct resource_context *ctx, struct buf *out, size_t count)
{
	const char *text;

	if (count > 3)
		buf_printf(out, " + %zu more...", count - 3);
	text = count ? arena_strdup(ctx->arena, buf_str(out)) : "<unset>";
	buf_done(out);
	return text;
}

static const struct table_column columns[] = {
    COLUMN_NAME, COLUMN("AddressType"), COLUMN("Ports"), COLUMN("Endpoints"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const DiscoveryV1__EndpointSlice *s = MSG(DiscoveryV1__EndpointSlice, obj);
	struct buf ports = BUF_INIT, endpoints = BUF_INIT;
	size_t count = 0;

	for (size_t i = 0; i < s->n_ports && i < 3; i++) {
		const DiscoveryV1__EndpointPort *port = s->ports[i];

		buf_puts(&ports, i ? "," : "");
		if (port->has_port)
			buf_printf(&ports, "%d", port->port);
		else
			buf_puts(&ports, str_or(port->name, "*"));
	}
	for (size_t i = 0; i < s->n_endpoints; i++)
		for (size_t j = 0; j < s->endpoints[i]->n_addresses; j++)
			if (count++ < 3)
				buf_printf(
				    &endpoints, "%s%s", count > 1 ? "," : "", s->endpoints[i]->addresses[j]);
	ret[0] = cell_text(ctx, s->metadata->name);
	ret[1] = cell_text(ctx, s->address_type);
	ret[2] = cell_text(ctx, list_text(ctx, &ports, s->n_ports));
	ret[3] = cell_text(ctx, list_text(ctx, &endpoints, count));
	ret[4] = cell_age(ctx, s->metadata->creation_timestamp);
}

const struct resource_type endpointslice_strategy = {
    .validate = validate, .validate_update = validate_update, COLUMNS(columns), .cells = cells};
