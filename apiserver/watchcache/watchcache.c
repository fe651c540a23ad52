/* The cache as a whole: its types, lookups and iteration. load.c fills it, events.c and freshness.c serve
 * those who wait. */
#include "apiserver/watchcache/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/options.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

#define STORAGE_ROOT "/registry"

/* "pods" of "/registry/pods": what identifies a type among the keys. */
static const char *prefix_of(const struct resource_type *type)
{
	return type->storage_prefix + strlen(STORAGE_ROOT) + 1;
}

static const struct resource_type *stored(const struct resource_type *type)
{
	return type->stored_as ? type->stored_as : type;
}

struct cache_type *watchcache_type(struct watchcache *cache, const struct resource_type *type)
{
	if (!type || (type->flags & RESOURCE_VIRTUAL))
		return NULL;
	return strmap_get(cache->by_prefix, prefix_of(stored(type)));
}

struct watchcache *watchcache_new(struct api_server *server)
{
	struct watchcache *cache = calloc(2, sizeof *cache);
	if (!cache)
		abort();
	cache->server = server;
	server->cache = cache; /* keys are made through it */
	cache->by_prefix = strmap_new();
	cache->unclaimed = strmap_new();
	cache->unreadable = strmap_new();
	const char *root = str_or(server->options->etcd_prefix, STORAGE_ROOT);
	size_t size = strlen(root);
	cache->root = calloc(1, size + 2);
	if (!cache->root)
		abort();
	strcpy(cache->root, root);
	if (size == 0 || root[size - 1] != '/')
		cache->root[size++] = '/';
	cache->root_size = size;
	cache->wait_timer = loop_timer_new(server->loop, watchcache_check_waits, cache);
	cache->retry_timer = loop_timer_new(server->loop, watchcache_follow, cache);
	cache->bookmark_timer = loop_timer_new(server->loop, watchcache_send_bookmarks, cache);
	for (size_t i = 0; i < resources_count(); i++)
		watchcache_add_type(cache, resources_at(i));
	return cache;
}

void watchcache_start(struct watchcache *cache, const struct watchcache_callbacks *callbacks, void *arg)
{
	cache->callbacks = *callbacks;
	cache->callbacks_arg = arg;
	loop_timer_start(cache->bookmark_timer, BOOKMARK_MS, BOOKMARK_MS);
	watchcache_follow(cache);
}

static void unref_item(void *item)
{
	cache_item_unref(item);
}

static void free_type(struct cache_type *t)
{
	cache_type_reset_events(t, 0);
	cache_type_forget_past(t);
	free(t->events);
	free(t->events_ms);
	ordered_done(&t->items, unref_item);
	while (t->watchers)
		watchcache_unwatch(t->watchers);
	while (t->subscribers) {
		struct cache_subscriber *s = t->subscribers;
		t->subscribers = s->next;
		free(s);
	}
	free(t);
}

void watchcache_free(struct watchcache *cache)
{
	if (!cache)
		return;
	cache->is_freeing = true;
	watchcache_unfollow(cache);
	storage_cancel(cache->server->storage, cache->fence_op);
	while (cache->waits)
		watchcache_wait_cancel(cache->waits);
	loop_timer_free(cache->wait_timer);
	loop_timer_free(cache->bookmark_timer);
	loop_timer_free(cache->retry_timer);
	for (size_t i = 0; i < cache->types_len; i++)
		free_type(cache->types[i]);
	free(cache->types);
	strmap_free(cache->by_prefix, NULL);
	strmap_free(cache->unclaimed, free);
	strmap_free(cache->unreadable, free);
	free(cache->root);
	free(cache);
}

/* Values that came before their type was known. */
static void claim(struct watchcache *cache, struct cache_type *t)
{
	struct buf prefix = BUF_INIT;
	watchcache_storage_key(cache->server, t->type, NULL, NULL, &prefix);
	strmap_for_each (cache->unclaimed, e) {
		if (!str_has_prefix(strmap_key(e), buf_str(&prefix)))
			continue;
		struct raw_value *raw = strmap_value(e);
		watchcache_apply_put(cache, strmap_key(e), raw->data, raw->size, raw->revision, true);
		strmap_remove(cache->unclaimed, strmap_key(e));
		free(raw);
	}
	buf_done(&prefix);
}

void watchcache_add_type(struct watchcache *cache, const struct resource_type *type)
{
	type = stored(type);
	if ((type->flags & RESOURCE_VIRTUAL) || watchcache_type(cache, type))
		return;
	struct cache_type *t = calloc(1, sizeof *t);
	if (!t)
		abort();
	t->type = type;
	ordered_init(&t->items);
	t->complete_since = cache->applying > cache->revision ? cache->applying : cache->revision;
	t->changed_revision = t->complete_since;
	if (cache->types_len == cache->types_capacity) {
		cache->types_capacity = cache->types_capacity ? cache->types_capacity * 2 : 64;
		cache->types = realloc(cache->types, cache->types_capacity * sizeof(void *));
		if (!cache->types)
			abort();
	}
	cache->types[cache->types_len++] = t;
	strmap_put(cache->by_prefix, prefix_of(type), t);
	claim(cache, t);
}

