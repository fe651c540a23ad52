/* kubectl set: image, env, resources, serviceaccount, selector; set_subject.c has subject. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "kubectl/mapper.h"
#include "kubectl/setting.h"
#include "kubectl/tree.h"

struct change {
	struct kubectl *k;
	const char *const *pairs; /* NAME=VALUE, NAME- */
	size_t len;
	const char *containers; /* pattern */
	const struct flag_list *limits, *requests;
	bool overwrite, list;
	const char *from, *prefix;
};

static size_t first_pair(const struct args *args)
{
	size_t i = 0;
	while (i < args->len && !strchr(args->items[i], '=') &&
	       !(str_has_suffix(args->items[i], "-") && strlen(args->items[i]) > 1))
		i++;
	return i;
}

static int change_image(void *arg, const struct target *target, struct json *object, struct error *err)
{
	const struct change *c = arg;
	for (size_t i = 0; i < c->len; i++) {
		const char *eq = strchr(c->pairs[i], '=');
		const char *name = arena_strndup(c->k->arena, c->pairs[i], (size_t)(eq - c->pairs[i]));
		bool found = false;
		for (int init = 0; init < 2; init++)
			tree_for_each(setting_containers(object, init),
			    container) if (strcmp(name, "*") == 0 ||
					   str_eq(json_get_string(container, "name", ""), name))
			{
				tree_set_text(c->k->arena, container, "image", eq + 1);
				found = true;
			}
		if (!found)
			return error_set(err, ERR_PARSE, "unable to find container named \"%s\"", name);
	}
	return 0;
}

static int run_image(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct setting s = {
	    .k = k, .manager = "kubectl-set", .done = "image updated", .change = change_image};
	struct change c = {.k = k};
	const struct flag flags[] = {SETTING_FLAGS(&s), FLAG_END};
	struct args args;
	if (kubectl_parse(k,
		"kubectl set image (-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ...", flags,
		argc, argv, &args, err))
		return -1;
	size_t own = first_pair(&args);
	c.pairs = args.items + own;
	c.len = args.len - own;
	s.arg = &c;
	if (!c.len)
		return error_set(err, ERR_PARSE, "at least one image update is required");
	if (!own && !files_given(&s.files))
		return error_set(err, ERR_PARSE,
		    "one or more resources must be specified as <resource> <name> or <resource>/<name>");
	for (size_t i = 0; i < c.len; i++)
		if (!strchr(c.pairs[i], '='))
			return error_set(err, ERR_PARSE,
			    "all images must be specified as CONTAINER=IMAGE: %s", c.pairs[i]);
	return setting_run(&s, args.items, own, err);
}

static bool container_selected(const struct change *c, const struct json *container)
{
	return fnmatch(str_or(c->containers, "*"), json_get_string(container, "name", ""), 0) == 0;
}

static void set_variable(const struct change *c, struct json *container, const char *name, const char *value)
{
	struct json *env = json_get(container, "env"), *variable = tree_find(env, "name", name);
	if (!value) {
		for (size_t i = 0; i < tree_len(env); i++)
			if (env->items[i] == variable)
				json_array_remove(env, i);
		if (env && !env->len)
			json_remove(container, "env");
		return;
	}
	if (variable && !c->overwrite)
		return;
	if (!env) {
		env = json_new_array(c->k->arena);
		json_set(c->k->arena, container, "env", env);
	}
	if (!variable) {
		variable = json_new_object(c->k->arena);
		tree_set_text(c->k->arena, variable, "name", name);
		json_push(c->k->arena, env, variable);
	}
	json_remove(variable, "valueFrom");
	tree_set_text(c->k->arena, variable, "value", value);
}

