/*
 * replicas: keeps a number of pods of one template running. ReplicaSets and ReplicationControllers are the
 * same but for their types; each describes itself by a struct replicas_kind.
 */
#ifndef CUBE_CONTROLLER_MANAGER_REPLICAS_H
#define CUBE_CONTROLLER_MANAGER_REPLICAS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/client/controller.h"
#include "proto/core_v1.pb-c.h"

struct arena;
struct plan;
struct selector;

struct replicas_status {
	int32_t replicas, fully_labeled, ready, available;
	int64_t observed_generation;
	/* The condition ReplicaFailure: reason "" when there is none. */
	const char *failure_reason, *failure_message;
};

struct replicas_view { /* borrowed from the owner */
	int32_t replicas, min_ready_s;
	const CoreV1__PodTemplateSpec *template_;
	const struct selector *selector;
	struct replicas_status status;
};

struct replicas_kind {
	const struct resource_type *const *type;
	void (*view)(struct arena *arena, const struct object *owner, struct replicas_view *ret);
	struct selector *(*selector_of)(struct arena *arena, const struct object *owner);
	/* Writes the status into a clone. */
	void (*set_status)(struct object *owner, const struct replicas_status *status, int64_t now_s);
};

void *replicas_init(struct controller_context *ctx);
void replicas_reconcile(
    struct controller_context *ctx, const struct replicas_kind *kind, const char *key, struct plan *plan);

#endif
