/*
 * Lists in every shape. Items are copied from their cached encodings into one buffer; the head, which depends
 * on how the list ended, is put in front when all are there.
 */
#include <inttypes.h>
#include <string.h>

#include "apiserver/registry/internal.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

static void add_json(struct list_output *o, struct object *obj, struct cache_item *item)
{
	struct bytes *json;
	if (item->object == obj) {
		json = bytes_ref(cache_item_json(item));
	} else {
		struct buf one = BUF_INIT;
		bytes_begin(&one);
		object_encode_json(&one, obj);
		json = bytes_finish(&one);
	}
	list_body_add(o->body, json, obj->schema != NULL);
}

static void put_varint(struct buf *out, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		buf_putc(out, (char)(n | 0x80));
	buf_putc(out, (char)n);
}

static void put_field(struct buf *out, unsigned number, const void *data, size_t size)
{
	put_varint(out, number << 3 | 2);
	put_varint(out, size);
	buf_append(out, data, size);
}

/* The items of a list message are its field 2; the raw message stands inside the cached envelope. */
static int add_proto(
    struct list_output *o, const struct object *obj, struct cache_item *item, struct error *err)
{
	struct codec_envelope envelope;
	struct buf one = BUF_INIT;
	int rc = 0;
	if (o->req->output.as != AS_OBJECT)
		partial_metadata_proto(o->req, &one, obj);
	else if (item->object != obj)
		codec_write_envelope(&one, obj->api_version, obj->kind, obj->schema, obj->msg);
	const void *data = one.size ? one.data : cache_item_proto(item)->data;
	size_t size = one.size ? one.size : cache_item_proto(item)->size;
	rc = codec_open_envelope(o->req->arena, data, size, &envelope, err);
	if (!rc)
		put_field(o->out, 2, envelope.raw, envelope.raw_size);
	buf_done(&one);
	return rc;
}

int list_output_add(struct list_output *o, struct cache_item *item, struct error *err)
{
	struct object *converted = NULL;
	int rc = api_to_version(o->req, item->object, &converted, err);
	if (rc)
		return rc;
	if (o->req->output.media == MEDIA_PROTOBUF) {
		rc = add_proto(o, converted, item, err);
	} else if (o->req->output.as == AS_TABLE) {
		if (o->len)
			buf_putc(o->out, ',');
		table_row(o->req, o->out, o->req->type, converted);
	} else if (o->req->output.as != AS_OBJECT) {
		if (o->len)
			buf_putc(o->out, ',');
		partial_metadata(o->req, o->out, converted);
	} else {
		if (!o->body)
			o->body = list_body_new();
		add_json(o, converted, item);
	}
	o->len++;
	object_unref(converted);
	return rc;
}

static void list_meta(struct buf *out, int64_t revision, const char *token, int64_t remaining)
{
	buf_printf(out, "\"resourceVersion\":\"%" PRId64 "\"", revision);
	if (token)
		buf_printf(out, ",\"continue\":\"%s\"", token);
	if (token && remaining > 0)
		buf_printf(out, ",\"remainingItemCount\":%" PRId64, remaining);
}

static const char *list_kind(const struct api_request *req, const char **ret_api_version)
{
	*ret_api_version = resource_api_version(req->type);
	if (req->output.as == AS_OBJECT)
		return req->type->list_kind;
	*ret_api_version = req->output.is_v1beta1 ? "meta.k8s.io/v1beta1" : "meta.k8s.io/v1";
	return "PartialObjectMetadataList";
}

static size_t items_size(const struct list_output *o)
{
	return o->out->size - sizeof(struct bytes);
}

/* runtime.Unknown{TypeMeta, raw, "", ""} around the list's message: ListMeta, then the items. */
static void finish_proto(struct list_output *o, int64_t revision, const char *token, int64_t remaining)
{
	MetaV1__ListMeta *meta = API_NEW(o->req->arena, meta_v1__list_meta);
	struct buf meta_bytes = BUF_INIT, meta_field = BUF_INIT, type_meta = BUF_INIT;
	const char *api_version, *kind = list_kind(o->req, &api_version);
	meta->resource_version = arena_printf(o->req->arena, "%" PRId64, revision);
	meta->continue_ = token ? (char *)token : "";
	meta->has_remaining_item_count = token && remaining > 0;
	meta->remaining_item_count = remaining;
	codec_to_proto(&meta_bytes, schema_of(&meta_v1__list_meta__descriptor), &meta->base);
	put_field(&meta_field, 1, meta_bytes.data, meta_bytes.size);
	put_field(&type_meta, 1, api_version, strlen(api_version));
	put_field(&type_meta, 2, kind, strlen(kind));
	buf_append(o->head, CODEC_ENVELOPE_MAGIC, CODEC_ENVELOPE_MAGIC_SIZE);
	put_field(o->head, 1, type_meta.data, type_meta.size);
	put_varint(o->head, 2 << 3 | 2);
	put_varint(o->head, meta_field.size + items_size(o));
	buf_append(o->head, meta_field.data, meta_field.size);
	put_field(o->tail, 3, "", 0);
	put_field(o->tail, 4, "", 0);
	buf_done(&meta_bytes);
	buf_done(&meta_field);
	buf_done(&type_meta);
}

/* All of it as one text, for who must read it again. */
static void collect_body(struct list_output *o)
{
	struct buf none_before = BUF_INIT, none_behind = BUF_INIT;
	struct http_source source = list_body_source(o->body, &none_before, &none_behind);
	o->out->size += source.fill(source.arg, buf_reserve(o->out, source.size), source.size);
	o->out->data[o->out->size] = '\0';
	source.done(source.arg);
	o->body = NULL;
}

/* YAML and indented JSON are for eyes: made of the plain text by way of a tree. */
static void to_other_text(struct list_output *o)
{
	struct json *tree = NULL;
	struct buf all = BUF_INIT;
	if (o->body)
		collect_body(o);
	buf_append(&all, o->head->data, o->head->size);
	buf_append(&all, o->out->data + sizeof(struct bytes), items_size(o));
	buf_append(&all, o->tail->data, o->tail->size);
	struct json_limits limits = {.size_max = all.size + 1};
	if (!json_parse(o->req->arena, all.data, all.size, &limits, &tree, NULL)) {
		buf_reset(o->head);
		buf_reset(o->tail);
		buf_reset(o->out);
		bytes_begin(o->out);
		if (o->req->output.media == MEDIA_YAML)
			yaml_write(o->head, tree);
		else
			json_write(o->head, tree, 2);
	}
	buf_done(&all);
}

void list_output_finish(struct list_output *o, int64_t revision, const char *token, int64_t remaining)
{
	struct buf meta = BUF_INIT;
	const char *api_version, *kind = list_kind(o->req, &api_version);
	if (o->req->output.media == MEDIA_PROTOBUF) {
		finish_proto(o, revision, token, remaining);
		return;
	}
	list_meta(&meta, revision, token, remaining);
	if (o->req->output.as == AS_TABLE)
		table_begin(o->req, o->head, o->req->type, buf_str(&meta), true);
	else
		buf_printf(o->head, "{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"metadata\":{%s},\"items\":[",
		    kind, api_version, buf_str(&meta));
	buf_puts(o->tail, "]}");
	buf_done(&meta);
	if (o->req->output.media == MEDIA_YAML || o->req->output.is_pretty)
		to_other_text(o);
	if (o->req->output.media == MEDIA_JSON)
		buf_putc(o->tail, '\n');
}
