#include "lib/api/yaml_resolve.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 6 };

static bool find_word(const char *text, size_t len, enum yaml_meaning *ret);
static bool resolve_number(const char *plain, char number[NUMBER_TEXT_MAX]);
static bool resolve_int(const char *plain, char number[NUMBER_TEXT_MAX]);
static bool resolve_float(const char *plain, char number[NUMBER_TEXT_MAX]);
static bool is_float(const char *s);
static bool is_timestamp(const char *s);
static bool is_base60(const char *s);
static const char *skip_digits(const char *s, int most);

enum yaml_meaning yaml_resolve(const char *text, size_t len, char number[NUMBER_TEXT_MAX])
{
	enum yaml_meaning meaning;
	char *plain;
	size_t plain_len = 0;
	bool is_number;

	if (find_word(text, len, &meaning))
		return meaning;
	/* Anything else that is no string starts like a number. */
	if (!strchr("+-.0123456789", text[0]) || memchr(text, 0, len))
		return YAML_STRING;
	if (text[0] == '.')
		return is_float(text) && resolve_float(text, number) ? YAML_NUMBER : YAML_STRING;
	if (is_timestamp(text))
		return YAML_TIMESTAMP;
	if (!memchr(text, '_', len))
		return resolve_number(text, number) ? YAML_NUMBER : YAML_STRING;
	plain = malloc(len + 1);
	if (!plain)
		abort();
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '_')
			plain[plain_len++] = text[i];
	}
	plain[plain_len] = '\0';
	is_number = resolve_number(plain, number);
	free(plain);
	return is_number ? YAML_NUMBER : YAML_STRING;
}

bool yaml_needs_quotes(const char *text, size_t len)
{
	char number[NUMBER_TEXT_MAX];

	/* Base 60 numbers are not read any more, but older readers do. */
	return yaml_resolve(text, len, number) != YAML_STRING || (!memchr(text, 0, len) && is_base60(text));
}

static bool find_word(const char *text, size_t len, enum yaml_meaning *ret)
{
	static const struct {
		char word[WORD_MAX];
		enum yaml_meaning meaning;
	} words[] = {
	    {"", YAML_NULL},
	    {"~", YAML_NULL},
	    {"null", YAML_NULL},
	    {"Null", YAML_NULL},
	    {"NULL", YAML_NULL},
	    {"y", YAML_TRUE},
	    {"Y", YAML_TRUE},
	    {"yes", YAML_TRUE},
	    {"Yes", YAML_TRUE},
	    {"YES", YAML_TRUE},
	    {"true", YAML_TRUE},
	    {"True", YAML_TRUE},
	    {"TRUE", YAML_TRUE},
	    {"on", YAML_TRUE},
	    {"On", YAML_TRUE},
	    {"ON", YAML_TRUE},
	    {"n", YAML_FALSE},
	    {"N", YAML_FALSE},
	    {"no", YAML_FALSE},
	    {"No", YAML_FALSE},
	    {"NO", YAML_FALSE},
	    {"false", YAML_FALSE},
	    {"False", YAML_FALSE},
	    {"FALSE", YAML_FALSE},
	    {"off", YAML_FALSE},
	    {"Off", YAML_FALSE},
	    {"OFF", YAML_FALSE},
	    {"<<", YAML_MERGE},
	    {".nan", YAML_NOT_FINITE},
	    {".NaN", YAML_NOT_FINITE},
	    {".NAN", YAML_NOT_FINITE},
	    {".inf", YAML_NOT_FINITE},
	    {".Inf", YAML_NOT_FINITE},
	    {".INF", YAML_NOT_FINITE},
	    {"+.inf", YAML_NOT_FINITE},
	    {"+.Inf", YAML_NOT_FINITE},
	    {"+.INF", YAML_NOT_FINITE},
	    {"-.inf", YAML_NOT_FINITE},
	    {"-.Inf", YAML_NOT_FINITE},
	    {"-.INF", YAML_NOT_FINITE},
	};

	if (len >= WORD_MAX)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].word) == len && memcmp(words[i].word, text, len) == 0) {
			*ret = words[i].meaning;
			return true;
		}
	}
	return false;
}

