#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "lib/http/server.h"

enum { SIZE = 3 * 1024 * 1024 + 17 };

struct text {
	size_t at;
	uint32_t noise;
	unsigned char sum[2]; /* of the bytes given and of the bytes read back */
	int dones;
};

/* Half of it compresses well, half does not; given in parts of odd sizes. */
static size_t fill_text(void *arg, char *to, size_t room)
{
	struct text *t = arg;
	size_t part = room > 4099 ? 4099 : room;
	for (size_t i = 0; i < part; i++, t->at++) {
		t->noise = t->noise * 1664525 + 1013904223;
		to[i] = t->at / 1000 % 2 ? (char)(t->noise >> 24) : 'x';
		t->sum[0] = (unsigned char)(t->sum[0] * 31 + (unsigned char)to[i]);
	}
	return part;
}

static void on_done(void *arg)
{
	((struct text *)arg)->dones++;
}

/* Bytes that came out. */
static size_t inflate_all(struct http_source *source, struct text *t, size_t room)
{
	z_stream z = {0};
	char *in = malloc(room), out[10007];
	size_t total = 0, size;
	int rc = Z_OK;
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	while ((size = source->fill(source->arg, in, room))) {
		assert_in_range(size, 1, room);
		assert_int_equal(rc, Z_OK);
		z.next_in = (Bytef *)in;
		z.avail_in = (uInt)size;
		do {
			z.next_out = (Bytef *)out;
			z.avail_out = sizeof out;
			rc = inflate(&z, Z_NO_FLUSH);
			size_t n = sizeof out - z.avail_out;
			for (size_t i = 0; i < n; i++)
				t->sum[1] = (unsigned char)(t->sum[1] * 31 + (unsigned char)out[i]);
			total += n;
		} while (z.avail_out == 0);
	}
	assert_int_equal(rc, Z_STREAM_END);
	inflateEnd(&z);
	free(in);
	return total;
}

static void test_round_trip(void **state)
{
	static const size_t rooms[] = {1, 977, 65536 - 12};
	for (size_t i = 0; i < 3; i++) {
		struct text t = {0};
		size_t size = i ? SIZE : 5000;
		struct http_source gzip =
		    http_gzip_source(&(struct http_source){size, fill_text, on_done, &t});
		assert_true(gzip.size == HTTP_SIZE_UNKNOWN);
		assert_int_equal(inflate_all(&gzip, &t, rooms[i]), size);
		assert_int_equal(t.at, size);
		assert_int_equal(t.sum[0], t.sum[1]);
		assert_int_equal(t.dones, 0);
		gzip.done(gzip.arg);
		assert_int_equal(t.dones, 1);
	}
}

static void test_left_in_the_middle(void **state)
{
	char part[100];
	struct text t = {0};
	struct http_source gzip = http_gzip_source(&(struct http_source){SIZE, fill_text, on_done, &t});
	assert_int_equal(gzip.fill(gzip.arg, part, sizeof part), sizeof part);
	gzip.done(gzip.arg);
	assert_int_equal(t.dones, 1);
}

static bool accepts(const char *value)
{
	const struct http_header headers[] = {{"Accept-Encoding", value}, {0}};
	return http_accepts_gzip(&(struct http_server_request){.headers = headers, .headers_len = 1});
}

static void test_accepts(void **state)
{
	assert_true(accepts("gzip"));
	assert_true(accepts("deflate, gzip ,br"));
	assert_false(accepts(""));
	assert_false(accepts("gzippy, xgzip"));
	assert_false(accepts("gzip;q=0"));
	assert_false(http_accepts_gzip(&(struct http_server_request){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_left_in_the_middle),
	    cmocka_unit_test(test_accepts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
