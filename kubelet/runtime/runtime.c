#include "kubelet/runtime/runtime.h"

#include <stddef.h>

const struct runtime_method_info runtime_methods[RUNTIME_METHOD_COUNT] = {
#define RUNTIME_METHOD(symbol, service, method, message)                                                     \
	[RUNTIME_##symbol] = {"/runtime.v1." service "/" method, method,                                     \
	    &cri_v1__##message##_request__descriptor, &cri_v1__##message##_response__descriptor},
#include "kubelet/runtime/runtime_methods.def"
#undef RUNTIME_METHOD
};

void runtime_free(struct runtime *rt)
{
	if (rt)
		rt->ops->free(rt);
}

struct runtime_call *runtime_call(struct runtime *rt, enum runtime_method method, const void *request,
    int64_t timeout_ms, runtime_done *done, void *arg)
{
	return rt->ops->call(rt, method, request, timeout_ms, done, arg);
}

void runtime_cancel(struct runtime *rt, struct runtime_call *call)
{
	if (call)
		rt->ops->cancel(call);
}

void runtime_watch(
    struct runtime *rt, void (*on_event)(void *arg, enum runtime_event event, const char *id), void *arg)
{
	rt->on_event = on_event;
	rt->on_event_arg = arg;
	rt->ops->watch(rt);
}
