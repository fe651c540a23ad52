/* What a request asks for, read from its path and method alone. */
#include <string.h>
#include <strings.h>

#include "apiserver/deadline.h"
#include "apiserver/pipeline.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

/* Decoded segments of the path; empty ones at the ends are dropped. NULL for a malformed escape. */
static const char *const *split_path(
    struct arena *arena, const char *path, size_t *ret_len, const char ***ret_raw)
{
	size_t slashes = 1;
	for (const char *p = path; *p; p++)
		slashes += *p == '/';
	const char **parts = ARENA_ARRAY(arena, const char *, slashes + 1);
	const char **raw = ARENA_ARRAY(arena, const char *, slashes + 1);
	size_t len = 0;
	while (*path == '/')
		path++;
	const char *end = path + strlen(path);
	while (end > path && end[-1] == '/')
		end--;
	while (path < end) {
		size_t size = strcspn(path, "/");
		raw[len] = path;
		parts[len] = http_decode_segment(arena, path, size);
		if (!parts[len++])
			return NULL;
		path += size;
		if (*path == '/')
			path++;
	}
	*ret_len = len;
	*ret_raw = raw;
	return parts;
}

static enum api_verb verb_of_method(const char *method, const char **ret_text)
{
	static const struct {
		const char *method, *text;
		enum api_verb verb;
	} verbs[] = {{"POST", "create", API_CREATE}, {"GET", "get", API_GET}, {"HEAD", "get", API_GET},
	    {"PUT", "update", API_UPDATE}, {"PATCH", "patch", API_PATCH}, {"DELETE", "delete", API_DELETE}};
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		if (!strcmp(method, verbs[i].method)) {
			*ret_text = verbs[i].text;
			return verbs[i].verb;
		}
	}
	*ret_text = "";
	return API_VERB_NONE;
}

static bool query_flag(struct api_request *req, const char *name)
{
	const char *v = http_request_query(req->http, name, 0);
	return v && strcasecmp(v, "false") != 0 && strcmp(v, "0") != 0;
}

/* A GET or DELETE without a name is about a collection. */
static void widen_verb(struct api_request *req)
{
	struct api_request_info *info = &req->info;
	if (*info->name)
		return;
	if (info->verb == API_GET && query_flag(req, "watch")) {
		info->verb = API_WATCH;
		info->verb_text = "watch";
	} else if (info->verb == API_GET) {
		info->verb = API_LIST;
		info->verb_text = "list";
	} else if (info->verb == API_DELETE) {
		info->verb = API_DELETECOLLECTION;
		info->verb_text = "deletecollection";
	}
}

static void read_resource(
    struct api_request *req, const char *const *parts, const char *const *raw, size_t len)
{
	struct api_request_info *info = &req->info;
	if (len > 0 && (!strcmp(parts[0], "watch") || !strcmp(parts[0], "proxy")) && len > 1) {
		if (!strcmp(parts[0], "watch")) {
			info->verb = API_WATCH;
			info->verb_text = "watch";
		}
		parts++, raw++, len--;
	}
	if (len > 0 && !strcmp(parts[0], "namespaces") && len > 1) {
		info->ns = parts[1];
		if (len > 2 && strcmp(parts[2], "status") != 0 && strcmp(parts[2], "finalize") != 0) {
			parts += 2;
			raw += 2;
			len -= 2;
		}
	}
	info->parts = parts;
	info->resource = len > 0 ? parts[0] : "";
	info->name = len > 1 ? parts[1] : "";
	info->subresource = len > 2 ? parts[2] : "";
	if (len > 2)
		info->rest = arena_strdup(req->arena, raw[2] + strcspn(raw[2], "/"));
	widen_verb(req);
}

int api_inspect_path(struct api_request *req, struct error *err)
{
	struct api_request_info *info = &req->info;
	size_t len = 0;
	const char **raw = NULL;
	info->path = arena_strdup(req->arena, req->http->path);
	info->verb_text = str_lower(req->arena, req->http->method);
	const char *const *parts = split_path(req->arena, info->path, &len, &raw);
	if (!parts)
		return error_set(err, ERR_BAD_REQUEST, "the path has a malformed escape");
	bool is_core = len > 0 && !strcmp(parts[0], "api");
	size_t head = is_core ? 2 : 3; /* api/VERSION or apis/GROUP/VERSION */
	if (len <= head || (!is_core && strcmp(parts[0], "apis") != 0))
		return API_NEXT;
	const char *text;
	info->is_resource = true;
	info->prefix = parts[0];
	info->group = is_core ? "" : parts[1];
	info->version = parts[head - 1];
	info->verb = verb_of_method(req->http->method, &text);
	info->verb_text = text;
	read_resource(req, parts + head, raw + head, len - head);
	return API_NEXT;
}

int api_inspect(struct api_request *req, struct error *err)
{
	int result = api_inspect_path(req, err);
	if (!api_is_long_running(req)) {
		req->in_flight = &req->server->in_flight[api_is_write(req)];
		++*req->in_flight;
	}
	return result;
}
