/* kubectl logs: of one container, or of many pods and containers side by side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/pods_of.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"

struct logs {
	struct kubectl *k;
	const char *container, *selector, *since_time;
	int64_t since_ms, tail, limit_bytes, max_requests, running_timeout_ms;
	bool follow, previous, timestamps, all_containers, prefix, ignore_errors, all_pods, insecure;
	bool tail_set;
	size_t open; /* streams under way, when following several */
};

struct stream {
	struct logs *logs;
	const char *prefix;
	struct buf line;
	struct error err;
};

static const char *log_path(struct logs *l, const struct json *pod, const char *container)
{
	struct kubectl *k = l->k;
	struct arena *arena = k->arena;
	const char *path =
	    session_path(k, mapper_built_in(k, "pods"), tree_namespace(pod), tree_name(pod), "log");
	path = session_param(k, path, "container", container);
	path = session_param(k, path, "follow", l->follow ? "true" : NULL);
	path = session_param(k, path, "previous", l->previous ? "true" : NULL);
	path = session_param(k, path, "timestamps", l->timestamps ? "true" : NULL);
	path = session_param(k, path, "insecureSkipTLSVerifyBackend", l->insecure ? "true" : NULL);
	path = session_param(k, path, "sinceTime", l->since_time);
	if (l->since_ms > 0)
		path = session_param(k, path, "sinceSeconds",
		    arena_printf(arena, "%lld", (long long)((l->since_ms + 999) / 1000)));
	if (l->tail >= 0)
		path = session_param(k, path, "tailLines", arena_printf(arena, "%lld", (long long)l->tail));
	if (l->limit_bytes > 0)
		path = session_param(
		    k, path, "limitBytes", arena_printf(arena, "%lld", (long long)l->limit_bytes));
	return path;
}

static bool on_data(void *arg, const char *data, size_t size)
{
	struct stream *s = arg;
	if (!*s->prefix) {
		fwrite(data, 1, size, stdout);
		fflush(stdout);
		return true;
	}
	buf_append(&s->line, data, size);
	char *end;
	while (s->line.size && (end = memchr(s->line.data, '\n', s->line.size))) {
		size_t len = (size_t)(end - s->line.data) + 1;
		printf("%s%.*s", s->prefix, (int)len, s->line.data);
		buf_consume(&s->line, len);
	}
	fflush(stdout);
	return true;
}

struct choice {
	const struct json *pod;
	const char *container, *kind; /* kind: "" for containers, "init" */
};

static const char *prefix_of(struct logs *l, const struct choice *c, bool many)
{
	return l->prefix ? arena_printf(l->k->arena, "[pod/%s/%s] ", tree_name(c->pod), c->container) : "";
}

static int print_one(struct logs *l, const struct choice *c, struct error *err)
{
	struct stream s = {.logs = l, .prefix = prefix_of(l, c, false)};
	int result = session_stream(l->k, log_path(l, c->pod, c->container), "*/*", 0, on_data, &s, err);
	if (s.line.size)
		printf("%s%s\n", s.prefix, buf_str(&s.line));
	buf_done(&s.line);
	return result;
}

/* -- following several
 * -------------------------------------------------------------------------------------------- */

static void on_stream_data(void *arg, const char *data, size_t size)
{
	on_data(arg, data, size);
}

static void on_stream_done(void *arg, const struct http_response *response)
{
	struct stream *s = arg;
	if (response->error || response->status / 100 != 2)
		rest_error(response, &s->err);
	if (--s->logs->open == 0)
		loop_stop(s->logs->k->loop);
}

