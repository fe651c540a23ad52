#include "apiserver/flowcontrol/rules.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"

#define SERVICE_ACCOUNT "system:serviceaccount:"
#define HASHED_MAX 24 /* groups of a user that are hashed; those behind are compared as text */

static const char *const verbs[] = {
    "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "proxy", NULL};
#define VERBS_ANY (~(uint32_t)0)

struct names { /* a list of names in which "*" stands for all */
	bool any;
	const char **items;
	size_t len;
};

enum who { WHO_USER, WHO_GROUP, WHO_PREFIX };

struct who_rule { /* one subject; a service account is a user by its name, "*" of a namespace a prefix */
	enum who who;
	bool any;
	uint32_t hash;
	const char *name;
	size_t size;
};

struct resource_rule {
	uint32_t verbs;
	bool cluster_scope;
	struct names groups, resources, namespaces;
};

struct path_rule {
	uint32_t verbs;
	struct names paths; /* one that ends in a star stands for all that begin like it */
};

struct rule {
	struct who_rule *who;
	size_t who_len;
	struct resource_rule *resources;
	size_t resources_len;
	struct path_rule *paths;
	size_t paths_len;
};

struct entry {
	struct flow_schema schema; /* first: callers hold pointers to it */
	struct rule *rules;
	size_t rules_len;
};

struct flow_rules {
	struct arena *arena;
	struct entry **entries;
	size_t len;
};

static uint32_t hash_text(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return h;
}

static uint32_t verb_bit(const char *verb)
{
	for (uint32_t i = 0; verbs[i]; i++)
		if (!strcmp(verbs[i], verb))
			return (uint32_t)1 << i;
	return (uint32_t)1 << 31; /* post, head, ...: only "*" has it */
}

static uint32_t verb_bits(char *const *list, size_t len)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < len; i++) {
		if (!strcmp(list[i], "*"))
			return VERBS_ANY;
		bits |= verb_bit(list[i]);
	}
	return bits & ~((uint32_t)1 << 31);
}

static struct names names_of(struct arena *arena, char *const *list, size_t len)
{
	struct names n = {.items = ARENA_ARRAY(arena, const char *, len + 1), .len = len};

	for (size_t i = 0; i < len; i++) {
		n.any = n.any || !strcmp(list[i], "*");
		n.items[i] = arena_strdup(arena, list[i]);
	}
	return n;
}

static bool compile_subject(struct arena *arena, const FlowcontrolV1__Subject *s, struct who_rule *ret)
{
	const char *name;

	if (str_eq(s->kind, "User") && s->user) {
		ret->who = WHO_USER;
		name = s->user->name;
	} else if (str_eq(s->kind, "Group") && s->group) {
		ret->who = WHO_GROUP;
		name = s->group->name;
	} else if (str_eq(s->kind, "ServiceAccount") && s->service_account) {
		bool all = str_eq(s->service_account->name, "*");
		ret->who = all ? WHO_PREFIX : WHO_USER;
		name = arena_printf(arena, SERVICE_ACCOUNT "%s:%s", s->service_account->namespace_,
		    all ? "" : s->service_account->name);
	} else {
		return false;
	}
	ret->any = str_eq(name, "*");
	ret->name = arena_strdup(arena, str_or(name, ""));
	ret->hash = hash_text(ret->name);
	ret->size = strlen(ret->name);
	return true;
}

static void compile_rule(
    struct arena *arena, const FlowcontrolV1__PolicyRulesWithSubjects *from, struct rule *to)
{
	to->who = ARENA_ARRAY(arena, struct who_rule, from->n_subjects + 1);
	for (size_t i = 0; i < from->n_subjects; i++)
		to->who_len += compile_subject(arena, from->subjects[i], &to->who[to->who_len]);
	to->resources_len = from->n_resource_rules;
	to->resources = ARENA_ARRAY(arena, struct resource_rule, to->resources_len + 1);
	for (size_t i = 0; i < to->resources_len; i++) {
		const FlowcontrolV1__ResourcePolicyRule *r = from->resource_rules[i];
		to->resources[i] = (struct resource_rule){
		    .verbs = verb_bits(r->verbs, r->n_verbs),
		    .cluster_scope = r->cluster_scope,
		    .groups = names_of(arena, r->api_groups, r->n_api_groups),
		    .resources = names_of(arena, r->resources, r->n_resources),
		    .namespaces = names_of(arena, r->namespaces, r->n_namespaces),
		};
	}
	to->paths_len = from->n_non_resource_rules;
	to->paths = ARENA_ARRAY(arena, struct path_rule, to->paths_len + 1);
	for (size_t i = 0; i < to->paths_len; i++) {
		const FlowcontrolV1__NonResourcePolicyRule *r = from->non_resource_rules[i];
		to->paths[i] = (struct path_rule){
		    .verbs = verb_bits(r->verbs, r->n_verbs),
		    .paths = names_of(arena, r->non_resource_urls, r->n_non_resource_urls),
		};
	}
}

struct flow_rules *flow_rules_new(void)
{
	struct arena *arena = arena_new();
	struct flow_rules *rules = ARENA_NEW(arena, struct flow_rules);

	rules->arena = arena;
	return rules;
}

void flow_rules_free(struct flow_rules *rules)
{
	if (rules)
		arena_free(rules->arena);
}

void flow_rules_add(
    struct flow_rules *rules, const char *name, const FlowcontrolV1__FlowSchemaSpec *spec, void *target)
{
	struct entry *e = ARENA_NEW(rules->arena, struct entry);
	const char *by = spec->distinguisher_method ? spec->distinguisher_method->type : NULL;

