/*
 * atomic writer: a directory whose files change all at once. The files live in a time-stamped directory,
 * `..data` is a symlink to it that is replaced by rename, and each top-level name is a symlink through
 * `..data`. Blocking.
 */
#ifndef CUBE_KUBELET_ATOMIC_WRITER_H
#define CUBE_KUBELET_ATOMIC_WRITER_H

#include <stdbool.h>

#include "kubelet/volumes/volume.h"

/* Nothing is written when the contents are as wanted. Paths with .. or absolute ones: ERR_INVALID. */
int atomic_write(const char *dir, const struct volume_file *files, size_t len, bool has_fs_group,
    int64_t fs_group, bool *ret_changed, struct error *err);

#endif
