/* cube: the launcher. Each command is one file, cmd_NAME.c; commands.def lists them. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cube/command.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/kubeconfig.h"

struct command {
	const char *name, *arguments, *help;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
#define COMMAND(name, arguments, help) {#name, arguments, help, cmd_##name},
#include "cube/commands.def"
#undef COMMAND
};
enum { COMMANDS_LEN = sizeof commands / sizeof commands[0] };

static void print_usage(FILE *to)
{
	fprintf(to, "Cube: Kubernetes in C.\n\nUsage: cube COMMAND [flags]\n\n");
	for (size_t i = 0; i < COMMANDS_LEN; i++) {
		if (commands[i].help)
			fprintf(to, "  %-8s %-32s %s\n", commands[i].name, commands[i].arguments,
			    commands[i].help);
	}
	fprintf(to, "\n`cube COMMAND --help` lists a command's flags.\n");
}

int main(int argc, char **argv)
{
	const char *names[COMMANDS_LEN + 1] = {NULL}, *near;

	log_init("cube", LOG_INFO);
	if (argc < 2 || str_eq(argv[1], "--help") || str_eq(argv[1], "-h") || str_eq(argv[1], "help")) {
		print_usage(argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_USAGE : 0;
	}
	for (size_t i = 0; i < COMMANDS_LEN; i++) {
		names[i] = commands[i].name;
		if (str_eq(argv[1], commands[i].name) ||
		    (str_eq(argv[1], "--version") && str_eq(commands[i].name, "version")))
			return commands[i].run(argc - 1, argv + 1);
	}
	near = str_nearest(argv[1], names);
	fprintf(stderr, "cube: unknown command \"%s\"%s%s%s; `cube --help` lists them\n", argv[1],
	    near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	return EXIT_USAGE;
}

int command_parse(const char *name, const struct flag *flags, int argc, char **argv, const char ***ret_args,
    size_t *ret_len, int *ret_dash)
{
	struct error err = ERROR_INIT;

	for (int i = 1; i < argc && !str_eq(argv[i], "--"); i++) {
		if (str_eq(argv[i], "--help") || str_eq(argv[i], "-h")) {
			for (size_t k = 0; k < COMMANDS_LEN; k++) {
				if (str_eq(commands[k].name, name)) {
					char usage[256];

					snprintf(
					    usage, sizeof usage, "cube %s %s", name, commands[k].arguments);
					flags_print_help(flags, usage);
				}
			}
			return 1;
		}
	}
	if (flags_parse(flags, argc, argv, ret_args, ret_len, ret_dash, &err) < 0) {
		fprintf(stderr, "cube %s: %s\n", name, err.message);
		return -1;
	}
	return 0;
}

int command_open(struct arena *arena, const char *data_dir, bool must_exist, struct cluster *ret)
{
	struct error err = ERROR_INIT;

	if (cluster_load(arena, data_dir, ret, &err) < 0)
		return command_fail(&err);
	if (must_exist && !cluster_exists(ret)) {
		fprintf(stderr, "cube: there is no cluster under %s%s; `cube start` makes one\n", data_dir,
		    access(data_dir, X_OK) < 0 && geteuid() != 0 ? " that you may read (try sudo)" : "");
		return 1;
	}
	return 0;
}

int command_fail(const struct error *err)
{
	fprintf(stderr, "cube: %s\n", err->message);
	return 1;
}

const char *command_kubeconfig(struct arena *arena)
{
	const char *sudo_user = getenv("SUDO_USER"), *given = getenv("KUBECONFIG");
	struct passwd *user =
	    !str_empty(sudo_user) && geteuid() == 0 && str_empty(given) ? getpwnam(sudo_user) : NULL;

	if (user && user->pw_uid != 0)
		return arena_printf(arena, "%s/.kube/config", user->pw_dir);
	return kubeconfig_default_path(arena);
}
