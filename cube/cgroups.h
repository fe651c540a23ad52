/* cgroups: the pods' control groups as the launcher needs them: who is inside, signal them, remove the empty
 * tree. Works on cgroup v1, hybrid and v2 layouts. `name` is the path below each hierarchy, "/cube". */
#ifndef CUBE_CUBE_CGROUPS_H
#define CUBE_CUBE_CGROUPS_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct error;

size_t cgroups_count(struct arena *arena, const char *name); /* processes inside */
/* only_first: just those that are process 1 of their PID namespace, as a container's orderly end starts. */
void cgroups_signal(struct arena *arena, const char *name, int signum, bool only_first);
int cgroups_remove(struct arena *arena, const char *name, struct error *err);

#endif
