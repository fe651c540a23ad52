/* A definition's schema compiled, and the walks that change a tree: pruning and defaulting. */
#include "apiserver/extensions/custom_schema.h"

#include <stdlib.h>
#include <string.h>

#include "lib/api/codec.h"
#include "lib/api/field_errors.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

typedef ApiextensionsV1__JSONSchemaProps Props;

static enum custom_value type_of(const char *name)
{
	static const char *const names[] = {"", "array", "boolean", "integer", "number", "object", "string"};
	for (size_t i = 1; i < sizeof names / sizeof names[0]; i++)
		if (str_eq(name, names[i]))
			return (enum custom_value)i;
	return CUSTOM_ANY;
}

static struct json *parse(struct arena *arena, const ApiextensionsV1__JSON *value)
{
	struct json *v = NULL;
	if (!value || !value->raw.len ||
	    json_parse(arena, (const char *)value->raw.data, value->raw.len, NULL, &v, NULL))
		return NULL;
	return v;
}

static struct custom_schema_list compile_list(struct arena *arena, Props *const *items, size_t len)
{
	struct custom_schema_list out = {ARENA_ARRAY(arena, struct custom_schema *, len + 1), len};
	for (size_t i = 0; i < len; i++)
		out.items[i] = custom_schema_compile(arena, items[i]);
	return out;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct custom_property *)a)->name, ((const struct custom_property *)b)->name);
}

static void compile_properties(struct arena *arena, const Props *p, struct custom_schema *s)
{
	s->properties = ARENA_ARRAY(arena, struct custom_property, p->n_properties + 1);
	s->properties_len = p->n_properties;
	for (size_t i = 0; i < p->n_properties; i++)
		s->properties[i] = (struct custom_property){
		    p->properties[i]->key, custom_schema_compile(arena, p->properties[i]->value)};
	qsort(s->properties, s->properties_len, sizeof *s->properties, by_name);
	if (p->items)
		s->items = custom_schema_compile(arena, p->items->schema);
	if (p->additional_properties) {
		s->additional = custom_schema_compile(arena, p->additional_properties->schema);
		s->allows_additional = s->additional || p->additional_properties->allows;
	}
}

struct custom_schema *custom_schema_compile(struct arena *arena, const Props *p)
{
	if (!p)
		return NULL;
	struct custom_schema *s = ARENA_NEW(arena, struct custom_schema);
	s->props = p;
	s->arena = arena;
	s->type = type_of(p->type);
	s->is_nullable = p->nullable;
	s->is_int_or_string = p->x_kubernetes_int_or_string;
	s->is_embedded = p->x_kubernetes_embedded_resource;
	s->preserves_unknown =
	    p->has_x_kubernetes_preserve_unknown_fields && p->x_kubernetes_preserve_unknown_fields;
	compile_properties(arena, p, s);
	s->default_value = parse(arena, p->default_);
	s->enum_values = ARENA_ARRAY(arena, struct json *, p->n_enum_ + 1);
	for (size_t i = 0; i < p->n_enum_; i++) {
		struct json *v = parse(arena, p->enum_[i]);
		s->enum_values[s->enum_len++] = v ? v : json_new_null(arena);
	}
	s->all_of = compile_list(arena, p->all_of, p->n_all_of);
	s->any_of = compile_list(arena, p->any_of, p->n_any_of);
	s->one_of = compile_list(arena, p->one_of, p->n_one_of);
	s->not_ = custom_schema_compile(arena, p->not_);
	return s;
}

const struct custom_schema *custom_schema_property(const struct custom_schema *s, const char *name)
{
	struct custom_property key = {.name = name};
	const struct custom_property *found =
	    s ? bsearch(&key, s->properties, s->properties_len, sizeof key, by_name) : NULL;
	return found ? found->schema : NULL;
}

struct prune {
	struct codec_warnings *unknown;
	bool changed;
};

static bool is_type_member(const char *key)
{
	return !strcmp(key, "apiVersion") || !strcmp(key, "kind") || !strcmp(key, "metadata");
}

void custom_schema_note_unknown(struct codec_warnings *w, const struct field_path *path)
{
	if (!codec_warnings_full(w))
		codec_warnings_add(w, "unknown field \"%s\"", field_path_text(w->arena, path));
}

