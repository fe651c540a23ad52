/* Private to pods/: the worker of one pod, shared by pod_manager.c and the files that run actions. */
#ifndef CUBE_KUBELET_POD_PRIVATE_H
#define CUBE_KUBELET_POD_PRIVATE_H

#include "kubelet/config.h"
#include "kubelet/pods/pod_manager.h"
#include "kubelet/runtime/runtime.h"
#include "lib/base/clock.h"

struct cgroups;
struct http_client;
struct informer;
struct start_op;
struct kill_op;
struct removal;

struct pod_manager {
	struct pod_manager_deps deps;
	struct runtime_cache *cache;
	struct probe_manager *probes;
	struct cgroups *cgroups;
	struct http_client *http; /* hooks and probes: no certificate checks */
	struct strmap *workers;   /* uid -> struct worker */
	struct strmap *removals;  /* uid -> struct removal */
	bool cache_synced, pods_synced, services_synced, network_ready;
	char *network_message;
};

struct worker {
	struct pod_manager *pm;
	char *uid;
	const struct object *pod;
	struct arena *arena; /* of the slots; made anew with the pod object */
	struct pod_slots slots;
	struct pod_memory memory;
	int64_t told_revision; /* of the pod when status was last handed to the status manager */
	struct arena *status_arena;
	CoreV1__PodStatus *status; /* last computed */
	struct loop_timer *soon, *wake;
	struct start_op *start; /* at most one container starts at a time */
	struct kill_op *kills;
	struct runtime_call *sandbox_call;
	struct rest_call *class_call; /* the pod's RuntimeClass */
	char *runtime_handler;        /* what it says */
	uint32_t sandbox_attempt;
	struct clean_op *clean;
	bool admitted, gone, volumes_stale, finished;
	int64_t volumes_delay_ms;
};

/* pod_manager.c */
void worker_end(struct worker *w, const char *reason, const char *message, int64_t grace_s);
void worker_free(void *worker);

/* pod_sync.c */
void worker_sync(struct worker *w);
void worker_kick(struct worker *w);
int64_t worker_now_ms(const struct worker *w);
const struct rt_pod *worker_runtime(const struct worker *w);
struct container_memory *worker_container(struct worker *w, const char *name);
void worker_event(
    struct worker *w, const char *container, bool is_warning, const char *reason, const char *message);
void worker_set_wait(struct container_memory *m, const char *reason, const char *message);
/* The pod's addresses as the runtime knows them: "" when none. ips: comma separated. */
void worker_ips(const struct worker *w, char ip[64], char ips[256]);
void pod_set_string(char **field, const char *value); /* frees the old one */
/* Directories: <root>/pods/<uid>, <logs>/<ns>_<name>_<uid>. */
void pod_dir(const struct kubelet_config *config, const char *uid, char out[512]);
void pod_log_dir(
    const struct kubelet_config *config, const char *ns, const char *name, const char *uid, char out[512]);

/* pod_actions.c: what pod_decide() asked for; each ends with worker_kick(). */
void action_prepare(struct worker *w);
void action_update_volumes(struct worker *w);
void action_run_sandbox(struct worker *w, uint32_t attempt);
void action_stop_sandbox(struct worker *w, const char *id);
void action_remove_container(struct worker *w, const char *id);
void action_clean_up(struct worker *w);
void clean_op_cancel(struct worker *w);
/* The sandbox's configuration as CreateContainer wants it again. */
int build_sandbox_config(struct worker *w, struct arena *arena, uint32_t attempt,
    CriV1__PodSandboxConfig **ret, struct error *err);

/* pod_start.c */
void action_start_container(struct worker *w, size_t slot);
void start_op_abort(
    struct worker *w); /* termination began: gives up a pull or a hook; a create or start is waited for */
void start_op_cancel(struct worker *w); /* the worker goes away */

/* pod_kill.c */
void action_kill_container(struct worker *w, const struct pod_action *action);
void kill_ops_cancel(struct worker *w);

/* pod_removal.c: everything of a pod that is gone, known by uid only. */
void removal_start(struct pod_manager *pm, const char *uid, const char *ns /* or NULL */, const char *name);
void removal_free(void *removal);
/* Directories and cgroups of pods that nobody knows (after a restart). */
void removal_sweep(struct pod_manager *pm);

#endif
