/* Which document answers which path, in which form. */
#include <string.h>

#include "apiserver/discovery/internal.h"
#include "apiserver/pipeline.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

#define META "io.k8s.apimachinery.pkg.apis.meta.v1."

/* "v2" or "v2beta1" when the client wants the aggregated form first, else NULL. */
static const char *wants_aggregated(struct api_request *req)
{
	const char *accept = http_request_header(req->http, "Accept");
	size_t len = 0;
	char **clauses = accept ? str_split(req->arena, accept, ',', &len) : NULL;
	for (size_t i = 0; i < len; i++) {
		if (strstr(clauses[i], "g=apidiscovery.k8s.io") &&
		    strstr(clauses[i], "as=APIGroupDiscoveryList") &&
		    strstr(clauses[i], "application/json")) {
			if (strstr(clauses[i], "v=v2beta1"))
				return "v2beta1";
			if (strstr(clauses[i], "v=v2"))
				return "v2";
		} else if (!strchr(clauses[i], ';')) {
			return NULL;
		}
	}
	return NULL;
}

static int answer_aggregated(struct api_request *req, const char *version, bool is_core)
{
	struct buf text = BUF_INIT;
	json_write(&text, discovery_aggregated(req, version, is_core), 0);
	buf_putc(&text, '\n');
	const char *etag = arena_printf(req->arena, "\"%016llX\"", (unsigned long long)str_hash64(text.data));
	const struct http_header headers[] = {
	    {"Cache-Control", "public"}, {"ETag", etag}, {"Vary", "Accept"}, {NULL, NULL}};
	const char *known = http_request_header(req->http, "If-None-Match");
	int status = known && strstr(known, etag) ? 304 : 200;
	struct bytes *body = bytes_new(text.data, text.size);
	api_send_bytes(req, status,
	    arena_printf(
		req->arena, "application/json;g=apidiscovery.k8s.io;v=%s;as=APIGroupDiscoveryList", version),
	    headers, &body, status == 304 ? 0 : 1);
	bytes_unref(body);
	buf_done(&text);
	api_request_finished(req, status);
	return API_DONE;
}

static int write_proto(struct api_request *req, struct buf *out, const struct json *doc, struct error *err)
{
	const char *kind = json_get_string(doc, "kind", "");
	const struct schema *schema = schema_by_name(arena_printf(req->arena, META "%s", kind));
	ProtobufCMessage *msg = NULL;
	if (!schema)
		return error_set(err, ERR_NOT_ACCEPTABLE, "%s has no protobuf form", kind);
	if (codec_from_json(req->arena, schema, doc, NULL, &msg, err))
		return -1;
	codec_write_envelope(out, "v1", kind, schema, msg);
	return 0;
}

static int answer(struct api_request *req, struct json *doc, struct error *err)
{
	struct buf text = BUF_INIT;
	if (!doc) {
		api_respond_text(req, 404, "text/plain; charset=utf-8", "404 page not found\n");
		return API_DONE;
	}
	if (api_negotiate_output(req, err))
		return API_FAIL;
	req->output.as = AS_OBJECT;
	if (req->output.media == MEDIA_PROTOBUF) {
		if (write_proto(req, &text, doc, err)) {
			buf_done(&text);
			return API_FAIL;
		}
	} else if (req->output.media == MEDIA_YAML) {
		yaml_write(&text, doc);
	} else {
		json_write(&text, doc, req->output.is_pretty ? 2 : 0);
		buf_putc(&text, '\n');
	}
	api_respond_body(req, 200, api_content_type(req), &text);
	return API_DONE;
}

/* An unknown version of a group that the server itself has. */
static int no_such_version(struct error *err)
{
	return error_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
}

int discovery_serve(struct api_request *req, struct error *err)
{
	size_t len = 0;
	char **parts = str_split(req->arena, req->info.path + 1, '/', &len);
	while (len > 0 && !*parts[len - 1])
		len--;
	if (len == 0)
		return answer(req, discovery_paths(req), err);
	bool is_core = !strcmp(parts[0], "api");
	const char *version = len == 1 ? wants_aggregated(req) : NULL;
	if (version)
		return answer_aggregated(req, version, is_core);
	if (len == 1)
		return answer(req, is_core ? discovery_api_versions(req) : discovery_group_list(req), err);
	if (len == 2 && !is_core)
		return answer(req, discovery_group(req, parts[1]), err);
	const char *group = is_core ? "" : parts[1];
	if (len == (is_core ? 2 : 3) && (is_core || *group)) {
		struct json *list = discovery_resource_list(req, group, parts[len - 1]);
		return list || !api_is_built_in_group(group) ? answer(req, list, err) : no_such_version(err);
	}
	return is_core ? no_such_version(err) : answer(req, NULL, err);
}
