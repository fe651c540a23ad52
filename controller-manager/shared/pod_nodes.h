/* pod_nodes: pods by their node, and conditions that controllers write into pods. */
#ifndef CUBE_CONTROLLER_MANAGER_SHARED_POD_NODES_H
#define CUBE_CONTROLLER_MANAGER_SHARED_POD_NODES_H

#include <stdint.h>

struct informer;
struct object;

#define PODS_BY_NODE "node"
void pods_index_by_node(struct informer *pods); /* spec.nodeName; pods without one are not found */
/* Sets a condition of an object that is ours to change; the transition time moves only when the status does.
 */
void pod_set_condition(struct object *pod, const char *type, const char *status, const char *reason,
    const char *message, int64_t now_s);

#endif
