#include "lib/client/informer_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"

struct index {
	struct index *next;
	const char *name;
	informer_index_fn *fn;
	struct strmap *buckets; /* value -> struct informer_bucket; NULL until the index is first used */
};

struct informer_bucket {
	struct index *index;
	char *value;
	struct informer_link *first;
};

struct informer_indexes {
	struct index *list;
};

typedef void emit_fn(void *ctx, const char *value);

static void index_namespace(const struct object *obj, emit_fn *emit, void *ctx)
{
	emit(ctx, object_namespace(obj));
}

static void index_controller(const struct object *obj, emit_fn *emit, void *ctx)
{
	const MetaV1__OwnerReference *owner = object_controller(obj->meta);
	if (owner)
		emit(ctx, owner->uid);
}

static void index_uid(const struct object *obj, emit_fn *emit, void *ctx)
{
	emit(ctx, object_uid(obj));
}

struct informer_indexes *informer_indexes_new(void)
{
	struct informer_indexes *indexes = calloc(1, sizeof(*indexes));
	if (!indexes)
		abort();
	informer_indexes_add(indexes, "namespace", index_namespace);
	informer_indexes_add(indexes, "controller", index_controller);
	informer_indexes_add(indexes, "uid", index_uid);
	return indexes;
}

static void bucket_free(void *arg)
{
	struct informer_bucket *bucket = arg;
	for (struct informer_link *link = bucket->first, *next; link; link = next) {
		next = link->next;
		free(link);
	}
	free(bucket->value);
	free(bucket);
}

void informer_indexes_free(struct informer_indexes *indexes)
{
	for (struct index *index = indexes->list, *next; index; index = next) {
		next = index->next;
		strmap_free(index->buckets, bucket_free);
		free(index);
	}
	free(indexes);
}

static struct index *find(const struct informer_indexes *indexes, const char *name)
{
	for (struct index *index = indexes->list; index; index = index->next)
		if (str_eq(index->name, name))
			return index;
	return NULL;
}

void informer_indexes_add(struct informer_indexes *indexes, const char *name, informer_index_fn *fn)
{
	struct index *index = find(indexes, name);
	if (index) { /* several controllers may share an index: same name, same meaning */
		assert(index->fn == fn);
		return;
	}
	index = calloc(1, sizeof(*index));
	if (!index)
		abort();
	index->name = name;
	index->fn = fn;
	index->next = indexes->list;
	indexes->list = index;
}

struct emit_context {
	struct index *index;
	struct informer_entry *entry;
};

static void emit_link(void *ctx, const char *value)
{
	struct emit_context *emit = ctx;
	struct informer_bucket *bucket = strmap_get(emit->index->buckets, value);
	if (!bucket) {
		bucket = calloc(1, sizeof(*bucket));
		if (!bucket || !(bucket->value = strdup(value)))
			abort();
		bucket->index = emit->index;
		strmap_put(emit->index->buckets, value, bucket);
	}
	if (bucket->first && bucket->first->entry == emit->entry)
		return; /* the same value twice for one object */
	struct informer_link *link = calloc(1, sizeof(*link));
	if (!link)
		abort();
	link->bucket = bucket;
	link->entry = emit->entry;
	link->next = bucket->first;
	if (link->next)
		link->next->previous = link;
	bucket->first = link;
	link->next_of_entry = emit->entry->links;
	emit->entry->links = link;
}

static void index_entry(struct index *index, struct informer_entry *entry)
{
	struct emit_context ctx = {index, entry};
	index->fn(entry->obj, emit_link, &ctx);
}

void informer_indexes_insert(struct informer_indexes *indexes, struct informer_entry *entry)
{
	for (struct index *index = indexes->list; index; index = index->next)
		if (index->buckets)
			index_entry(index, entry);
}

void informer_indexes_remove(struct informer_indexes *indexes, struct informer_entry *entry)
{
	(void)indexes;
	for (struct informer_link *link = entry->links, *next; link; link = next) {
		struct informer_bucket *bucket = link->bucket;
		next = link->next_of_entry;
		if (link->previous)
			link->previous->next = link->next;
		else
			bucket->first = link->next;
		if (link->next)
			link->next->previous = link->previous;
		free(link);
		if (!bucket->first) {
			strmap_remove(bucket->index->buckets, bucket->value);
			bucket_free(bucket);
		}
	}
	entry->links = NULL;
}

struct informer_link *informer_indexes_first(
    struct informer_indexes *indexes, const struct strmap *entries, const char *name, const char *value)
{
	struct index *index = find(indexes, name);
	assert(index);
	if (!index->buckets) {
		index->buckets = strmap_new();
		strmap_for_each (entries, e)
			index_entry(index, strmap_value(e));
	}
	const struct informer_bucket *bucket = strmap_get(index->buckets, value);
	return bucket ? bucket->first : NULL;
}
