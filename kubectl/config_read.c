/* kubectl config: the subcommands that only read. */
#include <stdio.h>
#include <string.h>

#include "kubectl/config.h"
#include "kubectl/printers/printer.h"
#include "kubectl/printers/tabwriter.h"
#include "kubectl/tree.h"

static void hide(struct kubectl *k, struct json *entry, const char *key, const char *with)
{
	const struct json *value = json_get(entry, key);
	if (value && value->type == JSON_STRING && *value->text)
		json_set(k->arena, entry, key, json_new_string(k->arena, with));
}

static void redact(struct kubectl *k, struct json *config)
{
	tree_for_each(json_get(config, "clusters"), c)
	    hide(k, json_get(c, "cluster"), "certificate-authority-data", "DATA+OMITTED");
	tree_for_each(json_get(config, "users"), u)
	{
		struct json *user = json_get(u, "user");
		hide(k, user, "client-certificate-data", "DATA+OMITTED");
		hide(k, user, "client-key-data", "DATA+OMITTED");
		hide(k, user, "token", "REDACTED");
		hide(k, user, "password", "REDACTED");
	}
}

static void keep_only(struct kubectl *k, struct json *config, const char *section, const char *name)
{
	struct json *found = tree_find(json_get(config, section), "name", name),
		    *list = json_new_array(k->arena);
	if (found)
		json_push(k->arena, list, found);
	json_set(k->arena, config, section, list);
}

static int minify(struct kubectl *k, struct json *config, struct error *err)
{
	const char *name = str_or(k->globals.context, json_get_string(config, "current-context", ""));
	const struct json *context = config_entry(config, "contexts", name);
	if (!*name)
		return error_set(err, ERR_PARSE, "current-context must exist in order to minify");
	if (!context)
		return error_set(err, ERR_PARSE, "cannot locate context %s", name);
	tree_set_text(k->arena, config, "current-context", name);
	keep_only(k, config, "clusters", json_get_string(context, "cluster", ""));
	keep_only(k, config, "users", json_get_string(context, "user", ""));
	keep_only(k, config, "contexts", name);
	return 0;
}

static int run_view(struct kubectl *k, int argc, char **argv, struct error *err)
{
	const char *output = "yaml", *template_text = NULL;
	bool raw = false, small = false, flatten = false, merge = true;
	const struct flag flags[] = {{"output", 'o', FLAG_STRING, &output, "yaml, json, jsonpath="},
	    {"template", 0, FLAG_STRING, &template_text, "Template for -o"},
	    {"raw", 0, FLAG_BOOL, &raw, "With keys and tokens"},
	    {"minify", 0, FLAG_BOOL, &small, "Only what the current context uses"},
	    {"flatten", 0, FLAG_BOOL, &flatten, "Accepted and ignored"},
	    {"merge", 0, FLAG_BOOL, &merge, "Accepted and ignored"}, FLAG_END};
	struct args args;
	struct json *config;
	struct printer *printer;
	if (kubectl_parse(k, "kubectl config view [flags]", flags, argc, argv, &args, err) ||
	    printer_parse(k, output, template_text, &printer, err) || config_load(k, &config, err))
		return -1;
	static const char *const sections[] = {"clusters", "contexts", "users"};
	if (small && minify(k, config, err))
		return -1;
	if (!raw && !flatten)
		redact(k, config);
	for (size_t i = 0; i < 3; i++) /* as Go prints a nil list */
		if (!tree_len(json_get(config, sections[i])))
			json_set(k->arena, config, sections[i], json_new_null(k->arena));
	return printer_print(k, printer, NULL, config, err);
}

const struct command config_view = {
    "view", NULL, NULL, "Display merged kubeconfig settings or a specified kubeconfig file", run_view};

static int run_get_contexts(struct kubectl *k, int argc, char **argv, struct error *err)
{
	const char *output = "";
	bool no_headers = false;
	const struct flag flags[] = {{"output", 'o', FLAG_STRING, &output, "name"},
	    {"no-headers", 0, FLAG_BOOL, &no_headers, "No header line"}, FLAG_END};
	struct args args;
	struct json *config;
	struct buf text = BUF_INIT, out = BUF_INIT;
	if (kubectl_parse(
		k, "kubectl config get-contexts [(-o|--output=)name)]", flags, argc, argv, &args, err) ||
	    config_load(k, &config, err))
		return -1;
	if (*output && !str_eq(output, "name"))
		return error_set(err, ERR_PARSE, "output must be one of '' or 'name': %s", output);
	bool names = *output;
	if (!names && !no_headers)
		buf_puts(&text, "CURRENT\tNAME\tCLUSTER\tAUTHINFO\tNAMESPACE\n");
	for (size_t i = 0; i < args.len; i++)
		if (!config_entry(config, "contexts", args.items[i])) {
			buf_done(&text);
			return error_set(err, ERR_PARSE, "context %s not found", args.items[i]);
		}
	tree_for_each(json_get(config, "contexts"), item)
	{
		const char *name = json_get_string(item, "name", "");
		const struct json *context = json_get(item, "context");
		if (args.len && !str_in(name, args.items))
			continue;
		if (names)
			buf_printf(&text, "%s\n", name);
		else
			buf_printf(&text, "%s\t%s\t%s\t%s\t%s\n",
			    str_eq(name, json_get_string(config, "current-context", "")) ? "*" : "", name,
			    json_get_string(context, "cluster", ""), json_get_string(context, "user", ""),
			    json_get_string(context, "namespace", ""));
	}
	tabwriter_format(&out, buf_str(&text), 6, 3, NULL);
	fputs(buf_str(&out), stdout);
	buf_done(&text);
	buf_done(&out);
	return 0;
}

const struct command config_get_contexts = {
    "get-contexts", NULL, NULL, "Describe one or many contexts", run_get_contexts};

static int print_names(struct kubectl *k, const char *section, int argc, char **argv, struct error *err)
{
	struct args args;
	struct json *config;
	if (kubectl_parse(k, "kubectl config get-clusters|get-users", NULL, argc, argv, &args, err) ||
	    config_load(k, &config, err))
		return -1;
	printf("NAME\n");
	tree_for_each(json_get(config, section), item) printf("%s\n", json_get_string(item, "name", ""));
	return 0;
}

static int run_get_clusters(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return print_names(k, "clusters", argc, argv, err);
}

static int run_get_users(struct kubectl *k, int argc, char **argv, struct error *err)
{
	return print_names(k, "users", argc, argv, err);
}

const struct command config_get_clusters = {
    "get-clusters", NULL, NULL, "Display clusters defined in the kubeconfig", run_get_clusters};
const struct command config_get_users = {
    "get-users", NULL, NULL, "Display users defined in the kubeconfig", run_get_users};

static int run_current_context(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct args args;
	struct json *config;
	if (kubectl_parse(k, "kubectl config current-context", NULL, argc, argv, &args, err) ||
	    config_load(k, &config, err))
		return -1;
	const char *name = json_get_string(config, "current-context", "");
	if (!*name)
		return error_set(err, ERR_PARSE, "current-context is not set");
	printf("%s\n", name);
	return 0;
}

const struct command config_current_context = {
    "current-context", NULL, NULL, "Display the current-context", run_current_context};
