/*
 * authorizer: may this user do this? A chain of modes (Node, RBAC, AlwaysAllow, AlwaysDeny) in the order of
 * --authorization-mode, with system:masters in front. Decisions are synchronous and read only the caches.
 */
#ifndef CUBE_APISERVER_AUTH_AUTHORIZER_H
#define CUBE_APISERVER_AUTH_AUTHORIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "apiserver/auth/user.h"

struct arena;
struct authorizer;
struct error;
struct field_selector;
struct metric_set;
struct object;
struct object_reader;
struct rbac;
struct selector;

enum authz_decision { AUTHZ_NO_OPINION, AUTHZ_ALLOW, AUTHZ_DENY };

/* What is asked. Strings are never NULL ("" when absent). */
struct authz_attributes {
	const struct api_user *user;
	const char *verb; /* get list watch create update patch delete deletecollection, proxy's too; HTTP's
			   * own in lower case for paths */
	bool is_resource; /* else only path counts */
	const char *group, *version, *resource, *subresource, *ns, *name;
	const char *path;
	const struct field_selector
	    *fields; /* of a list, watch or deletecollection; NULL when none or unreadable */
	const struct selector *labels;
};

/* Whether AlwaysAllow is among the modes. */
bool authorizer_allows_all(const struct authorizer *authorizer);
/* "Node,RBAC". Unknown modes are an error. The reader is borrowed and must outlive the authorizer. */
struct authorizer *authorizer_new(const char *modes, const struct object_reader *reader, struct error *err);
void authorizer_free(struct authorizer *authorizer);
/*
 * Feed of changes, as informers give it: old NULL for an added object, new_ NULL for a deleted one. Kinds
 * wanted: roles, clusterroles, rolebindings, clusterrolebindings, pods; others are ignored.
 */
void authorizer_observe(struct authorizer *authorizer, const struct object *old, const struct object *new_);
/* ret_reason (may be NULL) receives text in the arena, "" when there is none. */
enum authz_decision authorizer_decide(const struct authorizer *authorizer,
    const struct authz_attributes *attributes, struct arena *arena, const char **ret_reason);
static inline bool authz_allowed(
    const struct authorizer *authorizer, const struct authz_attributes *attributes, struct arena *arena)
{
	return authorizer_decide(authorizer, attributes, arena, NULL) == AUTHZ_ALLOW;
}
/* Fills the 403 in upstream's words. Returns -1. */
int authz_forbid(const struct authz_attributes *attributes, const char *reason, struct error *err);
/* Counts its decisions in the set from now on: who allows or denies ends the question and is counted. */
void authorizer_count(struct authorizer *authorizer, struct metric_set *set);
/* The RBAC index, for escalation checks and rules reviews; NULL when RBAC is not among the modes. */
const struct rbac *authorizer_rbac(const struct authorizer *authorizer);

#endif
