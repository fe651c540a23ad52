#include <stdio.h>
#include <unistd.h>

#include "cube/command.h"
#include "cube/host.h"
#include "cube/phases.h"
#include "cube/supervisor.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

int cmd_stop(int argc, char **argv)
{
	enum { STOP_TIMEOUT_MS = 90000, PODS_GRACE_MS = 10000 };
	const char *data_dir = CLUSTER_DEFAULT_DATA_DIR, **args;
	bool quiet = false;
	const struct flag flags[] = {FLAG_DATA_DIR(data_dir),
	    {"quiet", 'q', FLAG_BOOL, &quiet, "Print nothing but errors", NULL, NULL}, FLAG_END};
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct phases phases;
	struct cluster cluster;
	size_t len;
	int rc = command_parse("stop", flags, argc, argv, &args, &len, NULL);

	if (rc)
		return rc < 0 ? EXIT_USAGE : 0;
	if (geteuid() != 0) {
		fprintf(stderr, "cube: cube stop needs root: run it with sudo\n");
		return 1;
	}
	if (command_open(arena, data_dir, true, &cluster) != 0)
		return 1;
	phases_begin(&phases, quiet);
	if (supervisor_stop(&cluster, STOP_TIMEOUT_MS, &err) < 0)
		fprintf(stderr, "cube: %s\n", err.message); /* what is left is ended below */
	phases_step(&phases, "pods and processes stopped");
	supervisor_kill_all(&cluster);
	err = ERROR_INIT;
	if (host_stop_pods(&cluster, PODS_GRACE_MS, &err) < 0 || host_release_namespace(&cluster, &err) < 0)
		return command_fail(&err);
	phases_end(&phases, "stopped; `cube start` brings it back");
	arena_free(arena);
	return 0;
}
