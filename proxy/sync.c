#include "proxy/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/informer.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"
#include "proxy/aftercare.h"
#include "proxy/iptables.h"
#include "proxy/ruleset.h"

#define OWNER_BASE "" /* no Service has this key */
#define SELECTOR_SERVICES "!service.kubernetes.io/service-proxy-name"
#define SELECTOR_SLICES "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name"

enum { CANARY_MS = 30000, RETRY_MIN_MS = 1000, RETRY_MAX_MS = 30000, KEY_MAX = OBJECT_KEY_MAX };

struct proxy_sync {
	struct loop *loop;
	struct sync_options options;
	struct informer *services, *slices;
	struct iptables *iptables;
	struct ruleset *ruleset;
	struct aftercare *aftercare;
	struct strmap *dirty; /* keys of Services */
	bool all_dirty, is_started, is_running, is_scheduled;
	struct loop_timer *soon, *retry, *canary;
	int64_t retry_ms, round_started_ms;
	struct sync_counts counts;
};

static void run_round(void *arg);

/* Marking */

static void schedule(struct proxy_sync *sync)
{
	if (!sync->counts.waiting_since_ms)
		sync->counts.waiting_since_ms = loop_now_ms(sync->loop);
	if (!sync->is_started || sync->is_running || sync->is_scheduled || loop_timer_is_active(sync->retry))
		return;
	sync->is_scheduled = true;
	/* A moment, in which the other halves of the same change (a Service and its slices) arrive too. */
	loop_timer_start(sync->soon, 5, 0);
}

static void mark(struct proxy_sync *sync, const char *key)
{
	strmap_put(sync->dirty, key, NULL);
	schedule(sync);
}

void sync_all(struct proxy_sync *sync)
{
	sync->all_dirty = true;
	schedule(sync);
}

static void on_service(void *arg, const struct object *old, const struct object *new_)
{
	char key[KEY_MAX];
	mark(arg, object_key(new_ ? new_ : old, key));
}

static bool service_key(const struct object *slice, char key[KEY_MAX])
{
	const char *service = api_map_get(slice->meta, labels, "kubernetes.io/service-name");
	if (str_empty(service))
		return false;
	snprintf(key, KEY_MAX, "%s/%s", object_namespace(slice), service);
	return true;
}

static void on_slice(void *arg, const struct object *old, const struct object *new_)
{
	char key[KEY_MAX];
	if (old && service_key(old, key))
		mark(arg, key);
	if (new_ && service_key(new_, key))
		mark(arg, key);
}

static void index_slice(const struct object *obj, void (*emit)(void *ctx, const char *value), void *ctx)
{
	char key[KEY_MAX];
	if (service_key(obj, key))
		emit(ctx, key);
}

/* Rendering */

static void render_key(struct proxy_sync *sync, const char *key, struct arena *arena)
{
	struct rules rules = {0};
	struct render_extra extra = {0};
	const struct object *service = informer_lookup_key(sync->services, key);
	if (service) {
		struct informer_iter iter = informer_by_index(sync->slices, "service", key);
		size_t len = 0, capacity = 4;
		const DiscoveryV1__EndpointSlice **slices =
		    ARENA_ARRAY(arena, const DiscoveryV1__EndpointSlice *, capacity);
		for (const struct object *slice; (slice = informer_next(&iter));) {
			if (len == capacity) {
				slices = arena_grow(
				    arena, slices, capacity * sizeof(void *), 2 * capacity * sizeof(void *));
				capacity *= 2;
			}
			slices[len++] = (const DiscoveryV1__EndpointSlice *)slice->msg;
		}
		render_service(&sync->options.config, (const CoreV1__Service *)service->msg, slices, len,
		    arena, &rules, &extra);
	}
	ruleset_set(sync->ruleset, key, &rules);
	aftercare_note(sync->aftercare, key, &extra);
}

static void render_base(struct proxy_sync *sync)
{
	struct rules rules = {0};
	base_render(&sync->options.base, &rules);
	ruleset_set(sync->ruleset, OWNER_BASE, &rules);
}

static void render_all(struct proxy_sync *sync)
{
	struct arena *arena = arena_new();
	render_base(sync);
	informer_for_each (service, informer_all(sync->services)) {
		char key[KEY_MAX];
		render_key(sync, object_key(service, key), arena);
		strmap_remove(sync->dirty, key);
		arena_reset(arena);
	}
	/* What is left is gone. */
	strmap_for_each (sync->dirty, e)
		render_key(sync, strmap_key(e), arena);
	arena_free(arena);
}

static void render_dirty(struct proxy_sync *sync)
{
	struct arena *arena = arena_new();
	strmap_for_each (sync->dirty, e) {
		render_key(sync, strmap_key(e), arena);
		arena_reset(arena);
	}
	arena_free(arena);
}

static void clear_dirty(struct proxy_sync *sync)
{
	strmap_free(sync->dirty, NULL);
	sync->dirty = strmap_new();
	sync->all_dirty = false;
}

/* Rounds */

static void end_round(struct proxy_sync *sync)
{
	sync->is_running = false;
	sync->counts.last_ms = loop_now_ms(sync->loop) - sync->round_started_ms;
	if (strmap_len(sync->dirty) || sync->all_dirty)
		schedule(sync);
}

