#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cube/api.h"
#include "cube/command.h"
#include "cube/components.h"
#include "cube/files.h"
#include "cube/supervisor.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

static long resident_kib(struct arena *arena, pid_t pid)
{
	char *text, *line;

	if (file_read(arena, arena_printf(arena, "/proc/%d/status", (int)pid), &text, NULL, NULL) < 0)
		return 0;
	line = strstr(text, "VmRSS:");
	return line ? strtol(line + 6, NULL, 10) : 0;
}

static bool print_process(const struct cluster *c, const char *name)
{
	pid_t pid = supervisor_pid_of(c, name);

	if (pid)
		printf("%-26s running   pid %-8d %6.1f MB\n", name, (int)pid,
		    (double)resident_kib(c->arena, pid) / 1024);
	else
		printf("%-26s stopped\n", name);
	return pid != 0;
}

static bool print_health(const struct cluster *c)
{
	struct error err = ERROR_INIT;
	struct api *api = api_open(c, &err);
	char text[512] = "";
	bool ready = api && api_is_ready(api, text, sizeof text);

	printf("%-26s %s\n", "API server", ready ? "ready" : text[0] ? text : err.message);
	if (ready) {
		ready = api_wait_node_ready(api, c->node_name, 0, &err) == 0;
		printf("%-26s %s\n", "node", ready ? "Ready" : err.message);
	}
	api_close(api);
	return ready;
}

/* Exit status: 0 all runs and the node is Ready, 1 something doesn't, 3 the cluster is stopped, 4 there is
 * none. */
int cmd_status(int argc, char **argv)
{
	const char *data_dir = CLUSTER_DEFAULT_DATA_DIR, **args;
	const struct flag flags[] = {FLAG_DATA_DIR(data_dir), FLAG_END};
	struct arena *arena = arena_new();
	struct cluster cluster;
	const struct component *list;
	size_t len, components_len, running = 0;
	int rc = command_parse("status", flags, argc, argv, &args, &len, NULL);

	if (rc)
		return rc < 0 ? EXIT_USAGE : 0;
	if (command_open(arena, data_dir, true, &cluster) != 0)
		return 4;
	printf("%-26s %s\n", "cluster", data_dir);
	running += print_process(&cluster, "supervisor");
	running += print_process(&cluster, "guard");
	list = components_make(&cluster, &components_len);
	for (size_t i = 0; i < components_len; i++)
		running += print_process(&cluster, list[i].name);
	rc = running == 0 ? 3 : print_health(&cluster) && running == components_len + 2 ? 0 : 1;
	arena_free(arena);
	return rc;
}
