#include "kubectl/last_applied.h"

#include <string.h>

#include "kubectl/tree.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

const char *last_applied_text(const struct json *object)
{
	return json_get_string(tree_at(object, "metadata.annotations"), LAST_APPLIED_ANNOTATION, NULL);
}

struct json *last_applied_get(struct arena *arena, const struct json *object)
{
	struct error ignored = ERROR_INIT;
	struct json *tree = NULL;
	const char *text = last_applied_text(object);
	if (!text || json_parse(arena, text, strlen(text), NULL, &tree, &ignored) ||
	    tree->type != JSON_OBJECT)
		return NULL;
	return tree;
}

void last_applied_set(struct arena *arena, struct json *object)
{
	struct buf text = BUF_INIT;
	struct json *annotations = tree_at(object, "metadata.annotations");
	if (!annotations || annotations->type != JSON_OBJECT) {
		annotations = json_new_object(arena);
		tree_set(arena, object, "metadata.annotations", annotations);
	}
	json_remove(annotations, LAST_APPLIED_ANNOTATION);
	struct json *sorted = json_clone(arena, object);
	json_sort(sorted);
	json_write(&text, sorted, 0);
	buf_putc(&text, '\n');
	json_set(arena, annotations, LAST_APPLIED_ANNOTATION, json_new_string(arena, buf_str(&text)));
	buf_done(&text);
}
