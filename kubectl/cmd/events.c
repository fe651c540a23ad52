/* kubectl events: oldest first; --for one object, --types, --watch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/printers/printer.h"
#include "kubectl/printers/tabwriter.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "lib/api/values.h"

struct events {
	struct kubectl *k;
	bool all_namespaces, no_headers, watch;
	struct flag_list types;
	struct printer *printer;
	struct tabwriter_memory memory;
	char resource_version[32];
};

static int64_t last_time(const struct json *event)
{
	int64_t at = tree_time(event, "series.lastObservedTime");
	at = at ? at : tree_time(event, "lastTimestamp");
	at = at ? at : tree_time(event, "eventTime");
	return at ? at : tree_time(event, "metadata.creationTimestamp");
}

static int compare(const void *a, const void *b)
{
	int64_t x = last_time(*(struct json *const *)a), y = last_time(*(struct json *const *)b);
	return x < y ? -1 : x > y;
}

static bool shown(const struct events *e, const struct json *event)
{
	for (size_t i = 0; i < e->types.len; i++)
		if (strcasecmp(json_get_string(event, "type", ""), e->types.items[i]) == 0)
			return true;
	return !e->types.len;
}

static void add_row(const struct events *e, struct buf *text, const struct json *event)
{
	char age[TIME_TEXT_MAX], first[TIME_TEXT_MAX];
	int64_t now = kubectl_now_s(), count = tree_int(event, "series.count", tree_int(event, "count", 0));
	int64_t start = tree_time(event, "firstTimestamp");
	start = start ? start : tree_time(event, "eventTime");
	char *message = arena_strdup(e->k->arena, json_get_string(event, "message", ""));
	for (size_t len = strlen(message); len && strchr(" \n", message[len - 1]);)
		message[--len] = '\0';
	if (e->all_namespaces)
		buf_printf(text, "%s\t", tree_namespace(event));
	buf_puts(text, time_human_duration(now - last_time(event), age));
	if (count > 1)
		buf_printf(
		    text, " (x%lld over %s)", (long long)count, time_human_duration(now - start, first));
	buf_printf(text, "\t%s\t%s\t%s/%s\t%s\n", json_get_string(event, "type", ""),
	    json_get_string(event, "reason", ""), tree_text(event, "involvedObject.kind", ""),
	    tree_text(event, "involvedObject.name", ""), message);
}

static void flush(struct events *e, struct buf *text)
{
	struct buf out = BUF_INIT;
	tabwriter_format(&out, buf_str(text), 6, 3, &e->memory);
	fputs(buf_str(&out), stdout);
	fflush(stdout);
	buf_done(&out);
	buf_reset(text);
}

static bool on_event(void *arg, struct arena *arena, const char *type, struct json *object)
{
	struct events *e = arg;
	struct buf text = BUF_INIT;
	snprintf(e->resource_version, sizeof(e->resource_version), "%s",
	    tree_text(object, "metadata.resourceVersion", ""));
	if ((str_eq(type, "ADDED") || str_eq(type, "MODIFIED")) && shown(e, object)) {
		add_row(e, &text, object);
		flush(e, &text);
	}
	buf_done(&text);
	return true;
}

static int follow(struct events *e, const char *path, struct error *err)
{
	for (;;) {
		const char *watch = session_param(
		    e->k, session_param(e->k, path, "resourceVersion", e->resource_version), "watch", "true");
		int end = session_watch(e->k, watch, NULL, 0, on_event, e, err);
		if (end < 0)
			return -1;
		if (end == WATCH_END_EXPIRED)
			e->resource_version[0] = '\0';
	}
}

static int print_list(struct events *e, struct json *list, struct error *err)
{
	struct kubectl *k = e->k;
	struct json *items = json_get(list, "items"), *kept = json_new_array(k->arena);
	struct buf text = BUF_INIT;
	if (tree_len(items) > 1)
		qsort(items->items, items->len, sizeof(*items->items), compare);
	tree_for_each(items, event) if (shown(e, event)) json_push(k->arena, kept, event);
	if (e->printer) {
		json_set(k->arena, list, "items", kept);
		return printer_print(k, e->printer, NULL, list, err);
	}
	if (!kept->len && !e->watch) {
		if (e->all_namespaces)
			fprintf(stderr, "No events found.\n");
		else
			fprintf(stderr, "No events found in %s namespace.\n", kubectl_namespace(k));
		return 0;
	}
	if (!e->no_headers)
		buf_printf(&text, "%sLAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE\n",
		    e->all_namespaces ? "NAMESPACE\t" : "");
	tree_for_each(kept, event) add_row(e, &text, event);
	flush(e, &text);
	buf_done(&text);
	return 0;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct events e = {.k = k};
	const char *object = NULL, *output = NULL;
	int64_t chunk = 500;
	const struct flag flags[] = {{"for", 0, FLAG_STRING, &object, "TYPE/NAME"},
	    {"types", 0, FLAG_LIST, &e.types, "Normal, Warning"},
	    {"watch", 'w', FLAG_BOOL, &e.watch, "Go on as events come"},
	    {"all-namespaces", 'A', FLAG_BOOL, &e.all_namespaces, "All namespaces"},
	    {"no-headers", 0, FLAG_BOOL, &e.no_headers, "No header line"},
	    {"output", 'o', FLAG_STRING, &output, "json or yaml"},
	    {"chunk-size", 0, FLAG_INT, &chunk, "Accepted and ignored"}, FLAG_END};
	struct args args;
	struct json *list;
	if (kubectl_parse(k,
		"kubectl events [(-o|--output=)json|yaml] [--for TYPE/NAME] [--watch] "
		"[--types=Normal,Warning]",
		flags, argc, argv, &args, err) ||
	    printer_parse(k, output, NULL, &e.printer, err))
		return -1;
	const char *path = session_path(
	    k, mapper_built_in(k, "events"), e.all_namespaces ? "" : kubectl_namespace(k), NULL, NULL);
	if (object) {
		const char *slash = strchr(object, '/');
		const struct mapping *mapping;
		if (!slash || !slash[1])
			return error_set(err, ERR_PARSE, "--for must be in resource/name form");
		if (mapper_by_name(
			k, arena_strndup(k->arena, object, (size_t)(slash - object)), &mapping, err))
			return -1;
		path = session_param(k, path, "fieldSelector",
		    arena_printf(
			k->arena, "involvedObject.kind=%s,involvedObject.name=%s", mapping->kind, slash + 1));
	}
	if (session_list(k, path, &list, err))
		return -1;
	snprintf(e.resource_version, sizeof(e.resource_version), "%s",
	    tree_text(list, "metadata.resourceVersion", ""));
	if (print_list(&e, list, err))
		return -1;
	return e.watch ? follow(&e, path, err) : 0;
}

const struct command command_events = {
    "events", NULL, "Troubleshooting and Debugging Commands:", "List events", run};
