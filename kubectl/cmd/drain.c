/* kubectl drain: cordons a node and evicts its pods. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kubectl/cordon.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/waiting.h"
#include "kubectl/writing.h"

enum { EVICTION_RETRY_US = 5000000 };

struct drain {
	struct kubectl *k;
	struct write_flags write;
	const char *selector, *pod_selector;
	bool force, ignore_daemon_sets, delete_local, disable_eviction;
	int64_t grace, timeout_ms, end_ms, skip_wait_s, chunk;
};

static const struct json *controller_of(const struct json *pod)
{
	tree_for_each(tree_at(pod, "metadata.ownerReferences"),
	    owner) if (json_get_bool(owner, "controller", false)) return owner;
	return NULL;
}

static void add_name(struct buf *out, const struct json *pod)
{
	buf_printf(out, "%s%s/%s", out->size ? ", " : "", tree_namespace(pod), tree_name(pod));
}

/* Whether the pod goes; why not, or why it must not, is noted. */
static bool select_pod(const struct drain *d, const struct json *pod, struct buf *ignored, struct buf *daemon,
    struct buf *local, struct buf *bare)
{
	const struct json *owner = controller_of(pod);
	const char *phase = tree_text(pod, "status.phase", "");
	bool is_over = str_eq(phase, "Succeeded") || str_eq(phase, "Failed"), has_local = false;
	if (json_get(tree_at(pod, "metadata.annotations"), "kubernetes.io/config.mirror"))
		return false;
	if (owner && str_eq(json_get_string(owner, "kind", ""), "DaemonSet") && !is_over) {
		add_name(d->ignore_daemon_sets ? ignored : daemon, pod);
		return false;
	}
	tree_for_each(tree_at(pod, "spec.volumes"), volume) has_local =
	    has_local || json_get(volume, "emptyDir");
	if (has_local && !d->delete_local && !is_over)
		add_name(local, pod);
	if (!owner && !is_over && !d->force)
		add_name(bare, pod);
	return true;
}

static int evict(const struct drain *d, const struct json *pod, struct error *err)
{
	struct kubectl *k = d->k;
	struct arena *a = k->arena;
	const struct target target = {
	    mapper_built_in(k, "pods"), tree_namespace(pod), tree_name(pod), NULL, NULL};
	printf("evicting pod %s/%s\n", target.ns, target.name);
	fflush(stdout);
	for (;;) {
		struct json *options = json_new_object(a),
			    *body = tree_new(a, "policy/v1", "Eviction", target.name, target.ns);
		if (d->grace >= 0)
			json_set(a, options, "gracePeriodSeconds", json_new_int(a, d->grace));
		json_set(a, body, "deleteOptions", options);
		int result =
		    d->disable_eviction
			? session_call(k, "DELETE", target_path(k, &target, NULL), options, NULL, err)
			: session_call(k, "POST", target_path(k, &target, "eviction"), body, NULL, err);
		if (!result || err->code == ERR_NOT_FOUND) {
			error_clear(err);
			return 0;
		}
		if (err->code != ERR_TOO_MANY_REQUESTS || (d->timeout_ms && wait_now_ms() >= d->end_ms))
			return error_prefix(
			    err, "error when evicting pods/\"%s\" -n \"%s\"", target.name, target.ns);
		fprintf(stderr, "error when evicting pods/\"%s\" -n \"%s\" (will retry after 5s): %s\n",
		    target.name, target.ns, err->message);
		error_clear(err);
		usleep(EVICTION_RETRY_US);
	}
}

static int evict_all(const struct drain *d, const struct json *const *pods, size_t len, struct error *err)
{
	struct kubectl *k = d->k;
	for (size_t i = 0; i < len; i++)
		if (evict(d, pods[i], err))
			return -1;
	for (size_t i = 0; i < len; i++) {
		const struct target target = {
		    mapper_built_in(k, "pods"), tree_namespace(pods[i]), tree_name(pods[i]), NULL, NULL};
		int64_t left = d->timeout_ms ? d->end_ms - wait_now_ms() : 0;
		if (wait_gone(k, &target, tree_text(pods[i], "metadata.uid", ""),
			d->timeout_ms && left <= 0 ? 1 : left, err))
			return -1;
		printf("pod/%s evicted\n", target.name);
		fflush(stdout);
	}
	return 0;
}

