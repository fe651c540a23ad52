/* event: what the versions of Event share. Events are stored as core v1. */
#ifndef CUBE_RESOURCES_EVENT_H
#define CUBE_RESOURCES_EVENT_H

#include "lib/resources/resource.h"

/* Between core v1 and a version of events.k8s.io, whose fields have other names: `regarding` is
 * `involvedObject`, ... */
int event_convert(const struct object *src, struct object *dst, struct error *err);

#endif