static int change_env(void *arg, const struct target *target, struct json *object, struct error *err)
{
	const struct change *c = arg;
	tree_for_each(setting_containers(object, false), container)
	{
		if (!container_selected(c, container))
			continue;
		if (c->list) {
			printf("# %s/%s, container %s\n", mapping_kind_text(c->k->arena, target->mapping),
			    target->name, json_get_string(container, "name", ""));
			tree_for_each(json_get(container, "env"), variable) printf(
			    json_get(variable, "valueFrom") ? "# %s from a reference%s\n" : "%s=%s\n",
			    json_get_string(variable, "name", ""), json_get_string(variable, "value", ""));
		}
		for (size_t i = 0; i < c->len; i++) {
			const char *eq = strchr(c->pairs[i], '=');
			size_t len = eq ? (size_t)(eq - c->pairs[i]) : strlen(c->pairs[i]) - 1;
			set_variable(
			    c, container, arena_strndup(c->k->arena, c->pairs[i], len), eq ? eq + 1 : NULL);
		}
	}
	return 0;
}

static int run_env(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct setting s = {.k = k, .manager = "kubectl-set", .done = "env updated", .change = change_env};
	struct change c = {.k = k, .overwrite = true};
	struct flag_list more = {0};
	const struct flag flags[] = {SETTING_FLAGS(&s),
	    {"containers", 'c', FLAG_STRING, &c.containers, "Pattern of containers"},
	    {"env", 'e', FLAG_ARRAY, &more, "NAME=VALUE; may repeat"},
	    {"overwrite", 0, FLAG_BOOL, &c.overwrite, "Replace values"},
	    {"list", 0, FLAG_BOOL, &c.list, "Print them"}, {"from", 0, FLAG_STRING, &c.from, "Not supported"},
	    {"prefix", 0, FLAG_STRING, &c.prefix, "Not supported"}, FLAG_END};
	struct args args;
	if (kubectl_parse(k, "kubectl set env RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N", flags, argc, argv,
		&args, err))
		return -1;
	if (c.from)
		return error_set(err, ERR_PARSE, "--from is not supported");
	size_t own = first_pair(&args);
	const char **pairs = ARENA_ARRAY(k->arena, const char *, args.len + more.len + 1);
	for (size_t i = own; i < args.len; i++)
		pairs[c.len++] = args.items[i];
	for (size_t i = 0; i < more.len; i++)
		pairs[c.len++] = more.items[i];
	c.pairs = pairs;
	s.arg = &c;
	if (!own && !files_given(&s.files))
		return error_set(err, ERR_PARSE,
		    "one or more resources must be specified as <resource> <name> or <resource>/<name>");
	if (!c.len && !c.list)
		return error_set(err, ERR_PARSE, "at least one environment variable must be provided");
	return setting_run(&s, args.items, own, err);
}

static int add_amounts(const struct change *c, struct json *container, const char *path,
    const struct flag_list *list, struct error *err)
{
	struct json *map = tree_at(container, path);
	for (size_t i = 0; i < list->len; i++) {
		const char *eq = strchr(list->items[i], '=');
		if (!eq)
			return error_set(err, ERR_PARSE,
			    "invalid argument syntax %s, expected <resource>=<value>", list->items[i]);
		if (!map) {
			map = json_new_object(c->k->arena);
			tree_set(c->k->arena, container, path, map);
		}
		const char *name = arena_strndup(c->k->arena, list->items[i], (size_t)(eq - list->items[i]));
		if (strcmp(eq + 1, "0") == 0)
			json_remove(map, name);
		else
			json_set(c->k->arena, map, name, json_new_string(c->k->arena, eq + 1));
	}
	return 0;
}

static int change_resources(void *arg, const struct target *target, struct json *object, struct error *err)
{
	const struct change *c = arg;
	tree_for_each(setting_containers(object, false),
	    container) if (container_selected(c, container) &&
			   (add_amounts(c, container, "resources.limits", c->limits, err) ||
			       add_amounts(c, container, "resources.requests", c->requests, err))) return -1;
	return 0;
}

