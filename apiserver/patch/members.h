/*
 * members: an object while many of its members change. Small ones are searched as they are; large ones get an
 * index, so that a patch of ten thousand keys does not look through ten thousand members for each.
 */
#ifndef CUBE_APISERVER_PATCH_MEMBERS_H
#define CUBE_APISERVER_PATCH_MEMBERS_H

#include <stddef.h>

struct arena;
struct json;
struct strmap;

struct members {
	struct arena *arena;
	struct json *object;
	struct strmap *index; /* NULL: not worth it. Else key -> 1 + where it is */
};

void members_open(struct members *m, struct arena *arena, struct json *object, size_t changes);
struct json *members_get(const struct members *m, const char *key);
void members_set(struct members *m, const char *key, struct json *value);
void members_remove(struct members *m, const char *key);
void members_close(struct members *m); /* always: removed members are gone only then */

#endif
