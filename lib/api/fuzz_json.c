/* JSON text: parsing must survive, what was read prints as text that reads back equal, and decodes into a Pod
 * or not. */
#include <assert.h>
#include <stdint.h>

#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/json_text.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(
    struct arena *arena, const struct json *tree, const char *group, const char *version, const char *kind)
{
	const struct schema *schema = schema_by_gvk(group, version, kind);
	struct codec_warnings unknown = {.arena = arena};
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	ProtobufCMessage *msg, *again;

	if (codec_from_json(arena, schema, tree, &unknown, &msg, &err) == 0) {
		codec_to_json_text(&text, schema, msg);
		assert(codec_from_json_text(arena, schema, text.data, text.size, NULL, &again, &err) == 0);
		assert(api_equal(msg, again));
	}
	buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	struct json *tree, *again;

	if (json_parse(arena, (const char *)data, size, NULL, &tree, &err) == 0) {
		json_write(&text, tree, 0);
		assert(json_text_is_clean(text.data, text.size, 256));
		assert(json_parse(arena, text.data, text.size, &(struct json_limits){.size_max = SIZE_MAX},
			   &again, &err) == 0);
		assert(json_equal(tree, again));
		decode(arena, tree, "", "v1", "Pod");
		decode(arena, tree, "apiextensions.k8s.io", "v1", "CustomResourceDefinition");
	}
	json_text_is_clean(data, size, 256);
	buf_done(&text);
	arena_free(arena);
	return 0;
}
