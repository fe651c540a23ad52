/* JSON trees to text, as Go's encoding/json prints. */
#include <stdint.h>
#include <string.h>

#include "lib/api/json.h"
#include "lib/api/json_text.h"
#include "lib/base/buf.h"

static void write_value(struct buf *out, const struct json *v, int indent, int level);
static void write_line(struct buf *out, int indent, int level);
static void write_escape(struct buf *out, const unsigned char **p, const unsigned char *end);

void json_write(struct buf *out, const struct json *v, int indent)
{
	write_value(out, v, indent, 0);
}

/* True when one of eight bytes is not plain. */
static bool may_need_escape(uint64_t eight)
{
	const uint64_t ones = 0x0101010101010101, highs = ones << 7;
	/* A byte below n borrows into its highest bit. Bytes of 0x80 and more show by themselves. */
#define BELOW(x, n) (((x)-ones * (n)) & ~(x))
#define EQUAL(x, c) BELOW((x) ^ ones * (c), 1)
	/* '<' and '>' differ in one bit, and so do '"' and '&'. */
	return (eight | BELOW(eight, 0x20) | EQUAL(eight, '\\') | EQUAL(eight | ones * 2, '>') |
		   EQUAL(eight | ones * 4, '&')) &
	       highs;
#undef BELOW
#undef EQUAL
}

void json_write_string(struct buf *out, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + len;
	char *to = buf_reserve(out, len + 2); /* enough when nothing needs an escape, as is usual */

	*to++ = '"';
	for (uint64_t eight; (size_t)(end - p) >= sizeof eight; p += sizeof eight, to += sizeof eight) {
		memcpy(&eight, p, sizeof eight);
		if (may_need_escape(eight))
			break;
		memcpy(to, &eight, sizeof eight);
	}
	while (p < end && json_is_plain(*p))
		*to++ = (char)*p++;
	out->size = (size_t)(to - out->data);
	while (p < end) {
		const unsigned char *plain = p;

		while (p < end && json_is_plain(*p))
			p++;
		buf_append(out, plain, (size_t)(p - plain));
		if (p < end)
			write_escape(out, &p, end);
	}
	buf_append(out, "\"", 1);
}

static void write_value(struct buf *out, const struct json *v, int indent, int level)
{
	char close = v->type == JSON_ARRAY ? ']' : '}';

	switch (v->type) {
	case JSON_NULL:
		buf_puts(out, "null");
		return;
	case JSON_BOOL:
		buf_puts(out, v->boolean ? "true" : "false");
		return;
	case JSON_NUMBER:
		buf_append(out, v->text, v->len);
		return;
	case JSON_STRING:
		json_write_string(out, v->text, v->len);
		return;
	default:
		break;
	}
	buf_putc(out, v->type == JSON_ARRAY ? '[' : '{');
	for (size_t i = 0; i < v->len; i++) {
		if (i > 0)
			buf_putc(out, ',');
		write_line(out, indent, level + 1);
		if (v->type == JSON_ARRAY) {
			write_value(out, v->items[i], indent, level + 1);
			continue;
		}
		json_write_string(out, v->members[i].key, strlen(v->members[i].key));
		buf_append(out, ": ", indent > 0 ? 2 : 1);
		write_value(out, v->members[i].value, indent, level + 1);
	}
	if (v->len > 0)
		write_line(out, indent, level);
	buf_putc(out, close);
}

static void write_line(struct buf *out, int indent, int level)
{
	size_t spaces = (size_t)(indent * level);

	if (indent <= 0)
		return;
	buf_putc(out, '\n');
	memset(buf_reserve(out, spaces), ' ', spaces);
	out->size += spaces;
	out->data[out->size] = '\0';
}

/* One character that is not plain: escaped, copied when it is well-formed UTF-8, else replaced by U+FFFD as
 * Go does. */
static void write_escape(struct buf *out, const unsigned char **p, const unsigned char *end)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c = **p;
	size_t len;

	if (c < 0x80) {
		static const char escaped[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
		const char *at = c ? strchr(escaped, c) : NULL;

		if (at)
			buf_printf(out, "\\%c", letter[at - escaped]);
		else
			buf_printf(out, "\\u00%c%c", hex[c >> 4], hex[c & 15]);
		(*p)++;
		return;
	}
	len = json_utf8_len(*p, (size_t)(end - *p));
	if (len == 0)
		buf_puts(out, "\\ufffd");
	else if (len == 3 && c == 0xe2 && (*p)[1] == 0x80 && ((*p)[2] & ~1) == 0xa8)
		buf_puts(out, (*p)[2] & 1 ? "\\u2029" : "\\u2028"); /* line breaks to JavaScript */
	else
		buf_append(out, *p, len);
	*p += len ? len : 1;
}
