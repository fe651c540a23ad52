/*
 * mount namespace: the one in which containerd and the kubelet live, pinned at a file so that both can be
 * started again in it. Its root is shared, so that mounts of volumes reach containers that asked for it;
 * nothing of it shows on the host. It ends when the file is unmounted and its last process is gone.
 */
#ifndef CUBE_CUBE_MOUNT_NAMESPACE_H
#define CUBE_CUBE_MOUNT_NAMESPACE_H

#include <stdbool.h>

struct arena;
struct error;

/*
 * Makes the namespace and pins it at `path`, in a folder that is a private mount. Inside, a tmpfs covers
 * /run/containerd and the folder `cni_cache` covers /var/lib/cni. On failure nothing stays pinned.
 */
int mount_namespace_make(struct arena *arena, const char *path, const char *cni_cache, struct error *err);
bool mount_namespace_is_pinned(const char *path);

#endif
