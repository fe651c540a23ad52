/*
 * claims: who controls what. An owner with a selector controls the children that match it: orphans that match
 * are adopted, controlled ones that no longer match are released. Children of another controller are never
 * touched.
 */
#ifndef CUBE_CONTROLLER_MANAGER_CLAIMS_H
#define CUBE_CONTROLLER_MANAGER_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/api/labels.h"
#include "lib/client/controller.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"

/* Registers the index of orphans with the children's informer; call in init. Returns the informer. */
struct informer *claims_init(struct controller_context *ctx, const struct resource_type *child_type);

struct claims {
	const struct object **items; /* in the plan's arena; borrowed like all that listers give */
	size_t len;
};

/*
 * The children of owner, with patches in the plan for those that are adopted or released. `consider` (may be
 * NULL) leaves children out altogether. A selector of NULL or one that selects everything claims nothing.
 */
struct claims claims_make(struct plan *plan, const struct informer *children, const struct object *owner,
    const struct selector *selector, bool (*consider)(const struct object *child));

/* Those the owner controls now, without adopting or releasing. */
struct claims claims_controlled(
    struct plan *plan, const struct informer *children, const struct object *owner);

/*
 * The map function of a watch on children: their controller's key, if it is of owner_type; for an orphan that
 * is new or changed its labels or lost its controller, every owner that would adopt it.
 */
void claims_map(struct controller_context *ctx, const struct resource_type *owner_type,
    struct selector *(*selector_of)(struct arena *arena, const struct object *owner),
    const struct object *old, const struct object *new_, struct controller_enqueue *enqueue);

#endif
