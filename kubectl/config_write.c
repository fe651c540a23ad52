/* kubectl config: the subcommands that change the file. */
#include <stdio.h>
#include <string.h>

#include "kubectl/config.h"
#include "kubectl/files.h"
#include "kubectl/tree.h"

static int one_name(struct kubectl *k, const char *usage, const struct flag *flags, int argc, char **argv,
    const char **ret, struct json **ret_config, struct error *err)
{
	struct args args;
	if (kubectl_parse(k, usage, flags, argc, argv, &args, err))
		return -1;
	if (args.len != 1)
		return error_set(err, ERR_PARSE,
		    "unexpected args: expected one name\nSee '%s -h' for help and examples", k->command_path);
	*ret = args.items[0];
	return config_load(k, ret_config, err);
}

static int run_use_context(struct kubectl *k, int argc, char **argv, struct error *err)
{
	const char *name;
	struct json *config;
	if (one_name(k, "kubectl config use-context CONTEXT_NAME", NULL, argc, argv, &name, &config, err))
		return -1;
	if (!config_entry(config, "contexts", name))
		return error_set(err, ERR_PARSE, "no context exists with the name: \"%s\"", name);
	tree_set_text(k->arena, config, "current-context", name);
	if (config_save(k, config, err))
		return -1;
	printf("Switched to context \"%s\".\n", name);
	return 0;
}

const struct command config_use_context = {
    "use-context", "use", NULL, "Set the current-context in a kubeconfig file", run_use_context};

/* Sets or, when given as an empty text, removes. */
static void set_text(struct kubectl *k, struct json *entry, const char *key, const char *value)
{
	if (value && *value)
		json_set(k->arena, entry, key, json_new_string(k->arena, value));
	else if (value)
		json_remove(entry, key);
}

static int run_set_context(struct kubectl *k, int argc, char **argv, struct error *err)
{
	const char *cluster = NULL, *user = NULL, *ns = NULL, *name;
	bool current = false, made;
	struct json *config;
	const struct flag flags[] = {{"cluster", 0, FLAG_STRING, &cluster, "Cluster"},
	    {"user", 0, FLAG_STRING, &user, "User"}, {"namespace", 'n', FLAG_STRING, &ns, "Namespace"},
	    {"current", 0, FLAG_BOOL, &current, "Change the current context"}, FLAG_END};
	struct args args;
	if (kubectl_parse(k,
		"kubectl config set-context [NAME | --current] [--cluster=NAME] [--user=NAME] "
		"[--namespace=NAME]",
		flags, argc, argv, &args, err) ||
	    config_load(k, &config, err))
		return -1;
	if (args.len > 1 || (args.len == 1) == current)
		return error_set(err, ERR_PARSE,
		    current ? "you cannot specify both a context name and --current"
			    : "you must specify a non-empty context name or --current");
	name = current ? json_get_string(config, "current-context", "") : args.items[0];
	if (!*name)
		return error_set(err, ERR_PARSE, "no current context is set");
	struct json *context = config_entry_make(k, config, "contexts", name, &made);
	set_text(k, context, "cluster", cluster);
	set_text(k, context, "user", user);
	set_text(k, context, "namespace", ns);
	if (made && !json_get(context, "cluster"))
		json_set(k->arena, context, "cluster", json_new_string(k->arena, ""));
	if (made && !json_get(context, "user"))
		json_set(k->arena, context, "user", json_new_string(k->arena, ""));
	if (config_save(k, config, err))
		return -1;
	printf("Context \"%s\" %s.\n", name, made ? "created" : "modified");
	return 0;
}

const struct command config_set_context = {
    "set-context", NULL, NULL, "Set a context entry in kubeconfig", run_set_context};

/* --embed-certs: the file's content, base64, in place of its path. */
static int set_file(
    struct kubectl *k, struct json *entry, const char *key, const char *path, bool embed, struct error *err)
{
	char *text;
	size_t size;
	if (!path)
		return 0;
	const char *data_key = arena_printf(k->arena, "%s-data", key);
	if (!embed || !*path) {
		set_text(k, entry, key, path);
		json_remove(entry, data_key);
		return 0;
	}
	if (file_read(k, path, &text, &size, err))
		return error_prefix(err, "could not read %s data from %s", key, path);
	json_remove(entry, key);
	json_set(k->arena, entry, data_key, json_new_string(k->arena, str_base64(k->arena, text, size)));
	return 0;
}

