/*
 * Nobody grants what he does not hold: roles and bindings are written only by who holds all their rules, or
 * has the right to "escalate" the role or to "bind" it. Upstream does this in the registry of these kinds;
 * here it is a plugin.
 */
#include "apiserver/admission/plugin.h"

#include "apiserver/auth/rbac.h"

#define GROUP "rbac.authorization.k8s.io"

static bool rules_equal(
    size_t x_len, RbacV1__PolicyRule *const *x, size_t y_len, RbacV1__PolicyRule *const *y)
{
	if (x_len != y_len)
		return false;
	for (size_t i = 0; i < x_len; i++)
		if (!api_equal(x[i], y[i]))
			return false;
	return true;
}

static int check_covered(struct api_request *req, const struct object *obj, size_t len,
    RbacV1__PolicyRule *const *rules, struct error *err)
{
	const struct rbac *rbac = authorizer_rbac(req->server->auth->authorizer);
	struct error why = ERROR_INIT;

	if (rbac_check_covered(rbac, &req->user, req->info.ns, len, rules, req->arena, &why) == 0)
		return API_NEXT;
	return admission_forbid(req, obj, err, "%s", why.message);
}

static int check_role(struct api_request *req, const struct object *obj, size_t len,
    RbacV1__PolicyRule *const *rules, size_t old_len, RbacV1__PolicyRule *const *old_rules, struct error *err)
{
	if (rules_equal(len, rules, old_len, old_rules) ||
	    auth_user_may(
		req, "escalate", GROUP, req->info.resource, "", req->info.ns, admission_name(req, obj)))
		return API_NEXT;
	return check_covered(req, obj, len, rules, err);
}

/* Aggregation can bring in any rule, so it takes all of them. */
static int check_aggregation(struct api_request *req, const struct object *obj, const RbacV1__ClusterRole *is,
    const RbacV1__ClusterRole *was, struct error *err)
{
	char *star[] = {(char *)"*"};
	RbacV1__PolicyRule resources = {.n_verbs = 1,
	    .verbs = star,
	    .n_api_groups = 1,
	    .api_groups = star,
	    .n_resources = 1,
	    .resources = star};
	RbacV1__PolicyRule urls = {
	    .n_verbs = 1, .verbs = star, .n_non_resource_urls = 1, .non_resource_urls = star};
	RbacV1__PolicyRule *everything[] = {&resources, &urls};
	struct error why = ERROR_INIT;

	if (!is->aggregation_rule || (was && api_equal(is->aggregation_rule, was->aggregation_rule)) ||
	    auth_user_may(req, "escalate", GROUP, "clusterroles", "", "", admission_name(req, obj)) ||
	    rbac_check_covered(authorizer_rbac(req->server->auth->authorizer), &req->user, "", 2, everything,
		req->arena, &why) == 0)
		return API_NEXT;
	return admission_forbid(
	    req, obj, err, "must have cluster-admin privileges to use an aggregationRule: %s", why.message);
}

static int check_binding(
    struct api_request *req, const struct object *obj, const RbacV1__RoleRef *ref, struct error *err)
{
	const struct rbac *rbac = authorizer_rbac(req->server->auth->authorizer);
	const char *resource = str_eq(ref->kind, "Role") ? "roles" : "clusterroles";
	size_t len;
	RbacV1__PolicyRule **rules;

	if (auth_user_may(req, "bind", GROUP, resource, "", req->info.ns, ref->name))
		return API_NEXT;
	if (!rbac_role_rules(rbac, ref->kind, req->info.ns, ref->name, &len, &rules))
		return admission_not_found(GROUP, resource, ref->name, err);
	return check_covered(req, obj, len, rules, err);
}

static int check_cluster_role(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	const RbacV1__ClusterRole *is = (const void *)obj->msg;
	const RbacV1__ClusterRole *was = OBJECT_AS(old, RbacV1__ClusterRole, rbac_v1__cluster_role);

	if (check_aggregation(req, obj, is, was, err) < 0)
		return API_FAIL;
	return check_role(
	    req, obj, is->n_rules, is->rules, was ? was->n_rules : 0, was ? was->rules : NULL, err);
}

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	const RbacV1__Role *role = OBJECT_AS(obj, RbacV1__Role, rbac_v1__role);
	const RbacV1__Role *was = OBJECT_AS(old, RbacV1__Role, rbac_v1__role);
	const RbacV1__RoleBinding *binding = OBJECT_AS(obj, RbacV1__RoleBinding, rbac_v1__role_binding);
	const RbacV1__ClusterRoleBinding *cluster_binding =
	    OBJECT_AS(obj, RbacV1__ClusterRoleBinding, rbac_v1__cluster_role_binding);

	if (req->is_internal || !authorizer_rbac(req->server->auth->authorizer) ||
	    user_in_group(&req->user, GROUP_MASTERS))
		return API_NEXT;
	if (role)
		return check_role(req, obj, role->n_rules, role->rules, was ? was->n_rules : 0,
		    was ? was->rules : NULL, err);
	if (OBJECT_AS(obj, RbacV1__ClusterRole, rbac_v1__cluster_role))
		return check_cluster_role(req, obj, old, err);
	if (binding)
		return check_binding(req, obj, binding->role_ref, err);
	if (cluster_binding)
		return check_binding(req, obj, cluster_binding->role_ref, err);
	return API_NEXT;
}

const struct admission_plugin admission_rbac_escalation = {
    .name = "RBACEscalation",
    .operations = ADMIT_CREATE | ADMIT_UPDATE,
    .mutate = admit,
};
