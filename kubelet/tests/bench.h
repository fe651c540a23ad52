/* bench: what the kubelet's unit tests share: pods from JSON, runtime state by hand. */
#ifndef CUBE_KUBELET_TEST_BENCH_H
#define CUBE_KUBELET_TEST_BENCH_H

#include "lib/base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/pods/pod_worker.h"
#include "kubelet/pods/status.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"

#define NOW_MS 1700000000000

struct bench {
	struct arena *arena;
	struct object *pod;
	struct pod_slots slots;
	struct pod_memory memory;
	struct container_memory containers[8];
	struct rt_pod runtime;
	struct rt_sandbox *sandboxes[4];
	struct rt_container *list[16];
};

/* The spec's JSON; metadata and apiVersion are added. */
static inline void bench_init(struct bench *b, const char *spec)
{
	struct error err = ERROR_INIT;
	memset(b, 0, sizeof *b);
	resources_init();
	b->arena = arena_new();
	const char *json = arena_printf(b->arena,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\","
	    "\"uid\":\"u1\",\"labels\":{\"a\":\"b\"}},"
	    "\"spec\":%s}",
	    spec);
	assert_int_equal(object_decode(json, strlen(json), &b->pod, &err), 0);
	b->slots = pod_slots_of(b->arena, pod_of(b->pod));
	b->memory = (struct pod_memory){.containers = b->containers,
	    .containers_len = b->slots.len,
	    .now_ms = NOW_MS,
	    .first_seen_ms = NOW_MS - 5000,
	    .volumes_ready = true,
	    .network_ready = true,
	    .max_backoff_ms = BACKOFF_MAX_MS,
	    .end_grace_s = -1};
	for (size_t i = 0; i < b->slots.len; i++)
		b->containers[i].name = b->slots.items[i].spec->name;
	b->runtime = (struct rt_pod){.uid = "u1", .sandboxes = b->sandboxes, .containers = b->list};
}

static inline void bench_done(struct bench *b)
{
	object_unref(b->pod);
	arena_free(b->arena);
}

static inline struct rt_sandbox *bench_sandbox(struct bench *b)
{
	struct rt_sandbox *s = ARENA_NEW(b->arena, struct rt_sandbox);
	*s = (struct rt_sandbox){.id = "s1", .ready = true, .created_ns = 1000, .ip = "10.0.0.2"};
	b->sandboxes[b->runtime.sandboxes_len++] = s;
	return s;
}

/* The newest comes first, as the cache keeps them. */
static inline struct rt_container *bench_container(
    struct bench *b, const char *name, const char *id, enum rt_state state, int exit_code)
{
	struct rt_container *c = ARENA_NEW(b->arena, struct rt_container);
	memmove(b->list + 1, b->list, b->runtime.containers_len * sizeof *b->list);
	b->runtime.containers_len++;
	*c = (struct rt_container){.id = arena_strdup(b->arena, id),
	    .name = arena_strdup(b->arena, name),
	    .state = state,
	    .exit_code = exit_code,
	    .created_ns = 2000 + (int64_t)b->runtime.containers_len,
	    .started_ns = (NOW_MS - 60000) * 1000000,
	    .restart_count = 0,
	    .reason = exit_code ? "Error" : "Completed"};
	if (state == RT_EXITED)
		c->finished_ns = (NOW_MS - 2000) * 1000000;
	b->list[0] = c;
	return c;
}

static inline struct pod_decision bench_decide(struct bench *b)
{
	return pod_decide(
	    b->arena, b->pod, &b->slots, b->runtime.sandboxes_len ? &b->runtime : NULL, &b->memory);
}

static inline CoreV1__PodStatus *bench_status(struct bench *b)
{
	static struct pod_decision decision;
	decision = bench_decide(b);
	struct status_input in = {.pod = b->pod,
	    .slots = &b->slots,
	    .runtime = b->runtime.sandboxes_len ? &b->runtime : NULL,
	    .memory = &b->memory,
	    .decision = &decision,
	    .host_ip = "192.168.0.1"};
	return status_compute(b->arena, &in);
}

/* "start c, kill a(3)": what a decision says, in one line. */
static inline const char *bench_actions(struct bench *b)
{
	static const char *const names[] = {"prepare", "run-sandbox", "stop-sandbox", "start", "kill",
	    "remove", "back-off", "deadline", "clean-up"};
	struct pod_decision d = bench_decide(b);
	const char *text = "";
	for (size_t i = 0; i < d.len; i++) {
		const struct pod_action *a = &d.actions[i];
		text = arena_printf(b->arena, "%s%s%s", text, *text ? ", " : "", names[a->kind]);
		if (a->slot < b->slots.len)
			text = arena_printf(b->arena, "%s %s", text, b->slots.items[a->slot].spec->name);
		if (a->kind == POD_KILL_CONTAINER)
			text = arena_printf(b->arena, "%s(%d)", text, (int)a->grace_s);
		if (a->kind == POD_REMOVE_CONTAINER)
			text = arena_printf(b->arena, "%s %s", text, a->id);
	}
	return text;
}

static inline void bench_delete(struct bench *b, int64_t grace)
{
	b->pod->meta->deletion_timestamp = time_new(b->arena, NOW_MS / 1000);
	b->pod->meta->has_deletion_grace_period_seconds = true;
	b->pod->meta->deletion_grace_period_seconds = grace;
}

#endif
