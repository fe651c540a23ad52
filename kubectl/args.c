/* args: command lines: the global flags, finding a subcommand, and the configuration that they give. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kubectl/kubectl.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"

enum { GLOBAL_FLAGS_MAX = 40, FLAGS_MAX = 160 };

static void global_flags(struct globals *g, struct flag out[GLOBAL_FLAGS_MAX])
{
	const struct flag flags[] = {
	    {"kubeconfig", 0, FLAG_STRING, &g->kubeconfig, "Path to the kubeconfig file"},
	    {"context", 0, FLAG_STRING, &g->context, "The kubeconfig context to use"},
	    {"cluster", 0, FLAG_STRING, &g->cluster, "The kubeconfig cluster to use"},
	    {"user", 0, FLAG_STRING, &g->user, "The kubeconfig user to use"},
	    {"namespace", 'n', FLAG_STRING, &g->ns, "The namespace scope of this request", NULL, &g->ns_set},
	    {"server", 's', FLAG_STRING, &g->server, "The address and port of the API server"},
	    {"token", 0, FLAG_STRING, &g->token, "Bearer token for the API server"},
	    {"username", 0, FLAG_STRING, &g->username, "User name for basic authentication"},
	    {"password", 0, FLAG_STRING, &g->password, "Password for basic authentication"},
	    {"as", 0, FLAG_STRING, &g->as, "User to impersonate"},
	    {"as-group", 0, FLAG_ARRAY, &g->as_groups, "Group to impersonate; may repeat"},
	    {"as-uid", 0, FLAG_STRING, &g->ignored, "UID to impersonate (not sent)"},
	    {"insecure-skip-tls-verify", 0, FLAG_BOOL, &g->insecure, "Do not check the server's certificate",
		NULL, &g->insecure_set},
	    {"tls-server-name", 0, FLAG_STRING, &g->tls_server_name,
		"Name to check the server's certificate for"},
	    {"certificate-authority", 0, FLAG_STRING, &g->ca_file, "File of the certificate authority"},
	    {"client-key", 0, FLAG_STRING, &g->key_file, "File of the client's key"},
	    {"client-certificate", 0, FLAG_STRING, &g->cert_file, "File of the client's certificate"},
	    {"request-timeout", 0, FLAG_STRING, &g->request_timeout,
		"Time to wait for one request, 0 for no limit"},
	    {"v", 'v', FLAG_INT, &g->verbosity, "Verbosity"},
	    {"vmodule", 0, FLAG_STRING, &g->ignored, "Accepted and ignored"},
	    {"cache-dir", 0, FLAG_STRING, &g->ignored, "Accepted and ignored: nothing is cached on disk"},
	    {"profile", 0, FLAG_STRING, &g->ignored, "Accepted and ignored"},
	    {"profile-output", 0, FLAG_STRING, &g->ignored, "Accepted and ignored"},
	    {"kuberc", 0, FLAG_STRING, &g->ignored, "Accepted and ignored"},
	    {"disable-compression", 0, FLAG_BOOL, &g->match_server_version, "Accepted and ignored"},
	    {"match-server-version", 0, FLAG_BOOL, &g->match_server_version, "Accepted and ignored"},
	    {"warnings-as-errors", 0, FLAG_BOOL, &g->warnings_as_errors,
		"Exit with an error after a warning"},
	    {"help", 'h', FLAG_BOOL, &g->help, "Help for this command"},
	};
	memcpy(out, flags, sizeof(flags));
	out[sizeof(flags) / sizeof(*flags)] = (struct flag){NULL};
}

static int usage_error(struct kubectl *k, struct error *err)
{
	char message[sizeof(err->message)];
	snprintf(message, sizeof(message), "%s", err->message);
	error_clear(err);
	return error_set(err, ERR_PARSE, "%s\nSee '%s --help' for usage.", message, k->command_path);
}

/* Lists of flags live on the heap; what verbs keep lives in the arena. */
static void move_lists(struct kubectl *k, const struct flag *flags)
{
	for (; flags->name; flags++) {
		struct flag_list *list = flags->value;
		if ((flags->kind != FLAG_LIST && flags->kind != FLAG_ARRAY) || !list->len)
			continue;
		const struct flag one[] = {*flags, {NULL}};
		struct flag_list copy = {ARENA_ARRAY(k->arena, const char *, list->len), list->len};
		for (size_t i = 0; i < list->len; i++)
			copy.items[i] = arena_strdup(k->arena, list->items[i]);
		flags_done(one);
		*list = copy;
	}
}

