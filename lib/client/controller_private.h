/* controller_private: a runner whose operations go elsewhere than to the API server, for tests. */
#ifndef CUBE_CLIENT_CONTROLLER_PRIVATE_H
#define CUBE_CLIENT_CONTROLLER_PRIVATE_H

#include "lib/client/controller.h"
#include "lib/client/plan_run.h"

struct controller_runner *controller_runner_new_with(struct loop *loop,
    const struct plan_transport *transport, struct informer_set *informers, struct event_recorder *events,
    const void *options);

#endif
