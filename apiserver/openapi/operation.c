/* Operations: parameters, bodies and answers of one method on one path, in the form of v2 or v3. */
#include <ctype.h>
#include <string.h>

#include "apiserver/openapi/internal.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

#define META_V1 "io.k8s.apimachinery.pkg.apis.meta.v1."

static const struct action {
	const char *name; /* x-kubernetes-action */
	const char *verb; /* of the operation's id */
	const char *const *parameters;
} actions[] = {
    [OPENAPI_GET] = {"get", "read", (const char *const[]){NULL}},
    [OPENAPI_LIST] = {"list", "list",
	(const char *const[]){"allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit",
	    "resourceVersion", "resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch", NULL}},
    [OPENAPI_CREATE] = {"post", "create",
	(const char *const[]){"dryRun", "fieldManager", "fieldValidation", NULL}},
    [OPENAPI_REPLACE] = {"put", "replace",
	(const char *const[]){"dryRun", "fieldManager", "fieldValidation", NULL}},
    [OPENAPI_PATCH] = {"patch", "patch",
	(const char *const[]){"dryRun", "fieldManager", "fieldValidation", "force", NULL}},
    [OPENAPI_DELETE] = {"delete", "delete",
	(const char *const[]){"dryRun", "gracePeriodSeconds",
	    "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents", "propagationPolicy",
	    NULL}},
    [OPENAPI_DELETECOLLECTION] = {"deletecollection", "delete",
	(const char *const[]){"continue", "dryRun", "fieldSelector", "gracePeriodSeconds",
	    "ignoreStoreReadErrorWithClusterBreakingPotential", "labelSelector", "limit", "orphanDependents",
	    "propagationPolicy", "resourceVersion", "resourceVersionMatch", "sendInitialEvents",
	    "timeoutSeconds", NULL}},
    [OPENAPI_CONNECT] = {"connect", "connect", (const char *const[]){NULL}},
};

static const struct parameter {
	const char *name, *type, *description;
} parameters[] = {
    {"allowWatchBookmarks", "boolean", "Ask for bookmark events in a watch."},
    {"continue", "string", "Where an earlier, limited list ended."},
    {"dryRun", "string", "All: nothing is stored."},
    {"fieldManager", "string", "Who is responsible for these changes."},
    {"fieldSelector", "string", "Only objects with these fields."},
    {"fieldValidation", "string", "What to do about unknown and duplicate fields: Ignore, Warn or Strict."},
    {"force", "boolean", "Apply: take over fields that others own."},
    {"gracePeriodSeconds", "integer", "Seconds before the object is deleted."},
    {"ignoreStoreReadErrorWithClusterBreakingPotential", "boolean",
	"Delete even what cannot be read from storage."},
    {"labelSelector", "string", "Only objects with these labels."},
    {"limit", "integer", "At most so many objects."},
    {"orphanDependents", "boolean", "Deprecated: use propagationPolicy."},
    {"propagationPolicy", "string", "What happens to dependents: Orphan, Background or Foreground."},
    {"resourceVersion", "string", "How fresh the answer must be, or where a watch starts."},
    {"resourceVersionMatch", "string", "How resourceVersion applies to a list."},
    {"sendInitialEvents", "boolean", "Begin a watch with the objects that exist."},
    {"timeoutSeconds", "integer", "End the call after so many seconds."},
    {"watch", "boolean", "Follow changes instead of listing."},
    {"pretty", "string", "Indent the answer."},
    {"name", "string", "Name of the object."},
    {"namespace", "string", "Namespace of the object."},
};

static struct json *parameter(struct openapi_doc *doc, const char *name, const char *in)
{
	const struct parameter *p = parameters;
	while (strcmp(p->name, name) != 0)
		p++;
	struct json *out = openapi_new(doc, "description", p->description);
	struct json *shape = doc->is_v3 ? json_new_object(doc->arena) : out;
	openapi_text(doc, out, "in", in);
	openapi_text(doc, out, "name", name);
	if (!strcmp(in, "path"))
		json_set(doc->arena, out, "required", json_new_bool(doc->arena, true));
	openapi_text(doc, shape, "type", p->type);
	json_set(doc->arena, shape, "uniqueItems", json_new_bool(doc->arena, true));
	if (doc->is_v3)
		json_set(doc->arena, out, "schema", shape);
	return out;
}

