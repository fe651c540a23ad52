#include "apiserver/patch/managers.h"

#include <stdlib.h>
#include <string.h>

#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

#define ANCIENT "ancient-changes"

static int read_entry(
    struct arena *arena, const MetaV1__ManagedFieldsEntry *e, struct manager *ret, struct error *err)
{
	struct fieldset *set = NULL;
	bool is_apply = !strcmp(e->operation, "Apply");
	if (!is_apply && strcmp(e->operation, "Update") != 0)
		return error_set(
		    err, ERR_BAD_REQUEST, "unknown operation of a field manager: \"%s\"", e->operation);
	if (!*e->api_version)
		return error_set(
		    err, ERR_BAD_REQUEST, "managed fields of \"%s\" without a version", e->manager);
	if (strcmp(e->fields_type, "FieldsV1") != 0)
		return error_set(
		    err, ERR_BAD_REQUEST, "unknown form of managed fields: \"%s\"", e->fields_type);
	if (!e->fields_v1 || !e->fields_v1->raw.len)
		set = fieldset_new(arena, "");
	else if (fieldset_parse(arena, e->fields_v1->raw.data, e->fields_v1->raw.len, &set, err))
		return -1;
	*ret = (struct manager){.name = arena_strdup(arena, e->manager),
	    .api_version = arena_strdup(arena, e->api_version),
	    .subresource = arena_strdup(arena, e->subresource),
	    .is_apply = is_apply,
	    .has_time = e->time != NULL,
	    .time_s = time_seconds(e->time),
	    .set = set};
	return 0;
}

int managers_read(
    struct managers *ret, struct arena *arena, const MetaV1__ObjectMeta *meta, struct error *err)
{
	struct managers out = {.arena = arena};
	for (size_t i = 0; i < meta->n_managed_fields; i++) {
		struct manager m = {0};
		if (read_entry(arena, meta->managed_fields[i], &m, err))
			return -1;
		struct manager *known = managers_find(&out, &m);
		*(known ? known : managers_add(&out, &m)) = m; /* of two of one writer the last counts */
	}
	*ret = out;
	return 0;
}

bool managers_is_reset(const MetaV1__ObjectMeta *meta)
{
	if (meta->n_managed_fields != 1)
		return !meta->n_managed_fields && meta->managed_fields; /* a list, and empty */
	const MetaV1__ManagedFieldsEntry *e = meta->managed_fields[0];
	return !*e->manager && !*e->operation && !*e->api_version && !*e->subresource && !*e->fields_type &&
	       !e->time && !e->fields_v1;
}

static bool is_same(const struct manager *a, const struct manager *b)
{
	return a->is_apply == b->is_apply && !strcmp(a->name, b->name) &&
	       !strcmp(a->subresource, b->subresource) &&
	       (a->is_apply || !strcmp(a->api_version, b->api_version));
}

struct manager *managers_find(const struct managers *managers, const struct manager *like)
{
	for (size_t i = 0; i < managers->len; i++)
		if (is_same(&managers->items[i], like))
			return &managers->items[i];
	return NULL;
}

struct manager *managers_add(struct managers *managers, const struct manager *like)
{
	if (managers->len == managers->capacity) {
		size_t capacity = managers->capacity ? managers->capacity * 2 : 4;
		managers->items = arena_grow(managers->arena, managers->items,
		    managers->len * sizeof *managers->items, capacity * sizeof *managers->items);
		managers->capacity = capacity;
	}
	struct manager *m = &managers->items[managers->len++];
	*m = *like;
	m->set = fieldset_new(managers->arena, "");
	return m;
}

void managers_drop_empty(struct managers *managers)
{
	size_t kept = 0;
	for (size_t i = 0; i < managers->len; i++)
		if (!fieldset_is_empty(managers->items[i].set))
			managers->items[kept++] = managers->items[i];
	managers->len = kept;
}

