/*
 * The body of a JSON list: references to the encodings of cached items, copied when the connection takes
 * them. So a list costs 16 bytes an item here, however large the items and however slow the client, and shows
 * one moment of the cache. Each item's memory is visited twice in all: a large list does not fit the
 * processor's caches, and that is what it costs.
 */
#include <stdlib.h>
#include <string.h>

#include "apiserver/registry/internal.h"
#include "lib/base/buf.h"

struct piece {
	struct bytes *json;
	size_t skip; /* kind and apiVersion, which items of built-in lists go without */
};

struct list_body {
	struct piece *pieces;
	size_t len, capacity;
	size_t size; /* of all items with what stands before them */
	struct buf head, tail;
	size_t at, offset; /* the span that is next: head, then for each item what stands before it and
			      itself, tail */
};

struct list_body *list_body_new(void)
{
	struct list_body *body = calloc(1, sizeof *body);
	if (!body)
		abort();
	return body;
}

/* The piece of span 2i + 1 (what stands before it) and 2i + 2. */
static struct piece *piece_of(const struct list_body *body, size_t at)
{
	return &body->pieces[(at - 1) / 2];
}

void list_body_free(struct list_body *body)
{
	if (!body)
		return;
	/* Those before `at` were let go when they had been copied. */
	for (size_t i = body->at > 0 ? (body->at - 1) / 2 : 0; i < body->len; i++)
		bytes_unref(body->pieces[i].json);
	free(body->pieces);
	buf_done(&body->head);
	buf_done(&body->tail);
	free(body);
}

static const char *before(const struct list_body *body, size_t at)
{
	bool is_first = at == 1;
	if (piece_of(body, at)->skip)
		return is_first ? "{" : ",{";
	return is_first ? "" : ",";
}

/* Behind {"kind":"...","apiVersion":"...", whose values have no commas. */
static size_t type_size(const struct bytes *json)
{
	const char *comma = strchr(json->data, ',');
	comma = comma ? strchr(comma + 1, ',') : NULL;
	return comma ? (size_t)(comma + 1 - json->data) : 0;
}

void list_body_add(struct list_body *body, struct bytes *take_json, bool is_typed)
{
	if (body->len == body->capacity) {
		body->capacity = body->capacity ? body->capacity * 2 : 16;
		body->pieces = realloc(body->pieces, body->capacity * sizeof *body->pieces);
		if (!body->pieces)
			abort();
	}
	size_t skip = is_typed ? type_size(take_json) : 0;
	body->pieces[body->len++] = (struct piece){take_json, skip};
	body->size += strlen(before(body, 2 * body->len - 1)) + take_json->size - skip;
}

static const char *span(const struct list_body *body, size_t at, size_t *ret_size)
{
	if (at == 0 || at > 2 * body->len) {
		const struct buf *buf = at ? &body->tail : &body->head;
		*ret_size = buf->size;
		return buf->data;
	}
	if (at % 2) {
		const char *text = before(body, at);
		*ret_size = strlen(text);
		return text;
	}
	const struct piece *piece = piece_of(body, at);
	*ret_size = piece->json->size - piece->skip;
	return piece->json->data + piece->skip;
}

static void next_span(struct list_body *body)
{
	if (body->at > 0 && body->at <= 2 * body->len && body->at % 2 == 0)
		bytes_unref(piece_of(body, body->at)->json);
	body->at++;
	body->offset = 0;
	if (body->at + 2 < 2 * body->len)
		__builtin_prefetch(piece_of(body, body->at + 2)->json);
}

static size_t fill(void *arg, char *to, size_t room)
{
	struct list_body *body = arg;
	size_t done = 0, size = 0;
	while (done < room && body->at <= 2 * body->len + 1) {
		const char *data = span(body, body->at, &size);
		size_t part = size - body->offset < room - done ? size - body->offset : room - done;
		if (part)
			memcpy(to + done, data + body->offset, part);
		done += part;
		body->offset += part;
		if (body->offset < size)
			break;
		next_span(body);
	}
	return done;
}

static void on_done(void *arg)
{
	list_body_free(arg);
}

struct http_source list_body_source(struct list_body *take_body, struct buf *take_head, struct buf *take_tail)
{
	take_body->head = *take_head;
	take_body->tail = *take_tail;
	*take_head = *take_tail = BUF_INIT;
	size_t size = take_body->head.size + take_body->size + take_body->tail.size;
	return (struct http_source){.size = size, .fill = fill, .done = on_done, .arg = take_body};
}
