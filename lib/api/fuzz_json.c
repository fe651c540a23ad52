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

/* One trip may lose what Go loses too (`items: []` of a schema prints null); a second one must not lose more.
 */
static void decode(
    struct arena *arena, const struct json *tree, const char *group, const char *version, const char *kind)
{
	const struct schema *schema = schema_by_gvk(group, version, kind);
	struct codec_warnings unknown = {.arena = arena};
	struct json_limits limits = {.size_max = SIZE_MAX};
	struct error err = ERROR_INIT;
	ProtobufCMessage *trips[3];

	if (codec_from_json(arena, schema, tree, &unknown, &trips[0], &err) < 0)
		return;
	for (int i = 1; i < 3; i++) {
		struct buf text = BUF_INIT;
		struct json *again;

		codec_to_json_text(&text, schema, trips[i - 1]);
		assert(json_parse(arena, text.data, text.size, &limits, &again, &err) == 0);
		assert(json_equal(again, codec_to_json(arena, schema, trips[i - 1])));
		assert(codec_from_json(arena, schema, again, &unknown, &trips[i], &err) == 0);
		buf_done(&text);
	}
	assert(api_equal(trips[1], trips[2]));
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
