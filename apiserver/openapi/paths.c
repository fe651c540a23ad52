/* Which paths a type has, and which methods they take. */
#include <string.h>

#include "apiserver/discovery/internal.h"
#include "apiserver/openapi/internal.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

struct method {
	const char *name;
	uint32_t verb;
	enum openapi_action action;
};

static const struct method collection_methods[] = {{"get", VERB_LIST, OPENAPI_LIST},
    {"post", VERB_CREATE, OPENAPI_CREATE}, {"delete", VERB_DELETECOLLECTION, OPENAPI_DELETECOLLECTION},
    {NULL}};
static const struct method all_methods[] = {{"get", VERB_LIST, OPENAPI_LIST}, {NULL}};
static const struct method object_methods[] = {{"get", VERB_GET, OPENAPI_GET},
    {"put", VERB_UPDATE, OPENAPI_REPLACE}, {"patch", VERB_PATCH, OPENAPI_PATCH},
    {"delete", VERB_DELETE, OPENAPI_DELETE}, {NULL}};
static const struct method part_methods[] = {{"get", VERB_GET, OPENAPI_GET},
    {"put", VERB_UPDATE, OPENAPI_REPLACE}, {"patch", VERB_PATCH, OPENAPI_PATCH},
    {"post", VERB_CREATE, OPENAPI_CREATE}, {NULL}};
static const struct method tunnel_methods[] = {{"get", VERB_GET, OPENAPI_CONNECT},
    {"post", VERB_CREATE, OPENAPI_CONNECT}, {"put", VERB_UPDATE, OPENAPI_CONNECT},
    {"patch", VERB_PATCH, OPENAPI_CONNECT}, {"delete", VERB_DELETE, OPENAPI_CONNECT}, {NULL}};

static void add_path(struct openapi_doc *doc, const char *path, const struct openapi_target *target,
    const struct method *methods, uint32_t verbs, bool has_name)
{
	struct json *item = json_new_object(doc->arena);
	for (; methods->name; methods++)
		if (verbs & methods->verb)
			json_set(doc->arena, item, methods->name,
			    openapi_operation(doc, target, methods->action, methods->name));
	if (!item->len)
		return;
	json_set(
	    doc->arena, item, "parameters", openapi_path_parameters(doc, has_name, target->is_namespaced));
	json_set(doc->arena, doc->paths, path, item);
}

static void add_subresources(
    struct openapi_doc *doc, const char *object_path, const struct openapi_target *of)
{
	static const char *const tunnels[] = {"log", "exec", "attach", "portforward", "proxy", NULL};
	for (const struct discovery_subresource *s = discovery_subresources(doc->arena, of->type); s->name;
	     s++) {
		struct openapi_target target = *of;
		target.subresource = s->name;
		target.group = s->group;
		target.version = s->version;
		target.kind = s->kind;
		add_path(doc, arena_printf(doc->arena, "%s/%s", object_path, s->name), &target,
		    str_in(s->name, tunnels) ? tunnel_methods : part_methods, s->verbs, true);
	}
}

void openapi_add_paths(struct openapi_doc *doc, const struct resource_type *type)
{
	const char *base = *type->group ? arena_printf(doc->arena, "/apis/%s/%s", type->group, type->version)
					: arena_printf(doc->arena, "/api/%s", type->version);
	struct openapi_target target = {.type = type,
	    .subresource = "",
	    .group = type->group,
	    .version = type->version,
	    .kind = type->kind,
	    .is_namespaced = type->flags & RESOURCE_NAMESPACED};
	const char *everywhere = arena_printf(doc->arena, "%s/%s", base, type->plural);
	const char *collection = everywhere;
	if (target.is_namespaced) {
		struct openapi_target all = target;
		all.is_namespaced = false;
		all.is_all_namespaces = true;
		add_path(doc, everywhere, &all, all_methods, type->verbs, false);
		collection = arena_printf(doc->arena, "%s/namespaces/{namespace}/%s", base, type->plural);
	}
	add_path(doc, collection, &target, collection_methods, type->verbs, false);
	const char *object = arena_printf(doc->arena, "%s/{name}", collection);
	add_path(doc, object, &target, object_methods, type->verbs, true);
	add_subresources(doc, object, &target);
}
