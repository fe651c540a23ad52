/*
 * flags: command lines in upstream's spelling: --name=value, --name value, --bool, --bool=false. An unknown
 * flag is an error that suggests the nearest known one. Shared by every daemon, kubectl and cube.
 */
#ifndef CUBE_BASE_FLAGS_H
#define CUBE_BASE_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum flag_kind {
	FLAG_STRING,   /* const char *            */
	FLAG_BOOL,     /* bool                    */
	FLAG_INT,      /* int64_t                 */
	FLAG_DURATION, /* int64_t milliseconds, written as Go durations: 5m, 1h30m, 250ms */
	FLAG_LIST,     /* struct flag_list; may repeat; a value splits at commas */
	FLAG_ARRAY     /* struct flag_list; may repeat; commas are kept */
};

/* Empty (zeroed) before parsing; items and their strings are copies that flags_done() frees. */
struct flag_list {
	const char **items;
	size_t len;
};

struct flag {
	const char *name;
	char shorthand; /* 0 for none */
	enum flag_kind kind;
	void *value;
	const char *help;
	const char *
	    no_value; /* what a bare --name means, for strings such as --dry-run; NULL: a value is required */
	bool *ret_set; /* NULL, or set to true when the flag was given */
};

/*
 * Parses argv[1..]; flags may stand before and after positional arguments, `--` ends them. The list ends with
 * a flag whose name is NULL. Positional arguments are returned in ret_args (freed by the caller with free()),
 * in order. `ret_dash`, when not NULL, receives the index in ret_args of the first argument behind `--`, or
 * -1.
 */
int flags_parse(const struct flag *flags, int argc, char **argv, const char ***ret_args, size_t *ret_len,
    int *ret_dash, struct error *err);
/* Frees what the lists hold. Daemons need not call it. */
void flags_done(const struct flag *flags);
/* A usage text, one line a flag, to standard output. */
void flags_print_help(const struct flag *flags, const char *usage);
int flags_parse_duration(const char *s, int64_t *ret_ms, struct error *err);

#endif
