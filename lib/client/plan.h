/*
 * plan: what a reconcile wants done: creates, updates, deletes, events, when to look again. reconcile() is
 * pure: it reads informers, fills a plan, does no I/O. The controller runner (controller.h) executes the
 * plan.
 *
 * Operations run in groups: those of one group at the same time, groups one after the other (plan_then()
 * starts the next group). The first failing operation ends the plan after its group; the key is tried again
 * with back-off, a conflict, AlreadyExists or NotFound quietly.
 */
#ifndef CUBE_CLIENT_PLAN_H
#define CUBE_CLIENT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/client/rest.h"

struct arena;
struct object;
struct plan;
struct resource_type;

enum plan_op_kind {
	PLAN_CREATE,
	PLAN_UPDATE,
	PLAN_UPDATE_STATUS,
	PLAN_PATCH,
	PLAN_DELETE,
	PLAN_SUBRESOURCE,
	PLAN_DELETE_ALL,
	PLAN_EXPECT_NONE
};

struct plan_op {
	enum plan_op_kind kind;
	const struct resource_type *type;
	struct object *object; /* owned by the plan; not for deletes and patches */
	const char *ns, *name;
	const char *subresource; /* PATCH may name one; SUBRESOURCE posts `object` to it */
	const struct json *patch;
	enum rest_patch patch_type;
	const char *uid, *rv, *propagation; /* DELETE preconditions; NULL when unset */
	int64_t grace_period_s;             /* DELETE: < 0 default */
	int group;
	bool ignore_not_found, ignore_exists; /* such an answer counts as success */
	/* Events on success or failure of this op, or NULL: "SuccessfulCreate" with the object's name in the
	 * message. */
	struct plan_event *on_success, *on_failure;
};

struct plan_event {
	const struct object *about; /* regarding; borrowed until executed: the plan takes a reference */
	bool is_warning;
	const char *reason, *message; /* in the plan's arena; in on_success/on_failure messages "%s" stands
					 once for name or error */
};

struct plan *plan_new(void);
void plan_free(struct plan *plan);
struct arena *plan_arena(struct plan *plan); /* for everything reconcile builds */

/* The plan takes over the reference to obj in these. The op returned may be adjusted by the caller. */
struct plan_op *plan_create(struct plan *plan, const struct resource_type *type, struct object *take_obj);
struct plan_op *plan_update(struct plan *plan, const struct resource_type *type, struct object *take_obj);
struct plan_op *plan_update_status(
    struct plan *plan, const struct resource_type *type, struct object *take_obj);
struct plan_op *plan_subresource(struct plan *plan, const struct resource_type *type, const char *ns,
    const char *name, const char *subresource, struct object *take_obj);
struct plan_op *plan_delete(
    struct plan *plan, const struct object *obj); /* with uid precondition; already gone is success */
/* All objects of a kind in a namespace. plan_expect_none asks the server whether any is left, and ends the
 * plan like a conflict if so: for what must be certain, where an informer could be behind. */
struct plan_op *plan_delete_all(struct plan *plan, const struct resource_type *type, const char *ns);
struct plan_op *plan_expect_none(struct plan *plan, const struct resource_type *type, const char *ns);
struct plan_op *plan_patch(struct plan *plan, const struct resource_type *type, const char *ns,
    const char *name, enum rest_patch patch_type, const struct json *patch);
void plan_then(struct plan *plan);
void plan_event(struct plan *plan, const struct object *about, bool is_warning, const char *reason,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void plan_on_success(struct plan *plan, struct plan_op *op, const struct object *about, bool is_warning,
    const char *reason, const char *fmt);
void plan_on_failure(
    struct plan *plan, struct plan_op *op, const struct object *about, const char *reason, const char *fmt);
void plan_requeue_after(struct plan *plan, int64_t ms); /* the earliest wins */
void plan_fail(struct plan *plan, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* retried with back-off */

/* For tests and the runner. */
size_t plan_ops_len(const struct plan *plan);
const struct plan_op *plan_op_at(const struct plan *plan, size_t i);
size_t plan_events_len(const struct plan *plan);
const struct plan_event *plan_event_at(const struct plan *plan, size_t i);
int64_t plan_requeue_ms(const struct plan *plan);  /* < 0: none */
const char *plan_failure(const struct plan *plan); /* NULL: none */
/* One line an operation, for comparing in tests: "create apps/v1 replicasets default/web-abc". */
char *plan_describe(struct arena *arena, const struct plan *plan);

#endif