static int run_set_cluster(struct kubectl *k, int argc, char **argv, struct error *err)
{
	const char *server = NULL, *ca = NULL, *tls_name = NULL, *proxy = NULL, *name;
	bool insecure = false, insecure_set = false, embed = false, made;
	struct json *config;
	const struct flag flags[] = {{"server", 0, FLAG_STRING, &server, "Address"},
	    {"certificate-authority", 0, FLAG_STRING, &ca, "File of the certificate authority"},
	    {"insecure-skip-tls-verify", 0, FLAG_BOOL, &insecure, "Do not check the certificate", NULL,
		&insecure_set},
	    {"tls-server-name", 0, FLAG_STRING, &tls_name, "Name to check the certificate for"},
	    {"proxy-url", 0, FLAG_STRING, &proxy, "Proxy"},
	    {"embed-certs", 0, FLAG_BOOL, &embed, "Put the file's content into the kubeconfig"}, FLAG_END};
	if (one_name(k,
		"kubectl config set-cluster NAME [--server=server] "
		"[--certificate-authority=path/to/certificate/authority]",
		flags, argc, argv, &name, &config, err))
		return -1;
	struct json *cluster = config_entry_make(k, config, "clusters", name, &made);
	set_text(k, cluster, "server", server);
	set_text(k, cluster, "tls-server-name", tls_name);
	set_text(k, cluster, "proxy-url", proxy);
	if (set_file(k, cluster, "certificate-authority", ca, embed, err))
		return -1;
	if (insecure_set && insecure)
		json_set(k->arena, cluster, "insecure-skip-tls-verify", json_new_bool(k->arena, true));
	else if (insecure_set)
		json_remove(cluster, "insecure-skip-tls-verify");
	if (config_save(k, config, err))
		return -1;
	printf("Cluster \"%s\" set.\n", name);
	return 0;
}

const struct command config_set_cluster = {
    "set-cluster", NULL, NULL, "Set a cluster entry in kubeconfig", run_set_cluster};

static int run_set_credentials(struct kubectl *k, int argc, char **argv, struct error *err)
{
	const char *cert = NULL, *key = NULL, *token = NULL, *username = NULL, *password = NULL, *name;
	bool embed = false, made;
	struct json *config;
	const struct flag flags[] = {{"client-certificate", 0, FLAG_STRING, &cert, "File of the certificate"},
	    {"client-key", 0, FLAG_STRING, &key, "File of the key"},
	    {"token", 0, FLAG_STRING, &token, "Bearer token"},
	    {"username", 0, FLAG_STRING, &username, "User name"},
	    {"password", 0, FLAG_STRING, &password, "Password"},
	    {"embed-certs", 0, FLAG_BOOL, &embed, "Put the files' content into the kubeconfig"}, FLAG_END};
	if (one_name(k,
		"kubectl config set-credentials NAME [--client-certificate=path] [--client-key=path] "
		"[--token=token]",
		flags, argc, argv, &name, &config, err))
		return -1;
	struct json *user = config_entry_make(k, config, "users", name, &made);
	set_text(k, user, "token", token);
	set_text(k, user, "username", username);
	set_text(k, user, "password", password);
	if (set_file(k, user, "client-certificate", cert, embed, err) ||
	    set_file(k, user, "client-key", key, embed, err) || config_save(k, config, err))
		return -1;
	printf("User \"%s\" set.\n", name);
	return 0;
}

const struct command config_set_credentials = {
    "set-credentials", NULL, NULL, "Set a user entry in kubeconfig", run_set_credentials};

static int delete_entry(struct kubectl *k, const char *section, int argc, char **argv, struct error *err)
{
	const char *name, *what = config_member(section);
	struct json *config;
	if (one_name(k, "kubectl config delete-context|delete-cluster|delete-user NAME", NULL, argc, argv,
		&name, &config, err))
		return -1;
	struct json *list = json_get(config, section), *found = tree_find(list, "name", name);
	if (!found)
		return error_set(
		    err, ERR_PARSE, "cannot delete %s %s, not in %s", what, name, config_path(k));
	for (size_t i = 0; i < list->len; i++)
		if (list->items[i] == found)
			json_array_remove(list, i);
	if (str_eq(what, "context") && str_eq(name, json_get_string(config, "current-context", "")))
		fprintf(stderr, "warning: this removed your active context, use \"kubectl config "
				"use-context\" to select a different one\n");
	if (config_save(k, config, err))
		return -1;
	printf("deleted %s %s from %s\n", what, name, config_path(k));
	return 0;
}

static int run_delete_context(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return delete_entry(k, "contexts", argc, argv, err);
}

static int run_delete_cluster(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return delete_entry(k, "clusters", argc, argv, err);
}

static int run_delete_user(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return delete_entry(k, "users", argc, argv, err);
}

const struct command config_delete_context = {
    "delete-context", NULL, NULL, "Delete the specified context from the kubeconfig", run_delete_context};
