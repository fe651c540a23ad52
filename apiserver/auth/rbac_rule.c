/* Matching and covering of single RBAC rules; see rbac.h. */
#include "apiserver/auth/rbac.h"

#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

static bool has(size_t len, char *const *items, const char *wanted)
{
	for (size_t i = 0; i < len; i++)
		if (strcmp(items[i], wanted) == 0)
			return true;
	return false;
}

static bool has_or_star(size_t len, char *const *items, const char *wanted)
{
	return has(len, items, "*") || has(len, items, wanted);
}

/* "pods/log" matches itself, "*" anything, and "*" + "/log" that subresource of anything. */
static bool resource_item_matches(const char *item, const char *resource, const char *subresource)
{
	if (strcmp(item, "*") == 0)
		return true;
	if (str_empty(subresource))
		return strcmp(item, resource) == 0;
	const char *slash = strchr(item, '/');
	if (!slash || strcmp(slash + 1, subresource) != 0)
		return false;
	size_t len = (size_t)(slash - item);
	return (len == 1 && item[0] == '*') || (strlen(resource) == len && memcmp(item, resource, len) == 0);
}

static bool resource_matches(const RbacV1__PolicyRule *rule, const char *resource, const char *subresource)
{
	for (size_t i = 0; i < rule->n_resources; i++)
		if (resource_item_matches(rule->resources[i], resource, subresource))
			return true;
	return false;
}

/* A trailing * matches any rest. */
static bool url_matches(const char *pattern, const char *path)
{
	size_t len = strlen(pattern);

	if (len > 0 && pattern[len - 1] == '*')
		return strncmp(pattern, path, len - 1) == 0;
	return strcmp(pattern, path) == 0;
}

static bool any_url_matches(const RbacV1__PolicyRule *rule, const char *path)
{
	for (size_t i = 0; i < rule->n_non_resource_urls; i++)
		if (url_matches(rule->non_resource_urls[i], path))
			return true;
	return false;
}

bool rbac_rule_allows(const RbacV1__PolicyRule *rule, const struct authz_attributes *a)
{
	if (!has_or_star(rule->n_verbs, rule->verbs, a->verb))
		return false;
	if (!a->is_resource)
		return any_url_matches(rule, a->path);
	return has_or_star(rule->n_api_groups, rule->api_groups, a->group) &&
	       resource_matches(rule, a->resource, a->subresource) &&
	       (rule->n_resource_names == 0 || has(rule->n_resource_names, rule->resource_names, a->name));
}

bool rbac_rules_allow(size_t len, RbacV1__PolicyRule *const *rules, const struct authz_attributes *attributes)
{
	for (size_t i = 0; i < len; i++)
		if (rbac_rule_allows(rules[i], attributes))
			return true;
	return false;
}

/* The smallest piece of a rule: one verb on one path, or one verb, group, resource, and one name or all of
 * them. */
struct piece {
	const char *verb, *group, *resource, *name /* NULL: all */, *url /* NULL: a resource */;
};

static bool covers_resource(const RbacV1__PolicyRule *owner, const char *resource)
{
	const char *slash = strchr(resource, '/');

	if (has_or_star(owner->n_resources, owner->resources, resource))
		return true;
	if (!slash)
		return false;
	for (size_t i = 0; i < owner->n_resources; i++)
		if (owner->resources[i][0] == '*' && strcmp(owner->resources[i] + 1, slash) == 0)
			return true;
	return false;
}

static bool covers_url(const RbacV1__PolicyRule *owner, const char *url)
{
	for (size_t i = 0; i < owner->n_non_resource_urls; i++)
		if (url_matches(owner->non_resource_urls[i], url))
			return true;
	return false;
}

static bool rule_covers(const RbacV1__PolicyRule *owner, const struct piece *p)
{
	if (!has_or_star(owner->n_verbs, owner->verbs, p->verb))
		return false;
	if (p->url)
		return covers_url(owner, p->url);
	if (!has_or_star(owner->n_api_groups, owner->api_groups, p->group) ||
	    !covers_resource(owner, p->resource))
		return false;
	if (owner->n_resource_names == 0)
		return true;
	return p->name && has(owner->n_resource_names, owner->resource_names, p->name);
}

struct search {
	const struct piece *piece;
	bool found;
};

static bool stop_when_covered(void *arg, const RbacV1__PolicyRule *owner)
{
	struct search *s = arg;
	s->found = rule_covers(owner, s->piece);
	return !s->found;
}

struct coverage {
	const struct rbac *rbac;
	const struct api_user *user;
	const char *ns;
	struct buf missing; /* one line for each missing rule */
};

static void check_piece(struct coverage *c, const struct piece *p)
{
	struct search s = {.piece = p};

	rbac_visit_rules(c->rbac, c->user, c->ns, stop_when_covered, &s);
	if (s.found)
		return;
	buf_puts(&c->missing, "\n{");
	if (p->url)
		buf_printf(&c->missing, "NonResourceURLs:[\"%s\"]", p->url);
	else
		buf_printf(&c->missing, "APIGroups:[\"%s\"], Resources:[\"%s\"]", p->group, p->resource);
	if (p->name)
		buf_printf(&c->missing, ", ResourceNames:[\"%s\"]", p->name);
	buf_printf(&c->missing, ", Verbs:[\"%s\"]}", p->verb);
}

static void check_resource(struct coverage *c, const RbacV1__PolicyRule *rule, struct piece *p)
{
	if (rule->n_resource_names == 0)
		check_piece(c, p);
	for (size_t n = 0; n < rule->n_resource_names; n++) {
		p->name = rule->resource_names[n];
		check_piece(c, p);
	}
}

static void check_rule(struct coverage *c, const RbacV1__PolicyRule *rule)
{
	for (size_t v = 0; v < rule->n_verbs; v++) {
		for (size_t u = 0; u < rule->n_non_resource_urls; u++)
			check_piece(
			    c, &(struct piece){.verb = rule->verbs[v], .url = rule->non_resource_urls[u]});
		for (size_t g = 0; g < rule->n_api_groups; g++)
			for (size_t r = 0; r < rule->n_resources; r++)
				check_resource(c, rule,
				    &(struct piece){.verb = rule->verbs[v],
					.group = rule->api_groups[g],
					.resource = rule->resources[r]});
	}
}

int rbac_check_covered(const struct rbac *rbac, const struct api_user *user, const char *ns, size_t len,
    RbacV1__PolicyRule *const *rules, struct arena *arena, struct error *err)
{
	struct coverage c = {.rbac = rbac, .user = user, .ns = ns};
	struct buf groups = BUF_INIT;
	int result = 0;

	for (size_t i = 0; i < len; i++)
		check_rule(&c, rules[i]);
	if (c.missing.size > 0) {
		for (size_t i = 0; user->groups && user->groups[i]; i++)
			buf_printf(&groups, "%s\"%s\"", i ? " " : "", user->groups[i]);
		result = error_set(err, ERR_FORBIDDEN,
		    "user \"%s\" (groups=[%s]) is attempting to grant RBAC permissions not currently held:%s",
		    user->name, buf_str(&groups), buf_str(&c.missing));
	}
	buf_done(&groups);
	buf_done(&c.missing);
	return result;
}
