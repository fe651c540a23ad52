/*
 * host_path_reclaimer: removes the folders of released volumes that host-path-provisioner made with reclaim
 * policy Delete, then the volumes. It does I/O, off the loop, and so is no controller. It sees the folders of
 * its own host only.
 */
#ifndef CUBE_CONTROLLER_MANAGER_HOST_PATH_RECLAIMER_H
#define CUBE_CONTROLLER_MANAGER_HOST_PATH_RECLAIMER_H

struct daemon;
struct host_path_reclaimer;

struct host_path_reclaimer *host_path_reclaimer_new(
    struct daemon *daemon, const char *dir /* NULL: does nothing */);
void host_path_reclaimer_free(struct host_path_reclaimer *reclaimer);

#endif
