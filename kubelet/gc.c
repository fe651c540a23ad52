#include "kubelet/gc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/config.h"
#include "kubelet/gc_images.h"
#include "kubelet/logs/log_reader.h"
#include "kubelet/node/node.h"
#include "kubelet/pods/pod_manager.h"
#include "kubelet/runtime/convert.h"
#include "kubelet/runtime/runtime.h"
#include "kubelet/volumes/volume.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

#define TICK_MS 10000
#define EVICTION_GRACE_S 0

/* Something of a pod whose size has a limit. */
struct measure {
	char *uid, *path, *message;
	int64_t limit, used;
};

struct gc {
	const struct kubelet_config *config;
	struct loop *loop;
	struct runtime *rt;
	struct pod_manager *pods;
	struct volume_manager *volumes;
	struct node_manager *node;
	struct gc_images *images;
	struct loop_timer *timer;
	struct runtime_call *stats_call;
	struct measure *measures;
	size_t len;
	bool measuring, has_limits, closing;
};

/* ---- size limits: emptyDir volumes ---- */

struct volume_ctx {
	struct gc *gc;
	const struct object *pod;
};

static const CoreV1__EmptyDirVolumeSource *empty_dir_of(const CoreV1__Pod *pod, const char *volume)
{
	for (size_t i = 0; i < pod->spec->n_volumes; i++)
		if (str_eq(pod->spec->volumes[i]->name, volume))
			return pod->spec->volumes[i]->volume_source->empty_dir;
	return NULL;
}

static void add_volume(void *arg, const char *volume, const char *path)
{
	struct volume_ctx *ctx = arg;
	struct gc *gc = ctx->gc;
	const CoreV1__EmptyDirVolumeSource *e = empty_dir_of(pod_of(ctx->pod), volume);
	if (!e || !e->size_limit || str_eq(e->medium, "Memory"))
		return;
	struct quantity q = quantity_of(e->size_limit);
	if (!q.nano)
		return;
	char limit[QUANTITY_TEXT_MAX];
	gc->measures = realloc(gc->measures, (gc->len + 1) * sizeof *gc->measures);
	struct measure *m = &gc->measures[gc->len++];
	*m = (struct measure){
	    .uid = strdup(ctx->pod->meta->uid), .path = strdup(path), .limit = quantity_value(&q)};
	if (asprintf(&m->message, "Usage of EmptyDir volume \"%s\" exceeds the limit \"%s\".", volume,
		quantity_format(&q, limit)) < 0)
		abort();
}

/* ---- walking the pods ---- */

static void rotate_logs(struct gc *gc, const struct rt_container *c)
{
	CriV1__ReopenContainerLogRequest request = CRI_V1__REOPEN_CONTAINER_LOG_REQUEST__INIT;
	request.container_id = c->id;
	if (c->state == RT_RUNNING && c->log_path &&
	    log_rotate(c->log_path, gc->config->container_log_max_size, gc->config->container_log_max_files,
		clock_wall_s(loop_clock(gc->loop))))
		runtime_call(gc->rt, RUNTIME_REOPEN_LOG, &request, 0, gc_images_ignore, NULL);
}

static void look_at_pod(void *arg, const struct object *pod, const CoreV1__PodStatus *status)
{
	struct gc *gc = arg;
	if (pod_is_terminal_phase(status->phase))
		return;
	const struct rt_pod *runtime = runtime_cache_pod(pod_manager_cache(gc->pods), pod->meta->uid);
	for (size_t i = 0; runtime && i < runtime->containers_len; i++)
		rotate_logs(gc, runtime->containers[i]);
	struct volume_ctx ctx = {gc, pod};
	volume_manager_for_each_empty_dir(gc->volumes, pod->meta->uid, add_volume, &ctx);
	for (size_t i = 0; i < pod_of(pod)->spec->n_containers; i++)
		gc->has_limits |= container_limit(pod_of(pod)->spec->containers[i], "ephemeral-storage") > 0;
}

static void measure_on_thread(void *arg)
{
	struct gc *gc = arg;
	for (size_t i = 0; i < gc->len; i++)
		gc->measures[i].used = volume_usage(gc->measures[i].path);
}

static void free_measures(struct gc *gc)
{
	for (size_t i = 0; i < gc->len; i++) {
		free(gc->measures[i].uid);
		free(gc->measures[i].path);
		free(gc->measures[i].message);
	}
	free(gc->measures);
	gc->measures = NULL;
	gc->len = 0;
}

static void after_thread(void *arg)
{
	struct gc *gc = arg;
	gc->measuring = false;
	for (size_t i = 0; !gc->closing && i < gc->len; i++)
		if (gc->measures[i].used > gc->measures[i].limit)
			pod_manager_evict(gc->pods, gc->measures[i].uid, "Evicted", gc->measures[i].message,
			    EVICTION_GRACE_S);
	free_measures(gc);
	if (gc->closing)
		free(gc);
}

