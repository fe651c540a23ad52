/*
 * endpoints_repack: the canonical form of Endpoints: addresses with the same set of ports share a subset;
 * subsets, their addresses and ports are sorted. Writers may send any form; equal sets of endpoints then look
 * equal.
 */
#ifndef CUBE_RESOURCES_ENDPOINTS_REPACK_H
#define CUBE_RESOURCES_ENDPOINTS_REPACK_H

#include "proto/core_v1.pb-c.h"

struct arena;

void endpoints_repack(CoreV1__Endpoints *endpoints, struct arena *arena);

#endif
