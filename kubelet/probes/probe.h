/*
 * probes: liveness, readiness and startup probes of running containers, one timer for each. Results are
 * reported to the pod manager, which writes them into the container's memory and asks pod_decide(). Also the
 * handlers that lifecycle hooks share: exec, httpGet, tcpSocket, grpc.
 */
#ifndef CUBE_KUBELET_PROBE_H
#define CUBE_KUBELET_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "kubelet/pods/pod_worker.h"

struct event_recorder;
struct http_client;
struct loop;
struct probe_manager;
struct runtime;

enum probe_kind { PROBE_LIVENESS, PROBE_READINESS, PROBE_STARTUP, PROBE_KIND_COUNT };

struct probe_manager_deps {
	struct loop *loop;
	struct runtime *runtime;
	struct event_recorder *events;
	struct http_client *http; /* without certificate checks */
	/* The result after thresholds; called on changes and on the first result. */
	void (*on_result)(void *arg, const char *uid, const char *container, const char *container_id,
	    enum probe_kind kind, enum probe_result result, const char *message);
	/* Whether the container counts as started: liveness and readiness probes wait for that. */
	bool (*started)(void *arg, const char *uid, const char *container);
	void *arg;
};
struct probe_manager *probe_manager_new(const struct probe_manager_deps *deps);
void probe_manager_free(struct probe_manager *pm);
/* Makes the set of probes fit the pod's running containers; called at every sync. terminating: only readiness
 * goes on. */
void probe_manager_sync(struct probe_manager *pm, const struct object *pod, const struct pod_slots *slots,
    const struct rt_pod *runtime, const char *pod_ip, bool terminating);
void probe_manager_remove(struct probe_manager *pm, const char *uid);

/* One action of a probe or hook. output is what to show in an event. */
struct probe_target {
	const struct object *pod;
	const CoreV1__Container *container;
	const char *container_id;
	const char *host; /* the pod's IP */
	const char *user_agent;
};
struct probe_run;
typedef void probe_done(void *arg, enum probe_result result, const char *output);
struct probe_run *probe_exec(struct runtime *rt, const struct probe_target *t, const CoreV1__ExecAction *exec,
    int64_t timeout_ms, probe_done *done, void *arg);
struct probe_run *probe_http(struct http_client *client, const struct probe_target *t,
    const CoreV1__HTTPGetAction *get, int64_t timeout_ms, probe_done *done, void *arg);
struct probe_run *probe_tcp(struct loop *loop, const struct probe_target *t,
    const CoreV1__TCPSocketAction *tcp, int64_t timeout_ms, probe_done *done, void *arg);
struct probe_run *probe_grpc(struct loop *loop, const struct probe_target *t, const CoreV1__GRPCAction *grpc,
    int64_t timeout_ms, probe_done *done, void *arg);
void probe_run_cancel(struct probe_run *run); /* done never fires; NULL is accepted */

#endif
