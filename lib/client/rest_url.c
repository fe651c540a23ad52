#include <ctype.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/kubeconfig.h"
#include "lib/client/rest_private.h"
#include "lib/resources/resource.h"

void rest_url_encode(struct buf *out, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (isalnum(*p) || strchr("-._~", *p)) {
			buf_putc(out, (char)*p);
		} else {
			buf_putc(out, '%');
			buf_putc(out, hex[*p >> 4]);
			buf_putc(out, hex[*p & 15]);
		}
	}
}

void rest_url_param(struct buf *url, const char *name, const char *value)
{
	if (str_empty(value))
		return;
	buf_putc(url, strchr(buf_str(url), '?') ? '&' : '?');
	buf_puts(url, name);
	buf_putc(url, '=');
	rest_url_encode(url, value);
}

static void put_segment(struct buf *url, const char *text)
{
	buf_putc(url, '/');
	rest_url_encode(url, text);
}

static int put_path(struct buf *url, const struct rest_request *request, struct error *err)
{
	const struct resource_type *type = request->type;
	bool is_collection = request->verb == REST_LIST || request->verb == REST_DELETE_COLLECTION ||
			     (request->verb == REST_CREATE && !request->subresource);
	bool is_namespaced = type->flags & RESOURCE_NAMESPACED;
	/* Deleting without a name would delete the collection: never by an empty variable. */
	if (!is_collection && str_empty(request->name))
		return error_set(err, ERR_BAD_REQUEST, "resource name may not be empty");
	if (is_namespaced && request->verb != REST_LIST && str_empty(request->ns))
		return error_set(err, ERR_BAD_REQUEST,
		    "an empty namespace may not be set when a resource name is provided");
	if (str_empty(type->group)) {
		buf_puts(url, "/api");
	} else {
		buf_puts(url, "/apis");
		put_segment(url, type->group);
	}
	put_segment(url, type->version);
	if (is_namespaced && !str_empty(request->ns)) {
		buf_puts(url, "/namespaces");
		put_segment(url, request->ns);
	}
	put_segment(url, type->plural);
	if (!is_collection)
		put_segment(url, request->name);
	if (!str_empty(request->subresource)) {
		buf_putc(url, '/');
		buf_puts(url, request->subresource); /* may have a path of its own: proxy/a/b */
	}
	return 0;
}

const char *rest_url(struct arena *arena, const struct rest_client *client,
    const struct rest_request *request, struct error *err)
{
	struct buf url = BUF_INIT;
	buf_puts(&url, client->server);
	if (put_path(&url, request, err) < 0) {
		buf_done(&url);
		return NULL;
	}
	rest_url_param(&url, "labelSelector", request->label_selector);
	rest_url_param(&url, "fieldSelector", request->field_selector);
	rest_url_param(&url, "resourceVersion", request->resource_version);
	if (!str_empty(request->query)) {
		buf_putc(&url, strchr(buf_str(&url), '?') ? '&' : '?');
		buf_puts(&url, request->query);
	}
	const char *text = arena_strdup(arena, buf_str(&url));
	buf_done(&url);
	return text;
}
