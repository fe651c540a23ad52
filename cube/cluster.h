/*
 * cluster: where a Cube cluster keeps its things and how it was asked to be. The answers given to `cube
 * start` are kept in DATA_DIR/cluster.json, so that every later command agrees with the first.
 */
#ifndef CUBE_CUBE_CLUSTER_H
#define CUBE_CUBE_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct error;

#define CLUSTER_DEFAULT_DATA_DIR "/var/lib/cube"
#define CLUSTER_CONTEXT "cube"
/* The link that carries the node's own address when no --node-ip is given, and the pods' bridge. */
#define CLUSTER_NODE_LINK "cube-node0"
#define CLUSTER_POD_BRIDGE "cube0"

struct cluster {
	struct arena *arena;  /* all strings live here */
	const char *data_dir; /* absolute */
	const char *bin_dir;  /* where our own programs lie: the folder of /proc/self/exe */
	const char *node_name;
	const char *node_ip;
	bool owns_node_ip; /* node_ip is ours, on CLUSTER_NODE_LINK */
	int64_t api_port;
	int64_t kubelet_port;
	const char *pod_cidr, *service_cidr;
	const char *service_ip; /* first address of service_cidr: the service default/kubernetes */
	const char *dns_ip;     /* tenth address */
	const char *cluster_domain;
	const char *cgroup; /* below which the pods' control groups are: "/cube", with a suffix for another
			       data directory */
	const char *snapshotter; /* overlayfs or native, detected */
	bool lacks_sys_resource; /* CAP_SYS_RESOURCE is missing: OOM scores can't be lowered */
};

/* Fills defaults for a data directory; reads cluster.json over them when it exists. */
int cluster_load(struct arena *arena, const char *data_dir, struct cluster *ret, struct error *err);
bool cluster_exists(const struct cluster *cluster);
int cluster_save(const struct cluster *cluster, struct error *err);
/* Derives service_ip and dns_ip from service_cidr. */
int cluster_derive(struct cluster *cluster, struct error *err);
/* Path below the data directory, printf style, in the cluster's arena. */
const char *cluster_path(const struct cluster *cluster, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
