/* The way from client-side apply to server-side apply: kubectl's annotation with what it applied last. */
#include <string.h>

#include "apiserver/patch/internal.h"
#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

enum { LAST_APPLIED_MAX = 256 * 1024 }; /* of all annotations together */

static struct json *annotations_of(const struct json *tree)
{
	return json_get(json_get(tree, "metadata"), "annotations");
}

/* Only what is an object of the kind has fields that can be owned. */
static bool is_of_kind(
    struct arena *arena, struct typed type, const struct object *live, const struct json *applied)
{
	struct codec_warnings unknown = {.arena = arena};
	ProtobufCMessage *msg = NULL;
	if (applied->type != JSON_OBJECT ||
	    strcmp(json_get_string(applied, "apiVersion", ""), live->api_version) != 0)
		return false;
	if (live->schema &&
	    (codec_from_json(arena, live->schema, applied, &unknown, &msg, NULL) || unknown.len))
		return false;
	return !typed_find_bad_item(arena, type, applied);
}

struct fieldset *last_applied_fields(
    struct arena *arena, struct typed type, const struct object *live, const struct json *live_tree)
{
	const char *text = json_get_string(annotations_of(live_tree), LAST_APPLIED, NULL);
	struct json *applied = NULL;
	struct json_limits limits = {.depth_max = 200};
	if (!text || json_parse(arena, text, strlen(text), &limits, &applied, NULL) ||
	    !is_of_kind(arena, type, live, applied))
		return fieldset_new(arena, "");
	json_sort(applied);
	struct typed_difference d = typed_compare(arena, type, applied, live_tree);
	struct fieldset *fields = typed_fields(arena, type, applied);
	return fieldset_difference(
	    arena, fieldset_difference(arena, fields, d.modified), fieldset_union(arena, d.added, d.removed));
}

void last_applied_refresh(struct arena *arena, struct json *tree, const struct json *config)
{
	struct json *annotations = annotations_of(tree), *copy, *inner;
	struct buf text = BUF_INIT;
	if (!json_get(annotations, LAST_APPLIED))
		return;
	copy = json_clone(arena, config);
	inner = annotations_of(copy);
	if (inner && inner->type == JSON_OBJECT)
		json_remove(inner, LAST_APPLIED);
	json_write(&text, copy, 0);
	buf_putc(&text, '\n');
	if (text.size < LAST_APPLIED_MAX)
		json_set(arena, annotations, LAST_APPLIED, json_new_string(arena, text.data));
	buf_done(&text);
}
