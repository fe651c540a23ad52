/* kubectl rollout history and undo. */
#include <stdio.h>
#include <string.h>

#include "kubectl/describe/describe.h"
#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/patch/three_way.h"
#include "kubectl/printers/printer.h"
#include "kubectl/printers/tabwriter.h"
#include "kubectl/rollout.h"
#include "kubectl/rollout_commands.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/writing.h"

static int revisions_of(
    struct kubectl *k, const struct target *target, struct json ***ret, size_t *ret_len, struct error *err)
{
	if (str_eq(target->mapping->kind, "Deployment"))
		return rollout_replica_sets(k, target->tree, ret, ret_len, err);
	if (str_eq(target->mapping->kind, "DaemonSet") || str_eq(target->mapping->kind, "StatefulSet"))
		return rollout_controller_revisions(k, target->tree, ret, ret_len, err);
	return error_set(
	    err, ERR_PARSE, "no history viewer has been implemented for %s", target->mapping->kind);
}

static const struct json *template_of(const struct json *revision)
{
	const struct json *data = tree_at(revision, "data.spec.template");
	return data ? data : tree_at(revision, "spec.template");
}

static const struct json *find_revision(struct json *const *list, size_t len, int64_t revision)
{
	for (size_t i = 0; i < len; i++)
		if (rollout_revision(list[i]) == revision)
			return list[i];
	return NULL;
}

static void print_history(
    struct kubectl *k, const struct target *target, struct json *const *list, size_t len)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	printf("%s/%s \n", mapping_kind_text(k->arena, target->mapping), target->name);
	if (!len) {
		printf("No rollout history found.\n");
		return;
	}
	buf_puts(&text, "REVISION\tCHANGE-CAUSE\n");
	for (size_t i = 0; i < len; i++)
		buf_printf(&text, "%lld\t%s\n", (long long)rollout_revision(list[i]),
		    json_get_string(
			tree_at(list[i], "metadata.annotations"), CHANGE_CAUSE_ANNOTATION, "<none>"));
	tabwriter_format(&out, buf_str(&text), 0, 2, NULL);
	printf("%s\n", buf_str(&out));
	buf_done(&text);
	buf_done(&out);
}

static void print_template(
    struct kubectl *k, const struct target *target, const struct json *template, int64_t revision)
{
	struct describe d = {.k = k, .arena = k->arena, .mapping = target->mapping, .object = target->tree};
	put_pod_template(&d, template);
	/* Not aligned: stock leaves the tabs. */
	if (revision)
		printf("%s/%s with revision #%lld\n%s\n", mapping_kind_text(k->arena, target->mapping),
		    target->name, (long long)revision, buf_str(&d.out));
	else
		fputs(buf_str(&d.out), stdout);
	buf_done(&d.out);
}

