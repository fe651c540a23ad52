/*
 * user: who makes a request. Lives in an arena, usually the request's.
 */
#ifndef CUBE_APISERVER_AUTH_USER_H
#define CUBE_APISERVER_AUTH_USER_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/authentication_v1.pb-c.h"

struct arena;

struct api_user_extra {
	const char *key;
	const char *const *values; /* ends with NULL */
};

struct api_user {
	const char *name, *uid;       /* never NULL once authenticated */
	const char *const *groups;    /* ends with NULL */
	struct api_user_extra *extra; /* sorted by key */
	size_t extra_len;
};

#define USER_ANONYMOUS "system:anonymous"
#define USER_NODE_PREFIX "system:node:"
#define USER_SERVICE_ACCOUNT_PREFIX "system:serviceaccount:"
#define GROUP_MASTERS "system:masters"
#define GROUP_NODES "system:nodes"
#define GROUP_AUTHENTICATED "system:authenticated"
#define GROUP_UNAUTHENTICATED "system:unauthenticated"
#define GROUP_SERVICE_ACCOUNTS "system:serviceaccounts"

/* Strings are copied. uid may be NULL. */
void user_init(struct arena *arena, struct api_user *user, const char *name, const char *uid);
void user_add_group(struct arena *arena, struct api_user *user, const char *group); /* once each */
void user_add_extra(struct arena *arena, struct api_user *user, const char *key, const char *value);
const char *user_extra(const struct api_user *user, const char *key); /* first value, or NULL */
bool user_in_group(const struct api_user *user, const char *group);
/* The node's name when the user is a kubelet (name and group say so), else NULL. */
const char *user_node_name(const struct api_user *user);
/* Splits "system:serviceaccount:NS:NAME" into the arena; false when the name is none. */
bool user_split_service_account(
    struct arena *arena, const char *name, const char **ret_ns, const char **ret_name);
/* system:serviceaccount:NS:NAME with its groups. */
void user_init_service_account(
    struct arena *arena, struct api_user *user, const char *ns, const char *name, const char *uid);
/* To and from the API's form: reviews, certificate requests, webhooks. */
AuthenticationV1__UserInfo *user_to_info(struct arena *arena, const struct api_user *user);

#endif