/* Another definition of the type may follow, which reads the same values in its own way. */
static void give_back(struct watchcache *cache, const struct cache_type *t)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	for (struct ordered_node *n = t->items.heads[0]; n; n = n->next[0]) {
		const struct cache_item *item = n->value;
		buf_reset(&key);
		buf_reset(&value);
		watchcache_storage_key(cache->server, t->type, NULL, NULL, &key);
		buf_puts(&key, n->key);
		if (!item->stored)
			object_encode_stored(&value, item->object);
		watchcache_keep_raw(cache, buf_str(&key), item->stored ? item->stored->data : value.data,
		    item->stored ? item->stored->size : value.size, item->revision);
	}
	buf_done(&key);
	buf_done(&value);
}

void watchcache_remove_type(struct watchcache *cache, const struct resource_type *type)
{
	struct cache_type *t = watchcache_type(cache, type);
	if (!t || t->type != stored(type))
		return;
	struct error err = ERROR_INIT;
	error_set(&err, ERR_EXPIRED, "the resource is no longer served");
	cache_type_end_watchers(t, &err);
	give_back(cache, t);
	strmap_remove(cache->by_prefix, prefix_of(t->type));
	for (size_t i = 0; i < cache->types_len; i++) {
		if (cache->types[i] == t) {
			cache->types[i] = cache->types[--cache->types_len];
			break;
		}
	}
	free_type(t);
}

void watchcache_storage_key(struct api_server *server, const struct resource_type *type, const char *ns,
    const char *name, struct buf *ret)
{
	buf_append(ret, server->cache->root, server->cache->root_size);
	buf_puts(ret, prefix_of(stored(type)));
	buf_putc(ret, '/');
	if (!str_empty(ns)) {
		buf_puts(ret, ns);
		buf_putc(ret, '/');
	}
	if (name)
		buf_puts(ret, name);
}

struct cache_item *watchcache_item(
    struct api_server *server, const struct resource_type *type, const char *ns, const char *name)
{
	struct cache_type *t = watchcache_type(server->cache, type);
	char key[OBJECT_KEY_MAX];
	int size = str_empty(ns) ? snprintf(key, sizeof key, "%s", name)
				 : snprintf(key, sizeof key, "%s/%s", ns, name);
	if (!t || size < 0 || (size_t)size >= sizeof key)
		return NULL;
	return ordered_get(&t->items, key);
}

const struct object *watchcache_lookup(
    struct api_server *server, const struct resource_type *type, const char *ns, const char *name)
{
	struct cache_item *item = watchcache_item(server, type, ns, name);
	return item ? item->object : NULL;
}

void watchcache_cursor_init(struct watchcache_cursor *cursor, struct api_server *server,
    const struct resource_type *type, const char *ns)
{
	struct cache_type *t = watchcache_type(server->cache, type);
	char prefix[128];
	*cursor = (struct watchcache_cursor){.ns = "", .ns_len = 0};
	if (!t)
		return;
	if (str_empty(ns)) {
		cursor->node = t->items.heads[0];
		return;
	}
	cursor->ns = ns;
	cursor->ns_len = strlen(ns);
	snprintf(prefix, sizeof prefix, "%s/", ns);
	cursor->node = ordered_seek(&t->items, prefix);
}

struct cache_item *watchcache_next_item(struct watchcache_cursor *cursor)
{
	struct ordered_node *node = cursor->node;
	if (!node)
		return NULL;
	if (cursor->ns_len &&
	    (strncmp(node->key, cursor->ns, cursor->ns_len) != 0 || node->key[cursor->ns_len] != '/')) {
		cursor->node = NULL;
		return NULL;
	}
	cursor->node = node->next[0];
	return node->value;
}

const struct object *watchcache_next(struct watchcache_cursor *cursor)
{
	struct cache_item *item = watchcache_next_item(cursor);
	return item ? item->object : NULL;
}

size_t watchcache_count(struct api_server *server, const struct resource_type *type)
{
	struct cache_type *t = watchcache_type(server->cache, type);
	return t ? t->items.len : 0;
}

void watchcache_subscribe(struct api_server *server, const struct resource_type *type,
    void (*fn)(void *arg, const struct object *old, const struct object *obj), void *arg)
{
	struct cache_type *t = watchcache_type(server->cache, type);
	if (!t)
		return;
	struct cache_subscriber *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	s->fn = fn;
	s->arg = arg;
	struct cache_subscriber **p = &t->subscribers;
	while (*p)
		p = &(*p)->next;
	*p = s;
	for (struct ordered_node *n = t->items.heads[0]; n; n = n->next[0])
		fn(arg, NULL, ((struct cache_item *)n->value)->object);
}

uint64_t watchcache_generation(struct api_server *server, const struct resource_type *type)
{
	struct cache_type *t = watchcache_type(server->cache, type);
	return t ? t->generation : 0;
}

int64_t watchcache_changed_revision(struct api_server *server, const struct resource_type *type)
{
	struct cache_type *t = watchcache_type(server->cache, type);
	return t ? t->changed_revision : 0;
}
