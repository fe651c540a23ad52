/* kubectl attach: to a container's running process. */
#include <stdio.h>
#include <unistd.h>

#include "kubectl/kubectl.h"
#include "kubectl/pods_of.h"
#include "kubectl/stream/remote.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	const char *asked = NULL;
	bool in = false, tty = false, quiet = false;
	int64_t timeout_ms = 60000;
	const struct flag flags[] = {{"stdin", 'i', FLAG_BOOL, &in, "Pass standard input on"},
	    {"tty", 't', FLAG_BOOL, &tty, "The container's terminal"},
	    {"container", 'c', FLAG_STRING, &asked, "Container"},
	    {"quiet", 'q', FLAG_BOOL, &quiet, "Only the process' output"},
	    {"pod-running-timeout", 0, FLAG_DURATION, &timeout_ms, "Time to wait for a pod"}, FLAG_END};
	struct args args;
	struct target target;
	struct json *pod;
	int code = 0;
	if (kubectl_parse(
		k, "kubectl attach (POD | TYPE/NAME) -c CONTAINER [flags]", flags, argc, argv, &args, err))
		return -1;
	if (!args.len)
		return error_set(err, ERR_PARSE, "at least 1 argument is required for attach");
	const struct target_query query = {.args = args.items, .args_len = args.len, .default_type = "pods"};
	if (target_find_one(k, &query, &target, err) || pod_of(k, &target, timeout_ms, &pod, err))
		return -1;
	const char *container = pod_container(k, pod, asked, err);
	if (!container)
		return -1;
	const struct json *spec = tree_find(tree_at(pod, "spec.containers"), "name", container);
	if (tty && !json_get_bool(spec, "tty", false)) {
		fprintf(
		    stderr, "error: Unable to use a TTY - container %s did not allocate one\n", container);
		tty = false;
	} else if (!tty && json_get_bool(spec, "tty", false) && (in || isatty(0))) {
		tty = in; /* the process writes to its terminal anyway */
	}
	if (!quiet && in && tty)
		fprintf(stderr, "If you don't see a command prompt, try pressing enter.\n");
	bool is_tty = json_get_bool(spec, "tty", false);
	const struct remote remote = {
	    .path = remote_path(k, tree_namespace(pod), tree_name(pod), "attach", container, NULL, 0, in,
		true, !is_tty, is_tty),
	    .in_fd = in ? 0 : -1,
	    .tty = is_tty,
	};
	if (remote_run(k, &remote, &code, err))
		return -1;
	k->exit_code = code;
	return 0;
}

const struct command command_attach = {
    "attach", NULL, "Troubleshooting and Debugging Commands:", "Attach to a running container", run};
