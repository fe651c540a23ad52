#include "kubectl/printers/tabwriter.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"

struct cell {
	const char *text;
	size_t size, width;
};
struct line {
	struct cell *cells;
	size_t len;
};
struct writer {
	struct buf *out;
	struct line *lines;
	size_t lines_len;
	size_t widths[TABWRITER_COLUMNS_MAX], depth;
	size_t width_min, padding;
	struct tabwriter_memory *memory;
};

static size_t count_characters(const char *text, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < size; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static void split_line(struct arena *arena, const char *text, size_t size, struct line *line)
{
	size_t cells = 1;
	for (size_t i = 0; i < size; i++)
		cells += text[i] == '\t';
	line->cells = ARENA_ARRAY(arena, struct cell, cells);
	line->len = cells;
	for (size_t i = 0; i < cells; i++) {
		const char *tab = memchr(text, '\t', size);
		size_t n = tab ? (size_t)(tab - text) : size;
		line->cells[i] = (struct cell){text, n, count_characters(text, n)};
		text += n + (tab != NULL);
		size -= n + (tab != NULL);
	}
}

static void write_lines(struct writer *w, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct line *line = &w->lines[i];
		for (size_t j = 0; j < line->len; j++) {
			const struct cell *cell = &line->cells[j];
			buf_append(w->out, cell->text, cell->size);
			for (size_t pad = cell->width; j < w->depth && pad < w->widths[j]; pad++)
				buf_putc(w->out, ' ');
		}
		if (i + 1 < w->lines_len)
			buf_putc(w->out, '\n');
	}
}

static size_t remember(struct writer *w, size_t column, size_t width)
{
	if (!w->memory)
		return width;
	if (column >= w->memory->len) {
		w->memory->widths[column] = width;
		w->memory->len = column + 1;
	} else if (w->memory->widths[column] > width) {
		return w->memory->widths[column];
	} else {
		w->memory->widths[column] = width;
	}
	return width;
}

static void format_lines(struct writer *w, size_t from, size_t to)
{
	size_t column = w->depth;
	for (size_t at = from; at < to && column < TABWRITER_COLUMNS_MAX; at++) {
		if (column + 1 >= w->lines[at].len)
			continue;
		write_lines(w, from, at);
		from = at;
		size_t width = w->width_min;
		for (; at < to && column + 1 < w->lines[at].len; at++)
			if (w->lines[at].cells[column].width + w->padding > width)
				width = w->lines[at].cells[column].width + w->padding;
		w->widths[w->depth++] = remember(w, column, width);
		format_lines(w, from, at);
		w->depth--;
		from = at;
	}
	write_lines(w, from, to);
}

void tabwriter_format(
    struct buf *out, const char *text, size_t width_min, size_t padding, struct tabwriter_memory *memory)
{
	struct arena *arena = arena_new();
	struct writer w = {.out = out, .width_min = width_min, .padding = padding, .memory = memory};
	size_t lines = 1;
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	w.lines = ARENA_ARRAY(arena, struct line, lines);
	w.lines_len = lines;
	for (size_t i = 0; i < lines; i++) {
		size_t size = strcspn(text, "\n");
		split_line(arena, text, size, &w.lines[i]);
		text += size + (text[size] == '\n');
	}
	format_lines(&w, 0, lines);
	arena_free(arena);
}
