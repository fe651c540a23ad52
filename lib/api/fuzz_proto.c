/* Protobuf of any bytes: decoding must survive; what was decoded is encoded to bytes that decode to the same.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct schema *schema, const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct buf proto = BUF_INIT, twice = BUF_INIT, text = BUF_INIT;
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg, *again;
	struct json *tree;

	if (codec_from_proto(arena, schema, data, size, &msg, &err) == 0) {
		codec_to_proto(&proto, schema, msg);
		assert(codec_from_proto(arena, schema, proto.data, proto.size, &again, &err) == 0);
		codec_to_proto(&twice, schema, again);
		assert(proto.size == twice.size &&
		       (proto.size == 0 || memcmp(proto.data, twice.data, proto.size) == 0));
		codec_to_json_text(&text, schema, api_clone_message(arena, msg));
		assert(json_parse(arena, text.data, text.size,
			   &(struct json_limits){.size_max = SIZE_MAX, .depth_max = 2048}, &tree, &err) == 0);
		assert(json_equal(tree, codec_to_json(arena, schema, msg)));
	}
	buf_done(&proto);
	buf_done(&twice);
	buf_done(&text);
	arena_free(arena);
}

/* The first byte chooses the type, or the envelope, which names its own. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct object *obj;

	if (codec_is_envelope(data, size) && object_decode(data, size, &obj, &err) == 0)
		object_unref(obj);
	if (size > 1)
		check(schema_at((size_t)data[0] * 3 % schema_count()), data + 1, size - 1);
	if (size > 0)
		check(schema_by_gvk("", "v1", "Pod"), data, size);
	return 0;
}
