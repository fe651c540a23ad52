/* admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration. */
#include "lib/resources/strategy.h"
#include "lib/resources/webhooks.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	AdmissionregistrationV1__ValidatingWebhookConfiguration *c =
	    MSG(AdmissionregistrationV1__ValidatingWebhookConfiguration, obj);

	for (size_t i = 0; i < c->n_webhooks; i++)
		webhook_defaults((AdmissionregistrationV1__ValidatingWebhook *)c->webhooks[i], obj->arena);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const AdmissionregistrationV1__ValidatingWebhookConfiguration *c =
	    MSG(AdmissionregistrationV1__ValidatingWebhookConfiguration, obj);
	struct rule_seen names = {0};

	for (size_t i = 0; i < c->n_webhooks; i++) {
		const struct field_path *p = AT(PATH_ROOT("webhooks"), i);
		const AdmissionregistrationV1__ValidatingWebhook *hook = c->webhooks[i];

		webhook_validate((const AdmissionregistrationV1__ValidatingWebhook *)hook, p, e);
		webhook_validate_conditions(
		    hook->n_match_conditions, hook->match_conditions, CHILD(p, "matchConditions"), e);
		if (!str_empty(hook->name) && rule_seen(&names, e->arena, hook->name))
			rule_duplicate(e, CHILD(p, "name"), hook->name);
	}
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN_INT("Webhooks"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_int(
	    ctx, (int64_t)MSG(AdmissionregistrationV1__ValidatingWebhookConfiguration, obj)->n_webhooks);
	ret[2] = cell_age(ctx, obj->meta->creation_timestamp);
}

const struct resource_type validatingwebhook_strategy = {
    .defaults = defaults, .validate = validate, COLUMNS(columns), .cells = cells};
