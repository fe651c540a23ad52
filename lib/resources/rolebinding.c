/* rbac.authorization.k8s.io/v1 RoleBinding. */
#include "lib/resources/rbac_rules.h"
#include "lib/resources/strategy.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	RbacV1__RoleBinding *b = MSG(RbacV1__RoleBinding, obj);

	rbac_default_binding(b->role_ref, b->n_subjects, b->subjects);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const RbacV1__RoleBinding *b = MSG(RbacV1__RoleBinding, obj);

	rbac_validate_binding(b->role_ref, b->n_subjects, b->subjects, true, e);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	rule_invalid_if(e, PATH_ROOT("roleRef"),
	    !api_equal(MSG(RbacV1__RoleBinding, obj)->role_ref, MSG(RbacV1__RoleBinding, old)->role_ref),
	    NULL, "cannot change roleRef");
}

static const struct table_column columns[] = BINDING_COLUMNS;

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const RbacV1__RoleBinding *b = MSG(RbacV1__RoleBinding, obj);

	rbac_binding_cells(b->role_ref, b->n_subjects, b->subjects, b->metadata, ctx, ret);
}

const struct resource_type rolebinding_strategy = {.name_format = "path-segment",
    .defaults = defaults,
    .validate = validate,
    .validate_update = validate_update,
    COLUMNS(columns),
    .cells = cells};
