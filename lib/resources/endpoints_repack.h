/*
 * endpoints_repack: the canonical form in which the endpoints controller writes Endpoints (the API server
 * stores any form): addresses with the same set of ports share a subset; subsets, their addresses and ports
 * are sorted, so that equal sets of endpoints look equal.
 */
#ifndef CUBE_RESOURCES_ENDPOINTS_REPACK_H
#define CUBE_RESOURCES_ENDPOINTS_REPACK_H

#include "proto/core_v1.pb-c.h"

struct arena;

void endpoints_repack(CoreV1__Endpoints *endpoints, struct arena *arena);

#endif
