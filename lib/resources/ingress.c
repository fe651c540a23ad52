/* networking.k8s.io/v1 Ingress. */
#include "lib/base/buf.h"
#include "lib/resources/strategy.h"
#include "proto/networking_v1.pb-c.h"

#define CLASS_ANNOTATION "kubernetes.io/ingress.class"

static void check_service(
    const NetworkingV1__IngressServiceBackend *s, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *service = CHILD(p, "service"), *port = CHILD(service, "port");
	bool has_name = !str_empty(s->port->name), has_number = s->port->number != 0;

	rule_name(e, CHILD(service, "name"), s->name, "dns1035-label");
	if (has_name && has_number)
		rule_invalid_if(e, p, true, "", "cannot set both port name & port number");
	else if (has_name)
		rule_format(e, CHILD(port, "name"), s->port->name, "port-name");
	else if (has_number)
		rule_port(e, CHILD(port, "number"), s->port->number);
	else
		rule_required_that(e, p, false, "port name or number is required");
}

static void check_backend(
    const NetworkingV1__IngressBackend *b, const struct field_path *p, struct field_errors *e)
{
	if (b->resource && b->service) {
		rule_invalid_if(e, p, true, "", "cannot set both resource and service backends");
	} else if (b->resource) {
		if (b->resource->api_group)
			rule_format(e, CHILD(CHILD(p, "resource"), "apiGroup"), b->resource->api_group,
			    "dns-subdomain");
		rule_name(e, CHILD(CHILD(p, "resource"), "kind"), b->resource->kind, "path-segment");
		rule_name(e, CHILD(CHILD(p, "resource"), "name"), b->resource->name, "path-segment");
	} else if (b->service) {
		check_service(b->service, p, e);
	} else {
		rule_invalid_if(e, p, true, "", "resource or service backend is required");
	}
}

static bool is_clean_path(const char *path)
{
	static const char *const bad[] = {"//", "/./", "/../", "%2f", "%2F", NULL};

	if (path[0] != '/' || str_has_suffix(path, "/..") || str_has_suffix(path, "/."))
		return false;
	for (size_t i = 0; bad[i]; i++)
		if (strstr(path, bad[i]))
			return false;
	return true;
}

static void check_path(
    const NetworkingV1__HTTPIngressPath *path, const struct field_path *p, struct field_errors *e)
{
	if (!rule_required_that(e, CHILD(p, "pathType"), path->path_type, "pathType must be specified"))
		return;
	if (!strcmp(path->path_type, "Exact") || !strcmp(path->path_type, "Prefix"))
		rule_invalid_if(e, CHILD(p, "path"), !is_clean_path(str_or(path->path, "")), path->path,
		    "must be a clean absolute path");
	else if (!strcmp(path->path_type, "ImplementationSpecific"))
		rule_invalid_if(e, CHILD(p, "path"), !str_empty(path->path) && path->path[0] != '/',
		    path->path, "must be an absolute path");
	else
		RULE_ENUM(
		    e, CHILD(p, "pathType"), path->path_type, "Exact", "ImplementationSpecific", "Prefix");
	check_backend(path->backend, CHILD(p, "backend"), e);
}

static void check_host(const char *host, const struct field_path *p, struct field_errors *e)
{
	if (str_empty(host))
		return;
	rule_invalid_if(e, p, format_is_ip(host), host, "must be a DNS name, not an IP address");
	rule_format(e, p, host, strchr(host, '*') ? "wildcard-subdomain" : "dns-subdomain");
}

