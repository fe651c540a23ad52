#include "kubectl/tree.h"

#include <string.h>
#include <time.h>

#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

struct json *tree_at(const struct json *v, const char *path)
{
	char key[256];
	const struct json *at = v;
	while (at && *path) {
		size_t len = strcspn(path, ".");
		if (len >= sizeof(key))
			return NULL;
		memcpy(key, path, len);
		key[len] = '\0';
		at = at->type == JSON_OBJECT ? json_get(at, key) : NULL;
		path += len + (path[len] == '.');
	}
	return (struct json *)at;
}

const char *tree_text(const struct json *v, const char *path, const char *fallback)
{
	const struct json *at = tree_at(v, path);
	return at && at->type == JSON_STRING ? at->text : fallback;
}

int64_t tree_int(const struct json *v, const char *path, int64_t fallback)
{
	int64_t n;
	const struct json *at = tree_at(v, path);
	return at && json_is_int(at, &n) ? n : fallback;
}

bool tree_bool(const struct json *v, const char *path, bool fallback)
{
	const struct json *at = tree_at(v, path);
	return at && at->type == JSON_BOOL ? at->boolean : fallback;
}

size_t tree_len(const struct json *list)
{
	return list && list->type == JSON_ARRAY ? list->len : 0;
}

size_t tree_size(const struct json *object)
{
	return object && object->type == JSON_OBJECT ? object->len : 0;
}

const char *tree_show(struct arena *arena, const struct json *v)
{
	if (!v || v->type == JSON_NULL)
		return "";
	if (v->type == JSON_STRING || v->type == JSON_NUMBER)
		return v->text;
	if (v->type == JSON_BOOL)
		return v->boolean ? "true" : "false";
	struct buf out = BUF_INIT;
	json_write(&out, v, 0);
	const char *text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}

const char *tree_show_at(struct arena *arena, const struct json *v, const char *path, const char *fallback)
{
	const struct json *at = tree_at(v, path);
	return at && at->type != JSON_NULL ? tree_show(arena, at) : fallback;
}

const char *tree_name(const struct json *object)
{
	return tree_text(object, "metadata.name", "");
}

const char *tree_namespace(const struct json *object)
{
	return tree_text(object, "metadata.namespace", "");
}

void tree_set(struct arena *arena, struct json *object, const char *path, struct json *value)
{
	const char *dot;
	while ((dot = strchr(path, '.'))) {
		const char *key = arena_strndup(arena, path, (size_t)(dot - path));
		struct json *next = json_get(object, key);
		if (!next || next->type != JSON_OBJECT) {
			next = json_new_object(arena);
			json_set(arena, object, key, next);
		}
		object = next;
		path = dot + 1;
	}
	json_set(arena, object, path, value);
}

void tree_set_text(struct arena *arena, struct json *object, const char *path, const char *value)
{
	tree_set(arena, object, path, json_new_string(arena, value));
}

void tree_remove(struct json *object, const char *path)
{
	const char *dot = strrchr(path, '.');
	char parent[256];
	if (!dot) {
		json_remove(object, path);
		return;
	}
	size_t len = (size_t)(dot - path);
	if (len >= sizeof(parent))
		return;
	memcpy(parent, path, len);
	parent[len] = '\0';
	struct json *at = tree_at(object, parent);
	if (at && at->type == JSON_OBJECT)
		json_remove(at, dot + 1);
}

struct json *tree_new(
    struct arena *arena, const char *api_version, const char *kind, const char *name, const char *ns)
{
	struct json *object = json_new_object(arena);
	tree_set_text(arena, object, "apiVersion", api_version);
	tree_set_text(arena, object, "kind", kind);
	tree_set(arena, object, "metadata", json_new_object(arena));
	if (!str_empty(name))
		tree_set_text(arena, object, "metadata.name", name);
	if (!str_empty(ns))
		tree_set_text(arena, object, "metadata.namespace", ns);
	return object;
}

struct json *tree_find(const struct json *list, const char *key, const char *value)
{
	tree_for_each(list, item) if (str_eq(json_get_string(item, key, NULL), value)) return item;
	return NULL;
}

int64_t tree_time(const struct json *v, const char *path)
{
	int64_t seconds = 0;
	int32_t nanos;
	const char *text = tree_text(v, path, NULL);
	if (!text || !time_parse(text, &seconds, &nanos))
		return 0;
	return seconds;
}

const char *tree_age(struct arena *arena, const struct json *v, const char *path, const char *fallback)
{
	char out[TIME_TEXT_MAX];
	int64_t at = tree_time(v, path);
	if (!at)
		return fallback;
	return arena_strdup(arena, time_human_duration((int64_t)time(NULL) - at, out));
}
