/* v1 Endpoints. */
#include "lib/base/buf.h"
#include "lib/resources/strategy.h"
#include "proto/core_v1.pb-c.h"

static void check_addresses(
    size_t len, CoreV1__EndpointAddress **list, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < len; i++) {
		const CoreV1__EndpointAddress *a = list[i];

		if (rule_format(e, CHILD(AT(p, i), "ip"), a->ip, "ip"))
			rule_invalid_if(e, CHILD(AT(p, i), "ip"), format_is_special_ip(a->ip), a->ip,
			    "may not be unspecified, loopback or link-local");
		if (!str_empty(a->hostname))
			rule_format(e, CHILD(AT(p, i), "hostname"), a->hostname, "dns-label");
		if (a->node_name)
			rule_format(e, CHILD(AT(p, i), "nodeName"), a->node_name, "dns-subdomain");
	}
}

static void check_ports(const CoreV1__EndpointSubset *s, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < s->n_ports; i++) {
		const CoreV1__EndpointPort *port = s->ports[i];
		const struct field_path *at = AT(p, i);

		if (s->n_ports > 1 && str_empty(port->name))
			rule_required(e, CHILD(at, "name"), port->name);
		else if (!str_empty(port->name))
			rule_format(e, CHILD(at, "name"), port->name, "dns-label");
		rule_port(e, CHILD(at, "port"), port->port);
		if (rule_required(e, CHILD(at, "protocol"), port->protocol))
			RULE_ENUM(e, CHILD(at, "protocol"), port->protocol, "TCP", "UDP", "SCTP");
		if (port->app_protocol)
			rule_format(e, CHILD(at, "appProtocol"), port->app_protocol, "qualified-name");
	}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__Endpoints *ep = MSG(CoreV1__Endpoints, obj);

	for (size_t i = 0; i < ep->n_subsets; i++) {
		const CoreV1__EndpointSubset *s = ep->subsets[i];
		const struct field_path *p = AT(PATH_ROOT("subsets"), i);

		rule_required_that(e, p, s->n_addresses || s->n_not_ready_addresses,
		    "must specify `addresses` or `notReadyAddresses`");
		check_addresses(s->n_addresses, s->addresses, CHILD(p, "addresses"), e);
		check_addresses(
		    s->n_not_ready_addresses, s->not_ready_addresses, CHILD(p, "notReadyAddresses"), e);
		check_ports(s, CHILD(p, "ports"), e);
	}
}

/* Up to three ready "ip:port", then how many more there are. */
static const char *endpoints_text(const CoreV1__Endpoints *ep, const struct resource_context *ctx)
{
	struct buf out = BUF_INIT;
	const char *text;
	int count = 0;

	for (size_t i = 0; i < ep->n_subsets; i++) {
		const CoreV1__EndpointSubset *s = ep->subsets[i];
		size_t ports = s->n_ports ? s->n_ports : 1;

		for (size_t k = 0; k < ports; k++)
			for (size_t j = 0; j < s->n_addresses; j++) {
				const char *ip = s->addresses[j]->ip;

				if (count++ >= 3)
					continue;
				buf_puts(&out, count > 1 ? "," : "");
				if (!s->n_ports)
					buf_puts(&out, ip);
				else
					buf_printf(&out, strchr(ip, ':') ? "[%s]:%d" : "%s:%d", ip,
					    s->ports[k]->port);
			}
	}
	if (count > 3)
		buf_printf(&out, " + %d more...", count - 3);
	text = count ? arena_strdup(ctx->arena, buf_str(&out)) : "<none>";
	buf_done(&out);
	return text;
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Endpoints"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__Endpoints *ep = MSG(CoreV1__Endpoints, obj);

	ret[0] = cell_text(ctx, ep->metadata->name);
	ret[1] = cell_text(ctx, endpoints_text(ep, ctx));
	ret[2] = cell_age(ctx, ep->metadata->creation_timestamp);
}

const struct resource_type endpoints_strategy = {.validate = validate, COLUMNS(columns), .cells = cells};