int kubectl_parse(struct kubectl *k, const char *usage, const struct flag *flags, int argc, char **argv,
    struct args *ret, struct error *err)
{
	struct flag global[GLOBAL_FLAGS_MAX];
	struct flag *all = ARENA_ARRAY(k->arena, struct flag, FLAGS_MAX + GLOBAL_FLAGS_MAX);
	size_t len = 0;
	global_flags(&k->globals, global);
	for (; flags && flags->name && len < FLAGS_MAX; flags++)
		all[len++] = *flags;
	size_t own = len;
	for (const struct flag *g = global; g->name; g++) {
		bool shadowed =
		    false; /* `config set-cluster --server`, `logs --user`: the verb's meaning wins */
		for (size_t i = 0; i < own; i++)
			shadowed = shadowed || strcmp(all[i].name, g->name) == 0;
		if (!shadowed)
			all[len++] = *g;
		for (size_t i = 0; i < own; i++)
			if (!shadowed && g->shorthand && all[i].shorthand == g->shorthand)
				all[len - 1].shorthand = 0;
	}
	const char **items = NULL;
	k->globals.as_groups = (struct flag_list){0}; /* `create` parses twice */
	if (flags_parse(all, argc, argv, &items, &ret->len, &ret->dash, err)) {
		flags_done(all);
		return usage_error(k, err);
	}
	move_lists(k, all);
	ret->items = ARENA_ARRAY(k->arena, const char *, ret->len + 1);
	memcpy(ret->items, items, ret->len * sizeof(*items));
	free(items);
	if (k->globals.help) {
		all[own] = (struct flag){NULL};
		char *text = arena_printf(k->arena, "Usage:\n  %s", usage);
		flags_print_help(all, text);
		printf("\nUse \"kubectl options\" for a list of global command-line options (applies to all "
		       "commands).\n");
		exit(0);
	}
	return 0;
}

void kubectl_print_global_flags(struct kubectl *k)
{
	struct flag global[GLOBAL_FLAGS_MAX];
	global_flags(&k->globals, global);
	flags_print_help(global, "");
}

/* Index in argv of the first word that is no global flag and no value of one; argc when there is none. */
static int find_word(struct kubectl *k, int argc, char **argv)
{
	struct flag global[GLOBAL_FLAGS_MAX];
	global_flags(&k->globals, global);
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];
		if (arg[0] != '-')
			return i;
		if (strchr(arg, '='))
			continue;
		for (const struct flag *g = global; g->name; g++) {
			bool is_long = arg[1] == '-' && strcmp(arg + 2, g->name) == 0;
			bool is_short = arg[1] == g->shorthand && g->shorthand && !arg[2];
			if ((is_long || is_short) && g->kind != FLAG_BOOL)
				i++;
		}
	}
	return argc;
}

