/* Times and durations. The calendar is computed here: no time zone of the process plays a part. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/api/values.h"
#include "lib/base/arena.h"

static int64_t days_from_civil(int64_t year, int month, int day);
static void civil_from_days(int64_t days, int64_t *year, int *month, int *day);
static void put_two_digits(char *out, int value);
static bool take_digits(const char **s, int count, int *ret);
static bool take_fraction(const char **s, int32_t *ret_nanos);
static bool take_zone(const char **s, int64_t *ret_offset);
static bool take_duration_part(const char **s, double *ret_ns);

MetaV1__Time *time_new(struct arena *arena, int64_t seconds)
{
	MetaV1__Time *t = ARENA_NEW(arena, MetaV1__Time);

	t->base.descriptor = &meta_v1__time__descriptor;
	t->has_seconds = t->has_nanos = 1;
	t->seconds = seconds;
	return t;
}

MetaV1__MicroTime *micro_time_new(struct arena *arena, int64_t ns)
{
	MetaV1__MicroTime *t = ARENA_NEW(arena, MetaV1__MicroTime);
	int64_t seconds = ns / 1000000000 - (ns % 1000000000 < 0);

	t->base.descriptor = &meta_v1__micro_time__descriptor;
	t->has_seconds = t->has_nanos = 1;
	t->seconds = seconds;
	t->nanos = (int32_t)((ns - seconds * 1000000000) / 1000 * 1000);
	return t;
}

int64_t time_seconds(const MetaV1__Time *t)
{
	return t ? t->seconds : 0;
}

int64_t micro_time_ns(const MetaV1__MicroTime *t)
{
	return t ? t->seconds * 1000000000 + t->nanos : 0;
}

bool time_parse(const char *s, int64_t *ret_seconds, int32_t *ret_nanos)
{
	static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day, hour, minute, second;
	int32_t nanos = 0;
	int64_t offset;

	if (!take_digits(&s, 4, &year) || *s++ != '-' || !take_digits(&s, 2, &month) || *s++ != '-' ||
	    !take_digits(&s, 2, &day) || *s++ != 'T' || !take_digits(&s, 2, &hour) || *s++ != ':' ||
	    !take_digits(&s, 2, &minute) || *s++ != ':' || !take_digits(&s, 2, &second))
		return false;
	if (!take_fraction(&s, &nanos) || !take_zone(&s, &offset) || *s != '\0')
		return false;
	if (month < 1 || month > 12 || day < 1 || day > month_days[month - 1] || hour > 23 || minute > 59 ||
	    second > 59)
		return false;
	if (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0)))
		return false;
	*ret_seconds =
	    days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
	if (ret_nanos)
		*ret_nanos = nanos;
	return true;
}

const char *time_format(int64_t seconds, char out[TIME_TEXT_MAX])
{
	int64_t days = seconds / 86400 - (seconds % 86400 < 0), year;
	int rest = (int)(seconds - days * 86400), month, day;

	civil_from_days(days, &year, &month, &day);
	if (year >= 0 && year <= 9999) { /* every time there is; printf costs ten times as much */
		memcpy(out, "0000-00-00T00:00:00Z", sizeof("0000-00-00T00:00:00Z"));
		put_two_digits(out, (int)year / 100);
		put_two_digits(out + 2, (int)year % 100);
		put_two_digits(out + 5, month);
		put_two_digits(out + 8, day);
		put_two_digits(out + 11, rest / 3600);
		put_two_digits(out + 14, rest / 60 % 60);
		put_two_digits(out + 17, rest % 60);
		return out;
	}
	snprintf(out, TIME_TEXT_MAX, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02dZ", year, month, day, rest / 3600,
	    rest / 60 % 60, rest % 60);
	return out;
}

const char *time_format_micro(int64_t seconds, int32_t nanos, char out[TIME_TEXT_MAX])
{
	size_t len;

	time_format(seconds, out);
	len = strlen(out) - 1; /* without the Z */
	snprintf(out + len, TIME_TEXT_MAX - len, ".%06dZ", (int)(nanos / 1000 % 1000000));
	return out;
}

const char *time_human_duration(int64_t seconds, char out[TIME_TEXT_MAX])
{
	int64_t minutes = seconds / 60, hours = seconds / 3600, days = hours / 24, big, small = 0;
	char unit, small_unit = 0;

	if (seconds < -1)
		return strcpy(out, "<invalid>");
	if (seconds < 120) {
		big = seconds < 0 ? 0 : seconds, unit = 's';
	} else if (minutes < 180) {
		big = minutes, unit = 'm', small = minutes < 10 ? seconds % 60 : 0, small_unit = 's';
	} else if (hours < 48) {
		big = hours, unit = 'h', small = hours < 8 ? minutes % 60 : 0, small_unit = 'm';
	} else if (days < 365 * 2) {
		big = days, unit = 'd', small = days < 8 ? hours % 24 : 0, small_unit = 'h';
	} else {
		big = days / 365, unit = 'y', small = days < 365 * 8 ? days % 365 : 0, small_unit = 'd';
	}
	if (small)
		snprintf(out, TIME_TEXT_MAX, "%" PRId64 "%c%" PRId64 "%c", big, unit, small, small_unit);
	else
		snprintf(out, TIME_TEXT_MAX, "%" PRId64 "%c", big, unit);
	return out;
}

