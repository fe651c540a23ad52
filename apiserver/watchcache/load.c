/* What is stored, decoded and put into the cache: one key at a time. */
#include "apiserver/watchcache/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/strmap.h"
#include "lib/resources/stored.h"

enum { OVERHEAD_MORE = 32 }; /* revisions and names grow by a digit */

/* The prefix behind the root is one or two segments long. */
struct cache_type *watchcache_route(struct watchcache *cache, const char *key, const char **ret_rest)
{
	char prefix[512];
	if (strncmp(key, cache->root, cache->root_size) != 0)
		return NULL;
	const char *p = key + cache->root_size;
	const char *one = strchr(p, '/');
	const char *two = one ? strchr(one + 1, '/') : NULL;
	const char *ends[2] = {two, one};
	for (size_t i = 0; i < 2; i++) {
		size_t size = ends[i] ? (size_t)(ends[i] - p) : 0;
		if (!size || size >= sizeof prefix)
			continue;
		memcpy(prefix, p, size);
		prefix[size] = '\0';
		struct cache_type *t = strmap_get(cache->by_prefix, prefix);
		if (t) {
			*ret_rest = ends[i] + 1;
			return t;
		}
	}
	return NULL;
}

struct cache_item *watchcache_decode(struct api_server *server, const struct resource_type *type,
    const char *storage_key, const void *value, size_t size, int64_t revision, struct error *err)
{
	struct object *obj = NULL;
	const char *rest = storage_key;
	struct cache_type *t = watchcache_route(server->cache, storage_key, &rest);
	/* Objects of a type are mostly alike: each gets the memory that it is likely to take, in one piece.
	 */
	struct arena *arena = t && t->overhead ? arena_new_sized(size + t->overhead) : arena_new();
	if (resource_decode_stored(type->stored_as ? type->stored_as : type, arena, value, size, &obj, err)) {
		error_prefix(err, "%s", storage_key);
		return NULL;
	}
	obj->meta->resource_version = arena_printf(obj->arena, "%" PRId64, revision);
	obj->revision = revision;
	bool is_changed = type->dynamic && type->dynamic->load(type, obj);
	if (!t)
		rest = storage_key;
	else
		t->overhead =
		    arena_used(obj->arena) > size ? arena_used(obj->arena) - size + OVERHEAD_MORE : 0;
	struct cache_item *item = cache_item_new(obj, rest);
	if (is_changed)
		item->stored = bytes_new(value, size);
	return item;
}

void watchcache_keep_raw(
    struct watchcache *cache, const char *key, const void *value, size_t size, int64_t revision)
{
	struct raw_value *raw = malloc(sizeof *raw + size);
	if (!raw)
		abort();
	raw->revision = revision;
	raw->size = size;
	memcpy(raw->data, value, size);
	free(strmap_put(cache->unclaimed, key, raw));
}

/* The first segment is a group, which has a dot: the definition may come later. */
static bool may_be_custom(const struct watchcache *cache, const char *key)
{
	if (strncmp(key, cache->root, cache->root_size) != 0)
		return false;
	key += cache->root_size;
	return memchr(key, '.', strcspn(key, "/")) != NULL;
}

bool watchcache_has(struct watchcache *cache, const char *key, int64_t revision)
{
	const char *rest;
	const struct cache_type *t = watchcache_route(cache, key, &rest);
	const struct cache_item *item = t ? ordered_get(&t->items, rest) : NULL;
	return item && item->revision == revision;
}

void watchcache_apply_put(
    struct watchcache *cache, const char *key, const void *value, size_t size, int64_t revision, bool quiet)
{
	const char *rest;
	struct cache_type *t = watchcache_route(cache, key, &rest);
	if (!t) {
		if (may_be_custom(cache, key))
			watchcache_keep_raw(cache, key, value, size, revision);
		return;
	}
	struct error err = ERROR_INIT;
	struct cache_item *item = watchcache_decode(cache->server, t->type, key, value, size, revision, &err);
	if (!item) {
		log_error("what is stored cannot be read and is left out: %s", err.message);
		watchcache_apply_delete(cache, key, revision, quiet); /* what it was before */
		watchcache_keep_unreadable(cache, key, revision, err.message);
		return;
	}
	watchcache_forget_unreadable(cache, key);
	struct cache_item *old = ordered_put(&t->items, item->key, item);
	t->generation++;
	if (revision > t->changed_revision)
		t->changed_revision = revision;
	if (quiet) {
		for (struct cache_subscriber *s = t->subscribers; s; s = s->next)
			s->fn(s->arg, old ? old->object : NULL, item->object);
		cache_item_unref(old);
		return;
	}
	struct cache_event *event = calloc(1, sizeof *event);
	if (!event)
		abort();
	event->refs = 1;
	event->revision = revision;
	event->item = cache_item_ref(item);
	event->old = old;
	cache_type_publish(cache, t, event);
}

struct cache_item *watchcache_deleted_item(const struct cache_item *old, int64_t revision)
{
	struct object *obj = object_clone(old->object);
	obj->meta->resource_version = arena_printf(obj->arena, "%" PRId64, revision);
	obj->revision = revision;
	return cache_item_new(obj, old->key);
}

void watchcache_apply_delete(struct watchcache *cache, const char *key, int64_t revision, bool quiet)
{
	const char *rest;
	struct cache_type *t = watchcache_route(cache, key, &rest);
	if (!t) {
		free(strmap_remove(cache->unclaimed, key));
		return;
	}
	struct cache_item *old = ordered_remove(&t->items, rest);
	watchcache_forget_unreadable(cache, key);
	if (!old)
		return;
	t->generation++;
	if (revision > t->changed_revision)
		t->changed_revision = revision;
	if (quiet) {
		for (struct cache_subscriber *s = t->subscribers; s; s = s->next)
			s->fn(s->arg, old->object, NULL);
		cache_item_unref(old);
		return;
	}
	struct cache_event *event = calloc(1, sizeof *event);
	if (!event)
		abort();
	event->refs = 1;
	event->revision = revision;
	event->is_deletion = true;
	event->item = watchcache_deleted_item(old, revision);
	event->old = old;
	cache_type_publish(cache, t, event);
}
