/* One document per question: /api, /apis, /apis/G, /api/v1 and /apis/G/V. */
#include <string.h>

#include "apiserver/discovery/internal.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

static void set_text(struct arena *arena, struct json *object, const char *key, const char *text)
{
	json_set(arena, object, key, json_new_string(arena, text));
}

static struct json *new_document(struct arena *arena, const char *kind, const char *api_version)
{
	struct json *doc = json_new_object(arena);
	set_text(arena, doc, "kind", kind);
	if (api_version)
		set_text(arena, doc, "apiVersion", api_version);
	return doc;
}

static const char *group_version(struct arena *arena, const char *group, const char *version)
{
	return *group ? arena_printf(arena, "%s/%s", group, version) : version;
}

static struct json *texts(struct arena *arena, const char *const *list)
{
	struct json *out = json_new_array(arena);
	for (; *list; list++)
		json_push(arena, out, json_new_string(arena, *list));
	return out;
}

struct json *discovery_api_versions(struct api_request *req)
{
	struct arena *arena = req->arena;
	struct json *doc = new_document(arena, "APIVersions", NULL), *addresses = json_new_array(arena);
	struct json *address = json_new_object(arena);
	const char *host = http_request_header(req->http, "Host");
	json_set(arena, doc, "versions", texts(arena, discovery_versions(req->server, arena, "")));
	set_text(arena, address, "clientCIDR", "0.0.0.0/0");
	set_text(arena, address, "serverAddress", host ? host : "");
	json_push(arena, addresses, address);
	json_set(arena, doc, "serverAddressByClientCIDRs", addresses);
	return doc;
}

static struct json *version_entry(struct arena *arena, const char *group, const char *version)
{
	struct json *out = json_new_object(arena);
	set_text(arena, out, "groupVersion", group_version(arena, group, version));
	set_text(arena, out, "version", version);
	return out;
}

static struct json *fill_group(struct api_request *req, struct json *out, const char *group)
{
	struct arena *arena = req->arena;
	const char *const *versions = discovery_versions(req->server, arena, group);
	struct json *list = json_new_array(arena);
	set_text(arena, out, "name", group);
	for (size_t i = 0; versions[i]; i++)
		json_push(arena, list, version_entry(arena, group, versions[i]));
	json_set(arena, out, "versions", list);
	json_set(arena, out, "preferredVersion", version_entry(arena, group, versions[0]));
	return out;
}

struct group_list {
	struct api_request *req;
	struct json *out;
};

static bool add_group(void *arg, const char *group)
{
	struct group_list *list = arg;
	if (*group)
		json_push(list->req->arena, list->out,
		    fill_group(list->req, json_new_object(list->req->arena), group));
	return true;
}

struct json *discovery_group_list(struct api_request *req)
{
	struct json *doc = new_document(req->arena, "APIGroupList", "v1");
	struct group_list list = {req, json_new_array(req->arena)};
	discovery_groups(req->server, add_group, &list);
	json_set(req->arena, doc, "groups", list.out);
	return doc;
}

struct json *discovery_group(struct api_request *req, const char *group)
{
	if (!*group || !discovery_versions(req->server, req->arena, group)[0])
		return NULL;
	return fill_group(req, new_document(req->arena, "APIGroup", "v1"), group);
}

static void add_resource(struct arena *arena, struct json *list, const struct resource_type *type)
{
	struct json *r = json_new_object(arena);
	bool is_namespaced = type->flags & RESOURCE_NAMESPACED;
	set_text(arena, r, "name", type->plural);
	set_text(arena, r, "singularName", type->singular);
	json_set(arena, r, "namespaced", json_new_bool(arena, is_namespaced));
	set_text(arena, r, "kind", type->kind);
	json_set(arena, r, "verbs", discovery_verbs(arena, type->verbs));
	if (type->short_names && type->short_names[0])
		json_set(arena, r, "shortNames", texts(arena, type->short_names));
	if (type->categories && type->categories[0])
		json_set(arena, r, "categories", texts(arena, type->categories));
	json_push(arena, list, r);
	for (const struct discovery_subresource *s = discovery_subresources(arena, type); s->name; s++) {
		r = json_new_object(arena);
		set_text(arena, r, "name", arena_printf(arena, "%s/%s", type->plural, s->name));
		set_text(arena, r, "singularName", "");
		json_set(arena, r, "namespaced", json_new_bool(arena, is_namespaced));
		if (!s->is_own_kind) {
			set_text(arena, r, "group", s->group);
			set_text(arena, r, "version", s->version);
		}
		set_text(arena, r, "kind", s->kind);
		json_set(arena, r, "verbs", discovery_verbs(arena, s->verbs));
		json_push(arena, list, r);
	}
}

struct json *discovery_resource_list(struct api_request *req, const char *group, const char *version)
{
	struct arena *arena = req->arena;
	/* Core's list has come without apiVersion from the beginning. */
	struct json *doc = new_document(arena, "APIResourceList", *group ? "v1" : NULL);
	struct json *list = json_new_array(arena);
	for (size_t i = 0; i < api_types_count(req->server); i++) {
		const struct resource_type *type = api_types_at(req->server, i);
		if (!strcmp(type->group, group) && !strcmp(type->version, version))
			add_resource(arena, list, type);
	}
	if (!list->len)
		return NULL;
	set_text(arena, doc, "groupVersion", group_version(arena, group, version));
	json_set(arena, doc, "resources", list);
	return doc;
}

static bool add_group_paths(void *arg, const char *group)
{
	struct group_list *list = arg;
	struct arena *arena = list->req->arena;
	const char *const *versions = discovery_versions(list->req->server, arena, group);
	const char *base = *group ? arena_printf(arena, "/apis/%s", group) : "/api";
	json_push(arena, list->out, json_new_string(arena, base));
	for (; *versions; versions++)
		json_push(
		    arena, list->out, json_new_string(arena, arena_printf(arena, "%s/%s", base, *versions)));
	return true;
}

struct json *discovery_paths(struct api_request *req)
{
	static const char *const others[] = {"/.well-known/openid-configuration", "/healthz", "/healthz/etcd",
	    "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/openapi/v3/", "/openid/v1/jwks", "/readyz",
	    "/version", NULL};
	struct arena *arena = req->arena;
	struct json *doc = json_new_object(arena);
	struct group_list list = {req, json_new_array(arena)};
	json_push(arena, list.out, json_new_string(arena, "/apis"));
	json_push(arena, list.out, json_new_string(arena, "/apis/"));
	discovery_groups(req->server, add_group_paths, &list);
	for (const char *const *p = others; *p; p++)
		json_push(arena, list.out, json_new_string(arena, *p));
	json_set(arena, doc, "paths", list.out);
	return doc;
}
