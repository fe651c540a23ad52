/* The stage `route`: paths that are no resources go to their handlers; for resources the type, verb and
 * formats. */
#include <string.h>

#include "apiserver/audit/audit.h"
#include "apiserver/extensions/aggregation.h"
#include "apiserver/flowcontrol/flowcontrol.h"
#include "apiserver/pipeline.h"
#include "apiserver/registry/internal.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

static const struct api_route routes[] = {
    {"/healthz", "GET", health_serve},
    {"/healthz/", "GET", health_serve},
    {"/livez", "GET", health_serve},
    {"/livez/", "GET", health_serve},
    {"/readyz", "GET", health_serve},
    {"/readyz/", "GET", health_serve},
    {"/metrics", "GET", metrics_serve},
    {"/debug/api_priority_and_fairness/dump_priority_levels", "GET", flowcontrol_serve_dump},
    {"/debug/api_priority_and_fairness/dump_queues", "GET", flowcontrol_serve_dump},
    {"/debug/api_priority_and_fairness/dump_requests", "GET", flowcontrol_serve_dump},
    {"/version", "GET", version_serve},
    {"/version/", "GET", version_serve},
    {"/openapi/", "GET", openapi_serve},
    {"/openid/v1/jwks", "GET", auth_serve_openid},
    {"/.well-known/openid-configuration", "GET", auth_serve_openid},
    {"/api", "GET", discovery_serve},
    {"/api/", "GET", discovery_serve},
    {"/apis", "GET", discovery_serve},
    {"/apis/", "GET", discovery_serve},
    {"/", "GET", discovery_serve},
};

static bool matches(const struct api_route *route, const char *path)
{
	size_t size = strlen(route->path);
	if (size > 1 && route->path[size - 1] == '/')
		return !strncmp(route->path, path, size);
	return !strcmp(route->path, path);
}

/* Below /api and /apis in plain text; elsewhere with the paths that there are. */
static int answer_unknown_path(struct api_request *req)
{
	struct buf out = BUF_INIT;
	if (str_has_prefix(req->info.path, "/api")) {
		api_respond_text(req, 404, "text/plain; charset=utf-8", "404 page not found\n");
		return API_DONE;
	}
	buf_puts(&out, "{\n  \"paths\": [");
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
		buf_printf(&out, "%s\n    \"%s\"", i ? "," : "", routes[i].path);
	buf_puts(&out, "\n  ]\n}");
	api_respond_body(req, 404, "application/json", &out);
	return API_DONE;
}

static int route_path(struct api_request *req, struct error *err)
{
	const char *method = req->http->method;
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		if (!matches(&routes[i], req->info.path))
			continue;
		if (routes[i].methods && strcmp(method, "HEAD") != 0 && !strstr(routes[i].methods, method))
			return error_set(err, ERR_METHOD_NOT_ALLOWED,
			    "the server does not allow this method on the requested resource");
		return routes[i].handler(req, err);
	}
	return answer_unknown_path(req);
}

/* An unknown group is a path that nobody serves, and so is what a group of custom resources lacks; an unknown
 * version or resource in a built-in group is a Status. */
bool api_is_built_in_group(const char *group)
{
	for (size_t i = 0; i < resources_count(); i++) {
		if (!strcmp(resources_at(i)->group, group))
			return true;
	}
	return false;
}

static int no_such_resource(struct api_request *req, struct error *err)
{
	if (!api_is_built_in_group(req->info.group)) {
		api_respond_text(req, 404, "text/plain; charset=utf-8", "404 page not found\n");
		return API_DONE;
	}
	return error_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
}

static uint32_t verb_bit(enum api_verb verb)
{
	static const uint32_t bits[] = {[API_GET] = VERB_GET,
	    [API_LIST] = VERB_LIST,
	    [API_WATCH] = VERB_WATCH,
	    [API_CREATE] = VERB_CREATE,
	    [API_UPDATE] = VERB_UPDATE,
	    [API_PATCH] = VERB_PATCH,
	    [API_DELETE] = VERB_DELETE,
	    [API_DELETECOLLECTION] = VERB_DELETECOLLECTION};
	return bits[verb];
}

static int not_allowed(struct error *err)
{
	return error_set(
	    err, ERR_METHOD_NOT_ALLOWED, "the server does not allow this method on the requested resource");
}

static int check_verb(struct api_request *req, struct error *err)
{
	const struct api_request_info *info = &req->info;
	uint32_t bit = verb_bit(info->verb);
	if (!strcmp(req->http->method, "HEAD"))
		return not_allowed(err);
	if (*info->subresource) {
		uint32_t verbs = registry_subresource_verbs(req->type, info->subresource);
		if (!verbs) {
			error_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
			if (req->type->dynamic)
				registry_about(req, err);
			return -1;
		}
		return verbs & bit ? 0 : not_allowed(err);
	}
	bool has_name = *info->name;
	if (has_name && info->verb == API_CREATE)
		return not_allowed(err);
	if (!has_name && (info->verb == API_UPDATE || info->verb == API_PATCH))
		return not_allowed(err);
	return req->type->verbs & bit ? 0 : not_allowed(err);
}

static int check_scope(struct api_request *req, struct error *err)
{
	const struct api_request_info *info = &req->info;
	bool is_namespaced = req->type->flags & RESOURCE_NAMESPACED;
	bool is_namespace = !strcmp(info->resource, "namespaces") && !*info->group;
	bool needs_namespace = info->verb != API_LIST && info->verb != API_WATCH;
	if (is_namespaced && needs_namespace && !*info->ns && !*info->name)
		return not_allowed(err);
	if (is_namespaced ? needs_namespace && !*info->ns : *info->ns && !is_namespace)
		return error_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
	/* A slash could lead into another namespace's keys. */
	if (strchr(info->name, '/') || strchr(info->ns, '/'))
		return error_set(err, ERR_BAD_REQUEST, "names and namespaces may not contain '/'");
	return 0;
}

int api_route(struct api_request *req, struct error *err)
{
	struct api_request_info *info = &req->info;
	int rc = aggregation_serve(req, err);
	if (rc != API_NEXT)
		return rc;
	if (!info->is_resource)
		return route_path(req, err);
	pipeline_set_type(req, api_find_type(req->server, info->group, info->version, info->resource));
	if (!req->type)
		return no_such_resource(req, err);
	if (info->verb == API_VERB_NONE)
		return not_allowed(err);
	if (registry_is_proxied(req))
		return check_scope(req, err) ? -1 : proxy_serve(req, err);
	if (check_verb(req, err) || check_scope(req, err) || api_negotiate_output(req, err) ||
	    api_parse_options(req, err))
		return API_FAIL;
	if (api_is_write(req) && api_negotiate_body(req, err))
		return API_FAIL;
	if (info->verb == API_PATCH && api_check_patch_options(req, err))
		return API_FAIL;
	api_field_manager(req);
	if (req->type->deprecation) {
		api_warn(req, "%s", req->type->deprecation);
		audit_annotate(req, "k8s.io/deprecated", "true");
	}
	return API_NEXT;
}
