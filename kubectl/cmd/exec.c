/* kubectl exec: a command in a container. */
#include <stdio.h>
#include <unistd.h>

#include "kubectl/kubectl.h"
#include "kubectl/pods_of.h"
#include "kubectl/stream/remote.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"

static void say_default(const struct json *pod, const char *container)
{
	const struct json *all = tree_at(pod, "spec.containers"), *init = tree_at(pod, "spec.initContainers");
	if (tree_len(all) + tree_len(init) < 2)
		return;
	fprintf(stderr, "Defaulted container \"%s\" out of: ", container);
	tree_for_each(all, c) fprintf(stderr, "%s%s", c_i ? ", " : "", json_get_string(c, "name", ""));
	tree_for_each(init, c) fprintf(stderr, ", %s (init)", json_get_string(c, "name", ""));
	fputc('\n', stderr);
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct file_flags files = {0};
	const char *asked = NULL;
	bool in = false, tty = false, quiet = false;
	int64_t timeout_ms = 60000;
	const struct flag flags[] = {{"stdin", 'i', FLAG_BOOL, &in, "Pass standard input on"},
	    {"tty", 't', FLAG_BOOL, &tty, "A terminal for the command"},
	    {"container", 'c', FLAG_STRING, &asked, "Container"},
	    {"quiet", 'q', FLAG_BOOL, &quiet, "Only the command's output"},
	    {"pod-running-timeout", 0, FLAG_DURATION, &timeout_ms, "Time to wait for a pod"},
	    FILE_FLAGS(&files), FLAG_END};
	struct args args;
	struct target target;
	struct json *pod;
	if (kubectl_parse(k, "kubectl exec (POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]",
		flags, argc, argv, &args, err))
		return -1;
	if (!args.len && !files_given(&files))
		return error_set(err, ERR_PARSE, "pod, type/name or --filename must be specified");
	size_t own = args.dash >= 0 ? (size_t)args.dash : args.len;
	if (own > 1)
		return error_set(err, ERR_PARSE,
		    "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\n"
		    "See 'kubectl exec -h' for help and examples");
	if (args.dash < 0 || args.len == own)
		return error_set(err, ERR_PARSE, "you must specify at least one command for the container");
	const struct target_query query = {
	    .args = args.items, .args_len = own, .files = &files, .default_type = "pods"};
	if (target_find_one(k, &query, &target, err) || pod_of(k, &target, timeout_ms, &pod, err))
		return -1;
	const char *phase = tree_text(pod, "status.phase", "");
	if (str_eq(phase, "Succeeded") || str_eq(phase, "Failed"))
		return error_set(err, ERR_PARSE,
		    "cannot exec into a container in a completed pod; current phase is %s", phase);
	const char *container = pod_container(k, pod, asked, err);
	if (!container)
		return -1;
	if (str_empty(asked) && !quiet)
		say_default(pod, container);
	if (tty && in && !isatty(0)) {
		if (!quiet)
			fprintf(stderr,
			    "Unable to use a TTY - input is not a terminal or the right kind of file\n");
		tty = false;
	}
	const struct remote remote = {
	    .path = remote_path(k, tree_namespace(pod), tree_name(pod), "exec", container, args.items + own,
		args.len - own, in, true, !tty, tty),
	    .in_fd = in ? 0 : -1,
	    .tty = tty,
	};
	int code = 0;
	if (remote_run(k, &remote, &code, err))
		return -1;
	if (code)
		fprintf(stderr, "command terminated with exit code %d\n", code);
	k->exit_code = code;
	return 0;
}

const struct command command_exec = {
    "exec", NULL, "Troubleshooting and Debugging Commands:", "Execute a command in a container", run};
