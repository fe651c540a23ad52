#include "cube/pidfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cube/cluster.h"
#include "cube/files.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

/* Start time in clock ticks since boot; 0 when the process is gone or a zombie. */
static unsigned long long start_time(struct arena *arena, pid_t pid)
{
	unsigned long long start = 0;
	char *text, *p, state;

	if (file_read(arena, arena_printf(arena, "/proc/%d/stat", (int)pid), &text, NULL, NULL) < 0)
		return 0;
	p = strrchr(text, ')'); /* the command may hold anything */
	if (!p || sscanf(p + 1, " %c", &state) != 1 || state == 'Z' || state == 'X')
		return 0;
	if (sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		&start) != 1)
		return 0;
	return start;
}

int pidfile_write(const struct cluster *c, const char *name, pid_t pid, struct error *err)
{
	char text[64];
	int n = snprintf(text, sizeof text, "%d %llu\n", (int)pid, start_time(c->arena, pid));

	return file_write(cluster_path(c, "run/%s.pid", name), text, (size_t)n, 0644, err);
}

pid_t pidfile_read(const struct cluster *c, const char *name)
{
	unsigned long long start;
	char *text;
	int pid;

	if (file_read(c->arena, cluster_path(c, "run/%s.pid", name), &text, NULL, NULL) < 0 ||
	    sscanf(text, "%d %llu", &pid, &start) != 2 || pid <= 0 || start == 0 ||
	    start_time(c->arena, pid) != start)
		return 0;
	return pid;
}

void pidfile_remove(const struct cluster *c, const char *name)
{
	unlink(cluster_path(c, "run/%s.pid", name));
}

int pidfile_watch(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0); /* O_CLOEXEC is implied */
}
