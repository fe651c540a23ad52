/* Types of trees, names of list items, and the walks over one tree. */
#include "apiserver/patch/typed.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/patch/typed_custom.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

struct typed typed_root(const struct schema *schema, const struct json *custom)
{
	return schema ? (struct typed){.kind = TYPED_STRUCT, .schema = schema}
		      : (struct typed){.kind = TYPED_CUSTOM, .custom = custom};
}

static struct typed value_type(const struct schema_field *f)
{
	if (f->kind != SCHEMA_MESSAGE || (f->flags & SCHEMA_ATOMIC))
		return (struct typed){TYPED_LEAF};
	return (struct typed){TYPED_STRUCT, f->message, NULL};
}

static struct typed field_type(const struct schema_field *f)
{
	switch (f->shape) {
	case SCHEMA_LIST:
		if (f->list_type == SCHEMA_LIST_SET)
			return (struct typed){TYPED_SET, NULL, f};
		if (f->list_type == SCHEMA_LIST_MAP && f->list_map_keys)
			return (struct typed){TYPED_LIST, NULL, f};
		return (struct typed){TYPED_LEAF};
	case SCHEMA_MAP:
		return (struct typed){f->flags & SCHEMA_ATOMIC ? TYPED_LEAF : TYPED_MAP, NULL, f};
	default:
		return value_type(f);
	}
}

struct typed typed_member(struct typed parent, const char *key)
{
	const struct schema_field *f = NULL;
	if (parent.kind == TYPED_STRUCT && (f = schema_find(parent.schema, key)))
		return field_type(f);
	if (parent.kind == TYPED_MAP)
		return value_type(parent.field);
	if (parent.kind == TYPED_CUSTOM && !strcmp(key, "metadata"))
		return (struct typed){
		    TYPED_STRUCT, schema_by_name("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"), NULL};
	if (parent.custom)
		return typed_custom_member(parent.custom, key);
	return (struct typed){TYPED_FREE};
}

struct typed typed_item(struct typed list)
{
	if (list.kind == TYPED_LIST && list.custom)
		return typed_custom_item(list.custom);
	return list.kind == TYPED_LIST ? value_type(list.field) : (struct typed){TYPED_LEAF};
}

bool typed_has_field(struct typed parent, const char *key)
{
	if (parent.kind == TYPED_CUSTOM &&
	    (!strcmp(key, "metadata") || !strcmp(key, "apiVersion") || !strcmp(key, "kind")))
		return true;
	if (parent.custom)
		return typed_custom_has_field(parent.custom, key);
	return parent.kind == TYPED_STRUCT &&
	       (schema_find(parent.schema, key) || !strcmp(key, "apiVersion") || !strcmp(key, "kind"));
}

const char *typed_key_element(struct arena *arena, const char *key)
{
	size_t size = strlen(key);
	char *out = arena_alloc(arena, size + 3);
	out[0] = 'f';
	out[1] = ':';
	memcpy(out + 2, key, size + 1);
	return out;
}

static const char *value_element(struct arena *arena, const struct json *item)
{
	struct buf out = BUF_INIT;
	buf_puts(&out, "v:");
	json_write(&out, item, 0);
	const char *text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}

/* By the schema table. */
static struct json *default_key(struct arena *arena, const struct schema *schema, const char *key)
{
	const struct schema_field *f = schema_find(schema, key);
	struct json *v = NULL;
	if (!f || !f->default_value ||
	    json_parse(arena, f->default_value, strlen(f->default_value), NULL, &v, NULL))
		return NULL;
	return v;
}

/* What an item without the key is taken to have. */
static struct json *missing_key(struct arena *arena, struct typed list, const char *key)
{
	if (!list.custom)
		return default_key(arena, list.field->message, key);
	const struct json *v = typed_custom_default_key(list.custom, key);
	return v ? json_clone(arena, v) : NULL;
}

/* Is the key there, or has it a default? */
static bool add_key(
    struct arena *arena, struct typed list, const struct json *item, const char *key, struct json *keys)
{
	struct json *v = json_get(item, key);
	if (!v || v->type == JSON_NULL)
		v = missing_key(arena, list, key);
	if (v)
		json_set(arena, keys, key, v);
	return v != NULL;
}

const char *typed_item_element(struct arena *arena, struct typed list, const struct json *item)
{
	bool is_plain = item->type != JSON_OBJECT && item->type != JSON_ARRAY && item->type != JSON_NULL;
	if (list.kind == TYPED_SET)
		return is_plain ? value_element(arena, item) : NULL;
	if (item->type != JSON_OBJECT)
		return NULL;
	bool has_all = true;
	struct json *keys = json_new_object(arena);
	const struct json *names = list.custom ? typed_custom_keys(list.custom) : NULL;
	for (size_t i = 0; names && i < names->len; i++)
		if (names->items[i]->type == JSON_STRING)
			has_all &= add_key(arena, list, item, names->items[i]->text, keys);
	for (const char *const *key = list.custom ? NULL : list.field->list_map_keys; key && *key; key++)
		has_all &= add_key(arena, list, item, *key, keys);
	if (!has_all || !keys->len)
		return NULL;
	json_sort(keys);
	struct buf out = BUF_INIT;
	buf_puts(&out, "k:");
	json_write(&out, keys, 0);
	const char *text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}

