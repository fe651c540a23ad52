#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cube/command.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

static void list_logs(const char *dir_path)
{
	DIR *dir = opendir(dir_path);
	struct dirent *entry;

	fprintf(stderr, "  there are:");
	while (dir && (entry = readdir(dir)) != NULL) {
		if (str_has_suffix(entry->d_name, ".log"))
			fprintf(stderr, " %.*s", (int)(strlen(entry->d_name) - 4), entry->d_name);
	}
	fprintf(stderr, "\n");
	if (dir)
		closedir(dir);
}

int cmd_logs(int argc, char **argv)
{
	const char *data_dir = CLUSTER_DEFAULT_DATA_DIR, **args, *path;
	bool follow = false;
	int64_t tail = 200;
	const struct flag flags[] = {FLAG_DATA_DIR(data_dir),
	    {"follow", 'f', FLAG_BOOL, &follow, "Go on as lines come", NULL, NULL},
	    {"tail", 'n', FLAG_INT, &tail, "Lines to begin with", NULL, NULL}, FLAG_END};
	struct arena *arena = arena_new();
	struct cluster cluster;
	size_t len;
	int rc = command_parse("logs", flags, argc, argv, &args, &len, NULL);

	if (rc)
		return rc < 0 ? EXIT_USAGE : 0;
	if (command_open(arena, data_dir, true, &cluster) != 0)
		return 1;
	path = cluster_path(&cluster, "logs/%s.log", len ? args[0] : "cube");
	if (len > 1 || (len && strchr(args[0], '/')) || access(path, R_OK) < 0) {
		fprintf(stderr, "cube logs: no log %s\n", len ? args[0] : "cube");
		list_logs(cluster_path(&cluster, "logs"));
		return 1;
	}
	execlp("tail", "tail", "-n", arena_printf(arena, "%lld", (long long)tail), follow ? "-F" : "-q", path,
	    (char *)NULL);
	fprintf(stderr, "cube logs: tail: %s\n", strerror(errno));
	return 127;
}