static void check_tls(
    const NetworkingV1__IngressSpec *spec, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < spec->n_tls; i++) {
		for (size_t j = 0; j < spec->tls[i]->n_hosts; j++)
			rule_format(e, AT(CHILD(AT(p, i), "hosts"), j), spec->tls[i]->hosts[j],
			    strchr(spec->tls[i]->hosts[j], '*') ? "wildcard-subdomain" : "dns-subdomain");
		if (!str_empty(spec->tls[i]->secret_name))
			rule_format(
			    e, CHILD(AT(p, i), "secretName"), spec->tls[i]->secret_name, "dns-subdomain");
	}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const NetworkingV1__IngressSpec *spec = MSG(NetworkingV1__Ingress, obj)->spec;
	const char *annotation = api_map_get(obj->meta, annotations, CLASS_ANNOTATION);
	const struct field_path *p = PATH_ROOT("spec");

	rule_invalid_if(e, p, !spec->n_rules && !spec->default_backend, NULL,
	    "either `defaultBackend` or `rules` must be specified");
	if (spec->default_backend)
		check_backend(spec->default_backend, CHILD(p, "defaultBackend"), e);
	for (size_t i = 0; i < spec->n_rules; i++) {
		const NetworkingV1__HTTPIngressRuleValue *http = spec->rules[i]->ingress_rule_value->http;
		const struct field_path *at = AT(CHILD(p, "rules"), i),
					*paths = CHILD(CHILD(at, "http"), "paths");

		check_host(spec->rules[i]->host, CHILD(at, "host"), e);
		if (!http)
			continue;
		rule_required_that(e, paths, http->n_paths, "");
		for (size_t j = 0; j < http->n_paths; j++)
			check_path(http->paths[j], AT(paths, j), e);
	}
	check_tls(spec, CHILD(p, "tls"), e);
	if (spec->ingress_class_name)
		rule_format(e, CHILD(p, "ingressClassName"), spec->ingress_class_name, "dns-subdomain");
	rule_invalid_if(e, KEY(PATH_ROOT("annotations"), CLASS_ANNOTATION),
	    !ctx->is_update && annotation && spec->ingress_class_name, annotation,
	    "can not be set when the class field is also set");
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const NetworkingV1__IngressLoadBalancerStatus *lb =
	    MSG(NetworkingV1__Ingress, obj)->status->load_balancer;

	for (size_t i = 0; lb && i < lb->n_ingress; i++) {
		const struct field_path *p =
		    AT(CHILD(CHILD(PATH_ROOT("status"), "loadBalancer"), "ingress"), i);

		if (!str_empty(lb->ingress[i]->ip))
			rule_format(e, CHILD(p, "ip"), lb->ingress[i]->ip, "ip");
		if (str_empty(lb->ingress[i]->hostname))
			continue;
		rule_format(e, CHILD(p, "hostname"), lb->ingress[i]->hostname, "dns-subdomain");
		rule_invalid_if(e, CHILD(p, "hostname"), format_is_ip(lb->ingress[i]->hostname),
		    lb->ingress[i]->hostname, "must be a DNS name, not an IP address");
	}
}

static const char *hosts_text(const NetworkingV1__IngressSpec *spec, const struct resource_context *ctx)
{
	struct buf out = BUF_INIT;
	const char *text;
	size_t count = 0;

	for (size_t i = 0; i < spec->n_rules; i++)
		if (!str_empty(spec->rules[i]->host) && count++ < 3)
			buf_printf(&out, "%s%s", count > 1 ? "," : "", spec->rules[i]->host);
	if (count > 3)
		buf_printf(&out, " + %zu more...", count - 3);
	text = count ? arena_strdup(ctx->arena, buf_str(&out)) : "*";
	buf_done(&out);
	return text;
}

static const char *address_text(const NetworkingV1__IngressStatus *status, const struct resource_context *ctx)
{
	const NetworkingV1__IngressLoadBalancerStatus *lb = status->load_balancer;
	const char *text = "";

	for (size_t i = 0; lb && i < lb->n_ingress; i++)
		text = arena_printf(ctx->arena, "%s%s%s", text, i ? "," : "",
		    str_or(lb->ingress[i]->ip, lb->ingress[i]->hostname));
	return text;
}

static const struct table_column columns[] = {
    COLUMN_NAME, COLUMN("Class"), COLUMN("Hosts"), COLUMN("Address"), COLUMN("Ports"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const NetworkingV1__Ingress *ing = MSG(NetworkingV1__Ingress, obj);

	ret[0] = cell_text(ctx, ing->metadata->name);
	ret[1] = cell_or_none(ctx, ing->spec->ingress_class_name
				       ? ing->spec->ingress_class_name
				       : api_map_get(ing->metadata, annotations, CLASS_ANNOTATION));
	ret[2] = cell_text(ctx, hosts_text(ing->spec, ctx));
	ret[3] = cell_text(ctx, address_text(ing->status, ctx));
	ret[4] = cell_text(ctx, ing->spec->n_tls ? "80, 443" : "80");
	ret[5] = cell_age(ctx, ing->metadata->creation_timestamp);
}

const struct resource_type ingress_strategy = {
    .validate = validate, .validate_status_update = validate_status_update, COLUMNS(columns), .cells = cells};
