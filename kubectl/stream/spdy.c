#include "kubectl/stream/spdy.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"

enum {
	SYN_STREAM = 1,
	SYN_REPLY = 2,
	RST_STREAM = 3,
	SETTINGS = 4,
	PING = 6,
	GOAWAY = 7,
	HEADERS = 8,
	WINDOW_UPDATE = 9
};
enum { FLAG_FIN = 1, HEAD_SIZE = 8, DATA_MAX = 32 * 1024, STATUS_CANCEL = 5, HEADERS_MAX = 256 * 1024 };

struct spdy {
	struct spdy_callbacks callbacks;
	void *arg;
	z_stream deflate, inflate;
	struct buf in;
	uint32_t next_stream;
};

/* The words of the dictionary; each is written with its length in front (SPDY/3, section 2.6.10.1). */
static const char *const words[] = {"options", "head", "post", "put", "delete", "trace", "accept",
    "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "age", "allow", "authorization",
    "cache-control", "connection", "content-base", "content-encoding", "content-language", "content-length",
    "content-location", "content-md5", "content-range", "content-type", "date", "etag", "expect", "expires",
    "from", "host", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
    "last-modified", "location", "max-forwards", "pragma", "proxy-authenticate", "proxy-authorization",
    "range", "referer", "retry-after", "server", "te", "trailer", "transfer-encoding", "upgrade",
    "user-agent", "vary", "via", "warning", "www-authenticate", "method", "get", "status", "200 OK",
    "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin"};
static const char tail[] =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

static void put_u32(struct buf *out, uint32_t n)
{
	const unsigned char bytes[4] = {
	    (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n};
	buf_append(out, bytes, 4);
}

static uint32_t get_u32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

const unsigned char *spdy_dictionary(size_t *ret_size)
{
	static struct buf dictionary; /* made once, kept */
	if (!dictionary.size) {
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
			put_u32(&dictionary, (uint32_t)strlen(words[i]));
			buf_puts(&dictionary, words[i]);
		}
		buf_puts(&dictionary, tail);
	}
	*ret_size = dictionary.size;
	return (const unsigned char *)dictionary.data;
}

struct spdy *spdy_new(const struct spdy_callbacks *callbacks, void *arg)
{
	struct spdy *spdy = calloc(1, sizeof(*spdy));
	size_t size;
	const unsigned char *dictionary = spdy_dictionary(&size);
	if (!spdy)
		abort();
	spdy->callbacks = *callbacks;
	spdy->arg = arg;
	spdy->next_stream = 1;
	if (deflateInit(&spdy->deflate, Z_BEST_COMPRESSION) != Z_OK || inflateInit(&spdy->inflate) != Z_OK)
		abort();
	deflateSetDictionary(&spdy->deflate, dictionary, (uInt)size);
	return spdy;
}

void spdy_free(struct spdy *spdy)
{
	if (!spdy)
		return;
	deflateEnd(&spdy->deflate);
	inflateEnd(&spdy->inflate);
	buf_done(&spdy->in);
	free(spdy);
}

static void compress_headers(
    struct spdy *spdy, const struct spdy_header *headers, size_t len, struct buf *out)
{
	struct buf plain = BUF_INIT;
	put_u32(&plain, (uint32_t)len);
	for (size_t i = 0; i < len; i++) {
		put_u32(&plain, (uint32_t)strlen(headers[i].name));
		buf_puts(&plain, headers[i].name);
		put_u32(&plain, (uint32_t)strlen(headers[i].value));
		buf_puts(&plain, headers[i].value);
	}
	spdy->deflate.next_in = (Bytef *)plain.data;
	spdy->deflate.avail_in = (uInt)plain.size;
	do {
		spdy->deflate.next_out = (Bytef *)buf_reserve(out, 1024);
		spdy->deflate.avail_out = 1024;
		deflate(&spdy->deflate, Z_SYNC_FLUSH);
		out->size += 1024 - spdy->deflate.avail_out;
	} while (spdy->deflate.avail_out == 0);
	buf_done(&plain);
}

static void write_control(struct spdy *spdy, uint16_t type, uint8_t flags, const struct buf *payload)
{
	struct buf frame = BUF_INIT;
	put_u32(&frame, 0x80030000u | type);
	put_u32(&frame, (uint32_t)flags << 24 | (uint32_t)payload->size);
	buf_append(&frame, payload->data, payload->size);
	spdy->callbacks.write(spdy->arg, frame.data, frame.size);
	buf_done(&frame);
}

uint32_t spdy_open(struct spdy *spdy, const struct spdy_header *headers, size_t len, bool fin)
{
	struct buf payload = BUF_INIT;
	uint32_t stream = spdy->next_stream;
	spdy->next_stream += 2;
	put_u32(&payload, stream);
	put_u32(&payload, 0); /* associated with none */
	buf_append(&payload, "\0\0", 2);
	compress_headers(spdy, headers, len, &payload);
	write_control(spdy, SYN_STREAM, fin ? FLAG_FIN : 0, &payload);
	buf_done(&payload);
	return stream;
}

