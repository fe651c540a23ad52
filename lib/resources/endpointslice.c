/* discovery.k8s.io/v1 EndpointSlice. */
#include "lib/base/buf.h"
#include "lib/resources/strategy.h"
#include "proto/discovery_v1.pb-c.h"

/* At least two labels; the root's dot at the end is allowed. */
static void check_domain(const char *name, const struct field_path *p, struct field_errors *e)
{
	size_t len = strlen(name);
	const char *bare = len && name[len - 1] == '.' ? arena_strndup(e->arena, name, len - 1) : name;

	if (rule_required(e, p, name) && rule_format(e, p, bare, "dns-subdomain"))
		rule_invalid_if(e, p, !strchr(bare, '.'), name,
		    "should be a domain with at least two segments separated by dots");
}

static void check_hints(
    const DiscoveryV1__EndpointHints *h, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen names = {0};

	if (h->n_for_zones > 8) {
		field_errors_at(e, FIELD_TOO_MANY, p, NULL, "must have at most 8 items");
		return;
	}
	for (size_t i = 0; i < h->n_for_zones; i++) {
		const char *name = str_or(h->for_zones[i]->name, "");

		if (rule_seen(&names, e->arena, name))
			rule_duplicate(e, CHILD(AT(p, i), "name"), name);
		rule_format(e, CHILD(AT(p, i), "name"), name, "label-value");
	}
}

static void check_address(
    const char *type, const char *address, const struct field_path *p, struct field_errors *e)
{
	if (!strcmp(type, "IPv4") || !strcmp(type, "IPv6")) {
		rule_format(e, p, address, !strcmp(type, "IPv4") ? "ipv4" : "ipv6");
		rule_invalid_if(e, p, format_is_special_ip(address), address,
		    "may not be unspecified, loopback or link-local");
	}
	if (!strcmp(type, "FQDN"))
		check_domain(address, p, e);
}

static void check_endpoint(
    const char *type, const DiscoveryV1__Endpoint *ep, const struct field_path *p, struct field_errors *e)
{
	if (rule_required_that(
		e, CHILD(p, "addresses"), ep->n_addresses, "must contain at least 1 address") &&
	    ep->n_addresses > 100)
		field_errors_at(
		    e, FIELD_TOO_MANY, CHILD(p, "addresses"), NULL, "must have at most 100 items");
	for (size_t i = 0; i < ep->n_addresses; i++)
		check_address(type, ep->addresses[i], AT(CHILD(p, "addresses"), i), e);
	if (ep->hints)
		check_hints(ep->hints, CHILD(CHILD(p, "hints"), "forZones"), e);
	if (ep->n_deprecated_topology > 16)
		field_errors_at(
		    e, FIELD_TOO_MANY, CHILD(p, "deprecatedTopology"), NULL, "must have at most 16 items");
	if (ep->node_name)
		rule_format(e, CHILD(p, "nodeName"), ep->node_name, "dns-subdomain");
	rule_labels(e, CHILD(p, "deprecatedTopology"), ep->n_deprecated_topology, ep->deprecated_topology);
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
