#include "kubectl/cordon.h"

#include <stdio.h>
#include <string.h>

#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/writing.h"

int cordon_set(struct kubectl *k, const struct write_flags *w, const struct target *node, bool unschedulable,
    struct error *err)
{
	const char *word = unschedulable ? "cordoned" : "uncordoned";
	struct json *after = json_clone(k->arena, node->tree), *patched;
	if (tree_bool(node->tree, "spec.unschedulable", false) == unschedulable) {
		printf("node/%s already %s\n", node->name, word);
		return 0;
	}
	if (unschedulable)
		tree_set(k->arena, after, "spec.unschedulable", json_new_bool(k->arena, true));
	else
		tree_remove(after, "spec.unschedulable");
	if (!write_is_client(w) &&
	    write_difference(k, w, node->mapping, "", node->tree, after, "kubectl-cordon", &patched, err))
		return -1;
	return write_done(k, w, node->mapping, after, word, err);
}

int cordon_nodes(struct kubectl *k, const struct args *args, const char *selector, struct target **ret,
    size_t *ret_len, struct failures *failures, struct error *err)
{
	const char **words = ARENA_ARRAY(k->arena, const char *, args->len + 2);
	bool pairs = args->len && strchr(args->items[0], '/');
	size_t len = 0;
	if (!pairs)
		words[len++] = "nodes";
	for (size_t i = 0; i < args->len; i++)
		words[len++] = args->items[i];
	const struct target_query query = {.args = words, .args_len = len, .selector = selector};
	return targets_find(k, &query, ret, ret_len, failures, err);
}

int cordon_run(struct kubectl *k, bool unschedulable, int argc, char **argv, struct error *err)
{
	struct write_flags w = {0};
	const char *selector = NULL;
	const struct flag flags[] = {
	    {"dry-run", 0, FLAG_STRING, &w.dry_run, "none, client or server", "unchanged"},
	    {"selector", 'l', FLAG_STRING, &selector, "Label selector"}, FLAG_END};
	struct args args;
	struct target *nodes;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(
		k, arena_printf(k->arena, "%s NODE", k->command_path), flags, argc, argv, &args, err) ||
	    write_flags_check(k, &w, err))
		return -1;
	if (!args.len && !selector)
		return error_set(err, ERR_PARSE, "USAGE: %s NODE [flags]\nSee '%s -h' for help and examples",
		    strchr(k->command_path, ' ') + 1, k->command_path);
	if (args.len && selector)
		return error_set(
		    err, ERR_PARSE, "error: cannot specify both a node name and a --selector option");
	if (cordon_nodes(k, &args, selector, &nodes, &len, &failures, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		if (cordon_set(k, &w, &nodes[i], unschedulable, &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}
