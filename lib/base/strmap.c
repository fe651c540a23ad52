#include "lib/base/strmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(msg) (fputs("out of memory\n", stderr), abort())
#include <uthash.h>

struct strmap_entry {
	UT_hash_handle hh;
	void *value;
	char key[];
};

struct strmap {
	struct strmap_entry *entries;
};

static void *must(void *p)
{
	if (!p)
		uthash_fatal();
	return p;
}

struct strmap *strmap_new(void)
{
	return must(calloc(1, sizeof(struct strmap)));
}

void strmap_free(struct strmap *map, void (*free_value)(void *value))
{
	if (!map)
		return;
	struct strmap_entry *e = map->entries;
	/* Drop the table first, then walk the list that is threaded through the entries. */
	HASH_CLEAR(hh, map->entries);
	while (e) {
		struct strmap_entry *next = e->hh.next;
		if (free_value)
			free_value(e->value);
		free(e);
		e = next;
	}
	free(map);
}

static struct strmap_entry *find(const struct strmap *map, const char *key)
{
	struct strmap_entry *e = NULL;
	HASH_FIND(hh, map->entries, key, strlen(key), e);
	return e;
}

void *strmap_get(const struct strmap *map, const char *key)
{
	struct strmap_entry *e = find(map, key);
	return e ? e->value : NULL;
}

bool strmap_has(const struct strmap *map, const char *key)
{
	return find(map, key) != NULL;
}

void *strmap_put(struct strmap *map, const char *key, void *value)
{
	struct strmap_entry *e = find(map, key);
	if (e) {
		void *old = e->value;
		e->value = value;
		return old;
	}
	size_t len = strlen(key);
	e = must(calloc(1, sizeof(*e) + len + 1));
	memcpy(e->key, key, len + 1);
	e->value = value;
	HASH_ADD_KEYPTR(hh, map->entries, e->key, len, e);
	return NULL;
}

void *strmap_remove(struct strmap *map, const char *key)
{
	struct strmap_entry *e = find(map, key);
	if (!e)
		return NULL;
	void *value = e->value;
	HASH_DEL(map->entries, e);
	free(e);
	return value;
}

size_t strmap_len(const struct strmap *map)
{
	return HASH_COUNT(map->entries);
}

struct strmap_entry *strmap_first(const struct strmap *map)
{
	return map->entries;
}

struct strmap_entry *strmap_next(const struct strmap_entry *entry)
{
	return entry->hh.next;
}

const char *strmap_key(const struct strmap_entry *entry)
{
	return entry->key;
}

void *strmap_value(const struct strmap_entry *entry)
{
	return entry->value;
}
