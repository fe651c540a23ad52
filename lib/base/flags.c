#include "lib/base/flags.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/str.h"

enum { FLAGS_MAX = 256 };

struct parser {
	const struct flag *flags;
	bool *given; /* one for each flag: the first value of a list replaces its default */
	int argc, at;
	char **argv;
};

static void *must(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

static void list_add(struct flag_list *list, const char *value, size_t len)
{
	list->items = must(realloc(list->items, (list->len + 1) * sizeof(*list->items)));
	list->items[list->len++] = must(strndup(value, len));
}

static void list_done(struct flag_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		free((char *)list->items[i]);
	free(list->items);
	*list = (struct flag_list){0};
}

static void list_set(struct flag_list *list, const char *value, bool split)
{
	if (!split) {
		list_add(list, value, strlen(value));
		return;
	}
	while (*value) {
		const char *end = strchrnul(value, ',');
		list_add(list, value, (size_t)(end - value));
		value = *end ? end + 1 : end;
	}
}

static bool parse_bool(const char *s, bool *ret)
{
	static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True", NULL};
	static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False", NULL};
	*ret = str_in(s, yes);
	return *ret || str_in(s, no);
}

static int invalid(const struct flag *flag, const char *value, const char *why, struct error *err)
{
	return error_set(
	    err, ERR_BAD_REQUEST, "invalid argument \"%s\" for \"--%s\" flag: %s", value, flag->name, why);
}

static int set_value(struct parser *parser, const struct flag *flag, const char *value, struct error *err)
{
	struct error why = ERROR_INIT;
	bool *given = &parser->given[flag - parser->flags];
	switch (flag->kind) {
	case FLAG_STRING:
		*(const char **)flag->value = value;
		break;
	case FLAG_BOOL: {
		bool b;
		if (!parse_bool(value, &b))
			return invalid(flag, value, "not a boolean", err);
		*(bool *)flag->value = b;
		break;
	}
	case FLAG_INT:
		if (!str_to_int64(value, flag->value))
			return invalid(flag, value, "not a number", err);
		break;
	case FLAG_DURATION:
		if (flags_parse_duration(value, flag->value, &why))
			return invalid(flag, value, why.message, err);
		break;
	case FLAG_LIST:
	case FLAG_ARRAY:
		if (!*given)
			list_done(flag->value);
		list_set(flag->value, value, flag->kind == FLAG_LIST);
		break;
	}
	*given = true;
	if (flag->ret_set)
		*flag->ret_set = true;
	return 0;
}

/* What the flag means without a value, or NULL when it needs one. */
static const char *bare_value(const struct flag *flag)
{
	return flag->no_value ? flag->no_value : flag->kind == FLAG_BOOL ? "true" : NULL;
}

/* Upstream takes --node_port for --node-port. */
static bool name_matches(const char *name, const char *given, size_t len)
{
	if (strlen(name) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] != given[i] && !(name[i] == '-' && given[i] == '_'))
			return false;
	return true;
}

static int unknown_flag(const struct parser *parser, const char *given, size_t len, struct error *err)
{
	const char *names[FLAGS_MAX + 1] = {NULL};
	char name[128];
	snprintf(name, sizeof(name), "%.*s", (int)len, given);
	for (size_t i = 0; parser->flags[i].name && i < FLAGS_MAX; i++)
		names[i] = parser->flags[i].name;
	const char *nearest = str_nearest(name, names);
	if (nearest)
		return error_set(
		    err, ERR_BAD_REQUEST, "unknown flag: --%s (did you mean --%s?)", name, nearest);
	return error_set(err, ERR_BAD_REQUEST, "unknown flag: --%s", name);
}

static int parse_long(struct parser *parser, const char *arg, struct error *err)
{
	const char *end = strchrnul(arg, '=');
	const struct flag *flag = parser->flags;
	while (flag->name && !name_matches(flag->name, arg, (size_t)(end - arg)))
		flag++;
	if (!flag->name)
		return unknown_flag(parser, arg, (size_t)(end - arg), err);
	if (*end)
		return set_value(parser, flag, end + 1, err);
	if (bare_value(flag))
		return set_value(parser, flag, bare_value(flag), err);
	if (parser->at >= parser->argc)
		return error_set(err, ERR_BAD_REQUEST, "flag needs an argument: --%s", flag->name);
	return set_value(parser, flag, parser->argv[parser->at++], err);
}

