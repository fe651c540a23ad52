#include "kubectl/marking.h"

#include <stdio.h>
#include <string.h>

#include "kubectl/mapper.h"
#include "kubectl/printers/printer.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/writing.h"

struct job {
	struct kubectl *k;
	const struct marking *what;
	struct write_flags write;
	bool overwrite, list, local, many;
	const char *resource_version;
	const char *const *changes; /* KEY=VALUE and KEY- */
	size_t changes_len;
};

static bool is_change(const char *arg)
{
	return strchr(arg, '=') || (str_has_suffix(arg, "-") && strlen(arg) > 1);
}

/* The patch, and whether it changes anything; -1 when a value would be overwritten. */
static int make_patch(
    struct job *j, const struct json *object, struct json **ret, const char **ret_done, struct error *err)
{
	struct arena *a = j->k->arena;
	const struct json *now = tree_at(object, j->what->path);
	struct json *patch = json_new_object(a), *map = json_new_object(a);
	size_t added = 0, removed = 0;
	for (size_t i = 0; i < j->changes_len; i++) {
		const char *text = j->changes[i], *eq = strchr(text, '=');
		const char *key = arena_strndup(a, text, eq ? (size_t)(eq - text) : strlen(text) - 1);
		const char *old = json_get_string(now, key, NULL);
		if (!eq) {
			if (!old) {
				printf("%s \"%s\" not found.\n", j->what->noun, key);
				continue;
			}
			json_set(a, map, key, json_new_null(a));
			removed++;
			continue;
		}
		if (str_eq(old, eq + 1))
			continue;
		if (old && !j->overwrite)
			return str_eq(j->what->noun, "label")
				   ? error_set(err, ERR_PARSE,
					 "'%s' already has a value (%s), and --overwrite is false", key, old)
				   : error_set(err, ERR_PARSE,
					 "--overwrite is false but found the following declared "
					 "annotation(s): '%s' already has a value (%s)",
					 key, old);
		json_set(a, map, key, json_new_string(a, eq + 1));
		added++;
	}
	*ret_done = added     ? j->what->done
		    : removed ? j->what->undone
			      : arena_printf(a, "not %s", j->what->done);
	if (str_eq(j->what->noun, "annotation"))
		*ret_done = j->what->done;
	*ret = NULL;
	if (!added && !removed)
		return 0;
	tree_set(a, patch, j->what->path, map);
	if (!str_empty(j->resource_version))
		tree_set_text(a, patch, "metadata.resourceVersion", j->resource_version);
	*ret = patch;
	return 0;
}

static void print_list(struct job *j, const struct target *target)
{
	const struct json *map = tree_at(target->tree, j->what->path);
	if (j->many)
		printf("Listing %ss for %s.%s/%s:\n", j->what->noun, target->mapping->kind,
		    target->mapping->group, target->name);
	for (size_t i = 0; i < tree_size(map); i++)
		printf("%s%s=%s\n", j->many ? " " : "", map->members[i].key,
		    tree_show(j->k->arena, map->members[i].value));
}

static int mark_one(struct job *j, const struct target *target, struct error *err)
{
	struct kubectl *k = j->k;
	struct json *patch = NULL, *object = target->tree;
	const char *done = "";
	if (j->list) {
		print_list(j, target);
		return 0;
	}
	if (make_patch(j, target->tree, &patch, &done, err))
		return -1;
	if (j->local || write_is_client(&j->write)) {
		struct json *map = tree_at(object, j->what->path);
		const struct json *changes = tree_at(patch, j->what->path);
		if (!map) {
			map = json_new_object(k->arena);
			tree_set(k->arena, object, j->what->path, map);
		}
		for (size_t i = 0; i < tree_size(changes); i++)
			if (changes->members[i].value->type == JSON_NULL)
				json_remove(map, changes->members[i].key);
			else
				json_set(k->arena, map, changes->members[i].key, changes->members[i].value);
	} else if (patch) {
		const char *path = write_query(k, &j->write, target_path(k, target, NULL),
		    arena_printf(k->arena, "kubectl-%s", j->what->verb), false);
		if (session_patch(k, path, PATCH_MERGE, patch, &object, err))
			return -1;
	}
	return write_done(k, &j->write, target->mapping, object, done, err);
}

int marking_run(struct kubectl *k, const struct marking *what, int argc, char **argv, struct error *err)
{
	struct job j = {.k = k, .what = what};
	struct file_flags files = {0};
	const char *selector = NULL, *fields = NULL;
	bool all = false, all_namespaces = false;
	const struct flag flags[] = {FILE_FLAGS(&files), WRITE_FLAGS(&j.write),
	    {"overwrite", 0, FLAG_BOOL, &j.overwrite, "Replace values"},
	    {"list", 0, FLAG_BOOL, &j.list, "Print them"}, {"local", 0, FLAG_BOOL, &j.local, "Send nothing"},
	    {"all", 0, FLAG_BOOL, &all, "All of the kind"},
	    {"all-namespaces", 'A', FLAG_BOOL, &all_namespaces, "All namespaces"},
	    {"selector", 'l', FLAG_STRING, &selector, "Label selector"},
	    {"field-selector", 0, FLAG_STRING, &fields, "Field selector"},
	    {"resource-version", 0, FLAG_STRING, &j.resource_version, "Only at this version"}, FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len, own = 0;
	if (kubectl_parse(k,
		arena_printf(k->arena,
		    "kubectl %s [--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N",
		    what->verb),
		flags, argc, argv, &args, err) ||
	    write_flags_check(k, &j.write, err))
		return -1;
	while (own < args.len && !is_change(args.items[own]))
		own++;
	for (size_t i = own; i < args.len; i++)
		if (!is_change(args.items[i]))
			return error_set(err, ERR_PARSE,
			    "all resources must be specified before %s changes: %s", what->noun,
			    args.items[i]);
	j.changes = args.items + own;
	j.changes_len = args.len - own;
	if (!own && !files_given(&files))
		return error_set(err, ERR_PARSE,
		    "one or more resources must be specified as <resource> <name> or <resource>/<name>");
	if (!j.changes_len && !j.list)
		return error_set(err, ERR_PARSE, "at least one %s update is required", what->noun);
	const struct target_query query = {.args = args.items,
	    .args_len = own,
	    .files = &files,
	    .selector = selector,
	    .field_selector = fields,
	    .all = all,
	    .all_namespaces = all_namespaces};
	if (targets_find(k, &query, &targets, &len, &failures, err))
		return -1;
	j.many = len > 1;
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		if (mark_one(&j, &targets[i], &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}
