/* JSON text to tree: yajl calls back for each token, json_build makes the tree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "lib/api/json.h"
#include "lib/api/json_build.h"
#include "lib/api/number.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

static int on_null(void *ctx);
static int on_boolean(void *ctx, int value);
static int on_number(void *ctx, const char *text, size_t size);
static int on_string(void *ctx, const unsigned char *text, size_t size);
static int on_start_map(void *ctx);
static int on_map_key(void *ctx, const unsigned char *text, size_t size);
static int on_start_array(void *ctx);
static int on_end(void *ctx);
static const char *find_odd_space(const char *text, size_t size);
static int check_end(const char *text, size_t end, size_t size, struct error *err);
static int syntax_error(yajl_handle yajl, const char *text, size_t size, struct error *err);
static int error_at(const char *text, size_t at, const char *why, struct error *err);

static yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_map_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

/* The builder comes first: it is what most callbacks see. */
struct parse {
	struct json_builder build;
	yajl_handle yajl;
	size_t size, end; /* of the text; behind its value */
	bool is_over;     /* all of it was given to yajl */
};

int json_parse(struct arena *arena, const char *text, size_t size, const struct json_limits *limits,
    struct json **ret, struct error *err)
{
	struct parse p = {.size = size};
	const char *odd;
	yajl_status status;
	int r = 0;

	if (json_build_init(&p.build, arena, limits, size, err) < 0)
		return -1;
	odd = find_odd_space(text, size);
	if (odd) {
		json_build_done(&p.build);
		return error_at(text, (size_t)(odd - text),
		    "it has a vertical tab or a form feed, which JSON has not", err);
	}
	p.yajl = yajl_alloc(&callbacks, NULL, &p);
	if (!p.yajl)
		abort();
	status = yajl_parse(p.yajl, (const unsigned char *)text, size);
	p.is_over = true;
	if (status == yajl_status_ok)
		status = yajl_complete_parse(p.yajl);
	if (status == yajl_status_ok && p.build.root)
		r = check_end(text, p.end, size, err);
	else if (status == yajl_status_client_canceled)
		r = -1; /* the callback has set the error */
	else
		r = syntax_error(p.yajl, text, size, err);
	if (r == 0)
		*ret = p.build.root;
	yajl_free(p.yajl);
	json_build_done(&p.build);
	return r;
}

/* yajl overlooks the start of a string behind the value when the text ends within it. */
static int check_end(const char *text, size_t end, size_t size, struct error *err)
{
	while (end < size && strchr(" \t\r\n", text[end]) && text[end])
		end++;
	return end < size ? error_at(text, end, "trailing garbage", err) : 0;
}

/* yajl's callbacks return 0 to stop. What is added to no container is all of the text. */

static int added(struct parse *p)
{
	if (p->build.depth == 0)
		p->end = p->is_over ? p->size : yajl_get_bytes_consumed(p->yajl);
	return 1;
}

static int on_null(void *ctx)
{
	return json_build_scalar(ctx, JSON_NULL, false, NULL, 0) == 0 && added(ctx);
}

static int on_boolean(void *ctx, int value)
{
	return json_build_scalar(ctx, JSON_BOOL, value, NULL, 0) == 0 && added(ctx);
}

static int on_number(void *ctx, const char *text, size_t size)
{
	enum { SHOWN_MAX = 40 };

	/* As every reader of JSON by doubles, upstream's among them, refuses: 1e400. */
	if (!number_is_in_range(text, size)) {
		error_set(((struct json_builder *)ctx)->err, ERR_BAD_REQUEST, "number %.*s is out of range",
		    (int)(size < SHOWN_MAX ? size : SHOWN_MAX), text);
		return 0;
	}
	return json_build_scalar(ctx, JSON_NUMBER, false, text, size) == 0 && added(ctx);
}

static int on_string(void *ctx, const unsigned char *text, size_t size)
{
	return json_build_scalar(ctx, JSON_STRING, false, (const char *)text, size) == 0 && added(ctx);
}

static int on_start_map(void *ctx)
{
	return json_build_open(ctx, true) == 0;
}

static int on_map_key(void *ctx, const unsigned char *text, size_t size)
{
	return json_build_key(ctx, (const char *)text, size) == 0;
}

static int on_start_array(void *ctx)
{
	return json_build_open(ctx, false) == 0;
}

static int on_end(void *ctx)
{
	json_build_close(ctx);
	return added(ctx);
}

/* Two bytes that yajl skips like blanks. In JSON they stand nowhere: in strings they are escaped. */
static const char *find_odd_space(const char *text, size_t size)
{
	const char *tab = size ? memchr(text, '\v', size) : NULL;

	return tab || !size ? tab : memchr(text, '\f', size);
}

static int syntax_error(yajl_handle yajl, const char *text, size_t size, struct error *err)
{
	size_t at = yajl_get_bytes_consumed(yajl);
	unsigned char *why = yajl_get_error(yajl, 0, NULL, 0);
	char reason[200];

	snprintf(reason, sizeof(reason), "%.*s", (int)strcspn((const char *)why, "\n"), why);
	yajl_free_error(yajl, why);
	return error_at(text, at < size ? at : size, reason, err);
}

static int error_at(const char *text, size_t at, const char *why, struct error *err)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < at; i++) {
		column++;
		if (text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	return error_set(err, ERR_BAD_REQUEST, "invalid JSON at line %zu, column %zu: %s", line, column, why);
}
