/* Strategic merge of a Deployment: a document, a patch. */
#include "apiserver/patch/fuzz_input.h"
#include "apiserver/patch/strategic.h"
#include "lib/api/schema.h"
#include "lib/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	const struct schema *schema = schema_by_gvk("apps", "v1", "Deployment");
	struct json *in[2], *out = NULL;
	struct buf text = BUF_INIT;
	if (fuzz_parse_lines(arena, data, size, in, 2) && in[0]->type == JSON_OBJECT &&
	    !strategic_apply(arena, schema, in[0], in[1], &out, NULL))
		json_write(&text, out, 0);
	buf_done(&text);
	arena_free(arena);
	return 0;
}
