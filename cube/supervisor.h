/*
 * supervisor: keeps the components running: starts them, starts them again with back-off when they end, stops
 * them in order on SIGTERM. Pid files (run/NAME.pid: pid and start time) let a supervisor that was killed and
 * started anew adopt what still runs. A second, tiny process (`cube guard`) starts the supervisor again, and
 * the supervisor the guard.
 */
#ifndef CUBE_CUBE_SUPERVISOR_H
#define CUBE_CUBE_SUPERVISOR_H

#include <stdbool.h>
#include <sys/types.h>

struct cluster;
struct error;

/* The bodies of the hidden commands `cube supervise` and `cube guard`; return the exit status. */
int supervisor_main(struct cluster *cluster);
int supervisor_guard_main(struct cluster *cluster);

/* Starts the supervisor in the background unless it runs. */
int supervisor_start(const struct cluster *cluster, struct error *err);
/* Asks it to stop everything in order and waits for its end. Success when none runs. */
int supervisor_stop(const struct cluster *cluster, int timeout_ms, struct error *err);
/* Pid of a component ("supervisor", "guard" too), or 0 when it isn't running. */
pid_t supervisor_pid_of(const struct cluster *cluster, const char *name);
/* Kills without mercy whatever of this cluster is left: by pid files and by command lines below the data
 * directory. */
void supervisor_kill_all(const struct cluster *cluster);

#endif
