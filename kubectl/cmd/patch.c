/* kubectl patch: json, merge and strategic. */
#include <stdio.h>
#include <string.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/writing.h"
#include "lib/api/yaml.h"

static int read_patch(
    struct kubectl *k, const char *text, const char *file, struct json **ret, struct error *err)
{
	char *content = NULL;
	size_t size;
	if (!str_empty(file) && file_read(k, file, &content, &size, err))
		return error_prefix(err, "unable to read patch file");
	if (content)
		text = content;
	if (str_empty(text))
		return error_set(err, ERR_PARSE,
		    "must specify --patch or --patch-file containing the contents of the patch");
	if (yaml_parse(k->arena, text, strlen(text), NULL, ret, err)) {
		err->code = ERR_PARSE;
		char why[512];
		snprintf(why, sizeof(why), "%.511s", err->message);
		error_clear(err);
		return error_set(err, ERR_PARSE, "unable to parse \"%s\": %s", text, why);
	}
	return 0;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct file_flags files = {0};
	struct write_flags w = {0};
	const char *text = NULL, *file = NULL, *type_name = "strategic", *subresource = NULL;
	bool local = false;
	const struct flag flags[] = {FILE_FLAGS(&files), WRITE_FLAGS(&w),
	    {"patch", 'p', FLAG_STRING, &text, "The patch, JSON or YAML"},
	    {"patch-file", 0, FLAG_STRING, &file, "File with the patch"},
	    {"type", 0, FLAG_STRING, &type_name, "json, merge or strategic"},
	    {"subresource", 0, FLAG_STRING, &subresource, "status or scale"},
	    {"local", 0, FLAG_BOOL, &local, "Not supported"}, FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len;
	struct json *patch;
	if (kubectl_parse(k, "kubectl patch (-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE] [options]",
		flags, argc, argv, &args, err) ||
	    write_flags_check(k, &w, err))
		return -1;
	static const char *const types[] = {"json", "merge", "strategic", NULL};
	char *lower = str_lower(k->arena, type_name);
	if (!str_in(lower, types))
		return error_set(
		    err, ERR_PARSE, "--type must be one of [json merge strategic], not \"%s\"", type_name);
	if (local)
		return error_set(err, ERR_PARSE, "--local is not supported");
	if (read_patch(k, text, file, &patch, err))
		return -1;
	enum patch_type type = *lower == 'j' ? PATCH_JSON : *lower == 'm' ? PATCH_MERGE : PATCH_STRATEGIC;
	const struct target_query query = {.args = args.items, .args_len = args.len, .files = &files};
	if (targets_find(k, &query, &targets, &len, &failures, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		struct json *patched = targets[i].tree;
		const char *path =
		    write_query(k, &w, target_path(k, &targets[i], subresource), "kubectl-patch", false);
		if (!write_is_client(&w) && session_patch(k, path, type, patch, &patched, &one)) {
			failures_add(k, &failures, &one);
			continue;
		}
		bool same = str_eq(tree_text(patched, "metadata.resourceVersion", "a"),
		    tree_text(targets[i].tree, "metadata.resourceVersion", "b"));
		if (write_done(k, &w, targets[i].mapping, patched,
			same && !write_is_client(&w) ? "patched (no change)" : "patched", &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}

const struct command command_patch = {
    "patch", NULL, "Advanced Commands:", "Update fields of a resource", run};
