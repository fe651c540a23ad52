/* The documents, made once and kept as bytes; and who gets which. */
#include "apiserver/openapi/openapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/discovery/internal.h"
#include "apiserver/openapi/internal.h"
#include "apiserver/pipeline.h"
#include "apiserver/types.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

#define PROTO_V2 "application/com.github.proto-openapi.spec.v2"
/* Clients ask with an @ behind v2, which is no legal media type: Go cannot parse it when it comes back. */
#define PROTO_V2_TYPE "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

struct document {
	struct bytes *bytes;
	char etag[24]; /* quoted */
};

struct given_schema {
	const struct resource_type *type;
	struct arena *arena;
	struct json *schema;
};

struct openapi {
	uint64_t generation;      /* of the types that the documents were made for */
	struct strmap *documents; /* by path below /openapi/; made on demand */
	struct given_schema *given;
	size_t given_len;
};

static void free_document(void *value)
{
	struct document *d = value;
	bytes_unref(d->bytes);
	free(d);
}

static struct openapi *state_of(struct api_server *server)
{
	struct openapi *state = server->openapi;
	if (!state) {
		state = server->openapi = calloc(1, sizeof *state);
		if (!state)
			abort();
		state->documents = strmap_new();
	}
	if (state->generation != api_types_generation(server)) {
		strmap_free(state->documents, free_document);
		state->documents = strmap_new();
		state->generation = api_types_generation(server);
	}
	return state;
}

static void forget_documents(struct openapi *state)
{
	strmap_free(state->documents, free_document);
	state->documents = strmap_new();
}

void openapi_set_schema(
    struct api_server *server, const struct resource_type *type, const struct json *schema)
{
	struct openapi *state = state_of(server);
	forget_documents(state);
	for (size_t i = 0; i < state->given_len; i++) {
		if (state->given[i].type != type)
			continue;
		arena_free(state->given[i].arena);
		state->given[i] = state->given[--state->given_len];
		break;
	}
	if (!schema)
		return;
	state->given = realloc(state->given, (state->given_len + 1) * sizeof *state->given);
	if (!state->given)
		abort();
	struct arena *arena = arena_new();
	state->given[state->given_len++] = (struct given_schema){type, arena, json_clone(arena, schema)};
}

const struct json *openapi_schema_of(const struct api_server *server, const struct resource_type *type)
{
	const struct openapi *state = server->openapi;
	for (size_t i = 0; state && i < state->given_len; i++)
		if (state->given[i].type == type)
			return state->given[i].schema;
	return NULL;
}

void openapi_done(struct api_server *server)
{
	struct openapi *state = server->openapi;
	if (!state)
		return;
	for (size_t i = 0; i < state->given_len; i++)
		arena_free(state->given[i].arena);
	free(state->given);
	strmap_free(state->documents, free_document);
	free(state);
	server->openapi = NULL;
}

static struct document *keep(struct openapi *state, const char *key, const struct buf *text)
{
	struct document *d = calloc(1, sizeof *d);
	if (!d)
		abort();
	uint64_t hash = 14695981039346656037u; /* FNV-1a, over bytes that may hold NUL */
	for (size_t i = 0; i < text->size; i++)
		hash = (hash ^ (unsigned char)text->data[i]) * 1099511628211u;
	d->bytes = bytes_new(text->data, text->size);
	snprintf(d->etag, sizeof d->etag, "\"%016llX\"", (unsigned long long)hash);
	strmap_put(state->documents, key, d);
	return d;
}

static struct openapi_doc start(struct api_server *server, bool is_v3)
{
	struct arena *arena = arena_new();
	return (struct openapi_doc){arena, server, is_v3, json_new_object(arena), json_new_object(arena)};
}

static struct json *info(struct openapi_doc *doc)
{
	struct json *out = openapi_new(doc, "title", "Kubernetes");
	openapi_text(doc, out, "version", "v1.32.0+cube");
	return out;
}

static struct json *security(struct openapi_doc *doc)
{
	struct json *out = json_new_object(doc->arena), *token = openapi_new(doc, "in", "header");
	openapi_text(doc, token, "description", "Bearer Token authentication");
	openapi_text(doc, token, "name", "authorization");
	openapi_text(doc, token, "type", "apiKey");
	json_set(doc->arena, out, "BearerToken", token);
	return out;
}

static struct json *security_use(struct openapi_doc *doc)
{
	struct json *out = json_new_array(doc->arena), *one = json_new_object(doc->arena);
	json_set(doc->arena, one, "BearerToken", json_new_array(doc->arena));
	json_push(doc->arena, out, one);
	return out;
}

static void make_v2(struct openapi *state, struct api_server *server)
{
	struct openapi_doc doc = start(server, false);
	struct json *root = openapi_new(&doc, "swagger", "2.0");
	struct buf text = BUF_INIT, proto = BUF_INIT;
	for (size_t i = 0; i < api_types_count(server); i++)
		openapi_add_paths(&doc, api_types_at(server, i));
	openapi_add_discovery(&doc);
	json_set(doc.arena, root, "info", info(&doc));
	json_set(doc.arena, root, "paths", doc.paths);
	json_set(doc.arena, root, "definitions", doc.definitions);
	json_set(doc.arena, root, "securityDefinitions", security(&doc));
	json_set(doc.arena, root, "security", security_use(&doc));
	json_sort(root);
	json_write(&text, root, 0);
	openapi_write_gnostic(&proto, root);
	keep(state, "v2", &text);
	keep(state, "v2.pb", &proto);
	buf_done(&text);
	buf_done(&proto);
	arena_free(doc.arena);
}

