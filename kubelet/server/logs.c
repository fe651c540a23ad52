/* GET
 * /containerLogs/{namespace}/{pod}/{container}?follow=&tailLines=&sinceSeconds=&sinceTime=&limitBytes=&timestamps=&previous=
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/config.h"
#include "kubelet/logs/log_reader.h"
#include "kubelet/pods/pod_manager.h"
#include "kubelet/server/server_private.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

#define QUEUE_MAX (1 << 20)

struct log_follow {
	struct kubelet_server *server;
	struct log_follow *prev, *next;
	struct http_server_request *request;
	struct log_reader *reader;
	char *uid, *id; /* of the pod and the container */
};

static void follow_free(struct log_follow *f)
{
	if (f->prev)
		f->prev->next = f->next;
	else
		f->server->follows = f->next;
	if (f->next)
		f->next->prev = f->prev;
	log_reader_close(f->reader);
	free(f->uid);
	free(f->id);
	free(f);
}

static bool on_data(void *arg, const char *data, size_t size)
{
	struct log_follow *f = arg;
	return http_send(f->request, data, size) < QUEUE_MAX;
}

static void on_end(void *arg, const struct error *err)
{
	struct log_follow *f = arg;
	struct http_server_request *request = f->request;
	follow_free(f);
	http_end(request);
}

static bool is_running(void *arg)
{
	struct log_follow *f = arg;
	const struct rt_container *c =
	    rt_pod_container_by_id(runtime_cache_pod(pod_manager_cache(f->server->deps.pods), f->uid), f->id);
	return c && (c->state == RT_RUNNING || c->state == RT_CREATED);
}

static void on_drain(void *arg)
{
	struct log_follow *f = arg;
	log_reader_resume(f->reader);
}

static void on_close(void *arg)
{
	follow_free(arg);
}

static bool query_bool(struct http_server_request *request, const char *name)
{
	const char *v = http_request_query(request, name, 0);
	return v && (str_eq(v, "true") || str_eq(v, "1"));
}

/* False: the parameter isn't a number; the answer has been sent. */
static bool query_int(struct http_server_request *request, const char *name, int64_t *ret)
{
	const char *v = http_request_query(request, name, 0);
	if (str_empty(v))
		return true;
	return str_to_int64(v, ret);
}

static bool read_options(struct kubelet_server *s, struct http_server_request *request, struct log_options *o)
{
	int64_t since = 0;
	*o = (struct log_options){.tail_lines = -1};
	o->follow = query_bool(request, "follow");
	o->timestamps = query_bool(request, "timestamps");
	o->stream = http_request_query(request, "stream", 0);
	if (!query_int(request, "tailLines", &o->tail_lines) ||
	    !query_int(request, "limitBytes", &o->limit_bytes) || !query_int(request, "sinceSeconds", &since))
		return false;
	if (since > 0)
		o->since_ns = clock_wall_ns(loop_clock(s->deps.loop)) - since * 1000000000;
	const char *time = http_request_query(request, "sinceTime", 0);
	int64_t seconds;
	int32_t nanos;
	if (!str_empty(time)) {
		if (!time_parse(time, &seconds, &nanos))
			return false;
		o->since_ns = seconds * 1000000000 + nanos;
	}
	return true;
}

static bool has_container(const CoreV1__Pod *pod, const char *name)
{
	for (size_t i = 0; i < pod->spec->n_containers; i++)
		if (str_eq(pod->spec->containers[i]->name, name))
			return true;
	for (size_t i = 0; i < pod->spec->n_init_containers; i++)
		if (str_eq(pod->spec->init_containers[i]->name, name))
			return true;
	for (size_t i = 0; i < pod->spec->n_ephemeral_containers; i++)
		if (str_eq(pod->spec->ephemeral_containers[i]->ephemeral_container_common->name, name))
			return true;
	return false;
}

