#include "kubelet/volumes/atomic_writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kubelet/files.h"
#include "kubelet/volumes/ownership.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#define DATA "..data"
#define DATA_TMP "..data_tmp"
#define PATH_SIZE 4096

static int check_path(const char *path, struct error *err)
{
	if (!*path || *path == '/' || strlen(path) > 1024)
		return error_set(err, ERR_INVALID, "invalid path \"%s\" in the volume", path);
	for (const char *p = path; p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && strncmp(p, "..", 2) == 0)
			return error_set(
			    err, ERR_INVALID, "path \"%s\" of the volume must not contain ..", path);
		if (p == path && n > 1 && strncmp(p, "..", 2) == 0)
			return error_set(
			    err, ERR_INVALID, "path \"%s\" of the volume must not start with ..", path);
		p = p[n] ? p + n + 1 : NULL;
	}
	return 0;
}

static bool same_file(const char *dir, const struct volume_file *f)
{
	char path[PATH_SIZE];
	struct stat st;
	struct buf now = BUF_INIT;
	snprintf(path, sizeof path, "%s/" DATA "/%s", dir, f->path);
	bool same = lstat(path, &st) == 0 && (size_t)st.st_size == f->size && files_read(path, &now) &&
		    now.size == f->size && memcmp(buf_str(&now), f->data, f->size) == 0;
	buf_done(&now);
	return same;
}

static size_t count_files(const char *dir)
{
	size_t n = 0;
	DIR *d = opendir(dir);
	struct dirent *e;
	while (d && (e = readdir(d))) {
		char path[PATH_SIZE];
		struct stat st;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (lstat(path, &st) == 0)
			n += S_ISDIR(st.st_mode) ? count_files(path) : 1;
	}
	if (d)
		closedir(d);
	return n;
}

static bool is_up_to_date(const char *dir, const struct volume_file *files, size_t len)
{
	char data[PATH_SIZE];
	snprintf(data, sizeof data, "%s/" DATA, dir);
	if (access(data, F_OK) < 0 || count_files(data) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!same_file(dir, &files[i]))
			return false;
	return true;
}

static int write_file(const char *dir, const struct volume_file *f, struct error *err)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "%s/%s", dir, f->path);
	char *slash = strrchr(path, '/');
	*slash = 0;
	if (files_make_path(path, 0755, err))
		return -1;
	*slash = '/';
	if (files_overwrite(path, f->data, f->size, (mode_t)f->mode, err))
		return -1;
	int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, f->mode);
	if (fd >= 0) {
		fchmod(fd, (mode_t)f->mode);
		if (f->owner >= 0 && fchown(fd, (uid_t)f->owner, (gid_t)-1) < 0) {
			int saved = errno;
			close(fd);
			return error_set_errno(err, saved, "chown %s", path);
		}
		close(fd);
	}
	return 0;
}

/* The time-stamped directory: ..2006_01_02_15_04_05.123456789 */
static int make_stamp(const char *dir, char out[PATH_SIZE], struct error *err)
{
	struct timespec now;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	for (int i = 0; i < 100; i++) {
		char stamp[32];
		strftime(stamp, sizeof stamp, "..%Y_%m_%d_%H_%M_%S", &tm);
		snprintf(out, PATH_SIZE, "%s/%s.%ld", dir, stamp, now.tv_nsec + i);
		if (mkdir(out, 0755) == 0)
			return chmod(out, 0755);
		if (errno != EEXIST)
			return error_set_errno(err, errno, "mkdir %s", out);
	}
	return error_set(err, ERR_IO, "no free name for %s", out);
}

static bool is_top_of(const char *name, const struct volume_file *files, size_t len)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < len; i++)
		if (strncmp(files[i].path, name, n) == 0 &&
		    (files[i].path[n] == 0 || files[i].path[n] == '/'))
			return true;
	return false;
}

static int link_names(const char *dir, const struct volume_file *files, size_t len, struct error *err)
{
	char path[PATH_SIZE], target[PATH_SIZE];
	for (size_t i = 0; i < len; i++) {
		size_t n = strcspn(files[i].path, "/");
		snprintf(path, sizeof path, "%s/%.*s", dir, (int)n, files[i].path);
		snprintf(target, sizeof target, DATA "/%.*s", (int)n, files[i].path);
		if (symlink(target, path) < 0 && errno != EEXIST)
			return error_set_errno(err, errno, "symlink %s", path);
	}
	return 0;
}

/* Links whose file is gone, and time-stamped directories but the current one. */
static void remove_stale(const char *dir, const char *current, const struct volume_file *files, size_t len)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	while (d && (e = readdir(d))) {
		char path[PATH_SIZE];
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    strcmp(e->d_name, DATA) == 0)
			continue;
		if (str_has_prefix(e->d_name, "..")) {
			if (!str_eq(path, current))
				files_remove_tree(path, NULL);
		} else if (!is_top_of(e->d_name, files, len)) {
			unlink(path);
		}
	}
	if (d)
		closedir(d);
}

int atomic_write(const char *dir, const struct volume_file *files, size_t len, bool has_fs_group,
    int64_t fs_group, bool *ret_changed, struct error *err)
{
	char stamp[PATH_SIZE], link[PATH_SIZE], data[PATH_SIZE];
	if (ret_changed)
		*ret_changed = false;
	for (size_t i = 0; i < len; i++)
		if (check_path(files[i].path, err))
			return -1;
	if (is_up_to_date(dir, files, len))
		return 0;
	if (make_stamp(dir, stamp, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (write_file(stamp, &files[i], err)) {
			files_remove_tree(stamp, NULL);
			return -1;
		}
	}
	if (has_fs_group && ownership_apply(stamp, fs_group, true, false, err)) {
		files_remove_tree(stamp, NULL);
		return -1;
	}
	snprintf(link, sizeof link, "%s/" DATA_TMP, dir);
	snprintf(data, sizeof data, "%s/" DATA, dir);
	unlink(link);
	if (symlink(strrchr(stamp, '/') + 1, link) < 0 || rename(link, data) < 0)
		return error_set_errno(err, errno, "replacing %s", data);
	if (link_names(dir, files, len, err))
		return -1;
	remove_stale(dir, stamp, files, len);
	if (ret_changed)
		*ret_changed = true;
	return 0;
}