static void note_unknown(struct prune *p, const struct field_path *path)
{
	p->changed = true;
	if (p->unknown)
		custom_schema_note_unknown(p->unknown, path);
}

static void prune(struct prune *p, struct json *v, const struct custom_schema *s, bool is_resource,
    const struct field_path *path);

static void prune_object(struct prune *p, struct json *v, const struct custom_schema *s, bool is_resource,
    const struct field_path *path)
{
	size_t kept = 0;
	for (size_t i = 0; i < v->len; i++) {
		struct json_member m = v->members[i];
		const struct custom_schema *property = custom_schema_property(s, m.key);
		const struct field_path *at = PATH_CHILD(path, m.key);
		bool is_known = property || (s && (s->allows_additional || s->preserves_unknown));
		if (is_resource && is_type_member(m.key)) {
			is_known = true;
		} else if (property) {
			prune(p, m.value, property, property->is_embedded, at);
		} else if (s && s->allows_additional) {
			bool is_embedded = s->additional && s->additional->is_embedded;
			prune(p, m.value, s->additional, is_embedded, at);
		}
		if (is_known)
			v->members[kept++] = m;
		else
			note_unknown(p, at);
	}
	v->len = kept;
}

static void prune(struct prune *p, struct json *v, const struct custom_schema *s, bool is_resource,
    const struct field_path *path)
{
	if (v->type == JSON_OBJECT) {
		prune_object(p, v, s, is_resource, path);
	} else if (v->type == JSON_ARRAY) {
		const struct custom_schema *item = s ? s->items : NULL;
		if (s && !item && s->preserves_unknown)
			return;
		for (size_t i = 0; i < v->len; i++)
			prune(p, v->items[i], item, item && item->is_embedded, PATH_INDEX(path, i));
	}
}

bool custom_schema_prune(const struct custom_schema *s, struct json *tree, struct codec_warnings *unknown)
{
	struct prune p = {unknown, false};
	if (s && s->never_prunes)
		return false;
	prune(&p, tree, s, true, NULL);
	return p.changed;
}

/* Null stands for "not there" unless the schema says that it is a value. */
static bool is_unset(const struct json *v, const struct custom_schema *s)
{
	return v->type == JSON_NULL && s && !s->is_nullable && s->type != CUSTOM_ANY && !s->preserves_unknown;
}

static bool fill(struct arena *arena, const struct custom_schema *s, struct json *v);

static bool fill_members(struct arena *arena, const struct custom_schema *s, struct json *v)
{
	bool changed = false;
	size_t kept = 0;
	for (size_t i = 0; i < v->len; i++) {
		struct json_member m = v->members[i];
		const struct custom_schema *member = custom_schema_property(s, m.key);
		if (!member)
			member = s->additional;
		if (is_unset(m.value, member)) {
			changed = true;
			if (!member->default_value)
				continue;
			m.value = json_clone(arena, member->default_value);
		}
		changed = fill(arena, member, m.value) || changed;
		v->members[kept++] = m;
	}
	v->len = kept;
	return changed;
}

static bool fill(struct arena *arena, const struct custom_schema *s, struct json *v)
{
	bool changed = false;
	if (!s)
		return false;
	if (v->type == JSON_OBJECT) {
		for (size_t i = 0; i < s->properties_len; i++) {
			const struct custom_property *p = &s->properties[i];
			if (!p->schema->default_value || json_get(v, p->name))
				continue;
			json_set(arena, v, p->name, json_clone(arena, p->schema->default_value));
			changed = true;
		}
		return fill_members(arena, s, v) || changed;
	}
	if (v->type != JSON_ARRAY || !s->items)
		return false;
	for (size_t i = 0; i < v->len; i++) {
		if (is_unset(v->items[i], s->items) && s->items->default_value) {
			v->items[i] = json_clone(arena, s->items->default_value);
			changed = true;
		}
		changed = fill(arena, s->items, v->items[i]) || changed;
	}
	return changed;
}

bool custom_schema_default(struct arena *arena, const struct custom_schema *s, struct json *tree)
{
	bool changed = fill(arena, s, tree);
	if (changed)
		json_sort(tree);
	return changed;
}
