/* kubectl get: tables that the server makes, or whole objects in a format of -o; with -w, changes as they
 * come. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubectl/cmd/get.h"
#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/printers/printer.h"
#include "kubectl/printers/table.h"
#include "kubectl/session.h"
#include "kubectl/sorting.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"

static const char *request_path(struct get *g, const struct target *target)
{
	struct kubectl *k = g->k;
	const char *path = target_path(k, target, g->subresource);
	if (!*target->name) {
		path = session_param(k, path, "labelSelector", g->selector);
		path = session_param(k, path, "fieldSelector", g->field_selector);
	}
	if (!g->printer && !str_empty(g->sort_by))
		path = session_param(k, path, "includeObject", "Object");
	return path;
}

const char *get_path(struct get *g, const struct target *target)
{
	return request_path(g, target);
}

int get_table(struct get *g, const struct target *target, struct json **ret, struct error *err)
{
	struct kubectl *k = g->k;
	const char *base = request_path(g, target), *token = "";
	*ret = NULL;
	do {
		struct answer answer;
		struct json *page;
		const char *path = base;
		if (!*target->name && g->chunk_size > 0)
			path = session_param(
			    k, path, "limit", arena_printf(k->arena, "%lld", (long long)g->chunk_size));
		path = session_param(k, path, "continue", token);
		if (session_exchange(k,
			&(struct exchange){.path = path, .accept = ACCEPT_TABLE "," ACCEPT_JSON}, &answer,
			err))
			return -1;
		static const struct json_limits limits = {.size_max = (size_t)1 << 30};
		if (json_parse(k->arena, answer.body, answer.size, &limits, &page, err))
			return -1;
		if (!str_eq(json_get_string(page, "kind", ""), "Table"))
			page = table_of_objects(k->arena, page);
		if (*ret)
			tree_for_each(json_get(page, "rows"), row)
			    json_push(k->arena, json_get(*ret, "rows"), row);
		else
			*ret = page;
		token = tree_text(page, "metadata.continue", "");
	} while (*token);
	return 0;
}

struct table_printer get_table_printer(const struct get *g, const struct mapping *mapping)
{
	return (struct table_printer){
	    .options = {.wide = str_eq(g->output, "wide"),
		.no_headers = g->no_headers,
		.show_namespace = g->all_namespaces && mapping->is_namespaced,
		.show_labels = g->show_labels,
		.show_kind = g->show_kind || g->many,
		.label_columns = &g->label_columns,
		.show_events = g->watch_events},
	};
}

static void print_group(struct get *g, const struct mapping *mapping, struct json *table, size_t *printed)
{
	struct buf text = BUF_INIT;
	struct table_printer printer = get_table_printer(g, mapping);
	if (!tree_len(json_get(table, "rows")))
		return;
	if (*printed)
		buf_putc(&text, '\n');
	*printed += tree_len(json_get(table, "rows"));
	if (!str_empty(g->sort_by))
		sort_objects(g->k->arena, json_get(table, "rows"), "object", g->sort_path);
	table_add(&printer, g->k->arena, mapping, table, NULL, &text);
	table_flush(&printer, &text);
	buf_done(&text);
}

static void print_nothing(const struct get *g, const struct target *targets, size_t len)
{
	bool is_namespaced = false;
	for (size_t i = 0; i < len; i++)
		is_namespaced = is_namespaced || targets[i].mapping->is_namespaced;
	if (g->ignore_not_found)
		return;
	fflush(stdout);
	if (is_namespaced && !g->all_namespaces)
		fprintf(stderr, "No resources found in %s namespace.\n", kubectl_namespace(g->k));
	else
		fprintf(stderr, "No resources found\n");
}

static int print_tables(struct get *g, const struct target *targets, size_t len, struct error *err)
{
	struct failures failures = {0};
	size_t printed = 0;
	for (size_t i = 0; i < len;) {
		/* Neighbours of one kind share a table. */
		struct json *table = NULL;
		size_t next = i;
		for (; next < len && targets[next].mapping == targets[i].mapping; next++) {
			struct error one = ERROR_INIT;
			struct json *part;
			if (get_table(g, &targets[next], &part, &one)) {
				if (!(g->ignore_not_found && one.code == ERR_NOT_FOUND))
					failures_add(g->k, &failures, &one);
				continue;
			}
			if (table)
				tree_for_each(json_get(part, "rows"), row)
				    json_push(g->k->arena, json_get(table, "rows"), row);
			else
				table = part;
		}
		if (table)
			print_group(g, targets[i].mapping, table, &printed);
		i = next;
	}
	if (!printed && !failures.len)
		print_nothing(g, targets, len);
	return failures_result(g->k, &failures, err);
}

/* The List that several objects print as. */
static struct json *list_of(struct arena *arena, struct json *items)
{
	struct json *list = json_new_object(arena);
	tree_set_text(arena, list, "apiVersion", "v1");
	tree_set_text(arena, list, "kind", "List");
	json_set(arena, list, "items", items);
	tree_set_text(arena, list, "metadata.resourceVersion", "");
	return list;
}

