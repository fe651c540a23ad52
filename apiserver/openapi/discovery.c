/* The paths under which clients find out what there is: /api/, /apis/, and one of each group and version. */
#include "apiserver/discovery/internal.h"
#include "apiserver/openapi/internal.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"

#define META "io.k8s.apimachinery.pkg.apis.meta.v1."

static void add(struct openapi_doc *doc, const char *path, const char *tag, const char *id,
    const char *description, const char *answer)
{
	static const char *const media[] = {
	    "application/json", "application/yaml", "application/vnd.kubernetes.protobuf", NULL};
	static const char *const schemes[] = {"https", NULL};
	struct json *op = openapi_new(doc, "description", description);
	struct json *responses = json_new_object(doc->arena), *ok = openapi_new(doc, "description", "OK");
	struct json *item = json_new_object(doc->arena);
	json_set(doc->arena, ok, "schema", openapi_ref(doc, schema_by_name(answer)));
	json_set(doc->arena, responses, "200", ok);
	json_set(doc->arena, responses, "401", openapi_new(doc, "description", "Unauthorized"));
	openapi_text(doc, op, "operationId", id);
	json_set(doc->arena, op, "consumes", openapi_texts(doc, media));
	json_set(doc->arena, op, "produces", openapi_texts(doc, media));
	json_set(doc->arena, op, "schemes", openapi_texts(doc, schemes));
	json_set(doc->arena, op, "tags", openapi_texts(doc, (const char *const[]){tag, NULL}));
	json_set(doc->arena, op, "responses", responses);
	json_set(doc->arena, item, "get", op);
	json_set(doc->arena, doc->paths, path, item);
}

static bool add_group(void *arg, const char *group)
{
	struct openapi_doc *doc = arg;
	struct arena *arena = doc->arena;
	const char *name = openapi_group_name(doc, group, true), *tag = openapi_group_name(doc, group, false);
	if (*group)
		add(doc, arena_printf(arena, "/apis/%s/", group), tag,
		    arena_printf(arena, "get%sAPIGroup", name), "what there is of the group",
		    META "APIGroup");
	for (const char *const *v = discovery_versions(doc->server, arena, group); *v; v++)
		add(doc,
		    *group ? arena_printf(arena, "/apis/%s/%s/", group, *v)
			   : arena_printf(arena, "/api/%s/", *v),
		    arena_printf(arena, "%s_%s", tag, *v),
		    arena_printf(arena, "get%s%sAPIResources", name, openapi_capital(doc, *v)),
		    "the resources of the group and version", META "APIResourceList");
	return true;
}

void openapi_add_discovery(struct openapi_doc *doc)
{
	add(doc, "/api/", "core", "getCoreAPIVersions", "the versions of the core group", META "APIVersions");
	add(doc, "/apis/", "apis", "getAPIVersions", "the groups and their versions", META "APIGroupList");
	discovery_groups(doc->server, add_group, doc);
}
