/*
 * services: who has which cluster IP and node port. The record is two stored ranges (range.h) that all
 * servers of a cluster share: a Service's addresses are taken there before it is written and given back after
 * it is gone. What gets lost between the two, services_repair.c finds. The registry claims through
 * internal.h.
 */
#ifndef CUBE_APISERVER_REGISTRY_SERVICES_H
#define CUBE_APISERVER_REGISTRY_SERVICES_H

#include <stdint.h>

#include "apiserver/registry/addresses.h"

struct api_server;
struct arena;
struct error;
struct range;
struct services_repair;

enum { SERVICES_REPAIR_MS = 3 * 60 * 1000 };

struct services {
	struct api_server *server;
	struct addresses addresses;
	struct range *ips, *ports;
	struct services_repair *repair;
};

struct services *services_new(struct api_server *server, struct error *err);
/* When the cache is filled. done fires once, when the ranges have been repaired for the first time, or could
 * not be: then the log says why, and it is tried again. */
void services_start(
    struct services *services, int64_t repair_interval_ms, void (*done)(void *arg), void *arg);
void services_free(struct services *services);
const char *services_first_ip(struct services *services, struct arena *arena); /* of the service kubernetes */

/* services_repair.c */
struct services_repair *services_repair_start(
    struct services *services, int64_t interval_ms, void (*done)(void *arg), void *arg);
/* A round now, or as soon as the one under way is over; done (may be NULL) fires after it. */
void services_repair_now(struct services_repair *repair, void (*done)(void *arg), void *arg);
void services_repair_free(struct services_repair *repair);

#endif
