/*
 * Starting one container: image, configuration, create, start, postStart hook. What fails is remembered as
 * the reason the container waits for, and told by an event; when to try again is pod_decide()'s.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/images/image_manager.h"
#include "kubelet/pods/cri_config.h"
#include "kubelet/pods/hooks.h"
#include "kubelet/pods/mounts.h"
#include "kubelet/pods/pod_private.h"
#include "kubelet/runtime/convert.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/informer.h"
#include "lib/loop/loop.h"

#define RETRY_MS 10000

struct start_op {
	struct worker *w;
	struct arena *arena;
	const struct object *pod; /* as it was when the op began */
	struct pod_slot slot;
	char *name, *id;
	struct backoff pull_backoff; /* a copy: the memory may move */
	struct image_pull *pull;
	struct runtime_call *call;
	struct hook_run *hook;
	struct image_result image;
	bool aborted;
};

static struct container_memory *memory_of(struct start_op *op)
{
	return worker_container(op->w, op->name);
}

static void op_free(struct start_op *op)
{
	image_pull_cancel(op->pull);
	runtime_cancel(op->w->pm->deps.runtime, op->call);
	hook_cancel(op->hook);
	object_unref(op->pod);
	arena_free(op->arena);
	free(op->name);
	free(op->id);
	free(op);
}

static void op_end(struct start_op *op)
{
	struct worker *w = op->w;
	struct container_memory *m = memory_of(op);
	if (m)
		m->starting = m->starting_hook = false;
	w->start = NULL;
	op_free(op);
	worker_kick(w);
}

/* The start failed: the container waits with this reason. */
static void op_fail(struct start_op *op, const char *reason, const char *message, int64_t retry_at_ms)
{
	struct container_memory *m = memory_of(op);
	if (m) {
		worker_set_wait(m, reason, message);
		m->retry_at_ms = retry_at_ms;
	}
	op_end(op);
}

static void tell_error(struct start_op *op, const char *message)
{
	worker_event(op->w, op->name, true, "Failed", arena_printf(op->arena, "Error: %s", message));
}

/* Callbacks of the cache find the op by pod and container id. */
struct started {
	struct pod_manager *pm;
	char *uid, *id;
};

static void refresh_then(struct start_op *op, void (*fn)(void *arg))
{
	struct started *s = calloc(1, sizeof *s);
	*s = (struct started){op->w->pm, strdup(op->w->uid), strdup(op->id)};
	runtime_cache_refresh(op->w->pm->cache, op->id, fn, s);
}

static struct start_op *find_op(struct started *s)
{
	struct worker *w = strmap_get(s->pm->workers, s->uid);
	struct start_op *op = w && w->start && str_eq(w->start->id, s->id) ? w->start : NULL;
	free(s->uid);
	free(s->id);
	free(s);
	return op;
}

/* ---- after the start: hook ---- */

static void on_hook(void *arg, bool ok, const char *output)
{
	struct start_op *op = arg;
	struct container_memory *m = memory_of(op);
	op->hook = NULL;
	if (ok || !m) {
		op_end(op);
		return;
	}
	const MetaV1__ObjectMeta *meta = op->pod->meta;
	const char *text =
	    arena_printf(op->arena, "PostStartHook failed for container \"%s\" in pod \"%s_%s(%s)\": %s",
		op->name, meta->name, meta->namespace_, meta->uid, output);
	worker_event(op->w, op->name, true, "FailedPostStartHook", text);
	pod_set_string(&m->start_failed_id, op->id);
	worker_set_wait(m, "PostStartHookError", text);
	op_end(op);
}

static void on_running(void *arg)
{
	struct start_op *op = find_op(arg);
	if (!op)
		return;
	const CoreV1__Lifecycle *lifecycle = op->slot.spec->lifecycle;
	struct container_memory *m = memory_of(op);
	if (m) {
		worker_set_wait(m, NULL, NULL);
		m->retry_at_ms = 0;
		pod_set_string(&m->start_failed_id, NULL);
		m->starting_hook = lifecycle && lifecycle->post_start;
	}
	if (op->aborted || !lifecycle || !lifecycle->post_start) {
		op_end(op);
		return;
	}
	char ip[64], ips[256];
	worker_ips(op->w, ip, ips);
	struct probe_target target = {.pod = op->pod,
	    .container = op->slot.spec,
	    .container_id = op->id,
	    .host = ip,
	    .user_agent = "kube-lifecycle/1.32"};
	op->hook = hook_run(op->w->pm->deps.loop, op->w->pm->deps.runtime, op->w->pm->http, &target,
	    lifecycle->post_start, on_hook, op);
	worker_kick(op->w);
}

