/*
 * user: who makes a request. The API's own type is used throughout (AuthenticationV1__UserInfo), so that TokenReview,
 * SelfSubjectReview, certificate requests and webhooks need no conversion. These are the few helpers around it.
 */
#ifndef CUBE_APISERVER_AUTH_USER_H
#define CUBE_APISERVER_AUTH_USER_H

#include <stdbool.h>

#include "proto/authentication_v1.pb-c.h"

struct arena;

#define USER_ANONYMOUS "system:anonymous"
#define USER_NODE_PREFIX "system:node:"
#define USER_SERVICE_ACCOUNT_PREFIX "system:serviceaccount:"
#define GROUP_MASTERS "system:masters"
#define GROUP_NODES "system:nodes"
#define GROUP_AUTHENTICATED "system:authenticated"
#define GROUP_UNAUTHENTICATED "system:unauthenticated"
#define GROUP_SERVICE_ACCOUNTS "system:serviceaccounts"

/* Strings are copied; a user in the arena. uid may be NULL. */
AuthenticationV1__UserInfo *user_new(struct arena *arena, const char *name, const char *uid);
void user_add_group(struct arena *arena, AuthenticationV1__UserInfo *user, const char *group); /* once each */
void user_add_extra(struct arena *arena, AuthenticationV1__UserInfo *user, const char *key, const char *value);
const char *user_extra(const AuthenticationV1__UserInfo *user, const char *key); /* first value, or NULL */
bool user_in_group(const AuthenticationV1__UserInfo *user, const char *group);
/* The node's name when the user is a kubelet (name and group say so), else NULL. */
const char *user_node_name(const AuthenticationV1__UserInfo *user);
/* Splits "system:serviceaccount:NS:NAME" into the arena; false when the user is none. */
bool user_service_account(const AuthenticationV1__UserInfo *user, struct arena *arena, const char **ret_ns,
    const char **ret_name);
/* system:serviceaccount:NS:NAME with its groups. */
AuthenticationV1__UserInfo *user_new_service_account(struct arena *arena, const char *ns, const char *name,
    const char *uid);

#endif
