#include <stdio.h>
#include <unistd.h>

#include "cube/command.h"
#include "cube/files.h"
#include "cube/host.h"
#include "cube/phases.h"
#include "cube/supervisor.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/client/kubeconfig.h"

/* Nothing here asks the API server: a cluster in any state can be deleted. Goes on after a failure and
 * reports the first. */
static int delete_cluster(const struct cluster *c, struct phases *phases, struct error *err)
{
	enum { PODS_GRACE_MS = 2000 };
	struct error ignored = ERROR_INIT;

	supervisor_kill_all(c);
	phases_step(phases, "processes ended");
	host_stop_pods(c, PODS_GRACE_MS, err);
	supervisor_kill_all(c); /* shims that were busy with a container's end */
	phases_step(phases, "pods ended");
	host_release_namespace(c, err);
	host_restore(c, err);
	phases_step(phases, "links, rules, mounts and cgroups removed");
	kubeconfig_remove(command_kubeconfig(c->arena), CLUSTER_CONTEXT, &ignored);
	/* cluster.json goes last, so that an interrupted delete can be repeated. */
	tree_remove(c->data_dir, err);
	phases_step(phases, "%s removed", c->data_dir);
	return err->code ? -1 : 0;
}

int cmd_delete(int argc, char **argv)
{
	const char *data_dir = CLUSTER_DEFAULT_DATA_DIR, **args;
	bool quiet = false;
	const struct flag flags[] = {FLAG_DATA_DIR(data_dir),
	    {"quiet", 'q', FLAG_BOOL, &quiet, "Print nothing but errors", NULL, NULL}, FLAG_END};
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct phases phases;
	struct cluster cluster;
	size_t len;
	int rc = command_parse("delete", flags, argc, argv, &args, &len, NULL);

	if (rc)
		return rc < 0 ? EXIT_USAGE : 0;
	if (geteuid() != 0) {
		fprintf(stderr, "cube: cube delete needs root: run it with sudo\n");
		return 1;
	}
	if (command_open(arena, data_dir, false, &cluster) != 0)
		return 1;
	if (!cluster_exists(&cluster)) {
		if (!quiet)
			printf("  there is no cluster under %s\n", data_dir);
		return 0;
	}
	phases_begin(&phases, quiet);
	if (delete_cluster(&cluster, &phases, &err) < 0)
		return command_fail(&err);
	phases_end(&phases, "deleted");
	arena_free(arena);
	return 0;
}
