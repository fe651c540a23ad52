/* kubectl rollout: status, history, undo, restart, pause, resume of deployments, daemon sets and stateful
 * sets. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/rollout_commands.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/writing.h"

/* What restart, pause and resume share: a change of each object, sent as a patch. */
struct change {
	const char *done, *usage;
	/* NULL when the object is in that state already; then `already` says so. */
	const char *(*change)(struct kubectl *k, struct json *object);
	const char *already;
};

static int change_one(struct kubectl *k, const struct write_flags *w, const struct change *c,
    const struct target *target, struct error *err)
{
	struct json *patched, *after = json_clone(k->arena, target->tree);
	if (!tree_at(after, "spec.template"))
		return error_set(err, ERR_PARSE, "%s is not supported on %s", c->usage,
		    mapping_kind_text(k->arena, target->mapping));
	const char *problem = c->change(k, after);
	if (problem)
		return error_set(err, ERR_PARSE, "%s.%s \"%s\" %s", target->mapping->plural,
		    target->mapping->group, target->name, problem);
	if (write_difference(
		k, w, target->mapping, target->ns, target->tree, after, "kubectl-rollout", &patched, err))
		return -1;
	return write_done(k, w, target->mapping, patched ? patched : target->tree, c->done, err);
}

static int change_all(struct kubectl *k, const struct change *c, int argc, char **argv, struct error *err)
{
	struct file_flags files = {0};
	struct write_flags w = {0};
	const char *selector = NULL;
	const struct flag flags[] = {FILE_FLAGS(&files), WRITE_FLAGS(&w),
	    {"selector", 'l', FLAG_STRING, &selector, "Label selector"}, FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(k, arena_printf(k->arena, "kubectl rollout %s (RESOURCE | -f FILENAME)", c->usage),
		flags, argc, argv, &args, err) ||
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
		if (change_one(k, &w, c, &targets[i], &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}

static const char *restart_change(struct kubectl *k, struct json *object)
{
	char now[64];
	time_t t = (time_t)kubectl_now_s();
	struct tm tm;
	if (tree_bool(object, "spec.paused", false))
		return "can't restart paused deployment (run rollout resume first)";
	localtime_r(&t, &tm);
	size_t len = strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%S%z", &tm);
	if (len > 5 && strcmp(now + len - 5, "+0000") == 0) {
		strcpy(now + len - 5, "Z");
	} else if (len > 5) { /* +0200 -> +02:00 */
		memmove(now + len - 1, now + len - 2, 3);
		now[len - 2] = ':';
	}
	struct json *annotations = tree_at(object, "spec.template.metadata.annotations");
	if (!annotations) {
		annotations = json_new_object(k->arena);
		tree_set(k->arena, object, "spec.template.metadata.annotations", annotations);
	}
	json_set(k->arena, annotations, "kubectl.kubernetes.io/restartedAt", json_new_string(k->arena, now));
	return NULL;
}

static const char *pause_change(struct kubectl *k, struct json *object)
{
	if (!str_eq(json_get_string(object, "kind", ""), "Deployment"))
		return "cannot be paused";
	if (tree_bool(object, "spec.paused", false))
		return "is already paused";
	tree_set(k->arena, object, "spec.paused", json_new_bool(k->arena, true));
	return NULL;
}

static const char *resume_change(struct kubectl *k, struct json *object)
{
	if (!str_eq(json_get_string(object, "kind", ""), "Deployment"))
		return "cannot be resumed";
	if (!tree_bool(object, "spec.paused", false))
		return "is not paused";
	tree_remove(object, "spec.paused");
	return NULL;
}

static int run_restart(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return change_all(k, &(struct change){"restarted", "restart", restart_change, ""}, argc, argv, err);
}

static int run_pause(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return change_all(
	    k, &(struct change){"paused", "pause", pause_change, "is already paused"}, argc, argv, err);
}

static int run_resume(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return change_all(
	    k, &(struct change){"resumed", "resume", resume_change, "is not paused"}, argc, argv, err);
}

static const struct command restart_command = {"restart", NULL, NULL, "Restart a resource", run_restart};
static const struct command pause_command = {
    "pause", NULL, NULL, "Mark the provided resource as paused", run_pause};
static const struct command resume_command = {"resume", NULL, NULL, "Resume a paused resource", run_resume};
static const struct command *const commands[] = {&rollout_history, &pause_command, &restart_command,
    &resume_command, &rollout_status, &rollout_undo, NULL};

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return kubectl_dispatch(k, commands, "Manage the rollout of one or many resources.", argc, argv, err);
}

const struct command command_rollout = {
    "rollout", NULL, "Deploy Commands:", "Manage the rollout of a resource", run};
