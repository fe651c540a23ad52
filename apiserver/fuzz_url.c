/*
 * What a request asks for: method, target and Accept header, one a line. Its parts never hold a NUL or, where
 * keys are made of them, a slash; written out again with every byte escaped they mean the same; and so do the
 * query's parameters.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "apiserver/options.h"
#include "apiserver/pipeline.h"
#include "lib/api/labels.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char nothing[] = ""; /* not an empty part of a path: those are elsewhere */

/* What lib/http lets through in a target. */
static bool is_target(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return false;
	return true;
}

static void fill_request(
    struct api_request *req, struct http_server_request *http, const char *method, const char *target)
{
	static const struct api_options options;
	static struct api_server server = {.options = &options}; /* requests in flight are counted there */
	size_t path_size = strcspn(target, "?");
	req->server = &server;
	*http = (struct http_server_request){.arena = req->arena, .method = method, .target = target};
	http->path = arena_strndup(req->arena, target, path_size);
	http->query = target[path_size] ? target + path_size + 1 : "";
	req->http = http;
	req->output.include_object = "Metadata";
	struct api_request_info *i = &req->info; /* as pipeline.c begins them */
	struct api_request_options *o = &req->options;
	o->resource_version = o->resource_version_match = o->continue_token = o->label_selector_text =
	    o->field_selector_text = o->field_manager = o->propagation = "";
	i->prefix = i->group = i->version = i->ns = i->resource = i->name = i->subresource = i->rest =
	    nothing;
}

static void escape(struct buf *out, const char *text)
{
	for (; *text; text++)
		buf_printf(out, "%%%02X", (unsigned char)*text);
}

/* The same parts, every byte of them escaped: no other request may come of it. */
static void check_escaped(struct arena *arena, const struct api_request_info *info, const char *method)
{
	struct api_request req = {.arena = arena};
	struct http_server_request http;
	struct buf target = BUF_INIT;
	buf_puts(&target, "/");
	escape(&target, info->prefix);
	if (*info->group || strcmp(info->prefix, "apis") == 0) {
		buf_puts(&target, "/");
		escape(&target, info->group);
	}
	buf_puts(&target, "/");
	escape(&target, info->version);
	/* "watch/" is dropped once, and a namespace is no part unless it is what is asked for. */
	if (info->ns != nothing && info->parts[1] != info->ns) {
		buf_puts(&target, "/namespaces/");
		escape(&target, info->ns);
	} else if (str_eq(info->resource, "watch") || str_eq(info->resource, "proxy")) {
		buf_puts(&target, "/watch");
	}
	for (size_t i = 0; info->parts[i]; i++) {
		buf_puts(&target, "/");
		escape(&target, info->parts[i]);
	}
	fill_request(&req, &http, method, buf_str(&target));
	assert(api_inspect(&req, NULL) == API_NEXT && req.info.is_resource);
	assert(str_eq(req.info.resource, info->resource) && str_eq(req.info.name, info->name));
	assert(str_eq(req.info.subresource, info->subresource) && str_eq(req.info.ns, info->ns));
	buf_done(&target);
}

static const struct resource_type *type_of(const struct api_request_info *info)
{
	for (size_t i = 0; i < resources_count(); i++) {
		const struct resource_type *type = resources_at(i);
		if (str_eq(type->group, info->group) && str_eq(type->plural, info->resource))
			return type;
	}
	return resources_at(0);
}

/* A query of the same names and values, escaped, says the same. */
static void check_query(struct http_server_request *http)
{
	static const char *const names[] = {"labelSelector", "fieldSelector", "limit", "dryRun", "a"};
	struct http_server_request again = {.arena = http->arena};
	struct buf query = BUF_INIT;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *value = http_request_query(http, names[i], 0);
		if (!value)
			continue;
		buf_printf(&query, "&%s=", names[i]);
		escape(&query, value);
		again.query = buf_str(&query);
		const char *back = http_request_query(&again, names[i], 0);
		assert(back && strcmp(back, value) == 0);
	}
	buf_done(&query);
}

static void check(struct arena *arena, const char *method, const char *target, const char *accept)
{
	struct http_header headers[] = {{"Accept", accept}};
	struct api_request req = {.arena = arena};
	struct http_server_request http;
	struct error err = ERROR_INIT;
	fill_request(&req, &http, method, target);
	http.headers = headers;
	http.headers_len = 1;
	check_query(&http);
	if (api_inspect(&req, &err) < 0) {
		assert(err.code == ERR_BAD_REQUEST);
		return;
	}
	if (!req.info.is_resource)
		return;
	check_escaped(arena, &req.info, method);
	req.type = type_of(&req.info);
	err = ERROR_INIT;
	if (api_negotiate_output(&req, &err) < 0)
		assert(err.code != ERR_NONE);
	err = ERROR_INIT;
	if (api_parse_options(&req, &err) < 0)
		assert(err.code != ERR_NONE);
	else if (req.options.labels)
		assert(*selector_format(arena, req.options.labels));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	char *lines[3] = {arena_strndup(arena, (const char *)data, size), "", ""};
	for (size_t i = 0; i < 2; i++) {
		char *end = strchr(lines[i], '\n');
		if (end) {
			*end = '\0';
			lines[i + 1] = end + 1;
		}
	}
	if (is_target(lines[1]))
		check(arena, lines[0], lines[1], lines[2]);
	arena_free(arena);
	return 0;
}