const char *duration_format(int64_t ns, char out[TIME_TEXT_MAX])
{
	uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns, seconds = size / 1000000000;
	const char *sign = ns < 0 ? "-" : "";
	char fraction[12] = "", text[20];
	const char *unit = "s";
	int digits = 9;
	unsigned whole = (unsigned)(seconds % 60), part = (unsigned)(size % 1000000000);
	size_t len;

	if (size < 1000000000) {
		digits = size >= 1000000 ? 6 : size >= 1000 ? 3 : 0;
		unit = size == 0 ? "s" : digits == 6 ? "ms" : digits == 3 ? "\302\265s" : "ns";
		whole = (unsigned)size / (digits == 6 ? 1000000 : digits == 3 ? 1000 : 1);
		part = (unsigned)size % (digits == 6 ? 1000000 : digits == 3 ? 1000 : 1);
	}
	if (part) {
		snprintf(fraction, sizeof(fraction), ".%0*u", digits, part);
		for (len = strlen(fraction); fraction[len - 1] == '0'; len--)
			fraction[len - 1] = '\0';
	}
	snprintf(text, sizeof(text), "%u%s%s", whole % 1000, fraction, unit);
	if (seconds >= 3600)
		snprintf(out, TIME_TEXT_MAX, "%s%" PRIu64 "h%" PRIu64 "m%s", sign, seconds / 3600,
		    seconds / 60 % 60, text);
	else if (seconds >= 60)
		snprintf(out, TIME_TEXT_MAX, "%s%" PRIu64 "m%s", sign, seconds / 60, text);
	else
		snprintf(out, TIME_TEXT_MAX, "%s%s", sign, text);
	return out;
}

bool duration_parse(const char *s, int64_t *ret_ns)
{
	bool negative = *s == '-';
	double total = 0, part;

	s += *s == '-' || *s == '+';
	if (strcmp(s, "0") == 0) {
		*ret_ns = 0;
		return true;
	}
	if (*s == '\0')
		return false;
	while (*s) {
		if (!take_duration_part(&s, &part))
			return false;
		total += part;
	}
	if (total > 9.2e18)
		return false;
	*ret_ns = negative ? -(int64_t)(total + 0.5) : (int64_t)(total + 0.5);
	return true;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar; March starts the year, so the leap day is its
 * last. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t m = (5 * day_of_year + 2) / 153;

	*day = (int)(day_of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = year_of_era + era * 400 + (*month <= 2);
}

static void put_two_digits(char *out, int value)
{
	out[0] = (char)('0' + value / 10);
	out[1] = (char)('0' + value % 10);
}

static bool take_digits(const char **s, int count, int *ret)
{
	int value = 0;

	for (int i = 0; i < count; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		value = value * 10 + (**s - '0');
	}
	*ret = value;
	return true;
}

static bool take_fraction(const char **s, int32_t *ret_nanos)
{
	int32_t unit = 100000000;

	*ret_nanos = 0;
	if (**s != '.')
		return true;
	if ((*s)[1] < '0' || (*s)[1] > '9')
		return false;
	for ((*s)++; **s >= '0' && **s <= '9'; (*s)++, unit /= 10)
		*ret_nanos += (**s - '0') * unit;
	return true;
}

static bool take_zone(const char **s, int64_t *ret_offset)
{
	int sign, hours, minutes;

	*ret_offset = 0;
	if (**s == 'Z') {
		(*s)++;
		return true;
	}
	if (**s != '+' && **s != '-')
		return false;
	sign = *(*s)++ == '-' ? -1 : 1;
	if (!take_digits(s, 2, &hours) || *(*s)++ != ':' || !take_digits(s, 2, &minutes) || hours > 23 ||
	    minutes > 59)
		return false;
	*ret_offset = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool take_duration_part(const char **s, double *ret_ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"\302\265s", 1e3}, {"\316\274s", 1e3}, {"ms", 1e6}, {"s", 1e9},
	    {"m", 60e9}, {"h", 3600e9}};
	double value = 0, place = 1;
	bool digits = false, point = false;
	size_t len;

	for (; (**s >= '0' && **s <= '9') || (**s == '.' && !point); (*s)++) {
		if (**s == '.') {
			point = true;
			continue;
		}
		digits = true;
		if (point)
			value += (**s - '0') * (place /= 10);
		else
			value = value * 10 + (**s - '0');
	}
	len = strcspn(*s, "0123456789.");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && digits; i++) {
		if (strlen(units[i].name) == len && strncmp(*s, units[i].name, len) == 0) {
			*s += len;
			*ret_ns = value * units[i].ns;
			return true;
		}
	}
	return false;
}
