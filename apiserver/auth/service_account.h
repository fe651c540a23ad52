/*
 * service_account: the claims of service account tokens, as upstream v1.32 writes and checks them. A token is
 * good only while what it is bound to (account, pod, secret, node) exists with the same uid, so deleting the
 * object revokes it.
 */
#ifndef CUBE_APISERVER_AUTH_SERVICE_ACCOUNT_H
#define CUBE_APISERVER_AUTH_SERVICE_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "apiserver/auth/user.h"

struct arena;
struct error;
struct json;
struct object;
struct object_reader;

#define LEGACY_ISSUER "kubernetes/serviceaccount"

struct service_account_request {
	const char *issuer;
	const char *const *audiences; /* ends with NULL */
	const struct object *account;
	const struct object *pod, *secret; /* at most one; NULL when not bound */
	const char *node_name, *node_uid;  /* of the pod's node, or of a bound node; NULL when unknown */
	int64_t now_s, expires_in_s;
	int64_t warn_in_s; /* 0: no warnafter claim */
};
/* A JSON object with its keys sorted. ret_jti receives the token's id. */
struct json *service_account_claims(
    struct arena *arena, const struct service_account_request *request, const char **ret_jti);

/*
 * Checks times and bound objects of verified claims; audiences and issuer are the caller's. `token` is the
 * text, which a legacy token's secret must still hold.
 */
int service_account_check(const struct object_reader *reader, struct arena *arena, int64_t now_s,
    const struct json *claims, const char *token, struct api_user *ret_user, struct error *err);

#endif
