/* kubectl run: one pod; with -it and --rm like a program on the terminal. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/patch/json_overrides.h"
#include "kubectl/session.h"
#include "kubectl/stream/remote.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/waiting.h"
#include "kubectl/writing.h"

struct run {
	struct kubectl *k;
	struct write_flags write;
	const char *image, *restart, *port, *overrides, *pull_policy;
	struct flag_list env, labels, annotations;
	bool in, tty, attach, attach_set, remove, command, quiet, expose, privileged, leave_in_open, save;
	int64_t timeout_ms, grace;
};

static struct json *pairs(struct arena *a, const struct flag_list *list)
{
	struct json *map = json_new_object(a);
	for (size_t i = 0; i < list->len; i++) {
		const char *eq = strchr(list->items[i], '=');
		if (eq)
			json_set(a, map, arena_strndup(a, list->items[i], (size_t)(eq - list->items[i])),
			    json_new_string(a, eq + 1));
	}
	return map;
}

static struct json *make_container(
    struct run *r, const char *name, const char *const *words, size_t words_len)
{
	struct arena *a = r->k->arena;
	struct json *c = json_new_object(a), *list = json_new_array(a), *env = json_new_array(a);
	for (size_t i = 0; i < words_len; i++)
		json_push(a, list, json_new_string(a, words[i]));
	if (words_len)
		json_set(a, c, r->command ? "command" : "args", list);
	for (size_t i = 0; i < r->env.len; i++) {
		const char *eq = strchr(r->env.items[i], '=');
		struct json *variable = json_new_object(a);
		if (!eq)
			continue;
		tree_set_text(
		    a, variable, "name", arena_strndup(a, r->env.items[i], (size_t)(eq - r->env.items[i])));
		tree_set_text(a, variable, "value", eq + 1);
		json_push(a, env, variable);
	}
	if (env->len)
		json_set(a, c, "env", env);
	tree_set_text(a, c, "image", r->image);
	if (r->pull_policy)
		tree_set_text(a, c, "imagePullPolicy", r->pull_policy);
	tree_set_text(a, c, "name", name);
	int64_t port;
	if (r->port && str_to_int64(r->port, &port)) {
		struct json *ports = json_new_array(a), *one = json_new_object(a);
		json_set(a, one, "containerPort", json_new_int(a, port));
		json_push(a, ports, one);
		json_set(a, c, "ports", ports);
	}
	json_set(a, c, "resources", json_new_object(a));
	if (r->privileged)
		tree_set(a, c, "securityContext.privileged", json_new_bool(a, true));
	if (r->in) {
		json_set(a, c, "stdin", json_new_bool(a, true));
		if (!r->leave_in_open)
			json_set(a, c, "stdinOnce", json_new_bool(a, true));
	}
	if (r->tty)
		json_set(a, c, "tty", json_new_bool(a, true));
	return c;
}

static struct json *make_pod(struct run *r, const char *name, const char *const *words, size_t words_len)
{
	struct arena *a = r->k->arena;
	bool named = !write_is_client(&r->write) || r->k->globals.ns_set;
	struct json *pod = tree_new(a, "v1", "Pod", name, named ? kubectl_namespace(r->k) : NULL),
		    *containers = json_new_array(a);
	struct json *labels = pairs(a, &r->labels);
	if (!r->labels.len)
		json_set(a, labels, "run", json_new_string(a, name));
	tree_set(a, pod, "metadata.labels", labels);
	if (r->annotations.len)
		tree_set(a, pod, "metadata.annotations", pairs(a, &r->annotations));
	if (write_is_client(&r->write))
		tree_set(a, pod, "metadata.creationTimestamp", json_new_null(a));
	json_push(a, containers, make_container(r, name, words, words_len));
	tree_set(a, pod, "spec.containers", containers);
	tree_set_text(a, pod, "spec.dnsPolicy", "ClusterFirst");
	tree_set_text(a, pod, "spec.restartPolicy", str_or(r->restart, "Always"));
	json_set(a, pod, "status", json_new_object(a));
	return pod;
}

/* Running, or over already. */
static int has_started(void *arg, struct json *object, struct error *err)
{
	if (!object)
		return error_set(err, ERR_PARSE, "the pod was deleted");
	const char *phase = tree_text(object, "status.phase", "");
	return str_eq(phase, "Running") || str_eq(phase, "Succeeded") || str_eq(phase, "Failed");
}

static int has_ended(void *arg, struct json *object, struct error *err)
{
	if (!object)
		return 1;
	tree_for_each(tree_at(object, "status.containerStatuses"), s)
	{
		const struct json *code = tree_at(s, "state.terminated.exitCode");
		int64_t n;
		if (code && json_is_int(code, &n)) {
			*(int *)arg = (int)n;
			return 1;
		}
	}
	return 0;
}

