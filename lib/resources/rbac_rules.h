/* rbac_rules: what roles and cluster roles, and their bindings, share. */
#ifndef CUBE_RESOURCES_RBAC_RULES_H
#define CUBE_RESOURCES_RBAC_RULES_H

#include "lib/resources/cells.h"
#include "lib/resources/rules.h"
#include "proto/rbac_v1.pb-c.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"
#define ROLE_COLUMNS                                                                                         \
	{                                                                                                    \
		COLUMN_NAME,                                                                                 \
		{                                                                                            \
			"Created At", "date", "", "", 0                                                      \
		}                                                                                            \
	}
#define BINDING_COLUMNS                                                                                      \
	{                                                                                                    \
		COLUMN_NAME, COLUMN("Role"), COLUMN_AGE, COLUMN_WIDE("Users"), COLUMN_WIDE("Groups"),        \
		    COLUMN_WIDE("ServiceAccounts")                                                           \
	}

void rbac_validate_rules(
    size_t len, RbacV1__PolicyRule **rules, bool namespaced, struct field_errors *errors);
void rbac_default_binding(RbacV1__RoleRef *ref, size_t len, RbacV1__Subject **subjects);
void rbac_validate_binding(const RbacV1__RoleRef *ref, size_t len, RbacV1__Subject **subjects,
    bool namespaced, struct field_errors *errors);
void rbac_role_cells(const struct object *obj, const struct resource_context *ctx, struct json **cells);
void rbac_binding_cells(const RbacV1__RoleRef *ref, size_t len, RbacV1__Subject **subjects,
    const MetaV1__ObjectMeta *meta, const struct resource_context *ctx, struct json **cells);

#endif
