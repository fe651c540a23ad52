/*
 * base: the fixed part of the rules: chains that Services share, masquerading, forwarding, and the pod
 * network's rules; and the jumps out of the builtin chains that lead to them. Pure.
 */
#ifndef CUBE_PROXY_BASE_H
#define CUBE_PROXY_BASE_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy/rules.h"

struct base_config {
	const char *pod_cidr;     /* of this node; "" unknown or another's pod network */
	const char *cluster_cidr; /* of all pods; "" unknown */
	/* Packets between two pods on the bridge pass iptables (br_netfilter); without, answers miss the way
	 * back through NAT. */
	bool bridge_is_filtered;
	bool localhost_node_ports;
	const char *const *node_port_cidrs; /* where node ports answer; none: everywhere */
	size_t node_port_cidrs_len;
};

#define BASE_CANARY "KUBE-PROXY-CANARY"

/* Chains with rules of their own. */
void base_render(const struct base_config *config, struct rules *out);

/* The chains that Services put lines in, ends with a NULL name; and what stands at the end of one, after all
 * those lines. */
struct base_shared {
	enum proxy_table table;
	const char *chain;
};
extern const struct base_shared base_shared_chains[];
void base_tail(const struct base_config *config, enum proxy_table table, const char *chain, struct buf *out);

struct base_jump {
	enum proxy_table table;
	const char *from, *to;
	const char *spec; /* between the chain and -j */
	bool append;      /* else it goes first */
};
extern const struct base_jump base_jumps[]; /* ends with a NULL from; put in one after the other */

/* Is this a chain that kube-proxy makes? */
bool base_owns_chain(const char *chain);

#endif
