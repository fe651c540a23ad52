/*
 * strmap: string -> pointer, a thin wrapper over uthash. Keys are copied, values are borrowed.
 * Iteration is in insertion order and the current entry may be removed while iterating.
 */
#ifndef CUBE_BASE_STRMAP_H
#define CUBE_BASE_STRMAP_H

#include <stdbool.h>
#include <stddef.h>

struct strmap;
struct strmap_entry;

struct strmap *strmap_new(void);
void strmap_free(struct strmap *map, void (*free_value)(void *value)); /* both may be NULL */
void *strmap_get(const struct strmap *map, const char *key);           /* NULL when absent */
bool strmap_has(const struct strmap *map, const char *key);
void *strmap_put(struct strmap *map, const char *key, void *value); /* returns the value replaced, or NULL */
void *strmap_remove(struct strmap *map, const char *key);           /* returns the value, or NULL */
size_t strmap_len(const struct strmap *map);
struct strmap_entry *strmap_first(const struct strmap *map);
struct strmap_entry *strmap_next(const struct strmap_entry *entry);
const char *strmap_key(const struct strmap_entry *entry);
void *strmap_value(const struct strmap_entry *entry);

#define strmap_for_each(map, e)                                                                              \
	for (struct strmap_entry *e = strmap_first(map), *e##_next = e ? strmap_next(e) : NULL; e;           \
	     e = e##_next, e##_next = e ? strmap_next(e) : NULL)

#endif
