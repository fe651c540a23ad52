#include "lib/base/str.h"

#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/test.h"

static void test_compare(void **state)
{
	assert_true(str_eq(NULL, ""));
	assert_false(str_eq("a", NULL));
	assert_true(str_empty(NULL) && str_empty("") && !str_empty("a"));
	assert_string_equal(str_or(NULL, "x"), "x");
	assert_string_equal(str_or("y", "x"), "y");
	assert_true(str_has_prefix("abc", "ab") && str_has_prefix("abc", NULL) && !str_has_prefix("a", "ab"));
	assert_true(str_has_suffix("abc", "bc") && str_has_suffix(NULL, "") && !str_has_suffix("c", "bc"));
	const char *const list[] = {"a", "b", NULL};
	assert_true(str_in("b", list) && !str_in("c", list) && !str_in("a", NULL));
}

static void test_numbers(void **state)
{
	int64_t i = 7;
	assert_true(str_to_int64("-12", &i) && i == -12);
	assert_true(str_to_int64("9223372036854775807", &i) && i == INT64_MAX);
	const char *const bad[] = {"", " 1", "1 ", "+1", "1x", "--1", "-", "9223372036854775808", NULL};
	i = 7;
	for (int n = 0; bad[n]; n++)
		assert_false(str_to_int64(bad[n], &i));
	assert_false(str_to_int64(NULL, &i));
	assert_int_equal(i, 7);
	uint64_t u;
	assert_true(str_to_uint64("18446744073709551615", &u) && u == UINT64_MAX);
	assert_false(str_to_uint64("-1", &u));
	assert_false(str_to_uint64("18446744073709551616", &u));
}

static void test_split_join(void **state)
{
	struct arena *arena = arena_new();
	size_t len;
	char **list = str_split(arena, "a,,b,", ',', &len);
	assert_int_equal(len, 4);
	assert_string_equal(list[1], "");
	assert_string_equal(list[2], "b");
	assert_string_equal(list[3], "");
	assert_null(list[4]);
	assert_string_equal(str_join(arena, (const char *const *)list, len, "+"), "a++b+");
	assert_string_equal(str_join(arena, NULL, 0, "+"), "");
	list = str_split(arena, NULL, ',', &len);
	assert_int_equal(len, 1);
	assert_string_equal(str_lower(arena, "AbZ-1"), "abz-1");
	arena_free(arena);
}

static void test_nearest(void **state)
{
	const char *const list[] = {"kubeconfig", "kubelet", "port", NULL};
	assert_string_equal(str_nearest("kubconfig", list), "kubeconfig");
	assert_string_equal(str_nearest("prot", list), "port");
	assert_null(str_nearest("zzzzzz", list));
	assert_null(str_nearest("x", NULL));
}

/* Every digit in every place, and lengths with each kind of end. */
static void test_base64_of_all_bytes(void **state)
{
	struct arena *arena = arena_new();
	unsigned char bytes[256 * 3 + 2];
	size_t got = 0;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 256);
	for (size_t size = sizeof bytes - 3; size <= sizeof bytes; size++) {
		char *text = str_base64(arena, bytes, size);
		assert_memory_equal(str_unbase64(arena, text, strlen(text), &got), bytes, size);
		assert_int_equal(got, size);
		char *url = str_base64url(arena, bytes, size);
		assert_memory_equal(str_unbase64url(arena, url, strlen(url), &got), bytes, size);
		assert_int_equal(got, size);
		assert_null(str_unbase64url(arena, text, strcspn(text, "="), &got)); /* has + and / */
		text[41] = '\xc1';
		assert_null(str_unbase64(arena, text, strlen(text), &got));
	}
	arena_free(arena);
}

static void test_base64(void **state)
{
	struct arena *arena = arena_new();
	size_t size;
	assert_string_equal(str_base64(arena, "", 0), "");
	assert_string_equal(str_base64(arena, "f", 1), "Zg==");
	assert_string_equal(str_base64(arena, "fo", 2), "Zm8=");
	assert_string_equal(str_base64(arena, "foo", 3), "Zm9v");
	assert_string_equal(str_base64url(arena, "\xff\xfe", 2), "__4");
	assert_memory_equal(str_unbase64(arena, "Zm8=", 4, &size), "fo", 2);
	assert_int_equal(size, 2);
	assert_memory_equal(str_unbase64url(arena, "__4", 3, &size), "\xff\xfe", 2);
	const char *const bad[] = {"Zm8", "Z===", "====", "Zm_v", "Zg==Zg==", "Z m8", NULL};
	for (int i = 0; bad[i]; i++)
		assert_null(str_unbase64(arena, bad[i], strlen(bad[i]), &size));
	assert_null(str_unbase64url(arena, "Zg==", 4, &size));
	assert_non_null(str_unbase64(arena, "", 0, &size));
	assert_int_equal(size, 0);
	unsigned char data[256];
	for (int i = 0; i < 256; i++)
		data[i] = (unsigned char)i;
	for (size_t len = 0; len <= 256; len++) {
		char *s = str_base64(arena, data, len);
		assert_memory_equal(str_unbase64(arena, s, strlen(s), &size), data, len);
		assert_int_equal(size, len);
	}
	arena_free(arena);
}

static void test_hash_and_random(void **state)
{
	assert_true(str_hash64("") == 0xcbf29ce484222325);
	assert_true(str_hash64("a") == 0xaf63dc4c8601ec8c);
	assert_int_equal(str_hash32("a", 1), 0xe40c292c);
	char a[11], b[11], uuid[37];
	str_random(a, 10);
	str_random(b, 10);
	assert_int_equal(strlen(a), 10);
	assert_int_equal(strspn(a, "bcdfghjklmnpqrstvwxz2456789"), 10);
	assert_string_not_equal(a, b);
	str_uuid(uuid);
	assert_int_equal(strlen(uuid), 36);
	assert_int_equal(uuid[14], '4');
	assert_non_null(strchr("89ab", uuid[19]));
	/* More than one question to the kernel gives; none comes twice. */
	struct str_uuids uuids = {0};
	static char many[100][37];
	for (size_t i = 0; i < 100; i++) {
		str_uuid_next(&uuids, many[i]);
		assert_int_equal(strlen(many[i]), 36);
		assert_int_equal(many[i][14], '4');
		assert_non_null(strchr("89ab", many[i][19]));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(many[i], many[j]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_compare),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_split_join),
	    cmocka_unit_test(test_nearest),
	    cmocka_unit_test(test_base64),
	    cmocka_unit_test(test_base64_of_all_bytes),
	    cmocka_unit_test(test_hash_and_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
