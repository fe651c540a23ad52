/* The authorize stage: may the user do what the request asks for. */
#include "apiserver/auth/auth.h"

#include <string.h>

#include "apiserver/audit/audit.h"
#include "lib/api/labels.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

/* Selectors are read from the query: this stage runs before the options are decoded, and bad text is refused
 * there. */
static void read_selectors(struct api_request *req, struct authz_attributes *a)
{
	struct field_selector *fields = NULL;
	struct selector *labels = NULL;
	const char *text = http_request_query(req->http, "fieldSelector", 0);

	if (!str_empty(text) && field_selector_parse(req->arena, text, &fields, NULL) == 0)
		a->fields = fields;
	text = http_request_query(req->http, "labelSelector", 0);
	if (!str_empty(text) && selector_parse(req->arena, text, &labels, NULL) == 0)
		a->labels = labels;
	/* A list of one object by name counts as asking for that object. */
	for (size_t i = 0; a->fields && str_empty(a->name) && i < a->fields->len; i++)
		if (a->fields->terms[i].equal && str_eq(a->fields->terms[i].field, "metadata.name"))
			a->name = a->fields->terms[i].value;
}

void auth_attributes(struct api_request *req, struct authz_attributes *ret)
{
	const struct api_request_info *info = &req->info;

	*ret = (struct authz_attributes){
	    .user = &req->user,
	    .verb = info->verb_text,
	    .is_resource = info->is_resource,
	    .group = str_or(info->group, ""),
	    .version = str_or(info->version, ""),
	    .resource = str_or(info->resource, ""),
	    .subresource = str_or(info->subresource, ""),
	    .ns = str_or(info->ns, ""),
	    .name = str_or(info->name, ""),
	    .path = str_or(info->path, ""),
	};
	if (req->http &&
	    (info->verb == API_LIST || info->verb == API_WATCH || info->verb == API_DELETECOLLECTION))
		read_selectors(req, ret);
}

static int decide(struct api_request *req, const struct authz_attributes *a, struct error *err)
{
	const char *reason = "";
	const struct authorizer *authorizer = req->server->auth->authorizer;

	/* Most requests are allowed: the reason is made only for those that are not, and for the audit log.
	 */
	bool is_allowed =
	    authorizer_decide(authorizer, a, req->arena, req->audit ? &reason : NULL) == AUTHZ_ALLOW;
	if (!is_allowed && !req->audit)
		authorizer_decide(authorizer, a, req->arena, &reason);
	audit_annotate(req, "authorization.k8s.io/decision", is_allowed ? "allow" : "forbid");
	audit_annotate(req, "authorization.k8s.io/reason", "%s", reason);
	return is_allowed ? 0 : authz_forbid(a, reason, err);
}

int auth_authorize(struct api_request *req, struct error *err)
{
	struct authz_attributes a;

	if (req->is_internal)
		return API_NEXT;
	auth_attributes(req, &a);
	return decide(req, &a, err) < 0 ? API_FAIL : API_NEXT;
}

int auth_may_create(struct api_request *req, struct error *err)
{
	struct authz_attributes a;

	if (req->is_internal)
		return 0;
	auth_attributes(req, &a);
	a.verb = "create";
	return decide(req, &a, err);
}

bool auth_user_may(struct api_request *req, const char *verb, const char *group, const char *resource,
    const char *subresource, const char *ns, const char *name)
{
	const struct authz_attributes a = {
	    .user = &req->user,
	    .verb = verb,
	    .is_resource = true,
	    .group = group,
	    .version = "*",
	    .resource = resource,
	    .subresource = subresource,
	    .ns = ns,
	    .name = name,
	    .path = "",
	};

	return req->is_internal || authz_allowed(req->server->auth->authorizer, &a, req->arena);
}

bool auth_user_may_get(struct api_request *req, const char *path)
{
	const struct authz_attributes a = {
	    .user = &req->user,
	    .verb = "get",
	    .group = "",
	    .version = "",
	    .resource = "",
	    .subresource = "",
	    .ns = "",
	    .name = "",
	    .path = path,
	};

	return authz_allowed(req->server->auth->authorizer, &a, req->arena);
}
