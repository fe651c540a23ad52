#include "cube/keeper.h"

#include "cube/command.h"
#include "lib/base/arena.h"

int keeper_run(int argc, char **argv, const char *name, int (*body)(struct cluster *cluster))
{
	const char *data_dir = CLUSTER_DEFAULT_DATA_DIR, **args;
	const struct flag flags[] = {FLAG_DATA_DIR(data_dir), FLAG_END};
	struct arena *arena = arena_new();
	struct cluster cluster;
	size_t len;
	int rc = command_parse(name, flags, argc, argv, &args, &len, NULL)
		     ? EXIT_USAGE
		     : command_open(arena, data_dir, true, &cluster);

	if (rc == 0)
		rc = body(&cluster);
	arena_free(arena);
	return rc;
}
