#include <string.h>
#include <zlib.h>

#include "kubectl/stream/spdy.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/test.h"

struct peer {
	struct buf written, data;
	uint32_t last_stream;
	bool fin, goaway;
	size_t resets;
};

static void on_write(void *arg, const void *data, size_t size)
{
	buf_append(&((struct peer *)arg)->written, data, size);
}

static void on_data(void *arg, uint32_t stream, const char *data, size_t size, bool fin)
{
	struct peer *p = arg;
	p->last_stream = stream;
	p->fin = p->fin || fin;
	if (size)
		buf_append(&p->data, data, size);
}

static void on_reset(void *arg, uint32_t stream, uint32_t status)
{
	((struct peer *)arg)->resets++;
}

static void on_goaway(void *arg)
{
	((struct peer *)arg)->goaway = true;
}

static const struct spdy_callbacks callbacks = {on_write, on_data, on_reset, on_goaway};

static void done(struct peer *p, struct spdy *spdy)
{
	spdy_free(spdy);
	buf_done(&p->written);
	buf_done(&p->data);
}

static void test_dictionary(void **state)
{
	size_t size;
	const unsigned char *dictionary = spdy_dictionary(&size);
	assert_int_equal(size, 1423);
	assert_int_equal(
	    adler32(1, dictionary, (uInt)size), 0xe3c6a7c2); /* the id that zlib streams of SPDY/3 name */
}

static void test_open(void **state)
{
	struct peer p = {0};
	struct spdy *spdy = spdy_new(&callbacks, &p);
	const struct spdy_header headers[] = {{"streamtype", "stdin"}};
	char plain[64];
	size_t size;
	assert_int_equal(spdy_open(spdy, headers, 1, false), 1);
	assert_memory_equal(p.written.data, "\x80\x03\x00\x01\x00", 5);
	assert_memory_equal(p.written.data + 8, "\0\0\0\1\0\0\0\0\0\0", 10);
	z_stream z = {0};
	inflateInit(&z);
	z.next_in = (Bytef *)p.written.data + 18;
	z.avail_in = (uInt)p.written.size - 18;
	z.next_out = (Bytef *)plain;
	z.avail_out = sizeof(plain);
	assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_NEED_DICT);
	const unsigned char *dictionary = spdy_dictionary(&size);
	inflateSetDictionary(&z, dictionary, (uInt)size);
	assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_OK);
	assert_memory_equal(plain, "\0\0\0\1\0\0\0\x0astreamtype\0\0\0\5stdin", 27);
	inflateEnd(&z);
	assert_int_equal(spdy_open(spdy, headers, 1, true), 3); /* clients' streams are odd */
	done(&p, spdy);
}

static void test_send(void **state)
{
	struct peer p = {0};
	struct spdy *spdy = spdy_new(&callbacks, &p);
	spdy_send(spdy, 5, "abc", 3, true);
	assert_int_equal(p.written.size, 11);
	assert_memory_equal(p.written.data, "\0\0\0\5\1\0\0\3abc", 11);
	buf_reset(&p.written);
	spdy_send(spdy, 5, "", 0, true);
	assert_memory_equal(p.written.data, "\0\0\0\5\1\0\0\0", 8);
	buf_reset(&p.written);
	static char large[70000];
	spdy_send(spdy, 7, large, sizeof(large), true);
	assert_int_equal(p.written.size, sizeof(large) + 3 * 8);
	assert_int_equal(p.written.data[4], 0); /* only the last piece ends the stream */
	done(&p, spdy);
}

/* One byte at a time: frames must be put together. */
static void test_feed(void **state)
{
	static const char wire[] = "\0\0\0\1\0\0\0\5hello"
				   "\x80\3\0\6\0\0\0\4\0\0\0\2"          /* PING 2 */
				   "\x80\3\0\3\0\0\0\10\0\0\0\3\0\0\0\5" /* RST_STREAM 3 */
				   "\x80\3\0\4\0\0\0\4\0\0\0\0"          /* SETTINGS */
				   "\0\0\0\1\1\0\0\1!"
				   "\x80\3\0\7\0\0\0\10\0\0\0\0\0\0\0\0"; /* GOAWAY */
	struct peer p = {0};
	struct error err = ERROR_INIT;
	struct spdy *spdy = spdy_new(&callbacks, &p);
	for (size_t i = 0; i < sizeof(wire) - 1; i++)
		assert_int_equal(spdy_feed(spdy, wire + i, 1, &err), 0);
	assert_string_equal(buf_str(&p.data), "hello!");
	assert_true(p.fin);
	assert_true(p.goaway);
	assert_int_equal(p.resets, 1);
	assert_int_equal(p.written.size, 12); /* the PING came back */
	done(&p, spdy);
}

/* Two clients: what one writes, headers included, the other can follow. */
static void test_headers_back(void **state)
{
	struct peer a = {0}, b = {0};
	struct error err = ERROR_INIT;
	struct spdy *left = spdy_new(&callbacks, &a), *right = spdy_new(&callbacks, &b);
	const struct spdy_header headers[] = {{"streamtype", "data"}, {"port", "80"}};
	spdy_open(left, headers, 2, false);
	spdy_open(left, headers, 2, false);
	spdy_send(left, 3, "x", 1, false);
	assert_int_equal(spdy_feed(right, a.written.data, a.written.size, &err), 0);
	assert_string_equal(buf_str(&b.data), "x");
	assert_int_equal(b.written.size, 2 * 16); /* streams that a server opens are refused */
	done(&a, left);
	done(&b, right);
}

static void test_garbage(void **state)
{
	struct peer p = {0};
	struct error err = ERROR_INIT;
	struct spdy *spdy = spdy_new(&callbacks, &p);
	static const char reply[] = "\x80\3\0\2\0\0\0\10\0\0\0\1junk";
	assert_int_equal(spdy_feed(spdy, "\x80\2\0\1\0\0\0\0", 8, &err), -1); /* SPDY/2 */
	error_clear(&err);
	assert_int_equal(spdy_feed(spdy, reply, sizeof(reply) - 1, &err), -1);
	done(&p, spdy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dictionary),
	    cmocka_unit_test(test_open),
	    cmocka_unit_test(test_send),
	    cmocka_unit_test(test_feed),
	    cmocka_unit_test(test_headers_back),
	    cmocka_unit_test(test_garbage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
