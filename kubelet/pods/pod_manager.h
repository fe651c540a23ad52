/*
 * pod manager: all pods of this node. Takes pods from the watch and from the runtime, keeps one worker for
 * each uid, asks pod_decide() whenever something changed, runs its actions (pod_actions.c), and hands
 * statuses on.
 */
#ifndef CUBE_KUBELET_POD_MANAGER_H
#define CUBE_KUBELET_POD_MANAGER_H

#include <stdbool.h>
#include <stddef.h>

#include "kubelet/pods/pod_worker.h"

struct event_recorder;
struct image_manager;
struct informer;
struct kubelet_config;
struct loop;
struct pod_manager;
struct probe_manager;
struct references;
struct rest_client;
struct runtime;
struct runtime_cache;
struct status_manager;
struct volume_manager;

struct pod_manager_deps {
	const struct kubelet_config *config;
	struct loop *loop;
	struct rest_client *client;
	struct event_recorder *events;
	struct runtime *runtime;
	struct references *references;
	struct volume_manager *volumes;
	struct image_manager *images;
	struct status_manager *statuses;
	/* The node object as last seen (borrowed, may be NULL): admission and downward fields. */
	const struct object *(*node)(void *arg);
	/* Told after the runtime cache: the connection and the images matter to the node. May be NULL. */
	void (*on_runtime_event)(void *arg, int event);
	void *node_arg;
	struct informer *services;
};

struct pod_manager *pod_manager_new(const struct pod_manager_deps *deps);
void pod_manager_free(struct pod_manager *pm);
/* The runtime's state and the probes are made by the manager: they call back into it. */
struct runtime_cache *pod_manager_cache(struct pod_manager *pm);
struct probe_manager *pod_manager_probes(struct pod_manager *pm);

/* From the watch of pods of this node. new_ NULL: gone from the API. Before synced nothing is treated as
 * orphaned. */
void pod_manager_on_pod(struct pod_manager *pm, const struct object *old, const struct object *new_);
void pod_manager_set_pods_synced(struct pod_manager *pm);
/* Services are known: containers with service variables may start. */
void pod_manager_set_services_synced(struct pod_manager *pm);
void pod_manager_set_network(struct pod_manager *pm, bool ready, const char *message);
void pod_manager_kick(struct pod_manager *pm, const char *uid); /* look again soon */
void pod_manager_kick_all(struct pod_manager *pm);
/* Ends the pod: phase Failed with this reason. */
void pod_manager_evict(
    struct pod_manager *pm, const char *uid, const char *reason, const char *message, int64_t grace_s);

const struct object *pod_manager_find(const struct pod_manager *pm, const char *ns, const char *name);
const struct object *pod_manager_find_uid(const struct pod_manager *pm, const char *uid);
/* The status as last computed here; the object's own before that. NULL: no such pod. */
const CoreV1__PodStatus *pod_manager_status(const struct pod_manager *pm, const char *uid);
size_t pod_manager_len(const struct pod_manager *pm);
void pod_manager_for_each(const struct pod_manager *pm,
    void (*fn)(void *arg, const struct object *pod, const CoreV1__PodStatus *status), void *arg);
/* Newest container of that name that exists in the runtime; previous: the one before. NULL: none. */
const struct rt_container *pod_manager_container(
    const struct pod_manager *pm, const struct object *pod, const char *container, bool previous);

#endif
