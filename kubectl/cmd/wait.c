/* kubectl wait: until objects are gone, created, have a condition, or a JSONPath has a value. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/printers/jsonpath.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/waiting.h"

struct waiting {
	struct kubectl *k;
	const char *condition, *status; /* --for=condition=Ready[=true] */
	struct jsonpath *path;
	const char *value; /* NULL: any value will do */
	bool is_delete, is_create;
};

static int parse_for(struct waiting *w, const char *text, struct error *err)
{
	struct arena *arena = w->k->arena;
	if (strcasecmp(text, "delete") == 0) {
		w->is_delete = true;
	} else if (strcasecmp(text, "create") == 0) {
		w->is_create = true;
	} else if (str_has_prefix(text, "condition=")) {
		const char *name = text + strlen("condition="), *eq = strchr(name, '=');
		w->condition = arena_strndup(arena, name, eq ? (size_t)(eq - name) : strlen(name));
		w->status = eq ? eq + 1 : "true";
	} else if (str_has_prefix(text, "jsonpath=")) {
		const char *path = text + strlen("jsonpath=");
		/* The '=' behind the closing brace, not one in a filter. */
		const char *end = path[0] == '{' ? strchr(path, '}') : strchr(path, '='), *next;
		while (path[0] == '{' && end && (next = strchr(end + 1, '}')))
			end = next;
		size_t len = !end             ? strlen(path)
			     : path[0] == '{' ? (size_t)(end - path) + 1
					      : (size_t)(end - path);
		if (path[len] == '=')
			w->value = path[len + 1] == '\0' ? "" : path + len + 1;
		if (w->value && !*w->value)
			return error_set(err, ERR_PARSE,
			    "jsonpath wait has to have a value after equal sign, like "
			    "--for=jsonpath='{.status.readyReplicas}'=3");
		size_t value_len = w->value ? strlen(w->value) : 0;
		if (value_len >= 2 && (w->value[0] == '\'' || w->value[0] == '"') &&
		    w->value[value_len - 1] == w->value[0])
			w->value = arena_strndup(arena, w->value + 1, value_len - 2);
		const char *relaxed = jsonpath_relaxed(arena, arena_strndup(arena, path, len), err);
		return relaxed ? jsonpath_parse(arena, relaxed, &w->path, err) : -1;
	} else {
		return error_set(err, ERR_PARSE, "unrecognized condition: \"%s\"", text);
	}
	return 0;
}

static int has_condition(const struct waiting *w, const struct json *object)
{
	if (tree_int(object, "status.observedGeneration", INT64_MAX) <
	    tree_int(object, "metadata.generation", 0))
		return 0;
	tree_for_each(tree_at(object, "status.conditions"),
	    c) if (strcasecmp(json_get_string(c, "type", ""), w->condition) ==
		   0) return strcasecmp(json_get_string(c, "status", ""), w->status) == 0;
	return 0;
}

static int test(void *arg, struct json *object, struct error *err)
{
	struct waiting *w = arg;
	if (!object)
		return 0; /* it may come back */
	if (w->is_create)
		return 1;
	if (w->condition)
		return has_condition(w, object);
	struct arena *arena = arena_new();
	struct jsonpath_values values;
	struct error ignored = ERROR_INIT;
	int result = jsonpath_select(arena, w->path, object, &values, &ignored) == 0 && values.len == 1 &&
		     (!w->value || str_eq(tree_show(arena, values.items[0]), w->value));
	arena_free(arena);
	return result;
}

static int wait_one(struct waiting *w, const struct target *target, int64_t timeout_ms, struct error *err)
{
	struct kubectl *k = w->k;
	const char *name = arena_printf(k->arena, "%s/%s", target->mapping->plural, target->name);
	int result = w->is_delete
			 ? wait_gone(k, target, tree_text(target->tree, "metadata.uid", ""), timeout_ms, err)
			 : wait_for(k, target, timeout_ms, test, w, err);
	if (!result) {
		printf("%s/%s %s\n", mapping_kind_text(k->arena, target->mapping), target->name,
		    w->is_delete ? "condition met" : "condition met");
		fflush(stdout);
	} else if (err->code == ERR_CANCELLED) {
		error_clear(err);
		error_set(err, ERR_CANCELLED, "timed out waiting for the condition on %s", name);
	}
	return result;
}

static int find(struct waiting *w, const struct target_query *query, int64_t timeout_ms, struct target **ret,
    size_t *ret_len, struct error *err)
{
	struct kubectl *k = w->k;
	int64_t end_ms = wait_now_ms() + timeout_ms;
	for (;;) {
		struct failures failures = {0};
		if (targets_find(k, query, ret, ret_len, &failures, err))
			return -1;
		bool missing = failures.len && failures.items[0].err.code == ERR_NOT_FOUND;
		if (w->is_delete && missing && failures.len == 1) {
			return 0; /* gone already */
		}
		if (!(w->is_create && (missing || !*ret_len)) || wait_now_ms() >= end_ms)
			return failures_result(k, &failures, err);
		usleep(200000);
	}
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct file_flags files = {0};
	struct waiting w = {.k = k};
	const char *condition = NULL, *selector = NULL, *fields = NULL, *output = NULL;
	bool all = false, all_namespaces = false, local = false;
	int64_t timeout_ms = 30000;
	const struct flag flags[] = {FILE_FLAGS(&files),
	    {"for", 0, FLAG_STRING, &condition,
		"delete, create, condition=NAME[=VALUE] or jsonpath={PATH}[=VALUE]"},
	    {"timeout", 0, FLAG_DURATION, &timeout_ms, "Time to wait; 0: look once, negative: a week"},
	    {"selector", 'l', FLAG_STRING, &selector, "Label selector"},
	    {"field-selector", 0, FLAG_STRING, &fields, "Field selector"},
	    {"all", 0, FLAG_BOOL, &all, "All of the kind"},
	    {"all-namespaces", 'A', FLAG_BOOL, &all_namespaces, "All namespaces"},
	    {"local", 0, FLAG_BOOL, &local, "Accepted and ignored"},
	    {"output", 'o', FLAG_STRING, &output, "Accepted and ignored"}, FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(k,
		"kubectl wait ([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | "
		"--all)]) "
		"--for=delete|--for condition=available|--for=jsonpath='{}'[=value]",
		flags, argc, argv, &args, err))
		return -1;
	if (str_empty(condition))
		return error_set(err, ERR_PARSE, "required flag(s) \"for\" not set");
	if (timeout_ms < 0)
		timeout_ms = INT64_C(7) * 24 * 3600 * 1000;
	const struct target_query query = {.args = args.items,
	    .args_len = args.len,
	    .files = &files,
	    .selector = selector,
	    .field_selector = fields,
	    .all = all,
	    .all_namespaces = all_namespaces};
	if (parse_for(&w, condition, err) || find(&w, &query, timeout_ms, &targets, &len, err))
		return -1;
	if (!len && !w.is_delete)
		return error_set(err, ERR_PARSE, "no matching resources found");
	int64_t end_ms = wait_now_ms() + timeout_ms;
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		int64_t left = end_ms - wait_now_ms();
		if (wait_one(&w, &targets[i], left > 0 ? left : 1, &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}

const struct command command_wait = {"wait", NULL,
    "Advanced Commands:", "Experimental: Wait for a specific condition on one or many resources", run};
