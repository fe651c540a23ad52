#include "lib/api/json_build.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/json_text.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

enum { SIZE_MAX_DEFAULT = 3 * 1024 * 1024, DEPTH_MAX_DEFAULT = 256, FEW_MEMBERS = 8, FRAMES_FIRST = 16 };

static char *copy_text(struct arena *arena, const char *text, size_t *size);
static size_t merge_duplicates(struct json_builder *b, struct json_member *members, size_t len);
static void merge_few(struct json_builder *b, struct json_member *members, size_t len);
static void merge_many(struct json_builder *b, struct json_member *members, size_t len);
static void keep_last(struct json_builder *b, struct json_member *members, struct json_member *first,
    struct json_member *again);
static void report_duplicate(struct json_builder *b, const char *key);
static int compare_members(const void *a, const void *b);

int json_build_init(struct json_builder *b, struct arena *arena, const struct json_limits *limits,
    size_t size, struct error *err)
{
	static const struct json_limits none = {0};

	*b = (struct json_builder){.arena = arena, .limits = limits ? limits : &none, .err = err};
	if (size > json_build_size_max(b))
		return error_set(err, ERR_TOO_LARGE, "the document has %zu bytes, the limit is %zu", size,
		    json_build_size_max(b));
	b->depth_max = b->limits->depth_max ? b->limits->depth_max : DEPTH_MAX_DEFAULT;
	b->frames_capacity = FRAMES_FIRST;
	b->frames = malloc(b->frames_capacity * sizeof(*b->frames));
	if (!b->frames)
		abort();
	return 0;
}

void json_build_done(struct json_builder *b)
{
	free(b->frames);
	free(b->children);
}

size_t json_build_size_max(const struct json_builder *b)
{
	return b->limits->size_max ? b->limits->size_max : SIZE_MAX_DEFAULT;
}

int json_build_open(struct json_builder *b, bool is_object)
{
	if (b->depth == b->depth_max)
		return error_set(b->err, ERR_BAD_REQUEST, "nested deeper than %zu levels", b->depth_max);
	if (b->depth + 1 >= b->frames_capacity) {
		b->frames_capacity *= 2;
		b->frames = realloc(b->frames, b->frames_capacity * sizeof(*b->frames));
		if (!b->frames)
			abort();
	}
	b->frames[b->depth++] = (struct json_frame){.is_object = is_object, .start = b->len};
	return 0;
}

struct json *json_build_close(struct json_builder *b)
{
	struct json_frame *f = &b->frames[b->depth - 1];
	struct json_member *children = b->children ? b->children + f->start : NULL;
	size_t len = b->len - f->start;
	struct json *v = ARENA_NEW(b->arena, struct json);

	if (f->is_object) {
		v->type = JSON_OBJECT;
		v->len = merge_duplicates(b, children, len);
		v->members = v->len ? arena_memdup(b->arena, children, v->len * sizeof(*children)) : NULL;
	} else {
		v->type = JSON_ARRAY;
		v->len = len;
		v->items = ARENA_ARRAY(b->arena, struct json *, len);
		for (size_t i = 0; i < len; i++)
			v->items[i] = children[i].value;
	}
	v->capacity = v->len;
	b->len = f->start;
	b->depth--;
	json_build_add(b, v);
	return v;
}

int json_build_key(struct json_builder *b, const char *text, size_t size)
{
	if (memchr(text, 0, size))
		return error_set(b->err, ERR_BAD_REQUEST, "a key contains a NUL character");
	b->frames[b->depth - 1].key = copy_text(b->arena, text, &size);
	return 0;
}

int json_build_scalar(
    struct json_builder *b, enum json_type type, bool boolean, const char *text, size_t size)
{
	struct json *v = ARENA_NEW(b->arena, struct json);

	v->type = type;
	v->boolean = boolean;
	if (type == JSON_NUMBER || type == JSON_STRING) {
		if (memchr(text, 0, size))
			return error_set(b->err, ERR_BAD_REQUEST, "a string contains a NUL character");
		v->text = copy_text(b->arena, text, &size);
		v->len = size;
	}
	json_build_add(b, v);
	return 0;
}

