/* JSON patch: a list of operations, each finds its place by a pointer. */
#include "apiserver/patch/json_patch.h"

#include <string.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

struct run {
	struct arena *arena;
	struct json *root;
	size_t copied;
	struct error *err;
};

/* The container that a pointer ends in, and the last token. The root has no parent. */
struct place {
	struct json *parent;
	const char *token;
};

static int check_shape(const struct json *patch, struct error *err);
static int apply_one(struct run *run, const struct json *op);
static int apply_add(struct run *run, const char *path, struct json *value);
static int apply_remove(struct run *run, const char *path, struct json **ret_removed);
static int apply_replace(struct run *run, const char *path, struct json *value);
static int apply_move(struct run *run, const char *from, const char *path);
static int apply_copy(struct run *run, const char *from, const char *path);
static int apply_test(struct run *run, const char *path, const struct json *value);

int json_patch_apply(
    struct arena *arena, struct json *doc, const struct json *patch, struct json **ret, struct error *err)
{
	struct run run = {.arena = arena, .root = doc, .err = err};
	if (check_shape(patch, err))
		return -1;
	for (size_t i = 0; patch->type == JSON_ARRAY && i < patch->len; i++)
		if (apply_one(&run, patch->items[i]))
			return -1;
	*ret = run.root;
	return 0;
}

/* null is as good as no operation; a null among them is one of unknown kind. */
static int check_shape(const struct json *patch, struct error *err)
{
	if (patch->type == JSON_NULL)
		return 0;
	if (patch->type != JSON_ARRAY)
		return error_set(
		    err, ERR_BAD_REQUEST, "error decoding patch: a JSON patch is a list of operations");
	if (patch->len > JSON_PATCH_OPERATIONS_MAX)
		return error_set(err, ERR_TOO_LARGE,
		    "The allowed maximum operations in a JSON patch is %d, got %zu",
		    JSON_PATCH_OPERATIONS_MAX, patch->len);
	for (size_t i = 0; i < patch->len; i++)
		if (patch->items[i]->type != JSON_OBJECT && patch->items[i]->type != JSON_NULL)
			return error_set(
			    err, ERR_BAD_REQUEST, "error decoding patch: operation %zu is no object", i);
	return 0;
}

static const char *required_text(struct run *run, const struct json *op, const char *key)
{
	const char *text = json_get_string(op, key, NULL);
	if (!text)
		error_set(run->err, ERR_INVALID, "the operation misses '%s'", key);
	return text;
}

static int apply_one(struct run *run, const struct json *op)
{
	static const char *const with_from[] = {"move", "copy", NULL};
	const char *kind = json_get_string(op, "op", "");
	const char *path = required_text(run, op, "path");
	const char *from = NULL;
	struct json *value = json_get(op, "value");
	if (!path)
		return -1;
	if (str_in(kind, with_from) && !(from = required_text(run, op, "from")))
		return -1;
	if (!value)
		value = json_new_null(run->arena); /* as upstream's library, against RFC 6902 */
	/* What goes into the document is a copy: the patch may be applied again to a fresher object. */
	if (!strcmp(kind, "add"))
		return apply_add(run, path, json_clone(run->arena, value));
	if (!strcmp(kind, "remove"))
		return apply_remove(run, path, NULL);
	if (!strcmp(kind, "replace"))
		return apply_replace(run, path, json_clone(run->arena, value));
	if (!strcmp(kind, "move"))
		return apply_move(run, from, path);
	if (!strcmp(kind, "copy"))
		return apply_copy(run, from, path);
	if (!strcmp(kind, "test"))
		return apply_test(run, path, value);
	return error_set(run->err, ERR_INVALID, "unexpected kind of operation: \"%s\"", kind);
}

/* ~1 is a slash, ~0 a tilde; anything else behind a tilde stays as it is. */
static const char *unescape(struct arena *arena, const char *text, size_t size)
{
	char *out = arena_strndup(arena, text, size), *to = out;
	for (const char *from = out; *from; from++) {
		if (from[0] == '~' && (from[1] == '0' || from[1] == '1'))
			*to++ = *++from == '0' ? '~' : '/';
		else
			*to++ = *from;
	}
	*to = '\0';
	return out;
}

/* Index into an array: decimal, or negative to count from the end, as upstream's library has it. */
static bool parse_index(const char *token, size_t len, size_t max, size_t *ret)
{
	int64_t n = 0;
	const char *digits = token + (*token == '-');
	if (!*digits || strspn(digits, "0123456789") != strlen(digits) || !str_to_int64(token, &n))
		return false;
	if (n < 0)
		n += (int64_t)len;
	if (n < 0 || (size_t)n > max)
		return false;
	*ret = (size_t)n;
	return true;
}

static struct json *step(const struct json *v, const char *token)
{
	size_t i = 0;
	if (v->type == JSON_OBJECT)
		return json_get(v, token);
	if (v->type == JSON_ARRAY && v->len > 0 && parse_index(token, v->len, v->len - 1, &i))
		return v->items[i];
	return NULL;
}

static int fail_missing(struct run *run, const char *op, const char *path)
{
	return error_set(
	    run->err, ERR_INVALID, "%s operation does not apply: doc is missing path: %s", op, path);
}

