#include "lib/base/strmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/test.h"

static void test_put_get_remove(void **state)
{
	struct strmap *map = strmap_new();
	assert_null(strmap_get(map, "a"));
	assert_null(strmap_put(map, "a", "1"));
	assert_string_equal(strmap_put(map, "a", "2"), "1");
	assert_null(strmap_put(map, "", "empty"));
	assert_null(strmap_put(map, "null", NULL));
	assert_true(strmap_has(map, "null"));
	assert_string_equal(strmap_get(map, "a"), "2");
	assert_string_equal(strmap_get(map, ""), "empty");
	assert_int_equal(strmap_len(map), 3);
	assert_string_equal(strmap_remove(map, "a"), "2");
	assert_null(strmap_remove(map, "a"));
	assert_int_equal(strmap_len(map), 2);
	strmap_free(map, NULL);
	strmap_free(NULL, free);
}

static void test_many_and_order(void **state)
{
	struct strmap *map = strmap_new();
	char key[32];
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		int *value = malloc(sizeof(int));
		*value = i;
		strmap_put(map, key, value);
	}
	int i = 0;
	strmap_for_each (map, e) {
		assert_int_equal(*(int *)strmap_value(e), i++);
		if (i % 2) { /* the entry at hand may go */
			snprintf(key, sizeof(key), "%s", strmap_key(e));
			free(strmap_remove(map, key));
		}
	}
	assert_int_equal(i, 5000);
	assert_int_equal(strmap_len(map), 2500);
	i = 1;
	strmap_for_each (map, e) {
		assert_int_equal(*(int *)strmap_value(e), i);
		i += 2;
	}
	strmap_free(map, free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_put_get_remove),
	    cmocka_unit_test(test_many_and_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
