#include "kubectl/manifests.h"

#include <stdio.h>
#include <string.h>

#include "kubectl/mapper.h"
#include "kubectl/tree.h"
#include "lib/api/codec.h"
#include "lib/api/schema.h"
#include "lib/api/yaml.h"
#include "lib/resources/resource.h"

enum { OBJECTS_MAX = 100000 };

struct reading {
	struct kubectl *k;
	enum manifest_validation validation;
	struct manifest *items;
	size_t len, cap;
	struct failures failures;
};

int manifest_validation_parse(const char *text, enum manifest_validation *ret, struct error *err)
{
	static const char *const strict[] = {"", "strict", "true", NULL}, *const ignore[] = {
									      "ignore", "false", NULL};
	if (!text || str_in(text, strict))
		*ret = VALIDATE_STRICT;
	else if (str_in(text, ignore))
		*ret = VALIDATE_IGNORE;
	else if (str_eq(text, "warn"))
		*ret = VALIDATE_WARN;
	else
		return error_set(err, ERR_PARSE,
		    "invalid - validate option %s; must be one of: strict (or true), warn, ignore (or false)",
		    text);
	return 0;
}

const char *manifest_validation_query(enum manifest_validation validation)
{
	return validation == VALIDATE_STRICT ? "Strict" : validation == VALIDATE_WARN ? "Warn" : "Ignore";
}

static void add(struct reading *r, struct manifest manifest)
{
	if (r->len == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 16;
		r->items =
		    arena_grow(r->k->arena, r->items, r->cap * sizeof(*r->items), cap * sizeof(*r->items));
		r->cap = cap;
	}
	r->items[r->len++] = manifest;
}

static void fail(struct reading *r, struct error *err)
{
	err->code = ERR_PARSE;
	failures_add(r->k, &r->failures, err);
}

/* The decoder names the bare field that is near; the whole path is what one can search the file for. */
static const char *with_path(struct arena *arena, const char *finding)
{
	const char *field = strchr(finding, '"'), *near = strstr(finding, "did you mean \"");
	if (!field || !near)
		return finding;
	near += strlen("did you mean \"");
	const char *field_end = strchr(field + 1, '"'), *dot = field_end;
	while (dot > field && *dot != '.')
		dot--;
	if (dot == field)
		return finding;
	return arena_printf(
	    arena, "%.*s%.*s%s", (int)(near - finding), finding, (int)(dot - field), field + 1, near);
}

static void report_findings(struct reading *r, const struct manifest *m, const struct codec_warnings *found)
{
	struct error err = ERROR_INIT;
	struct buf all = BUF_INIT;
	for (size_t i = 0; i < found->len; i++)
		buf_printf(&all, "%s%s", i ? ", " : "", with_path(r->k->arena, found->items[i]));
	if (r->validation == VALIDATE_WARN) {
		report_warning("%s: %s", m->source, buf_str(&all));
	} else {
		error_set(&err, ERR_PARSE,
		    "error validating \"%s\": error validating data: %s%s%s; if you choose to ignore these "
		    "errors, turn "
		    "validation off with --validate=false",
		    m->source, found->len > 1 ? "[" : "", buf_str(&all), found->len > 1 ? "]" : "");
		fail(r, &err);
	}
	buf_done(&all);
}

/* Against the schema table; kinds that it lacks are the server's to check. */
static void check_schema(struct reading *r, const struct manifest *m)
{
	struct error err = ERROR_INIT;
	const struct schema *schema = schema_by_gvk(m->mapping->group, m->mapping->version, m->mapping->kind);
	struct codec_warnings found = {.arena = r->k->arena};
	ProtobufCMessage *message;
	if (!schema || r->validation == VALIDATE_IGNORE)
		return;
	if (codec_from_json(r->k->arena, schema, m->tree, &found, &message, &err)) {
		char text[sizeof(err.message)];
		snprintf(text, sizeof(text), "%s", err.message);
		error_clear(&err);
		error_set(&err, ERR_PARSE,
		    "error validating \"%s\": error validating data: %s; if you choose to ignore "
		    "these errors, turn validation off with --validate=false",
		    m->source, text);
		fail(r, &err);
	} else if (found.len) {
		report_findings(r, m, &found);
	}
}

static bool check_head(struct reading *r, const struct manifest *m)
{
	struct error err = ERROR_INIT;
	const char *kind = json_get_string(m->tree, "kind", ""),
		   *version = json_get_string(m->tree, "apiVersion", "");
	if (m->tree->type != JSON_OBJECT)
		error_set(&err, ERR_PARSE, "unable to decode \"%s\": line %zu: the document is no object",
		    m->source, m->line);
	else if (!*kind && !*version)
		error_set(&err, ERR_PARSE,
		    "error validating \"%s\": error validating data: [apiVersion not set, kind not set]; if "
		    "you choose to "
		    "ignore these errors, turn validation off with --validate=false",
		    m->source);
	else if (!*kind || !*version)
		error_set(&err, ERR_PARSE,
		    "error validating \"%s\": error validating data: %s not set; if you choose to ignore "
		    "these errors, turn "
		    "validation off with --validate=false",
		    m->source, *kind ? "apiVersion" : "kind");
	if (!err.code)
		return true;
	fail(r, &err);
	return false;
}

