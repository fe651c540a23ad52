/*
 * informer_private: how the reflector feeds an informer, and how the controller runner hears of progress.
 * Used only inside lib/client.
 */
#ifndef CUBE_CLIENT_INFORMER_PRIVATE_H
#define CUBE_CLIENT_INFORMER_PRIVATE_H

#include "lib/client/informer.h"

struct reflector;

/* What a reflector is asked to follow; borrowed from the informer. */
struct informer_scope {
	const struct resource_type *type;
	const char *ns, *label_selector, *field_selector;
};

/* A list: begin, one set for each item, end with the list's revision: what was not named is gone. `force`
 * takes an older object for a newer one: a consistent list after the store went back in time. */
void informer_replace_begin(struct informer *inf);
void informer_replace_item(struct informer *inf, const struct object *obj, bool force);
void informer_replace_end(struct informer *inf, int64_t revision);
/* One watch event. deleted: obj is the last state. */
void informer_apply(struct informer *inf, const struct object *obj, bool deleted);
void informer_bookmark(struct informer *inf, int64_t revision);

/* Fires after events, lists and bookmarks: informer_revision() may have grown. The same fn and arg count
 * once. */
void informer_on_progress(struct informer *inf, void (*fn)(void *arg, struct informer *inf), void *arg);
/* The informer of a type over all namespaces without selectors; NULL when nobody asked for it. */
struct informer *informer_find(const struct informer_set *set, const struct resource_type *type);

struct reflector *reflector_new(
    struct rest_client *client, struct informer *inf, const struct informer_scope *scope);
void reflector_free(struct reflector *reflector); /* NULL is accepted */

#endif
