/* kubectl scale: sets replicas through the scale subresource. */
#include <stdio.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/waiting.h"
#include "kubectl/writing.h"

struct scale {
	struct kubectl *k;
	struct write_flags write;
	int64_t replicas, current, timeout_ms;
	const char *resource_version;
};

static int is_scaled(void *arg, struct json *object, struct error *err)
{
	const int64_t *replicas = arg;
	if (!object)
		return error_set(err, ERR_NOT_FOUND, "the object was deleted");
	return tree_int(object, "status.replicas", 0) == *replicas &&
	       tree_int(object, "status.observedGeneration", INT64_MAX) >=
		   tree_int(object, "metadata.generation", 0);
}

static int scale_one(struct scale *s, const struct target *target, struct error *err)
{
	struct kubectl *k = s->k;
	const char *path = target_path(k, target, "scale");
	struct json *scale, *patch = json_new_object(k->arena);
	if (s->current >= 0 || !str_empty(s->resource_version)) {
		if (session_get(k, path, &scale, err))
			return -1;
		int64_t now = tree_int(scale, "spec.replicas", 0);
		if (s->current >= 0 && now != s->current)
			return error_set(err, ERR_PARSE, "Expected replicas to be %lld, was %lld",
			    (long long)s->current, (long long)now);
		if (!str_empty(s->resource_version) &&
		    !str_eq(tree_text(scale, "metadata.resourceVersion", ""), s->resource_version))
			return error_set(err, ERR_PARSE, "Expected resource version to be %s, was %s",
			    s->resource_version, tree_text(scale, "metadata.resourceVersion", ""));
		if (s->current >= 0)
			tree_set_text(k->arena, patch, "metadata.resourceVersion",
			    tree_text(scale, "metadata.resourceVersion", ""));
	}
	tree_set(k->arena, patch, "spec.replicas", json_new_int(k->arena, s->replicas));
	if (!write_is_client(&s->write) &&
	    session_patch(
		k, write_query(k, &s->write, path, "kubectl-scale", false), PATCH_MERGE, patch, NULL, err))
		return -1;
	struct json *shown = target->tree;
	if (s->write.printer)
		tree_set(k->arena, shown, "spec.replicas", json_new_int(k->arena, s->replicas));
	if (write_done(k, &s->write, target->mapping, shown, "scaled", err))
		return -1;
	fflush(stdout);
	if (s->timeout_ms > 0 && str_empty(s->write.dry_run))
		return wait_for(k, target, s->timeout_ms, is_scaled, &s->replicas, err);
	return 0;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct scale s = {.k = k, .replicas = -1, .current = -1};
	struct file_flags files = {0};
	const char *selector = NULL;
	bool all = false, replicas_set = false;
	const struct flag flags[] = {FILE_FLAGS(&files), WRITE_FLAGS(&s.write),
	    {"replicas", 0, FLAG_INT, &s.replicas, "Wanted number", NULL, &replicas_set},
	    {"current-replicas", 0, FLAG_INT, &s.current, "Only when it has this number now"},
	    {"resource-version", 0, FLAG_STRING, &s.resource_version, "Only at this version"},
	    {"timeout", 0, FLAG_DURATION, &s.timeout_ms, "Wait so long for the number to be reached"},
	    {"selector", 'l', FLAG_STRING, &selector, "Label selector"},
	    {"all", 0, FLAG_BOOL, &all, "All of the kind"}, FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(k,
		"kubectl scale [--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f "
		"FILENAME | TYPE NAME)",
		flags, argc, argv, &args, err))
		return -1;
	if (!replicas_set)
		return error_set(err, ERR_PARSE, "required flag(s) \"replicas\" not set");
	if (s.replicas < 0)
		return error_set(err, ERR_PARSE,
		    "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0");
	const struct target_query query = {
	    .args = args.items, .args_len = args.len, .files = &files, .selector = selector, .all = all};
	if (write_flags_check(k, &s.write, err) || targets_find(k, &query, &targets, &len, &failures, err))
		return -1;
	if (!len && !failures.len)
		return error_set(err, ERR_PARSE, "no objects passed to scale");
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		if (scale_one(&s, &targets[i], &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}

const struct command command_scale = {"scale", NULL,
    "Deploy Commands:", "Set a new size for a deployment, replica set, or replication controller", run};
