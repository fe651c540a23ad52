#include "apiserver/extensions/definition.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/extensions/columns.h"
#include "apiserver/extensions/dynamic.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"

typedef ApiextensionsV1__CustomResourceDefinitionVersion Version;

/* v12beta3: major 12, stage 1 (alpha 0, beta 1, stable 2), minor 3. False for names that are not made like
 * this. */
static bool parse_version(const char *s, long *ret_major, int *ret_stage, long *ret_minor)
{
	char *end;
	if (*s != 'v' || !isdigit((unsigned char)s[1]))
		return false;
	*ret_major = strtol(s + 1, &end, 10);
	*ret_stage = 2;
	*ret_minor = 0;
	if (!*end)
		return true;
	if (str_has_prefix(end, "alpha"))
		*ret_stage = 0;
	else if (str_has_prefix(end, "beta"))
		*ret_stage = 1;
	else
		return false;
	end += *ret_stage == 0 ? 5 : 4;
	if (!isdigit((unsigned char)*end))
		return false;
	*ret_minor = strtol(end, &end, 10);
	return !*end;
}

int definition_compare_versions(const char *a, const char *b)
{
	long a_major = 0, b_major = 0, a_minor = 0, b_minor = 0;
	int a_stage = 0, b_stage = 0;
	bool a_ok = parse_version(a, &a_major, &a_stage, &a_minor),
	     b_ok = parse_version(b, &b_major, &b_stage, &b_minor);
	if (a_ok != b_ok)
		return a_ok ? -1 : 1;
	if (!a_ok)
		return strcmp(a, b);
	if (a_stage != b_stage)
		return a_stage > b_stage ? -1 : 1;
	if (a_major != b_major)
		return a_major > b_major ? -1 : 1;
	return a_minor == b_minor ? 0 : a_minor > b_minor ? -1 : 1;
}

static int by_priority(const void *a, const void *b)
{
	return definition_compare_versions((*(Version *const *)a)->name, (*(Version *const *)b)->name);
}

static const char *const *texts(struct arena *arena, char *const *items, size_t len)
{
	const char **out = ARENA_ARRAY(arena, const char *, len + 1);
	for (size_t i = 0; i < len; i++)
		out[i] = items[i];
	return out;
}

static const char *const *selectable_fields(struct arena *arena, const Version *v)
{
	const char **out = ARENA_ARRAY(arena, const char *, v->n_selectable_fields + 1);
	for (size_t i = 0; i < v->n_selectable_fields; i++) {
		const char *path = v->selectable_fields[i]->json_path;
		out[i] = *path == '.' ? path + 1 : path;
	}
	return out;
}

static void add_subresources(struct resource_type *t, const ApiextensionsV1__CustomResourceSubresources *s)
{
	if (s && s->status)
		t->flags |= RESOURCE_STATUS;
	if (!s || !s->scale)
		return;
	t->flags |= RESOURCE_SCALE;
	t->scale_spec_replicas = s->scale->spec_replicas_path;
	t->scale_status_replicas = s->scale->status_replicas_path;
	t->scale_selector = str_empty(s->scale->label_selector_path) ? NULL : s->scale->label_selector_path;
}

/* The definition's own text, or what to use instead when there is a newer version. */
static const char *deprecation(const struct definition *def, const Version *v)
{
	const ApiextensionsV1__CustomResourceDefinitionSpec *spec = def->crd->spec;
	const char *kind = def->crd->status->accepted_names->kind;
	const char *newer = NULL;
	if (!v->deprecated)
		return NULL;
	if (v->deprecation_warning)
		return v->deprecation_warning;
	for (size_t i = 0; i < spec->n_versions; i++) {
		const Version *other = spec->versions[i];
		if (other->served && !other->deprecated &&
		    definition_compare_versions(other->name, v->name) < 0 &&
		    (!newer || definition_compare_versions(other->name, newer) < 0))
			newer = other->name;
	}
	const char *text = arena_printf(def->arena, "%s/%s %s is deprecated", spec->group, v->name, kind);
	return newer ? arena_printf(def->arena, "%s; use %s/%s %s", text, spec->group, newer, kind) : text;
}

