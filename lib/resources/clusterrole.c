/* rbac.authorization.k8s.io/v1 ClusterRole. */
#include "lib/api/labels.h"
#include "lib/resources/rbac_rules.h"
#include "lib/resources/strategy.h"

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const RbacV1__ClusterRole *role = MSG(RbacV1__ClusterRole, obj);
	const struct field_path *p = PATH_CHILD(PATH_ROOT("aggregationRule"), "clusterRoleSelectors");

	rbac_validate_rules(role->n_rules, role->rules, false, e);
	if (!role->aggregation_rule)
		return;
	rule_required_that(e, p, role->aggregation_rule->n_cluster_role_selectors,
	    "at least one clusterRoleSelector required if aggregationRule is non-nil");
	for (size_t i = 0; i < role->aggregation_rule->n_cluster_role_selectors; i++) {
		const MetaV1__LabelSelector *s = role->aggregation_rule->cluster_role_selectors[i];
		struct selector *parsed;

		rule_label_selector(e, AT(p, i), s);
		rule_invalid_if(e, AT(p, i), selector_from_object(e->arena, s, &parsed, NULL) < 0, NULL,
		    "invalid label selector");
	}
}

static const struct table_column columns[] = ROLE_COLUMNS;

const struct resource_type clusterrole_strategy = {
    .name_format = "path-segment", .validate = validate, COLUMNS(columns), .cells = rbac_role_cells};
