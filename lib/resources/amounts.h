/*
 * amounts: resource lists ("cpu": "500m", ...) as values to calculate with. The API's ResourceList maps have
 * a C type for each field but one layout; amounts_of() reads any of them and amounts_write() makes one.
 */
#ifndef CUBE_RESOURCES_AMOUNTS_H
#define CUBE_RESOURCES_AMOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/api/values.h"

struct arena;

struct amount {
	const char *name;
	struct quantity q;
};

struct amounts { /* zeroed memory with an arena is an empty list */
	struct arena *arena;
	struct amount *items;
	size_t len, capacity;
};

#define AMOUNTS_OF(arena, owner, member) amounts_of((arena), (owner)->n_##member, (void *)(owner)->member)
struct amounts amounts_of(struct arena *arena, size_t len, void *entries);
const struct quantity *amounts_get(const struct amounts *list, const char *name); /* NULL when absent */
void amounts_set(struct amounts *list, const char *name, const struct quantity *q);
void amounts_add_one(struct amounts *list, const char *name, const struct quantity *q);
void amounts_add(struct amounts *list, const struct amounts *more);
void amounts_max(struct amounts *list, const struct amounts *other);   /* the larger of each; names of both */
void amounts_count(struct amounts *list, const char *name, int64_t n); /* adds a plain number */
/* "cpu=1,memory=1Gi", sorted by name. */
const char *amounts_text(struct arena *arena, const struct amounts *list);
/* Entries for a ResourceList member, sorted by name: entry is the map's entry descriptor. */
void amounts_write(struct arena *arena, const struct amounts *list, const ProtobufCMessageDescriptor *entry,
    size_t *ret_len, void ***ret_entries);
#define AMOUNTS_WRITE(arena, list, owner, member, entry_lower)                                               \
	amounts_write(                                                                                       \
	    (arena), (list), &entry_lower##__descriptor, &(owner)->n_##member, (void ***)&(owner)->member)

#endif
