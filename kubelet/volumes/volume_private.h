/* Private to volumes/: the manager's struct, for the kinds. */
#ifndef CUBE_KUBELET_VOLUME_PRIVATE_H
#define CUBE_KUBELET_VOLUME_PRIVATE_H

#include "kubelet/volumes/volume.h"

struct claims;
struct strmap;
struct tokens;

struct volume_manager {
	struct volume_manager_deps deps;
	struct tokens *tokens;
	struct claims *claims;
	struct strmap *pods; /* uid -> struct strmap of volume name -> struct mounted_volume */
	struct strmap *ops;  /* uid -> struct mount_op that waits or works */
};

struct mounted_volume {
	char *path;
	bool read_only, is_empty_dir;
};

#endif
