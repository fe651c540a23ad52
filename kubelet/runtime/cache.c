#include "kubelet/runtime/cache.h"

#include <stdlib.h>
#include <string.h>

#include "kubelet/runtime/convert.h"
#include "kubelet/runtime/runtime.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

#define CALL_TIMEOUT_MS 30000
#define RETRY_MS 1000
/*
 * containerd's CRI plugin hears of an exit at the same time as we do and may need long to note it on a busy
 * machine; no other event follows. It is asked again at once, then every second.
 */
#define EXIT_TRIES 40

struct waiter {
	struct waiter *next;
	void (*done)(void *arg);
	void *arg;
};

/* A status being asked for. */
struct refresh {
	struct runtime_cache *cache;
	char *id;
	bool is_sandbox; /* which of the two calls is under way */
	bool kind_known;
	bool expect_exit, again;
	int tries;
	struct runtime_call *call;
	struct loop_timer *timer;
	struct waiter *waiters, *next_waiters; /* of this round; of the round after */
};

struct id_entry {
	char *uid;
	bool is_sandbox;
};

struct runtime_cache {
	struct loop *loop;
	struct runtime *rt;
	struct strmap *pods;      /* uid -> struct rt_pod */
	struct strmap *ids;       /* id -> struct id_entry */
	struct strmap *refreshes; /* id -> struct refresh */
	int64_t relist_ms;
	struct loop_timer *relist_timer;
	struct runtime_call *list_sandboxes, *list_containers;
	struct strmap *seen; /* ids of the list under way */
	bool connected, listed, synced, relist_again;
	void (*on_change)(void *arg, const char *uid);
	void (*on_synced)(void *arg);
	void *arg;
};

static void refresh_start(struct refresh *r);

/* ---- entries ---- */

static void id_free(void *p)
{
	struct id_entry *e = p;
	free(e->uid);
	free(e);
}

static struct rt_pod *pod_of_labels(
    struct runtime_cache *cache, const char *uid, const char *ns, const char *name)
{
	struct rt_pod *pod = strmap_get(cache->pods, uid);
	if (pod)
		return pod;
	pod = calloc(1, sizeof *pod);
	pod->uid = strdup(uid);
	pod->ns = strdup(str_or(ns, ""));
	pod->name = strdup(str_or(name, ""));
	strmap_put(cache->pods, uid, pod);
	return pod;
}

static void note_id(struct runtime_cache *cache, const char *id, const char *uid, bool is_sandbox)
{
	if (strmap_has(cache->ids, id))
		return;
	struct id_entry *e = calloc(1, sizeof *e);
	e->uid = strdup(uid);
	e->is_sandbox = is_sandbox;
	strmap_put(cache->ids, id, e);
}

static void remove_id(struct runtime_cache *cache, const char *id)
{
	struct id_entry *e = strmap_remove(cache->ids, id);
	if (!e)
		return;
	struct rt_pod *pod = strmap_get(cache->pods, e->uid);
	if (pod)
		rt_pod_remove(pod, id);
	if (pod && !pod->containers_len && !pod->sandboxes_len) {
		strmap_remove(cache->pods, e->uid);
		rt_pod_free(pod);
	}
	cache->on_change(cache->arg, e->uid);
	id_free(e);
}

/* ---- refresh: one id ---- */

static void run_waiters(struct waiter *w)
{
	while (w) {
		struct waiter *next = w->next;
		w->done(w->arg);
		free(w);
		w = next;
	}
}

static void check_synced(struct runtime_cache *cache)
{
	if (cache->synced || !cache->listed || strmap_len(cache->refreshes))
		return;
	cache->synced = true;
	cache->on_synced(cache->arg);
}

