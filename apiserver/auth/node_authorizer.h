/*
 * node_authorizer: what kubelets may do. Objects that belong to pods (secrets, config maps, claims, volumes,
 * service account tokens) are open to a node only while one of its pods refers to them. There is no graph:
 * the pods of each node are indexed, and a question walks the few pods of the asking node.
 */
#ifndef CUBE_APISERVER_AUTH_NODE_AUTHORIZER_H
#define CUBE_APISERVER_AUTH_NODE_AUTHORIZER_H

#include "apiserver/auth/authorizer.h"

struct node_authorizer;

struct node_authorizer *node_authorizer_new(const struct object_reader *reader); /* borrowed */
void node_authorizer_free(struct node_authorizer *na);
/* Pods; other kinds are ignored. */
void node_authorizer_observe(struct node_authorizer *na, const struct object *old, const struct object *new_);
enum authz_decision node_authorizer_decide(const struct node_authorizer *na,
    const struct authz_attributes *attributes, struct arena *arena, const char **ret_reason);

#endif
