#include "lib/client/json_split.h"

#include <string.h>

#define ITEMS_DEPTH 2 /* within the array: {"items":[ */

void json_split_init(
    struct json_split *split, void (*on_item)(void *arg, const char *text, size_t size), void *arg)
{
	*split = (struct json_split){.on_item = on_item, .arg = arg};
}

void json_split_done(struct json_split *split)
{
	buf_done(&split->rest);
	buf_done(&split->item);
}

void json_split_reset(struct json_split *split)
{
	buf_reset(&split->rest);
	buf_reset(&split->item);
	split->depth = 0;
	split->in_string = split->in_escape = split->in_items = false;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Whether the rest ends in `"items":`, that is, the array that starts now is the list. */
static bool items_follow(const struct buf *rest)
{
	static const char key[] = "\"items\"";
	size_t end = rest->size, len = sizeof(key) - 1;
	while (end > 0 && is_space(rest->data[end - 1]))
		end--;
	if (end == 0 || rest->data[--end] != ':')
		return false;
	while (end > 0 && is_space(rest->data[end - 1]))
		end--;
	return end >= len && memcmp(rest->data + end - len, key, len) == 0;
}

/* The end of the run of plain string bytes that starts at p. */
static const char *skip_string(const char *p, const char *end)
{
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

static void end_item(struct json_split *split)
{
	size_t start = 0;
	while (start < split->item.size && is_space(split->item.data[start]))
		start++;
	if (start < split->item.size)
		split->on_item(split->arg, split->item.data + start, split->item.size - start);
	buf_reset(&split->item);
}

static struct buf *destination(struct json_split *split)
{
	return split->in_items ? &split->item : &split->rest;
}

/* Whether this byte, outside of strings, may begin or end the list or one of its items. */
static bool is_boundary(const struct json_split *split, char c)
{
	if (split->in_items)
		return split->depth == ITEMS_DEPTH && (c == ',' || c == ']');
	return split->depth == 1 && c == '[';
}

/* Everything before the boundary is stored. Returns false when the byte itself belongs nowhere. */
static bool cross_boundary(struct json_split *split, char c)
{
	if (c == '[') {
		bool is_list = items_follow(&split->rest);
		buf_putc(&split->rest, c);
		split->in_items = is_list;
		return false;
	}
	end_item(split);
	split->in_items = c == ',';
	return c != ',';
}

void json_split_feed(struct json_split *split, const char *data, size_t size)
{
	const char *start = data; /* of what is read and not yet stored */
	for (const char *p = data, *end = data + size; p < end; p++) {
		if (split->in_escape) {
			split->in_escape = false;
			continue;
		}
		if (split->in_string) {
			p = skip_string(p, end);
			if (p == end)
				break;
			split->in_escape = *p == '\\';
			split->in_string = *p != '"';
			continue;
		}
		char c = *p;
		if (is_boundary(split, c)) {
			buf_append(destination(split), start, (size_t)(p - start));
			start = cross_boundary(split, c) ? p : p + 1;
		}
		if (c == '"')
			split->in_string = true;
		else if (c == '{' || c == '[')
			split->depth++;
		else if (c == '}' || c == ']')
			split->depth--;
	}
	buf_append(destination(split), start, (size_t)(data + size - start));
}

bool json_split_is_complete(const struct json_split *split)
{
	return split->depth == 0 && split->rest.size > 0 && !split->in_string;
}
