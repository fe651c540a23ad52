/* JSON trees: making, reading, changing, comparing. */
#include "lib/api/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/number.h"
#include "lib/base/arena.h"

static struct json *json_new(struct arena *arena, enum json_type type);
static size_t find_member(const struct json *object, const char *key);
static void make_room(struct arena *arena, struct json *v, size_t item_size);
static bool equal_objects(const struct json *a, const struct json *b);
static bool equal_numbers(const struct json *a, const struct json *b);
static int compare_members(const void *a, const void *b);

struct json *json_new_object(struct arena *arena)
{
	return json_new(arena, JSON_OBJECT);
}

struct json *json_new_array(struct arena *arena)
{
	return json_new(arena, JSON_ARRAY);
}

struct json *json_new_string(struct arena *arena, const char *s)
{
	struct json *v = json_new(arena, JSON_STRING);

	v->len = strlen(s);
	v->text = arena_strndup(arena, s, v->len);
	return v;
}

struct json *json_new_int(struct arena *arena, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, n);
	return json_new_number(arena, text);
}

struct json *json_new_number(struct arena *arena, const char *text)
{
	struct json *v = json_new_string(arena, text);

	v->type = JSON_NUMBER;
	return v;
}

struct json *json_new_bool(struct arena *arena, bool b)
{
	struct json *v = json_new(arena, JSON_BOOL);

	v->boolean = b;
	return v;
}

struct json *json_new_null(struct arena *arena)
{
	return json_new(arena, JSON_NULL);
}

struct json *json_get(const struct json *object, const char *key)
{
	size_t i;

	if (!object || object->type != JSON_OBJECT)
		return NULL;
	i = find_member(object, key);
	return i < object->len ? object->members[i].value : NULL;
}

struct json *json_get_path(const struct json *v, const char *dotted)
{
	struct json *found = NULL;
	char key[256];

	while (*dotted) {
		size_t len = strcspn(dotted, ".");

		if (len >= sizeof(key))
			return NULL;
		memcpy(key, dotted, len);
		key[len] = '\0';
		found = json_get(v, key);
		if (!found)
			return NULL;
		v = found;
		dotted += len + (dotted[len] == '.');
	}
	return found;
}

const char *json_get_string(const struct json *object, const char *key, const char *fallback)
{
	const struct json *v = json_get(object, key);

	return v && v->type == JSON_STRING ? v->text : fallback;
}

int64_t json_get_int(const struct json *object, const char *key, int64_t fallback)
{
	const struct json *v = json_get(object, key);
	int64_t n;

	return v && json_is_int(v, &n) ? n : fallback;
}

bool json_get_bool(const struct json *object, const char *key, bool fallback)
{
	const struct json *v = json_get(object, key);

	return v && v->type == JSON_BOOL ? v->boolean : fallback;
}

void json_set(struct arena *arena, struct json *object, const char *key, struct json *value)
{
	size_t i = find_member(object, key);

	if (i < object->len) {
		object->members[i].value = value;
		return;
	}
	make_room(arena, object, sizeof(*object->members));
	object->members[object->len++] = (struct json_member){arena_strdup(arena, key), value};
}

void json_remove(struct json *object, const char *key)
{
	size_t i = find_member(object, key);

	if (i == object->len)
		return;
	memmove(
	    object->members + i, object->members + i + 1, (object->len - i - 1) * sizeof(*object->members));
	object->len--;
}

void json_push(struct arena *arena, struct json *array, struct json *item)
{
	json_insert(arena, array, array->len, item);
}

void json_array_remove(struct json *array, size_t index)
{
	memmove(
	    array->items + index, array->items + index + 1, (array->len - index - 1) * sizeof(*array->items));
	array->len--;
}

void json_insert(struct arena *arena, struct json *array, size_t index, struct json *item)
{
	make_room(arena, array, sizeof(*array->items));
	memmove(array->items + index + 1, array->items + index, (array->len - index) * sizeof(*array->items));
	array->items[index] = item;
	array->len++;
}

struct json *json_clone(struct arena *arena, const struct json *v)
{
	struct json *copy = ARENA_NEW(arena, struct json);

