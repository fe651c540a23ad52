/* Impersonation: the Impersonate-* headers make a request somebody else's, if the real user may "impersonate"
 * him. */
#include "apiserver/auth/auth.h"

#include <string.h>
#include <strings.h>

#include "apiserver/audit/audit.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

#define EXTRA_PREFIX "Impersonate-Extra-"

struct wanted {
	const char *user, *uid;
	bool has_groups, has_extra;
	struct api_user target;
};

static void read_headers(struct api_request *req, struct wanted *w)
{
	w->user = str_or(http_request_header(req->http, "Impersonate-User"), NULL);
	w->uid = str_or(http_request_header(req->http, "Impersonate-Uid"), NULL);
	user_init(req->arena, &w->target, w->user, w->uid);
	for (size_t i = 0; i < req->http->headers_len; i++) {
		const struct http_header *h = &req->http->headers[i];
		if (strcasecmp(h->name, "Impersonate-Group") == 0) {
			user_add_group(req->arena, &w->target, h->value);
			w->has_groups = true;
		} else if (strncasecmp(h->name, EXTRA_PREFIX, strlen(EXTRA_PREFIX)) == 0) {
			const char *raw = h->name + strlen(EXTRA_PREFIX);
			char *key = http_decode_segment(req->arena, raw, strlen(raw));
			user_add_extra(
			    req->arena, &w->target, str_lower(req->arena, key ? key : raw), h->value);
			w->has_extra = true;
		}
	}
}

static int check(struct api_request *req, const char *group, const char *resource, const char *subresource,
    const char *ns, const char *name, struct error *err)
{
	const struct authz_attributes a = {
	    .user = &req->user,
	    .verb = "impersonate",
	    .is_resource = true,
	    .group = group,
	    .version = "v1",
	    .resource = resource,
	    .subresource = subresource,
	    .ns = ns,
	    .name = name,
	    .path = "",
	};
	const char *reason = "";

	if (authorizer_decide(req->server->auth->authorizer, &a, req->arena, &reason) == AUTHZ_ALLOW)
		return 0;
	return authz_forbid(&a, reason, err);
}

static int check_all(struct api_request *req, const struct wanted *w, struct error *err)
{
	const char *ns, *name;
	bool is_account = user_split_service_account(req->arena, w->user, &ns, &name);

	if (is_account ? check(req, "", "serviceaccounts", "", ns, name, err) < 0
		       : check(req, "", "users", "", "", w->user, err) < 0)
		return -1;
	for (size_t i = 0; w->target.groups[i]; i++)
		if (check(req, "", "groups", "", "", w->target.groups[i], err) < 0)
			return -1;
	for (size_t i = 0; i < w->target.extra_len; i++)
		for (size_t v = 0; w->target.extra[i].values[v]; v++)
			if (check(req, "authentication.k8s.io", "userextras", w->target.extra[i].key, "",
				w->target.extra[i].values[v], err) < 0)
				return -1;
	return w->uid ? check(req, "authentication.k8s.io", "uids", "", "", w->uid, err) : 0;
}

static void complete_groups(struct api_request *req, struct wanted *w)
{
	const char *ns, *name;

	if (!w->has_groups && user_split_service_account(req->arena, w->user, &ns, &name)) {
		user_add_group(req->arena, &w->target, GROUP_SERVICE_ACCOUNTS);
		user_add_group(
		    req->arena, &w->target, arena_printf(req->arena, GROUP_SERVICE_ACCOUNTS ":%s", ns));
	}
	if (str_eq(w->user, USER_ANONYMOUS))
		user_add_group(req->arena, &w->target, GROUP_UNAUTHENTICATED);
	else if (!user_in_group(&w->target, GROUP_UNAUTHENTICATED))
		user_add_group(req->arena, &w->target, GROUP_AUTHENTICATED);
}

int auth_impersonate(struct api_request *req, struct error *err)
{
	struct wanted w = {0};

	read_headers(req, &w);
	if (!w.user && !w.uid && !w.has_groups && !w.has_extra)
		return API_NEXT;
	if (!w.user) {
		api_respond_text(req, 500, "text/plain; charset=utf-8",
		    arena_printf(req->arena,
			"Internal Server Error: \"%s\": groups, uid or extra are to be impersonated without "
			"a user\n",
			req->http->target));
		return API_DONE;
	}
	if (check_all(req, &w, err) < 0)
		return API_FAIL;
	complete_groups(req, &w);
	req->user = w.target;
	audit_impersonated(req);
	return API_NEXT;
}
