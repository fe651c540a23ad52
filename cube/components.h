/* components: the processes that make a node, each with its command line. The order is the order of starting.
 */
#ifndef CUBE_CUBE_COMPONENTS_H
#define CUBE_CUBE_COMPONENTS_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct cluster;
struct error;

struct component {
	const char *name;
	const char *const *argv; /* ends with NULL */
	const char *cwd;         /* NULL: DATA_DIR */
	const char *const
	    *sockets;  /* below cwd; removed before a start, for a killed process leaves them. NULL: none */
	int stop_rank; /* those with the lowest rank stop first; a rank waits for the one before */
};

enum { STOP_NODE_DAEMONS, STOP_PODS, STOP_CONTAINERD, STOP_CONTROL_PLANE, STOP_ETCD, STOP_RANKS };

/* All components of this cluster, in the cluster's arena. */
const struct component *components_make(const struct cluster *cluster, size_t *ret_len);
/* Writes the configuration files that the components read. */
int components_write_config(const struct cluster *cluster, struct error *err);

#endif
