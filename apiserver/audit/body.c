/* Bodies of requests and answers as JSON of one line. */
#include <string.h>

#include "apiserver/audit/record.h"
#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

enum { BODY_MAX = 1024 * 1024 * 1024 }; /* lists of our own making are larger than what clients may send */

static struct json *from_proto(struct arena *arena, const void *data, size_t size)
{
	struct codec_envelope envelope;
	ProtobufCMessage *message = NULL;
	if (codec_open_envelope(arena, data, size, &envelope, NULL))
		return NULL;
	const char *slash = strchr(envelope.api_version, '/');
	const char *group =
	    slash ? arena_strndup(arena, envelope.api_version, (size_t)(slash - envelope.api_version)) : "";
	const struct schema *schema =
	    schema_by_gvk(group, slash ? slash + 1 : envelope.api_version, envelope.kind);
	if (!schema || codec_from_proto(arena, schema, envelope.raw, envelope.raw_size, &message, NULL))
		return NULL;
	return codec_to_json(arena, schema, message);
}

static struct json *read_body(struct arena *arena, enum media media, const void *data, size_t size)
{
	const struct json_limits limits = {.size_max = BODY_MAX};
	struct json *tree = NULL;
	if (media == MEDIA_PROTOBUF)
		return from_proto(arena, data, size);
	int rc = media == MEDIA_YAML ? yaml_parse(arena, data, size, &limits, &tree, NULL)
				     : json_parse(arena, data, size, &limits, &tree, NULL);
	return rc ? NULL : tree;
}

static void strip_object(struct json *object)
{
	struct json *meta = json_get(object, "metadata");
	if (meta && meta->type == JSON_OBJECT)
		json_remove(meta, "managedFields");
}

/* An object, the items of a list, and the objects in the rows of a Table. */
static void strip(struct json *body)
{
	const struct json *items = json_get(body, "items"), *rows = json_get(body, "rows");
	strip_object(body);
	for (size_t i = 0; items && items->type == JSON_ARRAY && i < items->len; i++)
		strip_object(items->items[i]);
	for (size_t i = 0; rows && rows->type == JSON_ARRAY && i < rows->len; i++)
		strip_object(json_get(rows->items[i], "object"));
}

ProtobufCBinaryData audit_body_to_json(
    struct arena *arena, enum media media, const void *data, size_t size, bool omit_managed_fields)
{
	ProtobufCBinaryData ret = {0};
	struct buf text = BUF_INIT;
	struct json *body = size ? read_body(arena, media, data, size) : NULL;
	if (!body)
		return ret;
	if (omit_managed_fields)
		strip(body);
	json_write(&text, body, 0);
	ret.len = text.size;
	ret.data = arena_memdup(arena, text.data, text.size);
	buf_done(&text);
	return ret;
}
