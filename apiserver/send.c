/* How a body leaves: as it is, or compressed when it is large and the client reads gzip. */
#include <string.h>

#include "apiserver/options.h"
#include "apiserver/pipeline.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

enum { GZIP_FROM = 128 * 1024 }; /* upstream's threshold: less is not worth the time */

static bool is_to_be_compressed(const struct api_request *req, int status, size_t size)
{
	return status == 200 && size >= GZIP_FROM &&
	       req->server->options->features.on[FEATURE_APIResponseCompression] &&
	       !strcmp(req->http->method, "GET") && http_accepts_gzip(req->http);
}

static const struct http_header *with_encoding(struct api_request *req, const struct http_header *headers)
{
	size_t len = 0;
	while (headers && headers[len].name)
		len++;
	struct http_header *ret = ARENA_ARRAY(req->arena, struct http_header, len + 3);
	for (size_t i = 0; i < len; i++)
		ret[i] = headers[i];
	ret[len] = (struct http_header){"Content-Encoding", "gzip"};
	ret[len + 1] = (struct http_header){"Vary", "Accept-Encoding"};
	return ret;
}

void api_send_source(struct api_request *req, int status, const char *content_type,
    const struct http_header *headers, const struct http_source *source)
{
	req->response_size = source->size;
	if (!is_to_be_compressed(req, status, source->size)) {
		http_respond_source(req->http, status, content_type, headers, source);
		return;
	}
	struct http_source gzip = http_gzip_source(source);
	http_respond_source(req->http, status, content_type, with_encoding(req, headers), &gzip);
}

/* Parts of a body as a source. */
struct parts {
	struct arena *arena;
	struct bytes **parts;
	size_t len, at, offset;
};

static size_t fill_parts(void *arg, char *to, size_t room)
{
	struct parts *p = arg;
	size_t done = 0;
	while (done < room && p->at < p->len) {
		const struct bytes *b = p->parts[p->at];
		size_t size = b->size - p->offset < room - done ? b->size - p->offset : room - done;
		memcpy(to + done, b->data + p->offset, size);
		done += size;
		p->offset += size;
		if (p->offset == b->size) {
			p->at++;
			p->offset = 0;
		}
	}
	return done;
}

static void parts_done(void *arg)
{
	struct parts *p = arg;
	for (size_t i = 0; i < p->len; i++)
		bytes_unref(p->parts[i]);
	arena_free(p->arena);
}

void api_send_bytes(struct api_request *req, int status, const char *content_type,
    const struct http_header *headers, struct bytes *const *parts, size_t len)
{
	size_t size = 0;
	for (size_t i = 0; i < len; i++)
		size += parts[i]->size;
	req->response_size = size;
	if (!is_to_be_compressed(req, status, size)) {
		http_respond_bytes(req->http, status, content_type, headers, parts, len);
		return;
	}
	struct arena *arena = arena_new();
	struct parts *p = ARENA_NEW(arena, struct parts);
	*p = (struct parts){.arena = arena, .parts = ARENA_ARRAY(arena, struct bytes *, len), .len = len};
	for (size_t i = 0; i < len; i++)
		p->parts[i] = bytes_ref(parts[i]);
	struct http_source source = {size, fill_parts, parts_done, p};
	api_send_source(req, status, content_type, headers, &source);
}
