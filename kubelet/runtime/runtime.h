/*
 * runtime: what runs containers, as one table of functions. Requests and answers are CRI v1's own messages,
 * so that a runtime is a way to carry them: cri.c sends them to containerd, hollow.c answers them from memory
 * (scale tests). Every call is asynchronous: done fires once on the loop, or never after runtime_cancel().
 * Responses are borrowed.
 */
#ifndef CUBE_KUBELET_RUNTIME_H
#define CUBE_KUBELET_RUNTIME_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/cri_v1.pb-c.h"

struct error;
struct loop;
struct runtime;
struct runtime_call;

enum runtime_method {
#define RUNTIME_METHOD(symbol, service, method, message) RUNTIME_##symbol,
#include "kubelet/runtime/runtime_methods.def"
#undef RUNTIME_METHOD
	RUNTIME_METHOD_COUNT
};

struct runtime_method_info {
	const char *path; /* "/runtime.v1.RuntimeService/Version" */
	const char *name;
	const ProtobufCMessageDescriptor *request, *response;
};
extern const struct runtime_method_info runtime_methods[RUNTIME_METHOD_COUNT];

/* response NULL: err says why. ERR_NOT_FOUND: no such container, sandbox or image. ERR_UNAVAILABLE: no
 * connection. */
typedef void runtime_done(void *arg, const ProtobufCMessage *response, const struct error *err);

enum runtime_event {
	RUNTIME_TASK_EXIT, /* a container's or sandbox's main process ended */
	RUNTIME_TASK_OOM,
	RUNTIME_TASK_START,
	RUNTIME_CONTAINER_GONE, /* deleted */
	RUNTIME_IMAGES_CHANGED,
	RUNTIME_CONNECTED, /* the event stream stands (again): relist. id is "" */
	RUNTIME_DISCONNECTED
};

struct runtime_ops {
	const char *name;
	struct runtime_call *(*call)(struct runtime *rt, enum runtime_method method,
	    const ProtobufCMessage *request, int64_t timeout_ms, runtime_done *done, void *arg);
	void (*cancel)(struct runtime_call *call);
	void (*watch)(struct runtime *rt); /* starts reporting events */
	void (*free)(struct runtime *rt);
};

struct runtime { /* first member of every implementation */
	const struct runtime_ops *ops;
	struct loop *loop;
	void (*on_event)(void *arg, enum runtime_event event, const char *id);
	void *on_event_arg;
};

struct runtime *cri_runtime_new(
    struct loop *loop, const char *endpoint); /* connects on demand, reconnects for ever */
struct runtime *hollow_runtime_new(struct loop *loop);
void runtime_free(struct runtime *rt);

/* The callback never runs inside the call. timeout_ms 0: two minutes; < 0: none. */
struct runtime_call *runtime_call(struct runtime *rt, enum runtime_method method, const void *request,
    int64_t timeout_ms, runtime_done *done, void *arg);
void runtime_cancel(struct runtime *rt, struct runtime_call *call); /* NULL is accepted */
void runtime_watch(
    struct runtime *rt, void (*on_event)(void *arg, enum runtime_event event, const char *id), void *arg);

#endif
