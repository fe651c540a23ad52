/*
 * rbac: role-based access control. Keeps an index of bindings by subject and of roles by name, fed by events,
 * so that a decision looks at the bindings of the user and the user's groups only and allocates nothing.
 */
#ifndef CUBE_APISERVER_AUTH_RBAC_H
#define CUBE_APISERVER_AUTH_RBAC_H

#include <stdbool.h>
#include <stddef.h>

#include "apiserver/auth/authorizer.h"
#include "proto/rbac_v1.pb-c.h"

struct arena;
struct error;
struct object;
struct rbac;

struct rbac *rbac_new(void);
void rbac_free(struct rbac *rbac);
/* Roles, cluster roles and their bindings; other kinds are ignored. old NULL: added; new_ NULL: deleted. */
void rbac_observe(struct rbac *rbac, const struct object *old, const struct object *new_);
/* ret_reason may be NULL. */
bool rbac_allows(const struct rbac *rbac, const struct authz_attributes *attributes, struct arena *arena,
    const char **ret_reason);

/* One rule against one question; rules compose by "any". */
bool rbac_rule_allows(const RbacV1__PolicyRule *rule, const struct authz_attributes *attributes);
bool rbac_rules_allow(
    size_t len, RbacV1__PolicyRule *const *rules, const struct authz_attributes *attributes);

/* Calls visit for every rule that the user holds: cluster-wide ones, and those of ns unless it is "". False
 * stops. */
typedef bool rbac_visit_fn(void *arg, const RbacV1__PolicyRule *rule);
void rbac_visit_rules(
    const struct rbac *rbac, const struct api_user *user, const char *ns, rbac_visit_fn *visit, void *arg);
/* Bindings of the user to roles that do not exist, as text ("" when none): for rules reviews. */
const char *rbac_missing_roles(
    const struct rbac *rbac, const struct api_user *user, const char *ns, struct arena *arena);

/* The rules of a role: kind "Role" (in ns) or "ClusterRole". False when it does not exist. */
bool rbac_role_rules(const struct rbac *rbac, const char *kind, const char *ns, const char *name,
    size_t *ret_len, RbacV1__PolicyRule ***ret_rules);

/*
 * Escalation: nobody grants what he does not hold. Returns 0 when the user's rules in ns cover all of
 * `rules`, else fills err with ERR_FORBIDDEN whose message lists what is missing; the caller adds which
 * object.
 */
int rbac_check_covered(const struct rbac *rbac, const struct api_user *user, const char *ns, size_t len,
    RbacV1__PolicyRule *const *rules, struct arena *arena, struct error *err);

#endif
