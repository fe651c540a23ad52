/* kubectl autoscale: a HorizontalPodAutoscaler. */
#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/writing.h"

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct file_flags files = {0};
	struct write_flags w = {0};
	const char *name = NULL;
	int64_t least = -1, most = -1, percent = -1;
	const struct flag flags[] = {FILE_FLAGS(&files), WRITE_FLAGS(&w),
	    {"min", 0, FLAG_INT, &least, "Least pods"}, {"max", 0, FLAG_INT, &most, "Most pods"},
	    {"cpu-percent", 0, FLAG_INT, &percent, "Wanted use of the CPU request"},
	    {"name", 0, FLAG_STRING, &name, "Name of the autoscaler"}, FLAG_END};
	struct args args;
	struct target target;
	struct arena *a = k->arena;
	if (kubectl_parse(k,
		"kubectl autoscale (-f FILENAME | TYPE NAME | TYPE/NAME) [--min=MINPODS] --max=MAXPODS "
		"[--cpu-percent=CPU]",
		flags, argc, argv, &args, err) ||
	    write_flags_check(k, &w, err))
		return -1;
	if (most < 1)
		return error_set(err, ERR_PARSE,
		    most < 0 ? "required flag(s) \"max\" not set"
			     : "--max=MAXPODS is required and must be at least 1, max: %lld",
		    (long long)most);
	if (most < least)
		return error_set(err, ERR_PARSE,
		    "--max=MAXPODS must be larger or equal to --min=MINPODS, max: %lld, min: %lld",
		    (long long)most, (long long)least);
	const struct target_query query = {.args = args.items, .args_len = args.len, .files = &files};
	if (target_find_one(k, &query, &target, err))
		return -1;
	if (!tree_at(target.tree, "spec.replicas"))
		return error_set(
		    err, ERR_PARSE, "cannot autoscale a %s", mapping_kind_text(a, target.mapping));
	struct json *hpa = tree_new(
			a, "autoscaling/v1", "HorizontalPodAutoscaler", str_or(name, target.name), target.ns),
		    *created = hpa;
	const struct mapping *mapping;
	if (mapper_by_kind(k, "autoscaling/v1", "HorizontalPodAutoscaler", &mapping, err))
		return -1;
	tree_set(a, hpa, "spec.maxReplicas", json_new_int(a, most));
	if (least > 0)
		tree_set(a, hpa, "spec.minReplicas", json_new_int(a, least));
	tree_set_text(a, hpa, "spec.scaleTargetRef.apiVersion", mapping_api_version(a, target.mapping));
	tree_set_text(a, hpa, "spec.scaleTargetRef.kind", target.mapping->kind);
	tree_set_text(a, hpa, "spec.scaleTargetRef.name", target.name);
	if (percent >= 0)
		tree_set(a, hpa, "spec.targetCPUUtilizationPercentage", json_new_int(a, percent));
	const char *path =
	    write_query(k, &w, session_path(k, mapping, target.ns, NULL, NULL), "kubectl-autoscale", true);
	if (!write_is_client(&w) && session_call(k, "POST", path, hpa, &created, err))
		return -1;
	return write_done(k, &w, mapping, created, write_is_client(&w) ? "created" : "autoscaled", err);
}

const struct command command_autoscale = {"autoscale", NULL,
    "Deploy Commands:", "Auto-scale a deployment, replica set, stateful set, or replication controller", run};
