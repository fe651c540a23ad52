/* command: what every cmd_NAME.c implements, and what they share. */
#ifndef CUBE_CUBE_COMMAND_H
#define CUBE_CUBE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "cube/cluster.h"
#include "lib/base/flags.h"

struct error;

/* argv[0] is the command's name. Returns the exit status: 0 done, 1 failed, 2 called the wrong way. */
#define COMMAND(name, ...) int cmd_##name(int argc, char **argv);
#include "cube/commands.def"
#undef COMMAND

#define EXIT_USAGE 2
#define FLAG_DATA_DIR(variable)                                                                              \
	{                                                                                                    \
		"data-dir", 0, FLAG_STRING, &(variable), "Where the cluster keeps everything", NULL, NULL    \
	}
#define FLAG_END                                                                                             \
	{                                                                                                    \
		NULL, 0, FLAG_STRING, NULL, NULL, NULL, NULL                                                 \
	}

/* Parses flags; prints the problem and returns -1 when they are wrong, or 1 when help was asked for and
 * given. */
int command_parse(const char *name, const struct flag *flags, int argc, char **argv, const char ***ret_args,
    size_t *ret_len, int *ret_dash);
/* Opens the cluster, or prints why not. With must_exist, no cluster.json is an error. */
int command_open(struct arena *arena, const char *data_dir, bool must_exist, struct cluster *ret);
/* Prints "cube: message" and returns 1. */
int command_fail(const struct error *err);
/* The user's kubeconfig file: $KUBECONFIG or ~/.kube/config; under sudo that of the user who called sudo. */
const char *command_kubeconfig(struct arena *arena);

#endif