static void refresh_free(void *p)
{
	struct refresh *r = p;
	runtime_cancel(r->cache->rt, r->call);
	loop_timer_free(r->timer);
	for (struct waiter *w = r->waiters, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	for (struct waiter *w = r->next_waiters, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	free(r->id);
	free(r);
}

static void refresh_done(struct refresh *r)
{
	struct runtime_cache *cache = r->cache;
	struct waiter *waiters = r->waiters;
	r->waiters = NULL;
	if (r->again) {
		r->again = false;
		r->tries = 0;
		r->waiters = r->next_waiters;
		r->next_waiters = NULL;
		refresh_start(r);
	} else {
		strmap_remove(cache->refreshes, r->id);
		refresh_free(r);
	}
	run_waiters(waiters);
	check_synced(cache);
}

static void refresh_retry(void *arg)
{
	refresh_start(arg);
}

static void refresh_later(struct refresh *r, int64_t ms)
{
	if (!r->timer)
		r->timer = loop_timer_new(r->cache->loop, refresh_retry, r);
	loop_timer_start(r->timer, ms, 0);
}

/* The runtime doesn't know yet of an exit that we heard of: true when it is asked again. */
static bool exit_is_awaited(struct refresh *r)
{
	if (!r->expect_exit || r->tries++ >= EXIT_TRIES)
		return false;
	refresh_later(r, r->tries < 8 ? 5 << r->tries : RETRY_MS);
	return true;
}

static void refresh_failed(struct refresh *r, const struct error *err)
{
	if (err->code == ERR_NOT_FOUND && !r->kind_known && !r->is_sandbox) {
		r->is_sandbox = true;
		refresh_start(r);
	} else if (err->code == ERR_NOT_FOUND) {
		remove_id(r->cache, r->id);
		refresh_done(r);
	} else if (err->code == ERR_UNAVAILABLE) {
		refresh_done(r); /* the reconnect lists everything */
	} else if (r->tries++ < 3) {
		refresh_later(r, RETRY_MS);
	} else {
		log_warning("status of %s: %s", r->id, err->message);
		refresh_done(r);
	}
}

static void on_container_status(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct refresh *r = arg;
	struct runtime_cache *cache = r->cache;
	r->call = NULL;
	if (err) {
		refresh_failed(r, err);
		return;
	}
	const CriV1__ContainerStatus *s = ((const CriV1__ContainerStatusResponse *)response)->status;
	const char *uid = s ? cri_map_get(s, labels, LABEL_POD_UID) : NULL;
	if (!uid) {
		refresh_done(r);
		return;
	}
	/* Created: the exit came before the answer to the start. */
	if ((s->state == CRI_V1__CONTAINER_STATE__CONTAINER_RUNNING ||
		s->state == CRI_V1__CONTAINER_STATE__CONTAINER_CREATED) &&
	    exit_is_awaited(r))
		return;
	note_id(cache, r->id, uid, false);
	struct rt_pod *pod = pod_of_labels(
	    cache, uid, cri_map_get(s, labels, LABEL_POD_NAMESPACE), cri_map_get(s, labels, LABEL_POD_NAME));
	if (rt_pod_put_container(pod, convert_container(s)))
		cache->on_change(cache->arg, uid);
	refresh_done(r);
}

static void on_sandbox_status(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct refresh *r = arg;
	struct runtime_cache *cache = r->cache;
	r->call = NULL;
	if (err) {
		refresh_failed(r, err);
		return;
	}
	const CriV1__PodSandboxStatus *s = ((const CriV1__PodSandboxStatusResponse *)response)->status;
	const char *uid = s ? cri_map_get(s, labels, LABEL_POD_UID) : NULL;
	if (!uid) {
		refresh_done(r);
		return;
	}
	if (s->state == CRI_V1__POD_SANDBOX_STATE__SANDBOX_READY && exit_is_awaited(r))
		return;
	note_id(cache, r->id, uid, true);
	struct rt_pod *pod = pod_of_labels(
	    cache, uid, cri_map_get(s, labels, LABEL_POD_NAMESPACE), cri_map_get(s, labels, LABEL_POD_NAME));
	if (rt_pod_put_sandbox(pod, convert_sandbox(s)))
		cache->on_change(cache->arg, uid);
	refresh_done(r);
}

static void refresh_start(struct refresh *r)
{
	struct id_entry *known = strmap_get(r->cache->ids, r->id);
	if (known) {
		r->is_sandbox = known->is_sandbox;
		r->kind_known = true;
	}
	if (r->is_sandbox) {
		CriV1__PodSandboxStatusRequest request = CRI_V1__POD_SANDBOX_STATUS_REQUEST__INIT;
		request.pod_sandbox_id = r->id;
		r->call = runtime_call(
		    r->cache->rt, RUNTIME_SANDBOX_STATUS, &request, CALL_TIMEOUT_MS, on_sandbox_status, r);
	} else {
		CriV1__ContainerStatusRequest request = CRI_V1__CONTAINER_STATUS_REQUEST__INIT;
		request.container_id = r->id;
		r->call = runtime_call(r->cache->rt, RUNTIME_CONTAINER_STATUS, &request, CALL_TIMEOUT_MS,
		    on_container_status, r);
	}
}

static struct refresh *refresh_id(
    struct runtime_cache *cache, const char *id, bool expect_exit, void (*done)(void *arg), void *arg)
{
	struct waiter *w = NULL;
	if (done) {
		w = calloc(1, sizeof *w);
		*w = (struct waiter){.done = done, .arg = arg};
	}
	struct refresh *r = strmap_get(cache->refreshes, id);
	if (r) {
		r->again = true;
		r->expect_exit |= expect_exit;
		if (w) {
			w->next = r->next_waiters;
			r->next_waiters = w;
		}
		return r;
	}
	r = calloc(1, sizeof *r);
	*r = (struct refresh){.cache = cache, .id = strdup(id), .expect_exit = expect_exit, .waiters = w};
	strmap_put(cache->refreshes, id, r);
	return r;
}

void runtime_cache_refresh(struct runtime_cache *cache, const char *id, void (*done)(void *arg), void *arg)
{
	struct refresh *r = refresh_id(cache, id, false, done, arg);
	if (!r->call && !(r->timer && loop_timer_is_active(r->timer)))
		refresh_start(r);
}

/* ---- the full list ---- */

static void finish_list(struct runtime_cache *cache)
{
	if (cache->list_sandboxes || cache->list_containers)
		return;
	/* What the list doesn't hold is asked for by id: it may have been made while the list was on its way.
	 */
	strmap_for_each (cache->ids, e) {
		if (!strmap_has(cache->seen, strmap_key(e)))
			runtime_cache_refresh(cache, strmap_key(e), NULL, NULL);
	}
	strmap_free(cache->seen, NULL);
	cache->seen = NULL;
	cache->listed = true;
	check_synced(cache);
	loop_timer_start(cache->relist_timer, cache->relist_again ? 0 : cache->relist_ms, 0);
	cache->relist_again = false;
}

static void list_failed(struct runtime_cache *cache, const struct error *err)
{
	log_debug("list of containers: %s", err->message);
	runtime_cancel(cache->rt, cache->list_sandboxes);
	runtime_cancel(cache->rt, cache->list_containers);
	cache->list_sandboxes = cache->list_containers = NULL;
	strmap_free(cache->seen, NULL);
	cache->seen = NULL;
	if (cache->connected)
		loop_timer_start(cache->relist_timer, RETRY_MS, 0);
}

static void on_list_sandboxes(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct runtime_cache *cache = arg;
	cache->list_sandboxes = NULL;
	if (err) {
		list_failed(cache, err);
		return;
	}
	const CriV1__ListPodSandboxResponse *list = (const CriV1__ListPodSandboxResponse *)response;
	for (size_t i = 0; i < list->n_items; i++) {
		const CriV1__PodSandbox *s = list->items[i];
		const char *uid = cri_map_get(s, labels, LABEL_POD_UID);
		if (!uid)
			continue;
		strmap_put(cache->seen, s->id, cache);
		note_id(cache, s->id, uid, true);
		const struct rt_pod *pod = runtime_cache_pod(cache, uid);
		const struct rt_sandbox *old = NULL;
		for (size_t k = 0; pod && k < pod->sandboxes_len; k++)
			if (str_eq(pod->sandboxes[k]->id, s->id))
				old = pod->sandboxes[k];
		if (!old || old->ready != (s->state == CRI_V1__POD_SANDBOX_STATE__SANDBOX_READY))
			runtime_cache_refresh(cache, s->id, NULL, NULL);
	}
	finish_list(cache);
}

static void on_list_containers(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct runtime_cache *cache = arg;
	cache->list_containers = NULL;
	if (err) {
		list_failed(cache, err);
		return;
	}
	const CriV1__ListContainersResponse *list = (const CriV1__ListContainersResponse *)response;
	for (size_t i = 0; i < list->n_containers; i++) {
		const CriV1__Container *c = list->containers[i];
		const char *uid = cri_map_get(c, labels, LABEL_POD_UID);
		if (!uid)
			continue;
		strmap_put(cache->seen, c->id, cache);
		note_id(cache, c->id, uid, false);
		const struct rt_pod *pod = runtime_cache_pod(cache, uid);
		const struct rt_container *old = pod ? rt_pod_container_by_id(pod, c->id) : NULL;
		if (!old || old->state != (enum rt_state)c->state)
			runtime_cache_refresh(cache, c->id, NULL, NULL);
	}
	finish_list(cache);
}

void runtime_cache_relist(struct runtime_cache *cache)
{
	if (cache->list_sandboxes || cache->list_containers) {
		cache->relist_again = true;
		return;
	}
	cache->seen = strmap_new();
	CriV1__ListPodSandboxRequest sandboxes = CRI_V1__LIST_POD_SANDBOX_REQUEST__INIT;
	CriV1__ListContainersRequest containers = CRI_V1__LIST_CONTAINERS_REQUEST__INIT;
	cache->list_sandboxes = runtime_call(
	    cache->rt, RUNTIME_LIST_SANDBOXES, &sandboxes, CALL_TIMEOUT_MS, on_list_sandboxes, cache);
	cache->list_containers = runtime_call(
	    cache->rt, RUNTIME_LIST_CONTAINERS, &containers, CALL_TIMEOUT_MS, on_list_containers, cache);
}

static void on_relist_timer(void *arg)
{
	struct runtime_cache *cache = arg;
	if (cache->connected)
		runtime_cache_relist(cache);
}

void runtime_cache_event(struct runtime_cache *cache, enum runtime_event event, const char *id)
{
	if (event == RUNTIME_CONNECTED || event == RUNTIME_DISCONNECTED) {
		cache->connected = event == RUNTIME_CONNECTED;
		if (cache->connected)
			runtime_cache_relist(cache);
	} else if (event == RUNTIME_TASK_EXIT) {
		struct refresh *r = refresh_id(cache, id, true, NULL, NULL);
		if (!r->call && !(r->timer && loop_timer_is_active(r->timer)))
			refresh_start(r);
	} else if (event == RUNTIME_CONTAINER_GONE) {
		if (strmap_has(cache->ids, id))
			runtime_cache_refresh(cache, id, NULL, NULL);
	}
}

/* ---- public ---- */

struct runtime_cache *runtime_cache_new(struct loop *loop, struct runtime *rt, int64_t relist_ms,
    void (*on_change)(void *arg, const char *uid), void (*on_synced)(void *arg), void *arg)
{
	struct runtime_cache *cache = calloc(1, sizeof *cache);
	*cache = (struct runtime_cache){.loop = loop,
	    .rt = rt,
	    .relist_ms = relist_ms,
	    .on_change = on_change,
	    .on_synced = on_synced,
	    .arg = arg,
	    .pods = strmap_new(),
	    .ids = strmap_new(),
	    .refreshes = strmap_new()};
	cache->relist_timer = loop_timer_new(loop, on_relist_timer, cache);
	return cache;
}

void runtime_cache_free(struct runtime_cache *cache)
{
	if (!cache)
		return;
	runtime_cancel(cache->rt, cache->list_sandboxes);
	runtime_cancel(cache->rt, cache->list_containers);
	strmap_free(cache->refreshes, refresh_free);
	strmap_free(cache->pods, rt_pod_free);
	strmap_free(cache->ids, id_free);
	strmap_free(cache->seen, NULL);
	loop_timer_free(cache->relist_timer);
	free(cache);
}

bool runtime_cache_synced(const struct runtime_cache *cache)
{
	return cache->synced;
}

bool runtime_cache_connected(const struct runtime_cache *cache)
{
	return cache->connected;
}

const struct rt_pod *runtime_cache_pod(const struct runtime_cache *cache, const char *uid)
{
	return strmap_get(cache->pods, uid);
}

void runtime_cache_for_each(
    const struct runtime_cache *cache, void (*fn)(void *arg, const struct rt_pod *pod), void *arg)
{
	strmap_for_each (cache->pods, e)
		fn(arg, strmap_value(e));
}
