/* Ending one container: preStop hook within the grace period, then StopContainer with what is left of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/pods/pod_private.h"
#include "kubelet/pods/hooks.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

#define GRACE_MIN_S 2 /* what is left after a hook is never less, so that the process sees its SIGTERM */
#define STOP_SLACK_MS 120000

struct kill_op {
	struct worker *w;
	struct kill_op *next;
	char *id, *name;
	int64_t grace_s, begin_ms;
	struct hook_run *hook;
	struct loop_timer *hook_timer;
	struct runtime_call *call;
};

static void op_free(struct kill_op *op)
{
	for (struct kill_op **at = &op->w->kills; *at; at = &(*at)->next) {
		if (*at == op) {
			*at = op->next;
			break;
		}
	}
	hook_cancel(op->hook);
	loop_timer_free(op->hook_timer);
	runtime_cancel(op->w->pm->deps.runtime, op->call);
	free(op->id);
	free(op->name);
	free(op);
}

/* The op is found again by the container's id: a second, shorter kill may have replaced it. */
struct ended {
	struct pod_manager *pm;
	char *uid, *id;
};

static struct kill_op *find_op(struct worker *w, const char *id)
{
	for (struct kill_op *op = w ? w->kills : NULL; op; op = op->next)
		if (str_eq(op->id, id))
			return op;
	return NULL;
}

static void kill_over(struct kill_op *op)
{
	struct worker *w = op->w;
	struct container_memory *m = worker_container(w, op->name);
	if (m && str_eq(m->killing_id, op->id))
		pod_set_string(&m->killing_id, NULL);
	op_free(op);
	worker_kick(w);
}

static void on_wait_over(void *arg)
{
	kill_over(arg);
}

/* The cache has seen the end (or its absence): only now may the container be decided on again. */
static void on_known(void *arg)
{
	struct ended *e = arg;
	struct worker *w = strmap_get(e->pm->workers, e->uid);
	struct kill_op *op = find_op(w, e->id);
	const struct rt_container *c = w ? rt_pod_container_by_id(worker_runtime(w), e->id) : NULL;
	if (op && !op->call) {
		if (c && c->state == RT_RUNNING) {
			loop_timer_free(op->hook_timer);
			op->hook_timer = loop_timer_new(e->pm->deps.loop, on_wait_over, op);
			loop_timer_start(op->hook_timer, 1000, 0);
		} else {
			kill_over(op);
		}
	}
	free(e->uid);
	free(e->id);
	free(e);
}

static void on_stopped(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct kill_op *op = arg;
	op->call = NULL;
	if (err && err->code != ERR_NOT_FOUND) {
		char text[900];
		snprintf(text, sizeof text, "error killing container %s: %.700s", op->name, err->message);
		worker_event(op->w, op->name, true, "FailedKillPod", text);
	}
	struct ended *e = calloc(1, sizeof *e);
	*e = (struct ended){op->w->pm, strdup(op->w->uid), strdup(op->id)};
	runtime_cache_refresh(op->w->pm->cache, op->id, on_known, e);
}

static void stop(struct kill_op *op)
{
	int64_t left = op->grace_s - (worker_now_ms(op->w) - op->begin_ms) / 1000;
	if (left < GRACE_MIN_S)
		left = GRACE_MIN_S;
	CriV1__StopContainerRequest request = CRI_V1__STOP_CONTAINER_REQUEST__INIT;
	request.container_id = op->id;
	request.timeout = left;
	op->call = runtime_call(op->w->pm->deps.runtime, RUNTIME_STOP_CONTAINER, &request,
	    left * 1000 + STOP_SLACK_MS, on_stopped, op);
}

static void hook_failed(struct kill_op *op, const char *why)
{
	char text[1000];
	snprintf(text, sizeof text, "PreStopHook failed for container \"%s\" in pod \"%s_%s(%s)\": %.600s",
	    op->name, op->w->pod->meta->name, op->w->pod->meta->namespace_, op->w->uid, why);
	worker_event(op->w, op->name, true, "FailedPreStopHook", text);
}

static void on_hook(void *arg, bool ok, const char *message)
{
	struct kill_op *op = arg;
	op->hook = NULL;
	loop_timer_stop(op->hook_timer);
	if (!ok)
		hook_failed(op, message);
	stop(op);
}

static void on_hook_timeout(void *arg)
{
	struct kill_op *op = arg;
	hook_cancel(op->hook);
	op->hook = NULL;
	hook_failed(op, "it didn't end within the grace period");
	stop(op);
}

static void run_hook(struct kill_op *op, const CoreV1__Container *c, const CoreV1__LifecycleHandler *handler)
{
	char ip[64], ips[256];
	worker_ips(op->w, ip, ips);
	struct probe_target target = {.pod = op->w->pod,
	    .container = c,
	    .container_id = op->id,
	    .host = ip,
	    .user_agent = "kube-lifecycle/1.32"};
	op->hook_timer = loop_timer_new(op->w->pm->deps.loop, on_hook_timeout, op);
	loop_timer_start(op->hook_timer, op->grace_s * 1000, 0);
	op->hook = hook_run(
	    op->w->pm->deps.loop, op->w->pm->deps.runtime, op->w->pm->http, &target, handler, on_hook, op);
}

void action_kill_container(struct worker *w, const struct pod_action *a)
{
	const CoreV1__Container *c = a->slot < w->slots.len ? w->slots.items[a->slot].spec : NULL;
	struct container_memory *m = c ? &w->memory.containers[a->slot] : NULL;
	struct kill_op *op = find_op(w, a->id);
	if (op) { /* less time than before */
		hook_cancel(op->hook);
		op->hook = NULL;
		if (op->hook_timer)
			loop_timer_stop(op->hook_timer);
		runtime_cancel(w->pm->deps.runtime, op->call);
		op->call = NULL;
		op->grace_s = a->grace_s;
		op->begin_ms = worker_now_ms(w);
		m->killing_grace_s = a->grace_s;
		stop(op);
		return;
	}
	op = calloc(1, sizeof *op);
	*op = (struct kill_op){.w = w,
	    .next = w->kills,
	    .id = strdup(a->id),
	    .name = strdup(c ? c->name : ""),
	    .grace_s = a->grace_s,
	    .begin_ms = worker_now_ms(w)};
	w->kills = op;
	if (m) {
		if (a->restarts)
			pod_set_string(&m->restarted_id, a->id);
		pod_set_string(&m->killing_id, a->id);
		m->killing_grace_s = a->grace_s;
	}
	if (c)
		worker_event(w, c->name, false, "Killing", a->message);
	const CoreV1__LifecycleHandler *handler = c && c->lifecycle ? c->lifecycle->pre_stop : NULL;
	if (handler && a->grace_s > 0 && !a->skip_prestop)
		run_hook(op, c, handler);
	else
		stop(op);
}

void kill_ops_cancel(struct worker *w)
{
	while (w->kills)
		op_free(w->kills);
}
