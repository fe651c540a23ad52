#include "apiserver/auth/rbac.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"

/*
 * Index keys: kind of subject, subject, namespace of the binding ("" for cluster-wide ones), parted by a byte
 * that no name holds. A decision makes two look-ups for each subject that the user is.
 */
#define SEPARATOR '\x1f'
#define KEY_MAX 1024

struct grant { /* one subject of one binding */
	const struct object *binding;
	const RbacV1__Subject *subject;
	const RbacV1__RoleRef *role_ref;
};

struct grants {
	struct grant *items;
	size_t len, capacity;
};

struct rbac {
	struct strmap *roles;  /* "NS\x1fNAME" -> struct object, referenced */
	struct strmap *grants; /* subject key -> struct grants */
};

struct rbac *rbac_new(void)
{
	struct rbac *rbac = calloc(1, sizeof(*rbac));
	if (!rbac)
		abort();
	rbac->roles = strmap_new();
	rbac->grants = strmap_new();
	return rbac;
}

static void free_role(void *value)
{
	object_unref(value);
}

static void free_grants(void *value)
{
	struct grants *g = value;
	for (size_t i = 0; i < g->len; i++)
		object_unref(g->items[i].binding);
	free(g->items);
	free(g);
}

void rbac_free(struct rbac *rbac)
{
	if (!rbac)
		return;
	strmap_free(rbac->roles, free_role);
	strmap_free(rbac->grants, free_grants);
	free(rbac);
}

static bool subject_key(char out[KEY_MAX], char kind, const char *name, const char *ns)
{
	int n = snprintf(out, KEY_MAX, "%c%s%c%s", kind, name, SEPARATOR, ns);
	return n > 0 && n < KEY_MAX; /* longer names match nothing rather than something else */
}

static bool role_key(char out[KEY_MAX], const char *ns, const char *name)
{
	int n = snprintf(out, KEY_MAX, "%s%c%s", ns, SEPARATOR, name);
	return n > 0 && n < KEY_MAX;
}

/* A service account is the user of its name; ns is its own namespace. */
static bool key_of_subject(char out[KEY_MAX], const RbacV1__Subject *s, const char *binding_ns)
{
	if (str_eq(s->kind, "User"))
		return subject_key(out, 'u', s->name, binding_ns);
	if (str_eq(s->kind, "Group"))
		return subject_key(out, 'g', s->name, binding_ns);
	if (!str_eq(s->kind, "ServiceAccount"))
		return false;
	const char *ns = str_or(s->namespace_, binding_ns);
	if (str_empty(ns))
		return false;
	int n = snprintf(
	    out, KEY_MAX, "u" USER_SERVICE_ACCOUNT_PREFIX "%s:%s%c%s", ns, s->name, SEPARATOR, binding_ns);
	return n > 0 && n < KEY_MAX;
}

static void add_grant(struct rbac *rbac, const char *key, const struct grant *grant)
{
	struct grants *g = strmap_get(rbac->grants, key);
	if (!g) {
		g = calloc(1, sizeof(*g));
		if (!g)
			abort();
		strmap_put(rbac->grants, key, g);
	}
	if (g->len == g->capacity) {
		g->capacity = g->capacity ? g->capacity * 2 : 2;
		g->items = realloc(g->items, g->capacity * sizeof(*g->items));
		if (!g->items)
			abort();
	}
	g->items[g->len] = *grant;
	g->items[g->len++].binding = object_ref(grant->binding);
}

static void remove_grants(struct rbac *rbac, const char *key, const struct object *binding)
{
	struct grants *g = strmap_get(rbac->grants, key);
	size_t kept = 0;

	if (!g)
		return;
	for (size_t i = 0; i < g->len; i++) {
		const struct object *b = g->items[i].binding;
		/* By name, not by pointer: the cache may hand out another copy of the object that was added.
		 */
		if (strcmp(object_name(b), object_name(binding)) == 0 && b->schema == binding->schema)
			object_unref(b);
		else
			g->items[kept++] = g->items[i];
	}
	g->len = kept;
	if (kept == 0)
		free_grants(strmap_remove(rbac->grants, key));
}

