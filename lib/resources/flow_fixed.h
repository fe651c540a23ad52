/* flow_fixed: the objects of flow control that nobody may change: without them some requests had no place. */
#ifndef CUBE_RESOURCES_FLOW_FIXED_H
#define CUBE_RESOURCES_FLOW_FIXED_H

#include <stdbool.h>

struct field_errors;
struct object;

/* Adds an error when obj has the name of a mandatory FlowSchema or PriorityLevelConfiguration and another
 * spec. The part spec.exempt of the level exempt is free. Returns whether it passed. */
bool rule_flow_fixed(struct field_errors *e, const struct object *obj);

#endif