static int compare_int(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Appliers first, then by time and name: the order in which upstream writes them. */
static int by_order(const void *a, const void *b)
{
	const struct manager *x = a, *y = b;
	int order = (int)y->is_apply - (int)x->is_apply;
	order = order ? order : compare_int(x->has_time ? x->time_s : 0, y->has_time ? y->time_s : 0);
	order = order ? order : strcmp(x->name, y->name);
	order = order ? order : strcmp(x->api_version, y->api_version);
	return order ? order : strcmp(x->subresource, y->subresource);
}

static size_t count_updates(const struct managers *managers)
{
	size_t n = 0;
	for (size_t i = 0; i < managers->len; i++)
		n += !managers->items[i].is_apply;
	return n;
}

/* The first of the sorted updaters that has the version of the one at `at`. */
static size_t first_of_version(struct manager *const *sorted, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (!strcmp(sorted[i]->api_version, sorted[at]->api_version))
			return i;
	return at;
}

/* Puts `old` into the lump of its version, which `first` becomes when there is none. */
static void lump_together(struct managers *managers, struct manager *first, struct manager *old)
{
	struct manager like = {.name = ANCIENT, .api_version = old->api_version, .subresource = ""};
	struct manager *lump = managers_find(managers, &like);
	if (!lump) {
		lump = first;
		lump->name = ANCIENT;
		lump->subresource = "";
	}
	if (lump == old)
		return;
	lump->set = fieldset_union(managers->arena, lump->set, old->set);
	lump->has_time = old->has_time; /* the younger one's */
	lump->time_s = old->time_s;
	old->set = fieldset_new(managers->arena, "");
}

static int by_order_of_pointers(const void *a, const void *b)
{
	return by_order(*(struct manager *const *)a, *(struct manager *const *)b);
}

void managers_cap(struct managers *managers)
{
	size_t len = 0, left = count_updates(managers);
	if (left <= MANAGERS_UPDATES_MAX)
		return;
	struct manager **sorted = ARENA_ARRAY(managers->arena, struct manager *, left);
	for (size_t i = 0; i < managers->len; i++)
		if (!managers->items[i].is_apply)
			sorted[len++] = &managers->items[i];
	qsort(sorted, len, sizeof *sorted, by_order_of_pointers);
	/* The oldest of a version stays as it is until a second one of that version joins it. */
	for (size_t i = 0; i < len && left > MANAGERS_UPDATES_MAX; i++) {
		size_t first = first_of_version(sorted, i);
		if (first == i)
			continue;
		lump_together(managers, sorted[first], sorted[i]);
		left--;
	}
	managers_drop_empty(managers);
}

static MetaV1__ManagedFieldsEntry *write_entry(struct arena *arena, const struct manager *m)
{
	MetaV1__ManagedFieldsEntry *e = API_NEW(arena, meta_v1__managed_fields_entry);
	struct buf text = BUF_INIT;
	e->manager = arena_strdup(arena, m->name);
	e->operation = m->is_apply ? "Apply" : "Update";
	e->api_version = arena_strdup(arena, m->api_version);
	e->subresource = arena_strdup(arena, m->subresource);
	e->fields_type = "FieldsV1";
	if (m->has_time)
		e->time = time_new(arena, m->time_s);
	fieldset_write(&text, m->set);
	e->fields_v1 = API_NEW(arena, meta_v1__fields_v1);
	e->fields_v1->raw.data = arena_memdup(arena, text.data, text.size);
	e->fields_v1->raw.len = text.size;
	buf_done(&text);
	return e;
}

void managers_write(const struct managers *managers, struct arena *arena, MetaV1__ObjectMeta *meta)
{
	struct manager *sorted = ARENA_ARRAY(arena, struct manager, managers->len + 1);
	size_t len = 0;
	for (size_t i = 0; i < managers->len; i++)
		if (!fieldset_is_empty(managers->items[i].set))
			sorted[len++] = managers->items[i];
	qsort(sorted, len, sizeof *sorted, by_order);
	meta->n_managed_fields = len;
	meta->managed_fields = len ? ARENA_ARRAY(arena, MetaV1__ManagedFieldsEntry *, len) : NULL;
	for (size_t i = 0; i < len; i++)
		meta->managed_fields[i] = write_entry(arena, &sorted[i]);
}
