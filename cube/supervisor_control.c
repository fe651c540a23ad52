/* The launcher's side of the supervisor: starting it, stopping it, and ending what is left without it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cube/cluster.h"
#include "cube/components.h"
#include "cube/files.h"
#include "cube/pidfile.h"
#include "cube/supervisor.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

pid_t supervisor_pid_of(const struct cluster *cluster, const char *name)
{
	return pidfile_read(cluster, name);
}

/* Forks twice so that the supervisor belongs to init, with its own session and its log as output. */
static void become_supervisor(const struct cluster *c)
{
	int log_fd = open(cluster_path(c, "logs/cube.log"), O_WRONLY | O_CREAT | O_APPEND, 0644),
	    null_fd = open("/dev/null", O_RDONLY);
	const char *program = arena_printf(c->arena, "%s/cube", c->bin_dir);

	setsid();
	if (fork() != 0)
		_exit(0);
	if (log_fd < 0 || null_fd < 0)
		_exit(127);
	dup2(null_fd, 0);
	dup2(log_fd, 1);
	dup2(log_fd, 2);
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	execl(program, program, "supervise", "--data-dir", c->data_dir, (char *)NULL);
	_exit(127);
}

int supervisor_start(const struct cluster *c, struct error *err)
{
	pid_t pid;

	if (supervisor_pid_of(c, "supervisor"))
		return 0;
	pid = fork();
	if (pid < 0)
		return error_set_errno(err, errno, "fork");
	if (pid == 0)
		become_supervisor(c);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	for (int waited = 0; waited < 5000; waited += 5) {
		if (supervisor_pid_of(c, "supervisor"))
			return 0;
		usleep(5000);
	}
	return error_set(
	    err, ERR_TIMEOUT, "the supervisor did not start: see %s", cluster_path(c, "logs/cube.log"));
}

int supervisor_stop(const struct cluster *c, int timeout_ms, struct error *err)
{
	pid_t pid = supervisor_pid_of(c, "supervisor");
	struct pollfd watch = {.fd = pid ? pidfile_watch(pid) : -1, .events = POLLIN};
	int n;

	if (watch.fd < 0)
		return 0;
	kill(pid, SIGTERM);
	n = poll(&watch, 1, timeout_ms);
	close(watch.fd);
	if (n != 1)
		return error_set(err, ERR_TIMEOUT,
		    "the supervisor (process %d) did not end within %d s: see %s", (int)pid,
		    timeout_ms / 1000, cluster_path(c, "logs/cube.log"));
	return 0;
}

/* A process belongs to this cluster when it runs one of our programs and its command line names a file below
 * the data directory. Others that name one, an editor or `tail -f`, are left alone. */
static bool belongs(const struct cluster *c, pid_t pid)
{
	static const char *const programs[] = {"etcd", "containerd", "containerd-shim-runc-v2", "runc",
	    "kube-apiserver", "kube-scheduler", "kube-controller-manager", "kubelet", "kube-proxy",
	    "kube-dns", "cube", NULL};
	const char *below = arena_printf(c->arena, "%s/", c->data_dir), *p;
	struct error ignored = ERROR_INIT;
	char *text, exe[4096];
	size_t size;
	ssize_t n = readlink(arena_printf(c->arena, "/proc/%d/exe", (int)pid), exe, sizeof exe - 1);

	exe[n > 0 ? n : 0] = '\0';
	exe[strcspn(exe, " ")] = '\0'; /* " (deleted)" after an upgrade */
	if (!strrchr(exe, '/') || !str_in(strrchr(exe, '/') + 1, programs))
		return false;
	if (file_read(
		c->arena, arena_printf(c->arena, "/proc/%d/cmdline", (int)pid), &text, &size, &ignored) < 0)
		return false;
	for (p = text; p < text + size; p += strlen(p) + 1) {
		const char *found = strstr(p, below);

		/* Whole argument, or behind "=", "unix://" or "--mount=": never in the middle of another
		 * path. */
		if (strcmp(p, c->data_dir) == 0 ||
		    (found && (found == p || found[-1] == '=' || found[-1] == '/')))
			return true;
	}
	return false;
}

/* Kills and waits until the process is gone, so that what it held (ports, mounts) is free. */
static void kill_and_wait(pid_t pid)
{
	enum { GONE_TIMEOUT_MS = 5000 };
	struct pollfd watch = {.fd = pidfile_watch(pid), .events = POLLIN};

	kill(pid, SIGKILL);
	if (watch.fd < 0)
		return;
	poll(&watch, 1, GONE_TIMEOUT_MS);
	close(watch.fd);
}

static size_t kill_round(const struct cluster *c)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t killed = 0;

	while (dir && (entry = readdir(dir)) != NULL) {
		int pid = atoi(entry->d_name);

		if (pid > 1 && pid != getpid() && pid != getppid() && belongs(c, pid)) {
			kill_and_wait(pid);
			killed++;
		}
	}
	if (dir)
		closedir(dir);
	return killed;
}

void supervisor_kill_all(const struct cluster *c)
{
	size_t len;
	const struct component *list = components_make(c, &len);
	static const char *const keepers[] = {"guard", "supervisor"};

	file_write(cluster_path(c, "run/stopping"), "", 0, 0644, NULL);
	for (size_t i = 0; i < 2; i++) {
		pid_t pid = supervisor_pid_of(c, keepers[i]);

		if (pid)
			kill_and_wait(pid);
	}
	for (size_t i = 0; i < len; i++) {
		pid_t pid = supervisor_pid_of(c, list[i].name);

		if (pid)
			kill_and_wait(pid);
	}
	for (int round = 0; round < 20 && kill_round(c) > 0; round++)
		;
}
