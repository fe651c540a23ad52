/*
 * What happened before the list, so that clients resume their watches after the server was restarted. It is
 * loaded when the first of them asks for it: a start does not wait for it, and a server that nobody comes
 * back to does not pay for it. It reaches back to the last compaction, or HISTORY_MAX revisions.
 */
#include <stdlib.h>
#include <string.h>

#include "apiserver/watchcache/internal.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

enum {
	HISTORY_MAX = 5000,
	LOAD_MS = 10000, /* for one attempt */
	RETRY_MS = 300,
	WAIT_MS = 30000
};

enum outcome { LOADING, COMPLETE, IMPOSSIBLE, FAILED };

struct history {
	struct watchcache *cache;
	struct storage_op *op; /* asks for the last compaction, then the stream of changes */
	struct loop_timer *timer;
	int64_t start, end; /* changes behind start, up to end: the list's revision */
	enum outcome outcome;
	struct strmap *last; /* storage key -> struct cache_item of its last change */
};

void cache_type_forget_past(struct cache_type *t)
{
	for (size_t i = 0; i < t->past_len; i++)
		cache_event_unref(t->past[i]);
	free(t->past);
	t->past = NULL;
	t->past_len = t->past_capacity = 0;
}

static void unref_item(void *item)
{
	cache_item_unref(item);
}

static void forget(struct history *h)
{
	storage_cancel(h->cache->server->storage, h->op);
	h->op = NULL;
	strmap_free(h->last, unref_item);
	h->last = NULL;
	for (size_t i = 0; i < h->cache->types_len; i++)
		cache_type_forget_past(h->cache->types[i]);
}

static void free_history(struct watchcache *cache)
{
	struct history *h = cache->history;
	cache->history = NULL;
	forget(h);
	loop_timer_free(h->timer);
	free(h);
}

static void release_waits(struct watchcache *cache)
{
	for (struct watchcache_wait *w = cache->waits; w; w = w->next)
		if (w->is_history)
			w->revision = 1;
}

void watchcache_drop_history(struct watchcache *cache)
{
	cache->has_history = true;
	if (cache->history)
		free_history(cache);
	release_waits(cache);
}

/* The ring is complete behind the list only when it has not dropped anything since. */
static bool takes_past(const struct watchcache *cache, const struct cache_type *t)
{
	return t->complete_since == cache->list_revision && t->past_len + t->events_len <= RING_MAX;
}

static void prepend_past(struct watchcache *cache, struct cache_type *t, int64_t start)
{
	if (!takes_past(cache, t))
		return;
	t->complete_since = start;
	if (t->past_len == 0)
		return;
	size_t len = t->past_len + t->events_len, capacity = RING_MIN;
	while (capacity < len)
		capacity *= 2;
	struct cache_event **events = malloc(capacity * sizeof(void *));
	int64_t *ms = malloc(capacity * sizeof *ms), now_ms = loop_now_ms(cache->server->loop);
	if (!events || !ms)
		abort();
	for (size_t i = 0; i < len; i++) {
		bool is_past = i < t->past_len;
		size_t at = is_past ? i : (t->events_head + i - t->past_len) % t->events_capacity;
		events[i] = is_past ? t->past[i] : t->events[at];
		ms[i] = is_past ? now_ms : t->events_ms[at];
	}
	t->past_len = 0; /* the ring's now */
	free(t->events);
	free(t->events_ms);
	t->events = events;
	t->events_ms = ms;
	t->events_head = 0;
	t->events_len = len;
	t->events_capacity = capacity;
}

static void begin(struct history *h);

static bool has_waits(const struct watchcache *cache)
{
	for (const struct watchcache_wait *w = cache->waits; w; w = w->next)
		if (w->is_history)
			return true;
	return false;
}

/* Never inside a callback of the store: waiters do as they like. */
static void on_timer(void *arg)
{
	struct history *h = arg;
	struct watchcache *cache = h->cache;
	if (h->outcome == LOADING) { /* for too long */
		h->outcome = FAILED;
		forget(h);
	}
	if (h->outcome == FAILED && has_waits(cache)) {
		begin(h);
		return;
	}
	if (h->outcome == FAILED) {
		free_history(cache); /* who comes later may try again */
		return;
	}
	for (size_t i = 0; h->outcome == COMPLETE && i < cache->types_len; i++)
		prepend_past(cache, cache->types[i], h->start);
	watchcache_drop_history(cache);
	watchcache_check_waits(cache);
}

static void finish_soon(struct history *h, enum outcome outcome)
{
	if (h->outcome != LOADING)
		return;
	h->outcome = outcome;
	loop_timer_start(h->timer, outcome == FAILED ? RETRY_MS : 0, 0);
}

