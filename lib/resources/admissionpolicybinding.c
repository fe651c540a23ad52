/* admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding. */
#include "lib/resources/strategy.h"
#include "proto/admissionregistration_v1.pb-c.h"

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const AdmissionregistrationV1__ValidatingAdmissionPolicyBindingSpec *spec =
	    MSG(AdmissionregistrationV1__ValidatingAdmissionPolicyBinding, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");
	struct rule_seen seen = {0};

	rule_name(e, CHILD(p, "policyName"), spec->policy_name, "dns-subdomain");
	rule_required_that(e, CHILD(p, "validationActions"), spec->n_validation_actions,
	    "at least one validation action is required");
	for (size_t i = 0; i < spec->n_validation_actions; i++) {
		RULE_ENUM(e, AT(CHILD(p, "validationActions"), i), spec->validation_actions[i], "Audit",
		    "Deny", "Warn");
		if (rule_seen(&seen, e->arena, spec->validation_actions[i]))
			rule_duplicate(e, AT(CHILD(p, "validationActions"), i), spec->validation_actions[i]);
	}
}

static const struct table_column columns[] = {
    COLUMN_NAME, COLUMN("PolicyName"), COLUMN("ParamRef"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const AdmissionregistrationV1__ValidatingAdmissionPolicyBindingSpec *spec =
	    MSG(AdmissionregistrationV1__ValidatingAdmissionPolicyBinding, obj)->spec;

	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_text(ctx, spec->policy_name);
	ret[2] = cell_or(ctx, spec->param_ref ? spec->param_ref->name : NULL, "<unset>");
	ret[3] = cell_age(ctx, obj->meta->creation_timestamp);
}

const struct resource_type admissionpolicybinding_strategy = {
    .validate = validate, COLUMNS(columns), .cells = cells};
