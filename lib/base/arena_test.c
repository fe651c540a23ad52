#include "lib/base/arena.h"

#include <stdbool.h>
#include <string.h>

#include "lib/base/test.h"

static bool is_zero(const char *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i])
			return false;
	return true;
}

static void test_zeroed_and_aligned(void **state)
{
	struct arena *arena = arena_new();
	for (int round = 0; round < 3; round++) {
		for (size_t size = 0; size < 3000; size += 7) {
			char *p = arena_alloc(arena, size);
			assert_int_equal((uintptr_t)p % 16, 0);
			assert_true(is_zero(p, size));
			memset(p, 0xff, size);
		}
		char *big = arena_alloc(arena, 1 << 20);
		assert_true(is_zero(big, 1 << 20));
		memset(big, 0xff, 1 << 20);
		arena_reset(arena);
	}
	assert_true(arena_size(arena) < 1024);
	arena_free(arena);
	arena_free(NULL);
}

static void test_small_arena_is_small(void **state)
{
	struct arena *arena = arena_new();
	arena_alloc(arena, 300);
	assert_true(arena_size(arena) <= 640);
	arena_free(arena);
}

static void test_grow(void **state)
{
	struct arena *arena = arena_new();
	int *list = NULL;
	size_t len = 0;
	for (int i = 0; i < 5000; i++) {
		list = arena_grow(arena, list, len * sizeof(int), (len + 1) * sizeof(int));
		assert_int_equal(list[len], 0);
		list[len++] = i;
		if (i % 100 == 0)
			memset(arena_alloc(arena, 10), 0xff, 10);
	}
	for (int i = 0; i < 5000; i++)
		assert_int_equal(list[i], i);
	assert_ptr_equal(arena_grow(arena, list, 100, 50), list);
	arena_free(arena);
}

static void test_strings(void **state)
{
	struct arena *arena = arena_new();
	assert_null(arena_strdup(arena, NULL));
	assert_null(arena_strndup(arena, NULL, 3));
	assert_string_equal(arena_strdup(arena, "hello"), "hello");
	assert_string_equal(arena_strndup(arena, "hello", 3), "hel");
	assert_string_equal(arena_strndup(arena, "hello", 30), "hello");
	assert_string_equal(arena_printf(arena, "%d-%s", 4, "x"), "4-x");
	char text[1000];
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_string_equal(arena_printf(arena, "%s", text), text);
	assert_memory_equal(arena_memdup(arena, "a\0b", 3), "a\0b", 3);
	arena_free(arena);
}

static char order[8];

static void note(void *arg)
{
	strcat(order, arg);
}

/* Texts and other memory share chunks from both ends: neither may reach into the other. */
static void test_texts_beside_memory(void **state)
{
	static const char text[] = "abcdefghijklmnopqrstuvwxyz";
	struct arena *arena = arena_new();
	char *texts[200], *blocks[200];
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 200; i++) {
			texts[i] = arena_strndup(arena, text, i % 27);
			blocks[i] = arena_alloc(arena, 1 + i % 40);
			for (size_t j = 0; j < 1 + i % 40; j++)
				assert_int_equal(blocks[i][j], 0);
			memset(blocks[i], 0xff, 1 + i % 40);
		}
		for (size_t i = 0; i < 200; i++) {
			assert_int_equal(strlen(texts[i]), i % 27);
			assert_memory_equal(texts[i], text, i % 27);
		}
		arena_reset(arena);
	}
	arena_free(arena);
}

static void test_on_free_runs_last_first(void **state)
{
	struct arena *arena = arena_new();
	arena_on_free(arena, note, "a");
	arena_on_free(arena, note, "b");
	arena_reset(arena);
	assert_string_equal(order, "ba");
	arena_on_free(arena, note, "c");
	arena_free(arena);
	assert_string_equal(order, "bac");
}

/* A large piece hangs behind the first chunk; a reset frees it once. */
static void test_reset_after_large_piece(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	for (int i = 0; i < 3; i++) {
		char *p = arena_alloc(arena, 5000);
		p[4999] = 1;
		arena_reset(arena);
	}
	arena_free(arena);
}

/* The first of a kind tells how much the second needs, which then takes no more. */
static void fill(struct arena *arena)
{
	for (int i = 0; i < 40; i++) {
		memset(arena_alloc(arena, 24), 1, 24);
		arena_strdup(arena, "a text of some length");
	}
}

static void test_sized(void **state)
{
	struct arena *first = arena_new(), *second, *third = arena_new_sized(64);

	(void)state;
	fill(first);
	assert_in_range(arena_used(first), 40 * (24 + 22), arena_size(first));
	second = arena_new_sized(arena_used(first));
	fill(second);
	/* A text that meets the end of a chunk takes an aligned place in the next: there were such in the
	 * first. */
	assert_in_range(arena_used(second), 40 * (24 + 22), arena_used(first));
	assert_in_range(arena_size(second), arena_used(second), arena_used(first) + 128);
	fill(third); /* expected far less */
	assert_in_range(arena_size(third), arena_used(third), arena_used(third) * 3 / 2);
	for (int i = 0; i < 3; i++) {
		char *p;
		arena_reset(second);
		assert_int_equal(arena_used(second), 0);
		p = arena_calloc(second, 3, 100);
		for (int j = 0; j < 300; j++)
			assert_int_equal(p[j], 0);
		fill(second);
	}
	arena_free(first);
	arena_free(second);
	arena_free(third);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sized),
	    cmocka_unit_test(test_reset_after_large_piece),
	    cmocka_unit_test(test_zeroed_and_aligned),
	    cmocka_unit_test(test_small_arena_is_small),
	    cmocka_unit_test(test_grow),
	    cmocka_unit_test(test_strings),
	    cmocka_unit_test(test_texts_beside_memory),
	    cmocka_unit_test(test_on_free_runs_last_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
