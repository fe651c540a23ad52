/* strategy: what every strategy file includes. Hooks have the signatures of struct resource_type. */
#ifndef CUBE_RESOURCES_STRATEGY_H
#define CUBE_RESOURCES_STRATEGY_H

#include <string.h>

#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/cells.h"
#include "lib/resources/formats.h"
#include "lib/resources/resource.h"
#include "lib/resources/rules.h"

/* The struct of an object whose kind the hook knows: MSG(CoreV1__Node, obj)->spec. */
#define MSG(type, obj) ((type *)(obj)->msg)

/* For prepare_status_update, where a status' writer changes the status alone: the metadata stays as it was.
 */
void strategy_keep_meta(struct object *obj, const struct object *old, const struct resource_context *ctx);

#endif
