/* node lease: the heartbeat: kube-node-lease/<node>, renewed every quarter of its duration (10 s of 40 s). */
#ifndef CUBE_KUBELET_NODE_LEASE_H
#define CUBE_KUBELET_NODE_LEASE_H

struct kubelet_config;
struct node_lease;
struct object;
struct rest_client;

struct node_lease *node_lease_new(const struct kubelet_config *config, struct rest_client *client);
void node_lease_start(
    struct node_lease *lease, const struct object *node); /* again with another node: takes its uid */
void node_lease_free(struct node_lease *lease);

#endif
