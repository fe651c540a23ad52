#include "apiserver/watchcache/ordered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KEYS = 3000 };

static void test_keeps_order_through_random_changes(void **state)
{
	struct ordered list;
	static char keys[KEYS][16];
	bool present[KEYS] = {0};
	size_t len = 0, seen = 0;
	ordered_init(&list);
	for (int i = 0; i < KEYS; i++)
		snprintf(keys[i], sizeof keys[i], "ns/%06d", i);
	for (int round = 0; round < 4 * KEYS; round++) {
		int i = rand() % KEYS;
		if (rand() % 3) {
			assert_ptr_equal(ordered_put(&list, keys[i], keys[i]), present[i] ? keys[i] : NULL);
			len += !present[i];
			present[i] = true;
		} else {
			assert_ptr_equal(ordered_remove(&list, keys[i]), present[i] ? keys[i] : NULL);
			len -= present[i];
			present[i] = false;
		}
	}
	assert_int_equal(list.len, len);
	for (int i = 0; i < KEYS; i++)
		assert_ptr_equal(ordered_get(&list, keys[i]), present[i] ? keys[i] : NULL);
	const char *last = "";
	for (struct ordered_node *n = list.heads[0]; n; n = n->next[0]) {
		assert_true(strcmp(last, n->key) < 0);
		last = n->key;
		seen++;
	}
	assert_int_equal(seen, len);
	ordered_done(&list, NULL);
}

static void test_seek_finds_the_first_key_not_below(void **state)
{
	struct ordered list;
	ordered_init(&list);
	ordered_put(&list, "a-b/x", "1"); /* '-' sorts before '/', as in the store */
	ordered_put(&list, "a/x", "2");
	ordered_put(&list, "a/y", "3");
	ordered_put(&list, "b/x", "4");
	assert_string_equal(ordered_seek(&list, "a/")->value, "2");
	assert_string_equal(ordered_seek(&list, "a/xx")->value, "3");
	assert_string_equal(ordered_seek(&list, "")->value, "1");
	assert_null(ordered_seek(&list, "c"));
	ordered_done(&list, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keeps_order_through_random_changes),
	    cmocka_unit_test(test_seek_finds_the_first_key_not_below),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
