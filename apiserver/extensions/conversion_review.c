/* ConversionReview: what is sent, and what must be true of the answer; see conversion.h. */
#include <string.h>

#include "apiserver/extensions/conversion.h"
#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/label_syntax.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

#define GROUP "apiextensions.k8s.io"

const char *conversion_kind_text(struct arena *arena, const struct object *obj)
{
	return arena_printf(arena, "%s, Kind=%s", obj->api_version, obj->kind);
}

void conversion_write_review(struct buf *out, const struct conversion_review *review)
{
	buf_printf(out,
	    "{\"kind\":\"ConversionReview\",\"apiVersion\":\"" GROUP "/%s\",\"request\":{\"uid\":\"%s\","
	    "\"desiredAPIVersion\":\"%s\",\"objects\":[",
	    review->version, review->uid, review->api_version);
	for (size_t i = 0; i < review->len; i++) {
		if (i)
			buf_putc(out, ',');
		object_encode_json(out, review->objects[i]);
	}
	buf_puts(out, "]}}");
}

static const struct json *member_object(const struct json *tree, const char *key)
{
	const struct json *v = tree && tree->type == JSON_OBJECT ? json_get(tree, key) : NULL;
	return v && v->type == JSON_OBJECT ? v : NULL;
}

/* The list of converted objects, when this is an answer to the review and a good one. */
static const struct json *read_response(
    const struct conversion_review *review, const struct json *tree, struct error *err)
{
	static const struct json none = {.type = JSON_ARRAY};
	bool is_v1 = !strcmp(review->version, "v1");
	const char *kind = tree->type == JSON_OBJECT ? json_get_string(tree, "kind", "") : "";
	const char *version = tree->type == JSON_OBJECT ? json_get_string(tree, "apiVersion", "") : "";
	const struct json *response = member_object(tree, "response");
	const struct json *result = member_object(response, "result");

	if (is_v1 && (strcmp(kind, "ConversionReview") != 0 || strcmp(version, GROUP "/v1") != 0)) {
		error_set(err, ERR_INTERNAL,
		    "expected webhook response of " GROUP "/v1, Kind=ConversionReview, got %s, Kind=%s",
		    version, kind);
		return NULL;
	}
	if (!response) {
		error_set(err, ERR_INTERNAL, "no response provided");
		return NULL;
	}
	if (is_v1 && strcmp(json_get_string(response, "uid", ""), review->uid) != 0) {
		error_set(err, ERR_INTERNAL, "expected response.uid=\"%s\", got \"%s\"", review->uid,
		    json_get_string(response, "uid", ""));
		return NULL;
	}
	const char *status = result ? json_get_string(result, "status", "") : "";
	if (strcmp(status, "Success") != 0) {
		const char *message = result ? json_get_string(result, "message", "") : "";
		if (*message)
			error_set(err, ERR_INTERNAL, "%s", message);
		else
			error_set(
			    err, ERR_INTERNAL, "response.result.status was '%s', not 'Success'", status);
		return NULL;
	}
	const struct json *list = json_get(response, "convertedObjects");
	return list && list->type == JSON_ARRAY ? list : &none;
}

static int must_keep(const char *what, const char *was, const char *is, struct error *err)
{
	return strcmp(was, is)
		   ? error_set(err, ERR_INTERNAL, "must have the same %s: %s != %s", what, was, is)
		   : 0;
}

/* Upstream looks at what is changed only: an old label may be one that is refused today. */
static int check_labels(const MetaV1__ObjectMeta *meta, const MetaV1__ObjectMeta *was, struct error *err)
{
	for (size_t i = 0; i < meta->n_labels; i++) {
		const MetaV1__ObjectMeta__LabelsEntry *l = meta->labels[i];
		const char *before = api_map_get(was, labels, l->key);
		if ((before && !strcmp(before, l->value)) ||
		    (label_key_is_valid(l->key) && label_value_is_valid(l->value)))
			continue;
		return error_set(
		    err, ERR_INTERNAL, "metadata.labels: Invalid value: \"%s=%s\"", l->key, l->value);
	}
	return 0;
}