static bool resolve_number(const char *plain, char number[NUMBER_TEXT_MAX])
{
	return resolve_int(plain, number) || (is_float(plain) && resolve_float(plain, number));
}

/* Decimal, 0x, 0o, 0b, and a leading 0 for octal, as strconv.ParseInt with base 0. */
static bool resolve_int(const char *plain, char number[NUMBER_TEXT_MAX])
{
	bool negative = *plain == '-';
	const char *digits = plain + (*plain == '-' || *plain == '+');
	unsigned long long value;
	int base = 10;
	char *end;

	if (digits[0] == '0' && digits[1]) {
		char c = (char)(digits[1] | 0x20);

		base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
		digits += c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
	}
	if (!((*digits >= '0' && *digits <= '9') ||
		(base == 16 && *digits && strchr("abcdefABCDEF", *digits))))
		return false;
	errno = 0;
	value = strtoull(digits, &end, base);
	if (errno != 0 || *end != '\0')
		return false;
	if (negative && value > (unsigned long long)INT64_MAX + 1)
		return false;
	snprintf(number, NUMBER_TEXT_MAX, "%s%llu", negative && value ? "-" : "", value);
	return true;
}

static bool resolve_float(const char *plain, char number[NUMBER_TEXT_MAX])
{
	double value;

	if (!number_parse_double(plain, &value))
		return false;
	number_format_double(value, number);
	return true;
}

/* ^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$ */
static bool is_float(const char *s)
{
	const char *start;

	s += *s == '-' || *s == '+';
	start = s;
	s = skip_digits(s, INT_MAX);
	if (*s == '.') {
		const char *fraction = s + 1;

		s = skip_digits(fraction, INT_MAX);
		if (start + 1 == fraction && s == fraction)
			return false;
	} else if (s == start) {
		return false;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		start = s;
		s = skip_digits(s, INT_MAX);
		if (s == start)
			return false;
	}
	return *s == '\0';
}

/* 2006-1-2, and with a time behind T, t or a blank; the ranges of the numbers are not checked. */
static bool is_timestamp(const char *s)
{
	const char *p = skip_digits(s, 4), *start;
	char between;

	if (p != s + 4)
		return false;
	for (int i = 0; i < 2; i++) {
		if (*p++ != '-')
			return false;
		start = p;
		p = skip_digits(p, 2);
		if (p == start)
			return false;
	}
	if (*p == '\0')
		return true;
	between = *p++;
	if (between != 'T' && between != 't' && between != ' ')
		return false;
	for (int i = 0; i < 3; i++) {
		if (i > 0 && *p++ != ':')
			return false;
		start = p;
		p = skip_digits(p, 2);
		if (p == start)
			return false;
	}
	if (*p == '.')
		p = skip_digits(p + 1, 30);
	if (between == ' ')
		return *p == '\0';
	if (*p == 'Z')
		return p[1] == '\0';
	return (*p == '+' || *p == '-') && skip_digits(p + 1, 2) == p + 3 && p[3] == ':' &&
	       skip_digits(p + 4, 2) == p + 6 && p[6] == '\0';
}

/* ^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$ */
static bool is_base60(const char *s)
{
	s += *s == '-' || *s == '+';
	if (*s < '0' || *s > '9')
		return false;
	s += strspn(s, "0123456789_");
	if (*s != ':')
		return false;
	while (*s == ':') {
		const char *digits = s + 1;

		s = skip_digits(digits, 2);
		if (s == digits || (s == digits + 2 && *digits > '5'))
			return false;
	}
	if (*s == '.')
		s += 1 + strspn(s + 1, "0123456789_");
	return *s == '\0';
}

static const char *skip_digits(const char *s, int most)
{
	while (most-- > 0 && *s >= '0' && *s <= '9')
		s++;
	return s;
}
