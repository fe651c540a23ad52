/* kubectl version: of the client and of the server. */
#include <stdio.h>

#include "kubectl/kubectl.h"
#include "kubectl/session.h"
#include "kubectl/tree.h"
#include "lib/api/yaml.h"

#define CLIENT_VERSION "v1.32.0+cube"
#define KUSTOMIZE_VERSION "v5.5.0"

static struct json *client_version(struct arena *arena)
{
	static const char *const pairs[][2] = {{"major", "1"}, {"minor", "32"},
	    {"gitVersion", CLIENT_VERSION}, {"gitCommit", ""}, {"gitTreeState", ""}, {"buildDate", ""},
	    {"goVersion", ""}, {"compiler", "gcc"}, {"platform", "linux/amd64"}};
	struct json *v = json_new_object(arena);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		tree_set_text(arena, v, pairs[i][0], pairs[i][1]);
	return v;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	const char *output = "";
	bool client = false, ignored = false;
	const struct flag flags[] = {{"output", 'o', FLAG_STRING, &output, "json or yaml"},
	    {"client", 0, FLAG_BOOL, &client, "The client's version only"},
	    {"short", 0, FLAG_BOOL, &ignored, "Accepted and ignored"}, FLAG_END};
	struct args args;
	struct json *server = NULL, *all;
	struct error no_server = ERROR_INIT;
	if (kubectl_parse(k, "kubectl version [flags]", flags, argc, argv, &args, err))
		return -1;
	if (args.len)
		return error_set(err, ERR_PARSE, "extra arguments: [%s]", args.items[0]);
	if (*output && !str_eq(output, "json") && !str_eq(output, "yaml"))
		return error_set(err, ERR_PARSE, "--output must be 'yaml' or 'json'");
	if (!client)
		session_get(k, "/version", &server, &no_server);
	all = json_new_object(k->arena);
	json_set(k->arena, all, "clientVersion", client_version(k->arena));
	tree_set_text(k->arena, all, "kustomizeVersion", KUSTOMIZE_VERSION);
	if (server)
		json_set(k->arena, all, "serverVersion", server);
	struct buf out = BUF_INIT;
	if (str_eq(output, "json")) {
		json_write(&out, all, 2);
		buf_putc(&out, '\n');
	} else if (str_eq(output, "yaml")) {
		yaml_write(&out, all);
	} else {
		buf_printf(
		    &out, "Client Version: %s\nKustomize Version: %s\n", CLIENT_VERSION, KUSTOMIZE_VERSION);
		if (server)
			buf_printf(&out, "Server Version: %s\n", json_get_string(server, "gitVersion", ""));
	}
	fputs(buf_str(&out), stdout);
	buf_done(&out);
	if (no_server.code) {
		*err = no_server;
		return -1;
	}
	return 0;
}

const struct command command_version = {
    "version", NULL, "Other Commands:", "Print the client and server version information", run};
