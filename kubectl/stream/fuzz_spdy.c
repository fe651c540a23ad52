/*
 * SPDY as a streaming server's bytes bring it: the first byte says into what pieces the rest is cut. Whatever
 * the pieces, the same is reported; and what is written back is whole frames.
 */
#include <assert.h>
#include <string.h>

#include "kubectl/stream/spdy.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct peer {
	struct buf events, written;
};

static void on_write(void *arg, const void *data, size_t size)
{
	buf_append(&((struct peer *)arg)->written, data, size);
}

static void on_data(void *arg, uint32_t stream, const char *data, size_t size, bool fin)
{
	struct buf *events = &((struct peer *)arg)->events;
	buf_printf(events, "data %u %zu %d:", stream, size, fin);
	if (size)
		buf_append(events, data, size);
}

static void on_reset(void *arg, uint32_t stream, uint32_t status)
{
	buf_printf(&((struct peer *)arg)->events, "reset %u %u:", stream, status);
}

static void on_goaway(void *arg)
{
	buf_puts(&((struct peer *)arg)->events, "goaway:");
}

static void check_frames(const struct buf *written)
{
	size_t at = 0;
	while (at < written->size) {
		const unsigned char *head = (const unsigned char *)written->data + at;
		assert(written->size - at >= 8);
		size_t len = (size_t)head[5] << 16 | (size_t)head[6] << 8 | head[7];
		assert(written->size - at - 8 >= len);
		at += 8 + len;
	}
}

static int feed(struct peer *peer, const uint8_t *data, size_t size, size_t piece)
{
	static const struct spdy_callbacks callbacks = {on_write, on_data, on_reset, on_goaway};
	const struct spdy_header headers[] = {{"streamtype", "error"}};
	struct spdy *spdy = spdy_new(&callbacks, peer);
	struct error err = ERROR_INIT;
	int result = 0;
	spdy_open(spdy, headers, 1, true);
	while (size && !result) {
		size_t part = size < piece ? size : piece;
		result = spdy_feed(spdy, (const char *)data, part, &err);
		data += part;
		size -= part;
	}
	assert(!result || err.code == ERR_PARSE);
	spdy_free(spdy);
	check_frames(&peer->written);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peer whole = {0}, cut = {0};
	if (size < 2)
		return 0;
	int first = feed(&whole, data + 1, size - 1, size);
	int second = feed(&cut, data + 1, size - 1, data[0] % 64 + 1);
	assert(first == second);
	assert(whole.events.size == cut.events.size && whole.written.size == cut.written.size);
	assert(!whole.events.size || !memcmp(whole.events.data, cut.events.data, whole.events.size));
	assert(!memcmp(whole.written.data, cut.written.data, whole.written.size));
	buf_done(&whole.events);
	buf_done(&whole.written);
	buf_done(&cut.events);
	buf_done(&cut.written);
	return 0;
}
