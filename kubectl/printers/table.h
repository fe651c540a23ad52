/* table: prints meta.k8s.io Tables, which the server makes for `get`. */
#ifndef CUBE_KUBECTL_PRINTERS_TABLE_H
#define CUBE_KUBECTL_PRINTERS_TABLE_H

#include "kubectl/kubectl.h"
#include "kubectl/printers/tabwriter.h"

struct mapping;

struct table_options {
	bool wide, no_headers, show_namespace, show_labels, show_kind;
	const struct flag_list *label_columns; /* -L; may be NULL */
	bool show_events;                      /* --output-watch-events: an EVENT column */
};

struct table_printer {
	struct table_options options;
	struct tabwriter_memory memory;
	bool has_header;
	const struct json *columns; /* of the first table: later frames of a watch have none */
};

/* Adds a table's rows as text; header first, once a printer. event: the EVENT column's value. */
void table_add(struct table_printer *printer, struct arena *arena, const struct mapping *mapping,
    const struct json *table, const char *event, struct buf *text);
/* Aligns and prints what was added. */
void table_flush(struct table_printer *printer, struct buf *text);
/* A Table with NAME and AGE of a list or an object, for servers that answer with those. */
struct json *table_of_objects(struct arena *arena, struct json *list);

#endif
