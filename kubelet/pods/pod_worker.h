/*
 * pod worker: what to do next for one pod, as a pure function of its spec, what the runtime holds, what this
 * kubelet remembers, and the time. pod_manager.c runs the actions and asks again when one ends or something
 * changed; nothing is decided anywhere else. Actions name what may start now: what is under way is part of
 * the input.
 */
#ifndef CUBE_KUBELET_POD_WORKER_H
#define CUBE_KUBELET_POD_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kubelet/pods/backoff.h"
#include "kubelet/pods/pod_facts.h"
#include "kubelet/runtime/cache.h"

struct arena;

enum probe_result { PROBE_UNKNOWN, PROBE_SUCCESS, PROBE_FAILURE };

/* What is remembered about one container beyond the runtime's knowledge. One for each slot, found by name. */
struct container_memory {
	char *name;
	char *wait_reason,
	    *wait_message; /* why the last start failed: ErrImagePull, CreateContainerConfigError, ... */
	struct backoff crash, pull;
	int64_t retry_at_ms; /* a failed start is not tried before; 0: at once */
	enum probe_result liveness, readiness,
	    startup;             /* readiness UNKNOWN counts as not ready when a probe exists */
	char *probed_id;         /* container id that the results above belong to */
	bool starting;           /* a START action is under way for it */
	bool starting_hook;      /* ... and it is in its postStart hook: it runs but isn't ready */
	char *killing_id;        /* container id with a KILL under way, or NULL */
	int64_t killing_grace_s; /* its grace; a shorter one kills again */
	char
	    *restarted_id; /* container that was killed to be made anew (probe, new image): it didn't crash */
	char *start_failed_id; /* container whose postStart hook failed: killed, shows its own message */
	char *start_failed_message;
};

enum pod_stage { POD_SYNC, POD_TERMINATING, POD_TERMINATED };

struct pod_memory {
	struct container_memory *containers; /* same order and length as the slots */
	size_t containers_len;
	int64_t now_ms; /* wall clock */
	int64_t first_seen_ms;
	bool rejected; /* admission at the node failed: phase Failed, nothing is ever started */
	const char *end_reason,
	    *end_message;       /* Evicted, DeadlineExceeded, NodeAffinity, ...: NULL for none */
	bool end_requested;     /* terminate although not deleted (deadline, eviction, gone from the API) */
	int64_t end_grace_s;    /* < 0: the pod's own */
	int64_t end_started_ms; /* when termination began; 0: not yet */
	bool volumes_ready, volumes_busy;
	int64_t volumes_retry_at_ms;
	bool sandbox_busy; /* create or stop under way */
	char *sandbox_error;
	int64_t sandbox_retry_at_ms;
	bool cleaned; /* sandbox stopped, volumes and cgroup gone */
	bool cleaning;
	bool network_ready; /* of the node; host network pods don't care */
	const char *network_message;
	int64_t max_backoff_ms;
};

enum pod_action_kind {
	POD_PREPARE, /* directories, cgroup, volumes */
	POD_RUN_SANDBOX,
	POD_STOP_SANDBOX,     /* id: it, and the containers in it, is no longer wanted; a new one follows */
	POD_START_CONTAINER,  /* slot */
	POD_KILL_CONTAINER,   /* id, grace_s, reason */
	POD_REMOVE_CONTAINER, /* id: a dead instance that nobody needs any more */
	POD_BACK_OFF,         /* slot: tell (event) that it waits; nothing else */
	POD_DEADLINE,         /* the active deadline has passed: mark it and terminate */
	POD_CLEAN_UP,         /* terminated: stop sandboxes, unmount, remove the cgroup */
};

struct pod_action {
	enum pod_action_kind kind;
	size_t slot;    /* SIZE_MAX: none */
	const char *id; /* borrowed from the runtime's state */
	int64_t grace_s;
	const char *message; /* of the event: why it is killed; in the arena */
	uint32_t attempt;    /* RUN_SANDBOX */
	bool skip_prestop, restarts;
};

struct pod_decision {
	struct pod_action *actions;
	size_t len;
	int64_t wake_at_ms; /* look again then at the latest; 0: no need */
	enum pod_stage stage;
	const char *const
	    *wait; /* for each slot: CrashLoopBackOff or NULL: overrides the remembered reason */
	const char *const *wait_message;
};

/*
 * The exited instance that a restart's back-off counts from: the newest one, but the one before when the
 * kubelet itself ended the newest to restart it (as upstream, where a failing probe restarts a container that
 * has run well at once).
 */
const struct rt_container *pod_backoff_reference(
    const struct rt_pod *runtime, const struct container_memory *memory);

/* runtime may be NULL. Everything returned lives in the arena. */
struct pod_decision pod_decide(struct arena *arena, const struct object *pod, const struct pod_slots *slots,
    const struct rt_pod *runtime, const struct pod_memory *memory);

#endif
