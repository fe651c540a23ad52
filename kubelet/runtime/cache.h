/*
 * runtime cache: the kubelet's local replica of what the runtime holds, grouped by pod. Filled by a full list
 * at the start, at every reconnect and every sync period, and kept true in between by events: an event about
 * an id asks for that id's status only. Whoever changes something calls runtime_cache_refresh() with the id.
 * Entries are immutable until the callback: a changed container is a new struct.
 */
#ifndef CUBE_KUBELET_RUNTIME_CACHE_H
#define CUBE_KUBELET_RUNTIME_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kubelet/runtime/runtime.h"

struct kubelet_config;
struct loop;
struct runtime_cache;

enum rt_state { RT_CREATED, RT_RUNNING, RT_EXITED, RT_UNKNOWN };

struct rt_container {
	char *id;
	char *name;             /* the container's name in the pod */
	char *image;            /* as the runtime names it: docker.io/library/busybox:1.29 */
	char *image_ref;        /* imageID of the status: repo@sha256:..., or sha256:... */
	char *reason, *message; /* of an exit: Completed, Error, OOMKilled, StartError, ... */
	char *log_path;
	char *hash;                                  /* annotation io.kubernetes.container.hash */
	char *termination_path, *termination_policy; /* annotations */
	enum rt_state state;
	int32_t exit_code;
	int32_t restart_count; /* annotation io.kubernetes.container.restartCount, else the attempt */
	int64_t created_ns, started_ns, finished_ns;
	bool has_user;
	int64_t uid, gid;
	char *termination_message; /* what the file (or the log's end) said; read when the exit was seen; may
				      be NULL */
};

struct rt_sandbox {
	char *id;
	uint32_t attempt;
	bool ready;
	int64_t created_ns;
	bool host_network;
	char *ip;        /* NULL: none */
	char *extra_ips; /* comma separated, NULL: none */
};

struct rt_pod {
	char *uid, *name, *ns;
	struct rt_sandbox **sandboxes; /* newest first */
	size_t sandboxes_len;
	struct rt_container **containers; /* newest first */
	size_t containers_len;
};

/* on_change: something of that pod changed. on_synced: the first full list is in (once). */
struct runtime_cache *runtime_cache_new(struct loop *loop, struct runtime *rt, int64_t relist_ms,
    void (*on_change)(void *arg, const char *uid), void (*on_synced)(void *arg), void *arg);
void runtime_cache_free(struct runtime_cache *cache);
/* What runtime_watch() reports goes here. */
void runtime_cache_event(struct runtime_cache *cache, enum runtime_event event, const char *id);
bool runtime_cache_synced(const struct runtime_cache *cache);
bool runtime_cache_connected(const struct runtime_cache *cache);
const struct rt_pod *runtime_cache_pod(
    const struct runtime_cache *cache, const char *uid); /* NULL: nothing known */
/* Calls fn for each pod known to the runtime; fn may not change the cache. */
void runtime_cache_for_each(
    const struct runtime_cache *cache, void (*fn)(void *arg, const struct rt_pod *pod), void *arg);
/* Asks for the status of one container or sandbox; on_change follows if it differs. done (may be NULL) fires
 * after. */
void runtime_cache_refresh(struct runtime_cache *cache, const char *id, void (*done)(void *arg), void *arg);
void runtime_cache_relist(struct runtime_cache *cache);

/* Newest container of that name, or NULL; `skip` newer ones are passed over (1: the one before). */
const struct rt_container *rt_pod_container(const struct rt_pod *pod, const char *name, size_t skip);
const struct rt_container *rt_pod_container_by_id(const struct rt_pod *pod, const char *id);
const struct rt_sandbox *rt_pod_sandbox(const struct rt_pod *pod); /* newest, or NULL */

#endif