/* path: "api/v1" or "apis/G/V". NULL when it is not served. */
static struct document *make_v3(
    struct openapi *state, struct api_server *server, const char *key, const char *path)
{
	struct openapi_doc doc = start(server, true);
	struct json *root = openapi_new(&doc, "openapi", "3.0.0"), *components = json_new_object(doc.arena);
	struct document *made = NULL;
	for (size_t i = 0; i < api_types_count(server); i++) {
		const struct resource_type *type = api_types_at(server, i);
		const char *base = *type->group
				       ? arena_printf(doc.arena, "apis/%s/%s", type->group, type->version)
				       : arena_printf(doc.arena, "api/%s", type->version);
		if (!strcmp(base, path))
			openapi_add_paths(&doc, type);
	}
	if (doc.paths->len > 0) {
		struct buf text = BUF_INIT;
		json_set(doc.arena, root, "info", info(&doc));
		json_set(doc.arena, root, "paths", doc.paths);
		json_set(doc.arena, components, "schemas", doc.definitions);
		json_set(doc.arena, components, "securitySchemes", security(&doc));
		json_set(doc.arena, root, "components", components);
		json_set(doc.arena, root, "security", security_use(&doc));
		json_sort(root);
		json_write(&text, root, 0);
		made = keep(state, key, &text);
		buf_done(&text);
	}
	arena_free(doc.arena);
	return made;
}

static const struct document *v3_document(struct api_server *server, const char *path)
{
	struct openapi *state = state_of(server);
	char key[512];
	if ((size_t)snprintf(key, sizeof key, "v3/%s", path) >= sizeof key)
		return NULL;
	const struct document *d = strmap_get(state->documents, key);
	return d ? d : make_v3(state, server, key, path);
}

static int respond(struct api_request *req, const struct document *d, const char *content_type,
    const struct http_header *headers)
{
	const char *known = http_request_header(req->http, "If-None-Match");
	int status = known && strstr(known, d->etag) ? 304 : 200;
	api_send_bytes(req, status, content_type, headers, &d->bytes, status == 304 ? 0 : 1);
	api_request_finished(req, status);
	return API_DONE;
}

static int serve_v2(struct api_request *req)
{
	struct openapi *state = state_of(req->server);
	const char *accept = http_request_header(req->http, "Accept");
	bool is_proto = accept && strstr(accept, PROTO_V2);
	if (!strmap_has(state->documents, "v2"))
		make_v2(state, req->server);
	const struct document *d = strmap_get(state->documents, is_proto ? "v2.pb" : "v2");
	const struct http_header headers[] = {
	    {"Cache-Control", "no-cache, private"}, {"ETag", d->etag}, {"Vary", "Accept"}, {NULL, NULL}};
	return respond(req, d, is_proto ? PROTO_V2_TYPE : "application/json", headers);
}

static const char *hash_of(struct arena *arena, const struct document *d)
{
	return arena_strndup(arena, d->etag + 1, strlen(d->etag) - 2);
}

struct index {
	struct api_request *req;
	struct json *paths;
};

static bool add_to_index(void *arg, const char *group)
{
	struct index *index = arg;
	struct arena *arena = index->req->arena;
	for (const char *const *v = discovery_versions(index->req->server, arena, group); *v; v++) {
		const char *path =
		    *group ? arena_printf(arena, "apis/%s/%s", group, *v) : arena_printf(arena, "api/%s", *v);
		const struct document *d = v3_document(index->req->server, path);
		if (!d)
			continue;
		struct json *entry = json_new_object(arena);
		json_set(arena, entry, "serverRelativeURL",
		    json_new_string(
			arena, arena_printf(arena, "/openapi/v3/%s?hash=%s", path, hash_of(arena, d))));
		json_set(arena, index->paths, path, entry);
	}
	return true;
}

static int serve_index(struct api_request *req)
{
	struct index index = {req, json_new_object(req->arena)};
	struct json *root = json_new_object(req->arena);
	struct buf text = BUF_INIT;
	discovery_groups(req->server, add_to_index, &index);
	json_set(req->arena, root, "paths", index.paths);
	json_write(&text, root, 0);
	api_respond_body(req, 200, "application/json", &text);
	return API_DONE;
}

/* A document with the right hash in its URL never changes; with a stale one the client is sent to the right
 * one. */
static int serve_v3(struct api_request *req, const char *path)
{
	const struct document *d = v3_document(req->server, path);
	const char *hash = http_request_query(req->http, "hash", 0);
	if (!d) {
		api_respond_text(req, 404, "text/plain; charset=utf-8", "404 page not found\n");
		return API_DONE;
	}
	const char *wanted = hash_of(req->arena, d);
	if (!str_empty(hash) && strcmp(hash, wanted) != 0) {
		const struct http_header headers[] = {
		    {"Location", arena_printf(req->arena, "/openapi/v3/%s?hash=%s", path, wanted)},
		    {NULL, NULL}};
		http_respond(req->http, 301, "text/plain", headers, "", 0);
		api_request_finished(req, 301);
		return API_DONE;
	}
	const struct http_header headers[] = {
	    {"Cache-Control", str_empty(hash) ? "no-cache, private" : "public, immutable"}, {"ETag", d->etag},
	    {"Vary", "Accept"}, {NULL, NULL}};
	return respond(req, d, "application/json", headers);
}

int openapi_serve(struct api_request *req, struct error *err)
{
	const char *path = req->info.path + strlen("/openapi/");
	if (!strcmp(path, "v2"))
		return serve_v2(req);
	if (!strcmp(path, "v3") || !strcmp(path, "v3/"))
		return serve_index(req);
	if (str_has_prefix(path, "v3/"))
		return serve_v3(req, path + 3);
	api_respond_text(req, 404, "text/plain; charset=utf-8", "404 page not found\n");
	return API_DONE;
}
