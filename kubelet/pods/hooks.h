/* hooks: postStart and preStop handlers, on top of the probes' actions. */
#ifndef CUBE_KUBELET_HOOKS_H
#define CUBE_KUBELET_HOOKS_H

#include "kubelet/probes/probe.h"

struct hook_run;
/* done fires once; message says what went wrong. The run has no time limit of its own. */
struct hook_run *hook_run(struct loop *loop, struct runtime *rt, struct http_client *http,
    const struct probe_target *target, const CoreV1__LifecycleHandler *handler,
    void (*done)(void *arg, bool ok, const char *message), void *arg);
void hook_cancel(struct hook_run *run); /* NULL is accepted */

#endif
