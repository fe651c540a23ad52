/* kubectl rollout status: follows a roll-out until it is done. */
#include <stdio.h>
#include <string.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/rollout_commands.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/waiting.h"

struct status {
	struct kubectl *k;
	const struct target *target;
	int64_t revision;
	bool watch;
	char last[512]; /* a text is printed once */
};

static void say(struct status *s, const char *text)
{
	if (strcmp(s->last, text) == 0)
		return;
	snprintf(s->last, sizeof(s->last), "%s", text);
	fputs(text, stdout);
	fflush(stdout);
}

static long long number(const struct json *object, const char *path, long long fallback)
{
	return (long long)tree_int(object, path, fallback);
}

/* > 0: done; 0: not yet; < 0: failed. *ret is the sentence. */
static int deployment_status(struct status *s, const struct json *d, const char **ret, struct error *err)
{
	struct arena *arena = s->k->arena;
	const char *name = tree_name(d);
	long long want = number(d, "spec.replicas", 1), updated = number(d, "status.updatedReplicas", 0);
	long long total = number(d, "status.replicas", 0),
		  available = number(d, "status.availableReplicas", 0);
	tree_for_each(tree_at(d, "status.conditions"),
	    c) if (str_eq(json_get_string(c, "type", ""), "Progressing") &&
		   str_eq(json_get_string(c, "reason", ""), "ProgressDeadlineExceeded")) return error_set(err,
	    ERR_PARSE, "deployment \"%s\" exceeded its progress deadline", name);
	if (updated < want)
		*ret = arena_printf(arena,
		    "Waiting for deployment \"%s\" rollout to finish: %lld out of %lld new replicas have "
		    "been updated...\n",
		    name, updated, want);
	else if (total > updated)
		*ret = arena_printf(arena,
		    "Waiting for deployment \"%s\" rollout to finish: %lld old replicas are pending "
		    "termination...\n",
		    name, total - updated);
	else if (available < updated)
		*ret = arena_printf(arena,
		    "Waiting for deployment \"%s\" rollout to finish: %lld of %lld updated replicas are "
		    "available...\n",
		    name, available, updated);
	else {
		*ret = arena_printf(arena, "deployment \"%s\" successfully rolled out\n", name);
		return 1;
	}
	return 0;
}

static int daemon_set_status(struct status *s, const struct json *d, const char **ret, struct error *err)
{
	struct arena *arena = s->k->arena;
	long long want = number(d, "status.desiredNumberScheduled", 0),
		  updated = number(d, "status.updatedNumberScheduled", 0);
	long long available = number(d, "status.numberAvailable", 0);
	if (!str_eq(tree_text(d, "spec.updateStrategy.type", "RollingUpdate"), "RollingUpdate"))
		return error_set(
		    err, ERR_PARSE, "rollout status is only available for RollingUpdate strategy type");
	if (updated < want)
		*ret = arena_printf(arena,
		    "Waiting for daemon set \"%s\" rollout to finish: %lld out of %lld new pods have been "
		    "updated...\n",
		    tree_name(d), updated, want);
	else if (available < want)
		*ret = arena_printf(arena,
		    "Waiting for daemon set \"%s\" rollout to finish: %lld of %lld updated pods are "
		    "available...\n",
		    tree_name(d), available, want);
	else {
		*ret = arena_printf(arena, "daemon set \"%s\" successfully rolled out\n", tree_name(d));
		return 1;
	}
	return 0;
}

