/* hollow: a runtime whose containers run in name only: for nodes by the thousand in scale tests. Answers at
 * once. */
#include <stdlib.h>
#include <string.h>

#include "kubelet/runtime/convert.h"
#include "kubelet/runtime/runtime.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

struct hollow_item { /* a sandbox or a container, kept as the status message it is asked for */
	struct arena *arena;
	CriV1__PodSandboxStatus *sandbox;
	CriV1__ContainerStatus *container;
	char *sandbox_id;
};

struct hollow_runtime {
	struct runtime base;
	struct strmap *items; /* id -> struct hollow_item */
	unsigned addresses;
};

struct runtime_call {
	struct hollow_runtime *rt;
	struct loop_timer *timer;
	struct arena *arena;
	const ProtobufCMessage *response;
	struct error error;
	runtime_done *done;
	void *arg;
};

static int64_t now_ns(const struct hollow_runtime *rt)
{
	return clock_wall_ns(loop_clock(rt->base.loop));
}

static char *new_id(struct arena *arena)
{
	char a[37], b[37];
	str_uuid(a);
	str_uuid(b);
	char *id = arena_printf(arena, "%s%s", a, b), *to = id;
	for (const char *p = id; *p; p++)
		if (*p != '-')
			*to++ = *p;
	*to = 0;
	return id;
}

static struct hollow_item *item_new(struct hollow_runtime *rt, char **ret_id)
{
	struct arena *arena = arena_new();
	struct hollow_item *item = ARENA_NEW(arena, struct hollow_item);
	item->arena = arena;
	*ret_id = new_id(arena);
	strmap_put(rt->items, *ret_id, item);
	return item;
}

static void item_free(void *p)
{
	struct hollow_item *item = p;
	arena_free(item->arena);
}

/* Deep copies by the wire: the request's memory is the caller's. */
static void *copy_message(struct arena *arena, const ProtobufCMessage *m)
{
	if (!m)
		return NULL;
	size_t size = protobuf_c_message_get_packed_size(m);
	uint8_t *data = arena_alloc(arena, size + 1);
	protobuf_c_message_pack(m, data);
	ProtobufCMessage *out = protobuf_c_message_unpack(m->descriptor, NULL, size, data);
	return out;
}

static void free_message(void *m)
{
	protobuf_c_message_free_unpacked(m, NULL);
}

static const ProtobufCMessage *run_sandbox(struct runtime_call *c, const CriV1__RunPodSandboxRequest *r)
{
	struct hollow_runtime *rt = c->rt;
	char *id;
	struct hollow_item *item = item_new(rt, &id);
	CriV1__PodSandboxConfig *config = copy_message(item->arena, &r->config->base);
	arena_on_free(item->arena, free_message, config);
	CriV1__PodSandboxStatus *s = item->sandbox = CRI_NEW(item->arena, cri_v1__pod_sandbox_status);
	s->id = id;
	s->metadata = config->metadata;
	s->state = CRI_V1__POD_SANDBOX_STATE__SANDBOX_READY;
	s->created_at = now_ns(rt);
	s->n_labels = config->n_labels;
	s->labels = (CriV1__PodSandboxStatus__LabelsEntry **)config->labels;
	s->network = CRI_NEW(item->arena, cri_v1__pod_sandbox_network_status);
	unsigned a = rt->addresses++ % 65000 + 2;
	s->network->ip = arena_printf(item->arena, "10.200.%u.%u", a / 250, a % 250 + 2);
	CriV1__RunPodSandboxResponse *out = CRI_NEW(c->arena, cri_v1__run_pod_sandbox_response);
	out->pod_sandbox_id = id;
	return &out->base;
}

static const ProtobufCMessage *create_container(
    struct runtime_call *c, const CriV1__CreateContainerRequest *r)
{
	char *id;
	struct hollow_item *item = item_new(c->rt, &id);
	CriV1__ContainerConfig *config = copy_message(item->arena, &r->config->base);
	arena_on_free(item->arena, free_message, config);
	CriV1__ContainerStatus *s = item->container = CRI_NEW(item->arena, cri_v1__container_status);
	item->sandbox_id = arena_strdup(item->arena, r->pod_sandbox_id);
	s->id = id;
	s->metadata = config->metadata;
	s->state = CRI_V1__CONTAINER_STATE__CONTAINER_CREATED;
	s->created_at = now_ns(c->rt);
	s->image = CRI_NEW(item->arena, cri_v1__image_spec);
	s->image->image = arena_strdup(item->arena, config->image ? config->image->user_specified_image : "");
	s->image_ref = arena_strdup(
	    item->arena, "sha256:0000000000000000000000000000000000000000000000000000000000000000");
	s->n_labels = config->n_labels;
	s->labels = (CriV1__ContainerStatus__LabelsEntry **)config->labels;
	s->n_annotations = config->n_annotations;
	s->annotations = (CriV1__ContainerStatus__AnnotationsEntry **)config->annotations;
	CriV1__CreateContainerResponse *out = CRI_NEW(c->arena, cri_v1__create_container_response);
	out->container_id = id;
	return &out->base;
}

