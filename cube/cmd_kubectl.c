#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cube/command.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

/* Everything behind the command is kubectl's, with or without `--`; only a leading --data-dir is ours. */
int cmd_kubectl(int argc, char **argv)
{
	const char *data_dir = CLUSTER_DEFAULT_DATA_DIR, *program;
	struct arena *arena = arena_new();
	struct cluster cluster;
	const char **args;
	size_t n = 0;
	int i = 1;

	if (argc > 2 && str_eq(argv[1], "--data-dir")) {
		data_dir = argv[2];
		i = 3;
	} else if (argc > 1 && str_has_prefix(argv[1], "--data-dir=")) {
		data_dir = argv[1] + strlen("--data-dir=");
		i = 2;
	}
	if (i < argc && str_eq(argv[i], "--"))
		i++;
	if (command_open(arena, data_dir, true, &cluster) != 0)
		return 1;
	args = arena_calloc(arena, (size_t)argc + 4, sizeof *args);
	program = arena_printf(arena, "%s/kubectl", cluster.bin_dir);
	args[n++] = program;
	args[n++] = "--kubeconfig";
	args[n++] = cluster_path(&cluster, "kubeconfig/admin.conf");
	for (; i < argc; i++)
		args[n++] = argv[i];
	execv(program, (char *const *)args);
	fprintf(stderr, "cube: %s: %s\n", program, strerror(errno));
	return 127;
}