static const CoreV1__ContainerStatus *status_of(const CoreV1__PodStatus *s, const char *name)
{
	for (size_t i = 0; s && i < s->n_container_statuses; i++)
		if (str_eq(s->container_statuses[i]->name, name))
			return s->container_statuses[i];
	for (size_t i = 0; s && i < s->n_init_container_statuses; i++)
		if (str_eq(s->init_container_statuses[i]->name, name))
			return s->init_container_statuses[i];
	return NULL;
}

/* "Previous" is what the status shows as the last state: in a crash loop that is the newest instance. */
static const struct rt_container *previous_of(
    const struct kubelet_server *s, const struct object *pod, const CoreV1__ContainerStatus *status)
{
	const CoreV1__ContainerStateTerminated *t =
	    status && status->last_state ? status->last_state->terminated : NULL;
	const char *id = t ? strstr(t->container_id, "://") : NULL;
	return id ? rt_pod_container_by_id(
			runtime_cache_pod(pod_manager_cache(s->deps.pods), pod->meta->uid), id + 3)
		  : NULL;
}

static const char *waiting_reason(const CoreV1__ContainerStatus *status)
{
	return status && status->state->waiting ? status->state->waiting->reason : "ContainerCreating";
}

static void begin(struct kubelet_server *s, struct http_server_request *request, const struct object *pod,
    const struct rt_container *c, const struct log_options *options)
{
	static const struct log_reader_callbacks callbacks = {
	    .on_data = on_data, .on_end = on_end, .is_running = is_running};
	struct error err = ERROR_INIT;
	struct log_follow *f = calloc(1, sizeof *f);
	*f = (struct log_follow){.server = s,
	    .next = s->follows,
	    .request = request,
	    .uid = strdup(pod->meta->uid),
	    .id = strdup(c->id)};
	if (s->follows)
		s->follows->prev = f;
	s->follows = f;
	f->reader = log_reader_open(s->deps.loop, c->log_path, options, &callbacks, f, &err);
	if (!f->reader) {
		follow_free(f);
		respond_text(request, 500, err.message);
		return;
	}
	http_start(request, 200, "text/plain", NULL, on_drain, on_close, f);
}

void handle_logs(struct kubelet_server *s, struct http_server_request *request)
{
	const char *ns = path_segment(request, 0), *name = path_segment(request, 1),
		   *container = path_segment(request, 2);
	struct log_options options;
	if (!ns || !name || !container) {
		respond_text(request, 400, "the path must name a namespace, a pod and a container");
		return;
	}
	if (!read_options(s, request, &options)) {
		respond_text(request, 400, "a log option can't be read");
		return;
	}
	const struct object *pod = pod_manager_find(s->deps.pods, ns, name);
	if (!pod || !has_container((const CoreV1__Pod *)pod->msg, container)) {
		respond_text(request, 404,
		    arena_printf(request->arena,
			pod ? "container %s not found in pod %s" : "pod \"%s/%s\" not found\n",
			pod ? container : ns, name));
		return;
	}
	bool previous = query_bool(request, "previous");
	const CoreV1__ContainerStatus *status =
	    status_of(pod_manager_status(s->deps.pods, pod->meta->uid), container);
	const struct rt_container *c = previous ? previous_of(s, pod, status)
						: pod_manager_container(s->deps.pods, pod, container, false);
	if (!c || !c->log_path) {
		respond_text(request, 400,
		    previous
			? arena_printf(request->arena,
			      "previous terminated container \"%s\" in pod \"%s\" not found", container, name)
			: arena_printf(request->arena,
			      "container \"%s\" in pod \"%s\" is waiting to start: %s", container, name,
			      waiting_reason(status)));
		return;
	}
	begin(s, request, pod, c, &options);
}

void logs_close_all(struct kubelet_server *s)
{
	while (s->follows) {
		struct http_server_request *request = s->follows->request;
		follow_free(s->follows);
		http_abort(request);
	}
}
