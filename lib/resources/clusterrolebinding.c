/* rbac.authorization.k8s.io/v1 ClusterRoleBinding. */
#include "lib/resources/rbac_rules.h"
#include "lib/resources/strategy.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	RbacV1__ClusterRoleBinding *b = MSG(RbacV1__ClusterRoleBinding, obj);

	rbac_default_binding(b->role_ref, b->n_subjects, b->subjects);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const RbacV1__ClusterRoleBinding *b = MSG(RbacV1__ClusterRoleBinding, obj);

	rbac_validate_binding(b->role_ref, b->n_subjects, b->subjects, false, e);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	rule_invalid_if(e, PATH_ROOT("roleRef"),
	    !api_equal(MSG(RbacV1__ClusterRoleBinding, obj)->role_ref,
		MSG(RbacV1__ClusterRoleBinding, old)->role_ref),
	    NULL, "cannot change roleRef");
}

static const struct table_column columns[] = BINDING_COLUMNS;

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const RbacV1__ClusterRoleBinding *b = MSG(RbacV1__ClusterRoleBinding, obj);

	rbac_binding_cells(b->role_ref, b->n_subjects, b->subjects, b->metadata, ctx, ret);
}

const struct resource_type clusterrolebinding_strategy = {.name_format = "path-segment",
    .defaults = defaults,
    .validate = validate,
    .validate_update = validate_update,
    COLUMNS(columns),
    .cells = cells};
