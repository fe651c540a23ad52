/*
 * typed: JSON trees walked by what the schema table says about them: which lists are sets, which have keys,
 * what is replaced as a whole. The operations of server-side apply: which fields a tree has, how two trees
 * differ, a tree merged into another, fields taken away. Trees are sorted by key (json_sort) and not changed.
 */
#ifndef CUBE_APISERVER_PATCH_TYPED_H
#define CUBE_APISERVER_PATCH_TYPED_H

#include "apiserver/patch/fieldset.h"

struct schema;
struct schema_field;

enum typed_kind {
	TYPED_LEAF,   /* plain values, and what is atomic */
	TYPED_STRUCT, /* members are the fields of `schema`; those it does not know are free-form */
	TYPED_MAP,    /* keys are free, values are those of `field` */
	TYPED_SET,    /* a list of plain values, each once */
	TYPED_LIST,   /* a list of messages with keys (`field` names them) */
	TYPED_FREE,   /* no schema: objects are merged, lists are replaced */
	TYPED_CUSTOM, /* a custom resource: as `custom` says, but for metadata */
	TYPED_PART,   /* an object in one, described by `custom` */
};
struct typed {
	enum typed_kind kind;
	const struct schema *schema;
	const struct schema_field *field;
	const struct json *custom; /* OpenAPI schema, in custom resources; NULL: not described */
};

/* The type of a whole object; schema is NULL for a custom resource, whose OpenAPI schema `custom` is, if
 * there is one. */
struct typed typed_root(const struct schema *schema, const struct json *custom);
struct typed typed_member(struct typed parent, const char *key);
struct typed typed_item(struct typed list);
/* By an element of a field set. */
struct typed typed_below(struct typed type, const char *element);
/* Is the member declared, not only a key? */
bool typed_has_field(struct typed parent, const char *key);
/* "f:key" */
const char *typed_key_element(struct arena *arena, const char *key);
/* `k:{...}` or `v:...` of a list's item; NULL when it lacks a key, or is no plain value of a set. Keys with a
 * default may be left out. */
const char *typed_item_element(struct arena *arena, struct typed list, const struct json *item);

/* The element of a list item that comes twice, or lacks a key of its list ("?"); NULL when all is well. */
const char *typed_find_bad_item(struct arena *arena, struct typed type, const struct json *v);

/* Is there a list item that has no element? Such a tree has no fields that could be told apart. */
bool typed_is_broken(struct arena *arena, struct typed type, const struct json *v);

struct fieldset *typed_fields(struct arena *arena, struct typed type, const struct json *v);

struct typed_difference {
	struct fieldset *added, *removed, *modified;
};
/* Either may be NULL. */
struct typed_difference typed_compare(
    struct arena *arena, struct typed type, const struct json *a, const struct json *b);

/* b merged into a: b wins, items of a that b does not name stay. The result shares parts of both. */
struct json *typed_merge(struct arena *arena, struct typed type, const struct json *a, const struct json *b);

/* v without the fields of the set; null when nothing is left. */
struct json *typed_remove(
    struct arena *arena, struct typed type, const struct json *v, const struct fieldset *set);

/*
 * Empty objects that stand directly in list items of the set: {"name":"v","emptyDir":{}}. They are in no set,
 * being made of no fields, but they are somebody's choice all the same.
 */
struct fieldset *typed_empty_choices(
    struct arena *arena, struct typed type, const struct json *v, const struct fieldset *set);

/* An object with room for so many members, to be filled without looking for each key. */
struct json *typed_new_map(struct arena *arena, size_t capacity);

/* The set, and with every path also the declared members on the way to it. */
struct fieldset *typed_with_parents(struct arena *arena, struct typed type, const struct fieldset *set);

/*
 * The set as the type would have it written now: what has become atomic since is owned as a whole by who
 * owned a part. (From atomic to granular nothing changes.)
 */
struct fieldset *typed_reconcile(struct arena *arena, struct typed type, const struct fieldset *set);

#endif