static int find_place(struct run *run, const char *op, const char *path, struct place *ret)
{
	struct json *v = run->root;
	const char *first =
	    strchr(path, '/'); /* what stands before it is not looked at, as upstream's library */
	if (!first)
		return fail_missing(run, op, path);
	for (const char *p = first + 1;;) {
		size_t size = strcspn(p, "/");
		const char *token = unescape(run->arena, p, size);
		if (!p[size]) {
			*ret = (struct place){v, token};
			return v->type == JSON_OBJECT || v->type == JSON_ARRAY ? 0
									       : fail_missing(run, op, path);
		}
		v = step(v, token);
		if (!v)
			return fail_missing(run, op, path);
		p += size + 1;
	}
}

static struct json *find(struct run *run, const char *op, const char *path)
{
	struct place place = {0};
	struct json *v = NULL;
	if (find_place(run, op, path, &place))
		return NULL;
	v = step(place.parent, place.token);
	if (!v)
		fail_missing(run, op, path);
	return v;
}

static int apply_add(struct run *run, const char *path, struct json *value)
{
	struct place place = {0};
	size_t i = 0;
	if (find_place(run, "add", path, &place))
		return -1;
	if (place.parent->type == JSON_OBJECT) {
		json_set(run->arena, place.parent, place.token, value);
	} else if (!strcmp(place.token, "-")) {
		json_push(run->arena, place.parent, value);
	} else {
		/* A negative index counts the place behind the last element too. */
		size_t len = place.parent->len;
		if (!parse_index(place.token, len + 1, len, &i))
			return error_set(
			    run->err, ERR_INVALID, "add operation does not apply: no such index: %s", path);
		json_insert(run->arena, place.parent, i, value);
	}
	return 0;
}

static int apply_remove(struct run *run, const char *path, struct json **ret_removed)
{
	struct place place = {0};
	struct json *v = NULL;
	size_t i = 0;
	if (find_place(run, "remove", path, &place))
		return -1;
	v = step(place.parent, place.token);
	if (!v)
		return fail_missing(run, "remove", path);
	if (place.parent->type == JSON_OBJECT)
		json_remove(place.parent, place.token);
	else if (parse_index(place.token, place.parent->len, place.parent->len, &i))
		json_array_remove(place.parent, i);
	if (ret_removed)
		*ret_removed = v;
	return 0;
}

static int apply_replace(struct run *run, const char *path, struct json *value)
{
	struct place place = {0};
	size_t i = 0;
	if (!*path) {
		/* Only a document can take the place of the document; anything else is passed over in
		 * silence. */
		if (value->type == JSON_OBJECT || value->type == JSON_ARRAY)
			run->root = value;
		return 0;
	}
	if (find_place(run, "replace", path, &place))
		return -1;
	if (!step(place.parent, place.token))
		return fail_missing(run, "replace", path);
	if (place.parent->type == JSON_OBJECT)
		json_set(run->arena, place.parent, place.token, value);
	else if (parse_index(place.token, place.parent->len, place.parent->len, &i))
		place.parent->items[i] = value;
	return 0;
}

/* A value cannot move below itself: it would be gone before it could arrive. */
static int apply_move(struct run *run, const char *from, const char *path)
{
	struct json *value = NULL;
	size_t size = strlen(from);
	if (!strcmp(from, path))
		return find(run, "move", from) ? 0 : -1;
	if (!strncmp(from, path, size) && path[size] == '/')
		return error_set(run->err, ERR_INVALID, "move operation: %s lies below %s", path, from);
	if (apply_remove(run, from, &value))
		return -1;
	return apply_add(run, path, value);
}

static size_t count_values(const struct json *v)
{
	size_t n = 1;
	for (size_t i = 0; v->type == JSON_ARRAY && i < v->len; i++)
		n += count_values(v->items[i]);
	for (size_t i = 0; v->type == JSON_OBJECT && i < v->len; i++)
		n += count_values(v->members[i].value);
	return v->type == JSON_STRING ? n + v->len : n;
}

/* Copies of copies grow without bound in width and depth, so both are counted. */
static int apply_copy(struct run *run, const char *from, const char *path)
{
	struct json *value = find(run, "copy", from);
	if (!value)
		return -1;
	run->copied += count_values(value);
	if (run->copied > JSON_PATCH_COPIED_MAX)
		return error_set(run->err, ERR_TOO_LARGE, "the copies that the patch makes are too large");
	if (apply_add(run, path, json_clone(run->arena, value)))
		return -1;
	if (json_is_deeper(run->root, JSON_PATCH_DEPTH_MAX))
		return error_set(run->err, ERR_BAD_REQUEST, "the patch makes the object nest too deeply");
	return 0;
}

static int apply_test(struct run *run, const char *path, const struct json *value)
{
	struct place place = {0};
	const struct json *found = run->root;
	if (*path) {
		if (find_place(run, "test", path, &place))
			return -1;
		found = step(place.parent, place.token);
		if (!found && place.parent->type != JSON_OBJECT)
			return fail_missing(run, "test", path);
	}
	/* A member that is not there is as good as null. */
	if (found ? json_equal(found, value) : value->type == JSON_NULL)
		return 0;
	return error_set(run->err, ERR_INVALID, "testing value %s failed", path);
}
