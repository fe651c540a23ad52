/*
 * managers: metadata.managedFields as sets: read, changed, and written back in upstream's order. A writer is
 * its name, its operation and the subresource; updates count for each version apart.
 */
#ifndef CUBE_APISERVER_PATCH_MANAGERS_H
#define CUBE_APISERVER_PATCH_MANAGERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apiserver/patch/fieldset.h"
#include "proto/meta_v1.pb-c.h"

enum { MANAGERS_UPDATES_MAX = 10 }; /* the oldest updaters beyond are lumped together */

struct manager {
	const char *name, *api_version, *subresource;
	bool is_apply;
	bool has_time;
	int64_t time_s;
	struct fieldset *set;
};

struct managers {
	struct arena *arena;
	struct manager *items;
	size_t len, capacity;
};

/* Fails when an entry makes no sense; *ret is unchanged then. */
int managers_read(
    struct managers *ret, struct arena *arena, const MetaV1__ObjectMeta *meta, struct error *err);
/* managedFields: [{}] or [], which ask for all of it to be forgotten. (Without the field, the list is NULL.)
 */
bool managers_is_reset(const MetaV1__ObjectMeta *meta);
/* Replaces meta's managedFields; what is written lives in `arena`. Managers without fields are left out. */
void managers_write(const struct managers *managers, struct arena *arena, MetaV1__ObjectMeta *meta);

struct manager *managers_find(const struct managers *managers, const struct manager *like); /* or NULL */
struct manager *managers_add(struct managers *managers, const struct manager *like); /* with an empty set */
void managers_drop_empty(struct managers *managers);
/* Lumps the oldest updaters together when there are too many. */
void managers_cap(struct managers *managers);

#endif
