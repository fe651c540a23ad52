#include "apiserver/auth/authorizer.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/auth/node_authorizer.h"
#include "apiserver/auth/rbac.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/metrics.h"
#include "lib/base/str.h"

enum mode { MODE_NODE, MODE_RBAC, MODE_ALWAYS_ALLOW, MODE_ALWAYS_DENY, MODE_COUNT };

static const char *const mode_names[MODE_COUNT + 1] = {"Node", "RBAC", "AlwaysAllow", "AlwaysDeny", NULL};

struct authorizer {
	enum mode modes[MODE_COUNT];
	size_t modes_len;
	struct node_authorizer *node;
	struct rbac *rbac;
	struct metric_series *allowed[MODE_COUNT], *denied[MODE_COUNT]; /* NULL: not counted */
};

static int add_mode(struct authorizer *authorizer, const char *name, struct error *err)
{
	enum mode mode = MODE_NODE;

	while (mode < MODE_COUNT && !str_eq(mode_names[mode], name))
		mode++;
	if (mode == MODE_COUNT)
		return error_set(err, ERR_BAD_REQUEST, "authorization mode \"%s\" is not known", name);
	for (size_t i = 0; i < authorizer->modes_len; i++)
		if (authorizer->modes[i] == mode)
			return error_set(
			    err, ERR_BAD_REQUEST, "authorization mode \"%s\" is given twice", name);
	authorizer->modes[authorizer->modes_len++] = mode;
	return 0;
}

struct authorizer *authorizer_new(const char *modes, const struct object_reader *reader, struct error *err)
{
	struct authorizer *authorizer = calloc(1, sizeof(*authorizer));
	struct arena *arena = arena_new();
	size_t len;

	if (!authorizer)
		abort();
	char **names = str_split(arena, modes, ',', &len);
	for (size_t i = 0; i < len; i++) {
		if (add_mode(authorizer, names[i], err) < 0) {
			arena_free(arena);
			free(authorizer);
			return NULL;
		}
		if (str_eq(names[i], "Node"))
			authorizer->node = node_authorizer_new(reader);
		if (str_eq(names[i], "RBAC"))
			authorizer->rbac = rbac_new();
	}
	arena_free(arena);
	return authorizer;
}

void authorizer_free(struct authorizer *authorizer)
{
	if (!authorizer)
		return;
	node_authorizer_free(authorizer->node);
	rbac_free(authorizer->rbac);
	free(authorizer);
}

void authorizer_observe(struct authorizer *authorizer, const struct object *old, const struct object *new_)
{
	if (authorizer->node)
		node_authorizer_observe(authorizer->node, old, new_);
	if (authorizer->rbac)
		rbac_observe(authorizer->rbac, old, new_);
}

static enum authz_decision ask_mode(const struct authorizer *authorizer, enum mode mode,
    const struct authz_attributes *a, struct arena *arena, const char **ret_reason)
{
	switch (mode) {
	case MODE_NODE:
		return node_authorizer_decide(authorizer->node, a, arena, ret_reason);
	case MODE_RBAC:
		return rbac_allows(authorizer->rbac, a, arena, ret_reason) ? AUTHZ_ALLOW : AUTHZ_NO_OPINION;
	case MODE_ALWAYS_ALLOW:
		return AUTHZ_ALLOW;
	default:
		if (ret_reason)
			*ret_reason = "Everything is forbidden.";
		return AUTHZ_NO_OPINION;
	}
}

static void note(const struct authorizer *authorizer, enum mode mode, enum authz_decision decision)
{
	struct metric_series *series =
	    decision == AUTHZ_ALLOW ? authorizer->allowed[mode] : authorizer->denied[mode];

	if (series)
		metric_add(series, 1);
}

enum authz_decision authorizer_decide(const struct authorizer *authorizer, const struct authz_attributes *a,
    struct arena *arena, const char **ret_reason)
{
	const char *reasons = "";

	if (ret_reason)
		*ret_reason = "";
	if (user_in_group(a->user, GROUP_MASTERS))
		return AUTHZ_ALLOW;
	for (size_t i = 0; i < authorizer->modes_len; i++) {
		const char *reason = "";
		enum authz_decision decision =
		    ask_mode(authorizer, authorizer->modes[i], a, arena, ret_reason ? &reason : NULL);
		if (decision != AUTHZ_NO_OPINION) {
			note(authorizer, authorizer->modes[i], decision);
			if (ret_reason)
				*ret_reason = reason;
			return decision;
		}
		if (ret_reason && !str_empty(reason))
			reasons =
			    str_empty(reasons) ? reason : arena_printf(arena, "%s\n%s", reasons, reason);
	}
	if (ret_reason)
		*ret_reason = reasons;
	return AUTHZ_NO_OPINION;
}

void authorizer_count(struct authorizer *authorizer, struct metric_set *set)
{
	static const char *const names[] = {"node", "rbac", "alwaysallow", "alwaysdeny"};
	struct metric *decisions = metric_counter(set, "apiserver_authorization_decisions_total",
	    "Questions that an authorizer has answered with yes or no.", "type,name,decision");

	for (size_t i = 0; i < authorizer->modes_len; i++) {
		enum mode mode = authorizer->modes[i];
		authorizer->allowed[mode] =
		    metric_series(decisions, mode_names[mode], names[mode], "allowed");
		authorizer->denied[mode] = metric_series(decisions, mode_names[mode], names[mode], "denied");
	}
}

bool authorizer_allows_all(const struct authorizer *authorizer)
{
	for (size_t i = 0; i < authorizer->modes_len; i++)
		if (authorizer->modes[i] == MODE_ALWAYS_ALLOW)
			return true;
	return false;
}

const struct rbac *authorizer_rbac(const struct authorizer *authorizer)
{
	return authorizer->rbac;
}

static int forbid_path(const struct authz_attributes *a, const char *reason, struct error *err)
{
	return error_set(err, ERR_FORBIDDEN, "forbidden: User \"%s\" cannot %s path \"%s\"%s%s",
	    a->user->name, a->verb, a->path, str_empty(reason) ? "" : ": ", reason);
}

int authz_forbid(const struct authz_attributes *a, const char *reason, struct error *err)
{
	const char *slash = str_empty(a->subresource) ? "" : "/";
	const char *dot = str_empty(a->group) ? "" : ".";
	char scope[128] = "at the cluster scope";

	reason = str_or(reason, "");
	if (!a->is_resource)
		return forbid_path(a, reason, err);
	if (!str_empty(a->ns))
		snprintf(scope, sizeof(scope), "in the namespace \"%s\"", a->ns);
	error_set(err, ERR_FORBIDDEN,
	    "%s%s%s%s%s%s is forbidden: User \"%s\" cannot %s resource \"%s%s%s\" in API group \"%s\" %s%s%s",
	    a->resource, dot, a->group, str_empty(a->name) ? "" : " \"", a->name,
	    str_empty(a->name) ? "" : "\"", a->user->name, a->verb, a->resource, slash,
	    str_or(a->subresource, ""), a->group, scope, str_empty(reason) ? "" : ": ", reason);
	error_about(err, a->group, a->resource, a->name);
	return -1;
}
