#include "kubectl/printers/table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "kubectl/mapper.h"
#include "kubectl/tree.h"

static const char *label_header(struct arena *arena, const char *label)
{
	const char *slash = strrchr(label, '/');
	char *out = arena_strdup(arena, slash ? slash + 1 : label);
	for (char *p = out; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return out;
}

static const char *labels_text(struct arena *arena, const struct json *labels)
{
	if (!tree_size(labels))
		return "<none>";
	struct buf out = BUF_INIT;
	struct json *sorted = json_clone(arena, labels);
	json_sort(sorted);
	for (size_t i = 0; i < sorted->len; i++)
		buf_printf(&out, "%s%s=%s", i ? "," : "", sorted->members[i].key,
		    tree_show(arena, sorted->members[i].value));
	const char *text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}

static bool column_shown(const struct table_printer *p, const struct json *column)
{
	return p->options.wide || json_get_int(column, "priority", 0) == 0;
}

static void add_cell(struct buf *text, bool *first, const char *cell)
{
	if (!*first)
		buf_putc(text, '\t');
	*first = false;
	/* A line break would end the row. */
	for (; *cell; cell++)
		if (*cell == '\n')
			buf_puts(text, "\\n");
		else if (*cell == '\t')
			buf_putc(text, ' ');
		else
			buf_putc(text, *cell);
}

static void add_header(struct table_printer *p, struct arena *arena, struct buf *text)
{
	bool first = true;
	if (p->options.show_events)
		add_cell(text, &first, "EVENT");
	if (p->options.show_namespace)
		add_cell(text, &first, "NAMESPACE");
	tree_for_each(p->columns, column)
	{
		char *name = arena_strdup(arena, json_get_string(column, "name", ""));
		for (char *c = name; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		if (column_shown(p, column))
			add_cell(text, &first, name);
	}
	for (size_t i = 0; p->options.label_columns && i < p->options.label_columns->len; i++)
		add_cell(text, &first, label_header(arena, p->options.label_columns->items[i]));
	if (p->options.show_labels)
		add_cell(text, &first, "LABELS");
	buf_putc(text, '\n');
}

static const char *cell_text(struct arena *arena, const struct json *cell)
{
	return tree_show(arena, cell);
}

static void add_row(struct table_printer *p, struct arena *arena, const struct mapping *mapping,
    const struct json *row, const char *event, struct buf *text)
{
	const struct json *meta = json_get(json_get(row, "object"), "metadata"),
			  *cells = json_get(row, "cells");
	bool first = true;
	if (p->options.show_events)
		add_cell(text, &first, event);
	if (p->options.show_namespace)
		add_cell(text, &first, json_get_string(meta, "namespace", ""));
	for (size_t i = 0; i < tree_len(p->columns); i++) {
		const struct json *column = p->columns->items[i];
		const char *cell = cell_text(arena, i < tree_len(cells) ? cells->items[i] : NULL);
		if (!column_shown(p, column))
			continue;
		if (p->options.show_kind && i == 0 && mapping)
			cell = arena_printf(arena, "%s/%s", mapping_kind_text(arena, mapping), cell);
		add_cell(text, &first, cell);
	}
	for (size_t i = 0; p->options.label_columns && i < p->options.label_columns->len; i++)
		add_cell(text, &first,
		    json_get_string(json_get(meta, "labels"), p->options.label_columns->items[i], ""));
	if (p->options.show_labels)
		add_cell(text, &first, labels_text(arena, json_get(meta, "labels")));
	buf_putc(text, '\n');
}

void table_add(struct table_printer *p, struct arena *arena, const struct mapping *mapping,
    const struct json *table, const char *event, struct buf *text)
{
	const struct json *rows = json_get(table, "rows");
	if (tree_len(json_get(table, "columnDefinitions")))
		p->columns = json_get(table, "columnDefinitions");
	if (!p->has_header && !p->options.no_headers && tree_len(rows))
		add_header(p, arena, text);
	p->has_header = p->has_header || tree_len(rows);
	tree_for_each(rows, row) add_row(p, arena, mapping, row, event, text);
}

void table_flush(struct table_printer *p, struct buf *text)
{
	struct buf out = BUF_INIT;
	tabwriter_format(&out, buf_str(text), 6, 3, &p->memory);
	fwrite(buf_str(&out), 1, out.size, stdout);
	fflush(stdout);
	buf_done(&out);
	buf_reset(text);
}

struct json *table_of_objects(struct arena *arena, struct json *list)
{
	struct json *table = json_new_object(arena), *columns = json_new_array(arena),
		    *rows = json_new_array(arena);
	static const char *const names[] = {"Name", "Age"};
	for (size_t i = 0; i < 2; i++) {
		struct json *column = json_new_object(arena);
		tree_set_text(arena, column, "name", names[i]);
		json_push(arena, columns, column);
	}
	struct json *items = json_get(list, "items");
	if (!items) {
		items = json_new_array(arena);
		json_push(arena, items, list);
	}
	tree_for_each(items, item)
	{
		struct json *row = json_new_object(arena), *cells = json_new_array(arena);
		json_push(arena, cells, json_new_string(arena, tree_name(item)));
		json_push(arena, cells,
		    json_new_string(arena, tree_age(arena, item, "metadata.creationTimestamp", "<unknown>")));
		json_set(arena, row, "cells", cells);
		json_set(arena, row, "object", item);
		json_push(arena, rows, row);
	}
	json_set(arena, table, "columnDefinitions", columns);
	json_set(arena, table, "rows", rows);
	if (json_get(list, "items") && json_get(list, "metadata"))
		json_set(arena, table, "metadata", json_get(list, "metadata"));
	return table;
}
