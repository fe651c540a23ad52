/* A whole answer, compressed while it leaves: zlib reads from the source that the answer was to come from. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/http/server.h"

/* Level 1 and the threshold are upstream's: more compression costs more time than a local network saves. */
enum { LEVEL = 1, GZIP_WINDOW_BITS = 15 + 16, MEMORY_LEVEL = 8, INPUT_MAX = 64 * 1024 };

struct gzip {
	struct http_source plain;
	size_t left; /* bytes that `plain` still has to give */
	z_stream z;
	bool is_finished;
	char input[INPUT_MAX];
};

bool http_accepts_gzip(const struct http_server_request *request)
{
	const char *p = http_request_header(request, "Accept-Encoding");
	while (p && *p) {
		p += strspn(p, ", \t");
		size_t size = strcspn(p, ",");
		size_t word = size;
		while (word && (p[word - 1] == ' ' || p[word - 1] == '\t'))
			word--;
		if (word == 4 && !memcmp(p, "gzip", 4))
			return true;
		p += size;
	}
	return false;
}

static void refill(struct gzip *g)
{
	size_t room = g->left < INPUT_MAX ? g->left : INPUT_MAX;
	size_t size = g->plain.fill(g->plain.arg, g->input, room);
	g->left -= size;
	g->z.next_in = (Bytef *)g->input;
	g->z.avail_in = (uInt)size;
}

static size_t fill(void *arg, char *to, size_t room)
{
	struct gzip *g = arg;
	g->z.next_out = (Bytef *)to;
	g->z.avail_out = (uInt)room;
	while (g->z.avail_out > 0 && !g->is_finished) {
		if (g->z.avail_in == 0 && g->left > 0)
			refill(g);
		g->is_finished = deflate(&g->z, g->left ? Z_NO_FLUSH : Z_FINISH) == Z_STREAM_END;
	}
	return room - g->z.avail_out;
}

static void done(void *arg)
{
	struct gzip *g = arg;
	deflateEnd(&g->z);
	g->plain.done(g->plain.arg);
	free(g);
}

struct http_source http_gzip_source(const struct http_source *plain)
{
	struct gzip *g = calloc(1, sizeof *g);
	if (!g || deflateInit2(&g->z, LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY))
		abort();
	g->plain = *plain;
	g->left = plain->size;
	return (struct http_source){HTTP_SIZE_UNKNOWN, fill, done, g};
}
