/* sub path: a path inside a volume, resolved so that no link leads out of it, and bound where nobody can swap
 * it. Blocking. */
#ifndef CUBE_KUBELET_SUB_PATH_H
#define CUBE_KUBELET_SUB_PATH_H

#include <stdbool.h>

struct error;

/* Binds root/sub on target (made); missing directories are made when the volume can be written. */
int sub_path_bind(const char *root, const char *sub, bool read_only, const char *target, struct error *err);

#endif