struct json *openapi_path_parameters(struct openapi_doc *doc, bool has_name, bool has_namespace)
{
	struct json *out = json_new_array(doc->arena);
	if (has_name)
		json_push(doc->arena, out, parameter(doc, "name", "path"));
	if (has_namespace)
		json_push(doc->arena, out, parameter(doc, "namespace", "path"));
	json_push(doc->arena, out, parameter(doc, "pretty", "query"));
	return out;
}

static const char *const *media_of(enum openapi_action action, bool is_custom)
{
	static const char *const plain[] = {
	    "application/json", "application/yaml", "application/vnd.kubernetes.protobuf", NULL};
	static const char *const list[] = {"application/json", "application/json;stream=watch",
	    "application/yaml", "application/vnd.kubernetes.protobuf",
	    "application/vnd.kubernetes.protobuf;stream=watch", NULL};
	static const char *const custom[] = {"application/json", "application/yaml", NULL};
	return is_custom ? custom : action == OPENAPI_LIST ? list : plain;
}

static const char *const *patch_media(bool is_custom)
{
	static const char *const all[] = {"application/json-patch+json", "application/merge-patch+json",
	    "application/apply-patch+yaml", "application/strategic-merge-patch+json", NULL};
	static const char *const custom[] = {"application/json-patch+json", "application/merge-patch+json",
	    "application/apply-patch+yaml", NULL};
	return is_custom ? custom : all;
}

/* {media type: {schema: ref}} */
static struct json *content(struct openapi_doc *doc, const char *const *media, struct json *ref)
{
	struct json *out = json_new_object(doc->arena);
	for (; *media; media++) {
		struct json *one = json_new_object(doc->arena);
		json_set(doc->arena, one, "schema", ref);
		json_set(doc->arena, out, *media, one);
	}
	return out;
}

static struct json *body_ref(struct openapi_doc *doc, const struct openapi_target *t)
{
	const struct schema *schema = schema_by_gvk(t->group, t->version, t->kind);
	if (schema)
		return openapi_ref(doc, schema);
	return t->type->schema ? NULL : openapi_ref_custom(doc, t->type, false);
}

static struct json *list_ref(struct openapi_doc *doc, const struct openapi_target *t)
{
	return t->type->list_schema ? openapi_ref(doc, t->type->list_schema)
				    : openapi_ref_custom(doc, t->type, true);
}

static struct json *patch_ref(struct openapi_doc *doc)
{
	if (!json_get(doc->definitions, META_V1 "Patch"))
		json_set(doc->arena, doc->definitions, META_V1 "Patch", openapi_new(doc, "type", "object"));
	return openapi_ref_name(doc, META_V1 "Patch");
}

static void add_body(struct openapi_doc *doc, struct json *op, const struct openapi_target *t,
    enum openapi_action action, struct json *v2_parameters)
{
	bool is_custom = !t->type->schema,
	     is_delete = action == OPENAPI_DELETE || action == OPENAPI_DELETECOLLECTION;
	bool is_patch = action == OPENAPI_PATCH;
	static const char *const any[] = {"*/*", NULL};
	struct json *ref = is_patch    ? patch_ref(doc)
			   : is_delete ? openapi_ref(doc, schema_by_name(META_V1 "DeleteOptions"))
				       : body_ref(doc, t);
	const char *const *media = is_patch ? patch_media(is_custom) : any;
	if (!ref)
		return;
	if (doc->is_v3) {
		struct json *body = json_new_object(doc->arena);
		json_set(doc->arena, body, "content", content(doc, media, ref));
		if (!is_delete)
			json_set(doc->arena, body, "required", json_new_bool(doc->arena, true));
		json_set(doc->arena, op, "requestBody", body);
		return;
	}
	struct json *p = openapi_new(doc, "in", "body");
	openapi_text(doc, p, "name", "body");
	if (!is_delete)
		json_set(doc->arena, p, "required", json_new_bool(doc->arena, true));
	json_set(doc->arena, p, "schema", ref);
	json_push(doc->arena, v2_parameters, p);
	json_set(doc->arena, op, "consumes", openapi_texts(doc, media));
}

static void add_response(struct openapi_doc *doc, struct json *responses, const char *code, const char *text,
    struct json *ref, const char *const *media)
{
	struct json *r = openapi_new(doc, "description", text);
	if (ref && doc->is_v3)
		json_set(doc->arena, r, "content", content(doc, media, ref));
	else if (ref)
		json_set(doc->arena, r, "schema", ref);
	json_set(doc->arena, responses, code, r);
}