static void fill_type(struct definition *def, struct custom_type *t, const Version *v)
{
	const ApiextensionsV1__CustomResourceDefinitionSpec *spec = def->crd->spec;
	const ApiextensionsV1__CustomResourceDefinitionNames *names = def->crd->status->accepted_names;
	struct arena *arena = def->arena;
	t->definition = def;
	t->version = v;
	t->schema = v->schema ? custom_schema_compile(arena, v->schema->open_api_v3_schema) : NULL;
	if (spec->preserve_unknown_fields) { /* a definition from before v1, taken over with the store */
		if (!t->schema)
			t->schema =
			    custom_schema_compile(arena, API_NEW(arena, apiextensions_v1__jsonschema_props));
		t->schema->never_prunes = true;
	}
	t->api_version = arena_printf(arena, "%s/%s", spec->group, v->name);
	t->type = (struct resource_type){.group = spec->group,
	    .version = v->name,
	    .kind = names->kind,
	    .list_kind = names->list_kind,
	    .plural = names->plural,
	    .singular = names->singular,
	    .short_names = texts(arena, names->short_names, names->n_short_names),
	    .categories = texts(arena, names->categories, names->n_categories),
	    .flags = RESOURCE_HAS_GENERATION | (str_eq(spec->scope, "Namespaced") ? RESOURCE_NAMESPACED : 0),
	    .verbs = VERB_ALL,
	    .storage_prefix = arena_printf(arena, "/registry/%s/%s", spec->group, names->plural),
	    .field_selectors = selectable_fields(arena, v),
	    .deprecation = deprecation(def, v),
	    .dynamic = &dynamic_functions};
	add_subresources(&t->type, v->subresources);
	custom_columns(arena, v, &t->type);
}

struct definition *definition_new(const struct object *object)
{
	struct arena *arena = arena_new();
	struct definition *def = ARENA_NEW(arena, struct definition);
	const ApiextensionsV1__CustomResourceDefinition *crd =
	    (const ApiextensionsV1__CustomResourceDefinition *)object->msg;
	size_t len = crd->spec->n_versions;
	Version **versions = arena_memdup(arena, crd->spec->versions, len * sizeof *versions);
	def->refs = 1;
	def->arena = arena;
	def->object = object_ref(object);
	def->crd = crd;
	def->types = ARENA_ARRAY(arena, struct custom_type, len);
	def->types_len = len;
	qsort(versions, len, sizeof *versions, by_priority);
	for (size_t i = 0; i < len; i++) {
		fill_type(def, &def->types[i], versions[i]);
		if (versions[i]->storage)
			def->stored = &def->types[i].type;
	}
	for (size_t i = 0; i < len; i++)
		def->types[i].type.stored_as = def->stored;
	return def;
}

struct definition *definition_ref(struct definition *def)
{
	def->refs++;
	return def;
}

static void free_client(void *arg)
{
	http_client_free(arg);
}

void definition_unref(struct definition *def)
{
	if (!def || --def->refs > 0)
		return;
	if (def->hooks) /* this may run inside one of its callbacks */
		loop_defer(def->loop, free_client, def->hooks);
	object_unref(def->object);
	arena_free(def->arena);
}

void definition_set_terminating(struct definition *def, bool is_terminating)
{
	const uint32_t last = VERB_DELETE | VERB_DELETECOLLECTION | VERB_GET | VERB_LIST | VERB_WATCH;
	/* Finalizers are taken away by updates and patches, so these stay, which upstream does not list. */
	for (size_t i = 0; i < def->types_len; i++)
		def->types[i].type.verbs = is_terminating ? last | VERB_UPDATE | VERB_PATCH : VERB_ALL;
}