/* The item as of that revision: where the cache or an event has it, the same one. NULL: it cannot be read. */
static struct cache_item *item_of(
    struct history *h, const struct cache_type *t, const char *rest, const struct storage_item *stored)
{
	struct error err = ERROR_INIT;
	struct cache_item *known = strmap_get(h->last, stored->key);
	if (!known || known->revision != stored->revision)
		known = ordered_get(&t->items, rest);
	if (known && known->revision == stored->revision)
		return cache_item_ref(known);
	return watchcache_decode(h->cache->server, t->type, stored->key, stored->value, stored->value_size,
	    stored->revision, &err);
}

/* What cannot be read is not there, to whoever watches. */
static void read_change(
    struct history *h, struct cache_type *t, const char *rest, const struct storage_event *change)
{
	const struct storage_item *stored = &change->item;
	struct cache_item *old = change->old.revision > 0 ? item_of(h, t, rest, &change->old) : NULL;
	struct cache_item *item = change->type == STORAGE_PUT ? item_of(h, t, rest, stored) : NULL;
	bool is_deletion = !item;
	if (!item && !old)
		return;
	if (!item)
		item = watchcache_deleted_item(old, stored->revision);
	struct cache_event *event = calloc(1, sizeof *event);
	if (!event)
		abort();
	*event = (struct cache_event){
	    .refs = 1, .revision = stored->revision, .is_deletion = is_deletion, .item = item, .old = old};
	cache_item_unref(strmap_put(h->last, stored->key, cache_item_ref(item)));
	if (t->past_len == t->past_capacity) {
		t->past_capacity = t->past_capacity ? t->past_capacity * 2 : 64;
		t->past = realloc(t->past, t->past_capacity * sizeof(void *));
		if (!t->past)
			abort();
	}
	t->past[t->past_len++] = event;
}

static void on_events(void *arg, const struct storage_event *events, size_t len, int64_t revision)
{
	struct history *h = arg;
	if (h->outcome != LOADING)
		return;
	for (size_t i = 0; i < len && events[i].item.revision <= h->end; i++) {
		const char *rest;
		struct cache_type *t = watchcache_route(h->cache, events[i].item.key, &rest);
		if (t && takes_past(h->cache, t))
			read_change(h, t, rest, &events[i]);
	}
	if (revision >= h->end)
		finish_soon(h, COMPLETE);
}

static void on_end(void *arg, const struct error *err)
{
	finish_soon(arg, IMPOSSIBLE);
}

/* The key whose value is the revision of the last compaction, as the compactor leaves it. */
static void on_compact_key(void *arg, const struct storage_result *result)
{
	static const struct storage_watch_callbacks callbacks = {on_events, on_end};
	struct history *h = arg;
	struct storage *storage = h->cache->server->storage;
	int64_t compacted = 0;
	h->op = NULL;
	if (result->error) {
		finish_soon(h, FAILED);
		return;
	}
	if (result->items_len && result->items[0].value)
		str_to_int64(result->items[0].value, &compacted);
	if (h->start < compacted)
		h->start = compacted;
	if (h->start < h->end)
		h->op = storage->functions->history(storage, h->start, &callbacks, h);
	else
		finish_soon(h, COMPLETE);
}

static int64_t start_of(const struct watchcache *cache)
{
	return cache->list_revision > HISTORY_MAX ? cache->list_revision - HISTORY_MAX : 1;
}

static void begin(struct history *h)
{
	struct storage *storage = h->cache->server->storage;
	forget(h);
	h->outcome = LOADING;
	h->start = start_of(h->cache);
	h->end = h->cache->list_revision;
	h->last = strmap_new();
	loop_timer_start(h->timer, LOAD_MS, 0);
	h->op = storage->functions->get(storage, "compact_rev_key", on_compact_key, h);
}

static void load(struct watchcache *cache)
{
	struct history *h = calloc(1, sizeof *h);
	if (!h)
		abort();
	cache->history = h;
	h->cache = cache;
	h->timer = loop_timer_new(cache->server->loop, on_timer, h);
	begin(h);
}

struct watchcache_wait *watchcache_await_history(struct api_server *server, const struct resource_type *type,
    int64_t revision, watchcache_ready_fn *fn, void *arg)
{
	struct watchcache *cache = server->cache;
	const struct cache_type *t = watchcache_type(cache, type);
	if (!t || !cache->is_settled || cache->has_history || !server->storage->functions->history ||
	    revision >= t->complete_since || revision < start_of(cache) || !takes_past(cache, t))
		return NULL;
	if (!cache->history)
		load(cache);
	struct watchcache_wait *wait = watchcache_add_wait(cache, 0, WAIT_MS, fn, arg);
	wait->is_history = true;
	return wait;
}