	*copy = *v;
	copy->capacity = v->len;
	switch (v->type) {
	case JSON_NUMBER:
	case JSON_STRING:
		copy->text = arena_strndup(arena, v->text, v->len);
		break;
	case JSON_ARRAY:
		copy->items = ARENA_ARRAY(arena, struct json *, v->len);
		for (size_t i = 0; i < v->len; i++)
			copy->items[i] = json_clone(arena, v->items[i]);
		break;
	case JSON_OBJECT:
		copy->members = ARENA_ARRAY(arena, struct json_member, v->len);
		for (size_t i = 0; i < v->len; i++) {
			copy->members[i].key = arena_strdup(arena, v->members[i].key);
			copy->members[i].value = json_clone(arena, v->members[i].value);
		}
		break;
	default:
		break;
	}
	return copy;
}

bool json_equal(const struct json *a, const struct json *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->type != b->type)
		return false;
	switch (a->type) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return a->boolean == b->boolean;
	case JSON_NUMBER:
		return equal_numbers(a, b);
	case JSON_STRING:
		return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
	case JSON_ARRAY:
		if (a->len != b->len)
			return false;
		for (size_t i = 0; i < a->len; i++) {
			if (!json_equal(a->items[i], b->items[i]))
				return false;
		}
		return true;
	case JSON_OBJECT:
		return equal_objects(a, b);
	}
	return false;
}

bool json_is_int(const struct json *v, int64_t *ret)
{
	return v->type == JSON_NUMBER && number_parse_int64(v->text, ret);
}

bool json_number(const struct json *v, double *ret)
{
	return v->type == JSON_NUMBER && number_parse_double(v->text, ret);
}

bool json_is_deeper(const struct json *v, size_t depth)
{
	if (v->type != JSON_ARRAY && v->type != JSON_OBJECT)
		return false;
	if (depth == 0)
		return true;
	for (size_t i = 0; i < v->len; i++) {
		if (json_is_deeper(v->type == JSON_ARRAY ? v->items[i] : v->members[i].value, depth - 1))
			return true;
	}
	return false;
}

void json_sort(struct json *v)
{
	if (v->type != JSON_OBJECT && v->type != JSON_ARRAY)
		return;
	if (v->type == JSON_OBJECT && v->len > 1)
		qsort(v->members, v->len, sizeof(*v->members), compare_members);
	for (size_t i = 0; i < v->len; i++) {
		json_sort(v->type == JSON_OBJECT ? v->members[i].value : v->items[i]);
	}
}

static struct json *json_new(struct arena *arena, enum json_type type)
{
	struct json *v = ARENA_NEW(arena, struct json);

	v->type = type;
	return v;
}

static size_t find_member(const struct json *object, const char *key)
{
	size_t i;

	for (i = 0; i < object->len; i++) {
		if (strcmp(object->members[i].key, key) == 0)
			break;
	}
	return i;
}

static void make_room(struct arena *arena, struct json *v, size_t item_size)
{
	size_t capacity = v->capacity < 4 ? 4 : v->capacity * 2;

	if (v->len < v->capacity)
		return;
	v->items = arena_grow(arena, v->items, v->len * item_size, capacity * item_size);
	v->capacity = capacity;
}

/* Members of both in key order, so that large objects do not cost the square of their size. */
static bool equal_objects(const struct json *a, const struct json *b)
{
	struct json_member *sorted;
	bool equal = a->len == b->len;
	size_t size = a->len * sizeof(*sorted);

	if (!equal || a->len == 0)
		return equal;
	sorted = malloc(2 * size);
	if (!sorted)
		abort();
	memcpy(sorted, a->members, size);
	memcpy(sorted + a->len, b->members, size);
	qsort(sorted, a->len, sizeof(*sorted), compare_members);
	qsort(sorted + a->len, a->len, sizeof(*sorted), compare_members);
	for (size_t i = 0; i < a->len && equal; i++) {
		const struct json_member *x = &sorted[i], *y = &sorted[a->len + i];

		equal = strcmp(x->key, y->key) == 0 && json_equal(x->value, y->value);
	}
	free(sorted);
	return equal;
}

static bool equal_numbers(const struct json *a, const struct json *b)
{
	int64_t m, n;
	double x, y;

	if (strcmp(a->text, b->text) == 0)
		return true;
	if (json_is_int(a, &m) && json_is_int(b, &n))
		return m == n;
	return json_number(a, &x) && json_number(b, &y) && x == y;
}

static int compare_members(const void *a, const void *b)
{
	return strcmp(((const struct json_member *)a)->key, ((const struct json_member *)b)->key);
}