static void on_start_failed_known(void *arg)
{
	struct start_op *op = find_op(arg);
	if (op)
		op_end(op);
}

static void on_started(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct start_op *op = arg;
	struct container_memory *m = memory_of(op);
	op->call = NULL;
	if (err) {
		tell_error(op, err->message);
		if (m)
			worker_set_wait(m, "RunContainerError", err->message);
		refresh_then(op, on_start_failed_known);
		return;
	}
	worker_event(
	    op->w, op->name, false, "Started", arena_printf(op->arena, "Started container %s", op->name));
	refresh_then(op, on_running);
}

static void on_created_known(void *arg)
{
	struct start_op *op = find_op(arg);
	if (!op)
		return;
	if (op->aborted) {
		op_end(op);
		return;
	}
	CriV1__StartContainerRequest request = CRI_V1__START_CONTAINER_REQUEST__INIT;
	request.container_id = op->id;
	op->call =
	    runtime_call(op->w->pm->deps.runtime, RUNTIME_START_CONTAINER, &request, 0, on_started, op);
}

static void on_created(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct start_op *op = arg;
	op->call = NULL;
	if (err) {
		tell_error(op, err->message);
		op_fail(op, "CreateContainerError", err->message, worker_now_ms(op->w) + RETRY_MS);
		return;
	}
	op->id = strdup(((const CriV1__CreateContainerResponse *)response)->container_id);
	worker_event(
	    op->w, op->name, false, "Created", arena_printf(op->arena, "Created container: %s", op->name));
	refresh_then(op, on_created_known);
}

/* ---- configuration ---- */

static int32_t next_restart_count(const struct start_op *op)
{
	const struct rt_container *c = rt_pod_container(worker_runtime(op->w), op->name, 0);
	if (c)
		return c->restart_count + 1;
	const CoreV1__PodStatus *s = op->w->status ? op->w->status : pod_of(op->pod)->status;
	for (size_t i = 0; i < s->n_container_statuses; i++)
		if (str_eq(s->container_statuses[i]->name, op->name) &&
		    !str_empty(s->container_statuses[i]->container_id))
			return s->container_statuses[i]->restart_count + 1;
	return 0;
}

static size_t collect_services(struct start_op *op, const CoreV1__Service ***ret)
{
	struct informer *services = op->w->pm->deps.services;
	const CoreV1__Service **list = NULL;
	size_t len = 0;
	if (!services)
		return 0;
	informer_for_each (obj, informer_all(services)) {
		bool master =
		    str_eq(obj->meta->namespace_, "default") && str_eq(obj->meta->name, "kubernetes");
		if (!master && !str_eq(obj->meta->namespace_, op->pod->meta->namespace_))
			continue;
		list = arena_grow(op->arena, list, len * sizeof *list, (len + 1) * sizeof *list);
		list[len++] = (const CoreV1__Service *)obj->msg;
	}
	*ret = list;
	return len;
}

static int build_env(struct start_op *op, struct env *env, struct error *err)
{
	char ip[64], ips[256];
	worker_ips(op->w, ip, ips);
	const struct pod_manager_deps *deps = &op->w->pm->deps;
	const struct object *node = deps->node ? deps->node(deps->node_arg) : NULL;
	struct downward_facts facts = {.pod_ip = arena_strdup(op->arena, ip),
	    .pod_ips = arena_strdup(op->arena, ips),
	    .host_ip = deps->config->node_ip,
	    .node = node ? (const CoreV1__Node *)node->msg : NULL};
	const CoreV1__Service **services = NULL;
	struct env_input in = {
	    .pod = op->pod, .container = op->slot.spec, .references = deps->references, .facts = &facts};
	in.services_len = collect_services(op, &services);
	in.services = services;
	const char *invalid = NULL;
	if (env_build(op->arena, &in, env, &invalid, err))
		return -1;
	if (invalid)
		worker_event(op->w, NULL, true, "InvalidEnvironmentVariableNames",
		    arena_printf(op->arena,
			"Keys [%s] were skipped since they are no names of environment variables", invalid));
	return 0;
}

