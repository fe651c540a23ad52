#include "apiserver/patch/members.h"

#include <stdint.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/strmap.h"

enum { SEARCHES_MAX = 16384 }; /* comparisons that are cheaper than an index */

void members_open(struct members *m, struct arena *arena, struct json *object, size_t changes)
{
	*m = (struct members){arena, object, NULL};
	if ((object->len + changes) * changes < SEARCHES_MAX)
		return;
	m->index = strmap_new();
	for (size_t i = 0; i < object->len; i++)
		strmap_put(m->index, object->members[i].key, (void *)(uintptr_t)(i + 1));
}

static struct json_member *find(const struct members *m, const char *key)
{
	size_t at = (size_t)(uintptr_t)strmap_get(m->index, key);
	return at ? &m->object->members[at - 1] : NULL;
}

struct json *members_get(const struct members *m, const char *key)
{
	if (!m->index)
		return json_get(m->object, key);
	struct json_member *member = find(m, key);
	return member ? member->value : NULL;
}

void members_set(struct members *m, const char *key, struct json *value)
{
	struct json *object = m->object;
	if (!m->index) {
		json_set(m->arena, object, key, value);
		return;
	}
	struct json_member *member = find(m, key);
	if (member) {
		member->value = value;
		return;
	}
	if (object->len == object->capacity) {
		size_t capacity = object->len * 2 + 16;
		object->members = arena_grow(m->arena, object->members, object->len * sizeof *object->members,
		    capacity * sizeof *object->members);
		object->capacity = capacity;
	}
	object->members[object->len++] = (struct json_member){arena_strdup(m->arena, key), value};
	strmap_put(m->index, key, (void *)(uintptr_t)object->len);
}

void members_remove(struct members *m, const char *key)
{
	if (!m->index) {
		json_remove(m->object, key);
		return;
	}
	struct json_member *member = find(m, key);
	if (member)
		member->value = NULL;
}

void members_close(struct members *m)
{
	struct json *object = m->object;
	size_t kept = 0;
	if (!m->index)
		return;
	for (size_t i = 0; i < object->len; i++)
		if (object->members[i].value)
			object->members[kept++] = object->members[i];
	object->len = kept;
	strmap_free(m->index, NULL);
	m->index = NULL;
}
