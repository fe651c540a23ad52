/* JSON text to tree: yajl calls back for each token; open containers wait on a stack, so depth costs no C stack. */
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

enum { SIZE_MAX_DEFAULT = 3 * 1024 * 1024, DEPTH_MAX_DEFAULT = 256, FEW_MEMBERS = 8 };

struct frame {
	bool is_object;
	size_t start;    /* where its children begin on the parser's stack */
	const char *key; /* object: of the child that comes next */
};

struct parser {
	struct arena *arena;
	const struct json_limits *limits;
	struct frame *frames; /* the open containers, outermost first */
	size_t depth, depth_max;
	struct json_member *children; /* of all open containers; array items have no key */
	size_t len, capacity;
	struct json *root;
	struct error *err;
};

static int on_null(void *ctx);
static int on_boolean(void *ctx, int value);
static int on_number(void *ctx, const char *text, size_t size);
static int on_string(void *ctx, const unsigned char *text, size_t size);
static int on_start_map(void *ctx);
static int on_map_key(void *ctx, const unsigned char *text, size_t size);
static int on_end_map(void *ctx);
static int on_start_array(void *ctx);
static int on_end_array(void *ctx);
static int add(struct parser *p, enum json_type type, bool boolean, const void *text, size_t size);
static int open_container(struct parser *p, bool is_object);
static void add_child(struct parser *p, struct json *value);
static size_t merge_duplicates(struct parser *p, struct json_member *members, size_t len);
static void keep_last(struct parser *p, struct json_member *first, const struct json_member *again);
static void report_duplicate(struct parser *p, const char *key);
static int compare_members(const void *a, const void *b);
static int syntax_error(yajl_handle yajl, const char *text, size_t size, struct error *err);

static yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_map_key,
    .yajl_end_map = on_end_map,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end_array,
};

int json_parse(struct arena *arena, const char *text, size_t size, const struct json_limits *limits, struct json **ret,
    struct error *err)
{
	static const struct json_limits none = {0};
	struct parser p = {.arena = arena, .limits = limits ? limits : &none, .err = err};
	size_t size_max = p.limits->size_max ? p.limits->size_max : SIZE_MAX_DEFAULT;
	yajl_handle yajl;
	yajl_status status;
	int r = 0;

	if (size > size_max)
		return error_set(err, ERR_TOO_LARGE, "the document has %zu bytes, the limit is %zu", size, size_max);
	p.depth_max = p.limits->depth_max ? p.limits->depth_max : DEPTH_MAX_DEFAULT;
	p.frames = malloc((p.depth_max + 1) * sizeof(*p.frames));
	yajl = yajl_alloc(&callbacks, NULL, &p);
	if (!yajl || !p.frames)
		abort();
	status = yajl_parse(yajl, (const unsigned char *)text, size);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(yajl);
	if (status == yajl_status_ok && p.root)
		*ret = p.root;
	else if (status == yajl_status_client_canceled)
		r = -1; /* the callback has set the error */
	else
		r = syntax_error(yajl, text, size, err);
	yajl_free(yajl);
	free(p.frames);
	free(p.children);
	return r;
}

static int on_null(void *ctx)
{
	return add(ctx, JSON_NULL, false, NULL, 0);
}

static int on_boolean(void *ctx, int value)
{
	return add(ctx, JSON_BOOL, value, NULL, 0);
}

static int on_number(void *ctx, const char *text, size_t size)
{
	return add(ctx, JSON_NUMBER, false, text, size);
}

static int on_string(void *ctx, const unsigned char *text, size_t size)
{
	return add(ctx, JSON_STRING, false, text, size);
}

static int on_start_map(void *ctx)
{
	return open_container(ctx, true);
}

static int on_start_array(void *ctx)
{
	return open_container(ctx, false);
}

static int on_map_key(void *ctx, const unsigned char *text, size_t size)
{
	struct parser *p = ctx;

	if (memchr(text, 0, size)) {
		error_set(p->err, ERR_BAD_REQUEST, "a key contains a NUL character");
		return 0;
	}
	p->frames[p->depth - 1].key = arena_strndup(p->arena, (const char *)text, size);
	return 1;
}

static int on_end_map(void *ctx)
{
	struct parser *p = ctx;
	struct json *v = ARENA_NEW(p->arena, struct json);
	struct json_member *members = p->children + p->frames[p->depth - 1].start;
	size_t len = p->len - p->frames[p->depth - 1].start;

	v->type = JSON_OBJECT;
	p->len -= len;
	v->len = v->capacity = merge_duplicates(p, members, len);
	v->members = v->len ? arena_memdup(p->arena, members, v->len * sizeof(*members)) : NULL;
	p->depth--;
	add_child(p, v);
	return 1;
}