/* ---- ephemeral storage limits: the writable layer as the runtime measures it ---- */

static void check_container(struct gc *gc, const CriV1__ContainerStats *s)
{
	const char *uid = s->attributes ? cri_map_get(s->attributes, labels, LABEL_POD_UID) : NULL;
	const char *name = uid ? cri_map_get(s->attributes, labels, LABEL_CONTAINER_NAME) : NULL;
	const struct object *pod = uid ? pod_manager_find_uid(gc->pods, uid) : NULL;
	if (!pod || !s->writable_layer || !s->writable_layer->used_bytes)
		return;
	for (size_t i = 0; i < pod_of(pod)->spec->n_containers; i++) {
		const CoreV1__Container *c = pod_of(pod)->spec->containers[i];
		int64_t limit = container_limit(c, "ephemeral-storage");
		if (!str_eq(c->name, name) || !limit ||
		    (int64_t)s->writable_layer->used_bytes->value <= limit)
			continue;
		struct quantity q = {0};
		char text[300], limit_text[QUANTITY_TEXT_MAX];
		quantity_in(c->resources, limits, "ephemeral-storage", &q);
		snprintf(text, sizeof text, "Container %s exceeded its local ephemeral storage limit \"%s\".",
		    c->name, quantity_format(&q, limit_text));
		pod_manager_evict(gc->pods, uid, "Evicted", text, EVICTION_GRACE_S);
	}
}

static void on_stats(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct gc *gc = arg;
	gc->stats_call = NULL;
	const CriV1__ListContainerStatsResponse *list = (const CriV1__ListContainerStatsResponse *)response;
	for (size_t i = 0; list && i < list->n_stats; i++)
		check_container(gc, list->stats[i]);
}

/* ---- memory pressure: the pod that matters least goes ---- */

struct victim {
	const struct object *pod;
	int rank;
};

static void consider(void *arg, const struct object *pod, const CoreV1__PodStatus *status)
{
	struct victim *v = arg;
	const CoreV1__Pod *p = pod_of(pod);
	if (pod_is_terminal_phase(status->phase) || pod->meta->deletion_timestamp || pod_is_critical(p))
		return;
	/* Best effort before burstable before guaranteed, then by priority: the lowest rank goes. */
	int rank = (QOS_BEST_EFFORT - (int)pod_qos_of(p)) * 1000000 +
		   (p->spec->priority > 499999 ? 499999 : p->spec->priority);
	if (!v->pod || rank < v->rank) {
		v->pod = pod;
		v->rank = rank;
	}
}

static void relieve(struct gc *gc)
{
	bool memory, disk;
	struct victim v = {0};
	if (!node_manager_has_pressure(gc->node, &memory, &disk))
		return;
	if (disk && gc_images_collect(gc->images))
		return; /* room may come from there first */
	pod_manager_for_each(gc->pods, consider, &v);
	if (v.pod)
		pod_manager_evict(gc->pods, v.pod->meta->uid, "Evicted",
		    memory ? "The node was low on resource: memory."
			   : "The node was low on resource: ephemeral-storage.",
		    EVICTION_GRACE_S);
}

static void on_tick(void *arg)
{
	struct gc *gc = arg;
	gc_images_check(gc->images);
	if (!pod_manager_len(gc->pods) || gc->measuring)
		return;
	gc->has_limits = false;
	pod_manager_for_each(gc->pods, look_at_pod, gc);
	if (gc->len) {
		gc->measuring = true;
		loop_work(gc->loop, measure_on_thread, after_thread, gc);
	}
	CriV1__ListContainerStatsRequest request = CRI_V1__LIST_CONTAINER_STATS_REQUEST__INIT;
	if (gc->has_limits && !gc->stats_call)
		gc->stats_call = runtime_call(gc->rt, RUNTIME_LIST_STATS, &request, TICK_MS, on_stats, gc);
	relieve(gc);
}

struct gc *gc_new(const struct kubelet_config *config, struct loop *loop, struct runtime *rt,
    struct pod_manager *pods, struct volume_manager *volumes, struct node_manager *node)
{
	struct gc *gc = calloc(1, sizeof *gc);
	*gc = (struct gc){
	    .config = config, .loop = loop, .rt = rt, .pods = pods, .volumes = volumes, .node = node};
	gc->images = gc_images_new(config, loop, rt, pods, node);
	gc->timer = loop_timer_new(loop, on_tick, gc);
	return gc;
}

void gc_start(struct gc *gc)
{
	loop_timer_start(gc->timer, TICK_MS, TICK_MS);
}

void gc_free(struct gc *gc)
{
	if (!gc)
		return;
	loop_timer_free(gc->timer);
	runtime_cancel(gc->rt, gc->stats_call);
	gc_images_free(gc->images);
	gc->closing = true;
	if (gc->measuring)
		return; /* after_thread() frees it */
	free_measures(gc);
	free(gc);
}
