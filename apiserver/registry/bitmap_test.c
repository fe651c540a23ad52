#include "apiserver/registry/bitmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"

static void stored_form_is_one_big_endian_number(void **state)
{
	struct bitmap map, other;
	struct buf out = BUF_INIT;
	bitmap_init(&map, 254, 16);
	bitmap_init(&other, 254, 16);
	bitmap_write(&map, &out);
	assert_int_equal(out.size, 0);
	bitmap_set(&map, 0, true);
	bitmap_set(&map, 9, true);
	bitmap_set(&map, 17, true);
	bitmap_write(&map, &out);
	/* 2^17 + 2^9 + 2^0 */
	assert_int_equal(out.size, 3);
	assert_memory_equal(out.data, "\x02\x02\x01", 3);
	bitmap_read(&other, out.data, out.size);
	assert_true(bitmap_equal(&map, &other));
	bitmap_set(&map, 17, false);
	assert_false(bitmap_has(&map, 17));
	assert_false(bitmap_equal(&map, &other));
	buf_done(&out);
	bitmap_done(&map);
	bitmap_done(&other);
}

static void bits_outside_are_dropped(void **state)
{
	struct bitmap map;
	bitmap_init(&map, 14, 0);
	bitmap_read(&map, "\xff\xff\xff\xff", 4);
	assert_int_equal(bitmap_find_free(&map), BITMAP_FULL);
	bitmap_set(&map, 13, false);
	assert_int_equal(bitmap_find_free(&map), 13);
	struct buf out = BUF_INIT;
	bitmap_write(&map, &out);
	assert_int_equal(out.size, 2);
	assert_memory_equal(out.data, "\x1f\xff", 2);
	buf_done(&out);
	bitmap_done(&map);
}

static void upper_numbers_are_given_first_and_then_all(void **state)
{
	struct bitmap map;
	bitmap_init(&map, 254, 16);
	for (uint32_t i = 0; i < 254; i++) {
		int64_t at = bitmap_find_free(&map);
		assert_in_range(at, i < 238 ? 16 : 0, i < 238 ? 253 : 15);
		assert_false(bitmap_has(&map, (uint32_t)at));
		bitmap_set(&map, (uint32_t)at, true);
	}
	assert_int_equal(bitmap_find_free(&map), BITMAP_FULL);
	bitmap_done(&map);
}

/* The figures are those of KEP-3070. */
static void low_numbers_are_reserved_by_size(void **state)
{
	assert_int_equal(bitmap_reserved_of(16, 16, 256), 0);
	assert_int_equal(bitmap_reserved_of(256, 16, 256), 16);
	assert_int_equal(bitmap_reserved_of(1024, 16, 256), 64);
	assert_int_equal(bitmap_reserved_of(65536, 16, 256), 256);
	assert_int_equal(bitmap_reserved_of(2768, 32, 128), 86);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(stored_form_is_one_big_endian_number),
	    cmocka_unit_test(bits_outside_are_dropped),
	    cmocka_unit_test(upper_numbers_are_given_first_and_then_all),
	    cmocka_unit_test(low_numbers_are_reserved_by_size)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
