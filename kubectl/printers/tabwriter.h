/*
 * tabwriter: aligns text whose cells end with a tab, as Go's text/tabwriter does: a column is a run of
 * adjacent lines that have a tab-terminated cell in it, so paragraphs are aligned one by one. Widths count
 * characters, not bytes.
 */
#ifndef CUBE_KUBECTL_PRINTERS_TABWRITER_H
#define CUBE_KUBECTL_PRINTERS_TABWRITER_H

#include <stddef.h>

struct buf;

enum { TABWRITER_COLUMNS_MAX = 64 };

/* Widths that later calls never go below: a watch prints row by row. */
struct tabwriter_memory {
	size_t widths[TABWRITER_COLUMNS_MAX];
	size_t len;
};

/* Appends the aligned form of text. memory may be NULL. */
void tabwriter_format(
    struct buf *out, const char *text, size_t width_min, size_t padding, struct tabwriter_memory *memory);

#endif
