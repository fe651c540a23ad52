#include <stdio.h>

#include "cube/command.h"
#include "lib/base/arena.h"

int cmd_ip(int argc, char **argv)
{
	const char *data_dir = CLUSTER_DEFAULT_DATA_DIR, **args;
	const struct flag flags[] = {FLAG_DATA_DIR(data_dir), FLAG_END};
	struct arena *arena = arena_new();
	struct cluster cluster;
	size_t len;
	int rc = command_parse("ip", flags, argc, argv, &args, &len, NULL);

	if (rc == 0) {
		rc = command_open(arena, data_dir, true, &cluster);
		if (rc == 0)
			printf("%s\n", cluster.node_ip);
	} else {
		rc = rc < 0 ? EXIT_USAGE : 0;
	}
	arena_free(arena);
	return rc;
}
