/*
 * A list that arrives in pieces (the first byte says of what size). Whatever the pieces, the same items come
 * out; and of text that is JSON they are the elements of its "items", while the rest is the document without
 * them.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/client/json_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct buf items; /* one a line */
	size_t len;
};

static void on_item(void *arg, const char *text, size_t size)
{
	struct run *run = arg;
	buf_append(&run->items, text, size);
	buf_putc(&run->items, '\n');
	run->len++;
}

static void split(struct run *run, struct json_split *ret, size_t piece, const char *data, size_t size)
{
	json_split_init(ret, on_item, run);
	while (size > 0) {
		size_t part = size < piece ? size : piece;
		json_split_feed(ret, data, part);
		data += part;
		size -= part;
	}
}

static bool is_same(const struct buf *a, const struct buf *b)
{
	return a->size == b->size && (a->size == 0 || !memcmp(a->data, b->data, a->size));
}

/* Text with one "items" that is a list: others say it twice or mean something else. */
static void check_tree(const struct run *run, const struct json_split *rest, const char *data, size_t size)
{
	struct arena *arena = arena_new();
	struct json_limits limits = {.size_max = SIZE_MAX};
	struct json *tree, *small;
	const char *first = memmem(data, size, "items", 5);
	bool is_once = first && !memmem(first + 1, size - (size_t)(first + 1 - data), "items", 5) &&
		       !memchr(data, '\\', size);
	if (is_once && !json_parse(arena, data, size, &limits, &tree, NULL)) {
		const struct json *items = json_get(tree, "items");
		if (items && items->type == JSON_ARRAY) {
			assert(run->len == items->len && json_split_is_complete(rest));
			assert(!json_parse(arena, rest->rest.data, rest->rest.size, &limits, &small, NULL));
		}
	}
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run whole = {.items = BUF_INIT}, parts = {.items = BUF_INIT};
	struct json_split a, b;
	if (size < 2)
		return 0;
	split(&whole, &a, size, (const char *)data + 1, size - 1);
	split(&parts, &b, data[0] % 16 + 1u, (const char *)data + 1, size - 1);
	assert(is_same(&whole.items, &parts.items) && is_same(&a.rest, &b.rest));
	check_tree(&whole, &a, (const char *)data + 1, size - 1);
	json_split_done(&a);
	json_split_done(&b);
	buf_done(&whole.items);
	buf_done(&parts.items);
	return 0;
}
