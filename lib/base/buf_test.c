#include "lib/base/buf.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/test.h"

static void test_empty(void **state)
{
	struct buf buf = BUF_INIT;
	assert_string_equal(buf_str(&buf), "");
	buf_consume(&buf, 3);
	buf_reset(&buf);
	buf_append(&buf, NULL, 0);
	assert_int_equal(buf.size, 0);
	buf_done(&buf);
	size_t size = 9;
	char *data = buf_take(&buf, &size);
	assert_string_equal(data, "");
	assert_int_equal(size, 0);
	free(data);
}

static void test_append_and_consume(void **state)
{
	struct buf buf = BUF_INIT;
	buf_puts(&buf, "hello");
	buf_putc(&buf, ' ');
	buf_append(&buf, "world!", 5);
	assert_string_equal(buf.data, "hello world");
	buf_consume(&buf, 6);
	assert_string_equal(buf_str(&buf), "world");
	buf_consume(&buf, 100);
	assert_string_equal(buf_str(&buf), "");
	buf_done(&buf);
}

static void test_printf_grows(void **state)
{
	struct buf buf = BUF_INIT;
	char text[500];
	memset(text, 'z', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (int i = 0; i < 20; i++)
		buf_printf(&buf, "%s%d", text, i % 10);
	assert_int_equal(buf.size, 20 * 500);
	assert_int_equal(strlen(buf.data), buf.size);
	assert_int_equal(buf.data[buf.size - 1], '9');
	for (int len = 60; len < 70; len++) { /* around the first reservation */
		struct buf small = BUF_INIT;
		buf_printf(&small, "%*d", len, 7);
		assert_int_equal(small.size, len);
		assert_int_equal(small.data[len - 1], '7');
		buf_done(&small);
	}
	buf_done(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_append_and_consume),
	    cmocka_unit_test(test_printf_grows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
