/* networking.k8s.io/v1 IngressClass. */
#include "lib/resources/strategy.h"
#include "proto/networking_v1.pb-c.h"

static void check_parameters(const NetworkingV1__IngressClassParametersReference *r,
    const struct field_path *p, struct field_errors *e)
{
	if (r->api_group)
		rule_format(e, CHILD(p, "apiGroup"), r->api_group, "dns-subdomain");
	rule_name(e, CHILD(p, "kind"), r->kind, "path-segment");
	rule_name(e, CHILD(p, "name"), r->name, "path-segment");
	if (!rule_required_that(e, CHILD(p, "scope"), r->scope, "") ||
	    !RULE_ENUM(e, CHILD(p, "scope"), r->scope, "Cluster", "Namespace"))
		return;
	if (!strcmp(r->scope, "Namespace") && rule_required_that(e, CHILD(p, "namespace"), r->namespace_,
						  "`parameters.scope` is set to 'Namespace'"))
		rule_format(e, CHILD(p, "namespace"), r->namespace_, "dns-label");
	if (!strcmp(r->scope, "Cluster"))
		rule_forbidden_if(
		    e, CHILD(p, "namespace"), r->namespace_, "`parameters.scope` is set to 'Cluster'");
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const NetworkingV1__IngressClassSpec *spec = MSG(NetworkingV1__IngressClass, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	if (strlen(str_or(spec->controller, "")) > 250)
		field_errors_at(e, FIELD_TOO_LONG, CHILD(p, "controller"), spec->controller,
		    "may not be more than 250 bytes");
	rule_name(e, CHILD(p, "controller"), spec->controller, "domain-prefixed-path");
	if (spec->parameters)
		check_parameters(spec->parameters, CHILD(p, "parameters"), e);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	rule_immutable(e, PATH_CHILD(PATH_ROOT("spec"), "controller"),
	    str_eq(MSG(NetworkingV1__IngressClass, obj)->spec->controller,
		MSG(NetworkingV1__IngressClass, old)->spec->controller));
}

static const struct table_column columns[] = {
    COLUMN_NAME, COLUMN("Controller"), COLUMN("Parameters"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const NetworkingV1__IngressClassSpec *spec = MSG(NetworkingV1__IngressClass, obj)->spec;
	const NetworkingV1__IngressClassParametersReference *r = spec->parameters;

	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_text(ctx, spec->controller);
	if (!r)
		ret[2] = cell_text(ctx, "<none>");
	else if (r->api_group)
		ret[2] = cell_printf(ctx, "%s.%s/%s", r->kind, r->api_group, r->name);
	else
		ret[2] = cell_printf(ctx, "%s/%s", r->kind, r->name);
	ret[3] = cell_age(ctx, obj->meta->creation_timestamp);
}

const struct resource_type ingressclass_strategy = {
    .validate = validate, .validate_update = validate_update, COLUMNS(columns), .cells = cells};
