/* kubectl delete: by file, name, label or all of a kind; waits until the objects are gone. */
#include <stdio.h>
#include <string.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/waiting.h"

struct delete
{
	struct kubectl *k;
	struct file_flags files;
	const char *selector, *field_selector, *cascade, *dry_run, *output, *raw;
	bool all, all_namespaces, force, now, wait, ignore_not_found, interactive;
	int64_t grace_period, timeout_ms;
};

static struct json *delete_options(const struct delete *d)
{
	struct arena *arena = d->k->arena;
	static const char *const names[][2] = {{"background", "Background"}, {"true", "Background"},
	    {"foreground", "Foreground"}, {"orphan", "Orphan"}, {"false", "Orphan"}};
	struct json *options = json_new_object(arena);
	tree_set_text(arena, options, "kind", "DeleteOptions");
	tree_set_text(arena, options, "apiVersion", "v1");
	if (d->grace_period >= 0)
		json_set(arena, options, "gracePeriodSeconds", json_new_int(arena, d->grace_period));
	for (size_t i = 0; i < 5; i++)
		if (str_eq(d->cascade, names[i][0]))
			tree_set_text(arena, options, "propagationPolicy", names[i][1]);
	if (str_eq(d->dry_run, "server")) {
		struct json *list = json_new_array(arena);
		json_push(arena, list, json_new_string(arena, "All"));
		json_set(arena, options, "dryRun", list);
	}
	return options;
}

static void print_deleted(const struct delete *d, const struct target *target)
{
	const char *kind = mapping_kind_text(d->k->arena, target->mapping);
	const char *suffix = str_eq(d->dry_run, "client")   ? " (dry run)"
			     : str_eq(d->dry_run, "server") ? " (server dry run)"
							    : "";
	if (str_eq(d->output, "name"))
		printf("%s/%s\n", kind, target->name);
	else
		printf("%s \"%s\" %s%s\n", kind, target->name,
		    d->force && d->grace_period == 0 ? "force deleted" : "deleted", suffix);
	fflush(stdout);
}

/* ret_uid: of the object that was told to go, or "" when nothing is left to wait for. */
static int delete_one(
    const struct delete *d, const struct target *target, const char **ret_uid, struct error *err)
{
	struct kubectl *k = d->k;
	struct json *answer = NULL;
	*ret_uid = "";
	if (!str_eq(d->dry_run, "client") &&
	    session_call(k, "DELETE", target_path(k, target, NULL), delete_options(d), &answer, err)) {
		if (target->source)
			report_add_source(k, err, "deleting", target->source);
		return -1;
	}
	print_deleted(d, target);
	if (str_eq(json_get_string(answer, "kind", ""), "Status"))
		*ret_uid = tree_text(answer, "details.uid", "");
	else
		*ret_uid = tree_text(answer, "metadata.uid", "");
	return 0;
}

static int delete_all(const struct delete *d, const struct target *targets, size_t len, struct error *err)
{
	struct kubectl *k = d->k;
	struct failures failures = {0};
	const char **uids = ARENA_ARRAY(k->arena, const char *, len + 1);
	bool *gone = ARENA_ARRAY(k->arena, bool, len + 1);
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		gone[i] = delete_one(d, &targets[i], &uids[i], &one) != 0;
		if (gone[i] && !(d->ignore_not_found && one.code == ERR_NOT_FOUND))
			failures_add(k, &failures, &one);
	}
	int64_t end_ms = wait_now_ms() + d->timeout_ms;
	for (size_t i = 0; i < len && d->wait && str_empty(d->dry_run); i++) {
		struct error one = ERROR_INIT;
		int64_t left = d->timeout_ms ? end_ms - wait_now_ms() : 0;
		if (gone[i] || !*uids[i])
			continue;
		if (wait_gone(k, &targets[i], uids[i], d->timeout_ms && left <= 0 ? 1 : left, &one)) {
			if (one.code == ERR_CANCELLED) {
				error_clear(&one);
				error_set(&one, ERR_CANCELLED, "timed out waiting for the condition on %s/%s",
				    targets[i].mapping->plural, targets[i].name);
			}
			failures_add(k, &failures, &one);
		}
	}
	return failures_result(k, &failures, err);
}

