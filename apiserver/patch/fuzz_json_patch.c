/* JSON patch and merge patch: a document, a patch. Whatever comes out can be written. */
#include "apiserver/patch/fuzz_input.h"
#include "apiserver/patch/json_patch.h"
#include "apiserver/patch/merge_patch.h"
#include "lib/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct json *in[2], *out = NULL;
	struct buf text = BUF_INIT;
	if (fuzz_parse_lines(arena, data, size, in, 2)) {
		struct json *doc = json_clone(arena, in[0]);
		if (!json_patch_apply(arena, doc, in[1], &out, NULL) && !json_is_deeper(out, 1000))
			json_write(&text, out, 0);
		out = merge_patch_apply(arena, in[0], in[1]);
		json_write(&text, out, 0);
	}
	buf_done(&text);
	arena_free(arena);
	return 0;
}