static void create(struct start_op *op)
{
	struct error err = ERROR_INIT;
	struct env env;
	CriV1__CreateContainerRequest request = CRI_V1__CREATE_CONTAINER_REQUEST__INIT;
	const struct rt_sandbox *sandbox = rt_pod_sandbox(worker_runtime(op->w));
	const struct rt_container *target =
	    op->slot.target ? rt_pod_container(worker_runtime(op->w), op->slot.target, 0) : NULL;
	struct container_input in = {.config = op->w->pm->deps.config,
	    .pod = op->pod,
	    .slot = &op->slot,
	    .env = &env,
	    .image_ref = op->image.image_ref,
	    .image_has_user = op->image.has_user,
	    .image_uid = op->image.uid,
	    .image_username = op->image.username,
	    .restart_count = next_restart_count(op),
	    .node_memory_bytes = op->w->pm->deps.config->memory_bytes,
	    .target_id = target ? target->id : NULL};
	char ip[64], ips[256];
	worker_ips(op->w, ip, ips);
	struct mounts_input mounts = {.config = in.config,
	    .volumes = op->w->pm->deps.volumes,
	    .pod = op->pod,
	    .slot = &op->slot,
	    .env = &env,
	    .pod_ips = ips};
	if (!sandbox || build_env(op, &env, &err) ||
	    mounts_build(op->arena, &mounts, &in.mounts, &in.mounts_len, &err) ||
	    container_config_build(op->arena, &in, &request.config, &err) ||
	    build_sandbox_config(op->w, op->arena, sandbox->attempt, &request.sandbox_config, &err)) {
		if (err.code != ERR_UNAVAILABLE) /* not read yet: it will be, and nobody needs to know */
			tell_error(op, err.message);
		op_fail(op, "CreateContainerConfigError", err.message, worker_now_ms(op->w) + RETRY_MS);
		return;
	}
	request.pod_sandbox_id = sandbox->id;
	op->call =
	    runtime_call(op->w->pm->deps.runtime, RUNTIME_CREATE_CONTAINER, &request, 0, on_created, op);
}

static void on_image(void *arg, const struct image_result *result)
{
	struct start_op *op = arg;
	struct container_memory *m = memory_of(op);
	op->pull = NULL;
	if (m)
		m->pull = op->pull_backoff;
	if (result->reason) {
		op_fail(op, result->reason, result->message, result->retry_at_ms);
		return;
	}
	op->image = *result;
	op->image.image_ref = arena_strdup(op->arena, result->image_ref);
	op->image.username = arena_strdup(op->arena, str_or(result->username, ""));
	if (op->aborted)
		op_end(op);
	else
		create(op);
}

void action_start_container(struct worker *w, size_t slot)
{
	struct start_op *op = calloc(1, sizeof *op);
	struct container_memory *m = &w->memory.containers[slot];
	*op = (struct start_op){.w = w,
	    .arena = arena_new(),
	    .pod = object_ref(w->pod),
	    .name = strdup(m->name),
	    .pull_backoff = m->pull};
	/* The slot of an ephemeral container lives in the worker's arena, which goes with the object: make an
	 * own one. */
	op->slot = pod_slots_of(op->arena, pod_of(op->pod)).items[slot];
	w->start = op;
	m->starting = true;
	const struct rt_container *last = pod_backoff_reference(worker_runtime(w), m);
	if (last) {
		int64_t finished = (last->finished_ns ? last->finished_ns : last->created_ns) / 1000000;
		backoff_next(&m->crash, finished, worker_now_ms(w), w->memory.max_backoff_ms);
	}
	op->pull =
	    image_manager_ensure(w->pm->deps.images, op->pod, op->slot.spec, &op->pull_backoff, on_image, op);
}

void start_op_abort(struct worker *w)
{
	struct start_op *op = w->start;
	if (!op || op->aborted)
		return;
	op->aborted = true;
	if (op->pull || op->hook) {
		struct container_memory *m = memory_of(op);
		if (m)
			m->starting = m->starting_hook = false;
		w->start = NULL;
		op_free(op);
		worker_kick(w);
	}
}

void start_op_cancel(struct worker *w)
{
	if (w->start)
		op_free(w->start);
	w->start = NULL;
}
