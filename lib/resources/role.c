/* rbac.authorization.k8s.io/v1 Role. */
#include "lib/resources/rbac_rules.h"
#include "lib/resources/strategy.h"

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	rbac_validate_rules(MSG(RbacV1__Role, obj)->n_rules, MSG(RbacV1__Role, obj)->rules, true, e);
}

static const struct table_column columns[] = ROLE_COLUMNS;

const struct resource_type role_strategy = {
    .name_format = "path-segment", .validate = validate, COLUMNS(columns), .cells = rbac_role_cells};