const struct command config_delete_cluster = {
    "delete-cluster", NULL, NULL, "Delete the specified cluster from the kubeconfig", run_delete_cluster};
const struct command config_delete_user = {
    "delete-user", NULL, NULL, "Delete the specified user from the kubeconfig", run_delete_user};

static int run_rename_context(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct args args;
	struct json *config;
	if (kubectl_parse(
		k, "kubectl config rename-context CONTEXT_NAME NEW_NAME", NULL, argc, argv, &args, err) ||
	    config_load(k, &config, err))
		return -1;
	if (args.len != 2)
		return error_set(err, ERR_PARSE,
		    "unexpected args: %s\nSee 'kubectl config rename-context -h' for help and examples",
		    args.len ? args.items[0] : "[]");
	struct json *found = tree_find(json_get(config, "contexts"), "name", args.items[0]);
	if (!found)
		return error_set(err, ERR_PARSE, "cannot rename the context \"%s\", it's not in %s",
		    args.items[0], config_path(k));
	if (config_entry(config, "contexts", args.items[1]))
		return error_set(err, ERR_PARSE,
		    "cannot rename the context \"%s\", the context \"%s\" already exists in %s",
		    args.items[0], args.items[1], config_path(k));
	tree_set_text(k->arena, found, "name", args.items[1]);
	if (str_eq(json_get_string(config, "current-context", ""), args.items[0]))
		tree_set_text(k->arena, config, "current-context", args.items[1]);
	if (config_save(k, config, err))
		return -1;
	printf("Context \"%s\" renamed to \"%s\".\n", args.items[0], args.items[1]);
	return 0;
}

const struct command config_rename_context = {
    "rename-context", NULL, NULL, "Rename a context from the kubeconfig file", run_rename_context};

/* clusters.NAME.server, contexts.NAME.namespace, users.NAME.token, current-context. Names may hold dots. */
static struct json *property_owner(
    struct kubectl *k, struct json *config, const char *path, const char **ret_key)
{
	const char *first = strchr(path, '.'), *last = strrchr(path, '.');
	bool made;
	if (!first) {
		*ret_key = path;
		return config;
	}
	const char *section = arena_strndup(k->arena, path, (size_t)(first - path));
	if (first == last || !json_get(config, section) || json_get(config, section)->type != JSON_ARRAY)
		return NULL;
	*ret_key = last + 1;
	return config_entry_make(
	    k, config, section, arena_strndup(k->arena, first + 1, (size_t)(last - first - 1)), &made);
}

static int change_property(struct kubectl *k, bool sets, int argc, char **argv, struct error *err)
{
	struct args args;
	struct json *config;
	bool raw = false;
	const struct flag flags[] = {
	    {"set-raw-bytes", 0, FLAG_BOOL, &raw, "The value is no base64"}, FLAG_END};
	if (kubectl_parse(k, "kubectl config set|unset PROPERTY_NAME [PROPERTY_VALUE]", flags, argc, argv,
		&args, err) ||
	    config_load(k, &config, err))
		return -1;
	if (args.len != (sets ? 2 : 1))
		return error_set(
		    err, ERR_PARSE, "unexpected args\nSee '%s -h' for help and examples", k->command_path);
	const char *key, *first = strchr(args.items[0], '.');
	/* `unset users.NAME` removes a whole entry. */
	if (!sets && first && !strchr(first + 1, '.')) {
		const char *section = arena_strndup(k->arena, args.items[0], (size_t)(first - args.items[0]));
		struct json *list = json_get(config, section);
		for (size_t i = 0; i < tree_len(list); i++)
			if (str_eq(json_get_string(list->items[i], "name", ""), first + 1))
				json_array_remove(list, i--);
	} else {
		struct json *owner = property_owner(k, config, args.items[0], &key);
		if (!owner)
			return error_set(err, ERR_PARSE, "unable to locate path %s", args.items[0]);
		if (sets && (str_eq(args.items[1], "true") || str_eq(args.items[1], "false")))
			json_set(k->arena, owner, key, json_new_bool(k->arena, args.items[1][0] == 't'));
		else if (sets)
			json_set(k->arena, owner, key, json_new_string(k->arena, args.items[1]));
		else
			json_remove(owner, key);
	}
	if (config_save(k, config, err))
		return -1;
	printf("Property \"%s\" %s.\n", args.items[0], sets ? "set" : "unset");
	return 0;
}

static int run_set(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return change_property(k, true, argc, argv, err);
}

static int run_unset(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return change_property(k, false, argc, argv, err);
}

const struct command config_set = {
    "set", NULL, NULL, "Set an individual value in a kubeconfig file", run_set};
const struct command config_unset = {
    "unset", NULL, NULL, "Unset an individual value in a kubeconfig file", run_unset};