static bool binding_parts(const struct object *obj, size_t *ret_len, RbacV1__Subject ***ret_subjects,
    const RbacV1__RoleRef **ret_role)
{
	if (obj->msg && obj->msg->descriptor == &rbac_v1__cluster_role_binding__descriptor) {
		const RbacV1__ClusterRoleBinding *b = (const RbacV1__ClusterRoleBinding *)obj->msg;
		*ret_len = b->n_subjects, *ret_subjects = b->subjects, *ret_role = b->role_ref;
		return true;
	}
	if (obj->msg && obj->msg->descriptor == &rbac_v1__role_binding__descriptor) {
		const RbacV1__RoleBinding *b = (const RbacV1__RoleBinding *)obj->msg;
		*ret_len = b->n_subjects, *ret_subjects = b->subjects, *ret_role = b->role_ref;
		return true;
	}
	return false;
}

static void observe_binding(struct rbac *rbac, const struct object *obj, bool add)
{
	size_t len;
	RbacV1__Subject **subjects;
	struct grant grant = {.binding = obj};
	char key[KEY_MAX];

	if (!binding_parts(obj, &len, &subjects, &grant.role_ref))
		return;
	for (size_t i = 0; i < len; i++) {
		if (!key_of_subject(key, subjects[i], str_or(object_namespace(obj), "")))
			continue;
		grant.subject = subjects[i];
		if (add)
			add_grant(rbac, key, &grant);
		else
			remove_grants(rbac, key, obj);
	}
}

static bool is_role(const struct object *obj)
{
	return obj->msg && (obj->msg->descriptor == &rbac_v1__role__descriptor ||
			       obj->msg->descriptor == &rbac_v1__cluster_role__descriptor);
}

static void observe_role(struct rbac *rbac, const struct object *obj, bool add)
{
	char key[KEY_MAX];

	if (!role_key(key, str_or(object_namespace(obj), ""), object_name(obj)))
		return;
	const struct object *old =
	    add ? strmap_put(rbac->roles, key, (void *)object_ref(obj)) : strmap_remove(rbac->roles, key);
	object_unref(old);
}

void rbac_observe(struct rbac *rbac, const struct object *old, const struct object *new_)
{
	if (old && is_role(old) && !new_)
		observe_role(rbac, old, false);
	if (new_ && is_role(new_))
		observe_role(rbac, new_, true);
	if (old)
		observe_binding(rbac, old, false);
	if (new_)
		observe_binding(rbac, new_, true);
}

static void rules_of(const struct object *role, size_t *ret_len, RbacV1__PolicyRule ***ret_rules)
{
	if (role->msg->descriptor == &rbac_v1__role__descriptor) {
		const RbacV1__Role *r = (const RbacV1__Role *)role->msg;
		*ret_len = r->n_rules, *ret_rules = r->rules;
	} else {
		const RbacV1__ClusterRole *r = (const RbacV1__ClusterRole *)role->msg;
		*ret_len = r->n_rules, *ret_rules = r->rules;
	}
}

bool rbac_role_rules(const struct rbac *rbac, const char *kind, const char *ns, const char *name,
    size_t *ret_len, RbacV1__PolicyRule ***ret_rules)
{
	char key[KEY_MAX];

	if (!role_key(key, str_eq(kind, "Role") ? str_or(ns, "") : "", name))
		return false;
	const struct object *role = strmap_get(rbac->roles, key);
	if (!role)
		return false;
	rules_of(role, ret_len, ret_rules);
	return true;
}

/* Walks over the user's grants. Returns true when visit did. */
typedef bool grant_visit_fn(void *arg, const struct grant *grant);

static bool visit_key(
    const struct rbac *rbac, char kind, const char *name, const char *ns, grant_visit_fn *visit, void *arg)
{
	char key[KEY_MAX];

	if (!subject_key(key, kind, name, ns))
		return false;
	const struct grants *g = strmap_get(rbac->grants, key);
	for (size_t i = 0; g && i < g->len; i++)
		if (visit(arg, &g->items[i]))
			return true;
	return false;
}

static bool visit_scope(
    const struct rbac *rbac, const struct api_user *user, const char *ns, grant_visit_fn *visit, void *arg)
{
	if (visit_key(rbac, 'u', user->name, ns, visit, arg))
		return true;
	for (size_t i = 0; user->groups && user->groups[i]; i++)
		if (visit_key(rbac, 'g', user->groups[i], ns, visit, arg))
			return true;
	return false;
}

