#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/probes/probe.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/events.h"
#include "lib/loop/loop.h"

static const char *const kind_names[] = {"Liveness", "Readiness", "Startup"};

/* The probe of one kind of one running container. */
struct prober {
	struct probe_manager *pm;
	const struct object *pod;
	const CoreV1__Container *container; /* in pod, or an arena that outlives it */
	const CoreV1__Probe *probe;
	enum probe_kind kind;
	char *key, *container_id, *host, *field_path;
	struct loop_timer *timer;
	struct probe_run *run;
	enum probe_result last, reported; /* of one run; after thresholds */
	int run_length;
	bool on_hold, has_reported, seen;
};

struct probe_manager {
	struct probe_manager_deps deps;
	struct strmap *probers; /* uid/container/kind -> struct prober */
	char user_agent[64];
};

static void prober_free(void *p)
{
	struct prober *pr = p;
	probe_run_cancel(pr->run);
	loop_timer_free(pr->timer);
	object_unref(pr->pod);
	free(pr->key);
	free(pr->container_id);
	free(pr->host);
	free(pr->field_path);
	free(pr);
}

static int64_t or_default(bool has, int64_t value, int64_t fallback)
{
	return has && value > 0 ? value : fallback;
}

static int64_t period_ms(const CoreV1__Probe *p)
{
	return or_default(true, p->period_seconds, 10) * 1000;
}

static void report(struct prober *pr, enum probe_result result, const char *output)
{
	if (pr->has_reported && pr->reported == result)
		return;
	pr->has_reported = true;
	pr->reported = result;
	const struct probe_manager_deps *d = &pr->pm->deps;
	/* A container that is to be restarted isn't probed on: its successor is. */
	if (result == PROBE_FAILURE && pr->kind != PROBE_READINESS)
		pr->on_hold = true;
	d->on_result(
	    d->arg, pr->pod->meta->uid, pr->container->name, pr->container_id, pr->kind, result, output);
}

static void on_result(void *arg, enum probe_result result, const char *output)
{
	struct prober *pr = arg;
	const struct probe_manager_deps *d = &pr->pm->deps;
	pr->run = NULL;
	if (pr->on_hold)
		return;
	loop_timer_start(pr->timer, period_ms(pr->probe), 0);
	if (result != PROBE_SUCCESS && d->events) {
		char text[1200];
		snprintf(text, sizeof text, "%s probe %s: %.1000s", kind_names[pr->kind],
		    result == PROBE_UNKNOWN ? "errored" : "failed", output);
		event_record_at(d->events, NULL, pr->pod, pr->field_path, true, "Unhealthy", text);
	}
	if (result == PROBE_UNKNOWN)
		return;
	pr->run_length = result == pr->last ? pr->run_length + 1 : 1;
	pr->last = result;
	int64_t failures = or_default(true, pr->probe->failure_threshold, 3);
	int64_t successes = or_default(true, pr->probe->success_threshold, 1);
	if (pr->run_length < (result == PROBE_FAILURE ? failures : successes))
		return;
	report(pr, result, output);
	if (pr->kind == PROBE_STARTUP && result == PROBE_SUCCESS)
		pr->on_hold = true;
	if (pr->on_hold)
		loop_timer_stop(pr->timer);
}

static void start_run(void *arg)
{
	struct prober *pr = arg;
	const struct probe_manager_deps *d = &pr->pm->deps;
	const CoreV1__ProbeHandler *h = pr->probe->handler;
	if (pr->run || pr->on_hold)
		return;
	if (pr->kind != PROBE_STARTUP && !d->started(d->arg, pr->pod->meta->uid, pr->container->name)) {
		loop_timer_start(pr->timer, period_ms(pr->probe), 0);
		return;
	}
	struct probe_target target = {.pod = pr->pod,
	    .container = pr->container,
	    .container_id = pr->container_id,
	    .host = pr->host,
	    .user_agent = pr->pm->user_agent};
	int64_t timeout = or_default(true, pr->probe->timeout_seconds, 1) * 1000;
	if (h->exec)
		pr->run = probe_exec(d->runtime, &target, h->exec, timeout, on_result, pr);
	else if (h->http_get)
		pr->run = probe_http(d->http, &target, h->http_get, timeout, on_result, pr);
	else if (h->tcp_socket)
		pr->run = probe_tcp(d->loop, &target, h->tcp_socket, timeout, on_result, pr);
	else if (h->grpc)
		pr->run = probe_grpc(d->loop, &target, h->grpc, timeout, on_result, pr);
}

