/* apiregistration.k8s.io/v1 APIService. */
#include "lib/resources/strategy.h"
#include "proto/apiregistration_v1.pb-c.h"

/* A group that this server serves itself is there at once. */
static void prepare_create(struct object *obj, const struct resource_context *ctx)
{
	ApiregistrationV1__APIService *s = MSG(ApiregistrationV1__APIService, obj);
	ApiregistrationV1__APIServiceCondition *c;

	if (s->spec->service)
		return;
	c = API_NEW(obj->arena, apiregistration_v1__apiservice_condition);
	c->type = (char *)"Available";
	c->status = (char *)"True";
	c->reason = (char *)"Local";
	c->message = (char *)"Local APIServices are always available";
	c->last_transition_time = time_new(obj->arena, ctx->now_s);
	api_append(obj->arena, s->status, conditions, c);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const ApiregistrationV1__APIServiceSpec *spec = MSG(ApiregistrationV1__APIService, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");
	const char *name =
	    arena_printf(e->arena, "%s.%s", str_or(spec->version, ""), str_or(spec->group, ""));

	rule_invalid_if(e, CHILD(PATH_ROOT("metadata"), "name"), !str_eq(obj->meta->name, name),
	    obj->meta->name, "must be `spec.version+\".\"+spec.group`");
	rule_required_that(e, CHILD(p, "group"), !str_empty(spec->group) || str_eq(spec->version, "v1"),
	    "only v1 may have an empty group and it better be legacy kube");
	if (!str_empty(spec->group))
		rule_format(e, CHILD(p, "group"), spec->group, "dns-subdomain");
	rule_format(e, CHILD(p, "version"), spec->version, "dns1035-label");
	rule_range(e, CHILD(p, "groupPriorityMinimum"), spec->group_priority_minimum, 1, 20000);
	rule_range(e, CHILD(p, "versionPriority"), spec->version_priority, 1, 1000);
	if (!spec->service) {
		rule_invalid_if(e, CHILD(p, "caBundle"), spec->ca_bundle.len, NULL,
		    "local APIServices may not have a caBundle");
		rule_invalid_if(e, CHILD(p, "insecureSkipTLSVerify"), spec->insecure_skip_tls_verify, "true",
		    "local APIServices may not have insecureSkipTLSVerify");
		return;
	}
	rule_required(e, CHILD(CHILD(p, "service"), "namespace"), spec->service->namespace_);
	rule_required(e, CHILD(CHILD(p, "service"), "name"), spec->service->name);
	rule_port(e, CHILD(CHILD(p, "service"), "port"), spec->service->port);
	rule_invalid_if(e, CHILD(p, "insecureSkipTLSVerify"),
	    spec->insecure_skip_tls_verify && spec->ca_bundle.len, "true",
	    "may not be true if caBundle is present");
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const ApiregistrationV1__APIServiceStatus *st = MSG(ApiregistrationV1__APIService, obj)->status;
	const struct field_path *p = CHILD(PATH_ROOT("status"), "conditions");

	for (size_t i = 0; i < st->n_conditions; i++)
		RULE_ENUM(
		    e, CHILD(AT(p, i), "status"), st->conditions[i]->status, "True", "False", "Unknown");
}

static const char *available_text(const ApiregistrationV1__APIService *s, struct arena *arena)
{
	for (size_t i = 0; i < s->status->n_conditions; i++) {
		const ApiregistrationV1__APIServiceCondition *c = s->status->conditions[i];

		if (str_eq(c->type, "Available"))
			return str_eq(c->status, "True")
				   ? "True"
				   : arena_printf(arena, "%s (%s)", c->status, str_or(c->reason, ""));
	}
	return "Unknown";
}

static const struct table_column columns[] = {
    COLUMN_NAME, COLUMN("Service"), COLUMN("Available"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const ApiregistrationV1__APIService *s = MSG(ApiregistrationV1__APIService, obj);

	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = s->spec->service
		     ? cell_printf(ctx, "%s/%s", s->spec->service->namespace_, s->spec->service->name)
		     : cell_text(ctx, "Local");
	ret[2] = cell_text(ctx, available_text(s, ctx->arena));
	ret[3] = cell_age(ctx, obj->meta->creation_timestamp);
}

const struct resource_type apiservice_strategy = {.prepare_status_update = strategy_keep_meta,
    .name_format = "path-segment",
    .prepare_create = prepare_create,
    .validate = validate,
    .validate_status_update = validate_status_update,
    COLUMNS(columns),
    .cells = cells};