/* -n x, -nx, -n=x, and flags without a value joined: -it. */
static int parse_short(struct parser *parser, const char *arg, struct error *err)
{
	for (const char *p = arg; *p; p++) {
		const struct flag *flag = parser->flags;
		while (flag->name && flag->shorthand != *p)
			flag++;
		if (!flag->name)
			return error_set(
			    err, ERR_BAD_REQUEST, "unknown shorthand flag: '%c' in -%s", *p, arg);
		if (p[1] == '=')
			return set_value(parser, flag, p + 2, err);
		if (bare_value(flag)) {
			if (set_value(parser, flag, bare_value(flag), err))
				return -1;
			continue;
		}
		if (p[1])
			return set_value(parser, flag, p + 1, err);
		if (parser->at >= parser->argc)
			return error_set(
			    err, ERR_BAD_REQUEST, "flag needs an argument: '%c' in -%s", *p, arg);
		return set_value(parser, flag, parser->argv[parser->at++], err);
	}
	return 0;
}

int flags_parse(const struct flag *flags, int argc, char **argv, const char ***ret_args, size_t *ret_len,
    int *ret_dash, struct error *err)
{
	size_t count = 0, len = 0;
	while (flags[count].name)
		count++;
	struct parser parser = {flags, must(calloc(count + 1, sizeof(bool))), argc, 1, argv};
	const char **args = must(calloc((size_t)argc + 1, sizeof(*args)));
	int dash = -1, status = 0;
	while (status == 0 && parser.at < argc) {
		const char *arg = argv[parser.at++];
		if (dash >= 0 || arg[0] != '-' || !arg[1])
			args[len++] = arg;
		else if (arg[1] != '-')
			status = parse_short(&parser, arg + 1, err);
		else if (arg[2])
			status = parse_long(&parser, arg + 2, err);
		else
			dash = (int)len;
	}
	free(parser.given);
	if (status) {
		free(args);
		return status;
	}
	if (ret_dash)
		*ret_dash = dash;
	if (ret_len)
		*ret_len = len;
	if (ret_args)
		*ret_args = args;
	else
		free(args);
	return 0;
}

void flags_done(const struct flag *flags)
{
	for (; flags->name; flags++)
		if (flags->kind == FLAG_LIST || flags->kind == FLAG_ARRAY)
			list_done(flags->value);
}

void flags_print_help(const struct flag *flags, const char *usage)
{
	static const char *const kinds[] = {" string", "", " int", " duration", " strings", " stringArray"};
	printf("%s\n", usage);
	if (flags->name)
		printf("\nFlags:\n");
	for (; flags->name; flags++) {
		char left[128], shorthand[8] = "    ";
		if (flags->shorthand)
			snprintf(shorthand, sizeof(shorthand), "-%c, ", flags->shorthand);
		snprintf(left, sizeof(left), "  %s--%s%s", shorthand, flags->name, kinds[flags->kind]);
		printf("%-44s %s\n", left, flags->help ? flags->help : "");
	}
}

struct unit {
	const char *name;
	double ms;
};

static const struct unit units[] = {
    {"ms", 1},
    {"h", 3600000},
    {"m", 60000},
    {"s", 1000},
    {"us", 1e-3},
    {"\xc2\xb5s", 1e-3},
    {"ns", 1e-6},
    {NULL, 0},
};

int flags_parse_duration(const char *s, int64_t *ret_ms, struct error *err)
{
	const char *p = s ? s : "";
	bool negative = *p == '-';
	double total = 0;
	if (*p == '-' || *p == '+')
		p++;
	if (strcmp(p, "0") == 0) {
		*ret_ms = 0;
		return 0;
	}
	if (!*p)
		return error_set(err, ERR_PARSE, "invalid duration \"%s\"", s ? s : "");
	while (*p) {
		/* strtod alone would take "inf", "0x1p3" and "1e3". */
		size_t digits = strspn(p, "0123456789."), unit_len = 0;
		if (!digits || (!isdigit((unsigned char)p[0]) && !isdigit((unsigned char)p[1])))
			return error_set(err, ERR_PARSE, "invalid duration \"%s\"", s);
		char number[32], *end;
		snprintf(number, sizeof(number), "%.*s", (int)digits, p);
		double value = strtod(number, &end);
		p += digits;
		const struct unit *unit = units;
		for (; unit->name; unit++)
			if (str_has_prefix(p, unit->name)) {
				unit_len = strlen(unit->name);
				break;
			}
		if (*end || !unit_len)
			return error_set(
			    err, ERR_PARSE, "%s unit in duration \"%s\"", *p ? "unknown" : "missing", s);
		total += value * unit->ms;
		p += unit_len;
	}
	if (total > 9.2e12) /* Go's durations end at 292 years */
		return error_set(err, ERR_PARSE, "invalid duration \"%s\"", s);
	*ret_ms = llround(negative ? -total : total);
	return 0;
}
