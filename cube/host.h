/*
 * host: what a cluster changes on its host outside its data directory, and the undoing of it. Every change is
 * made by one function here; what was there before is noted in DATA_DIR/host.json before the change, so that
 * an interrupted start can be undone as well.
 */
#ifndef CUBE_CUBE_HOST_H
#define CUBE_CUBE_HOST_H

struct cluster;
struct error;

/* Finds out what this host can do: snapshotter, capabilities. Fills the cluster. */
int host_detect(struct cluster *cluster, struct error *err);
/* The node's address on its own link, ip_forward, the mount namespace of the node. Can run again at any time.
 */
int host_prepare(const struct cluster *cluster, struct error *err);
/* Ends every process in the pods' cgroups: SIGTERM to each container's first process, SIGKILL after grace_ms.
 * Blocks. */
int host_stop_pods(const struct cluster *cluster, int grace_ms, struct error *err);
/* The mount namespace goes, and with it every mount of the node. */
int host_release_namespace(const struct cluster *cluster, struct error *err);
/* Everything else: links, routes, rules, cgroups, sysctls. Works whatever state the cluster is in. */
int host_restore(const struct cluster *cluster, struct error *err);

#endif
