/*
 * Warning headers (RFC 7234, 5.5). All of a request's may have 4096 characters; when there are more, each is
 * cut to 256, and what then exceeds the total is left out: the limits of upstream's apiserver
 * (endpoints/filters/warning.go).
 */
#include <stdarg.h>

#include "apiserver/pipeline.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

enum { TOTAL_MAX = 4096, CUT_MAX = 256 };

/* Characters, not bytes, and no more than max; *ret_size: their bytes. */
static size_t count_characters(const char *text, size_t max, size_t *ret_size)
{
	size_t count = 0, at = 0;
	while (text[at] && count < max) {
		count++;
		at++;
		while (((unsigned char)text[at] & 0xc0) == 0x80)
			at++;
	}
	*ret_size = at;
	return count;
}

/* Whether even the cut texts fill the room: then nothing more will be shown. */
static bool is_full(const struct api_request *req)
{
	size_t total = 0, size;
	for (size_t i = 0; i < req->warnings_len && total < TOTAL_MAX; i++)
		total += count_characters(req->warnings[i], CUT_MAX, &size);
	return total >= TOTAL_MAX;
}

void api_warn(struct api_request *req, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *text = arena_vprintf(req->arena, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < req->warnings_len; i++)
		if (str_eq(req->warnings[i], text))
			return;
	if (!*text || is_full(req))
		return;
	const char **list = ARENA_ARRAY(req->arena, const char *, req->warnings_len + 1);
	for (size_t i = 0; i < req->warnings_len; i++)
		list[i] = req->warnings[i];
	list[req->warnings_len++] = text;
	req->warnings = list;
}

static const char *header_text(struct arena *arena, const char *text, size_t size)
{
	struct buf quoted = BUF_INIT;
	buf_puts(&quoted, "299 - \"");
	for (const char *p = text; p < text + size; p++) {
		if (*p == '"' || *p == '\\')
			buf_putc(&quoted, '\\');
		buf_putc(&quoted, (unsigned char)*p < 0x20 ? ' ' : *p);
	}
	buf_putc(&quoted, '"');
	const char *value = arena_strdup(arena, quoted.data);
	buf_done(&quoted);
	return value;
}

size_t api_warning_headers(struct api_request *req, struct http_header *ret)
{
	size_t total = 0, size, max = SIZE_MAX, n = 0;
	for (size_t i = 0; i < req->warnings_len; i++)
		total += count_characters(req->warnings[i], TOTAL_MAX + 1, &size);
	if (total > TOTAL_MAX)
		max = CUT_MAX;
	total = 0;
	for (size_t i = 0; i < req->warnings_len && total < TOTAL_MAX; i++) {
		total += count_characters(req->warnings[i], max, &size);
		ret[n++] = (struct http_header){"Warning", header_text(req->arena, req->warnings[i], size)};
	}
	return n;
}
