/*
 * Quantities, by the rules of k8s.io/apimachinery/pkg/api/resource: a decimal number with a suffix that is a
 * power of ten (n u m k M G T P E), a power of 1024 (Ki ... Ei) or an exponent (e3). What does not fit nano
 * units is rounded away from zero; the canonical text has no fraction and the largest suffix that keeps it
 * so.
 */
#include <stdio.h>
#include <string.h>

#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

enum { NANO_DIGITS = 9 };

static const __int128 nano = 1000000000;
/* Keeps sums of a few million of them within 128 bits. */
#define NANO_MAX ((__int128)1 << 100)

static const char *parse_number(const char *s, char digits[64], size_t *ret_len, int *ret_exponent);
static bool parse_suffix(
    const char *s, enum quantity_format *ret_format, int *ret_exponent10, int *ret_exponent2);
static __int128 scale(const char *digits, size_t len, int exponent10, int exponent2);
static const char *format_decimal(__int128 value, bool exponent_form, char out[QUANTITY_TEXT_MAX]);
static const char *format_binary(__int128 value, char out[QUANTITY_TEXT_MAX]);
static char *print_int128(__int128 value, char out[48]);
static int64_t round_up(__int128 value, __int128 unit);

int quantity_parse(const char *text, struct quantity *ret, struct error *err)
{
	bool negative = *text == '-';
	const char *s = text + (*text == '-' || *text == '+');
	char digits[64];
	size_t len;
	int exponent10 = 0, exponent2 = 0, point;
	struct quantity q = {0};
	const char *suffix = parse_number(s, digits, &len, &point);

	if (!suffix)
		return error_set(err, ERR_BAD_REQUEST,
		    "quantities must match the regular expression "
		    "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
	if (!parse_suffix(suffix, &q.format, &exponent10, &exponent2))
		return error_set(err, ERR_BAD_REQUEST, "unable to parse quantity's suffix");
	q.nano = scale(digits, len, exponent10 + point + NANO_DIGITS, exponent2);
	if (q.format == QUANTITY_BINARY_SI && q.nano < nano)
		q.format = QUANTITY_DECIMAL_SI;
	if (negative)
		q.nano = -q.nano;
	*ret = q;
	return 0;
}

const char *quantity_format(const struct quantity *q, char out[QUANTITY_TEXT_MAX])
{
	__int128 size = q->nano < 0 ? -q->nano : q->nano;

	if (q->nano == 0)
		return strcpy(out, "0");
	/* A binary quantity that is small or has a fraction shows as a decimal one: nothing is lost. */
	if (q->format == QUANTITY_BINARY_SI && size >= 1024 * nano && size % nano == 0)
		return format_binary(q->nano / nano, out);
	return format_decimal(q->nano, q->format == QUANTITY_DECIMAL_EXPONENT, out);
}

int quantity_compare(const struct quantity *a, const struct quantity *b)
{
	return a->nano < b->nano ? -1 : a->nano > b->nano;
}

void quantity_add(struct quantity *a, const struct quantity *b)
{
	if (a->nano == 0)
		a->format = b->format;
	a->nano += b->nano;
}

void quantity_sub(struct quantity *a, const struct quantity *b)
{
	if (a->nano == 0)
		a->format = b->format;
	a->nano -= b->nano;
}

int64_t quantity_value(const struct quantity *q)
{
	return round_up(q->nano, nano);
}

int64_t quantity_milli(const struct quantity *q)
{
	return round_up(q->nano, nano / 1000);
}

struct quantity quantity_of(const Resource__Quantity *q)
{
	struct quantity value;

	if (!q || !q->string || quantity_parse(q->string, &value, NULL) < 0)
		return (struct quantity){0};
	return value;
}

Resource__Quantity *quantity_new(struct arena *arena, const struct quantity *q)
{
	char text[QUANTITY_TEXT_MAX];

	return quantity_new_text(arena, quantity_format(q, text));
}

Resource__Quantity *quantity_new_text(struct arena *arena, const char *text)
{
	Resource__Quantity *q = ARENA_NEW(arena, Resource__Quantity);

	q->base.descriptor = &resource__quantity__descriptor;
	q->string = arena_strdup(arena, text);
	return q;
}

bool quantity_in_(size_t len, void *entries, const char *name, struct quantity *ret)
{
	const struct entry {
		ProtobufCMessage base;
		char *key;
		Resource__Quantity *value;
	} *const *items = entries;

	for (size_t i = 0; i < len; i++) {
		if (strcmp(items[i]->key, name) == 0) {
			*ret = quantity_of(items[i]->value);
			return true;
		}
	}
	return false;
}

/*
 * Splits off the digits without leading zeros and the point: the number is 0.d1d2d3... times 10^exponent is
 * avoided by giving the exponent of the last digit. Digits beyond 63 only tell whether rounding is due: one
 * stands for all. Returns the suffix, or NULL when there is no digit or a second point.
 */
static const char *parse_number(const char *s, char digits[64], size_t *ret_len, int *ret_exponent)
{
	size_t len = 0;
	int exponent = 0;
	bool any = false, point = false;

	for (; (*s >= '0' && *s <= '9') || *s == '.'; s++) {
		if (*s == '.') {
			if (point)
				return NULL;
			point = true;
			continue;
		}
		any = true;
		if (len == 62) {
			if (*s != '0')
				digits[len - 1] = digits[len - 1] == '0' ? '1' : digits[len - 1];
			if (!point && exponent < 1000)
				exponent++;
			continue;
		}
		if (len > 0 || *s != '0')
			digits[len++] = *s;
		if (point && exponent > -1000)
			exponent--;
	}
	*ret_len = len;
	*ret_exponent = exponent;
	return any ? s : NULL;
}

static bool parse_suffix(
    const char *s, enum quantity_format *ret_format, int *ret_exponent10, int *ret_exponent2)
{
	static const struct {
		const char *text;
		int exponent10;
	} decimals[] = {{"n", -9}, {"u", -6}, {"m", -3}, {"", 0}, {"k", 3}, {"M", 6}, {"G", 9}, {"T", 12},
	    {"P", 15}, {"E", 18}};
	static const char binaries[] = "KMGTPE";
	const char *at;
	int value = 0, sign = 1, digits = 0;

	for (size_t i = 0; i < sizeof(decimals) / sizeof(decimals[0]); i++) {
		if (strcmp(s, decimals[i].text) == 0) {
			*ret_exponent10 = decimals[i].exponent10;
			*ret_format = QUANTITY_DECIMAL_SI;
			return true;
		}
	}
	at = strchr(binaries, s[0]);
	if (s[0] && at && s[1] == 'i' && s[2] == '\0') {
		*ret_exponent2 = (int)(at - binaries + 1) * 10;
		*ret_format = QUANTITY_BINARY_SI;
		return true;
	}
	if (s[0] != 'e' && s[0] != 'E')
		return false;
	s++;
	if (*s == '+' || *s == '-')
		sign = *s++ == '-' ? -1 : 1;
	for (; *s >= '0' && *s <= '9'; s++, digits++)
		value = value < 10000 ? value * 10 + (*s - '0') : value;
	*ret_exponent10 = sign * value;
	*ret_format = QUANTITY_DECIMAL_EXPONENT;
	return digits > 0 && *s == '\0';
}

/* digits * 10^exponent10 * 2^exponent2, rounded up and capped. */
static __int128 scale(const char *digits, size_t len, int exponent10, int exponent2)
{
	/* digits * 2^60 fits when there are at most 20 digits; the rest, which is below one nano for sane
	 * input, rounds up */
	__int128 value = 0;
	bool rest = false;
	size_t used = 0;

	for (; used < len && value < NANO_MAX; used++)
		value = value * 10 + (digits[used] - '0');
	for (size_t i = used; i < len; i++) {
		exponent10++;
		rest = rest || digits[i] != '0';
	}
	for (; exponent2 > 0 && value < NANO_MAX; exponent2--)
		value *= 2;
	if (exponent2 > 0)
		return NANO_MAX;
	for (; exponent10 > 0 && value > 0 && value < NANO_MAX; exponent10--)
		value *= 10;
	for (; exponent10 < 0 && value > 0; exponent10++) {
		rest = rest || value % 10 != 0;
		value /= 10;
	}
	value += rest;
	return value < NANO_MAX ? value : NANO_MAX;
}

/* Value in nano units. Trailing zeros go into an exponent that is a multiple of three. */
static const char *format_decimal(__int128 value, bool exponent_form, char out[QUANTITY_TEXT_MAX])
{
	static const char suffixes[][2] = {"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};
	char number[48];
	int step = 0;

	while (value % 1000 == 0 && step < 9) {
		value /= 1000;
		step++;
	}
	print_int128(value, number);
	if (exponent_form && step != 3)
		snprintf(out, QUANTITY_TEXT_MAX, "%se%d", number, (step - 3) * 3);
	else
		snprintf(out, QUANTITY_TEXT_MAX, "%s%s", number, suffixes[step]);
	return out;
}

static const char *format_binary(__int128 value, char out[QUANTITY_TEXT_MAX])
{
	static const char suffixes[][3] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
	char number[48];
	int step = 0;

	while (value % 1024 == 0 && step < 6) {
		value /= 1024;
		step++;
	}
	snprintf(out, QUANTITY_TEXT_MAX, "%s%s", print_int128(value, number), suffixes[step]);
	return out;
}

static char *print_int128(__int128 value, char out[48])
{
	unsigned __int128 size = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
	char *p = out + 47;

	*p = '\0';
	do {
		*--p = (char)('0' + (int)(size % 10));
		size /= 10;
	} while (size > 0);
	if (value < 0)
		*--p = '-';
	return memmove(out, p, strlen(p) + 1);
}

static int64_t round_up(__int128 value, __int128 unit)
{
	__int128 whole = value / unit;

	if (value > 0 && value % unit != 0)
		whole++;
	else if (value < 0 && value % unit != 0)
		whole--;
	return whole > INT64_MAX ? INT64_MAX : whole < INT64_MIN ? INT64_MIN : (int64_t)whole;
}