static const CoreV1__Probe *probe_of(const CoreV1__Container *c, enum probe_kind kind)
{
	return kind == PROBE_LIVENESS    ? c->liveness_probe
	       : kind == PROBE_READINESS ? c->readiness_probe
					 : c->startup_probe;
}

static struct prober *prober_new(struct probe_manager *pm, const struct object *pod,
    const struct pod_slot *slot, enum probe_kind kind, const struct rt_container *c, const char *host,
    char *take_key)
{
	struct prober *pr = calloc(1, sizeof *pr);
	*pr = (struct prober){.pm = pm,
	    .pod = object_ref(pod),
	    .container = slot->spec,
	    .kind = kind,
	    .key = take_key,
	    .probe = probe_of(slot->spec, kind),
	    .container_id = strdup(c->id),
	    .host = strdup(host),
	    .last = PROBE_UNKNOWN};
	if (asprintf(&pr->field_path, "spec.%s{%s}", slot->kind == SLOT_APP ? "containers" : "initContainers",
		c->name) < 0)
		abort();
	pr->timer = loop_timer_new(pm->deps.loop, start_run, pr);
	/* Counted from the container's start, so that a restarted kubelet doesn't wait anew. */
	int64_t age_ms = (clock_wall_ns(loop_clock(pm->deps.loop)) - c->started_ns) / 1000000;
	int64_t delay = (int64_t)pr->probe->initial_delay_seconds * 1000 - age_ms;
	if (delay < 0)
		delay = 0;
	loop_timer_start(pr->timer, delay, 0);
	strmap_put(pm->probers, pr->key, pr);
	return pr;
}

struct probe_manager *probe_manager_new(const struct probe_manager_deps *deps)
{
	struct probe_manager *pm = calloc(1, sizeof *pm);
	pm->deps = *deps;
	pm->probers = strmap_new();
	snprintf(pm->user_agent, sizeof pm->user_agent, "kube-probe/1.32");
	return pm;
}

void probe_manager_free(struct probe_manager *pm)
{
	if (!pm)
		return;
	strmap_free(pm->probers, prober_free);
	free(pm);
}

static void drop(struct probe_manager *pm, struct prober *pr)
{
	strmap_remove(pm->probers, pr->key);
	prober_free(pr);
}

static void sync_one(struct probe_manager *pm, const struct object *pod, const struct pod_slot *slot,
    enum probe_kind kind, const struct rt_container *c, const char *pod_ip, bool terminating)
{
	char *key;
	if (asprintf(&key, "%s/%s/%d", pod->meta->uid, slot->spec->name, (int)kind) < 0)
		abort();
	struct prober *pr = strmap_get(pm->probers, key);
	bool wanted = c && c->state == RT_RUNNING && !(terminating && kind != PROBE_READINESS);
	if (pr && (!wanted || !str_eq(pr->container_id, c->id))) {
		drop(pm, pr);
		pr = NULL;
	}
	if (pr && pr->pod != pod) {
		/* The slots' memory goes with the old object: point at the new one. */
		object_unref(pr->pod);
		pr->pod = object_ref(pod);
		pr->container = slot->spec;
		pr->probe = probe_of(slot->spec, kind);
	}
	if (!pr && wanted)
		prober_new(pm, pod, slot, kind, c, str_or(pod_ip, ""), key);
	else
		free(key);
	/* Readiness is looked at once startup is over, not a period later. */
	if (pr && kind == PROBE_READINESS && !pr->has_reported && !pr->run && pr->last == PROBE_UNKNOWN &&
	    slot->spec->startup_probe && loop_timer_is_active(pr->timer) &&
	    pm->deps.started(pm->deps.arg, pod->meta->uid, slot->spec->name))
		loop_timer_start(pr->timer, 0, 0);
}

void probe_manager_sync(struct probe_manager *pm, const struct object *pod, const struct pod_slots *slots,
    const struct rt_pod *runtime, const char *pod_ip, bool terminating)
{
	for (size_t i = 0; i < slots->len; i++) {
		const struct pod_slot *slot = &slots->items[i];
		if (slot->kind != SLOT_APP && slot->kind != SLOT_SIDECAR)
			continue;
		const struct rt_container *c = rt_pod_container(runtime, slot->spec->name, 0);
		for (int kind = 0; kind < PROBE_KIND_COUNT; kind++)
			if (probe_of(slot->spec, (enum probe_kind)kind))
				sync_one(pm, pod, slot, (enum probe_kind)kind, c, pod_ip, terminating);
	}
}

void probe_manager_remove(struct probe_manager *pm, const char *uid)
{
	strmap_for_each (pm->probers, e) {
		struct prober *pr = strmap_value(e);
		if (str_eq(pr->pod->meta->uid, uid))
			drop(pm, pr);
	}
}