void spdy_send(struct spdy *spdy, uint32_t stream, const void *data, size_t size, bool fin)
{
	const char *p = data;
	do {
		struct buf frame = BUF_INIT;
		size_t part = size < DATA_MAX ? size : DATA_MAX;
		bool last = fin && part == size;
		put_u32(&frame, stream);
		put_u32(&frame, (last ? (uint32_t)FLAG_FIN << 24 : 0) | (uint32_t)part);
		if (part)
			buf_append(&frame, p, part);
		spdy->callbacks.write(spdy->arg, frame.data, frame.size);
		buf_done(&frame);
		p += part;
		size -= part;
	} while (size);
}

void spdy_reset(struct spdy *spdy, uint32_t stream)
{
	struct buf payload = BUF_INIT;
	put_u32(&payload, stream);
	put_u32(&payload, STATUS_CANCEL);
	write_control(spdy, RST_STREAM, 0, &payload);
	buf_done(&payload);
}

/* Headers of replies mean nothing to us, but the stream of compression must be followed. */
static int skip_headers(struct spdy *spdy, const char *data, size_t size, struct error *err)
{
	char out[4096];
	size_t total = 0, dictionary_size;
	const unsigned char *dictionary = spdy_dictionary(&dictionary_size);
	spdy->inflate.next_in = (Bytef *)(uintptr_t)data;
	spdy->inflate.avail_in = (uInt)size;
	for (;;) {
		spdy->inflate.next_out = (Bytef *)out;
		spdy->inflate.avail_out = sizeof(out);
		int status = inflate(&spdy->inflate, Z_SYNC_FLUSH);
		if (status == Z_NEED_DICT)
			status = inflateSetDictionary(&spdy->inflate, dictionary, (uInt)dictionary_size);
		total += sizeof(out) - spdy->inflate.avail_out;
		if ((status != Z_OK && status != Z_BUF_ERROR) || total > HEADERS_MAX)
			return error_set(err, ERR_PARSE, "SPDY: headers that cannot be read");
		if (status == Z_BUF_ERROR || (!spdy->inflate.avail_in && spdy->inflate.avail_out))
			return 0;
	}
}

static int take_control(
    struct spdy *spdy, uint16_t type, uint8_t flags, const char *payload, size_t size, struct error *err)
{
	struct buf echo = BUF_INIT;
	if (size < 4 && type != SETTINGS)
		return error_set(err, ERR_PARSE, "SPDY: a frame of type %u is too short", type);
	uint32_t id = size >= 4 ? get_u32(payload) & 0x7fffffffu : 0;
	size_t skip = type == SYN_STREAM ? 10 : 4;
	switch (type) {
	case SYN_STREAM:
	case SYN_REPLY:
	case HEADERS:
		if (size < skip)
			return error_set(err, ERR_PARSE, "SPDY: headers are cut off");
		if (skip_headers(spdy, payload + skip, size - skip, err))
			return -1;
		if (type == SYN_STREAM) /* servers open none that we want */
			spdy_reset(spdy, id);
		else if (flags & FLAG_FIN)
			spdy->callbacks.on_data(spdy->arg, id, "", 0, true);
		return 0;
	case RST_STREAM:
		spdy->callbacks.on_reset(spdy->arg, id, size >= 8 ? get_u32(payload + 4) : 0);
		return 0;
	case PING:
		put_u32(&echo, get_u32(payload));
		if (get_u32(payload) % 2 == 0) /* the server's; ours are odd */
			write_control(spdy, PING, 0, &echo);
		buf_done(&echo);
		return 0;
	case GOAWAY:
		spdy->callbacks.on_goaway(spdy->arg);
		return 0;
	default: /* SETTINGS, WINDOW_UPDATE, and what we do not know */
		return 0;
	}
}

int spdy_feed(struct spdy *spdy, const char *data, size_t size, struct error *err)
{
	int result = 0;
	size_t at = 0;
	buf_append(&spdy->in, data, size);
	while (!result && spdy->in.size - at >= HEAD_SIZE) {
		const char *head = spdy->in.data + at;
		uint32_t first = get_u32(head), second = get_u32(head + 4);
		size_t len = second & 0xffffffu;
		uint8_t flags = (uint8_t)(second >> 24);
		if (spdy->in.size - at - HEAD_SIZE < len)
			break;
		at += HEAD_SIZE + len;
		if (!(first & 0x80000000u))
			spdy->callbacks.on_data(spdy->arg, first, head + HEAD_SIZE, len, flags & FLAG_FIN);
		else if ((first >> 16 & 0x7fffu) != 3)
			result = error_set(err, ERR_PARSE, "SPDY: version %u", first >> 16 & 0x7fffu);
		else
			result = take_control(spdy, (uint16_t)first, flags, head + HEAD_SIZE, len, err);
	}
	buf_consume(&spdy->in, at);
	return result;
}
