/* kubectl explain: the fields of a kind; from the schema table, or from the server's OpenAPI for custom
 * resources. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/tree.h"
#include "lib/api/schema.h"

enum { WIDTH = 76, DEPTH_MAX = 12 };

static void print_wrapped(const char *text, int indent)
{
	size_t column = 0;
	while (*text) {
		size_t len = strcspn(text, " \n");
		if (column && column + 1 + len > (size_t)(WIDTH - indent)) {
			putchar('\n');
			column = 0;
		}
		if (!column)
			printf("%*s", indent, "");
		printf("%s%.*s", column ? " " : "", (int)len, text);
		column += len + (column ? 1 : 0);
		text += len;
		if (*text == '\n') {
			putchar('\n');
			column = 0;
		}
		text += *text != '\0';
	}
	if (column)
		putchar('\n');
}

/* -- the schema table
 * --------------------------------------------------------------------------------------------- */

static const char *short_name(const struct schema *schema)
{
	const char *dot = strrchr(schema->name, '.');
	return dot ? dot + 1 : schema->name;
}

static const char *type_text(struct arena *a, const struct schema_field *f)
{
	static const char *const names[] = {[SCHEMA_STRING] = "string",
	    [SCHEMA_BOOL] = "boolean",
	    [SCHEMA_INT32] = "integer",
	    [SCHEMA_INT64] = "integer",
	    [SCHEMA_DOUBLE] = "number",
	    [SCHEMA_BYTES] = "string",
	    [SCHEMA_TIME] = "string",
	    [SCHEMA_MICRO_TIME] = "string",
	    [SCHEMA_DURATION] = "string",
	    [SCHEMA_QUANTITY] = "Quantity",
	    [SCHEMA_INT_OR_STRING] = "IntOrString",
	    [SCHEMA_RAW_EXTENSION] = "Object",
	    [SCHEMA_FIELDS_V1] = "FieldsV1",
	    [SCHEMA_STRINGS] = "[]string"};
	const char *name = f->kind == SCHEMA_MESSAGE ? short_name(f->message)
			   : f->kind < sizeof(names) / sizeof(*names) && names[f->kind] ? names[f->kind]
											: "Object";
	if (f->shape == SCHEMA_LIST)
		return arena_printf(a, "[]%s", name);
	if (f->shape == SCHEMA_MAP)
		return arena_printf(a, "map[string]%s", name);
	return name;
}

static int compare_fields(const void *a, const void *b)
{
	return strcmp(
	    (*(const struct schema_field *const *)a)->json, (*(const struct schema_field *const *)b)->json);
}

static void collect(const struct schema *schema, const struct schema_field **out, size_t *len, size_t max)
{
	for (size_t i = 0; i < schema->fields_len && *len < max; i++)
		if (schema->fields[i].flags & SCHEMA_INLINE)
			collect(schema->fields[i].message, out, len, max);
		else if (!(schema->fields[i].flags & SCHEMA_NOT_IN_JSON))
			out[(*len)++] = &schema->fields[i];
}

static void print_type_meta(bool recursive, int indent)
{
	static const char *const names[][2] = {
	    {"apiVersion", "The version of the API that this object is written in, such as apps/v1."},
	    {"kind", "The kind of the object, such as Deployment."}};
	for (size_t i = 0; i < 2; i++) {
		printf("%*s%s\t<string>\n", indent, "", names[i][0]);
		if (!recursive) {
			print_wrapped(names[i][1], indent + 2);
			putchar('\n');
		}
	}
}

