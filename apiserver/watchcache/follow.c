/*
 * Following the store: a list, the watch behind it, and a new list when the watch was cut off. A later list
 * replaces the cache in one step, so that nobody sees a mix of two states.
 */
#include <stdlib.h>
#include <string.h>

#include "apiserver/watchcache/internal.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

enum { LIST_PAGE = 2500, RELIST_MS = 200 };

/* A value of a later list, until the list is complete. */
struct staged {
	struct staged *next;
	int64_t revision;
	size_t size;
	const char *key; /* the map's */
	char value[];
};

/* ---- the watch ---- */

static void on_events(void *arg, const struct storage_event *events, size_t len, int64_t revision)
{
	struct watchcache *cache = arg;
	for (size_t i = 0; i < len; i++) {
		const struct storage_item *item = &events[i].item;
		cache->applying = item->revision;
		if (events[i].type == STORAGE_PUT)
			watchcache_apply_put(
			    cache, item->key, item->value, item->value_size, item->revision, false);
		else
			watchcache_apply_delete(cache, item->key, item->revision, false);
	}
	watchcache_advance(cache, revision);
}

static void list_again(struct watchcache *cache)
{
	loop_timer_start(cache->retry_timer, RELIST_MS, 0);
}

static void end_all_watchers(struct watchcache *cache)
{
	struct error err = ERROR_INIT;
	error_set(&err, ERR_EXPIRED, "the server has lost its place in the store's history");
	for (size_t i = 0; i < cache->types_len; i++)
		cache_type_end_watchers(cache->types[i], &err);
}

static void on_watch_end(void *arg, const struct error *err)
{
	struct watchcache *cache = arg;
	struct storage_op *op = cache->watch_op;
	cache->watch_op = NULL;
	log_warning("the store's watch was cut off, listing again: %s", err->message);
	storage_cancel(cache->server->storage, op);
	if (err->code == ERR_GONE)
		watchcache_unsettle(cache);
	list_again(cache);
}

static void start_watch(struct watchcache *cache, int64_t revision)
{
	static const struct storage_watch_callbacks callbacks = {on_events, on_watch_end};
	cache->watch_op =
	    cache->server->storage->functions->watch(cache->server->storage, revision, &callbacks, cache);
}

void watchcache_rewatch(struct watchcache *cache)
{
	if (!cache->watch_op)
		return;
	log_warning(
	    "the store's watch is silent behind revision %lld, though the store is ahead: opening it anew",
	    (long long)cache->revision);
	storage_cancel(cache->server->storage, cache->watch_op);
	start_watch(cache, cache->revision);
}

/* ---- a list that replaces what is cached ---- */

static void free_staged(struct watchcache *cache)
{
	while (cache->staged) {
		struct staged *s = cache->staged;
		cache->staged = s->next;
		free(s);
	}
	strmap_free(cache->listed, NULL);
	cache->listed = NULL;
}

static void stage(struct watchcache *cache, const struct storage_item *item)
{
	strmap_put(cache->listed, item->key, cache);
	if (cache->is_settled && watchcache_has(cache, item->key, item->revision))
		return;
	size_t key_size = strlen(item->key) + 1;
	struct staged *s = malloc(sizeof *s + item->value_size + key_size);
	if (!s)
		abort();
	*s = (struct staged){.next = cache->staged,
	    .revision = item->revision,
	    .size = item->value_size,
	    .key = s->value + item->value_size};
	if (item->value_size)
		memcpy(s->value, item->value, item->value_size);
	memcpy(s->value + item->value_size, item->key, key_size);
	cache->staged = s;
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
	strmap_for_each (cache->unclaimed, e) {
		if (!strmap_has(cache->listed, strmap_key(e)))
			strmap_put(gone, strmap_key(e), cache);
	}
	strmap_for_each (cache->unreadable, e) {
		if (!strmap_has(cache->listed, strmap_key(e)))
			watchcache_forget_unreadable(cache, strmap_key(e));
	}
	strmap_for_each (gone, e) {
		watchcache_apply_delete(cache, strmap_key(e), cache->list_revision, true);
	}
	strmap_free(gone, NULL);
	buf_done(&key);
}

