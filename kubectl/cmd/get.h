/* get: what get.c and get_watch.c share. */
#ifndef CUBE_KUBECTL_CMD_GET_H
#define CUBE_KUBECTL_CMD_GET_H

#include "kubectl/kubectl.h"
#include "kubectl/printers/jsonpath.h"
#include "kubectl/printers/table.h"

struct printer;
struct target;

struct get {
	struct kubectl *k;
	const char *output, *selector, *field_selector, *sort_by, *subresource;
	bool watch, watch_only, watch_events, all_namespaces, show_labels, show_kind, no_headers,
	    ignore_not_found, many;
	int64_t chunk_size;
	struct flag_list label_columns;
	struct jsonpath *sort_path;
	struct printer *printer;
};

const char *get_path(struct get *g, const struct target *target);
int get_table(struct get *g, const struct target *target, struct json **ret, struct error *err);
struct table_printer get_table_printer(const struct get *g, const struct mapping *mapping);
int get_watch(struct get *g, const struct target *targets, size_t len, struct error *err);

#endif