	e->schema = (struct flow_schema){
	    .name = arena_strdup(rules->arena, name),
	    .precedence = spec->matching_precedence,
	    .distinguisher = str_eq(by, "ByUser")        ? FLOW_BY_USER
			     : str_eq(by, "ByNamespace") ? FLOW_BY_NAMESPACE
							 : FLOW_BY_NOTHING,
	    .target = target,
	};
	e->rules_len = spec->n_rules;
	e->rules = ARENA_ARRAY(rules->arena, struct rule, e->rules_len + 1);
	for (size_t i = 0; i < e->rules_len; i++)
		compile_rule(rules->arena, spec->rules[i], &e->rules[i]);
	size_t size = rules->len * sizeof(*rules->entries);
	rules->entries = arena_grow(rules->arena, rules->entries, size, size + sizeof(*rules->entries));
	rules->entries[rules->len++] = e;
}

static int by_precedence(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

	if (x->schema.precedence != y->schema.precedence)
		return x->schema.precedence < y->schema.precedence ? -1 : 1;
	return strcmp(x->schema.name, y->schema.name);
}

void flow_rules_sort(struct flow_rules *rules)
{
	if (rules->len)
		qsort(rules->entries, rules->len, sizeof(*rules->entries), by_precedence);
}

size_t flow_rules_len(const struct flow_rules *rules)
{
	return rules->len;
}

const struct flow_schema *flow_rules_at(const struct flow_rules *rules, size_t i)
{
	return &rules->entries[i]->schema;
}

/* --- matching --- */

struct question { /* a subject with what is computed of it once */
	const struct flow_subject *subject;
	uint32_t verb, user, groups[HASHED_MAX];
	size_t groups_hashed;
};

static bool is_in_group(const struct question *q, const struct who_rule *w)
{
	const char *const *groups = q->subject->groups;

	for (size_t i = 0; groups[i]; i++) {
		if (i < q->groups_hashed && q->groups[i] != w->hash)
			continue;
		if (!strcmp(groups[i], w->name))
			return true;
	}
	return false;
}

static bool is_meant(const struct question *q, const struct rule *rule)
{
	for (size_t i = 0; i < rule->who_len; i++) {
		const struct who_rule *w = &rule->who[i];
		if (w->any)
			return true;
		if (w->who == WHO_GROUP  ? is_in_group(q, w)
		    : w->who == WHO_USER ? w->hash == q->user && !strcmp(w->name, q->subject->user)
					 : !strncmp(w->name, q->subject->user, w->size))
			return true;
	}
	return false;
}

static bool has_name(const struct names *n, const char *name)
{
	if (n->any)
		return true;
	for (size_t i = 0; i < n->len; i++)
		if (!strcmp(n->items[i], name))
			return true;
	return false;
}

/* "pods" for the resource, "pods/status" for what is below it. */
static bool has_resource(const struct names *n, const struct flow_subject *s)
{
	size_t size = strlen(s->resource);

	if (n->any)
		return true;
	for (size_t i = 0; i < n->len; i++) {
		const char *item = n->items[i];
		if (strncmp(item, s->resource, size) != 0)
			continue;
		if (*s->subresource ? item[size] == '/' && !strcmp(item + size + 1, s->subresource)
				    : !item[size])
			return true;
	}
	return false;
}

static bool has_path(const struct names *n, const char *path)
{
	if (n->any)
		return true;
	for (size_t i = 0; i < n->len; i++) {
		size_t size = strlen(n->items[i]);
		if (size && n->items[i][size - 1] == '*' ? !strncmp(n->items[i], path, size - 1)
							 : !strcmp(n->items[i], path))
			return true;
	}
	return false;
}

static bool is_covered(const struct question *q, const struct rule *rule)
{
	const struct flow_subject *s = q->subject;

	for (size_t i = 0; s->is_resource && i < rule->resources_len; i++) {
		const struct resource_rule *r = &rule->resources[i];
		if ((r->verbs & q->verb) && has_name(&r->groups, s->group) &&
		    has_resource(&r->resources, s) &&
		    (*s->ns ? has_name(&r->namespaces, s->ns) : r->cluster_scope))
			return true;
	}
	for (size_t i = 0; !s->is_resource && i < rule->paths_len; i++)
		if ((rule->paths[i].verbs & q->verb) && has_path(&rule->paths[i].paths, s->path))
			return true;
	return false;
}

const struct flow_schema *flow_rules_match(const struct flow_rules *rules, const struct flow_subject *subject)
{
	struct question q; /* not zeroed: the hashes are many */

	q.subject = subject;
	q.verb = verb_bit(subject->verb);
	q.user = hash_text(subject->user);
	for (q.groups_hashed = 0; q.groups_hashed < HASHED_MAX && subject->groups[q.groups_hashed];)
		q.groups[q.groups_hashed] = hash_text(subject->groups[q.groups_hashed]), q.groups_hashed++;
	for (size_t i = 0; i < rules->len; i++) {
		const struct entry *e = rules->entries[i];
		for (size_t j = 0; j < e->rules_len; j++)
			if (is_meant(&q, &e->rules[j]) && is_covered(&q, &e->rules[j]))
				return &e->schema;
	}
	return NULL;
}

const char *flow_distinguish(const struct flow_schema *schema, const struct flow_subject *subject)
{
	switch (schema->distinguisher) {
	case FLOW_BY_USER:
		return subject->user;
	case FLOW_BY_NAMESPACE:
		return subject->is_resource ? subject->ns : "";
	default:
		return "";
	}
}
