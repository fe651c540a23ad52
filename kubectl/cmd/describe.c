/* kubectl describe: one or many objects, with their events. */
#include <stdio.h>
#include <string.h>

#include "kubectl/describe/describe.h"
#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/targets.h"

/* A name that fits nothing may be the beginning of some. */
static int find_by_prefix(struct kubectl *k, const struct target_query *query, struct target **ret,
    size_t *ret_len, struct error *err)
{
	struct target_query all = *query;
	struct failures failures = {0};
	size_t len, n = 0;
	if (query->args_len != 2 || strchr(query->args[0], '/'))
		return -1;
	all.args_len = 1;
	if (targets_find(k, &all, ret, &len, &failures, err) || failures.len) {
		error_clear(err);
		return -1;
	}
	for (size_t i = 0; i < len; i++)
		if (str_has_prefix((*ret)[i].name, query->args[1]))
			(*ret)[n++] = (*ret)[i];
	*ret_len = n;
	return n ? 0 : -1;
}

static void print_nothing(struct kubectl *k, bool all_namespaces)
{
	if (all_namespaces)
		fprintf(stderr, "No resources found\n");
	else
		fprintf(stderr, "No resources found in %s namespace.\n", kubectl_namespace(k));
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct file_flags files = {0};
	const char *selector = NULL;
	bool all_namespaces = false, show_events = true;
	int64_t chunk_size = 500;
	const struct flag flags[] = {FILE_FLAGS(&files),
	    {"selector", 'l', FLAG_STRING, &selector, "Label selector"},
	    {"all-namespaces", 'A', FLAG_BOOL, &all_namespaces, "All namespaces"},
	    {"show-events", 0, FLAG_BOOL, &show_events, "With events"},
	    {"chunk-size", 0, FLAG_INT, &chunk_size, "Accepted and ignored"}, FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(k,
		"kubectl describe (-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME) [flags]", flags,
		argc, argv, &args, err))
		return -1;
	if (!args.len && !files_given(&files))
		return error_set(err, ERR_PARSE,
		    "You must specify the type of resource to describe. Use \"kubectl api-resources\" "
		    "for a complete list of supported resources.");
	const struct target_query query = {.args = args.items,
	    .args_len = args.len,
	    .files = &files,
	    .selector = selector,
	    .all_namespaces = all_namespaces,
	    .allow_bare_type = true};
	if (targets_find(k, &query, &targets, &len, &failures, err))
		return -1;
	bool by_prefix = failures.len == 1 && failures.items[0].err.code == ERR_NOT_FOUND &&
			 !find_by_prefix(k, &query, &targets, &len, err);
	if (by_prefix)
		failures.len = 0;
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		if (i && !by_prefix)
			printf("\n\n");
		if (describe_object(k, &targets[i], show_events, &one))
			failures_add(k, &failures, &one);
		if (by_prefix)
			printf("\n");
	}
	if (!len && !failures.len)
		print_nothing(k, all_namespaces);
	return failures_result(k, &failures, err);
}

const struct command command_describe = {"describe", NULL,
    "Troubleshooting and Debugging Commands:", "Show details of a specific resource or group of resources",
    run};
