#include "cube/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

extern char **environ;

int file_read(struct arena *arena, const char *path, char **ret_text, size_t *ret_size, struct error *err)
{
	struct buf buf = BUF_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return error_set_errno(err, errno, "%s", path);
	while ((n = read(fd, buf_reserve(&buf, 65536), 65536)) > 0)
		buf.size += (size_t)n;
	if (n < 0)
		error_set_errno(err, errno, "%s", path);
	close(fd);
	buf_append(&buf, "", 0);
	*ret_text = arena_memdup(arena, buf_str(&buf), buf.size + 1); /* /proc files hold NULs */
	if (ret_size)
		*ret_size = buf.size;
	buf_done(&buf);
	return n < 0 ? -1 : 0;
}

int file_write(const char *path, const void *data, size_t size, mode_t mode, struct error *err)
{
	char temporary[4096];
	size_t done = 0;
	int fd;

	if ((size_t)snprintf(temporary, sizeof temporary, "%s.%d.tmp", path, (int)getpid()) >=
	    sizeof temporary)
		return error_set(err, ERR_BAD_REQUEST, "%s: path too long", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return error_set_errno(err, errno, "%s", temporary);
	while (done < size) {
		ssize_t n = write(fd, (const char *)data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (done < size || fsync(fd) < 0 || fchmod(fd, mode) < 0 || rename(temporary, path) < 0) {
		int saved = errno;

		close(fd);
		unlink(temporary);
		return error_set_errno(err, saved, "%s", path);
	}
	close(fd);
	return 0;
}

int directory_make(const char *path, mode_t mode, struct error *err)
{
	char part[4096];

	if (strlen(path) >= sizeof part)
		return error_set(err, ERR_BAD_REQUEST, "%s: path too long", path);
	for (size_t i = 1; path[i - 1]; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, path[i] ? 0755 : mode) < 0 && errno != EEXIST)
			return error_set_errno(err, errno, "create directory %s", part);
	}
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int tree_remove(const char *path, struct error *err)
{
	if (nftw(path, remove_entry, 64, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "remove %s", path);
	return 0;
}

int run(struct arena *arena, char **ret_output, struct error *err, const char *program, ...)
{
	const char *argv[64] = {program};
	posix_spawn_file_actions_t actions;
	struct buf out = BUF_INIT;
	int pipes[2], status, rc;
	size_t argc = 1;
	pid_t pid;
	ssize_t n;
	va_list ap;

	va_start(ap, program);
	while (argc < 63 && (argv[argc] = va_arg(ap, const char *)) != NULL)
		argc++;
	va_end(ap);
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 2);
	rc = posix_spawnp(&pid, program, &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	if (rc) {
		close(pipes[0]);
		return error_set_errno(err, rc, "%s", program);
	}
	while ((n = read(pipes[0], buf_reserve(&out, 4096), 4096)) > 0 || (n < 0 && errno == EINTR))
		out.size += n > 0 ? (size_t)n : 0;
	close(pipes[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	buf_append(&out, "", 0);
	if (ret_output)
		*ret_output = arena_strndup(arena, buf_str(&out), out.size);
	buf_done(&out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const char *find_program(struct arena *arena, const char *name)
{
	const char *path = getenv("PATH");
	char *all = arena_printf(arena, "%s:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin", path ? path : ""),
	     *save = NULL;

	for (char *dir = strtok_r(all, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		char *candidate = arena_printf(arena, "%s/%s", dir, name);

		if (access(candidate, X_OK) == 0)
			return candidate;
	}
	return NULL;
}
