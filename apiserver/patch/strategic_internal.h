/* strategic_internal: what strategic.c (maps) and strategic_list.c (lists) share. */
#ifndef CUBE_APISERVER_PATCH_STRATEGIC_INTERNAL_H
#define CUBE_APISERVER_PATCH_STRATEGIC_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "apiserver/patch/strategic.h"

struct schema_field;

#define STRATEGIC_DIRECTIVE "$patch"
#define STRATEGIC_RETAIN_KEYS "$retainKeys"
#define STRATEGIC_DELETE_PREFIX "$deleteFromPrimitiveList/"
#define STRATEGIC_ORDER_PREFIX "$setElementOrder/"

struct strategic_run {
	struct arena *arena;
	struct error *err;
};

/* Elements are looked for one by one, so the length of a merged list is bounded. */
enum { STRATEGIC_LIST_MAX = 10000 };

/* How one list is merged. */
struct strategic_list {
	const char *name;            /* of the member, for errors */
	const char *merge_key;       /* NULL: a list of plain values */
	const struct schema *schema; /* of the elements; NULL when they are free-form */
};

/* NULL and err on failure. */
struct json *strategic_map(
    struct strategic_run *run, const struct schema *schema, struct json *target, const struct json *patch);
/* A copy of what is new, without its directives and nulls. */
struct json *strategic_new(struct strategic_run *run, const struct schema *schema,
    const struct schema_field *field, const struct json *patch);
/* Merges the elements of `patch` into `target`; the patch's elements come in the patch's order. */
struct json *strategic_list_merge(struct strategic_run *run, const struct strategic_list *list,
    struct json *target, const struct json *patch);
void strategic_list_delete(struct json *target, const struct json *values);
/* Puts the elements of `merged` in the wanted order; `before` is the list as it was, for those the order
 * leaves out. */
struct json *strategic_list_order(struct strategic_run *run, const struct strategic_list *list,
    const struct json *merged, const struct json *order, const struct json *before);
/* The order must name all that the patch sets, in the same sequence. */
int strategic_list_check_order(struct strategic_run *run, const struct strategic_list *list,
    const struct json *patch, const struct json *order);

#endif
