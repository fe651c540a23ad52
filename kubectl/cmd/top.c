/* kubectl top: use of CPU and memory, from metrics.k8s.io. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/printers/tabwriter.h"
#include "kubectl/session.h"
#include "kubectl/tree.h"
#include "lib/api/values.h"

#define METRICS "/apis/metrics.k8s.io/v1beta1"

struct row {
	const char *ns, *name, *container;
	int64_t cpu_milli, memory;
};
struct top {
	struct kubectl *k;
	const char *selector, *sort_by, *fields;
	bool no_headers, all_namespaces, containers, sum, ignored;
};

static int64_t amount(const struct json *usage, const char *name, bool milli)
{
	struct quantity q = {0};
	struct error ignored = ERROR_INIT;
	const struct json *v = json_get(usage, name);
	if (!v || (v->type != JSON_STRING && v->type != JSON_NUMBER) || quantity_parse(v->text, &q, &ignored))
		return 0;
	return milli ? quantity_milli(&q) : quantity_value(&q);
}

static int fetch(struct top *t, const char *path, struct json **ret, struct error *err)
{
	struct json *answer;
	path = session_param(
	    t->k, session_param(t->k, path, "labelSelector", t->selector), "fieldSelector", t->fields);
	if (session_get(t->k, path, &answer, err)) {
		if (err->code == ERR_NOT_FOUND &&
		    str_eq(err->message, "the server could not find the requested resource")) {
			error_clear(err);
			return error_set(err, ERR_PARSE, "Metrics API not available");
		}
		return -1;
	}
	*ret = json_get(answer, "items");
	if (!*ret) {
		*ret = json_new_array(t->k->arena);
		json_push(t->k->arena, *ret, answer);
	}
	return 0;
}

static const struct top *sorting;

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	if (str_eq(sorting->sort_by, "cpu") && x->cpu_milli != y->cpu_milli)
		return x->cpu_milli > y->cpu_milli ? -1 : 1;
	if (str_eq(sorting->sort_by, "memory") && x->memory != y->memory)
		return x->memory > y->memory ? -1 : 1;
	int order = strcmp(str_or(x->ns, ""), str_or(y->ns, ""));
	return order ? order : strcmp(x->name, y->name);
}

static void flush(struct buf *text)
{
	struct buf out = BUF_INIT;
	tabwriter_format(&out, buf_str(text), 6, 3, NULL);
	fputs(buf_str(&out), stdout);
	buf_done(&out);
	buf_done(text);
}

static int top_nodes(struct top *t, const char *name, struct error *err)
{
	struct kubectl *k = t->k;
	struct json *items, *list;
	struct buf text = BUF_INIT;
	if (fetch(t, name ? arena_printf(k->arena, METRICS "/nodes/%s", name) : METRICS "/nodes", &items,
		err) ||
	    session_list(k, session_path(k, mapper_built_in(k, "nodes"), "", NULL, NULL), &list, err))
		return -1;
	size_t len = 0;
	struct row *rows = ARENA_ARRAY(k->arena, struct row, tree_len(items) + 1);
	tree_for_each(items, item) rows[len++] = (struct row){.name = tree_name(item),
	    .cpu_milli = amount(json_get(item, "usage"), "cpu", true),
	    .memory = amount(json_get(item, "usage"), "memory", false)};
	sorting = t;
	qsort(rows, len, sizeof(*rows), compare);
	if (!t->no_headers)
		buf_puts(&text, "NAME\tCPU(cores)\tCPU(%)\tMEMORY(bytes)\tMEMORY(%)\n");
	for (size_t i = 0; i < len; i++) {
		const struct json *allocatable = NULL;
		tree_for_each(json_get(list, "items"), node) if (str_eq(tree_name(node), rows[i].name))
		    allocatable = tree_at(node, "status.allocatable");
		int64_t cpu = amount(allocatable, "cpu", true), memory = amount(allocatable, "memory", false);
		buf_printf(&text, "%s\t%lldm\t%lld%%\t%lldMi\t%lld%%\n", rows[i].name,
		    (long long)rows[i].cpu_milli, cpu ? (long long)(rows[i].cpu_milli * 100 / cpu) : 0,
		    (long long)(rows[i].memory >> 20),
		    memory ? (long long)(rows[i].memory * 100 / memory) : 0);
	}
	flush(&text);
	return 0;
}

static int top_pods(struct top *t, const char *name, struct error *err)
{
	struct kubectl *k = t->k;
	struct json *items;
	struct buf text = BUF_INIT;
	const char *path = t->all_namespaces
			       ? METRICS "/pods"
			       : arena_printf(k->arena, METRICS "/namespaces/%s/pods", kubectl_namespace(k));
	if (fetch(t, name ? arena_printf(k->arena, "%s/%s", path, name) : path, &items, err))
		return -1;
	size_t room = 1, len = 0;
	tree_for_each(items, item) room += t->containers ? tree_len(json_get(item, "containers")) : 1;
	struct row *rows = ARENA_ARRAY(k->arena, struct row, room);
	tree_for_each(items, item)
	{
		struct row total = {.ns = tree_namespace(item), .name = tree_name(item)};
		tree_for_each(json_get(item, "containers"), c)
		{
			struct row one = {.ns = total.ns,
			    .name = total.name,
			    .container = json_get_string(c, "name", ""),
			    .cpu_milli = amount(json_get(c, "usage"), "cpu", true),
			    .memory = amount(json_get(c, "usage"), "memory", false)};
			total.cpu_milli += one.cpu_milli;
			total.memory += one.memory;
			if (t->containers)
				rows[len++] = one;
		}
		if (!t->containers)
			rows[len++] = total;
	}
	if (!len) {
		if (t->all_namespaces)
			fprintf(stderr, "No resources found\n");
		else
			fprintf(stderr, "No resources found in %s namespace.\n", kubectl_namespace(k));
		return 0;
	}
	sorting = t;
	qsort(rows, len, sizeof(*rows), compare);
	if (!t->no_headers)
		buf_printf(&text, "%s%s%s\n", t->all_namespaces ? "NAMESPACE\t" : "",
		    t->containers ? "POD\tNAME\t" : "NAME\t", "CPU(cores)\tMEMORY(bytes)");
	for (size_t i = 0; i < len; i++)
		buf_printf(&text, "%s%s%s%s%s\t%lldm\t%lldMi\n", t->all_namespaces ? rows[i].ns : "",
		    t->all_namespaces ? "\t" : "", rows[i].name, t->containers ? "\t" : "",
		    t->containers ? rows[i].container : "", (long long)rows[i].cpu_milli,
		    (long long)(rows[i].memory >> 20));
	flush(&text);
	return 0;
}

static int parse(struct top *t, int argc, char **argv, struct args *args, struct error *err)
{
	const struct flag flags[] = {{"selector", 'l', FLAG_STRING, &t->selector, "Label selector"},
	    {"field-selector", 0, FLAG_STRING, &t->fields, "Field selector"},
	    {"sort-by", 0, FLAG_STRING, &t->sort_by, "cpu or memory"},
	    {"no-headers", 0, FLAG_BOOL, &t->no_headers, "No header line"},
	    {"all-namespaces", 'A', FLAG_BOOL, &t->all_namespaces, "All namespaces"},
	    {"containers", 0, FLAG_BOOL, &t->containers, "A row for each container"},
	    {"sum", 0, FLAG_BOOL, &t->sum, "Accepted and ignored"},
	    {"show-capacity", 0, FLAG_BOOL, &t->ignored, "Accepted and ignored"},
	    {"use-protocol-buffers", 0, FLAG_BOOL, &t->ignored, "Accepted and ignored"}, FLAG_END};
	if (kubectl_parse(t->k, arena_printf(t->k->arena, "%s [NAME | -l label]", t->k->command_path), flags,
		argc, argv, args, err))
		return -1;
	if (!str_empty(t->sort_by) && !str_eq(t->sort_by, "cpu") && !str_eq(t->sort_by, "memory"))
		return error_set(err, ERR_PARSE, "--sort-by accepts only cpu or memory");
	return 0;
}

static int run_node(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct top t = {.k = k};
	struct args args;
	return parse(&t, argc, argv, &args, err) ? -1 : top_nodes(&t, args.len ? args.items[0] : NULL, err);
}

static int run_pod(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct top t = {.k = k};
	struct args args;
	return parse(&t, argc, argv, &args, err) ? -1 : top_pods(&t, args.len ? args.items[0] : NULL, err);
}

static const struct command node = {
    "node", "nodes,no", NULL, "Display resource (CPU/memory) usage of nodes", run_node};
static const struct command pod = {
    "pod", "pods,po", NULL, "Display resource (CPU/memory) usage of pods", run_pod};
static const struct command *const commands[] = {&node, &pod, NULL};

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return kubectl_dispatch(k, commands, "Display resource (CPU/memory) usage.", argc, argv, err);
}

const struct command command_top = {
    "top", NULL, "Cluster Management Commands:", "Display resource (CPU/memory) usage", run};
