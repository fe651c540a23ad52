/*
 * cri: containerd by CRI v1. CRI of containerd 1.6 has no event stream, so task events come from containerd's
 * own events service on the same socket; its two messages are read by hand (a handful of fields).
 */
#include <stdlib.h>
#include <string.h>

#include "kubelet/runtime/grpc.h"
#include "kubelet/runtime/runtime.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

#define EVENTS_PATH "/containerd.services.events.v1.Events/Subscribe"
#define RETRY_MS 500

struct cri_runtime {
	struct runtime base;
	struct grpc_channel *channel;
	struct grpc_call *events;
	struct loop_timer *retry;
	struct runtime_call *probe;
	bool streaming;
};

struct runtime_call {
	struct cri_runtime *rt;
	struct grpc_call *call;
	enum runtime_method method;
	runtime_done *done;
	void *arg;
};

static void on_answer(void *arg, const void *message, size_t size, const struct error *err)
{
	struct runtime_call *call = arg;
	const struct runtime_method_info *info = &runtime_methods[call->method];
	struct error own = ERROR_INIT;
	ProtobufCMessage *response = NULL;
	if (!err) {
		response = protobuf_c_message_unpack(info->response, NULL, size, message);
		if (!response) {
			error_set(&own, ERR_INTERNAL, "%s: the runtime's answer can't be read", info->name);
			err = &own;
		}
	}
	call->done(call->arg, response, err);
	if (response)
		protobuf_c_message_free_unpacked(response, NULL);
	free(call);
}

static struct runtime_call *cri_call(struct runtime *base, enum runtime_method method,
    const ProtobufCMessage *request, int64_t timeout_ms, runtime_done *done, void *arg)
{
	struct cri_runtime *rt = (struct cri_runtime *)base;
	struct runtime_call *call = calloc(1, sizeof *call);
	*call = (struct runtime_call){.rt = rt, .method = method, .done = done, .arg = arg};
	size_t size = protobuf_c_message_get_packed_size(request);
	void *data = malloc(size + 1);
	protobuf_c_message_pack(request, data);
	call->call = grpc_unary(rt->channel, runtime_methods[method].path, data, size,
	    timeout_ms == 0 ? 120000 : timeout_ms, on_answer, call);
	free(data);
	return call;
}

static void cri_cancel(struct runtime_call *call)
{
	grpc_cancel(call->call);
	free(call);
}

/* ---- containerd's events ---- */

struct wire { /* a cursor over protobuf bytes */
	const unsigned char *p, *end;
};

