/*
 * FieldsV1: two sets, one a line. What is read is written as text that reads back as the same set, and the
 * operations keep the laws of sets.
 */
#include <assert.h>

#include "apiserver/patch/fieldset.h"
#include "apiserver/patch/fuzz_input.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

static void check_text(struct arena *arena, const struct fieldset *set)
{
	struct buf text = BUF_INIT, twice = BUF_INIT;
	struct fieldset *again = NULL;
	struct json *tree;
	fieldset_write(&text, set);
	assert(json_parse(arena, text.data, text.size, &(struct json_limits){.size_max = SIZE_MAX}, &tree,
		   NULL) == 0);
	assert(!fieldset_parse(arena, text.data, text.size, &again, NULL));
	assert(fieldset_equal(set, again));
	fieldset_write(&twice, again);
	assert(text.size == twice.size && !memcmp(text.data, twice.data, text.size));
	buf_done(&text);
	buf_done(&twice);
}

static void count(void *arg, const char *path)
{
	assert(path && *path);
	++*(size_t *)arg;
}

static size_t size_of(const struct fieldset *set)
{
	size_t n = 0;
	fieldset_for_each(set, count, &n);
	return n;
}

static void check_laws(struct arena *arena, const struct fieldset *a, const struct fieldset *b)
{
	struct fieldset *all = fieldset_union(arena, a, b), *both = fieldset_intersection(arena, a, b);
	struct fieldset *only_a = fieldset_difference(arena, a, b),
			*only_b = fieldset_difference(arena, b, a);
	assert(fieldset_equal(all, fieldset_union(arena, b, a)));
	assert(fieldset_equal(both, fieldset_intersection(arena, b, a)));
	assert(fieldset_equal(a, fieldset_union(arena, only_a, both)));
	assert(fieldset_equal(all, fieldset_union(arena, fieldset_union(arena, only_a, only_b), both)));
	assert(fieldset_is_empty(fieldset_intersection(arena, only_a, b)));
	assert(fieldset_is_empty(fieldset_difference(arena, a, all)));
	assert(size_of(a) == size_of(only_a) + size_of(both));
	assert(size_of(fieldset_without(arena, a, b)) <= size_of(only_a));
	check_text(arena, all);
	check_text(arena, only_a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	const uint8_t *end = memchr(data, '\n', size);
	size_t first = end ? (size_t)(end - data) : size;
	struct fieldset *a = NULL, *b = NULL;
	struct error err = ERROR_INIT;
	if (fieldset_parse(arena, data, first, &a, &err)) {
		assert(err.code != ERR_NONE);
	} else {
		check_text(arena, a);
		if (end && !fieldset_parse(arena, end + 1, size - first - 1, &b, NULL))
			check_laws(arena, a, b);
	}
	arena_free(arena);
	return 0;
}
