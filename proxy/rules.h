/*
 * rules: what one owner (a Service, or the fixed part) wants in iptables: chains of its own, whole, and lines
 * in chains that it shares with others. Plain text as iptables-restore reads it, built in an arena.
 */
#ifndef CUBE_PROXY_RULES_H
#define CUBE_PROXY_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

enum proxy_table { PROXY_FILTER, PROXY_NAT, PROXY_TABLES };
extern const char *const proxy_table_names[PROXY_TABLES];

struct rules_chain {
	enum proxy_table table;
	char name[32];
	struct buf text; /* "-A NAME ...\n" for each rule */
};

struct rules_line {
	enum proxy_table table;
	const char *chain; /* a literal: the shared chains have fixed names */
	char *spec;        /* behind the chain's name */
};

struct rules { /* zeroed is empty */
	struct rules_chain *chains;
	size_t chains_len;
	struct rules_line *lines;
	size_t lines_len;
};

void rules_done(struct rules *rules);
/* Declares a chain of the owner's own; it may stay empty. */
void rules_chain(struct rules *rules, enum proxy_table table, const char *chain);
/* Appends a rule to it. */
void rules_add(struct rules *rules, enum proxy_table table, const char *chain, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* A rule in a shared chain, in front of the fixed ones there. */
void rules_share(struct rules *rules, enum proxy_table table, const char *chain, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