static bool wire_varint(struct wire *w, uint64_t *ret)
{
	uint64_t v = 0;
	for (int shift = 0; w->p < w->end && shift < 64; shift += 7) {
		unsigned char b = *w->p++;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

/* Next field; bytes fields leave their span in *ret_bytes. */
static bool wire_next(struct wire *w, unsigned *ret_field, struct wire *ret_bytes)
{
	uint64_t key, n;
	*ret_bytes = (struct wire){0};
	if (w->p >= w->end || !wire_varint(w, &key))
		return false;
	*ret_field = (unsigned)(key >> 3);
	switch (key & 7) {
	case 0:
		return wire_varint(w, &n);
	case 1:
		n = 8;
		break;
	case 5:
		n = 4;
		break;
	case 2:
		if (!wire_varint(w, &n))
			return false;
		break;
	default:
		return false;
	}
	if (n > (uint64_t)(w->end - w->p))
		return false;
	*ret_bytes = (struct wire){w->p, w->p + n};
	w->p += n;
	return true;
}

static void wire_text(const struct wire *bytes, char *out, size_t out_size)
{
	size_t n = (size_t)(bytes->end - bytes->p);
	if (n >= out_size)
		n = out_size - 1;
	memcpy(out, bytes->p, n);
	out[n] = 0;
}

/* Envelope{1 timestamp, 2 namespace, 3 topic, 4 Any{1 type_url, 2 value}}; TaskExit{1 container_id, 2 id,
 * ...}. */
static void on_event_message(void *arg, const void *message, size_t size)
{
	struct cri_runtime *rt = arg;
	struct wire w = {message, (const unsigned char *)message + size}, bytes, value = {0};
	unsigned field;
	char topic[64] = "", first[128] = "", second[128] = "";
	while (wire_next(&w, &field, &bytes)) {
		if (field == 3)
			wire_text(&bytes, topic, sizeof topic);
		if (field == 4) {
			struct wire any = bytes;
			while (wire_next(&any, &field, &bytes))
				if (field == 2)
					value = bytes;
		}
	}
	while (wire_next(&value, &field, &bytes)) {
		if (field == 1)
			wire_text(&bytes, first, sizeof first);
		if (field == 2)
			wire_text(&bytes, second, sizeof second);
	}
	enum runtime_event event;
	if (str_eq(topic, "/tasks/exit")) {
		if (!str_eq(first, second)) /* the end of an exec, not of the container */
			return;
		event = RUNTIME_TASK_EXIT;
	} else if (str_eq(topic, "/tasks/oom")) {
		event = RUNTIME_TASK_OOM;
	} else if (str_eq(topic, "/tasks/start")) {
		event = RUNTIME_TASK_START;
	} else if (str_eq(topic, "/containers/delete")) {
		event = RUNTIME_CONTAINER_GONE;
	} else if (str_has_prefix(topic, "/images/")) {
		event = RUNTIME_IMAGES_CHANGED;
	} else {
		return;
	}
	rt->base.on_event(rt->base.on_event_arg, event, first);
}

static void subscribe(void *arg);

/* The stream's head comes with its first event only: an answer to a call made after it says that it stands.
 */
static void on_version(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct cri_runtime *rt = arg;
	rt->probe = NULL;
	if (err || !rt->events || rt->streaming)
		return; /* a lost connection ends the stream too */
	rt->streaming = true;
	rt->base.on_event(rt->base.on_event_arg, RUNTIME_CONNECTED, "");
}

static void on_events_end(void *arg, const void *message, size_t size, const struct error *err)
{
	struct cri_runtime *rt = arg;
	rt->events = NULL;
	runtime_cancel(&rt->base, rt->probe);
	rt->probe = NULL;
	if (rt->streaming) {
		log_warning("the runtime's event stream ended: %s", err ? err->message : "end of stream");
		rt->streaming = false;
		rt->base.on_event(rt->base.on_event_arg, RUNTIME_DISCONNECTED, "");
	}
	loop_timer_start(rt->retry, RETRY_MS, 0);
}

static void subscribe(void *arg)
{
	struct cri_runtime *rt = arg;
	if (rt->events)
		return;
	static const char *const metadata[] = {"containerd-namespace", "k8s.io", NULL};
	/* SubscribeRequest{1 repeated filters}: a filter is a list of conditions, any filter may match. */
	static const char *const filters[] = {"namespace==k8s.io,topic==\"/tasks/exit\"",
	    "namespace==k8s.io,topic==\"/tasks/oom\"", "namespace==k8s.io,topic==\"/containers/delete\"",
	    "namespace==k8s.io,topic~=\"^/images/\""};
	struct buf request = BUF_INIT;
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
		buf_putc(&request, 0x0a);
		buf_putc(&request, (char)strlen(filters[i]));
		buf_puts(&request, filters[i]);
	}
	rt->events = grpc_stream(rt->channel, EVENTS_PATH, metadata, request.data, request.size,
	    on_event_message, on_events_end, rt);
	buf_done(&request);
	CriV1__VersionRequest version = CRI_V1__VERSION_REQUEST__INIT;
	rt->probe = runtime_call(&rt->base, RUNTIME_VERSION, &version, 10000, on_version, rt);
}

static void cri_watch(struct runtime *base)
{
	subscribe(base);
}

static void cri_free(struct runtime *base)
{
	struct cri_runtime *rt = (struct cri_runtime *)base;
	grpc_cancel(rt->events);
	runtime_cancel(base, rt->probe);
	grpc_channel_free(rt->channel);
	loop_timer_free(rt->retry);
	free(rt);
}

struct runtime *cri_runtime_new(struct loop *loop, const char *endpoint)
{
	static const struct runtime_ops ops = {
	    .name = "cri", .call = cri_call, .cancel = cri_cancel, .watch = cri_watch, .free = cri_free};
	struct cri_runtime *rt = calloc(1, sizeof *rt);
	rt->base.ops = &ops;
	rt->base.loop = loop;
	struct buf address = BUF_INIT;
	buf_printf(&address, "unix:%s", str_has_prefix(endpoint, "unix://") ? endpoint + 7 : endpoint);
	rt->channel = grpc_channel_new(loop, address.data);
	buf_done(&address);
	rt->retry = loop_timer_new(loop, subscribe, rt);
	return &rt->base;
}