static struct json *responses_of(
    struct openapi_doc *doc, const struct openapi_target *t, enum openapi_action action)
{
	struct json *out = json_new_object(doc->arena), *ref = NULL;
	const char *const *media = media_of(action, !t->type->schema);
	if (action == OPENAPI_CONNECT) {
		static const char *const any[] = {"*/*", NULL};
		media = any;
		ref = openapi_new(doc, "type", "string");
	} else if (action == OPENAPI_LIST) {
		ref = list_ref(doc, t);
	} else if (action == OPENAPI_DELETE || action == OPENAPI_DELETECOLLECTION) {
		ref = openapi_ref(doc, schema_by_name(META_V1 "Status"));
	} else {
		ref = body_ref(doc, t);
	}
	add_response(doc, out, "200", "OK", ref, media);
	if (action == OPENAPI_CREATE || action == OPENAPI_REPLACE || action == OPENAPI_PATCH)
		add_response(doc, out, "201", "Created", ref, media);
	if (action == OPENAPI_CREATE || action == OPENAPI_DELETE)
		add_response(doc, out, "202", "Accepted", ref, media);
	add_response(doc, out, "401", "Unauthorized", NULL, NULL);
	return out;
}

/* "rbac.authorization.k8s.io" is RbacAuthorization in identifiers, rbacAuthorization in tags. */
const char *openapi_group_name(struct openapi_doc *doc, const char *group, bool is_upper)
{
	struct buf out = BUF_INIT;
	size_t size = strlen(group);
	bool is_start = is_upper;
	if (!size) {
		buf_puts(&out, is_upper ? "Core" : "core");
	} else if (str_has_suffix(group, ".k8s.io")) {
		size -= strlen(".k8s.io");
	}
	for (size_t i = 0; i < size; i++) {
		if (group[i] == '.' || group[i] == '-') {
			is_start = true;
			continue;
		}
		buf_putc(&out, is_start ? (char)toupper((unsigned char)group[i]) : group[i]);
		is_start = false;
	}
	const char *text = arena_strdup(doc->arena, buf_str(&out));
	buf_done(&out);
	return text;
}

const char *openapi_capital(struct openapi_doc *doc, const char *text)
{
	char *out = arena_strdup(doc->arena, text);
	*out = (char)toupper((unsigned char)*out);
	return out;
}

static const char *operation_id(struct openapi_doc *doc, const struct openapi_target *t,
    const struct action *action, bool is_collection, const char *method)
{
	return arena_printf(doc->arena, "%s%s%s%s%s%s%s%s%s", action->verb,
	    openapi_group_name(doc, t->type->group, true), openapi_capital(doc, t->type->version),
	    strcmp(action->name, "connect") ? "" : openapi_capital(doc, method),
	    is_collection ? "Collection" : "", t->is_namespaced ? "Namespaced" : "", t->type->kind,
	    openapi_capital(doc, t->subresource), t->is_all_namespaces ? "ForAllNamespaces" : "");
}

struct json *openapi_operation(struct openapi_doc *doc, const struct openapi_target *target,
    enum openapi_action action, const char *method)
{
	const struct action *a = &actions[action];
	struct json *op = json_new_object(doc->arena), *list = json_new_array(doc->arena);
	struct json *tags = json_new_array(doc->arena);
	const struct resource_type *type = target->type;
	json_push(doc->arena, tags,
	    json_new_string(doc->arena, arena_printf(doc->arena, "%s_%s",
					    openapi_group_name(doc, type->group, false), type->version)));
	openapi_text(doc, op, "description", arena_printf(doc->arena, "%s %s", a->verb, type->kind));
	openapi_text(
	    doc, op, "operationId", operation_id(doc, target, a, action == OPENAPI_DELETECOLLECTION, method));
	json_set(doc->arena, op, "tags", tags);
	if (action != OPENAPI_GET && action != OPENAPI_LIST && action != OPENAPI_CONNECT)
		add_body(doc, op, target, action, list);
	for (const char *const *p = a->parameters; *p; p++)
		json_push(doc->arena, list, parameter(doc, *p, "query"));
	if (list->len > 0)
		json_set(doc->arena, op, "parameters", list);
	json_set(doc->arena, op, "responses", responses_of(doc, target, action));
	if (!doc->is_v3) {
		static const char *const schemes[] = {"https", NULL};
		json_set(doc->arena, op, "produces", openapi_texts(doc, media_of(action, !type->schema)));
		json_set(doc->arena, op, "schemes", openapi_texts(doc, schemes));
	}
	openapi_text(doc, op, "x-kubernetes-action", a->name);
	json_set(doc->arena, op, "x-kubernetes-group-version-kind",
	    openapi_gvk(doc, target->group, target->version, target->kind));
	return op;
}
