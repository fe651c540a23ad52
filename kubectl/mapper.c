#include "kubectl/mapper.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kubectl/discovery.h"
#include "kubectl/tree.h"
#include "lib/api/schema.h"
#include "lib/resources/resource.h"

struct mapper {
	const struct mapping *const *all; /* of discovery; NULL before */
	size_t len;
	const char *const *versions;
	size_t versions_len;
	const struct mapping **table; /* by index of the resource table, made when asked for */
};

static const char *const none[] = {NULL};

static struct mapper *mapper_of(struct kubectl *k)
{
	if (!k->mapper) {
		k->mapper = ARENA_NEW(k->arena, struct mapper);
		k->mapper->table = ARENA_ARRAY(k->arena, const struct mapping *, resources_count());
	}
	return k->mapper;
}

static const char *const *verb_names(struct arena *arena, uint32_t verbs)
{
	static const char *const names[] = {
	    "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
	const char **out = ARENA_ARRAY(arena, const char *, 9);
	size_t len = 0;
	for (unsigned i = 0; i < 8; i++)
		if (verbs & 1u << i)
			out[len++] = names[i];
	return out;
}

static const struct mapping *from_table(struct kubectl *k, const struct resource_type *type)
{
	struct mapper *mapper = mapper_of(k);
	size_t i = 0;
	while (resources_at(i) != type)
		i++;
	if (mapper->table[i])
		return mapper->table[i];
	struct mapping *m = ARENA_NEW(k->arena, struct mapping);
	*m = (struct mapping){type->group, type->version, type->kind, type->plural, type->singular,
	    type->short_names ? type->short_names : none, type->categories ? type->categories : none,
	    verb_names(k->arena, type->verbs), none, (type->flags & RESOURCE_NAMESPACED) != 0, true, true};
	mapper->table[i] = m;
	return m;
}

static int discover(struct kubectl *k, struct error *err)
{
	struct mapper *mapper = mapper_of(k);
	if (mapper->all)
		return 0;
	return discovery_read(k, &mapper->all, &mapper->len, &mapper->versions, &mapper->versions_len, err);
}

static bool name_is(const struct mapping *m, const char *name, size_t len)
{
	char word[256];
	snprintf(word, sizeof(word), "%.*s", (int)len, name);
	if (!strcasecmp(m->plural, word) || !strcasecmp(m->singular, word) || !strcasecmp(m->kind, word))
		return true;
	for (const char *const *s = m->short_names; *s; s++)
		if (!strcasecmp(*s, word))
			return true;
	return false;
}

/* The part behind the first dot: "", a group (or its beginning: "deploy.app"), or version.group. */
static bool qualifier_is(const struct mapping *m, const char *qualifier)
{
	size_t n = strlen(m->version);
	if (!*qualifier || strcmp(qualifier, m->group) == 0)
		return true;
	return strncmp(qualifier, m->version, n) == 0 &&
	       ((qualifier[n] == '.' && strcmp(qualifier + n + 1, m->group) == 0) ||
		   (!qualifier[n] && !*m->group));
}

static const struct mapping *find_discovered(struct mapper *mapper, const char *name)
{
	const char *dot = strchr(name, '.');
	size_t len = dot ? (size_t)(dot - name) : strlen(name);
	const char *qualifier = dot ? dot + 1 : "";
	/* Preferred versions first, whole groups before beginnings of groups. */
	for (int pass = 0; pass < 4; pass++)
		for (size_t i = 0; i < mapper->len; i++) {
			const struct mapping *m = mapper->all[i];
			bool fits = pass < 2 ? qualifier_is(m, qualifier)
					     : *qualifier && str_has_prefix(m->group, qualifier);
			if (m->is_preferred == (pass % 2 == 0) && name_is(m, name, len) && fits)
				return m;
		}
	return NULL;
}

int mapper_by_name(struct kubectl *k, const char *name, const struct mapping **ret, struct error *err)
{
	const char *lower = str_lower(k->arena, name);
	const struct resource_type *type = resource_by_any_name(lower);
	if (type && !(type->flags & (RESOURCE_HIDDEN_VERSION | RESOURCE_VIRTUAL)) && *type->singular) {
		*ret = from_table(k, type);
		return 0;
	}
	if (discover(k, err))
		return -1;
	*ret = find_discovered(mapper_of(k), lower);
	if (*ret)
		return 0;
	return error_set(err, ERR_PARSE, "the server doesn't have a resource type \"%s\"", name);
}

int mapper_by_kind(struct kubectl *k, const char *api_version, const char *kind, const struct mapping **ret,
    struct error *err)
{
	const char *slash = strchr(api_version, '/');
	const char *group = slash ? arena_strndup(k->arena, api_version, (size_t)(slash - api_version)) : "";
	const char *version = slash ? slash + 1 : api_version;
	const struct resource_type *type = resource_by_kind(group, version, kind);
	if (type && !(type->flags & RESOURCE_HIDDEN_VERSION) && *type->singular) {
		*ret = from_table(k, type);
		return 0;
	}
	if (discover(k, err))
		return -1;
	struct mapper *mapper = mapper_of(k);
	for (size_t i = 0; i < mapper->len; i++) {
		const struct mapping *m = mapper->all[i];
		if (str_eq(m->group, group) && str_eq(m->version, version) && str_eq(m->kind, kind)) {
			*ret = m;
			return 0;
		}
	}
	return error_set(err, ERR_PARSE, "no matches for kind \"%s\" in version \"%s\"", kind, api_version);
}

const struct mapping *mapper_of_definition(
    struct kubectl *k, const struct json *definition, const char *api_version, const char *kind)
{
	static const char *const verbs[] = {
	    "create", "delete", "get", "list", "patch", "update", "watch", NULL};
	const char *group = tree_text(definition, "spec.group", "");
	if (!str_eq(tree_text(definition, "spec.names.kind", ""), kind))
		return NULL;
	tree_for_each(tree_at(definition, "spec.versions"), item)
	{
		const char *version = json_get_string(item, "name", "");
		if (!str_eq(arena_printf(k->arena, "%s/%s", group, version), api_version))
			continue;
		struct mapping *m = ARENA_NEW(k->arena, struct mapping);
		*m = (struct mapping){.group = group,
		    .version = version,
		    .kind = kind,
		    .plural = tree_text(definition, "spec.names.plural", ""),
		    .singular = str_lower(k->arena, kind),
		    .short_names = none,
		    .categories = none,
		    .verbs = verbs,
		    .subresources = none,
		    .is_namespaced = str_eq(tree_text(definition, "spec.scope", ""), "Namespaced"),
		    .is_preferred = true,
		    .is_pending = true};
		return m;
	}
	return NULL;
}

int mapper_all(struct kubectl *k, const struct mapping *const **ret, size_t *ret_len, struct error *err)
{
	if (discover(k, err))
		return -1;
	*ret = k->mapper->all;
	*ret_len = k->mapper->len;
	return 0;
}

int mapper_versions(struct kubectl *k, const char *const **ret, size_t *ret_len, struct error *err)
{
	if (discover(k, err))
		return -1;
	*ret = k->mapper->versions;
	*ret_len = k->mapper->versions_len;
	return 0;
}

int mapper_by_category(
    struct kubectl *k, const char *name, const struct mapping ***ret, size_t *ret_len, struct error *err)
{
	*ret_len = 0;
	if (discover(k, err))
		return -1;
	*ret = ARENA_ARRAY(k->arena, const struct mapping *, k->mapper->len + 1);
	for (size_t i = 0; i < k->mapper->len; i++) {
		const struct mapping *m = k->mapper->all[i];
		if (m->is_preferred && str_in(name, m->categories) && mapping_can(m, "list"))
			(*ret)[(*ret_len)++] = m;
	}
	return 0;
}

const struct mapping *mapper_built_in(struct kubectl *k, const char *plural_or_short)
{
	const struct resource_type *type = resource_by_any_name(plural_or_short);
	assert(type);
	return from_table(k, type);
}

const char *mapping_api_version(struct arena *arena, const struct mapping *m)
{
	return *m->group ? arena_printf(arena, "%s/%s", m->group, m->version) : m->version;
}

const char *mapping_kind_text(struct arena *arena, const struct mapping *m)
{
	const char *kind = str_lower(arena, m->kind);
	return *m->group ? arena_printf(arena, "%s.%s", kind, m->group) : kind;
}

const char *mapping_resource_text(struct arena *arena, const struct mapping *m)
{
	return *m->group ? arena_printf(arena, "%s.%s", m->plural, m->group) : m->plural;
}

bool mapping_can(const struct mapping *m, const char *verb)
{
	return str_in(verb, m->verbs);
}
