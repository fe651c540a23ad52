#include "cube/cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "cube/files.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

typedef void pid_visitor(struct arena *arena, pid_t pid, void *arg);

struct signal_request {
	int signum;
	bool only_first;
};

/* Calls fn for every hierarchy's folder of that name: /sys/fs/cgroup/NAME on v2,
 * /sys/fs/cgroup/CONTROLLER/NAME on v1. */
static void each_root(struct arena *arena, const char *name,
    void (*fn)(struct arena *arena, const char *path, void *arg), void *arg)
{
	DIR *dir = opendir("/sys/fs/cgroup");
	struct dirent *entry;
	const char *unified = arena_printf(arena, "/sys/fs/cgroup%s", name);

	if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0) {
		if (access(unified, F_OK) == 0)
			fn(arena, unified, arg);
	} else {
		while (dir && (entry = readdir(dir)) != NULL) {
			const char *path = arena_printf(arena, "/sys/fs/cgroup/%s%s", entry->d_name, name);

			if (entry->d_name[0] != '.' && entry->d_type == DT_DIR && access(path, F_OK) == 0)
				fn(arena, path, arg);
		}
	}
	if (dir)
		closedir(dir);
}

static void each_pid(struct arena *arena, const char *path, pid_visitor *fn, void *arg)
{
	DIR *dir = opendir(path);
	FILE *procs = fopen(arena_printf(arena, "%s/cgroup.procs", path), "re");
	struct dirent *entry;
	int pid;

	while (procs && fscanf(procs, "%d", &pid) == 1)
		fn(arena, pid, arg);
	if (procs)
		fclose(procs);
	while (dir && (entry = readdir(dir)) != NULL) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			each_pid(arena, arena_printf(arena, "%s/%s", path, entry->d_name), fn, arg);
	}
	if (dir)
		closedir(dir);
}

/* Every process is in the same place of each v1 hierarchy, so the first that exists tells all. */
static void note_root(struct arena *arena, const char *path, void *arg)
{
	const char **root = arg;

	if (!*root || strstr(path, "/pids/"))
		*root = path;
}

static void count_pid(struct arena *arena, pid_t pid, void *arg)
{
	++*(size_t *)arg;
}

size_t cgroups_count(struct arena *arena, const char *name)
{
	const char *root = NULL;
	size_t count = 0;

	each_root(arena, name, note_root, &root);
	if (root)
		each_pid(arena, root, count_pid, &count);
	return count;
}

static void signal_pid(struct arena *arena, pid_t pid, void *arg)
{
	const struct signal_request *request = arg;
	char *status, *line, *last;

	if (request->only_first) {
		/* NSpid lists the process's number in each nested namespace; a container's first process ends
		 * in 1. */
		if (file_read(arena, arena_printf(arena, "/proc/%d/status", (int)pid), &status, NULL, NULL) <
			0 ||
		    (line = strstr(status, "NSpid:")) == NULL)
			return;
		line[strcspn(line, "\n")] = '\0';
		last = strrchr(line, '\t');
		if (!last || atoi(last + 1) != 1)
			return;
	}
	kill(pid, request->signum);
}

void cgroups_signal(struct arena *arena, const char *name, int signum, bool only_first)
{
	struct signal_request request = {signum, only_first};
	const char *root = NULL;

	each_root(arena, name, note_root, &root);
	if (root)
		each_pid(arena, root, signal_pid, &request);
}

static void remove_tree(struct arena *arena, const char *path, void *arg)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			remove_tree(arena, arena_printf(arena, "%s/%s", path, entry->d_name), arg);
	}
	if (dir)
		closedir(dir);
	if (rmdir(path) < 0 && errno != ENOENT)
		error_set_errno(arg, errno, "remove %s", path);
}

int cgroups_remove(struct arena *arena, const char *name, struct error *err)
{
	struct error first = ERROR_INIT;

	each_root(arena, name, remove_tree, &first);
	if (first.code)
		return error_set(err, first.code, "%s", first.message);
	return 0;
}