static bool command_matches(const struct command *c, const char *word)
{
	if (strcmp(c->name, word) == 0)
		return true;
	size_t len = strlen(word);
	for (const char *p = c->aliases; p && *p;) {
		size_t n = strcspn(p, ",");
		if (n == len && strncmp(p, word, n) == 0)
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

static int unknown_command(
    struct kubectl *k, const struct command *const *commands, const char *word, struct error *err)
{
	const char *names[128];
	size_t len = 0;
	for (; commands[len] && len < 127; len++)
		names[len] = commands[len]->name;
	names[len] = NULL;
	const char *nearest = str_nearest(word, names);
	for (size_t i = 0; i < len && !nearest; i++)
		if (str_has_prefix(names[i], word))
			nearest = names[i];
	if (nearest)
		return error_set(err, ERR_PARSE,
		    "unknown command \"%s\" for \"%s\"\n\nDid you mean this?\n\t%s\n", word, k->command_path,
		    nearest);
	return error_set(err, ERR_PARSE, "unknown command \"%s\" for \"%s\"", word, k->command_path);
}

static void print_subcommands(struct kubectl *k, const struct command *const *commands, const char *usage)
{
	printf("%s\n\nAvailable Commands:\n", str_or(usage, ""));
	for (; *commands; commands++)
		printf("  %-15s %s\n", (*commands)->name, (*commands)->summary);
	printf("\nUsage:\n  %s [command]\n", k->command_path);
}

int kubectl_dispatch(struct kubectl *k, const struct command *const *commands, const char *usage, int argc,
    char **argv, struct error *err)
{
	int at = find_word(k, argc, argv);
	if (at == argc) {
		if (!usage) { /* flags only: say which is wrong, or help */
			struct args ignored;
			return kubectl_parse(k, "kubectl [flags] [options]", NULL, argc, argv, &ignored, err);
		}
		print_subcommands(k, commands, usage);
		return 0;
	}
	const char *word = argv[at];
	const struct command *command = NULL;
	for (size_t i = 0; commands[i] && !command; i++)
		if (command_matches(commands[i], word))
			command = commands[i];
	if (!command)
		return unknown_command(k, commands, word, err);
	size_t used = strlen(k->command_path);
	snprintf(k->command_path + used, sizeof(k->command_path) - used, " %s", command->name);
	/* The word moves to the front, so that the verb sees itself as argv[0]. */
	char **rest = ARENA_ARRAY(k->arena, char *, (size_t)argc + 1);
	int n = 0;
	rest[n++] = argv[at];
	for (int i = 1; i < argc; i++)
		if (i != at)
			rest[n++] = argv[i];
	return command->run(k, n, rest, err);
}

static void override(struct rest_config *c, const struct globals *g, struct arena *arena)
{
	if (!str_empty(g->server))
		c->server =
		    strstr(g->server, "://") ? g->server : arena_printf(arena, "http://%s", g->server);
	if (!str_empty(g->token)) {
		c->token = g->token;
		c->token_file = NULL;
	}
	if (!str_empty(g->username))
		c->username = g->username;
	if (!str_empty(g->password))
		c->password = g->password;
	if (!str_empty(g->as))
		c->as_user = g->as;
	if (!str_empty(g->ca_file)) {
		c->tls.ca_file = g->ca_file;
		c->tls.ca_data = NULL;
	}
	if (!str_empty(g->cert_file)) {
		c->tls.cert_file = g->cert_file;
		c->tls.cert_data = NULL;
	}
	if (!str_empty(g->key_file)) {
		c->tls.key_file = g->key_file;
		c->tls.key_data = NULL;
	}
	if (!str_empty(g->tls_server_name))
		c->tls.server_name = g->tls_server_name;
	if (g->insecure_set) {
		c->tls.insecure = g->insecure;
		if (g->insecure)
			c->tls.ca_file = c->tls.ca_data = NULL;
	}
}

int kubectl_config(struct kubectl *k, struct error *err)
{
	const struct globals *g = &k->globals;
	if (k->has_config)
		return 0;
	if (kubeconfig_load(k->arena, g->kubeconfig, g->context, g->cluster, g->user, &k->config, err)) {
		err->code = ERR_PARSE; /* never a server's answer */
		return -1;
	}
	override(&k->config, g, k->arena);
	if (g->as_groups.len) {
		const char **list = ARENA_ARRAY(k->arena, const char *, g->as_groups.len + 1);
		memcpy(list, g->as_groups.items, g->as_groups.len * sizeof(*list));
		k->config.as_groups = list;
	}
	k->config.user_agent = "kubectl/v1.32.0+cube (linux/amd64)";
	k->has_config = true;
	return 0;
}

int kubectl_connect(struct kubectl *k, struct error *err)
{
	if (k->rest)
		return 0;
	if (kubectl_config(k, err))
		return -1;
	k->loop = loop_new(NULL);
	k->rest = rest_client_new(k->loop, &k->config, err);
	if (!k->rest)
		err->code = ERR_PARSE;
	return k->rest ? 0 : -1;
}

const char *kubectl_namespace(struct kubectl *k)
{
	struct error ignored = ERROR_INIT;
	if (!str_empty(k->globals.ns))
		return k->globals.ns;
	if (kubectl_config(k, &ignored))
		return "default";
	return str_or(k->config.ns, "default");
}

int64_t kubectl_now_s(void)
{
	return (int64_t)time(NULL);
}
