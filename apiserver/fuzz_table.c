/*
 * What an object looks like to who asks: query, Accept header, printer columns of a definition, the object;
 * one a line. Whatever of these a client makes up, the answer is well-formed and a table's rows have a cell
 * for each column. An object of a kind that is not built in is printed by the columns.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "apiserver/extensions/columns.h"
#include "apiserver/options.h"
#include "apiserver/pipeline.h"
#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/loop/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ApiextensionsV1__CustomResourceDefinitionVersion *version; /* of the custom type */

static void custom(const struct resource_type *type, const struct object *obj,
    const struct resource_context *ctx, struct json **cells)
{
	custom_cells(version, obj, ctx, cells);
}

/* The definition's version with these columns, when they can be read. */
static const ApiextensionsV1__CustomResourceDefinitionVersion *read_version(
    struct arena *arena, const char *columns)
{
	const struct schema *schema =
	    schema_of(&apiextensions_v1__custom_resource_definition_version__descriptor);
	struct json *tree = json_new_object(arena), *list;
	ProtobufCMessage *msg = NULL;
	if (json_parse(arena, columns, strlen(columns), NULL, &list, NULL) == 0)
		json_set(arena, tree, "additionalPrinterColumns", list);
	if (codec_from_json(arena, schema, tree, NULL, &msg, NULL))
		return NULL;
	const ApiextensionsV1__CustomResourceDefinitionVersion *v = (const void *)msg;
	for (size_t i = 0; i < v->n_additional_printer_columns; i++)
		if (!v->additional_printer_columns[i]->json_path || !v->additional_printer_columns[i]->type)
			return NULL;
	return v;
}

static void check_table(const struct json *table)
{
	const struct json *columns = json_get(table, "columnDefinitions"), *rows = json_get(table, "rows");
	assert(strcmp(json_get_string(table, "kind", ""), "Table") == 0);
	assert(rows && rows->len == 1 && columns && columns->len > 0);
	const struct json *cells = json_get(rows->items[0], "cells");
	assert(cells && cells->len == columns->len);
}

static void check_answer(struct api_request *req, const struct object *obj)
{
	struct json_limits limits = {.size_max = SIZE_MAX, .depth_max = 1024};
	struct codec_envelope envelope;
	struct buf text = BUF_INIT;
	struct json *tree = NULL;
	if (api_encode(req, &text, obj, NULL, NULL) == 0) {
		if (req->output.as == AS_TABLE) {
			assert(json_parse(req->arena, text.data, text.size, &limits, &tree, NULL) == 0);
			check_table(tree);
		} else if (req->output.media == MEDIA_PROTOBUF) {
			assert(codec_open_envelope(req->arena, text.data, text.size, &envelope, NULL) == 0);
		} else if (req->output.media == MEDIA_YAML && req->output.as == AS_OBJECT) {
			assert(yaml_parse(req->arena, text.data, text.size, &limits, &tree, NULL) == 0);
		} else {
			assert(json_parse(req->arena, text.data, text.size, &limits, &tree, NULL) == 0);
		}
	}
	buf_done(&text);
}

static void check(struct arena *arena, char *lines[4])
{
	static const struct dynamic_type functions = {.cells = custom};
	static const struct api_options options;
	static struct clock_fake clock;
	static struct api_server server = {.options = &options};
	struct resource_type type = {.kind = "X",
	    .group = "a.b",
	    .version = "v1",
	    .plural = "xs",
	    .singular = "x",
	    .list_kind = "XList",
	    .dynamic = &functions};
	struct http_header headers[] = {{"Accept", lines[1]}};
	struct http_server_request http = {.arena = arena,
	    .method = "GET",
	    .target = "/",
	    .path = "/",
	    .query = lines[0],
	    .headers = headers,
	    .headers_len = 1};
	struct api_request req = {.arena = arena, .server = &server, .http = &http, .type = &type};
	struct object *obj = NULL;
	if (!server.loop) {
		clock_fake_init(&clock, INT64_C(1700000000) * 1000000000);
		server.loop = loop_new(&clock.clock);
		resources_init();
	}
	req.info = (struct api_request_info){.is_resource = true,
	    .verb = API_GET,
	    .verb_text = "get",
	    .path = "/",
	    .prefix = "apis",
	    .group = "a.b",
	    .version = "v1",
	    .ns = "",
	    .resource = "xs",
	    .name = "x",
	    .subresource = "",
	    .rest = ""};
	req.options.resource_version = req.options.resource_version_match = req.options.continue_token = "";
	req.options.label_selector_text = req.options.field_selector_text = "";
	req.options.field_manager = req.options.propagation = "";
	req.output.include_object = "Metadata";
	version = read_version(arena, lines[2]);
	if (!version || object_decode(lines[3], strlen(lines[3]), &obj, NULL))
		return;
	custom_columns(arena, version, &type);
	if (resource_of(obj))
		req.type = resource_of(obj);
	if (api_negotiate_output(&req, NULL) == API_NEXT && api_parse_options(&req, NULL) == API_NEXT)
		check_answer(&req, obj);
	object_unref(obj);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	char *lines[4] = {arena_strndup(arena, (const char *)data, size), "", "", ""};
	for (size_t i = 0; i < 3; i++) {
		char *end = strchr(lines[i], '\n');
		if (end) {
			*end = '\0';
			lines[i + 1] = end + 1;
		}
	}
	check(arena, lines);
	arena_free(arena);
	return 0;
}
