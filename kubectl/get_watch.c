/* get -w: the list, then changes; a watch that the server closes is taken up where it stopped. */
#include <stdio.h>

#include "kubectl/cmd/get.h"
#include "kubectl/mapper.h"
#include "kubectl/printers/printer.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"

struct watch {
	struct get *g;
	const struct mapping *mapping;
	struct table_printer table;
	struct buf text;
	char resource_version[32];
	struct error *err;
	bool failed;
};

static void remember_version(struct watch *w, const struct json *object)
{
	const char *rv = tree_text(object, "metadata.resourceVersion", "");
	const struct json *rows = json_get(object, "rows");
	if (!*rv && tree_len(rows))
		rv = tree_text(rows->items[0], "object.metadata.resourceVersion", "");
	if (*rv)
		snprintf(w->resource_version, sizeof(w->resource_version), "%s", rv);
}

static bool on_event(void *arg, struct arena *arena, const char *type, struct json *object)
{
	struct watch *w = arg;
	struct kubectl *k = w->g->k;
	remember_version(w, object);
	if (str_eq(type, "BOOKMARK"))
		return true;
	if (w->g->printer) {
		if (w->g->watch_events) {
			struct json *event = json_new_object(arena);
			tree_set_text(arena, event, "type", type);
			json_set(arena, event, "object", object);
			object = event;
		}
		w->failed = printer_print(k, w->g->printer, w->mapping, object, w->err) != 0;
		fflush(stdout);
		return !w->failed;
	}
	if (!str_eq(json_get_string(object, "kind", ""), "Table"))
		object = table_of_objects(arena, object);
	/* The column definitions come once and outlive the event's arena. */
	if (!w->table.columns && tree_len(json_get(object, "columnDefinitions")))
		w->table.columns = json_clone(k->arena, json_get(object, "columnDefinitions"));
	json_remove(object, "columnDefinitions");
	table_add(&w->table, arena, w->mapping, object, type, &w->text);
	table_flush(&w->table, &w->text);
	return true;
}

static int print_start(struct watch *w, const struct target *target, struct error *err)
{
	struct kubectl *k = w->g->k;
	struct json *now;
	if (w->g->printer ? session_get(k, get_path(w->g, target), &now, err)
			  : get_table(w->g, target, &now, err))
		return -1;
	remember_version(w, now);
	if (w->g->watch_only)
		return 0;
	if (!w->g->printer) {
		table_add(&w->table, k->arena, w->mapping, now, "ADDED", &w->text);
		table_flush(&w->table, &w->text);
		return 0;
	}
	if (!json_get(now, "items"))
		return printer_print(k, w->g->printer, w->mapping, now, err);
	tree_for_each(json_get(now, "items"), item)
	{
		tree_set_text(k->arena, item, "apiVersion", mapping_api_version(k->arena, w->mapping));
		tree_set_text(k->arena, item, "kind", w->mapping->kind);
		if (printer_print(k, w->g->printer, w->mapping, item, err))
			return -1;
	}
	fflush(stdout);
	return 0;
}

int get_watch(struct get *g, const struct target *targets, size_t len, struct error *err)
{
	struct kubectl *k = g->k;
	if (len != 1)
		return error_set(err, ERR_PARSE, "you may only specify a single resource type");
	struct watch w = {.g = g, .mapping = targets[0].mapping, .err = err};
	w.table = get_table_printer(g, w.mapping);
	int result = print_start(&w, &targets[0], err);
	struct target all = targets[0];
	const char *fields = g->field_selector;
	if (*all.name) {
		fields = arena_printf(k->arena, "metadata.name=%s", all.name);
		all.name = "";
	}
	while (!result) {
		const char *path = target_path(k, &all, NULL);
		path = session_param(k, path, "labelSelector", *targets[0].name ? NULL : g->selector);
		path = session_param(k, path, "fieldSelector", fields);
		path = session_param(k, path, "resourceVersion", w.resource_version);
		path = session_param(k, path, "watch", "true");
		int end = session_watch(
		    k, path, g->printer ? ACCEPT_JSON : ACCEPT_TABLE "," ACCEPT_JSON, 0, on_event, &w, err);
		if (end == WATCH_END_EXPIRED)
			w.resource_version[0] = '\0';
		else if (end != WATCH_END_CLOSED)
			result = w.failed || end < 0 ? -1 : 0;
		if (end == WATCH_END_STOPPED)
			break;
	}
	buf_done(&w.text);
	return result;
}