static void print_fields(struct arena *a, const struct schema *schema, bool recursive, int indent,
    const struct schema **path, size_t depth)
{
	const struct schema_field *fields[512];
	size_t len = 0;
	for (size_t i = 0; i < depth; i++)
		if (path[i] == schema)
			return; /* JSONSchemaProps and the like hold themselves */
	if (depth >= DEPTH_MAX)
		return;
	path[depth] = schema;
	if (schema->kind)
		print_type_meta(recursive, indent);
	collect(schema, fields, &len, 512);
	qsort(fields, len, sizeof(*fields), compare_fields);
	for (size_t i = 0; i < len; i++) {
		const struct schema_field *f = fields[i];
		printf("%*s%s\t<%s>%s\n", indent, "", f->json, type_text(a, f),
		    f->flags & SCHEMA_REQUIRED ? " -required-" : "");
		if (recursive) {
			if (f->kind == SCHEMA_MESSAGE)
				print_fields(a, f->message, true, indent + 2, path, depth + 1);
			continue;
		}
		for (size_t e = 0; f->enum_values && f->enum_values[e]; e++)
			printf(
			    "%s%s", e ? ", " : arena_printf(a, "%*senum: ", indent, ""), f->enum_values[e]);
		if (f->enum_values)
			putchar('\n');
		print_wrapped(str_or(f->doc, "<no description>"), indent + 2);
		putchar('\n');
	}
}

static void print_head(const struct mapping *m)
{
	if (*m->group)
		printf("GROUP:      %s\n", m->group);
	printf("KIND:       %s\nVERSION:    %s\n\n", m->kind, m->version);
}

static int explain_table(struct kubectl *k, const struct mapping *m, const struct schema *schema,
    const char *path, bool recursive, struct error *err)
{
	struct arena *a = k->arena;
	const struct schema_field *field = NULL;
	const struct schema *at = schema, *visited[DEPTH_MAX + 1];
	size_t len = 0;
	print_head(m);
	char **words = *path ? str_split(a, path, '.', &len) : NULL;
	for (size_t i = 0; i < len; i++) {
		field = at ? schema_find(at, words[i]) : NULL;
		if (!field)
			return error_set(err, ERR_PARSE, "field \"%s\" does not exist", words[i]);
		at = field->kind == SCHEMA_MESSAGE ? field->message : NULL;
	}
	if (field)
		printf("FIELD: %s <%s>%s\n\n", field->json, type_text(a, field),
		    field->flags & SCHEMA_REQUIRED ? " -required-" : "");
	for (size_t e = 0; field && field->enum_values && field->enum_values[e]; e++)
		printf("%s%s%s", e ? ", " : "ENUM:\n    ", field->enum_values[e],
		    field->enum_values[e + 1] ? "" : "\n\n");
	printf("DESCRIPTION:\n");
	print_wrapped(str_or(field ? field->doc : at->doc, "<empty>"), 4);
	printf("    \n");
	if (!at) {
		putchar('\n');
		return 0;
	}
	printf("FIELDS:\n");
	print_fields(a, at, recursive, 2, visited, 0);
	putchar('\n');
	return 0;
}

/* -- OpenAPI v3, for custom resources
 * ----------------------------------------------------------------------------- */

static const char *openapi_type(struct arena *a, const struct json *property)
{
	const char *type = json_get_string(property, "type", "Object");
	if (str_eq(type, "array"))
		return arena_printf(a, "[]%s", openapi_type(a, json_get(property, "items")));
	return str_eq(type, "object") ? "Object" : type;
}

static void print_properties(struct arena *a, const struct json *schema, bool recursive, int indent)
{
	struct json *properties = json_get(schema, "properties");
	if (!tree_size(properties))
		return;
	json_sort(properties);
	for (size_t i = 0; i < properties->len; i++) {
		const struct json *p = properties->members[i].value;
		const char *name = properties->members[i].key;
		bool required = false;
		tree_for_each(json_get(schema, "required"), r) required =
		    required || str_eq(tree_show(a, r), name);
		printf(
		    "%*s%s\t<%s>%s\n", indent, "", name, openapi_type(a, p), required ? " -required-" : "");
		if (recursive) {
			print_properties(
			    a, json_get(p, "items") ? json_get(p, "items") : p, true, indent + 2);
			continue;
		}
		print_wrapped(json_get_string(p, "description", "<no description>"), indent + 2);
		putchar('\n');
	}
}

