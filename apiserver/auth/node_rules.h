/*
 * node_rules: what every node may do whatever its pods are, beyond what node_authorizer.c decides object by
 * object. The same as the bootstrap cluster role system:node; compiled in so that a kubelet's rights do not
 * hang on stored objects.
 */
#ifndef CUBE_APISERVER_AUTH_NODE_RULES_H
#define CUBE_APISERVER_AUTH_NODE_RULES_H

#include <stdbool.h>

struct authz_attributes;

bool node_rules_allow(const struct authz_attributes *attributes);

#endif
