/* finalizers: adding and taking away one finalizer, as an update in a plan. */
#ifndef CUBE_CONTROLLER_MANAGER_SHARED_FINALIZERS_H
#define CUBE_CONTROLLER_MANAGER_SHARED_FINALIZERS_H

#include "lib/client/plan.h"

struct object;
struct resource_type;

/* An update of obj without, or with, that finalizer; the resourceVersion guards against what we have not
 * seen. */
struct plan_op *finalizer_remove(
    struct plan *plan, const struct resource_type *type, const struct object *obj, const char *name);
struct plan_op *finalizer_add(
    struct plan *plan, const struct resource_type *type, const struct object *obj, const char *name);

#endif
