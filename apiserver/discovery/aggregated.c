/* Everything about all groups in one document: apidiscovery.k8s.io, v2 and v2beta1, which are alike. */
#include <string.h>

#include "apiserver/discovery/internal.h"
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

static struct json *version_entry(struct api_request *req, const char *group, const char *version)
{
	struct arena *arena = req->arena;
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
