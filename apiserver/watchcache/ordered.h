/* ordered: cache items sorted by key, a skip list: lookup, insertion, removal in log n; iteration in key
 * order. */
#ifndef CUBE_APISERVER_WATCHCACHE_ORDERED_H
#define CUBE_APISERVER_WATCHCACHE_ORDERED_H

#include <stddef.h>
#include <stdint.h>

enum { ORDERED_LEVELS = 20 };

struct ordered_node {
	const char *key; /* borrowed from the value: replaced together with it */
	void *value;
	unsigned levels;
	struct ordered_node *next[];
};

struct ordered {
	struct ordered_node *heads[ORDERED_LEVELS];
	size_t len;
	uint32_t random;
};

void ordered_init(struct ordered *list);
void ordered_done(struct ordered *list, void (*free_value)(void *value));
void *ordered_get(const struct ordered *list, const char *key);
/* The first node whose key is not below `key`. */
struct ordered_node *ordered_seek(const struct ordered *list, const char *key);
/* Inserts or replaces; returns the value that was there, or NULL. */
void *ordered_put(struct ordered *list, const char *key, void *value);
void *ordered_remove(struct ordered *list, const char *key);

#endif
