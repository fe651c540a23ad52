/* pidfile: which process is meant, safe against reuse of its number: pid and start time (field 22 of
 * /proc/PID/stat). */
#ifndef CUBE_CUBE_PIDFILE_H
#define CUBE_CUBE_PIDFILE_H

#include <sys/types.h>

struct arena;
struct cluster;
struct error;

int pidfile_write(const struct cluster *cluster, const char *name, pid_t pid, struct error *err);
pid_t pidfile_read(
    const struct cluster *cluster, const char *name); /* 0 when there is none or the process is gone */
void pidfile_remove(const struct cluster *cluster, const char *name);
/* A descriptor that turns readable when the process ends, or -1. */
int pidfile_watch(pid_t pid);

#endif