/* A kind that the server lacks may be defined by a document read before. */
static const struct mapping *defined_here(struct reading *r, const char *version, const char *kind)
{
	for (size_t i = 0; i < r->len; i++) {
		const struct mapping *m = NULL;
		if (str_eq(r->items[i].mapping->plural, "customresourcedefinitions"))
			m = mapper_of_definition(r->k, r->items[i].tree, version, kind);
		if (m)
			return m;
	}
	return NULL;
}

/* Another version that has the kind, or a kind of nearly that name: ` (did you mean ...?)`, or "". */
static const char *kind_hint(struct arena *arena, const char *kind)
{
	size_t len = resources_count();
	const char **kinds = ARENA_ARRAY(arena, const char *, len + 1);
	for (size_t i = 0; i < len; i++) {
		const struct resource_type *type = resources_at(i);
		kinds[i] = type->kind;
		if (str_eq(type->kind, kind) && !(type->flags & RESOURCE_HIDDEN_VERSION))
			return arena_printf(
			    arena, " (did you mean apiVersion \"%s\"?)", resource_api_version(type));
	}
	const char *near = str_nearest(kind, kinds);
	return near ? arena_printf(arena, " (did you mean kind \"%s\"?)", near) : "";
}

static bool resolve(struct reading *r, struct manifest *m)
{
	struct kubectl *k = r->k;
	struct error err = ERROR_INIT;
	const char *kind = json_get_string(m->tree, "kind", ""),
		   *version = json_get_string(m->tree, "apiVersion", "");
	m->name = tree_name(m->tree);
	m->mapping = defined_here(r, version, kind);
	if (!m->mapping && mapper_by_kind(k, version, kind, &m->mapping, &err)) {
		if (str_has_prefix(err.message, "no matches for kind")) {
			error_clear(&err);
			error_set(&err, ERR_PARSE,
			    "resource mapping not found for name: \"%s\" namespace: \"%s\" from \"%s\": no "
			    "matches for kind "
			    "\"%s\" in version \"%s\"%s\nensure CRDs are installed first",
			    m->name, tree_namespace(m->tree), m->source, kind, version,
			    kind_hint(k->arena, kind));
		}
		failures_add(k, &r->failures, &err);
		return false;
	}
	m->ns = m->mapping->is_namespaced ? tree_namespace(m->tree) : "";
	if (m->mapping->is_namespaced && *m->ns && k->globals.ns_set && !str_eq(m->ns, k->globals.ns)) {
		error_set(&err, ERR_PARSE,
		    "the namespace from the provided object \"%s\" does not match the namespace \"%s\". You "
		    "must pass "
		    "'--namespace=%s' to perform this operation.",
		    m->ns, k->globals.ns, m->ns);
		fail(r, &err);
		return false;
	}
	if (m->mapping->is_namespaced && !*m->ns) {
		m->ns = kubectl_namespace(k);
		tree_set_text(k->arena, m->tree, "metadata.namespace", m->ns);
	}
	return true;
}

static void read_tree(struct reading *r, struct json *tree, const char *source, size_t line)
{
	struct manifest m = {.tree = tree, .source = source, .line = line, .ns = "", .name = ""};
	if (!check_head(r, &m))
		return;
	const struct json *items = json_get(tree, "items");
	if (str_has_suffix(json_get_string(tree, "kind", ""), "List") && items && items->type == JSON_ARRAY) {
		tree_for_each(items, item) read_tree(r, item, source, line);
		return;
	}
	if (!resolve(r, &m))
		return;
	check_schema(r, &m);
	add(r, m);
}

static void on_duplicate(void *arg, const char *path)
{
	struct codec_warnings *found = arg;
	char **items = ARENA_ARRAY(found->arena, char *, found->len + 1);
	if (found->len)
		memcpy(items, found->items, found->len * sizeof(*items));
	items[found->len++] = arena_printf(found->arena, "duplicate field \"%s\"", path);
	found->items = items;
}

static void read_source(struct reading *r, const struct source *source)
{
	struct error err = ERROR_INIT;
	struct codec_warnings found = {.arena = r->k->arena};
	const struct json_limits limits = {
	    .size_max = (size_t)256 << 20, .on_duplicate = on_duplicate, .arg = &found};
	struct json **documents;
	size_t *lines, len;
	if (yaml_parse_all(
		r->k->arena, source->text, source->size, &limits, &documents, &lines, &len, &err)) {
		error_prefix(&err, "error parsing %s: error converting YAML to JSON", source->name);
		fail(r, &err);
		return;
	}
	if (found.len && r->validation != VALIDATE_IGNORE)
		report_findings(r, &(struct manifest){.source = source->name}, &found);
	for (size_t i = 0; i < len && i < OBJECTS_MAX; i++)
		read_tree(r, documents[i], source->name, lines[i]);
}

int manifests_read(struct kubectl *k, const char *verb, const struct file_flags *files,
    enum manifest_validation validation, struct manifest **ret, size_t *ret_len, struct error *err)
{
	struct reading r = {.k = k, .validation = validation};
	struct source *sources;
	size_t len;
	if (files_read(k, files, &sources, &len, err))
		return -1;
	for (size_t i = 0; i < len; i++)
		read_source(&r, &sources[i]);
	if (failures_result(k, &r.failures, err))
		return -1;
	if (!r.len)
		return error_set(err, ERR_PARSE, "no objects passed to %s", verb);
	*ret = r.items;
	*ret_len = r.len;
	return 0;
}
