/*
 * podnet: the pod network of one node: the CNI configuration that makes the runtime put pods on a bridge, and
 * routes to the pods of other nodes on the same network segment. (The rules for pods are in base.h.)
 */
#ifndef CUBE_PROXY_PODNET_H
#define CUBE_PROXY_PODNET_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct error;
struct loop;
struct podnet;
struct strmap;

struct podnet_options {       /* strings are borrowed for ever */
	const char *conf_dir; /* of CNI; 10-cube.conflist goes here */
	const char *data_dir; /* where host-local keeps addresses; NULL: its default */
	const char *bridge;   /* "cube0" */
};

#define PODNET_CONF_FILE "10-cube.conflist"
/* Routes carry this protocol number, so that they can be told from others. */
#define PODNET_ROUTE_PROTO "67"

struct podnet *podnet_new(struct loop *loop, const struct podnet_options *options);
void podnet_free(struct podnet *net);
/* This node's range: writes the configuration when it differs from what is there. */
int podnet_set_cidr(struct podnet *net, const char *pod_cidr, struct error *err);
/* Another node's range and address; NULL or "" for either: no route. */
void podnet_set_node(struct podnet *net, const char *node, const char *pod_cidr, const char *address);
void podnet_start(struct podnet *net); /* all nodes are known: routes may be made and removed from now on */

/* Pure parts. */
void podnet_conflist(const struct podnet_options *options, const char *pod_cidr, struct buf *out);
/* Both maps: range -> char *address. Appends commands for `ip -batch`. */
void podnet_route_batch(const struct strmap *applied, const struct strmap *wanted, struct buf *out);
/* Reads the output of `ip route show proto 67` into a map range -> malloc'ed address. */
void podnet_read_routes(const char *text, struct strmap *ret_routes);

/* Kernel settings that Services and pods need. False when br_netfilter is missing. */
bool podnet_set_sysctls(void);

#endif
