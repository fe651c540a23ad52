#include "lib/http/server.h"

#include <string.h>
#include <strings.h>

#include "lib/base/arena.h"

const char *http_request_header(const struct http_server_request *request, const char *name)
{
	for (size_t i = 0; i < request->headers_len; i++)
		if (!strcasecmp(request->headers[i].name, name))
			return request->headers[i].value;
	return NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * Decodes into out, which has room for size + 1; false for malformed escapes. An encoded NUL is refused in a
 * path; in a query it becomes a character 1, which no option takes either, so that the text does not end
 * before it.
 */
static bool percent_decode(char *out, const char *text, size_t size, bool is_query)
{
	size_t n = 0;
	for (size_t i = 0; i < size; i++) {
		char c = text[i];
		if (c == '%') {
			if (size - i < 3)
				return false;
			int hi = hex_digit(text[i + 1]), lo = hex_digit(text[i + 2]);
			if (hi < 0 || lo < 0 || (hi == 0 && lo == 0 && !is_query))
				return false;
			c = (char)(hi << 4 | lo);
			if (c == '\0')
				c = 1;
			i += 2;
		} else if (c == '+' && is_query) {
			c = ' ';
		}
		out[n++] = c;
	}
	out[n] = '\0';
	return true;
}

char *http_decode_segment(struct arena *arena, const char *text, size_t size)
{
	char *out = arena_alloc(arena, size + 1);
	return percent_decode(out, text, size, false) ? out : NULL;
}

const char *http_request_query(struct http_server_request *request, const char *name, size_t nth)
{
	const char *p = request->query;
	while (*p) {
		size_t size = strcspn(p, "&");
		size_t key_size = 0;
		while (key_size < size && p[key_size] != '=')
			key_size++;
		char *key = arena_alloc(request->arena, key_size + 1);
		if (percent_decode(key, p, key_size, true) && !strcmp(key, name) && nth-- == 0) {
			size_t skip = key_size < size ? key_size + 1 : key_size;
			char *value = arena_alloc(request->arena, size - skip + 1);
			return percent_decode(value, p + skip, size - skip, true) ? value : NULL;
		}
		p += size;
		if (*p == '&')
			p++;
	}
	return NULL;
}