static void fail_round(struct proxy_sync *sync, const struct error *err)
{
	sync->counts.failures++;
	log_error("sync failed, trying everything again in %lld s: %s", (long long)sync->retry_ms / 1000,
	    err->message);
	ruleset_forget(sync->ruleset);
	sync->all_dirty = true;
	sync->is_running = false;
	if (!sync->counts.waiting_since_ms)
		sync->counts.waiting_since_ms = sync->round_started_ms;
	loop_timer_start(sync->retry, sync->retry_ms, 0);
	sync->retry_ms = sync->retry_ms * 2 < RETRY_MAX_MS ? sync->retry_ms * 2 : RETRY_MAX_MS;
}

static void succeed_round(struct proxy_sync *sync)
{
	bool was_known = ruleset_is_known(sync->ruleset);
	ruleset_commit(sync->ruleset);
	sync->retry_ms = RETRY_MIN_MS;
	sync->counts.last_done_ms = loop_now_ms(sync->loop);
	if (!was_known)
		log_info("%s: %zu services' rules are in place", iptables_mode(sync->iptables),
		    informer_len(sync->services));
	aftercare_run(sync->aftercare);
	end_round(sync);
}

static void on_restored(void *arg, const struct error *err)
{
	struct proxy_sync *sync = arg;
	if (err)
		fail_round(sync, err);
	else
		succeed_round(sync);
}

static void apply(struct proxy_sync *sync)
{
	struct buf text = BUF_INIT;
	clear_dirty(sync);
	sync->counts.waiting_since_ms = 0;
	if (ruleset_text(sync->ruleset, &sync->options.base, &text))
		iptables_restore(sync->iptables, text.data, text.size, on_restored, sync);
	else
		succeed_round(sync);
	buf_done(&text);
}

static void on_saved(void *arg, const char *text, const struct error *err)
{
	struct proxy_sync *sync = arg;
	if (err) {
		fail_round(sync, err);
		return;
	}
	sync->counts.full_rounds++;
	ruleset_begin_full(sync->ruleset, text, !str_has_suffix(iptables_mode(sync->iptables), "legacy"));
	render_all(sync);
	apply(sync);
}

static void run_round(void *arg)
{
	struct proxy_sync *sync = arg;
	sync->is_scheduled = false;
	if (sync->is_running || !sync->is_started)
		return;
	sync->is_running = true;
	sync->round_started_ms = loop_now_ms(sync->loop);
	sync->counts.rounds++;
	if (!ruleset_is_known(sync->ruleset)) {
		iptables_save(sync->iptables, on_saved, sync);
		return;
	}
	ruleset_begin(sync->ruleset);
	if (sync->all_dirty)
		render_all(sync);
	else
		render_dirty(sync);
	apply(sync);
}

static void on_canary(void *arg, bool is_there)
{
	struct proxy_sync *sync = arg;
	if (is_there || sync->is_running)
		return;
	log_warning("the rules were flushed by somebody, writing them again");
	ruleset_forget(sync->ruleset);
	sync_all(sync);
}

static void check_canary(void *arg)
{
	struct proxy_sync *sync = arg;
	if (ruleset_is_known(sync->ruleset) && !sync->is_running)
		iptables_check_canary(sync->iptables, on_canary, sync);
}

/* Life */

struct proxy_sync *sync_new(
    struct loop *loop, struct informer_set *informers, const struct sync_options *options)
{
	struct proxy_sync *sync = calloc(1, sizeof(*sync));
	if (!sync)
		abort();
	sync->loop = loop;
	sync->options = *options;
	sync->iptables = iptables_new(loop, options->iptables_mode);
	sync->ruleset = ruleset_new();
	sync->aftercare = aftercare_new(loop, options->health_address);
	sync->dirty = strmap_new();
	sync->all_dirty = true;
	sync->retry_ms = RETRY_MIN_MS;
	sync->soon = loop_timer_new(loop, run_round, sync);
	sync->retry = loop_timer_new(loop, run_round, sync);
	sync->canary = loop_timer_new(loop, check_canary, sync);
	sync->services = informer_get_filtered(informers, resource_services, NULL, SELECTOR_SERVICES, NULL);
	sync->slices = informer_get_filtered(informers, resource_endpointslices, NULL, SELECTOR_SLICES, NULL);
	informer_add_index(sync->slices, "service", index_slice);
	informer_add_handler(sync->services, on_service, sync);
	informer_add_handler(sync->slices, on_slice, sync);
	return sync;
}

void sync_free(struct proxy_sync *sync)
{
	if (!sync)
		return;
	iptables_free(sync->iptables);
	loop_timer_free(sync->soon);
	loop_timer_free(sync->retry);
	loop_timer_free(sync->canary);
	aftercare_free(sync->aftercare);
	ruleset_free(sync->ruleset);
	strmap_free(sync->dirty, NULL);
	free(sync);
}

void sync_start(struct proxy_sync *sync)
{
	sync->is_started = true;
	loop_timer_start(sync->canary, CANARY_MS, CANARY_MS);
	schedule(sync);
}

struct proxy_config *sync_config(struct proxy_sync *sync)
{
	return &sync->options.config;
}

struct base_config *sync_base(struct proxy_sync *sync)
{
	return &sync->options.base;
}

void sync_get_counts(const struct proxy_sync *sync, struct sync_counts *ret)
{
	*ret = sync->counts;
	ret->lines = ruleset_lines_len(sync->ruleset);
	ret->is_running = sync->is_running;
}