static void replace(struct watchcache *cache)
{
	end_all_watchers(cache);
	cache->applying = cache->list_revision;
	drop_unlisted(cache);
	for (const struct staged *s = cache->staged; s; s = s->next)
		watchcache_apply_put(cache, s->key, s->value, s->size, s->revision, true);
}

/* ---- lists ---- */

static void on_listed(struct watchcache *cache)
{
	bool is_first = !cache->is_listed, was_settled = cache->is_settled;
	watchcache_drop_history(cache);
	cache->has_history = !is_first && !was_settled; /* what was before is another history */
	if (!is_first)
		replace(cache);
	free_staged(cache);
	for (size_t i = 0; i < cache->types_len; i++) {
		cache_type_reset_events(cache->types[i], cache->list_revision);
		/* Who knows what was created and deleted before? */
		cache->types[i]->changed_revision = cache->list_revision;
	}
	cache->is_listed = cache->is_settled = true;
	cache->revision = cache->applying = cache->list_revision;
	start_watch(cache, cache->list_revision);
	watchcache_advance(cache, cache->list_revision);
	if (is_first) {
		cache->callbacks.on_ready(cache->callbacks_arg);
	} else if (!was_settled) {
		watchcache_settled(cache);
		cache->callbacks.on_replaced(cache->callbacks_arg);
	}
}

static void list_page(struct watchcache *cache, const char *from, int64_t revision);

static void on_page(void *arg, const struct storage_result *result)
{
	struct watchcache *cache = arg;
	cache->list_op = NULL;
	if (result->error) {
		log_warning("cannot list the store: %s", result->error->message);
		if (!cache->is_listed)
			drop_unlisted(cache); /* all of it: the next list may be of another revision */
		list_again(cache);
		return;
	}
	if (!cache->list_revision)
		cache->list_revision = result->revision;
	for (size_t i = 0; i < result->items_len; i++) {
		const struct storage_item *item = &result->items[i];
		if (cache->is_listed)
			stage(cache, item);
		else
			watchcache_apply_put(
			    cache, item->key, item->value, item->value_size, item->revision, true);
	}
	if (!result->more || !result->items_len) {
		on_listed(cache);
		return;
	}
	struct buf from = BUF_INIT;
	buf_puts(&from, result->items[result->items_len - 1].key);
	buf_putc(&from, '\x01'); /* no key has a byte below this behind another key */
	list_page(cache, buf_str(&from), cache->list_revision);
	buf_done(&from);
}

static void list_page(struct watchcache *cache, const char *from, int64_t revision)
{
	struct storage *storage = cache->server->storage;
	struct buf to = BUF_INIT;
	buf_puts(&to, cache->root);
	to.data[to.size - 1]++; /* "/registry0": the end of everything below "/registry/" */
	cache->list_op =
	    storage->functions->list(storage, from, buf_str(&to), revision, LIST_PAGE, false, on_page, cache);
	buf_done(&to);
}

void watchcache_follow(void *arg)
{
	struct watchcache *cache = arg;
	cache->list_revision = 0;
	free_staged(cache);
	cache->listed = strmap_new();
	list_page(cache, cache->root, 0);
}

const char *watchcache_why_behind(const struct watchcache *cache)
{
	if (!cache->is_listed)
		return "the first list of the store is not complete";
	if (!cache->is_settled)
		return "the store has another history and is being listed anew";
	return cache->watch_op ? NULL
			       : "the watch over the store was cut off and the store is being listed again";
}

void watchcache_unfollow(struct watchcache *cache)
{
	struct storage *storage = cache->server->storage;
	storage_cancel(storage, cache->list_op);
	storage_cancel(storage, cache->watch_op);
	watchcache_drop_history(cache);
	free_staged(cache);
}