void json_build_add(struct json_builder *b, struct json *value)
{
	if (b->depth == 0) {
		b->root = value;
		return;
	}
	if (b->len == b->capacity) {
		b->capacity = b->capacity ? b->capacity * 2 : 64;
		b->children = realloc(b->children, b->capacity * sizeof(*b->children));
		if (!b->children)
			abort();
	}
	b->children[b->len++] = (struct json_member){b->frames[b->depth - 1].key, value};
}

/* How many bytes, but for the last seven, are ASCII: eight at a time, for texts of kilobytes. */
static size_t ascii_len(const unsigned char *p, size_t size)
{
	size_t at = 0;
	for (uint64_t eight; size - at >= sizeof eight; at += sizeof eight) {
		memcpy(&eight, p + at, sizeof eight);
		if (eight & 0x8080808080808080u)
			break;
	}
	return at;
}

/* As Go does, bytes that are not UTF-8 (an escaped half of a surrogate pair, too) become U+FFFD. */
static char *copy_text(struct arena *arena, const char *text, size_t *size)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + *size;
	size_t len, out = 0;
	char *copy;

	p += ascii_len(p, *size);
	while (p < end && (len = json_utf8_len(p, (size_t)(end - p))) > 0)
		p += len;
	if (p == end)
		return arena_strndup(arena, text, *size);
	copy = arena_alloc(arena, 3 * *size + 1);
	for (p = (const unsigned char *)text; p<end; p += len> 0 ? len : 1) {
		len = json_utf8_len(p, (size_t)(end - p));
		memcpy(copy + out, len > 0 ? (const char *)p : "\xef\xbf\xbd", len > 0 ? len : 3);
		out += len > 0 ? len : 3;
	}
	*size = out;
	return copy;
}

/* The last value of a key wins and stands where the first stood. Returns the new length. */
static size_t merge_duplicates(struct json_builder *b, struct json_member *members, size_t len)
{
	size_t kept = 0;

	if (len <= FEW_MEMBERS)
		merge_few(b, members, len);
	else
		merge_many(b, members, len);
	for (size_t i = 0; i < len; i++) {
		if (members[i].value)
			members[kept++] = members[i];
	}
	return kept;
}

static void merge_few(struct json_builder *b, struct json_member *members, size_t len)
{
	for (size_t i = 1; i < len; i++) {
		size_t j = 0;

		while (j < i && strcmp(members[j].key, members[i].key) != 0)
			j++;
		if (j < i)
			keep_last(b, members, &members[j], &members[i]);
	}
}

static void merge_many(struct json_builder *b, struct json_member *members, size_t len)
{
	struct json_member **sorted = malloc(len * sizeof(struct json_member *));

	if (!sorted)
		abort();
	for (size_t i = 0; i < len; i++)
		sorted[i] = &members[i];
	qsort(sorted, len, sizeof(struct json_member *), compare_members);
	for (size_t i = 1; i < len; i++) {
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0) {
			keep_last(b, members, sorted[i - 1], sorted[i]);
			sorted[i] = sorted[i - 1];
		}
	}
	free(sorted);
}

static void keep_last(
    struct json_builder *b, struct json_member *members, struct json_member *first, struct json_member *again)
{
	size_t weak = b->frames[b->depth - 1].weak;

	if ((size_t)(first - members) >= weak)
		report_duplicate(b, first->key);
	first->value = again->value;
	again->value = NULL;
}

/* Called while the container is still open: the frames tell its path, array indexes by what lies on the
 * stack. */
static void report_duplicate(struct json_builder *b, const char *key)
{
	struct buf path = BUF_INIT;

	if (!b->limits->on_duplicate)
		return;
	for (size_t i = 0; i + 1 < b->depth; i++) {
		const struct json_frame *f = &b->frames[i];

		if (f->is_object)
			buf_printf(&path, "%s%s", path.size ? "." : "", f->key);
		else
			buf_printf(&path, "[%zu]", b->frames[i + 1].start - f->start);
	}
	buf_printf(&path, "%s%s", path.size ? "." : "", key);
	b->limits->on_duplicate(b->limits->arg, buf_str(&path));
	buf_done(&path);
}

/* By key, equal ones as they came. */
static int compare_members(const void *a, const void *b)
{
	const struct json_member *x = *(struct json_member *const *)a, *y = *(struct json_member *const *)b;
	int order = strcmp(x->key, y->key);

	return order != 0 ? order : x < y ? -1 : 1;
}