/* What the container wrote: what is behind the first `skip` bytes is printed. */
struct output {
	size_t seen, skip;
};

static bool print_log(void *arg, const char *data, size_t size)
{
	struct output *o = arg;
	size_t from = o->seen >= o->skip ? 0 : o->skip - o->seen;
	if (from < size)
		fwrite(data + from, 1, size - from, stdout);
	o->seen += size;
	return true;
}

static void on_output(void *arg, int channel, const char *data, size_t size)
{
	((struct output *)arg)->seen += size;
	remote_write_all(channel, data, size);
}

/* Prints the container's log but its first `skip` bytes; returns how long it is. */
static size_t print_missed(struct run *r, const struct target *pod, size_t skip)
{
	struct output output = {0, skip};
	struct error ignored = ERROR_INIT;
	const char *path = session_param(r->k, target_path(r->k, pod, "log"), "container", pod->name);
	session_stream(r->k, path, "*/*", 0, print_log, &output, &ignored);
	fflush(stdout);
	return output.seen;
}

static int attach(struct run *r, const struct target *pod, struct error *err)
{
	struct kubectl *k = r->k;
	struct target now = *pod;
	int code = 0;
	if (wait_for(k, pod, r->timeout_ms, has_started, NULL, err) || target_get(k, &now, err))
		return -1;
	bool is_over = !str_eq(tree_text(now.tree, "status.phase", ""), "Running");
	if (is_over) {
		print_missed(r, pod, 0);
	} else {
		if (r->in && r->tty && !r->quiet)
			fprintf(stderr, "If you don't see a command prompt, try pressing enter.\n");
		/* An attachment shows what is written from now on; what came before is in the log. */
		size_t before = print_missed(r, pod, 0);
		struct output output = {0};
		const struct remote remote = {.path = remote_path(k, pod->ns, pod->name, "attach", pod->name,
						  NULL, 0, r->in, true, !r->tty, r->tty),
		    .in_fd = r->in ? 0 : -1,
		    .tty = r->tty,
		    .on_output = on_output,
		    .arg = &output};
		struct error refused = ERROR_INIT;
		if (remote_run(k, &remote, &code, &refused) && !r->quiet &&
		    !strstr(refused.message, "EXITED"))
			report_warning("couldn't attach to pod/%s, falling back to streaming logs: %s",
			    pod->name, refused.message);
		if (!output.seen) /* it was over before it was attached */
			print_missed(r, pod, before);
	}
	if (str_eq(r->restart, "Never") || str_eq(r->restart, "OnFailure")) {
		if (wait_for(k, pod, r->timeout_ms, has_ended, &code, err))
			return -1;
		k->exit_code = code;
	}
	return 0;
}

static int make_service(struct run *r, const char *name, struct error *err)
{
	struct arena *a = r->k->arena;
	const struct mapping *services = mapper_built_in(r->k, "services");
	struct json *service = tree_new(a, "v1", "Service", name, kubectl_namespace(r->k)),
		    *ports = json_new_array(a), *port = json_new_object(a);
	struct json *selector = json_new_object(a), *created = service;
	int64_t number;
	if (!str_to_int64(str_or(r->port, ""), &number))
		return error_set(err, ERR_PARSE, "--port must be set when exposing a service");
	json_set(a, selector, "run", json_new_string(a, name));
	json_set(a, port, "port", json_new_int(a, number));
	tree_set_text(a, port, "protocol", "TCP");
	json_set(a, port, "targetPort", json_new_int(a, number));
	json_push(a, ports, port);
	tree_set(a, service, "spec.ports", ports);
	tree_set(a, service, "spec.selector", selector);
	const char *path = write_query(r->k, &r->write,
	    session_path(r->k, services, kubectl_namespace(r->k), NULL, NULL), "kubectl-run", true);
	if (!write_is_client(&r->write) && session_call(r->k, "POST", path, service, &created, err))
		return -1;
	return write_done(r->k, &r->write, services, created, "created", err);
}

