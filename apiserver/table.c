/* Tables and PartialObjectMetadata: what kubectl get prints and metadata informers read. Written as JSON
 * text. */
#include <string.h>

#include "apiserver/pipeline.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "lib/resources/cells.h"
#include "proto/autoscaling_v1.pb-c.h"

static const struct table_column scale_columns[] = {
    COLUMN_NAME, COLUMN_INT("Desired"), COLUMN_INT("Available"), COLUMN_AGE};

static void scale_cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const AutoscalingV1__Scale *scale = (const AutoscalingV1__Scale *)obj->msg;
	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_int(ctx, scale->spec->replicas);
	ret[2] = cell_int(ctx, scale->status->replicas);
	ret[3] = cell_age(ctx, obj->meta->creation_timestamp);
}

static const struct resource_type scale_type = {COLUMNS(scale_columns), .cells = scale_cells};

const struct resource_type *table_type(const struct api_request *req, const struct object *obj)
{
	const struct resource_type *type = resource_of(obj);
	if (type)
		return type;
	if (obj->schema == schema_of(&autoscaling_v1__scale__descriptor))
		return &scale_type;
	bool is_own = req->type && (req->type->dynamic ? !obj->schema : obj->schema == req->type->schema);
	return is_own ? req->type : NULL;
}

static const char *meta_version(const struct api_request *req)
{
	return req->output.is_v1beta1 ? "meta.k8s.io/v1beta1" : "meta.k8s.io/v1";
}

static void put_string(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, "\"%s\":", key);
	json_write_string(out, value ? value : "", strlen(value ? value : ""));
}

static void put_columns(struct buf *out, const struct resource_type *type)
{
	const struct table_column *columns;
	size_t len;
	resource_columns(type, &columns, &len);
	for (size_t i = 0; i < len; i++) {
		buf_puts(out, i ? ",{" : "{");
		put_string(out, "name", columns[i].name);
		buf_putc(out, ',');
		put_string(out, "type", columns[i].type);
		buf_putc(out, ',');
		put_string(out, "format", columns[i].format);
		buf_putc(out, ',');
		put_string(out, "description", columns[i].description);
		buf_printf(out, ",\"priority\":%d}", columns[i].priority);
	}
}

void table_begin(struct api_request *req, struct buf *out, const struct resource_type *type,
    const char *list_meta, bool with_columns)
{
	buf_printf(out, "{\"kind\":\"Table\",\"apiVersion\":\"%s\",\"metadata\":{%s},\"columnDefinitions\":[",
	    meta_version(req), list_meta);
	if (with_columns)
		put_columns(out, type);
	buf_puts(out, "],\"rows\":[");
}

void partial_metadata(struct api_request *req, struct buf *out, const struct object *obj)
{
	buf_printf(out,
	    "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"%s\",\"metadata\":", meta_version(req));
	codec_to_json_text(out, schema_of(&meta_v1__object_meta__descriptor), &obj->meta->base);
	buf_putc(out, '}');
}

void partial_metadata_proto(struct api_request *req, struct buf *out, const struct object *obj)
{
	MetaV1__PartialObjectMetadata *partial = API_NEW(req->arena, meta_v1__partial_object_metadata);
	partial->metadata = obj->meta;
	codec_write_envelope(out, meta_version(req), "PartialObjectMetadata",
	    schema_of(&meta_v1__partial_object_metadata__descriptor), &partial->base);
}

void table_row(
    struct api_request *req, struct buf *out, const struct resource_type *type, const struct object *obj)
{
	const struct table_column *columns;
	size_t len;
	struct resource_context ctx = {
	    .arena = req->arena, .now_s = clock_wall_s(loop_clock(req->server->loop)), .subresource = ""};
	resource_columns(type, &columns, &len);
	struct json **cells = ARENA_ARRAY(req->arena, struct json *, len + 1);
	resource_cells(type, obj, &ctx, cells);
	buf_puts(out, "{\"cells\":[");
	for (size_t i = 0; i < len; i++) {
		if (i)
			buf_putc(out, ',');
		if (cells[i])
			json_write(out, cells[i], 0);
		else
			buf_puts(out, "null");
	}
	buf_putc(out, ']');
	if (!strcmp(req->output.include_object, "Object")) {
		buf_puts(out, ",\"object\":");
		object_encode_json(out, obj);
	} else if (strcmp(req->output.include_object, "None") != 0) {
		buf_puts(out, ",\"object\":");
		partial_metadata(req, out, obj);
	}
	buf_putc(out, '}');
}

void table_end(struct buf *out)
{
	buf_puts(out, "]}");
}