static int check(struct delete *d, struct error *err)
{
	static const char *const cascades[] = {"background", "foreground", "orphan", "true", "false", NULL};
	if (!str_in(d->cascade, cascades))
		return error_set(err, ERR_PARSE,
		    "invalid cascade value (%s). Must be \"background\", \"foreground\", or \"orphan\"",
		    d->cascade);
	if (str_eq(d->dry_run, "none"))
		d->dry_run = "";
	if (!str_empty(d->output) && !str_eq(d->output, "name"))
		return error_set(
		    err, ERR_PARSE, "unexpected -o output mode: %s. We only support '-o name'", d->output);
	if (d->all && !str_empty(d->selector))
		return error_set(err, ERR_PARSE, "cannot set --all and --selector at the same time");
	if (d->now && d->grace_period != -1)
		return error_set(err, ERR_PARSE, "--now and --grace-period cannot be specified together");
	if (d->now)
		d->grace_period = 1;
	if (d->grace_period == 0 && !d->force)
		d->grace_period = 1; /* as stock does, so that data is not lost by accident */
	if (d->force && d->grace_period < 0)
		d->grace_period = 0;
	if (d->force && d->grace_period > 0)
		return error_set(
		    err, ERR_PARSE, "--force and --grace-period greater than 0 cannot be specified together");
	if (d->force && d->grace_period == 0)
		report_warning(
		    "Immediate deletion does not wait for confirmation that the running resource has been "
		    "terminated. The resource may continue to run on the cluster indefinitely.");
	return 0;
}

static bool confirm(const struct target *targets, size_t len, struct kubectl *k)
{
	printf("You are about to delete the following %zu resource(s):\n", len);
	for (size_t i = 0; i < len; i++)
		printf("%s/%s\n", mapping_kind_text(k->arena, targets[i].mapping), targets[i].name);
	printf("Do you want to continue? (y/N): ");
	fflush(stdout);
	char answer[16];
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct delete d = {.k = k, .wait = true, .grace_period = -1, .cascade = "background"};
	const struct flag flags[] = {FILE_FLAGS(&d.files),
	    {"selector", 'l', FLAG_STRING, &d.selector, "Label selector"},
	    {"field-selector", 0, FLAG_STRING, &d.field_selector, "Field selector"},
	    {"all", 0, FLAG_BOOL, &d.all, "All objects of the kinds"},
	    {"all-namespaces", 'A', FLAG_BOOL, &d.all_namespaces, "All namespaces"},
	    {"ignore-not-found", 0, FLAG_BOOL, &d.ignore_not_found, "Missing objects are no error"},
	    {"cascade", 0, FLAG_STRING, &d.cascade, "background, foreground or orphan", "background"},
	    {"now", 0, FLAG_BOOL, &d.now, "Shut down at once: a grace period of 1 s"},
	    {"force", 0, FLAG_BOOL, &d.force, "Do not wait for the node to confirm"},
	    {"grace-period", 0, FLAG_INT, &d.grace_period, "Seconds to shut down; -1: the object's own"},
	    {"wait", 0, FLAG_BOOL, &d.wait, "Wait until the objects are gone"},
	    {"timeout", 0, FLAG_DURATION, &d.timeout_ms, "Time to wait; 0: as long as it takes"},
	    {"dry-run", 0, FLAG_STRING, &d.dry_run, "none, client or server", "client"},
	    {"output", 'o', FLAG_STRING, &d.output, "name, or nothing"},
	    {"interactive", 'i', FLAG_BOOL, &d.interactive, "Ask first"},
	    {"raw", 0, FLAG_STRING, &d.raw, "Path to DELETE as it is"}, FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(k, "kubectl delete ([-f FILENAME] | TYPE [(NAME | -l label | --all)]) [flags]",
		flags, argc, argv, &args, err) ||
	    check(&d, err))
		return -1;
	if (!str_empty(d.raw)) {
		struct answer answer;
		if (session_exchange(k, &(struct exchange){.method = "DELETE", .path = d.raw}, &answer, err))
			return -1;
		fwrite(answer.body, 1, answer.size, stdout);
		return 0;
	}
	const struct target_query query = {.args = args.items,
	    .args_len = args.len,
	    .files = &d.files,
	    .selector = d.selector,
	    .field_selector = d.field_selector,
	    .all = d.all,
	    .all_namespaces = d.all_namespaces};
	bool lists = d.all || d.selector || d.field_selector;
	if (lists ? targets_find(k, &query, &targets, &len, &failures, err)
		  : targets_parse(k, &query, &targets, &len, NULL, err))
		return -1;
	if (lists && failures_result(k, &failures, err))
		return -1;
	if (!len)
		fprintf(stdout, "No resources found\n");
	if (len && d.interactive && !confirm(targets, len, k))
		return 0;
	return delete_all(&d, targets, len, err);
}

const struct command command_delete = {"delete", NULL, "Basic Commands (Intermediate):",
    "Delete resources by file names, stdin, resources and names, or by resources and label selector", run};
