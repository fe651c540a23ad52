/* main: finds the verb and runs it. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubectl/kubectl.h"
#include "lib/base/log.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

static const struct command *const commands[] = {
#define COMMAND(name) &command_##name,
#include "kubectl/commands.def"
#undef COMMAND
    NULL};

static const char *const groups[] = {"Basic Commands (Beginner):", "Basic Commands (Intermediate):",
    "Deploy Commands:", "Cluster Management Commands:", "Troubleshooting and Debugging Commands:",
    "Advanced Commands:", "Settings Commands:", "Other Commands:"};

static void print_usage(void)
{
	printf("kubectl controls the Kubernetes cluster manager.\n");
	for (size_t g = 0; g < sizeof(groups) / sizeof(*groups); g++) {
		printf("\n%s\n", groups[g]);
		for (size_t i = 0; commands[i]; i++)
			if (str_eq(commands[i]->group, groups[g]))
				printf("  %-15s %s\n", commands[i]->name, commands[i]->summary);
	}
	printf("\nUsage:\n  kubectl [flags] [options]\n\n"
	       "Use \"kubectl <command> --help\" for more information about a given command.\n");
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	struct kubectl k = {.arena = arena_new()};
	log_init("kubectl", LOG_WARNING);
	resources_init();
	snprintf(k.command_path, sizeof(k.command_path), "kubectl");
	int code;
	if (argc < 2 ||
	    (argc == 2 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-h") || str_eq(argv[1], "help")))) {
		print_usage();
		code = 0;
	} else if (kubectl_dispatch(&k, commands, NULL, argc, argv, &err)) {
		fflush(stdout);
		code = report_error(&k, &err);
		if (k.exit_code)
			code = k.exit_code;
	} else {
		code = k.exit_code;
	}
	if (fflush(stdout) && !code)
		code = 1;
	rest_client_free(k.rest);
	if (k.loop)
		loop_free(k.loop);
	arena_free(k.arena);
	return code;
}
