#include "kubelet/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"

int files_make_path(const char *path, mode_t mode, struct error *err)
{
	char copy[4096];
	if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
		return error_set(err, ERR_IO, "path too long");
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return error_set_errno(err, errno, "mkdir %s", copy);
		*p = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "mkdir %s", copy);
	return 0;
}

bool files_read(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n;
	while ((n = read(fd, buf_reserve(out, 4096), 4096)) > 0)
		out->size += (size_t)n;
	if (out->data)
		out->data[out->size] = 0;
	close(fd);
	return n == 0;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int write_fd(int fd, const char *path, const void *data, size_t size, mode_t mode, struct error *err)
{
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", path);
	int rc = write_all(fd, data, size);
	if (rc == 0)
		rc = fchmod(fd, mode);
	int saved = errno;
	close(fd);
	return rc == 0 ? 0 : error_set_errno(err, saved, "write %s", path);
}

static bool has_contents(const char *path, const void *data, size_t size)
{
	struct buf now = BUF_INIT;
	bool same = files_read(path, &now) && now.size == size && memcmp(buf_str(&now), data, size) == 0;
	buf_done(&now);
	return same;
}

int files_write(const char *path, const void *data, size_t size, mode_t mode, struct error *err)
{
	char temporary[4096];
	if (has_contents(path, data, size))
		return 0;
	snprintf(temporary, sizeof temporary, "%s.tmp", path);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (write_fd(fd, temporary, data, size, mode, err))
		return -1;
	if (rename(temporary, path) < 0)
		return error_set_errno(err, errno, "rename %s", path);
	return 0;
}

int files_overwrite(const char *path, const void *data, size_t size, mode_t mode, struct error *err)
{
	if (has_contents(path, data, size))
		return 0;
	return write_fd(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode), path, data,
	    size, mode, err);
}

static int remove_at(int parent, const char *name, dev_t device)
{
	struct stat st;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISDIR(st.st_mode))
		return unlinkat(parent, name, 0);
	if (st.st_dev != device) {
		errno = EBUSY; /* a mount: its contents are not ours to remove */
		return -1;
	}
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return -1;
	int rc = 0;
	struct dirent *e;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    remove_at(dirfd(d), e->d_name, device) < 0)
			rc = -1;
	int saved = errno;
	closedir(d);
	errno = saved;
	return rc < 0 ? -1 : unlinkat(parent, name, AT_REMOVEDIR);
}

int files_remove_tree(const char *path, struct error *err)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "%s", path);
	char parent[4096];
	snprintf(parent, sizeof parent, "%s/..", path);
	struct stat up;
	if (S_ISDIR(st.st_mode) && stat(parent, &up) == 0 && up.st_dev != st.st_dev)
		return error_set(err, ERR_IO, "%s is a mount point", path);
	return remove_at(AT_FDCWD, path, st.st_dev) < 0 ? error_set_errno(err, errno, "remove %s", path) : 0;
}

bool files_is_mount_point(const char *path)
{
	char line[8192], want[4096];
	bool found = false;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	snprintf(want, sizeof want, "%s", path);
	while (f && !found && fgets(line, sizeof line, f)) {
		char where[4096];
		found = sscanf(line, "%*s %*s %*s %*s %4095s", where) == 1 && strcmp(where, want) == 0;
	}
	if (f)
		fclose(f);
	return found;
}

void files_unmount_below(const char *path)
{
	size_t n = strlen(path), len = 0;
	char **points = NULL, line[8192];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	while (f && fgets(line, sizeof line, f)) {
		char where[4096];
		if (sscanf(line, "%*s %*s %*s %*s %4095s", where) != 1)
			continue;
		if (strncmp(where, path, n) == 0 && (where[n] == 0 || where[n] == '/')) {
			points = realloc(points, (len + 1) * sizeof *points);
			points[len++] = strdup(where);
		}
	}
	if (f)
		fclose(f);
	/* Later mounts come later in the list: undo them first. */
	while (len--) {
		umount2(points[len], MNT_DETACH | UMOUNT_NOFOLLOW);
		free(points[len]);
	}
	free(points);
}
