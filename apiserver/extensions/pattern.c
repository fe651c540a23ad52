/*
 * Patterns are written for RE2. POSIX's extended syntax runs most of them once what it lacks is spelled out:
 * \d, \w and \s (also inside brackets), (?:groups), lazy repetition (which matches the same texts), \. inside
 * brackets.
 */
#include <string.h>

#include "apiserver/extensions/custom_schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/resources/crd.h"

/* What \x stands for, without brackets; NULL when it is x itself. */
static const char *class_of(char c)
{
	switch (c) {
	case 'd':
		return "0-9";
	case 'w':
		return "0-9A-Za-z_";
	case 's':
		return " \t\n\r\f\v";
	default:
		return NULL;
	}
}

static char control_of(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	default:
		return c;
	}
}

/* A bracket expression. POSIX wants ] first and - last; a backslash there is a character. Returns behind its
 * end. */
static const char *translate_set(const char *p, struct buf *out)
{
	struct buf rest = BUF_INIT;
	bool has_bracket = false, has_dash = false, is_first = true, is_negated = *p == '^';
	if (is_negated)
		p++;
	for (; *p && (*p != ']' || is_first); is_first = false) {
		if (p[0] == '[' && p[1] == ':') {
			const char *end = strstr(p, ":]");
			size_t size = end ? (size_t)(end + 2 - p) : 1;
			buf_append(&rest, p, size);
			p += size;
		} else if (p[0] == '\\' && p[1]) {
			const char *class = class_of(p[1]);
			char c = control_of(p[1]);
			if (class)
				buf_puts(&rest, class);
			else if (c == ']')
				has_bracket = true;
			else if (c == '-')
				has_dash = true;
			else
				buf_putc(&rest, c);
			p += 2;
		} else if (*p == ']') {
			has_bracket = true;
			p++;
		} else if (*p == '-' && (is_first || p[1] == ']')) {
			has_dash = true;
			p++;
		} else {
			buf_putc(&rest, *p++);
		}
	}
	buf_puts(out, is_negated ? "[^" : "[");
	buf_puts(out, has_bracket ? "]" : "");
	buf_append(out, buf_str(&rest), rest.size);
	buf_puts(out, has_dash ? "-]" : "]");
	buf_done(&rest);
	return *p ? p + 1 : p;
}

static const char *translate_escape(const char *p, struct buf *out)
{
	char c = p[1];
	const char *class = class_of(c);
	if (class)
		buf_printf(out, "[%s]", class);
	else if (c == 'D' || c == 'W' || c == 'S')
		buf_printf(out, "[^%s]", class_of((char)(c - 'A' + 'a')));
	else if (c == 'A')
		buf_putc(out, '^');
	else if (c == 'z')
		buf_putc(out, '$');
	else if (strchr("ntr", c))
		buf_putc(out, control_of(c));
	else if (strchr(".[]()*+?{}|^$\\bB", c))
		buf_append(out, p, 2);
	else
		buf_putc(out, c);
	return p + 2;
}

static int translate(const char *p, struct buf *out)
{
	while (*p) {
		if (*p == '\\' && p[1]) {
			p = translate_escape(p, out);
		} else if (*p == '[') {
			p = translate_set(p + 1, out);
		} else if (p[0] == '(' && p[1] == '?') {
			if (p[2] != ':')
				return -1; /* flags, names, look-ahead: beyond POSIX */
			buf_putc(out, '(');
			p += 3;
		} else if (strchr("*+?}", *p) && p[1] == '?') {
			buf_putc(out, *p);
			p += 2;
		} else {
			buf_putc(out, *p++);
		}
	}
	return 0;
}

static void release(void *regex)
{
	regfree(regex);
}

regex_t *custom_pattern_compile(struct arena *arena, const char *pattern)
{
	struct buf text = BUF_INIT;
	regex_t *re = ARENA_NEW(arena, regex_t);
	int flags = REG_EXTENDED | REG_NOSUB;
	if (!strncmp(pattern, "(?i)", 4)) {
		flags |= REG_ICASE;
		pattern += 4;
	}
	int rc = !crd_pattern_is_bounded(pattern) || translate(pattern, &text) ||
		 regcomp(re, buf_str(&text), flags);
	buf_done(&text);
	if (rc)
		return NULL;
	arena_on_free(arena, release, re);
	return re;
}
