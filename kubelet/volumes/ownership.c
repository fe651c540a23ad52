#include "kubelet/volumes/ownership.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/error.h"

static mode_t wanted_bits(mode_t mode, bool read_only)
{
	mode_t bits = read_only ? 0440 : 0660;
	if (S_ISDIR(mode))
		bits |= S_ISGID | 0110;
	return bits;
}

static int apply_at(int parent, const char *name, gid_t gid, bool read_only)
{
	struct stat st;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (S_ISLNK(st.st_mode))
		return 0;
	if (fchownat(parent, name, (uid_t)-1, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	/* chown clears the setgid bit of files: set the mode after it. */
	if (fchmodat(parent, name, (st.st_mode & 07777) | wanted_bits(st.st_mode, read_only), 0) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode))
		return 0;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return -1;
	int rc = 0;
	struct dirent *e;
	while (rc == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = apply_at(dirfd(d), e->d_name, gid, read_only);
	int saved = errno;
	closedir(d);
	errno = saved;
	return rc;
}

int ownership_apply(const char *path, int64_t gid, bool read_only, bool only_on_mismatch, struct error *err)
{
	struct stat st;
	if (only_on_mismatch && stat(path, &st) == 0 && st.st_gid == (gid_t)gid &&
	    (st.st_mode & wanted_bits(st.st_mode, read_only)) == wanted_bits(st.st_mode, read_only))
		return 0;
	if (apply_at(AT_FDCWD, path, (gid_t)gid, read_only) < 0)
		return error_set_errno(err, errno, "giving %s to group %lld", path, (long long)gid);
	return 0;
}