static const struct json *find_schema(const struct json *document, const struct mapping *m)
{
	const struct json *schemas = tree_at(document, "components.schemas");
	for (size_t i = 0; i < tree_size(schemas); i++)
		tree_for_each(json_get(schemas->members[i].value, "x-kubernetes-group-version-kind"),
		    gvk) if (str_eq(json_get_string(gvk, "kind", ""), m->kind) &&
			     str_eq(json_get_string(gvk, "group", ""), m->group) &&
			     str_eq(json_get_string(gvk, "version", ""), m->version)) return schemas
		    ->members[i]
		    .value;
	return NULL;
}

static int explain_openapi(
    struct kubectl *k, const struct mapping *m, const char *path, bool recursive, struct error *err)
{
	struct json *document;
	size_t len = 0;
	if (session_get(
		k, arena_printf(k->arena, "/openapi/v3/apis/%s/%s", m->group, m->version), &document, err))
		return -1;
	const struct json *at = find_schema(document, m);
	if (!at)
		return error_set(err, ERR_PARSE, "couldn't find resource for \"%s, Kind=%s\"",
		    mapping_api_version(k->arena, m), m->kind);
	char **words = *path ? str_split(k->arena, path, '.', &len) : NULL;
	for (size_t i = 0; i < len; i++) {
		at = json_get(json_get(at, "properties"), words[i]);
		if (!at)
			return error_set(err, ERR_PARSE, "field \"%s\" does not exist", words[i]);
		if (i + 1 < len && json_get(at, "items"))
			at = json_get(at, "items");
	}
	print_head(m);
	if (len)
		printf("FIELD: %s <%s>\n\n", words[len - 1], openapi_type(k->arena, at));
	printf("DESCRIPTION:\n");
	print_wrapped(json_get_string(at, "description", "<empty>"), 4);
	printf("    \nFIELDS:\n");
	print_properties(k->arena, json_get(at, "items") ? json_get(at, "items") : at, recursive, 2);
	return 0;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	bool recursive = false;
	const char *api_version = NULL, *output = "plaintext";
	const struct flag flags[] = {{"recursive", 0, FLAG_BOOL, &recursive, "Names of all fields"},
	    {"api-version", 0, FLAG_STRING, &api_version, "GROUP/VERSION"},
	    {"output", 0, FLAG_STRING, &output, "plaintext"}, FLAG_END};
	struct args args;
	const struct mapping *mapping;
	if (kubectl_parse(k,
		"kubectl explain TYPE [--recursive=FALSE|TRUE] [--api-version=api-version-group]", flags,
		argc, argv, &args, err))
		return -1;
	if (args.len != 1)
		return error_set(err, ERR_PARSE,
		    args.len ? "We accept only this format: explain RESOURCE\nSee 'kubectl explain -h' for "
			       "help and examples"
			     : "You must specify the type of resource to explain. Use \"kubectl "
			       "api-resources\" for a complete list of supported resources.");
	const char *text = args.items[0], *dot = strchr(text, '.'), *path = dot ? dot + 1 : "";
	const char *type = arena_strndup(k->arena, text, strcspn(text, "."));
	struct error first = ERROR_INIT;
	/* "certificates.k8s.io" and such names hold dots: the longest prefix that is a resource wins. */
	if (mapper_by_name(k, type, &mapping, &first)) {
		if (mapper_by_name(k, text, &mapping, err)) {
			*err = first;
			return -1;
		}
		path = "";
	}
	if (api_version && mapper_by_kind(k, api_version, mapping->kind, &mapping, err))
		return -1;
	const struct schema *schema = schema_by_gvk(mapping->group, mapping->version, mapping->kind);
	return schema ? explain_table(k, mapping, schema, path, recursive, err)
		      : explain_openapi(k, mapping, path, recursive, err);
}

const struct command command_explain = {
    "explain", NULL, "Basic Commands (Intermediate):", "Get documentation for a resource", run};
