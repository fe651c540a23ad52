#include "lib/api/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Our processes never call setlocale(), so printf and strtod use the C locale's point. */

const char *number_format_double(double value, char out[NUMBER_TEXT_MAX])
{
	double size = fabs(value);
	char text[32], *e;
	int precision = 1;

	if (value == 0)
		return strcpy(out, signbit(value) ? "-0" : "0");
	do {
		snprintf(text, sizeof(text), "%.*e", precision - 1, value);
	} while (strtod(text, NULL) != value && ++precision <= 17);
	e = strchr(text, 'e');
	if (size < 1e-6 || size >= 1e21) {
		/* Go drops the zero that C puts in front of a one-digit exponent: 1e-9, but 1e+21. */
		int exponent = atoi(e + 1) % 1000;

		*e = '\0';
		snprintf(out, NUMBER_TEXT_MAX, "%se%s%d", text, exponent < 0 ? "-" : "+", abs(exponent));
	} else {
		int decimals = precision - 1 - atoi(e + 1);

		snprintf(out, NUMBER_TEXT_MAX, "%.*f", decimals > 0 ? decimals : 0, value);
	}
	return out;
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