static struct hollow_item *find(struct runtime_call *c, const char *id)
{
	struct hollow_item *item = strmap_get(c->rt->items, id);
	if (!item)
		error_set(&c->error, ERR_NOT_FOUND, "%s not found", id);
	return item;
}

static void end_container(struct hollow_runtime *rt, CriV1__ContainerStatus *s, int code)
{
	if (s->state == CRI_V1__CONTAINER_STATE__CONTAINER_EXITED)
		return;
	s->state = CRI_V1__CONTAINER_STATE__CONTAINER_EXITED;
	s->finished_at = now_ns(rt);
	s->exit_code = code;
	s->reason = (char *)(code ? "Error" : "Completed"); /* never freed: the message lives in an arena */
}

static void stop_sandbox(struct runtime_call *c, const char *id)
{
	struct hollow_item *item = strmap_get(c->rt->items, id);
	if (item)
		item->sandbox->state = CRI_V1__POD_SANDBOX_STATE__SANDBOX_NOTREADY;
	strmap_for_each (c->rt->items, e) {
		struct hollow_item *other = strmap_value(e);
		if (other->container && str_eq(other->sandbox_id, id))
			end_container(c->rt, other->container, 137);
	}
}

static void remove_item(struct runtime_call *c, const char *id)
{
	struct hollow_item *item = strmap_remove(c->rt->items, id);
	if (item)
		item_free(item);
}

static const ProtobufCMessage *list(struct runtime_call *c, bool sandboxes)
{
	CriV1__ListPodSandboxResponse *s = CRI_NEW(c->arena, cri_v1__list_pod_sandbox_response);
	CriV1__ListContainersResponse *l = CRI_NEW(c->arena, cri_v1__list_containers_response);
	strmap_for_each (c->rt->items, e) {
		struct hollow_item *item = strmap_value(e);
		if (item->sandbox && sandboxes) {
			CriV1__PodSandbox *out = CRI_NEW(c->arena, cri_v1__pod_sandbox);
			out->id = item->sandbox->id;
			out->state = item->sandbox->state;
			out->n_labels = item->sandbox->n_labels;
			out->labels = (CriV1__PodSandbox__LabelsEntry **)item->sandbox->labels;
			cri_append(c->arena, s, items, out);
		} else if (item->container && !sandboxes) {
			CriV1__Container *out = CRI_NEW(c->arena, cri_v1__container);
			out->id = item->container->id;
			out->state = item->container->state;
			out->n_labels = item->container->n_labels;
			out->labels = (CriV1__Container__LabelsEntry **)item->container->labels;
			cri_append(c->arena, l, containers, out);
		}
	}
	return sandboxes ? &s->base : &l->base;
}

static const ProtobufCMessage *status(struct runtime_call *c)
{
	CriV1__StatusResponse *out = CRI_NEW(c->arena, cri_v1__status_response);
	static const char *const types[] = {"RuntimeReady", "NetworkReady"};
	out->status = CRI_NEW(c->arena, cri_v1__runtime_status);
	for (size_t i = 0; i < 2; i++) {
		CriV1__RuntimeCondition *condition = CRI_NEW(c->arena, cri_v1__runtime_condition);
		condition->type = arena_strdup(c->arena, types[i]);
		condition->status = true;
		cri_append(c->arena, out->status, conditions, condition);
	}
	return &out->base;
}

static const ProtobufCMessage *image_status(struct runtime_call *c, const CriV1__ImageStatusRequest *r)
{
	CriV1__ImageStatusResponse *out = CRI_NEW(c->arena, cri_v1__image_status_response);
	out->image = CRI_NEW(c->arena, cri_v1__image);
	out->image->id =
	    arena_strdup(c->arena, "sha256:0000000000000000000000000000000000000000000000000000000000000000");
	cri_append(c->arena, out->image, repo_tags, arena_strdup(c->arena, r->image->image));
	return &out->base;
}

