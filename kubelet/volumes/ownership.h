/* ownership: fsGroup on a volume: group, setgid on directories, group access bits. Blocking; never follows
 * links. */
#ifndef CUBE_KUBELET_OWNERSHIP_H
#define CUBE_KUBELET_OWNERSHIP_H

#include <stdbool.h>
#include <stdint.h>

struct error;

/* only_on_mismatch: a root that has the group and the bits already ends it there (fsGroupChangePolicy). */
int ownership_apply(const char *path, int64_t gid, bool read_only, bool only_on_mismatch, struct error *err);

#endif