static int print_objects(struct get *g, const struct target_query *query, const struct target *asked,
    size_t asked_len, struct error *err)
{
	struct kubectl *k = g->k;
	struct failures failures = {0};
	struct json *items = json_new_array(k->arena);
	for (size_t i = 0; i < asked_len; i++) {
		struct error one = ERROR_INIT;
		struct json *answer;
		int result = *asked[i].name ? session_get(k, request_path(g, &asked[i]), &answer, &one)
					    : session_list(k, request_path(g, &asked[i]), &answer, &one);
		if (result && query->ignore_not_found && one.code == ERR_NOT_FOUND)
			continue;
		if (result) {
			failures_add(k, &failures, &one);
			continue;
		}
		if (*asked[i].name) {
			json_push(k->arena, items, answer);
			continue;
		}
		tree_for_each(json_get(answer, "items"), item)
		{
			tree_set_text(
			    k->arena, item, "apiVersion", mapping_api_version(k->arena, asked[i].mapping));
			tree_set_text(k->arena, item, "kind", asked[i].mapping->kind);
			json_push(k->arena, items, item);
		}
	}
	if (!str_empty(g->sort_by))
		sort_objects(k->arena, items, NULL, g->sort_path);
	int result = 0;
	bool is_single = asked_len == 1 && *asked[0].name;
	if (is_single && items->len)
		result = printer_print(k, g->printer, asked[0].mapping, items->items[0], err);
	else if (!is_single && (items->len || !(failures.len || query->ignore_not_found)))
		result = printer_print(k, g->printer, NULL, list_of(k->arena, items), err);
	return result ? result : failures_result(k, &failures, err);
}

static int get_raw(struct kubectl *k, const char *path, struct error *err)
{
	struct answer answer;
	if (session_exchange(k, &(struct exchange){.path = path}, &answer, err))
		return -1;
	fwrite(answer.body, 1, answer.size, stdout);
	return 0;
}

static int check_flags(struct get *g, const struct target_query *query, struct error *err)
{
	if (!str_empty(g->sort_by)) {
		const char *relaxed = jsonpath_relaxed(g->k->arena, g->sort_by, err);
		if (!relaxed || jsonpath_parse(g->k->arena, relaxed, &g->sort_path, err))
			return -1;
	}
	if (!query->args_len && !files_given(query->files))
		return error_set(err, ERR_PARSE,
		    "You must specify the type of resource to get. Use \"kubectl api-resources\" for a "
		    "complete list of "
		    "supported resources.\n\nerror: Required resource not specified.\nUse \"kubectl explain "
		    "<resource>\" for a "
		    "detailed description of that resource (e.g. kubectl explain pods).\nSee 'kubectl get "
		    "-h' for help and "
		    "examples");
	return 0;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct get g = {.k = k, .chunk_size = 500, .subresource = ""};
	struct file_flags files = {0};
	const char *raw = NULL, *template_text = NULL;
	bool show_managed = false, server_print = true;
	const struct flag flags[] = {{"output", 'o', FLAG_STRING, &g.output,
					 "Format: wide, yaml, json, name, jsonpath=, custom-columns="},
	    {"template", 0, FLAG_STRING, &template_text, "Template for -o jsonpath or custom-columns"},
	    {"watch", 'w', FLAG_BOOL, &g.watch, "Print changes after the list"},
	    {"watch-only", 0, FLAG_BOOL, &g.watch_only, "Print changes without the list"},
	    {"output-watch-events", 0, FLAG_BOOL, &g.watch_events, "Print the type of each event"},
	    {"all-namespaces", 'A', FLAG_BOOL, &g.all_namespaces, "All namespaces"},
	    {"selector", 'l', FLAG_STRING, &g.selector, "Label selector"},
	    {"field-selector", 0, FLAG_STRING, &g.field_selector, "Field selector"},
	    {"show-labels", 0, FLAG_BOOL, &g.show_labels, "Labels in the last column"},
	    {"label-columns", 'L', FLAG_LIST, &g.label_columns, "Labels to show as columns"},
	    {"show-kind", 0, FLAG_BOOL, &g.show_kind, "Kind in front of names"},
	    {"show-managed-fields", 0, FLAG_BOOL, &show_managed, "Keep managedFields in yaml and json"},
	    {"sort-by", 0, FLAG_STRING, &g.sort_by, "JSONPath to sort by"},
	    {"no-headers", 0, FLAG_BOOL, &g.no_headers, "No header line"},
	    {"ignore-not-found", 0, FLAG_BOOL, &g.ignore_not_found,
		"Exit with 0 when the object does not exist"},
	    {"raw", 0, FLAG_STRING, &raw, "Path to GET as it is"},
	    {"chunk-size", 0, FLAG_INT, &g.chunk_size, "Objects a request; 0 for all at once"},
	    {"server-print", 0, FLAG_BOOL, &server_print, "Accepted and ignored"},
	    {"subresource", 0, FLAG_STRING, &g.subresource, "status or scale"}, FILE_FLAGS(&files), FLAG_END};
	struct args args;
	if (kubectl_parse(k,
		"kubectl get [(-o|--output=)format] (TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE/NAME "
		"...) [flags]",
		flags, argc, argv, &args, err))
		return -1;
	if (!str_empty(raw))
		return get_raw(k, raw, err);
	const struct target_query query = {.args = args.items,
	    .args_len = args.len,
	    .files = &files,
	    .selector = g.selector,
	    .field_selector = g.field_selector,
	    .all_namespaces = g.all_namespaces,
	    .ignore_not_found = g.ignore_not_found,
	    .allow_bare_type = true};
	struct target *targets;
	size_t len;
	if (check_flags(&g, &query, err) || printer_parse(k, g.output, template_text, &g.printer, err) ||
	    targets_parse(k, &query, &targets, &len, &g.many, err))
		return -1;
	printer_show_managed_fields(g.printer, show_managed);
	if (g.no_headers)
		printer_hide_headers(g.printer);
	if (g.watch || g.watch_only)
		return get_watch(&g, targets, len, err);
	return g.printer ? print_objects(&g, &query, targets, len, err) : print_tables(&g, targets, len, err);
}

const struct command command_get = {
    "get", NULL, "Basic Commands (Intermediate):", "Display one or many resources", run};