/* The metadata that the object had, with the labels and annotations of the answer. */
static int restore_meta(struct object *obj, const struct object *original, struct error *err)
{
	MetaV1__ObjectMeta *meta = api_clone(obj->arena, original->meta), *said = obj->meta;

	if (check_labels(said, original->meta, err))
		return error_prefix(err, "returned invalid metadata");
	meta->n_labels = said->n_labels;
	meta->labels = said->labels;
	meta->n_annotations = said->n_annotations;
	meta->annotations = said->annotations;
	obj->meta = meta;
	obj->revision = original->revision;
	return 0;
}

/* Of the answer's metadata nothing is decoded but what may change. */
static struct json *trim_meta(struct arena *arena, const struct json *meta)
{
	static const char *const kept[] = {"name", "namespace", "uid", "labels", "annotations"};
	struct json *out = json_new_object(arena);

	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
		struct json *v = json_get(meta, kept[i]);
		if (v)
			json_set(arena, out, kept[i], v);
	}
	return out;
}

static int read_one(const struct conversion_review *review, const struct json *said, size_t i,
    struct object **ret, struct error *err)
{
	const struct object *original = review->objects[i];
	const char *version = said->type == JSON_OBJECT ? json_get_string(said, "apiVersion", "") : "";
	const char *kind = said->type == JSON_OBJECT ? json_get_string(said, "kind", "") : "";

	if (strcmp(version, review->api_version) != 0)
		return error_set(err, ERR_INTERNAL,
		    "returned invalid object at index %zu: invalid groupVersion (expected %s, received %s)",
		    i, review->api_version, version);
	if (strcmp(kind, original->kind) != 0)
		return error_set(err, ERR_INTERNAL,
		    "returned invalid object at index %zu: invalid kind (expected %s, received %s)", i,
		    original->kind, kind);
	if (!member_object(said, "metadata"))
		return error_set(
		    err, ERR_INTERNAL, "returned invalid metadata: missing metadata in converted object");
	struct arena *arena = arena_new();
	struct json *tree = json_clone(arena, said);
	json_set(arena, tree, "metadata", trim_meta(arena, json_get(tree, "metadata")));
	struct object *obj = object_wrap_tree(arena, tree, err); /* takes the arena, also when it fails */
	if (!obj)
		return error_prefix(err, "returned invalid object at index %zu", i);
	if (must_keep("name", original->meta->name, obj->meta->name, err) ||
	    must_keep("namespace", original->meta->namespace_, obj->meta->namespace_, err) ||
	    must_keep("UID", original->meta->uid, obj->meta->uid, err)) {
		error_prefix(err, "returned invalid object");
		object_unref(obj);
		return -1;
	}
	if (restore_meta(obj, original, err)) {
		object_unref(obj);
		return -1;
	}
	*ret = obj;
	return 0;
}

static int read_all(
    const struct conversion_review *review, const struct json *list, struct object **ret, struct error *err)
{
	if (list->len != review->len)
		return error_set(
		    err, ERR_INTERNAL, "returned %zu objects, expected %zu", list->len, review->len);
	for (size_t i = 0; i < list->len; i++) {
		if (!read_one(review, list->items[i], i, &ret[i], err))
			continue;
		while (i-- > 0)
			object_unref(ret[i]);
		return -1;
	}
	return 0;
}

int conversion_read_review(const struct conversion_review *review, const char *body, size_t size,
    struct object **ret, struct error *err)
{
	struct arena *arena = arena_new();
	struct json_limits limits = {.size_max = size + 1};
	struct json *tree = NULL;
	struct error why = ERROR_INIT;
	const struct json *list =
	    json_parse(arena, body, size, &limits, &tree, &why) ? NULL : read_response(review, tree, &why);
	const char *kind = conversion_kind_text(arena, review->objects[0]);
	int rc = -1;

	if (!list)
		error_set(err, ERR_INTERNAL, "conversion webhook for %s failed: %s", kind, why.message);
	else if ((rc = read_all(review, list, ret, &why)))
		error_set(err, ERR_INTERNAL, "conversion webhook for %s %s", kind, why.message);
	arena_free(arena);
	return rc;
}
