#include "kubelet/volumes/sub_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kubelet/files.h"
#include "lib/base/error.h"

static int open_beneath(int root, const char *path, uint64_t flags)
{
	struct open_how how = {
	    .flags = flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* Makes each missing directory of sub, one by one from what has been opened safely; the last gets the root's
 * mode. */
static int make_directories(int root, const char *sub)
{
	struct stat st;
	char part[4096];
	if (fstat(root, &st) < 0)
		return -1;
	for (const char *p = sub; *p;) {
		size_t n = strcspn(p, "/");
		snprintf(part, sizeof part, "%.*s", (int)(p - sub + (ptrdiff_t)n), sub);
		int fd = open_beneath(root, part, O_PATH);
		if (fd >= 0) {
			close(fd);
		} else if (errno != ENOENT) {
			return -1;
		} else {
			char parent[4096];
			snprintf(parent, sizeof parent, "%.*s", (int)(p - sub), sub);
			int dir = open_beneath(root, *parent ? parent : ".", O_PATH | O_DIRECTORY);
			bool last = !p[n];
			char name[256];
			snprintf(name, sizeof name, "%.*s", (int)n, p);
			if (dir < 0 || mkdirat(dir, name, 0755) < 0) {
				int saved = errno;
				if (dir >= 0)
					close(dir);
				errno = saved;
				return -1;
			}
			if (last)
				fchmodat(dir, name, st.st_mode & 07777, 0);
			close(dir);
		}
		p += n;
		while (*p == '/')
			p++;
	}
	return 0;
}

static int make_target(const char *target, bool is_dir, struct error *err)
{
	char parent[4096];
	snprintf(parent, sizeof parent, "%s", target);
	*strrchr(parent, '/') = 0;
	/* A bind of an earlier start, or of the other kind, goes first. */
	files_unmount_below(target);
	if (files_make_path(parent, 0750, err))
		return -1;
	struct stat st;
	if (lstat(target, &st) == 0 && S_ISDIR(st.st_mode) != is_dir)
		files_remove_tree(target, NULL);
	if (is_dir)
		return files_make_path(target, 0750, err);
	int fd = open(target, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return error_set_errno(err, errno, "make %s", target);
	close(fd);
	return 0;
}

int sub_path_bind(
    const char *root_path, const char *sub, bool read_only, const char *target, struct error *err)
{
	int root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return error_set_errno(err, errno, "open %s", root_path);
	int fd = open_beneath(root, sub, O_PATH);
	if (fd < 0 && errno == ENOENT && !read_only && make_directories(root, sub) == 0)
		fd = open_beneath(root, sub, O_PATH);
	int saved = errno;
	close(root);
	if (fd < 0)
		return error_set_errno(err, saved, "subPath \"%s\"", sub);
	struct stat st;
	char source[64];
	fstat(fd, &st);
	snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
	int rc = make_target(target, S_ISDIR(st.st_mode), err);
	if (rc == 0 && mount(source, target, NULL, MS_BIND, NULL) < 0)
		rc = error_set_errno(err, errno, "bind \"%s\" on %s", sub, target);
	close(fd);
	return rc;
}