static int run_history(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct file_flags files = {0};
	const char *output = NULL, *selector = NULL;
	int64_t revision = 0;
	struct printer *printer;
	const struct flag flags[] = {FILE_FLAGS(&files),
	    {"revision", 0, FLAG_INT, &revision, "Show this revision whole"},
	    {"output", 'o', FLAG_STRING, &output, "yaml or json"},
	    {"selector", 'l', FLAG_STRING, &selector, "Label selector"}, FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(k, "kubectl rollout history (TYPE NAME | TYPE/NAME) [flags]", flags, argc, argv,
		&args, err) ||
	    printer_parse(k, output, NULL, &printer, err))
		return -1;
	if (!args.len && !files_given(&files))
		return error_set(err, ERR_PARSE, "required resource not specified");
	const struct target_query query = {.args = args.items,
	    .args_len = args.len,
	    .files = &files,
	    .selector = selector,
	    .allow_bare_type = true};
	if (targets_find(k, &query, &targets, &len, &failures, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		struct json **list;
		size_t n;
		if (revisions_of(k, &targets[i], &list, &n, err))
			return -1;
		const struct json *found = find_revision(list, n, revision);
		if (revision && !found)
			return error_set(err, ERR_PARSE, "unable to find the specified revision");
		if (printer) {
			if (printer_print(k, printer, NULL, found ? found : targets[i].tree, err))
				return -1;
		} else if (revision) {
			print_template(k, &targets[i], template_of(found), revision);
		} else {
			print_history(k, &targets[i], list, n);
		}
	}
	return failures_result(k, &failures, err);
}

const struct command rollout_history = {"history", NULL, NULL, "View rollout history", run_history};

/* -- undo
 * ---------------------------------------------------------------------------------------------------------
 */

/* The revision before the current one, or the one asked for; NULL with err. */
static const struct json *undo_to(
    const struct target *target, struct json *const *list, size_t len, int64_t revision, struct error *err)
{
	const struct json *found = NULL;
	if (revision > 0) {
		found = find_revision(list, len, revision);
		if (!found)
			error_set(err, ERR_PARSE, "unable to find specified revision %lld in history",
			    (long long)revision);
		return found;
	}
	if (len < 2) {
		error_set(err, ERR_PARSE, "no rollout history found for %s \"%s\"",
		    str_eq(target->mapping->kind, "Deployment") ? "deployment" : target->mapping->singular,
		    target->name);
		return NULL;
	}
	return list[len - 2];
}

static int undo_one(struct kubectl *k, const struct write_flags *w, const struct target *target,
    int64_t revision, struct error *err)
{
	struct json **list, *after = json_clone(k->arena, target->tree), *patched;
	size_t len;
	if (tree_bool(target->tree, "spec.paused", false))
		return error_set(err, ERR_PARSE,
		    "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' "
		    "and try again");
	if (revisions_of(k, target, &list, &len, err))
		return -1;
	const struct json *to = undo_to(target, list, len, revision, err);
	if (!to)
		return -1;
	struct json *template = json_clone(k->arena, template_of(to));
	if (tree_at(template, "metadata.labels"))
		json_remove(tree_at(template, "metadata.labels"), "pod-template-hash");
	json_remove(template, "$patch");
	if (write_is_client(w)) {
		print_template(k, target, template, 0);
		return 0;
	}
	struct json *labels = tree_at(target->tree, "spec.template");
	if (json_equal(labels, template)) {
		printf("%s/%s skipped rollback (current template already matches revision %lld)\n",
		    mapping_kind_text(k->arena, target->mapping), target->name,
		    (long long)rollout_revision(to));
		return 0;
	}
	/* The whole template, not a difference: fields that the old one lacks must go. */
	struct json *patch = json_new_array(k->arena), *op = json_new_object(k->arena);
	tree_set_text(k->arena, op, "op", "replace");
	tree_set_text(k->arena, op, "path", "/spec/template");
	json_set(k->arena, op, "value", template);
	json_push(k->arena, patch, op);
	if (session_patch(k, write_query(k, w, target_path(k, target, NULL), "kubectl-rollout", false),
		PATCH_JSON, patch, &patched, err))
		return -1;
	return write_done(k, w, target->mapping, after, "rolled back", err);
}

static int run_undo(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct file_flags files = {0};
	struct write_flags w = {0};
	const char *selector = NULL;
	int64_t revision = 0;
	const struct flag flags[] = {FILE_FLAGS(&files), WRITE_FLAGS(&w),
	    {"to-revision", 0, FLAG_INT, &revision, "Revision; 0: the one before"},
	    {"selector", 'l', FLAG_STRING, &selector, "Label selector"}, FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(
		k, "kubectl rollout undo (TYPE NAME | TYPE/NAME) [flags]", flags, argc, argv, &args, err) ||
	    write_flags_check(k, &w, err))
		return -1;
	if (!args.len && !files_given(&files))
		return error_set(err, ERR_PARSE, "required resource not specified");
	const struct target_query query = {.args = args.items,
	    .args_len = args.len,
	    .files = &files,
	    .selector = selector,
	    .allow_bare_type = true};
	if (targets_find(k, &query, &targets, &len, &failures, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		if (undo_one(k, &w, &targets[i], revision, &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}

const struct command rollout_undo = {"undo", NULL, NULL, "Undo a previous rollout", run_undo};
