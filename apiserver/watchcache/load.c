/* From storage into the cache: the first list, the watch behind it, and a new list when the watch was cut
 * off. */
#include "apiserver/watchcache/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"
#include "lib/resources/stored.h"

enum { LIST_PAGE = 2500, RELIST_MS = 200 };
enum { OVERHEAD_MORE = 32 }; /* revisions and names grow by a digit */

/* Finds the type of a storage key: the prefix behind the root is one or two segments long. ret_rest: behind
 * it. */
static struct cache_type *route(struct watchcache *cache, const char *key, const char **ret_rest)
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
	struct cache_type *t = route(server->cache, storage_key, &rest);
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

void watchcache_apply_put(
    struct watchcache *cache, const char *key, const void *value, size_t size, int64_t revision, bool quiet)
{
	const char *rest;
	struct cache_type *t = route(cache, key, &rest);
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

static struct cache_item *deleted_item(const struct cache_item *old, int64_t revision)
{
	struct object *obj = object_clone(old->object);
	obj->meta->resource_version = arena_printf(obj->arena, "%" PRId64, revision);
	obj->revision = revision;
	return cache_item_new(obj, old->key);
}

void watchcache_apply_delete(struct watchcache *cache, const char *key, int64_t revision, bool quiet)
{
	const char *rest;
	struct cache_type *t = route(cache, key, &rest);
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
	event->item = deleted_item(old, revision);
	event->old = old;
	cache_type_publish(cache, t, event);
}

static void on_events(void *arg, const struct storage_event *events, size_t len, int64_t revision)
{
	struct watchcache *cache = arg;
	for (size_t i = 0; i < len; i++) {
		const struct storage_item *item = &events[i].item;
		if (events[i].type == STORAGE_PUT)
			watchcache_apply_put(
			    cache, item->key, item->value, item->value_size, item->revision, false);
		else
			watchcache_apply_delete(cache, item->key, item->revision, false);
	}
	watchcache_advance(cache, revision);
}

static void on_retry(void *arg)
{
	watchcache_list(arg);
}

static void list_again(struct watchcache *cache)
{
	if (!cache->retry_timer)
		cache->retry_timer = loop_timer_new(cache->server->loop, on_retry, cache);
	loop_timer_start(cache->retry_timer, RELIST_MS, 0);
}

static void on_watch_end(void *arg, const struct error *err)
{
	struct watchcache *cache = arg;
	struct storage_op *op = cache->watch_op;
	cache->watch_op = NULL;
	log_warning("the store's watch was cut off, listing again: %s", err->message);
	storage_cancel(cache->server->storage, op);
	list_again(cache);
}

/* What was cached and is not listed any more has been deleted while nobody looked. */
static void drop_unlisted(struct watchcache *cache)
{
	struct buf key = BUF_INIT;
	struct strmap *gone = strmap_new();
	for (size_t i = 0; i < cache->types_len; i++) {
		struct cache_type *t = cache->types[i];
		for (struct ordered_node *n = t->items.heads[0]; n; n = n->next[0]) {
			buf_reset(&key);
			watchcache_storage_key(cache->server, t->type, NULL, NULL, &key);
			buf_puts(&key, n->key);
			if (!strmap_has(cache->listed, buf_str(&key)))
				strmap_put(gone, buf_str(&key), t);
		}
	}
	strmap_for_each (gone, e) {
		watchcache_apply_delete(cache, strmap_key(e), cache->list_revision, true);
	}
	strmap_for_each (cache->unreadable, e) {
		if (!strmap_has(cache->listed, strmap_key(e)))
			watchcache_forget_unreadable(cache, strmap_key(e));
	}
	strmap_free(gone, NULL);
	buf_done(&key);
}

static void on_listed(struct watchcache *cache)
{
	static const struct storage_watch_callbacks callbacks = {on_events, on_watch_end};
	struct error err = ERROR_INIT;
	error_set(&err, ERR_EXPIRED, "the server has lost its place in the store's history");
	if (cache->is_ready)
		drop_unlisted(cache);
	strmap_free(cache->listed, NULL);
	cache->listed = NULL;
	for (size_t i = 0; i < cache->types_len; i++) {
		cache_type_reset_events(cache->types[i], cache->list_revision);
		cache_type_end_watchers(cache->types[i], &err);
	}
	cache->watch_op = cache->server->storage->functions->watch(
	    cache->server->storage, cache->list_revision, &callbacks, cache);
	watchcache_advance(cache, cache->list_revision);
	if (!cache->is_ready) {
		cache->is_ready = true;
		cache->ready(cache->ready_arg, NULL);
	}
}

static void on_page(void *arg, const struct storage_result *result)
{
	struct watchcache *cache = arg;
	cache->list_op = NULL;
	if (result->error) {
		log_warning("cannot list the store: %s", result->error->message);
		list_again(cache);
		return;
	}
	if (!cache->list_revision)
		cache->list_revision = result->revision;
	for (size_t i = 0; i < result->items_len; i++) {
		const struct storage_item *item = &result->items[i];
		watchcache_apply_put(cache, item->key, item->value, item->value_size, item->revision, true);
		if (cache->is_ready)
			strmap_put(cache->listed, item->key, cache);
	}
	if (!result->more || !result->items_len) {
		on_listed(cache);
		return;
	}
	struct buf from = BUF_INIT, to = BUF_INIT;
	buf_puts(&from, result->items[result->items_len - 1].key);
	buf_putc(&from, '\x01'); /* no key has a byte below this behind another key */
	buf_puts(&to, cache->root);
	to.data[to.size - 1]++;
	cache->list_op = cache->server->storage->functions->list(cache->server->storage, buf_str(&from),
	    buf_str(&to), cache->list_revision, LIST_PAGE, false, on_page, cache);
	buf_done(&from);
	buf_done(&to);
}

void watchcache_list(struct watchcache *cache)
{
	struct buf to = BUF_INIT;
	cache->list_revision = 0;
	strmap_free(cache->listed, NULL);
	cache->listed = strmap_new();
	buf_puts(&to, cache->root);
	to.data[to.size - 1]++; /* "/registry0": the end of everything below "/registry/" */
	cache->list_op = cache->server->storage->functions->list(
	    cache->server->storage, cache->root, buf_str(&to), 0, LIST_PAGE, false, on_page, cache);
	buf_done(&to);
}