static int drain_node(struct drain *d, const struct target *node, struct error *err)
{
	struct kubectl *k = d->k;
	struct buf ignored = BUF_INIT, daemon = BUF_INIT, local = BUF_INIT, bare = BUF_INIT, why = BUF_INIT;
	struct json *list;
	size_t len = 0;
	const char *path = session_path(k, mapper_built_in(k, "pods"), "", NULL, NULL);
	path = session_param(k, path, "labelSelector", d->pod_selector);
	path =
	    session_param(k, path, "fieldSelector", arena_printf(k->arena, "spec.nodeName=%s", node->name));
	if (session_list(k, path, &list, err))
		return -1;
	const struct json *items = json_get(list, "items");
	const struct json **pods = ARENA_ARRAY(k->arena, const struct json *, tree_len(items) + 1);
	tree_for_each(items, pod) if (select_pod(d, pod, &ignored, &daemon, &local, &bare)) pods[len++] = pod;
	if (daemon.size)
		buf_printf(&why,
		    "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): %s",
		    buf_str(&daemon));
	if (local.size)
		buf_printf(&why,
		    "%scannot delete Pods with local storage (use --delete-emptydir-data to override): %s",
		    why.size ? ", " : "", buf_str(&local));
	if (bare.size)
		buf_printf(&why,
		    "%scannot delete Pods that declare no controller (use --force to override): %s",
		    why.size ? ", " : "", buf_str(&bare));
	if (ignored.size)
		report_warning("ignoring DaemonSet-managed Pods: %s", buf_str(&ignored));
	int result = 0;
	if (why.size)
		result = error_set(err, ERR_PARSE,
		    "unable to drain node \"%s\" due to error: %s, continuing command...\nThere are pending "
		    "nodes to be drained:\n %s\n%s",
		    node->name, buf_str(&why), node->name, buf_str(&why));
	else if (str_empty(d->write.dry_run) || str_eq(d->write.dry_run, "none"))
		result = evict_all(d, pods, len, err);
	else
		for (size_t i = 0; i < len; i++)
			printf("evicting pod %s/%s (%s)\n", tree_namespace(pods[i]), tree_name(pods[i]),
			    write_is_client(&d->write) ? "dry run" : "server dry run");
	if (!result)
		printf("node/%s drained%s\n", node->name, write_is_client(&d->write) ? " (dry run)" : "");
	buf_done(&ignored);
	buf_done(&daemon);
	buf_done(&local);
	buf_done(&bare);
	buf_done(&why);
	return result;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct drain d = {.k = k, .grace = -1};
	const struct flag flags[] = {{"force", 0, FLAG_BOOL, &d.force, "Also pods without controller"},
	    {"ignore-daemonsets", 0, FLAG_BOOL, &d.ignore_daemon_sets, "Leave the pods of daemon sets"},
	    {"delete-emptydir-data", 0, FLAG_BOOL, &d.delete_local, "Also pods with data on the node"},
	    {"delete-local-data", 0, FLAG_BOOL, &d.delete_local, "The older name"},
	    {"disable-eviction", 0, FLAG_BOOL, &d.disable_eviction, "Delete instead of evicting"},
	    {"grace-period", 0, FLAG_INT, &d.grace, "Seconds to shut down; -1: the pod's own"},
	    {"timeout", 0, FLAG_DURATION, &d.timeout_ms, "Time for all; 0: as long as it takes"},
	    {"selector", 'l', FLAG_STRING, &d.selector, "Label selector of nodes"},
	    {"pod-selector", 0, FLAG_STRING, &d.pod_selector, "Label selector of pods"},
	    {"skip-wait-for-delete-timeout", 0, FLAG_INT, &d.skip_wait_s, "Accepted and ignored"},
	    {"chunk-size", 0, FLAG_INT, &d.chunk, "Accepted and ignored"},
	    {"dry-run", 0, FLAG_STRING, &d.write.dry_run, "none, client or server", "unchanged"}, FLAG_END};
	struct args args;
	struct target *nodes;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(k, "kubectl drain NODE", flags, argc, argv, &args, err) ||
	    write_flags_check(k, &d.write, err))
		return -1;
	if (!args.len && !d.selector)
		return error_set(err, ERR_PARSE,
		    "USAGE: drain NODE [flags]\nSee 'kubectl drain -h' for help and examples");
	if (cordon_nodes(k, &args, d.selector, &nodes, &len, &failures, err) ||
	    failures_result(k, &failures, err))
		return -1;
	d.end_ms = wait_now_ms() + d.timeout_ms;
	for (size_t i = 0; i < len; i++)
		if (cordon_set(k, &d.write, &nodes[i], true, err))
			return -1;
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		if (drain_node(&d, &nodes[i], &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}

const struct command command_drain = {
    "drain", NULL, "Cluster Management Commands:", "Drain node in preparation for maintenance", run};
