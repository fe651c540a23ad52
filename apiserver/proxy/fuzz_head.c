/*
 * Heads on their way through the proxy. The input is the header lines of a request that lib/http let in, or
 * the head of a backend's answer. What is sent to the backend reads, with a parser, as one request with the
 * same method and our path, one Host, one length and no identity but ours; what goes back closes the
 * connection.
 */
#include <assert.h>
#include <http_parser.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "apiserver/proxy/proxy.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct buf name, target;
	bool is_in_value, is_complete;
	size_t hosts, lengths;
};

static void end_name(struct seen *seen)
{
	static const char *const ours[] = {"authorization", "impersonate-user", "x-remote-user",
	    "x-remote-group", "transfer-encoding", "te", "proxy-authorization", "expect"};
	const char *name = buf_str(&seen->name);
	seen->hosts += !strcasecmp(name, "host");
	seen->lengths += !strcasecmp(name, "content-length");
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		assert(strcasecmp(name, ours[i]) != 0);
}

static int on_target(http_parser *p, const char *at, size_t size)
{
	struct seen *seen = p->data;
	buf_append(&seen->target, at, size);
	return 0;
}

static int on_name(http_parser *p, const char *at, size_t size)
{
	struct seen *seen = p->data;
	if (seen->is_in_value)
		buf_reset(&seen->name);
	seen->is_in_value = false;
	buf_append(&seen->name, at, size);
	return 0;
}

static int on_value(http_parser *p, const char *at, size_t size)
{
	struct seen *seen = p->data;
	if (!seen->is_in_value)
		end_name(seen);
	seen->is_in_value = true;
	return 0;
}

static int on_complete(http_parser *p)
{
	struct seen *seen = p->data;
	seen->is_complete = true;
	return 0;
}

static void check_request(const struct http_server_request *http)
{
	static const http_parser_settings settings = {.on_url = on_target,
	    .on_header_field = on_name,
	    .on_header_value = on_value,
	    .on_headers_complete = on_complete};
	static const struct relay_target target = {
	    .host = "backend:80", .path = "/p?q", .identity = "X-Ours: 1\r\n"};
	struct buf out = BUF_INIT;
	struct seen seen = {.name = BUF_INIT, .target = BUF_INIT};
	struct http_parser parser;
	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = &seen;
	relay_write_head(&out, http, &target);
	size_t used = http_parser_execute(&parser, &settings, out.data, out.size);
	assert(seen.is_complete && used == out.size);
	assert(strcmp(buf_str(&seen.target), target.path) == 0);
	assert(seen.hosts == 1 && seen.lengths == 1);
	buf_done(&out);
	buf_done(&seen.name);
	buf_done(&seen.target);
}

/* The parser takes a longer name that begins so for Transfer-Encoding and refuses it, also at the front door.
 */
static bool is_name(const char *text)
{
	if (!strncasecmp(text, "transfer-encoding", 17) && text[17])
		return false;
	return *text && !text[strspn(text,
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!#$%&'*+^`|~")];
}

static bool is_value(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

/* "Name: value" lines as lib/http would hand them over: whole names, values without control characters. */
static size_t split_headers(char *text, struct http_header *ret, size_t max)
{
	size_t len = 0;
	for (char *line = strtok(text, "\r\n"); line && len < max; line = strtok(NULL, "\r\n")) {
		char *colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon++ = '\0';
		colon += strspn(colon, " \t");
		if (is_name(line) && is_value(colon))
			ret[len++] = (struct http_header){line, colon};
	}
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct http_header headers[32];
	struct http_peer peer = {.address = "10.0.0.1:4000"};
	struct buf out = BUF_INIT;
	struct http_server_request http = {.arena = arena,
	    .method = "POST",
	    .headers = headers,
	    .headers_len = split_headers(arena_strndup(arena, (const char *)data, size), headers, 32),
	    .body_size = size,
	    .peer = &peer};
	http.is_upgrade = http_request_header(&http, "Upgrade") != NULL;
	check_request(&http);
	relay_write_answer_head(&out, (const char *)data, size);
	assert(out.size >= 21 && !memcmp(out.data + out.size - 21, "Connection: close\r\n\r\n", 21));
	buf_done(&out);
	arena_free(arena);
	return 0;
}
