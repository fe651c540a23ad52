#include "kubectl/discovery.h"

#include <stdio.h>
#include <string.h>

#include "kubectl/session.h"
#include "lib/api/schema.h"

#define ACCEPT_AGGREGATED                                                                                    \
	"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"                              \
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

struct reading {
	struct kubectl *k;
	const struct mapping **items;
	size_t len, cap;
	const char **versions;
	size_t versions_len, versions_cap;
	size_t group_start; /* mappings of the group under way start here */
};

static const char *const *strings_of(struct arena *arena, const struct json *list)
{
	size_t len = list && list->type == JSON_ARRAY ? list->len : 0;
	const char **out = ARENA_ARRAY(arena, const char *, len + 1);
	for (size_t i = 0; i < len; i++)
		out[i] = list->items[i]->type == JSON_STRING ? list->items[i]->text : "";
	return out;
}

static void add_version(struct reading *r, const char *text)
{
	if (r->versions_len == r->versions_cap) {
		size_t cap = r->versions_cap ? r->versions_cap * 2 : 32;
		r->versions = arena_grow(
		    r->k->arena, r->versions, r->versions_cap * sizeof(char *), cap * sizeof(char *));
		r->versions_cap = cap;
	}
	r->versions[r->versions_len++] = text;
}

static void add_mapping(struct reading *r, struct mapping *m)
{
	struct kubectl *k = r->k;
	/* Versions come in the server's order of preference: the first that has a resource is the preferred
	 * one. */
	m->is_preferred = true;
	for (size_t i = r->group_start; i < r->len; i++)
		if (str_eq(r->items[i]->plural, m->plural))
			m->is_preferred = false;
	m->is_built_in = schema_by_gvk(m->group, m->version, m->kind) != NULL;
	if (str_empty(m->singular))
		m->singular = str_lower(k->arena, m->kind);
	if (r->len == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		r->items =
		    arena_grow(k->arena, r->items, r->cap * sizeof(*r->items), cap * sizeof(*r->items));
		r->cap = cap;
	}
	r->items[r->len++] = m;
}

static void read_aggregated_resource(
    struct reading *r, const char *group, const char *version, const struct json *resource)
{
	struct arena *arena = r->k->arena;
	const struct json *kind = json_get(resource, "responseKind"),
			  *subs = json_get(resource, "subresources");
	struct mapping *m = ARENA_NEW(arena, struct mapping);
	size_t subs_len = subs && subs->type == JSON_ARRAY ? subs->len : 0;
	const char **sub_names = ARENA_ARRAY(arena, const char *, subs_len + 1);
	for (size_t i = 0; i < subs_len; i++)
		sub_names[i] = json_get_string(subs->items[i], "subresource", "");
	*m = (struct mapping){.group = group,
	    .version = version,
	    .kind = json_get_string(kind, "kind", ""),
	    .plural = json_get_string(resource, "resource", ""),
	    .singular = json_get_string(resource, "singularResource", ""),
	    .short_names = strings_of(arena, json_get(resource, "shortNames")),
	    .categories = strings_of(arena, json_get(resource, "categories")),
	    .verbs = strings_of(arena, json_get(resource, "verbs")),
	    .subresources = sub_names,
	    .is_namespaced = str_eq(json_get_string(resource, "scope", ""), "Namespaced")};
	if (m->verbs[0])
		add_mapping(r, m);
}

static void read_aggregated(struct reading *r, const struct json *list)
{
	const struct json *groups = json_get(list, "items");
	for (size_t g = 0; groups && groups->type == JSON_ARRAY && g < groups->len; g++) {
		const char *group = json_get_string(json_get(groups->items[g], "metadata"), "name", "");
		const struct json *versions = json_get(groups->items[g], "versions");
		r->group_start = r->len;
		for (size_t v = 0; versions && versions->type == JSON_ARRAY && v < versions->len; v++) {
			const char *version = json_get_string(versions->items[v], "version", "");
			const struct json *resources = json_get(versions->items[v], "resources");
			add_version(r, *group ? arena_printf(r->k->arena, "%s/%s", group, version) : version);
			for (size_t i = 0; resources && resources->type == JSON_ARRAY && i < resources->len;
			     i++)
				read_aggregated_resource(r, group, version, resources->items[i]);
		}
	}
}

