#include "lib/api/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Our processes never call setlocale(), so printf and strtod use the C locale's point. */

const char *number_format_double(double value, char out[NUMBER_TEXT_MAX])
{
	char text[32], digits[20], *p = out;
	int precision = 1, exponent, len = 0;

	if (value == 0)
		return strcpy(out, signbit(value) ? "-0" : "0");
	do {
		snprintf(text, sizeof(text), "%.*e", precision - 1, fabs(value));
	} while (strtod(text, NULL) != fabs(value) && ++precision <= 17);
	for (const char *s = text; *s != 'e'; s++) {
		if (*s != '.')
			digits[len++] = *s;
	}
	exponent = atoi(strchr(text, 'e') + 1); /* of the first digit */
	if (value < 0)
		*p++ = '-';
	if (exponent < -6 || exponent >= 21) {
		/* Go drops the zero that C puts in front of a one-digit exponent: 1e-9, and 1e+21. */
		*p++ = digits[0];
		p += snprintf(p, 24, "%s%.*s", len > 1 ? "." : "", len - 1, digits + 1);
		snprintf(p, 8, "e%c%d", exponent < 0 ? '-' : '+', abs(exponent) % 1000);
		return out;
	}
	if (exponent < 0) {
		snprintf(p, 32, "0.%.*s%.*s", -exponent - 1, "000000", len, digits);
		return out;
	}
	for (int i = 0; i < len || i <= exponent; i++) {
		if (i == exponent + 1)
			*p++ = '.';
		*p++ = i < len ? digits[i] : '0';
	}
	*p = '\0';
	return out;
}

const char *number_format_int64(int64_t value, char out[NUMBER_TEXT_MAX])
{
	uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char text[24], *p = text + sizeof(text);

	*--p = '\0';
	do {
		*--p = (char)('0' + size % 10);
		size /= 10;
	} while (size > 0);
	if (value < 0)
		*--p = '-';
	return memcpy(out, p, (size_t)(text + sizeof(text) - p));
}

bool number_parse_int64(const char *text, int64_t *ret)
{
	const char *digits = *text == '-' ? text + 1 : text;
	char *end;
	long long value;

	if (*digits < '0' || *digits > '9' || digits[strspn(digits, "0123456789")] != '\0')
		return false;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*ret = value;
	return true;
}

bool number_parse_double(const char *text, double *ret)
{
	char *end;
	double value;

	/* strtod also takes hexadecimal, "inf" and "nan": not here. */
	if (*text == '\0' || text[strspn(text, "+-0123456789.eE")] != '\0')
		return false;
	value = strtod(text, &end);
	if (*end != '\0' || !isfinite(value))
		return false;
	*ret = value;
	return true;
}

bool number_is_in_range(const char *text, size_t size)
{
	enum { DIGITS_SAFE = 300 };
	char *copy;
	double unused;
	bool r;

	if (size < DIGITS_SAFE && !memchr(text, 'e', size) && !memchr(text, 'E', size))
		return true;
	copy = strndup(text, size);
	if (!copy)
		abort();
	r = number_parse_double(copy, &unused);
	free(copy);
	return r;
}