static int check(struct run *r, const char *name, struct error *err)
{
	static const char *const policies[] = {"Always", "OnFailure", "Never", NULL};
	if (!name)
		return error_set(
		    err, ERR_PARSE, "NAME is required for run\nSee 'kubectl run -h' for help and examples");
	if (str_empty(r->image))
		return error_set(err, ERR_PARSE, "required flag(s) \"image\" not set");
	if (r->restart && !str_in(r->restart, policies))
		return error_set(err, ERR_PARSE,
		    "invalid restart policy: %s\nSee 'kubectl run -h' for help and examples", r->restart);
	if (r->tty && !r->in)
		return error_set(err, ERR_PARSE, "-i/--stdin is required for containers with -t/--tty=true");
	if (!r->attach_set)
		r->attach = r->in;
	if (r->remove && !r->attach)
		return error_set(err, ERR_PARSE, "--rm should only be used for attached containers");
	if (r->attach && r->write.dry_run && *r->write.dry_run && !str_eq(r->write.dry_run, "none"))
		return error_set(err, ERR_PARSE,
		    "--dry-run=%s can't be used with attached containers options (--attach, --stdin, or "
		    "--tty)",
		    r->write.dry_run);
	if (r->tty && !isatty(0)) {
		fprintf(stderr, "Unable to use a TTY - input is not a terminal or the right kind of file\n");
		r->tty = false;
	}
	return write_flags_check(r->k, &r->write, err);
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct run r = {.k = k, .timeout_ms = 60000, .grace = -1};
	const struct flag flags[] = {WRITE_FLAGS(&r.write), {"image", 0, FLAG_STRING, &r.image, "Image"},
	    {"restart", 0, FLAG_STRING, &r.restart, "Always, OnFailure or Never"},
	    {"port", 0, FLAG_STRING, &r.port, "Port of the container"},
	    {"env", 0, FLAG_ARRAY, &r.env, "NAME=VALUE; may repeat"},
	    {"labels", 'l', FLAG_LIST, &r.labels, "a=b,c=d"},
	    {"annotations", 0, FLAG_ARRAY, &r.annotations, "a=b; may repeat"},
	    {"overrides", 0, FLAG_STRING, &r.overrides, "JSON merged into the pod"},
	    {"image-pull-policy", 0, FLAG_STRING, &r.pull_policy, "Always, IfNotPresent or Never"},
	    {"stdin", 'i', FLAG_BOOL, &r.in, "Pass standard input on"},
	    {"tty", 't', FLAG_BOOL, &r.tty, "A terminal for the container"},
	    {"attach", 0, FLAG_BOOL, &r.attach, "Attach to it", NULL, &r.attach_set},
	    {"rm", 0, FLAG_BOOL, &r.remove, "Delete it at the end"},
	    {"command", 0, FLAG_BOOL, &r.command, "Words are the command, not its arguments"},
	    {"quiet", 'q', FLAG_BOOL, &r.quiet, "Only the output"},
	    {"expose", 0, FLAG_BOOL, &r.expose, "A service, too"},
	    {"privileged", 0, FLAG_BOOL, &r.privileged, "Privileged"},
	    {"leave-stdin-open", 0, FLAG_BOOL, &r.leave_in_open, "Keep stdin after the first attach"},
	    {"save-config", 0, FLAG_BOOL, &r.save, "Accepted and ignored"},
	    {"grace-period", 0, FLAG_INT, &r.grace, "With --rm"},
	    {"pod-running-timeout", 0, FLAG_DURATION, &r.timeout_ms, "Time to wait for the pod"}, FLAG_END};
	struct args args;
	if (kubectl_parse(k,
		"kubectl run NAME --image=image [--env=\"key=value\"] [--port=port] [-- COMMAND] [args...]",
		flags, argc, argv, &args, err) ||
	    check(&r, args.len ? args.items[0] : NULL, err))
		return -1;
	const struct mapping *pods = mapper_built_in(k, "pods");
	const char *name = args.items[0];
	struct json *pod = make_pod(&r, name, args.items + 1, args.len - 1), *created;
	if (r.overrides && json_overrides_apply(k->arena, pod, r.overrides, err))
		return -1;
	created = pod;
	const char *path = write_query(
	    k, &r.write, session_path(k, pods, kubectl_namespace(k), NULL, NULL), "kubectl-run", true);
	if (!write_is_client(&r.write) && session_call(k, "POST", path, pod, &created, err))
		return -1;
	if (r.expose && make_service(&r, name, err))
		return -1;
	if (!r.attach)
		return write_done(k, &r.write, pods, created, "created", err);
	const struct target target = {pods, kubectl_namespace(k), name, created, NULL};
	int result = attach(&r, &target, err);
	if (!r.remove)
		return result;
	struct error ignored = ERROR_INIT;
	if (session_call(k, "DELETE", target_path(k, &target, NULL), NULL, NULL, &ignored) == 0 && !r.quiet)
		printf("pod \"%s\" deleted\n", name);
	return result;
}

const struct command command_run = {
    "run", NULL, "Basic Commands (Beginner):", "Run a particular image on the cluster", run};