static const ProtobufCMessage *answer(
    struct runtime_call *c, enum runtime_method method, const ProtobufCMessage *request)
{
	struct hollow_item *item;
	switch (method) {
	case RUNTIME_VERSION: {
		CriV1__VersionResponse *v = CRI_NEW(c->arena, cri_v1__version_response);
		v->runtime_name = arena_strdup(c->arena, "hollow");
		v->runtime_version = arena_strdup(c->arena, "1.0");
		return &v->base;
	}
	case RUNTIME_STATUS:
		return status(c);
	case RUNTIME_RUN_SANDBOX:
		return run_sandbox(c, (const CriV1__RunPodSandboxRequest *)request);
	case RUNTIME_STOP_SANDBOX:
		stop_sandbox(c, ((const CriV1__StopPodSandboxRequest *)request)->pod_sandbox_id);
		break;
	case RUNTIME_REMOVE_SANDBOX:
		remove_item(c, ((const CriV1__RemovePodSandboxRequest *)request)->pod_sandbox_id);
		break;
	case RUNTIME_REMOVE_CONTAINER:
		remove_item(c, ((const CriV1__RemoveContainerRequest *)request)->container_id);
		break;
	case RUNTIME_CREATE_CONTAINER:
		return create_container(c, (const CriV1__CreateContainerRequest *)request);
	case RUNTIME_START_CONTAINER:
		item = find(c, ((const CriV1__StartContainerRequest *)request)->container_id);
		if (item && item->container) {
			item->container->state = CRI_V1__CONTAINER_STATE__CONTAINER_RUNNING;
			item->container->started_at = now_ns(c->rt);
		}
		break;
	case RUNTIME_STOP_CONTAINER:
		item = find(c, ((const CriV1__StopContainerRequest *)request)->container_id);
		if (item && item->container)
			end_container(c->rt, item->container, 0);
		break;
	case RUNTIME_SANDBOX_STATUS:
		item = find(c, ((const CriV1__PodSandboxStatusRequest *)request)->pod_sandbox_id);
		if (item && item->sandbox) {
			CriV1__PodSandboxStatusResponse *out =
			    CRI_NEW(c->arena, cri_v1__pod_sandbox_status_response);
			out->status = item->sandbox;
			return &out->base;
		}
		error_set(&c->error, ERR_NOT_FOUND, "no such sandbox");
		break;
	case RUNTIME_CONTAINER_STATUS:
		item = find(c, ((const CriV1__ContainerStatusRequest *)request)->container_id);
		if (item && item->container) {
			CriV1__ContainerStatusResponse *out =
			    CRI_NEW(c->arena, cri_v1__container_status_response);
			out->status = item->container;
			return &out->base;
		}
		error_set(&c->error, ERR_NOT_FOUND, "no such container");
		break;
	case RUNTIME_LIST_SANDBOXES:
		return list(c, true);
	case RUNTIME_LIST_CONTAINERS:
		return list(c, false);
	case RUNTIME_IMAGE_STATUS:
		return image_status(c, (const CriV1__ImageStatusRequest *)request);
	case RUNTIME_EXEC:
	case RUNTIME_ATTACH:
	case RUNTIME_PORT_FORWARD:
		error_set(&c->error, ERR_NOT_IMPLEMENTED, "a hollow container has no process");
		break;
	default:
		break;
	}
	return cri_new_(c->arena, runtime_methods[method].response);
}

static void call_free(struct runtime_call *c)
{
	loop_timer_free(c->timer);
	arena_free(c->arena);
	free(c);
}

static void deliver(void *arg)
{
	struct runtime_call *c = arg;
	c->done(c->arg, c->error.code ? NULL : c->response, c->error.code ? &c->error : NULL);
	call_free(c);
}

static struct runtime_call *hollow_call(struct runtime *base, enum runtime_method method,
    const ProtobufCMessage *request, int64_t timeout_ms, runtime_done *done, void *arg)
{
	struct runtime_call *c = calloc(1, sizeof *c);
	*c = (struct runtime_call){
	    .rt = (struct hollow_runtime *)base, .arena = arena_new(), .done = done, .arg = arg};
	c->response = answer(c, method, request);
	/* The status messages are shared with the items: copy what may go before it is delivered. */
	if (!c->error.code) {
		ProtobufCMessage *copy = copy_message(c->arena, c->response);
		arena_on_free(c->arena, free_message, copy);
		c->response = copy;
	}
	c->timer = loop_timer_new(base->loop, deliver, c);
	loop_timer_start(c->timer, 0, 0);
	return c;
}

static void say_connected(void *arg)
{
	struct runtime *rt = arg;
	rt->on_event(rt->on_event_arg, RUNTIME_CONNECTED, "");
}

static void hollow_watch(struct runtime *base)
{
	loop_defer(base->loop, say_connected, base);
}

static void hollow_free(struct runtime *base)
{
	struct hollow_runtime *rt = (struct hollow_runtime *)base;
	strmap_free(rt->items, item_free);
	free(rt);
}

struct runtime *hollow_runtime_new(struct loop *loop)
{
	static const struct runtime_ops ops = {.name = "hollow",
	    .call = hollow_call,
	    .cancel = call_free,
	    .watch = hollow_watch,
	    .free = hollow_free};
	struct hollow_runtime *rt = calloc(1, sizeof *rt);
	rt->base.ops = &ops;
	rt->base.loop = loop;
	rt->items = strmap_new();
	return &rt->base;
}
