/* files: small blocking helpers on the file system. */
#ifndef CUBE_KUBELET_FILES_H
#define CUBE_KUBELET_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct buf;
struct error;

int files_make_path(
    const char *path, mode_t mode, struct error *err); /* mkdir -p; mode is for what is made */
bool files_read(const char *path, struct buf *out);    /* false: it can't be read; out keeps what came */
/* Writes by rename, unless the file has these contents already. */
int files_write(const char *path, const void *data, size_t size, mode_t mode, struct error *err);
/* Overwrites in place: for files that are bind-mounted and must keep their inode. */
int files_overwrite(const char *path, const void *data, size_t size, mode_t mode, struct error *err);
/* rm -rf that never leaves the file system it starts on and never follows links. */
int files_remove_tree(const char *path, struct error *err);
bool files_is_mount_point(const char *path);
/* Unmounts everything at and below path, deepest first. */
void files_unmount_below(const char *path);

#endif