static int run_resources(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct flag_list limits = {0}, requests = {0};
	struct setting s = {.k = k,
	    .manager = "kubectl-set",
	    .done = "resource requirements updated",
	    .change = change_resources};
	struct change c = {.k = k, .limits = &limits, .requests = &requests};
	const struct flag flags[] = {SETTING_FLAGS(&s),
	    {"containers", 'c', FLAG_STRING, &c.containers, "Pattern of containers"},
	    {"limits", 0, FLAG_LIST, &limits, "cpu=200m,memory=512Mi"},
	    {"requests", 0, FLAG_LIST, &requests, "cpu=100m,memory=256Mi"}, FLAG_END};
	struct args args;
	if (kubectl_parse(k,
		"kubectl set resources (-f FILENAME | TYPE NAME) ([--limits=LIMITS & --requests=REQUESTS])",
		flags, argc, argv, &args, err))
		return -1;
	s.arg = &c;
	if (!limits.len && !requests.len)
		return error_set(err, ERR_PARSE,
		    "you must specify an update to requests or limits (in the form of --requests/--limits)");
	return setting_run(&s, args.items, args.len, err);
}

static int change_account(void *arg, const struct target *target, struct json *object, struct error *err)
{
	const struct change *c = arg;
	struct json *spec = setting_pod_spec(object);
	tree_set_text(c->k->arena, spec, "serviceAccountName", c->from);
	return 0;
}

static int run_account(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct setting s = {
	    .k = k, .manager = "kubectl-set", .done = "serviceaccount updated", .change = change_account};
	struct change c = {.k = k};
	const struct flag flags[] = {SETTING_FLAGS(&s), FLAG_END};
	struct args args;
	if (kubectl_parse(k, "kubectl set serviceaccount (-f FILENAME | TYPE NAME) SERVICE_ACCOUNT", flags,
		argc, argv, &args, err))
		return -1;
	if (args.len < 1)
		return error_set(err, ERR_PARSE, "serviceaccount is required");
	c.from = args.items[args.len - 1];
	s.arg = &c;
	return setting_run(&s, args.items, args.len - 1, err);
}

static int change_selector(void *arg, const struct target *target, struct json *object, struct error *err)
{
	const struct change *c = arg;
	struct json *map = json_new_object(c->k->arena);
	size_t len;
	char **pairs = str_split(c->k->arena, c->from, ',', &len);
	if (!str_eq(target->mapping->kind, "Service"))
		return error_set(err, ERR_PARSE, "setting a selector is only supported for Services");
	for (size_t i = 0; i < len; i++) {
		const char *eq = strchr(pairs[i], '=');
		if (!eq)
			return error_set(err, ERR_PARSE, "invalid selector %s", pairs[i]);
		json_set(c->k->arena, map, arena_strndup(c->k->arena, pairs[i], (size_t)(eq - pairs[i])),
		    json_new_string(c->k->arena, eq + 1));
	}
	tree_set(c->k->arena, object, "spec.selector", map);
	return 0;
}

static int run_selector(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct setting s = {
	    .k = k, .manager = "kubectl-set", .done = "selector updated", .change = change_selector};
	struct change c = {.k = k};
	const struct flag flags[] = {SETTING_FLAGS(&s), FLAG_END};
	struct args args;
	if (kubectl_parse(k, "kubectl set selector (-f FILENAME | TYPE NAME) EXPRESSIONS", flags, argc, argv,
		&args, err))
		return -1;
	if (args.len < 1 || !strchr(args.items[args.len - 1], '='))
		return error_set(err, ERR_PARSE, "a selector is required: KEY=VALUE,...");
	c.from = args.items[args.len - 1];
	s.arg = &c;
	return setting_run(&s, args.items, args.len - 1, err);
}

static const struct command image = {"image", NULL, NULL, "Update the image of a pod template", run_image};
static const struct command env = {
    "env", NULL, NULL, "Update environment variables on a pod template", run_env};
static const struct command resources = {
    "resources", NULL, NULL, "Update resource requests/limits on objects with pod templates", run_resources};
static const struct command account = {
    "serviceaccount", "sa", NULL, "Update the service account of a resource", run_account};
static const struct command selector = {
    "selector", NULL, NULL, "Set the selector on a resource", run_selector};
static const struct command *const commands[] = {
    &env, &image, &resources, &selector, &account, &set_subject, NULL};

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return kubectl_dispatch(k, commands, "Configure application resources.", argc, argv, err);
}

const struct command command_set = {
    "set", NULL, "Basic Commands (Beginner):", "Set specific features on objects", run};
