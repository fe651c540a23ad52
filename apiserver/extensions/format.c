/* The formats of strings that upstream checks; all others say nothing. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/extensions/custom_schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"

static bool digits(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)s[i]))
			return false;
	return true;
}

static bool is_date(const char *s)
{
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	if (strlen(s) < 10 || !digits(s, 4) || s[4] != '-' || !digits(s + 5, 2) || s[7] != '-' ||
	    !digits(s + 8, 2))
		return false;
	int year = atoi(s), month = atoi(s + 5), day = atoi(s + 8);
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] &&
	       !(month == 2 && day == 29 && !is_leap);
}

/* RFC 3339: a date, T, a time with or without a fraction, a zone. */
static bool is_date_time(const char *s)
{
	if (!is_date(s) || (s[10] != 'T' && s[10] != 't'))
		return false;
	s += 11;
	if (strlen(s) < 9 || !digits(s, 2) || s[2] != ':' || !digits(s + 3, 2) || s[5] != ':' ||
	    !digits(s + 6, 2))
		return false;
	if (atoi(s) > 23 || atoi(s + 3) > 59 || atoi(s + 6) > 59)
		return false;
	s += 8;
	if (*s == '.') {
		size_t n = strspn(++s, "0123456789");
		if (!n)
			return false;
		s += n;
	}
	if (!strcmp(s, "Z") || !strcmp(s, "z"))
		return true;
	return (*s == '+' || *s == '-') && strlen(s) == 6 && digits(s + 1, 2) && s[3] == ':' &&
	       digits(s + 4, 2);
}

static bool is_date_only(const char *s)
{
	return strlen(s) == 10 && is_date(s);
}

/* RFC 3986, loosely: no blanks, percent signs with two digits, absolute. */
static bool is_uri(const char *s)
{
	const char *colon = strchr(s, ':');
	if (*s != '/' && (!colon || colon == s || !isalpha((unsigned char)*s)))
		return false;
	for (const char *p = s; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return false;
		if (*p == '%' && (!isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2])))
			return false;
	}
	return true;
}

static bool is_email(const char *s)
{
	const char *at = strrchr(s, '@');
	return at && at != s && at[1] && !strpbrk(s, " \t<>()");
}

static bool is_uuid(const char *s, char version)
{
	size_t n = 0;
	for (const char *p = s; *p; p++) {
		if (*p == '-')
			continue;
		if (!isxdigit((unsigned char)*p))
			return false;
		n++;
		if (n == 13 && version && *p != version)
			return false;
	}
	return n == 32;
}

static bool is_uuid_any(const char *s)
{
	return is_uuid(s, 0);
}

static bool is_uuid3(const char *s)
{
	return is_uuid(s, '3');
}

static bool is_uuid4(const char *s)
{
	return is_uuid(s, '4');
}

static bool is_uuid5(const char *s)
{
	return is_uuid(s, '5');
}

static bool is_byte(const char *s)
{
	struct arena *arena = arena_new();
	size_t size;
	bool ok = str_unbase64(arena, s, strlen(s), &size) != NULL;
	arena_free(arena);
	return ok;
}

static bool is_mac(const char *s)
{
	size_t n = 0;
	char sep = strlen(s) > 2 ? s[2] : ':';
	if (sep != ':' && sep != '-')
		return false;
	for (; isxdigit((unsigned char)s[0]) && isxdigit((unsigned char)s[1]); n++, s++) {
		s += 2;
		if (*s != sep)
			break;
	}
	return !*s && (n == 5 || n == 7 || n == 19);
}

/* Go's time.ParseDuration: numbers with units. */
static bool is_duration(const char *s)
{
	static const char *const units[] = {"ns", "us", "µs", "ms", "s", "m", "h", "d", "w", NULL};
	if (*s == '-' || *s == '+')
		s++;
	if (!strcmp(s, "0"))
		return true;
	while (*s) {
		size_t n = strspn(s, "0123456789."), unit = 0;
		for (const char *const *u = units; *u && !unit && n; u++)
			if (str_has_prefix(s + n, *u) && !(str_has_prefix(s + n, "ms") && !strcmp(*u, "m")))
				unit = strlen(*u);
		if (!unit)
			return false;
		s += n + unit;
		if (!*s)
			return true;
	}
	return false;
}

static bool is_hostname(const char *s)
{
	size_t len = strlen(s);
	if (!len || len > 255)
		return false;
	while (*s) {
		size_t n = strcspn(s, ".");
		if (!n || n > 63 || s[0] == '-' || s[n - 1] == '-')
			return false;
		for (size_t i = 0; i < n; i++)
			if (!isalnum((unsigned char)s[i]) && s[i] != '-')
				return false;
		s += n + (s[n] == '.');
	}
	return true;
}

const char *custom_format_check(const char *format, const char *text)
{
	static const struct {
		const char *name;
		bool (*check)(const char *s);
		const char *detail;
	} formats[] = {{"date-time", is_date_time, "must be of type date-time"},
	    {"datetime", is_date_time, "must be of type date-time"},
	    {"date", is_date_only, "must be of type date"}, {"uri", is_uri, "must be of type uri"},
	    {"email", is_email, "must be of type email"}, {"uuid", is_uuid_any, "must be of type uuid"},
	    {"uuid3", is_uuid3, "must be of type uuid3"}, {"uuid4", is_uuid4, "must be of type uuid4"},
	    {"uuid5", is_uuid5, "must be of type uuid5"}, {"byte", is_byte, "must be of type byte"},
	    {"mac", is_mac, "must be of type mac"}, {"duration", is_duration, "must be of type duration"},
	    {"hostname", is_hostname, "must be of type hostname"},
	    {"ipv4", format_is_ipv4, "must be of type ipv4"},
	    {"ipv6", format_is_ipv6, "must be of type ipv6"},
	    {"cidr", format_is_cidr, "must be of type cidr"}};
	for (size_t i = 0; !str_empty(format) && i < sizeof formats / sizeof formats[0]; i++)
		if (!strcmp(format, formats[i].name))
			return formats[i].check(text) ? NULL : formats[i].detail;
	return NULL;
}
