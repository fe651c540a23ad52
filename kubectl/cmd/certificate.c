/* kubectl certificate approve|deny: certificate signing requests. */
#include <stdio.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "lib/api/values.h"

static int decide(struct kubectl *k, const struct target *target, bool approve, bool force, struct error *err)
{
	struct arena *a = k->arena;
	char now[TIME_TEXT_MAX];
	const char *type = approve ? "Approved" : "Denied";
	struct json *conditions = tree_at(target->tree, "status.conditions"), *condition = json_new_object(a);
	if (tree_find(conditions, "type", type) && !force) {
		printf("%s/%s %s\n", mapping_kind_text(a, target->mapping), target->name,
		    approve ? "approved" : "denied");
		return 0;
	}
	if (!conditions) {
		conditions = json_new_array(a);
		tree_set(a, target->tree, "status.conditions", conditions);
	}
	tree_set_text(a, condition, "lastUpdateTime", time_format(kubectl_now_s(), now));
	tree_set_text(a, condition, "message",
	    approve ? "This CSR was approved by kubectl certificate approve."
		    : "This CSR was denied by kubectl certificate deny.");
	tree_set_text(a, condition, "reason", approve ? "KubectlApprove" : "KubectlDeny");
	tree_set_text(a, condition, "status", "True");
	tree_set_text(a, condition, "type", type);
	json_push(a, conditions, condition);
	if (session_call(k, "PUT", target_path(k, target, "approval"), target->tree, NULL, err))
		return -1;
	printf("%s/%s %s\n", mapping_kind_text(a, target->mapping), target->name,
	    approve ? "approved" : "denied");
	return 0;
}

static int run_decision(struct kubectl *k, bool approve, int argc, char **argv, struct error *err)
{
	struct file_flags files = {0};
	bool force = false;
	const struct flag flags[] = {
	    FILE_FLAGS(&files), {"force", 0, FLAG_BOOL, &force, "Even when it is decided"}, FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(k, arena_printf(k->arena, "%s (-f FILENAME | NAME)", k->command_path), flags, argc,
		argv, &args, err))
		return -1;
	if (!args.len && !files_given(&files))
		return error_set(
		    err, ERR_PARSE, "one or more CSRs must be specified as <name> or -f <filename>");
	const char **words = ARENA_ARRAY(k->arena, const char *, args.len + 2);
	words[0] = "certificatesigningrequests";
	for (size_t i = 0; i < args.len; i++)
		words[i + 1] = args.items[i];
	const struct target_query query = {
	    .args = words, .args_len = args.len ? args.len + 1 : 0, .files = &files};
	if (targets_find(k, &query, &targets, &len, &failures, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		if (decide(k, &targets[i], approve, force, &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}

static int run_approve(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return run_decision(k, true, argc, argv, err);
}

static int run_deny(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return run_decision(k, false, argc, argv, err);
}

static const struct command approve_command = {
    "approve", NULL, NULL, "Approve a certificate signing request", run_approve};
static const struct command deny_command = {
    "deny", NULL, NULL, "Deny a certificate signing request", run_deny};
static const struct command *const commands[] = {&approve_command, &deny_command, NULL};

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return kubectl_dispatch(k, commands, "Modify certificate resources.", argc, argv, err);
}

const struct command command_certificate = {
    "certificate", NULL, "Cluster Management Commands:", "Modify certificate resources", run};