static bool visit_grants(
    const struct rbac *rbac, const struct api_user *user, const char *ns, grant_visit_fn *visit, void *arg)
{
	return visit_scope(rbac, user, "", visit, arg) ||
	       (!str_empty(ns) && visit_scope(rbac, user, ns, visit, arg));
}

struct decision {
	const struct rbac *rbac;
	const struct authz_attributes *attributes;
	const struct grant *grant; /* that allowed */
};

static bool grant_allows(void *arg, const struct grant *grant)
{
	struct decision *d = arg;
	size_t len;
	RbacV1__PolicyRule **rules;

	if (!rbac_role_rules(d->rbac, grant->role_ref->kind, object_namespace(grant->binding),
		grant->role_ref->name, &len, &rules) ||
	    !rbac_rules_allow(len, rules, d->attributes))
		return false;
	d->grant = grant;
	return true;
}

static const char *describe(const struct grant *g, struct arena *arena)
{
	const RbacV1__Subject *s = g->subject;
	const char *ns = object_namespace(g->binding);
	const char *who = str_eq(s->kind, "ServiceAccount")
			      ? arena_printf(arena, "%s \"%s/%s\"", s->kind, s->name, s->namespace_)
			      : arena_printf(arena, "%s \"%s\"", s->kind, s->name);

	if (str_empty(ns))
		return arena_printf(arena, "RBAC: allowed by ClusterRoleBinding \"%s\" of %s \"%s\" to %s",
		    object_name(g->binding), g->role_ref->kind, g->role_ref->name, who);
	return arena_printf(arena, "RBAC: allowed by RoleBinding \"%s/%s\" of %s \"%s\" to %s",
	    object_name(g->binding), ns, g->role_ref->kind, g->role_ref->name, who);
}

bool rbac_allows(const struct rbac *rbac, const struct authz_attributes *attributes, struct arena *arena,
    const char **ret_reason)
{
	struct decision d = {.rbac = rbac, .attributes = attributes};

	if (visit_grants(rbac, attributes->user, attributes->ns, grant_allows, &d)) {
		if (ret_reason)
			*ret_reason = describe(d.grant, arena);
		return true;
	}
	if (ret_reason) {
		const char *missing = rbac_missing_roles(rbac, attributes->user, attributes->ns, arena);
		*ret_reason = str_empty(missing) ? "" : arena_printf(arena, "RBAC: %s", missing);
	}
	return false;
}

struct rule_walk {
	const struct rbac *rbac;
	rbac_visit_fn *visit;
	void *arg;
};

static bool visit_rules_of(void *arg, const struct grant *grant)
{
	const struct rule_walk *w = arg;
	size_t len;
	RbacV1__PolicyRule **rules;

	if (!rbac_role_rules(w->rbac, grant->role_ref->kind, object_namespace(grant->binding),
		grant->role_ref->name, &len, &rules))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!w->visit(w->arg, rules[i]))
			return true;
	return false;
}

void rbac_visit_rules(
    const struct rbac *rbac, const struct api_user *user, const char *ns, rbac_visit_fn *visit, void *arg)
{
	struct rule_walk w = {rbac, visit, arg};
	visit_grants(rbac, user, ns, visit_rules_of, &w);
}

struct missing_walk {
	const struct rbac *rbac;
	struct arena *arena;
	const char *text;
};

static bool note_missing(void *arg, const struct grant *grant)
{
	struct missing_walk *w = arg;
	const RbacV1__RoleRef *ref = grant->role_ref;
	size_t len;
	RbacV1__PolicyRule **rules;

	if (rbac_role_rules(w->rbac, ref->kind, object_namespace(grant->binding), ref->name, &len, &rules))
		return false;
	const char *one = arena_printf(w->arena, "%s.rbac.authorization.k8s.io \"%s\" not found",
	    str_eq(ref->kind, "Role") ? "role" : "clusterrole", ref->name);
	w->text = str_empty(w->text) ? one : arena_printf(w->arena, "%s, %s", w->text, one);
	return false;
}

const char *rbac_missing_roles(
    const struct rbac *rbac, const struct api_user *user, const char *ns, struct arena *arena)
{
	struct missing_walk w = {rbac, arena, ""};
	visit_grants(rbac, user, ns, note_missing, &w);
	return strchr(w.text, ',') ? arena_printf(arena, "[%s]", w.text) : w.text;
}
