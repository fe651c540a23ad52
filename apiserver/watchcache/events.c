/* The ring of a type's last events, and those who watch it. */
#include "apiserver/watchcache/internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/loop/loop.h"

struct cache_event *cache_event_ref(struct cache_event *event)
{
	event->refs++;
	return event;
}

void cache_event_unref(struct cache_event *event)
{
	if (!event || --event->refs > 0)
		return;
	cache_item_unref(event->item);
	cache_item_unref(event->old);
	for (size_t i = 0; i < 3; i++)
		bytes_unref(event->frames[i]);
	free(event);
}

static void grow_ring(struct cache_type *t)
{
	size_t capacity = t->events_capacity ? t->events_capacity * 2 : RING_MIN;
	struct cache_event **events = malloc(capacity * sizeof(void *));
	int64_t *ms = malloc(capacity * sizeof *ms);
	if (!events || !ms)
		abort();
	for (size_t i = 0; i < t->events_len; i++) {
		size_t from = (t->events_head + i) % t->events_capacity;
		events[i] = t->events[from];
		ms[i] = t->events_ms[from];
	}
	free(t->events);
	free(t->events_ms);
	t->events = events;
	t->events_ms = ms;
	t->events_head = 0;
	t->events_capacity = capacity;
}

static void drop_oldest(struct cache_type *t)
{
	struct cache_event *event = t->events[t->events_head];
	t->complete_since = event->revision;
	t->events_head = (t->events_head + 1) % t->events_capacity;
	t->events_len--;
	cache_event_unref(event);
}

static void remember(struct watchcache *cache, struct cache_type *t, struct cache_event *event)
{
	int64_t now_ms = loop_now_ms(cache->server->loop);
	while (t->events_len >= RING_MIN &&
	       (t->events_len >= RING_MAX || t->events_ms[t->events_head] < now_ms - RING_FRESH_MS))
		drop_oldest(t);
	if (t->events_len == t->events_capacity)
		grow_ring(t);
	size_t at = (t->events_head + t->events_len++) % t->events_capacity;
	t->events[at] = cache_event_ref(event);
	t->events_ms[at] = now_ms;
}

void cache_type_publish(struct watchcache *cache, struct cache_type *t, struct cache_event *take_event)
{
	remember(cache, t, take_event);
	for (struct cache_watcher *w = t->watchers, *next; w; w = next) {
		next = w->next;
		if (take_event->revision <= w->start)
			continue; /* it began in the future */
		w->callbacks.on_event(w->arg, take_event);
	}
	for (struct cache_subscriber *s = t->subscribers; s; s = s->next)
		s->fn(s->arg, take_event->old ? take_event->old->object : NULL,
		    take_event->is_deletion ? NULL : take_event->item->object);
	cache_event_unref(take_event);
}

void cache_type_reset_events(struct cache_type *t, int64_t revision)
{
	while (t->events_len > 0)
		drop_oldest(t);
	t->complete_since = revision;
}

void cache_type_end_watchers(struct cache_type *t, const struct error *err)
{
	while (t->watchers) {
		struct cache_watcher *w = t->watchers;
		void (*on_end)(void *, const struct error *) = w->callbacks.on_end;
		void *arg = w->arg;
		watchcache_unwatch(w);
		on_end(arg, err);
	}
}

void watchcache_end_watches(struct watchcache *cache)
{
	for (size_t i = 0; i < cache->types_len; i++)
		cache_type_end_watchers(cache->types[i], NULL);
}

static void replay(struct cache_type *t, struct cache_watcher *w)
{
	for (size_t i = 0; i < t->events_len; i++) {
		struct cache_event *event = t->events[(t->events_head + i) % t->events_capacity];
		if (event->revision <= w->start)
			continue;
		w->callbacks.on_event(w->arg, event);
	}
}

struct cache_watcher *watchcache_watch(struct api_server *server, const struct resource_type *type,
    int64_t revision, const struct cache_watcher_callbacks *callbacks, void *arg, struct error *err)
{
	struct cache_type *t = watchcache_type(server->cache, type);
	if (!t) {
		error_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
		return NULL;
	}
	if (revision > server->cache->revision) {
		error_set(err, ERR_EXPIRED,
		    "unknown resource version: %" PRId64 ", current: %" PRId64
		    "; the store was put back to an older state",
		    revision, server->cache->revision);
		return NULL;
	}
	if (revision < t->complete_since) {
		error_set(err, ERR_EXPIRED, "too old resource version: %" PRId64 " (%" PRId64 ")", revision,
		    t->complete_since);
		return NULL;
	}
	struct cache_watcher *w = calloc(1, sizeof *w);
	if (!w)
		abort();
	w->type = t;
	w->callbacks = *callbacks;
	w->arg = arg;
	w->start = revision;
	w->next = t->watchers;
	w->prev = &t->watchers;
	if (w->next)
		w->next->prev = &w->next;
	t->watchers = w;
	replay(t, w);
	return w;
}

void watchcache_unwatch(struct cache_watcher *watcher)
{
	if (!watcher)
		return;
	*watcher->prev = watcher->next;
	if (watcher->next)
		watcher->next->prev = watcher->prev;
	free(watcher);
}

/* Tells quiet watchers how far they have come, so that after a break they need not start over. */
void watchcache_send_bookmarks(void *arg)
{
	struct watchcache *cache = arg;
	for (size_t i = 0; i < cache->types_len && cache->is_settled; i++) {
		for (struct cache_watcher *w = cache->types[i]->watchers, *next; w; w = next) {
			next = w->next;
			if (!w->callbacks.on_progress)
				continue;
			w->callbacks.on_progress(w->arg, cache->revision);
		}
	}
}
