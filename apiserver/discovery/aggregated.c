/* Everything about all groups in one document: apidiscovery.k8s.io, v2 and v2beta1, which are alike. */
#include <string.h>

#include "apiserver/discovery/internal.h"
#include "apiserver/extensions/aggregation.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"

static void set_text(struct arena *arena, struct json *object, const char *key, const char *text)
{
	json_set(arena, object, key, json_new_string(arena, text));
}

static void set_texts(struct arena *arena, struct json *object, const char *key, const char *const *list)
{
	struct json *out = json_new_array(arena);
	for (; list && *list; list++)
		json_push(arena, out, json_new_string(arena, *list));
	if (out->len > 0)
		json_set(arena, object, key, out);
}

static struct json *gvk(struct arena *arena, const char *group, const char *version, const char *kind)
{
	struct json *out = json_new_object(arena);
	set_text(arena, out, "group", group);
	set_text(arena, out, "version", version);
	set_text(arena, out, "kind", kind);
	return out;
}

static struct json *resource(struct arena *arena, const struct resource_type *type)
{
	struct json *r = json_new_object(arena), *subs = json_new_array(arena);
	set_text(arena, r, "resource", type->plural);
	json_set(arena, r, "responseKind", gvk(arena, type->group, type->version, type->kind));
	set_text(arena, r, "scope", type->flags & RESOURCE_NAMESPACED ? "Namespaced" : "Cluster");
	set_text(arena, r, "singularResource", type->singular);
	json_set(arena, r, "verbs", discovery_verbs(arena, type->verbs));
	set_texts(arena, r, "shortNames", type->short_names);
	set_texts(arena, r, "categories", type->categories);
	for (const struct discovery_subresource *s = discovery_subresources(arena, type); s->name; s++) {
		struct json *sub = json_new_object(arena);
		set_text(arena, sub, "subresource", s->name);
		json_set(arena, sub, "responseKind", gvk(arena, s->group, s->version, s->kind));
		json_set(arena, sub, "verbs", discovery_verbs(arena, s->verbs));
		json_push(arena, subs, sub);
	}
	if (subs->len > 0)
		json_set(arena, r, "subresources", subs);
	return r;
}

/* Another server's APIResourceList in the form of this document. */
static struct json *remote_resource(
    struct arena *arena, const struct aggregated_version *v, const struct json *from)
{
	struct json *out = json_new_object(arena);
	static const char *const copied[] = {"verbs", "shortNames", "categories", NULL};
	const char *name = json_get_string(from, "name", ""), *slash = strchr(name, '/');
	set_text(arena, out, slash ? "subresource" : "resource", slash ? slash + 1 : name);
	json_set(arena, out, "responseKind",
	    gvk(arena, json_get_string(from, "group", v->group), json_get_string(from, "version", v->version),
		json_get_string(from, "kind", "")));
	for (const char *const *key = copied; *key; key++)
		if (json_get(from, *key))
			json_set(arena, out, *key, json_clone(arena, json_get(from, *key)));
	if (slash)
		return out;
	set_text(arena, out, "scope", json_get_bool(from, "namespaced", false) ? "Namespaced" : "Cluster");
	set_text(arena, out, "singularResource", json_get_string(from, "singularName", ""));
	return out;
}

static struct json *parent_of(const struct json *list, const char *name)
{
	size_t size = strcspn(name, "/");
	for (size_t i = 0; i < list->len; i++) {
		const char *resource = json_get_string(list->items[i], "resource", "");
		if (strlen(resource) == size && !strncmp(resource, name, size))
			return list->items[i];
	}
	return NULL;
}

static struct json *remote_resources(struct arena *arena, const struct aggregated_version *v)
{
	struct json *out = json_new_array(arena);
	const struct json *list = v->resources ? json_get(v->resources, "resources") : NULL;
	for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->len; i++) {
		const char *name = json_get_string(list->items[i], "name", "");
		struct json *r = remote_resource(arena, v, list->items[i]), *parent;
		if (!strchr(name, '/')) {
			json_push(arena, out, r);
		} else if ((parent = parent_of(out, name))) {
			struct json *subs = json_get(parent, "subresources");
			if (!subs)
				json_set(arena, parent, "subresources", subs = json_new_array(arena));
			json_push(arena, subs, r);
		}
	}
	return out;
}

static struct json *remote_entry(struct arena *arena, const struct aggregated_version *v)
{
	struct json *out = json_new_object(arena);
	set_text(arena, out, "version", v->version);
	json_set(arena, out, "resources", remote_resources(arena, v));
	set_text(arena, out, "freshness", v->is_available ? "Current" : "Stale");
	return out;
}

static struct json *version_entry(struct api_request *req, const char *group, const char *version)
{
	struct arena *arena = req->arena;
	struct aggregated_version other;
	for (size_t i = 0; aggregation_at(req->server, i, &other); i++)
		if (!strcmp(other.group, group) && !strcmp(other.version, version))
			return remote_entry(arena, &other);
	struct json *out = json_new_object(arena), *list = json_new_array(arena);
	for (size_t i = 0; i < api_types_count(req->server); i++) {
		const struct resource_type *type = api_types_at(req->server, i);
		if (!strcmp(type->group, group) && !strcmp(type->version, version))
			json_push(arena, list, resource(arena, type));
	}
	set_text(arena, out, "version", version);
	json_set(arena, out, "resources", list);
	set_text(arena, out, "freshness", "Current");
	return out;
}

struct items {
	struct api_request *req;
	struct json *list;
	bool is_core;
};

static bool add_item(void *arg, const char *group)
{
	struct items *items = arg;
	struct arena *arena = items->req->arena;
	if (items->is_core != !*group)
		return true;
	struct json *item = json_new_object(arena), *meta = json_new_object(arena),
		    *versions = json_new_array(arena);
	if (*group)
		set_text(arena, meta, "name", group);
	json_set(arena, meta, "creationTimestamp", json_new_null(arena));
	json_set(arena, item, "metadata", meta);
	for (const char *const *v = discovery_versions(items->req->server, arena, group); *v; v++)
		json_push(arena, versions, version_entry(items->req, group, *v));
	json_set(arena, item, "versions", versions);
	json_push(arena, items->list, item);
	return true;
}

struct json *discovery_aggregated(struct api_request *req, const char *version, bool is_core)
{
	struct arena *arena = req->arena;
	struct json *doc = json_new_object(arena);
	struct items items = {req, json_new_array(arena), is_core};
	set_text(arena, doc, "kind", "APIGroupDiscoveryList");
	set_text(arena, doc, "apiVersion", arena_printf(arena, "apidiscovery.k8s.io/%s", version));
	json_set(arena, doc, "metadata", json_new_object(arena));
	discovery_groups(req->server, add_item, &items);
	json_set(arena, doc, "items", items.list);
	return doc;
}