static bool is_map(struct typed type, const struct json *v)
{
	return v->type == JSON_OBJECT &&
	       (type.kind == TYPED_STRUCT || type.kind == TYPED_MAP || type.kind == TYPED_FREE ||
		   type.kind == TYPED_CUSTOM || type.kind == TYPED_PART);
}

static bool is_list(struct typed type, const struct json *v)
{
	return v->type == JSON_ARRAY && (type.kind == TYPED_SET || type.kind == TYPED_LIST);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The elements that come more than once, sorted; *ret_len of them. */
static const char **repeated_elements(
    struct arena *arena, const char *const *elements, size_t len, size_t *ret_len)
{
	const char **sorted = ARENA_ARRAY(arena, const char *, len + 1);
	size_t known = 0, repeated = 0;
	for (size_t i = 0; i < len; i++)
		if (elements[i])
			sorted[known++] = elements[i];
	qsort(sorted, known, sizeof *sorted, compare_texts);
	for (size_t i = 1; i < known; i++)
		if (!strcmp(sorted[i - 1], sorted[i]))
			sorted[repeated++] = sorted[i];
	*ret_len = repeated;
	return sorted;
}

static void add_fields(struct arena *arena, struct typed type, const struct json *v, struct fieldset *node);

/* An item that is there twice is in the set without what is in it: nobody could say whose. */
static void add_items(struct arena *arena, struct typed type, const struct json *v, struct fieldset *node)
{
	const char **elements = ARENA_ARRAY(arena, const char *, v->len + 1);
	for (size_t i = 0; i < v->len; i++)
		elements[i] = typed_item_element(arena, type, v->items[i]);
	size_t repeated_len = 0;
	const char **repeated = repeated_elements(arena, elements, v->len, &repeated_len);
	for (size_t i = 0; i < v->len; i++) {
		if (!elements[i])
			continue;
		struct fieldset *child = fieldset_new(arena, elements[i]);
		if (!bsearch(&elements[i], repeated, repeated_len, sizeof *repeated, compare_texts))
			add_fields(arena, typed_item(type), v->items[i], child);
		child->is_member = true;
		fieldset_attach(arena, node, child);
	}
}

static void add_fields(struct arena *arena, struct typed type, const struct json *v, struct fieldset *node)
{
	if (is_map(type, v)) {
		for (size_t i = 0; i < v->len; i++) {
			const char *key = v->members[i].key;
			struct fieldset *child = fieldset_new(arena, typed_key_element(arena, key));
			add_fields(arena, typed_member(type, key), v->members[i].value, child);
			if (!typed_has_field(type, key))
				child->is_member = true;
			fieldset_attach(arena, node, child);
		}
	} else if (is_list(type, v)) {
		add_items(arena, type, v, node);
	} else if (v->type != JSON_NULL || type.kind == TYPED_LEAF || type.kind == TYPED_FREE) {
		node->is_member = true;
	}
	fieldset_seal(arena, node);
}

struct fieldset *typed_fields(struct arena *arena, struct typed type, const struct json *v)
{
	struct fieldset *root = fieldset_new(arena, "");
	add_fields(arena, type, v, root);
	root->is_member = false;
	return root;
}

struct json *typed_new_map(struct arena *arena, size_t capacity)
{
	struct json *out = json_new_object(arena);
	out->members = ARENA_ARRAY(arena, struct json_member, capacity + 1);
	out->capacity = capacity + 1;
	return out;
}

static const char *find_bad_in_list(struct arena *arena, struct typed type, const struct json *v)
{
	const char **elements = ARENA_ARRAY(arena, const char *, v->len + 1), *bad = NULL;
	for (size_t i = 0; i < v->len && !bad; i++) {
		elements[i] = typed_item_element(arena, type, v->items[i]);
		bad = elements[i] ? typed_find_bad_item(arena, typed_item(type), v->items[i]) : "?";
	}
	if (bad)
		return bad;
	size_t repeated_len = 0;
	const char **repeated = repeated_elements(arena, elements, v->len, &repeated_len);
	return repeated_len ? repeated[0] : NULL;
}

bool typed_is_broken(struct arena *arena, struct typed type, const struct json *v)
{
	bool is_broken = false;
	if (is_list(type, v))
		for (size_t i = 0; i < v->len && !is_broken; i++)
			is_broken = !typed_item_element(arena, type, v->items[i]) ||
				    typed_is_broken(arena, typed_item(type), v->items[i]);
	for (size_t i = 0; is_map(type, v) && i < v->len && !is_broken; i++)
		is_broken =
		    typed_is_broken(arena, typed_member(type, v->members[i].key), v->members[i].value);
	return is_broken;
}

const char *typed_find_bad_item(struct arena *arena, struct typed type, const struct json *v)
{
	const char *bad = NULL;
	if (is_list(type, v))
		return find_bad_in_list(arena, type, v);
	for (size_t i = 0; is_map(type, v) && i < v->len && !bad; i++)
		bad = typed_find_bad_item(arena, typed_member(type, v->members[i].key), v->members[i].value);
	return bad;
}

static struct json *remove_from_map(
    struct arena *arena, struct typed type, const struct json *v, const struct fieldset *set)
{
	struct json *out = typed_new_map(arena, v->len);
	for (size_t i = 0; i < v->len; i++) {
		const struct json_member *m = &v->members[i];
		const struct fieldset *child = fieldset_child(set, typed_key_element(arena, m->key));
		if (child && child->is_member)
			continue;
		struct json *rest = child && child->len
					? typed_remove(arena, typed_member(type, m->key), m->value, child)
					: m->value;
		out->members[out->len++] = (struct json_member){m->key, rest};
	}
	return out;
}

static struct json *remove_from_list(
    struct arena *arena, struct typed type, const struct json *v, const struct fieldset *set)
{
	struct json *out = json_new_array(arena);
	for (size_t i = 0; i < v->len; i++) {
		const char *element = typed_item_element(arena, type, v->items[i]);
		const struct fieldset *child = element ? fieldset_child(set, element) : NULL;
		if (child && child->is_member)
			continue;
		json_push(arena, out,
		    child && child->len ? typed_remove(arena, typed_item(type), v->items[i], child)
					: v->items[i]);
	}
	return out;
}

struct json *typed_remove(
    struct arena *arena, struct typed type, const struct json *v, const struct fieldset *set)
{
	struct json *out;
	if (is_map(type, v))
		out = remove_from_map(arena, type, v, set);
	else if (is_list(type, v))
		out = remove_from_list(arena, type, v, set);
	else
		return json_clone(arena, v);
	return out->len ? out : json_new_null(arena);
}

struct typed typed_below(struct typed type, const char *element)
{
	return element[0] == 'f' ? typed_member(type, element + 2) : typed_item(type);
}

struct fieldset *typed_with_parents(struct arena *arena, struct typed type, const struct fieldset *set)
{
	struct fieldset *out = fieldset_new(arena, set ? set->element : "");
	out->is_member = set && set->is_member;
	for (size_t i = 0; set && i < set->len; i++) {
		const struct fieldset *c = set->children[i];
		struct fieldset *child = typed_with_parents(arena, typed_below(type, c->element), c);
		if (c->len > 0 && c->element[0] == 'f' && typed_has_field(type, c->element + 2))
			child->is_member = true;
		fieldset_attach(arena, out, child);
	}
	return out;
}

struct fieldset *typed_reconcile(struct arena *arena, struct typed type, const struct fieldset *set)
{
	struct fieldset *out = fieldset_new(arena, set->element);
	out->is_member = set->is_member;
	for (size_t i = 0; i < set->len; i++) {
		struct typed below = typed_below(type, set->children[i]->element);
		struct fieldset *child = typed_reconcile(arena, below, set->children[i]);
		if (below.kind == TYPED_LEAF && child->len) {
			child->is_member = true;
			child->len = 0;
		}
		fieldset_attach(arena, out, child);
	}
	return out;
}

static void add_empty_members(
    struct arena *arena, struct typed type, const struct json *v, struct fieldset *out)
{
	for (size_t i = 0; v->type == JSON_OBJECT && i < v->len; i++) {
		const struct json_member *m = &v->members[i];
		const struct schema_field *f =
		    type.kind == TYPED_STRUCT ? schema_find(type.schema, m->key) : NULL;
		if (!f || !(f->flags & SCHEMA_NULLABLE) || m->value->type != JSON_OBJECT || m->value->len)
			continue;
		struct fieldset *child = fieldset_new(arena, typed_key_element(arena, m->key));
		child->is_member = true;
		fieldset_attach(arena, out, child);
	}
}

struct fieldset *typed_empty_choices(
    struct arena *arena, struct typed type, const struct json *v, const struct fieldset *set)
{
	struct fieldset *out = fieldset_new(arena, set ? set->element : "");
	if (is_map(type, v)) {
		for (size_t i = 0; i < v->len; i++) {
			const char *key = v->members[i].key;
			const struct fieldset *child = fieldset_child(set, typed_key_element(arena, key));
			if (child && child->len)
				fieldset_attach(arena, out,
				    typed_empty_choices(
					arena, typed_member(type, key), v->members[i].value, child));
		}
		if (set && set->is_member && set->element[0] == 'k')
			add_empty_members(arena, type, v, out);
	} else if (is_list(type, v)) {
		for (size_t i = 0; i < v->len; i++) {
			const char *element = typed_item_element(arena, type, v->items[i]);
			const struct fieldset *child = element ? fieldset_child(set, element) : NULL;
			if (child)
				fieldset_attach(arena, out,
				    typed_empty_choices(arena, typed_item(type), v->items[i], child));
		}
	}
	fieldset_seal(arena, out);
	return out;
}
