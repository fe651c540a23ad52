/* Heads of requests and answers on their way through; see proxy.h. */
#include <string.h>
#include <strings.h>

#include "apiserver/proxy/proxy.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

#define BEARER_PROTOCOL "base64url.bearer.authorization.k8s.io."

/* Headers that are about this hop only, or about who the client is: the backend trusts the API server, not
 * the client. */
static bool ends_here(const char *name)
{
	static const char *const names[] = {"host", "connection", "keep-alive", "te", "trailer",
	    "transfer-encoding", "content-length", "upgrade", "expect", "authorization", "x-forwarded-for",
	    "proxy-connection", "proxy-authorization", NULL};

	for (size_t i = 0; names[i]; i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return strncasecmp(name, "impersonate-", 12) == 0 || strncasecmp(name, "x-remote-", 9) == 0;
}

/* The offered subprotocols without the one that carries the token. */
static void write_protocols(struct buf *out, const char *value)
{
	bool first = true;

	while (*value) {
		value += strspn(value, ", ");
		size_t len = strcspn(value, ", ");
		if (len == 0)
			break;
		if (strncmp(value, BEARER_PROTOCOL, strlen(BEARER_PROTOCOL)) != 0) {
			buf_puts(out, first ? "Sec-WebSocket-Protocol: " : ", ");
			buf_append(out, value, len);
			first = false;
		}
		value += len;
	}
	if (!first)
		buf_puts(out, "\r\n");
}

static void write_forwarded(struct buf *out, const struct http_server_request *http)
{
	const char *before = http_request_header(http, "X-Forwarded-For"),
		   *peer = http->peer ? http->peer->address : NULL;
	const char *colon = peer ? strrchr(peer, ':') : NULL;

	if (!colon)
		return;
	buf_printf(out, "X-Forwarded-For: %s%s%.*s\r\n", str_or(before, ""), before ? ", " : "",
	    (int)(colon - peer), peer);
}

void relay_write_head(
    struct buf *out, const struct http_server_request *http, const struct relay_target *target)
{
	const char *upgrade = http->is_upgrade ? http_request_header(http, "Upgrade") : NULL;

	buf_printf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", http->method, target->path, target->host);
	for (size_t i = 0; i < http->headers_len; i++) {
		const struct http_header *h = &http->headers[i];
		if (strcasecmp(h->name, "sec-websocket-protocol") == 0)
			write_protocols(out, h->value);
		else if (!ends_here(h->name))
			buf_printf(out, "%s: %s\r\n", h->name, h->value);
	}
	write_forwarded(out, http);
	buf_puts(out, str_or(target->identity, ""));
	if (upgrade)
		buf_printf(out, "Connection: Upgrade\r\nUpgrade: %s\r\n", upgrade);
	else
		buf_puts(out, "Connection: close\r\n");
	if (http->body_size > 0 || strcmp(http->method, "POST") == 0 || strcmp(http->method, "PUT") == 0 ||
	    strcmp(http->method, "PATCH") == 0)
		buf_printf(out, "Content-Length: %zu\r\n", http->body_size);
	buf_puts(out, "\r\n");
}

void relay_write_answer_head(struct buf *out, const char *head, size_t size)
{
	const char *end = head + size;

	while (head < end) {
		const char *eol = memmem(head, (size_t)(end - head), "\r\n", 2);
		size_t len = eol ? (size_t)(eol - head) : (size_t)(end - head);
		if (len < 11 || (strncasecmp(head, "connection:", 11) != 0 &&
				    strncasecmp(head, "keep-alive:", 11) != 0)) {
			buf_append(out, head, len);
			buf_puts(out, "\r\n");
		}
		head += len + 2;
	}
	buf_puts(out, "Connection: close\r\n\r\n");
}