static int on_end_array(void *ctx)
{
	struct parser *p = ctx;
	struct json *v = ARENA_NEW(p->arena, struct json);
	size_t start = p->frames[--p->depth].start;

	v->type = JSON_ARRAY;
	v->len = v->capacity = p->len - start;
	v->items = ARENA_ARRAY(p->arena, struct json *, v->len);
	for (size_t i = 0; i < v->len; i++)
		v->items[i] = p->children[start + i].value;
	p->len = start;
	add_child(p, v);
	return 1;
}

static int add(struct parser *p, enum json_type type, bool boolean, const void *text, size_t size)
{
	struct json *v = ARENA_NEW(p->arena, struct json);

	v->type = type;
	v->boolean = boolean;
	if (text) {
		if (memchr(text, 0, size)) {
			error_set(p->err, ERR_BAD_REQUEST, "a string contains a NUL character");
			return 0;
		}
		v->len = size;
		v->text = arena_strndup(p->arena, text, size);
	}
	add_child(p, v);
	return 1;
}

static int open_container(struct parser *p, bool is_object)
{
	if (p->depth == p->depth_max) {
		error_set(p->err, ERR_BAD_REQUEST, "nested deeper than %zu levels", p->depth_max);
		return 0;
	}
	p->frames[p->depth++] = (struct frame){.is_object = is_object, .start = p->len};
	return 1;
}

static void add_child(struct parser *p, struct json *value)
{
	if (p->depth == 0) {
		p->root = value;
		return;
	}
	if (p->len == p->capacity) {
		p->capacity = p->capacity ? p->capacity * 2 : 64;
		p->children = realloc(p->children, p->capacity * sizeof(*p->children));
		if (!p->children)
			abort();
	}
	p->children[p->len++] = (struct json_member){p->frames[p->depth - 1].key, value};
}

/* The last value of a key wins and stands where the first stood. Returns the new length. */
static size_t merge_duplicates(struct parser *p, struct json_member *members, size_t len)
{
	struct json_member **sorted = NULL;
	size_t kept = 0;

	if (len <= FEW_MEMBERS) {
		for (size_t i = 1; i < len; i++) {
			size_t j = 0;

			while (j < i && strcmp(members[j].key, members[i].key) != 0)
				j++;
			if (j < i)
				keep_last(p, &members[j], &members[i]);
		}
	} else {
		sorted = malloc(len * sizeof(struct json_member *));
		if (!sorted)
			abort();
		for (size_t i = 0; i < len; i++)
			sorted[i] = &members[i];
		qsort(sorted, len, sizeof(struct json_member *), compare_members);
		for (size_t i = 1; i < len; i++) {
			if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0) {
				struct json_member *again = sorted[i];

				sorted[i] = sorted[i - 1];
				keep_last(p, sorted[i], again);
			}
		}
		free(sorted);
	}
	for (size_t i = 0; i < len; i++) {
		if (members[i].value)
			members[kept++] = members[i];
	}
	return kept;
}

static void keep_last(struct parser *p, struct json_member *first, const struct json_member *again)
{
	report_duplicate(p, first->key);
	first->value = again->value;
	((struct json_member *)again)->value = NULL;
}

static void report_duplicate(struct parser *p, const char *key)
{
	struct buf path = BUF_INIT;
	size_t start = 0;

	if (!p->limits->on_duplicate)
		return;
	for (size_t i = 0; i + 1 < p->depth; i++) {
		const struct frame *f = &p->frames[i];

		if (f->is_object) {
			buf_printf(&path, "%s%s", path.size ? "." : "", f->key);
		} else {
			start = p->frames[i + 1].start;
			buf_printf(&path, "[%zu]", start - f->start);
		}
	}
	buf_printf(&path, "%s%s", path.size ? "." : "", key);
	p->limits->on_duplicate(p->limits->arg, buf_str(&path));
	buf_done(&path);
}

/* By key, equal ones as they came. */
static int compare_members(const void *a, const void *b)
{
	const struct json_member *x = *(struct json_member *const *)a, *y = *(struct json_member *const *)b;
	int order = strcmp(x->key, y->key);

	return order != 0 ? order : x < y ? -1 : 1;
}

static int syntax_error(yajl_handle yajl, const char *text, size_t size, struct error *err)
{
	size_t at = yajl_get_bytes_consumed(yajl), line = 1, column = 1;
	unsigned char *why = yajl_get_error(yajl, 0, NULL, 0);
	size_t why_len = strcspn((const char *)why, "\n");

	for (size_t i = 0; i < at && i < size; i++) {
		column++;
		if (text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	error_set(err, ERR_BAD_REQUEST, "invalid JSON at line %zu, column %zu: %.*s", line, column, (int)why_len, why);
	yajl_free_error(yajl, why);
	return -1;
}
