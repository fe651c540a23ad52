#include "lib/api/json_text.h"

#include <stdint.h>
#include <string.h>

#include "lib/api/number.h"

enum { DEPTH_LIMIT = 1024 };

struct scan {
	const unsigned char *p, *end;
	uint8_t is_object[DEPTH_LIMIT / 8]; /* one bit for each open container */
	size_t depth, depth_max;
};

static bool scan_scalar(struct scan *s);
static bool scan_string(struct scan *s);
static bool scan_escape(struct scan *s);
static bool scan_number(struct scan *s);
static bool scan_number_text(struct scan *s);
static bool scan_digits(struct scan *s);
static bool scan_word(struct scan *s, const char *word);
static bool scan_open(struct scan *s, bool is_object);
static bool scan_key(struct scan *s);
static bool take(struct scan *s, unsigned char c);

size_t json_utf8_len(const unsigned char *p, size_t size)
{
	size_t len = p[0] < 0x80                   ? 1
		     : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		     : (p[0] & 0xf0) == 0xe0       ? 3
		     : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						   : 0;

	if (len == 0 || len > size)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
		return 0;
	return len;
}

/*
 * A state machine over two questions: does a value come next, and which container is open. The stack is one
 * bit a level, so any nesting up to the limit costs no recursion.
 */
bool json_text_is_clean(const void *text, size_t size, size_t depth_max)
{
	struct scan s = {.p = text, .depth_max = depth_max < DEPTH_LIMIT ? depth_max : DEPTH_LIMIT};

	s.end = s.p + size;
	for (;;) {
		/* a value */
		if (take(&s, '{')) {
			if (!scan_open(&s, true))
				return false;
			if (!take(&s, '}')) {
				if (!scan_key(&s))
					return false;
				continue;
			}
			s.depth--;
		} else if (take(&s, '[')) {
			if (!scan_open(&s, false))
				return false;
			if (!take(&s, ']'))
				continue;
			s.depth--;
		} else if (!scan_scalar(&s)) {
			return false;
		}
		/* what follows it */
		for (;;) {
			bool in_object;

			if (s.depth == 0)
				return s.p == s.end;
			in_object = s.is_object[(s.depth - 1) / 8] >> ((s.depth - 1) % 8) & 1;
			if (take(&s, ',')) {
				if (in_object && !scan_key(&s))
					return false;
				break;
			}
			if (!take(&s, in_object ? '}' : ']'))
				return false;
			s.depth--;
		}
	}
}

bool json_text_find_huge_number(const void *text, size_t size, const char **ret, size_t *ret_size)
{
	static const char digits[256] = {
	    ['0' ... '9'] = 1, ['-'] = 1, ['+'] = 1, ['.'] = 1, ['e'] = 1, ['E'] = 1};
	const unsigned char *p = text, *end = p + size, *start;

	while (p < end) {
		if (*p == '"') {
			for (p++; p < end && *p != '"'; p++)
				p += *p == '\\' && p + 1 < end;
			p += p < end;
		} else if (*p == '-' || (*p >= '0' && *p <= '9')) {
			for (start = p++; p < end && digits[*p];)
				p++;
			*ret = (const char *)start;
			*ret_size = (size_t)(p - start);
			if (!number_is_in_range(*ret, *ret_size))
				return true;
		} else {
			p++;
		}
	}
	return false;
}

static bool scan_scalar(struct scan *s)
{
	if (s->p == s->end)
		return false;
	switch (*s->p) {
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return scan_number(s);
	}
}

static bool scan_string(struct scan *s)
{
	if (!take(s, '"'))
		return false;
	while (s->p < s->end) {
		unsigned char c = *s->p;

		if (json_is_plain(c)) {
			s->p++;
		} else if (c == '"') {
			s->p++;
			return true;
		} else if (c == '\\') {
			if (!scan_escape(s))
				return false;
		} else {
			size_t len = c < 0x80 ? 0 : json_utf8_len(s->p, (size_t)(s->end - s->p));

			if (len == 0 || (c == 0xe2 && s->p[1] == 0x80 && (s->p[2] & ~1) == 0xa8))
				return false;
			s->p += len;
		}
	}
	return false;
}

/* Only the escapes that Go writes. */
static bool scan_escape(struct scan *s)
{
	static const char *const longs[] = {"\\u003c", "\\u003e", "\\u0026", "\\u2028", "\\u2029", "\\ufffd"};
	size_t left = (size_t)(s->end - s->p);

	if (left >= 2 && s->p[1] && strchr("\"\\bfnrt", s->p[1])) {
		s->p += 2;
		return true;
	}
	if (left < 6)
		return false;
	for (size_t i = 0; i < sizeof(longs) / sizeof(longs[0]); i++) {
		if (memcmp(s->p, longs[i], 6) == 0) {
			s->p += 6;
			return true;
		}
	}
	/* control characters without a letter of their own; NUL is not among them */
	if (memcmp(s->p, "\\u00", 4) != 0 || (s->p[4] != '0' && s->p[4] != '1') || !s->p[5] ||
	    !strchr(s->p[4] == '0' ? "1234567bef" : "0123456789abcdef", s->p[5]))
		return false;
	s->p += 6;
	return true;
}

static bool scan_number(struct scan *s)
{
	const unsigned char *start = s->p;

	return scan_number_text(s) && number_is_in_range((const char *)start, (size_t)(s->p - start));
}

static bool scan_number_text(struct scan *s)
{
	take(s, '-');
	if (!take(s, '0') && !scan_digits(s))
		return false;
	if (take(s, '.') && !scan_digits(s))
		return false;
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '+'))
			take(s, '-');
		return scan_digits(s);
	}
	return true;
}

static bool scan_digits(struct scan *s)
{
	const unsigned char *start = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p > start;
}

static bool scan_word(struct scan *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
		return false;
	s->p += len;
	return true;
}

static bool scan_open(struct scan *s, bool is_object)
{
	uint8_t bit = (uint8_t)(1 << (s->depth % 8));

	if (s->depth == s->depth_max)
		return false;
	if (is_object)
		s->is_object[s->depth / 8] |= bit;
	else
		s->is_object[s->depth / 8] &= (uint8_t)~bit;
	s->depth++;
	return true;
}

static bool scan_key(struct scan *s)
{
	return scan_string(s) && take(s, ':');
}

static bool take(struct scan *s, unsigned char c)
{
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}
