/* admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy. Expressions are not compiled here. */
#include "lib/resources/strategy.h"
#include "proto/admissionregistration_v1.pb-c.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	AdmissionregistrationV1__MatchResources *m =
	    MSG(AdmissionregistrationV1__ValidatingAdmissionPolicy, obj)->spec->match_constraints;

	if (m && !m->namespace_selector)
		m->namespace_selector = API_NEW(obj->arena, meta_v1__label_selector);
	if (m && !m->object_selector)
		m->object_selector = API_NEW(obj->arena, meta_v1__label_selector);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const AdmissionregistrationV1__ValidatingAdmissionPolicySpec *spec =
	    MSG(AdmissionregistrationV1__ValidatingAdmissionPolicy, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	if (spec->failure_policy)
		RULE_ENUM(e, CHILD(p, "failurePolicy"), spec->failure_policy, "Fail", "Ignore");
	if (spec->param_kind) {
		rule_required(e, CHILD(CHILD(p, "paramKind"), "apiVersion"), spec->param_kind->api_version);
		rule_required(e, CHILD(CHILD(p, "paramKind"), "kind"), spec->param_kind->kind);
	}
	rule_required_that(e, CHILD(p, "matchConstraints"), spec->match_constraints, "");
	rule_required_that(e, CHILD(p, "validations"), spec->n_validations || spec->n_audit_annotations,
	    "validations or auditAnnotations must contain at least one item");
	for (size_t i = 0; i < spec->n_validations; i++)
		rule_required(
		    e, CHILD(AT(CHILD(p, "validations"), i), "expression"), spec->validations[i]->expression);
}

static const struct table_column columns[] = {
    COLUMN_NAME, COLUMN_INT("Validations"), COLUMN("ParamKind"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const AdmissionregistrationV1__ValidatingAdmissionPolicySpec *spec =
	    MSG(AdmissionregistrationV1__ValidatingAdmissionPolicy, obj)->spec;

	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_int(ctx, (int64_t)spec->n_validations);
	ret[2] = spec->param_kind
		     ? cell_printf(ctx, "%s/%s", spec->param_kind->api_version, spec->param_kind->kind)
		     : cell_text(ctx, "<unset>");
	ret[3] = cell_age(ctx, obj->meta->creation_timestamp);
}

const struct resource_type admissionpolicy_strategy = {.prepare_status_update = strategy_keep_meta,
    .defaults = defaults,
    .validate = validate,
    COLUMNS(columns),
    .cells = cells};
