/*
 * aftercare: what follows once rules are in place: clearing stale UDP flows, and the health check ports of
 * Services.
 */
#ifndef CUBE_PROXY_AFTERCARE_H
#define CUBE_PROXY_AFTERCARE_H

#include "proxy/render.h"

struct aftercare;
struct loop;

struct aftercare *aftercare_new(struct loop *loop, const char *health_address);
void aftercare_free(struct aftercare *care);
/* What a Service (by key) means besides rules; copied. */
void aftercare_note(struct aftercare *care, const char *key, const struct render_extra *extra);
/* The rules for what was noted are in place. */
void aftercare_run(struct aftercare *care);

#endif
