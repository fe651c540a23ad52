/* Waiting until the cache has caught up: with a revision, or with the store as it is now. */
#include "apiserver/watchcache/internal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/loop/loop.h"

enum {
	WAIT_TICK_MS = 500,
	FENCE_TIMEOUT_MS = 10000,
	SILENT_MS = 3000 /* a change that is stored and not seen for so long: the watch has died unnoticed */
};

static void ask_store(struct watchcache *cache);

static void finish(struct watchcache_wait *wait, const struct error *err)
{
	watchcache_ready_fn *fn = wait->fn;
	void *arg = wait->arg;
	watchcache_wait_cancel(wait);
	fn(arg, err);
}

void watchcache_wait_cancel(struct watchcache_wait *wait)
{
	if (!wait)
		return;
	*wait->prev = wait->next;
	if (wait->next)
		wait->next->prev = wait->prev;
	free(wait);
}

static void explain_timeout(const struct watchcache_wait *w, struct error *err)
{
	const struct watchcache *cache = w->cache;
	if (!cache->is_settled)
		error_set(err, ERR_TIMEOUT, "etcd's data was replaced and has not been read yet");
	else if (w->is_history)
		error_set(err, ERR_TIMEOUT, "etcd's history was not read in time");
	else if (!w->revision)
		error_set(err, ERR_TIMEOUT, "etcd does not answer");
	else
		error_set(err, ERR_TIMEOUT, "Too large resource version: %" PRId64 ", current: %" PRId64,
		    w->revision, cache->revision);
	err->retry_after_s = 1;
}

/* Callbacks may add and cancel waits: look from the start again after each. */
static bool finish_one(struct watchcache *cache)
{
	int64_t now_ms = loop_now_ms(cache->server->loop);
	for (struct watchcache_wait *w = cache->waits; w; w = w->next) {
		if (cache->is_settled && w->revision && w->revision <= cache->revision) {
			finish(w, NULL);
			return true;
		}
		if (now_ms >= w->deadline_ms) {
			struct error err = ERROR_INIT;
			explain_timeout(w, &err);
			finish(w, &err);
			return true;
		}
	}
	return false;
}

static bool is_watch_silent(const struct watchcache *cache)
{
	int64_t before_ms = loop_now_ms(cache->server->loop) - SILENT_MS;
	if (!cache->is_settled || cache->advanced_ms > before_ms)
		return false;
	for (const struct watchcache_wait *w = cache->waits; w; w = w->next)
		if (w->is_fence && w->revision > cache->revision && w->known_ms <= before_ms)
			return true;
	return false;
}

void watchcache_check_waits(void *arg)
{
	struct watchcache *cache = arg;
	while (finish_one(cache))
		;
	if (is_watch_silent(cache)) {
		cache->advanced_ms = loop_now_ms(cache->server->loop);
		watchcache_rewatch(cache);
	}
	if (!cache->waits)
		loop_timer_stop(cache->wait_timer);
}

void watchcache_advance(struct watchcache *cache, int64_t revision)
{
	if (revision > cache->revision)
		cache->revision = revision;
	cache->advanced_ms = loop_now_ms(cache->server->loop);
	if (cache->waits)
		watchcache_check_waits(cache);
}

struct watchcache_wait *watchcache_add_wait(
    struct watchcache *cache, int64_t revision, int64_t timeout_ms, watchcache_ready_fn *fn, void *arg)
{
	struct watchcache_wait *wait = calloc(1, sizeof *wait);
	if (!wait)
		abort();
	wait->cache = cache;
	wait->revision = revision;
	wait->deadline_ms = loop_now_ms(cache->server->loop) + timeout_ms;
	wait->fn = fn;
	wait->arg = arg;
	/* At the end: who came first is served first. */
	struct watchcache_wait **p = &cache->waits;
	while (*p)
		p = &(*p)->next;
	wait->prev = p;
	*p = wait;
	if (!loop_timer_is_active(cache->wait_timer))
		loop_timer_start(cache->wait_timer, WAIT_TICK_MS, WAIT_TICK_MS);
	return wait;
}

static void check_soon(void *arg)
{
	watchcache_check_waits(arg);
}

struct watchcache_wait *watchcache_wait(
    struct api_server *server, int64_t revision, int64_t timeout_ms, watchcache_ready_fn *fn, void *arg)
{
	struct watchcache *cache = server->cache;
	struct watchcache_wait *wait =
	    watchcache_add_wait(cache, revision > 0 ? revision : 1, timeout_ms, fn, arg);
	if (revision <= cache->revision)
		loop_defer(server->loop, check_soon, cache);
	return wait;
}

static void on_revision(void *arg, const struct storage_result *result)
{
	struct watchcache *cache = arg;
	cache->fence_op = NULL;
	if (!cache->is_settled)
		return; /* the question is asked again when the cache holds what is stored now */
	bool ask_again = false;
	for (struct watchcache_wait *w = cache->waits, *next; w; w = next) {
		next = w->next;
		if (w->is_asked && w->revision == 0) {
			if (!result->error) {
				w->revision = result->revision;
				w->known_ms = loop_now_ms(cache->server->loop);
			}
		} else if (w->is_fence && w->revision == 0) {
			ask_again =
			    true; /* came while the question was under way: its answer could be too old */
		}
	}
	if (result->error) {
		/* One at a time, from the start: callbacks change the list. */
		for (struct watchcache_wait *w = cache->waits; w;) {
			if (w->is_asked && w->revision == 0) {
				finish(w, result->error);
				w = cache->waits;
			} else {
				w = w->next;
			}
		}
	} else {
		watchcache_check_waits(cache);
	}
	if (ask_again && !cache->fence_op && !cache->is_freeing)
		ask_store(cache);
}

static void ask_store(struct watchcache *cache)
{
	for (struct watchcache_wait *w = cache->waits; w; w = w->next)
		if (w->is_fence && w->revision == 0)
			w->is_asked = true;
	cache->fence_op =
	    cache->server->storage->functions->revision(cache->server->storage, on_revision, cache);
}

struct watchcache_wait *watchcache_fence(struct api_server *server, watchcache_ready_fn *fn, void *arg)
{
	struct watchcache *cache = server->cache;
	struct watchcache_wait *wait = watchcache_add_wait(cache, 0, FENCE_TIMEOUT_MS, fn, arg);
	wait->is_fence = true;
	if (!cache->fence_op && cache->is_settled)
		ask_store(cache);
	return wait;
}

void watchcache_unsettle(struct watchcache *cache)
{
	cache->is_settled = false;
	for (struct watchcache_wait *w = cache->waits; w; w = w->next) {
		if (!w->is_fence)
			continue;
		w->revision = 0;
		w->is_asked = false;
	}
}

void watchcache_settled(struct watchcache *cache)
{
	for (const struct watchcache_wait *w = cache->waits; w && !cache->fence_op; w = w->next)
		if (w->is_fence && w->revision == 0)
			ask_store(cache);
}

bool watchcache_is_settled(struct api_server *server)
{
	return server->cache->is_settled;
}

int64_t watchcache_revision(struct api_server *server)
{
	return server->cache->revision;
}
