/*
 * fieldset: a set of field paths as a trie: who owns what. An element is written as FieldsV1 writes it:
 * "f:name" for a member of an object, `k:{"name":"x"}` for a list item by its keys, `v:"x"` for one by its
 * value. Nodes live in an arena; operations make new sets and share nothing that they would change.
 */
#ifndef CUBE_APISERVER_PATCH_FIELDSET_H
#define CUBE_APISERVER_PATCH_FIELDSET_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buf;
struct error;
struct json;

struct fieldset {
	const char *element;        /* "" for the root */
	bool is_member;             /* the path that ends here is in the set */
	struct fieldset **children; /* sorted by element, none empty */
	size_t len, capacity;
};

struct fieldset *fieldset_new(struct arena *arena, const char *element);
/* Building: children are attached in any order (empty ones are dropped), then the parent is sealed once:
 * children are sorted, and equal ones become one. */
void fieldset_attach(struct arena *arena, struct fieldset *parent, struct fieldset *child);
void fieldset_seal(struct arena *arena, struct fieldset *parent);

bool fieldset_is_empty(const struct fieldset *set);                                     /* NULL is empty */
const struct fieldset *fieldset_child(const struct fieldset *set, const char *element); /* NULL when absent */
bool fieldset_equal(const struct fieldset *a, const struct fieldset *b);
struct fieldset *fieldset_union(struct arena *arena, const struct fieldset *a, const struct fieldset *b);
struct fieldset *fieldset_intersection(
    struct arena *arena, const struct fieldset *a, const struct fieldset *b);
/* What is in a and not in b; what a has below a path of b stays. */
struct fieldset *fieldset_difference(struct arena *arena, const struct fieldset *a, const struct fieldset *b);
/* The same, but what lies below a path of b goes too. */
struct fieldset *fieldset_without(struct arena *arena, const struct fieldset *a, const struct fieldset *b);

/* FieldsV1. Elements that are not understood are refused with ERR_BAD_REQUEST. */
int fieldset_parse(
    struct arena *arena, const void *text, size_t size, struct fieldset **ret, struct error *err);
void fieldset_write(struct buf *out, const struct fieldset *set);
/* Calls fn for each path as people read it: .spec.containers[name="main"].image */
void fieldset_for_each(const struct fieldset *set, void (*fn)(void *arg, const char *path), void *arg);

#endif