static int follow_all(struct logs *l, const struct choice *choices, size_t len, struct error *err)
{
	struct kubectl *k = l->k;
	struct failures failures = {0};
	struct stream *streams = ARENA_ARRAY(k->arena, struct stream, len);
	if ((int64_t)len > l->max_requests)
		return error_set(err, ERR_PARSE,
		    "you are attempting to follow %zu log streams, but maximum allowed concurrency is %lld, "
		    "use --max-log-requests "
		    "to increase the limit",
		    len, (long long)l->max_requests);
	if (kubectl_connect(k, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		streams[i] = (struct stream){.logs = l, .prefix = prefix_of(l, &choices[i], true)};
		const struct http_request request = {
		    .url = arena_printf(k->arena, "%s%s", rest_client_server(k->rest),
			log_path(l, choices[i].pod, choices[i].container)),
		    .headers = rest_client_headers(k->rest),
		    .timeout_ms = -1};
		l->open++;
		http_client_stream(
		    rest_client_http(k->rest), &request, NULL, on_stream_data, on_stream_done, &streams[i]);
	}
	while (l->open)
		loop_run(k->loop);
	for (size_t i = 0; i < len; i++) {
		buf_done(&streams[i].line);
		if (streams[i].err.code && !l->ignore_errors)
			failures_add(k, &failures, &streams[i].err);
	}
	return failures_result(k, &failures, err);
}

/* -- which
 * -------------------------------------------------------------------------------------------------------- */

static void add_list(struct choice *out, size_t *len, const struct json *pod, const char *path)
{
	tree_for_each(tree_at(pod, path), c) out[(*len)++] =
	    (struct choice){pod, json_get_string(c, "name", ""), ""};
}

static int choose(struct logs *l, struct json *const *pods, size_t pods_len, struct choice **ret,
    size_t *ret_len, struct error *err)
{
	struct kubectl *k = l->k;
	size_t room = 1;
	for (size_t i = 0; i < pods_len; i++)
		room += 1 + tree_len(tree_at(pods[i], "spec.containers")) +
			tree_len(tree_at(pods[i], "spec.initContainers")) +
			tree_len(tree_at(pods[i], "spec.ephemeralContainers"));
	*ret = ARENA_ARRAY(k->arena, struct choice, room);
	*ret_len = 0;
	for (size_t i = 0; i < pods_len; i++) {
		if (l->all_containers) {
			add_list(*ret, ret_len, pods[i], "spec.initContainers");
			add_list(*ret, ret_len, pods[i], "spec.containers");
			add_list(*ret, ret_len, pods[i], "spec.ephemeralContainers");
			continue;
		}
		const char *name = pod_container(k, pods[i], l->container, err);
		if (!name) {
			struct buf names = BUF_INIT;
			tree_for_each(tree_at(pods[i], "spec.containers"), c)
			    buf_printf(&names, "%s%s", c_i ? " " : "", json_get_string(c, "name", ""));
			if (!str_empty(l->container)) {
				error_clear(err);
				error_set(err, ERR_PARSE, "container %s is not valid for pod %s",
				    l->container, tree_name(pods[i]));
			}
			buf_done(&names);
			return -1;
		}
		size_t count = tree_len(tree_at(pods[i], "spec.containers"));
		if (count > 1 && str_empty(l->container) &&
		    !json_get(tree_at(pods[i], "metadata.annotations"),
			"kubectl.kubernetes.io/default-container")) {
			fprintf(stderr, "Defaulted container \"%s\" out of: ", name);
			tree_for_each(tree_at(pods[i], "spec.containers"), c)
			    fprintf(stderr, "%s%s", c_i ? ", " : "", json_get_string(c, "name", ""));
			tree_for_each(tree_at(pods[i], "spec.initContainers"), c)
			    fprintf(stderr, ", %s (init)", json_get_string(c, "name", ""));
			fputc('\n', stderr);
		}
		(*ret)[(*ret_len)++] = (struct choice){pods[i], name, ""};
	}
	return 0;
}

static int find_pods(
    struct logs *l, const struct args *args, struct json ***ret, size_t *ret_len, struct error *err)
{
	struct kubectl *k = l->k;
	if (l->selector) {
		struct json *list;
		const char *path =
		    session_path(k, mapper_built_in(k, "pods"), kubectl_namespace(k), NULL, NULL);
		if (session_list(k, session_param(k, path, "labelSelector", l->selector), &list, err))
			return -1;
		*ret = json_get(list, "items")->items;
		*ret_len = json_get(list, "items")->len;
		if (!*ret_len)
			fprintf(stderr, "No resources found in %s namespace.\n", kubectl_namespace(k));
		return 0;
	}
	struct target target;
	/* `logs POD CONTAINER` */
	bool with_container = args->len == 2 && !strchr(args->items[1], '/') && str_empty(l->container);
	if (with_container)
		l->container = args->items[1];
	const struct target_query query = {
	    .args = args->items, .args_len = with_container ? 1 : args->len, .default_type = "pods"};
	if (target_find_one(k, &query, &target, err)) {
		if (err->code == ERR_NOT_FOUND) { /* stock's own words */
			char why[512];
			snprintf(why, sizeof(why), "%.511s", err->message);
			error_clear(err);
			error_set(err, ERR_PARSE, "error from server (NotFound): %s in namespace \"%s\"", why,
			    kubectl_namespace(k));
		}
		return -1;
	}
	if (pods_of(k, &target, ret, ret_len, err))
		return -1;
	if (!*ret_len)
		return error_set(err, ERR_PARSE, "timed out waiting for the condition");
	if (*ret_len > 1 && !l->all_pods) {
		fprintf(stderr, "Found %zu pods, using pod/%s\n", *ret_len, tree_name((*ret)[0]));
		*ret_len = 1;
	}
	return 0;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct logs l = {.k = k, .tail = -1, .max_requests = 5};
	const struct flag flags[] = {{"follow", 'f', FLAG_BOOL, &l.follow, "Go on as lines are written"},
	    {"container", 'c', FLAG_STRING, &l.container, "Container"},
	    {"all-containers", 0, FLAG_BOOL, &l.all_containers, "Every container of the pods"},
	    {"all-pods", 0, FLAG_BOOL, &l.all_pods, "Every pod of the workload"},
	    {"previous", 'p', FLAG_BOOL, &l.previous, "Of the container's run before this"},
	    {"tail", 0, FLAG_INT, &l.tail, "Lines from the end; -1 for all", NULL, &l.tail_set},
	    {"since", 0, FLAG_DURATION, &l.since_ms, "Only newer than this: 5s, 2m"},
	    {"since-time", 0, FLAG_STRING, &l.since_time, "Only after this (RFC 3339)"},
	    {"timestamps", 0, FLAG_BOOL, &l.timestamps, "Time in front of each line"},
	    {"limit-bytes", 0, FLAG_INT, &l.limit_bytes, "At most so many bytes"},
	    {"prefix", 0, FLAG_BOOL, &l.prefix, "Pod and container in front of each line"},
	    {"selector", 'l', FLAG_STRING, &l.selector, "Label selector"},
	    {"ignore-errors", 0, FLAG_BOOL, &l.ignore_errors, "Go on after errors"},
	    {"max-log-requests", 0, FLAG_INT, &l.max_requests, "Streams at once"},
	    {"pod-running-timeout", 0, FLAG_DURATION, &l.running_timeout_ms, "Accepted and ignored"},
	    {"insecure-skip-tls-verify-backend", 0, FLAG_BOOL, &l.insecure,
		"Do not check the kubelet's certificate"},
	    FLAG_END};
	struct args args;
	struct json **pods;
	struct choice *choices;
	struct failures failures = {0};
	size_t pods_len, len;
	if (kubectl_parse(k, "kubectl logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER] [flags]", flags, argc,
		argv, &args, err))
		return -1;
	if (!args.len && !l.selector)
		return error_set(err, ERR_PARSE,
		    "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a "
		    "required argument for the logs command\nSee 'kubectl logs -h' for help and examples");
	if (args.len && l.selector)
		return error_set(err, ERR_PARSE, "only a selector (-l) or a POD name is allowed");
	if (l.all_containers && !str_empty(l.container))
		return error_set(err, ERR_PARSE,
		    "--all-containers=true should not be specified with container name %s", l.container);
	if (l.selector && !l.tail_set)
		l.tail = 10;
	if (l.all_pods)
		l.prefix = true;
	if (find_pods(&l, &args, &pods, &pods_len, err) || choose(&l, pods, pods_len, &choices, &len, err))
		return -1;
	if (l.follow && len > 1)
		return follow_all(&l, choices, len, err);
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		if (print_one(&l, &choices[i], &one) && !l.ignore_errors)
			failures_add(k, &failures, &one);
		if (failures.len)
			break;
	}
	return failures_result(k, &failures, err);
}

const struct command command_logs = {
    "logs", "log", "Troubleshooting and Debugging Commands:", "Print the logs for a container in a pod", run};