static int stateful_set_status(struct status *s, const struct json *d, const char **ret, struct error *err)
{
	struct arena *arena = s->k->arena;
	long long want = number(d, "spec.replicas", 1), ready = number(d, "status.readyReplicas", 0);
	long long updated = number(d, "status.updatedReplicas", 0);
	long long partition = number(d, "spec.updateStrategy.rollingUpdate.partition", 0);
	if (!str_eq(tree_text(d, "spec.updateStrategy.type", "RollingUpdate"), "RollingUpdate"))
		return error_set(
		    err, ERR_PARSE, "rollout status is only available for RollingUpdate strategy type");
	if (ready < want) {
		*ret = arena_printf(arena, "Waiting for %lld pods to be ready...\n", want - ready);
		return 0;
	}
	if (partition > 0) {
		if (updated < want - partition) {
			*ret = arena_printf(arena,
			    "Waiting for partitioned roll out to finish: %lld out of %lld new pods have been "
			    "updated...\n",
			    updated, want - partition);
			return 0;
		}
		*ret = arena_printf(
		    arena, "partitioned roll out complete: %lld new pods have been updated...\n", updated);
		return 1;
	}
	if (!str_eq(tree_text(d, "status.updateRevision", ""), tree_text(d, "status.currentRevision", ""))) {
		*ret = arena_printf(arena,
		    "waiting for statefulset rolling update to complete %lld pods at revision %s...\n",
		    updated, tree_text(d, "status.updateRevision", ""));
		return 0;
	}
	*ret = arena_printf(arena, "statefulset rolling update complete %lld pods at revision %s...\n",
	    number(d, "status.currentReplicas", 0), tree_text(d, "status.currentRevision", ""));
	return 1;
}

static int check(void *arg, struct json *object, struct error *err)
{
	struct status *s = arg;
	const char *text = "", *kind = s->target->mapping->kind;
	int result;
	if (!object)
		return error_set(err, ERR_PARSE, "object has been deleted");
	if (number(object, "status.observedGeneration", 0) < number(object, "metadata.generation", 0)) {
		text = str_eq(kind, "Deployment") ? "Waiting for deployment spec update to be observed...\n"
		       : str_eq(kind, "DaemonSet")
			   ? "Waiting for daemon set spec update to be observed...\n"
			   : "Waiting for statefulset spec update to be observed...\n";
		result = 0;
	} else if (str_eq(kind, "Deployment")) {
		result = deployment_status(s, object, &text, err);
	} else if (str_eq(kind, "DaemonSet")) {
		result = daemon_set_status(s, object, &text, err);
	} else {
		result = stateful_set_status(s, object, &text, err);
	}
	if (result >= 0)
		say(s, text);
	return result < 0 ? -1 : result || !s->watch;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	static const char *const kinds[] = {"Deployment", "DaemonSet", "StatefulSet", NULL};
	struct file_flags files = {0};
	struct status s = {.k = k, .watch = true};
	const char *selector = NULL;
	int64_t timeout_ms = 0;
	const struct flag flags[] = {FILE_FLAGS(&files),
	    {"watch", 'w', FLAG_BOOL, &s.watch, "Until it is done"},
	    {"timeout", 0, FLAG_DURATION, &timeout_ms, "Time to wait; 0: as long as it takes"},
	    {"revision", 0, FLAG_INT, &s.revision, "Only this revision"},
	    {"selector", 'l', FLAG_STRING, &selector, "Label selector"}, FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(
		k, "kubectl rollout status (TYPE NAME | TYPE/NAME) [flags]", flags, argc, argv, &args, err))
		return -1;
	if (!args.len && !files_given(&files))
		return error_set(err, ERR_PARSE, "required resource not specified");
	const struct target_query query = {.args = args.items,
	    .args_len = args.len,
	    .files = &files,
	    .selector = selector,
	    .allow_bare_type = true};
	if (targets_find(k, &query, &targets, &len, &failures, err) || failures_result(k, &failures, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		s.target = &targets[i];
		if (!str_in(targets[i].mapping->kind, kinds))
			return error_set(err, ERR_PARSE, "no status viewer has been implemented for %s",
			    targets[i].mapping->kind);
		if (wait_for(k, &targets[i], s.watch ? timeout_ms : 0, check, &s, err))
			return -1;
	}
	return 0;
}

const struct command rollout_status = {"status", NULL, NULL, "Show the status of the rollout", run};