/* One APIResourceList: resources and, as "pods/log", their subresources. */
static int read_legacy_version(struct reading *r, const char *group, const char *version, struct error *err)
{
	struct kubectl *k = r->k;
	struct json *list;
	const char *path = *group ? arena_printf(k->arena, "/apis/%s/%s", group, version)
				  : arena_printf(k->arena, "/api/%s", version);
	add_version(r, *group ? arena_printf(k->arena, "%s/%s", group, version) : version);
	if (session_get(k, path, &list, err))
		return -1;
	const struct json *resources = json_get(list, "resources");
	for (size_t i = 0; resources && resources->type == JSON_ARRAY && i < resources->len; i++) {
		const struct json *resource = resources->items[i];
		const char *name = json_get_string(resource, "name", "");
		size_t name_len = strlen(name), subs = 0;
		if (strchr(name, '/'))
			continue;
		const char **sub_names = ARENA_ARRAY(k->arena, const char *, resources->len + 1);
		for (size_t j = 0; j < resources->len; j++) {
			const char *other = json_get_string(resources->items[j], "name", "");
			if (strncmp(other, name, name_len) == 0 && other[name_len] == '/')
				sub_names[subs++] = other + name_len + 1;
		}
		struct mapping *m = ARENA_NEW(k->arena, struct mapping);
		*m = (struct mapping){.group = group,
		    .version = version,
		    .kind = json_get_string(resource, "kind", ""),
		    .plural = name,
		    .singular = json_get_string(resource, "singularName", ""),
		    .short_names = strings_of(k->arena, json_get(resource, "shortNames")),
		    .categories = strings_of(k->arena, json_get(resource, "categories")),
		    .verbs = strings_of(k->arena, json_get(resource, "verbs")),
		    .subresources = sub_names,
		    .is_namespaced = json_get_bool(resource, "namespaced", false)};
		add_mapping(r, m);
	}
	return 0;
}

static int read_legacy(
    struct reading *r, const struct json *core, const struct json *groups, struct error *err)
{
	const struct json *versions = json_get(core, "versions");
	for (size_t i = 0; versions && i < versions->len; i++)
		if (read_legacy_version(r, "", versions->items[i]->text, err))
			return -1;
	const struct json *list = json_get(groups, "groups");
	for (size_t g = 0; list && list->type == JSON_ARRAY && g < list->len; g++) {
		const char *group = json_get_string(list->items[g], "name", "");
		versions = json_get(list->items[g], "versions");
		r->group_start = r->len;
		for (size_t v = 0; versions && v < versions->len; v++) {
			struct error one =
			    ERROR_INIT; /* an extension server that is away must not stop the rest */
			read_legacy_version(
			    r, group, json_get_string(versions->items[v], "version", ""), &one);
		}
	}
	return 0;
}

static int read_root(struct kubectl *k, const char *path, struct json **ret, struct error *err)
{
	struct answer answer;
	if (session_exchange(k, &(struct exchange){.path = path, .accept = ACCEPT_AGGREGATED}, &answer, err))
		return -1;
	return json_parse(k->arena, answer.body, answer.size, NULL, ret, err);
}

int discovery_read(struct kubectl *k, const struct mapping *const **ret, size_t *ret_len,
    const char *const **ret_versions, size_t *ret_versions_len, struct error *err)
{
	struct reading r = {.k = k};
	struct json *core, *groups;
	if (read_root(k, "/api", &core, err) || read_root(k, "/apis", &groups, err))
		return -1;
	if (str_eq(json_get_string(groups, "kind", ""), "APIGroupDiscoveryList")) {
		read_aggregated(&r, core);
		read_aggregated(&r, groups);
	} else if (read_legacy(&r, core, groups, err)) {
		return -1;
	}
	if (!r.items)
		r.items = ARENA_ARRAY(k->arena, const struct mapping *, 1);
	*ret = r.items;
	*ret_len = r.len;
	*ret_versions = r.versions;
	*ret_versions_len = r.versions_len;
	return 0;
}
