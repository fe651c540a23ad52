/* networking.k8s.io/v1 ServiceCIDR. */
#include "lib/resources/strategy.h"
#include "proto/networking_v1.pb-c.h"

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const NetworkingV1__ServiceCIDRSpec *spec = MSG(NetworkingV1__ServiceCIDR, obj)->spec;
	const struct field_path *p = PATH_CHILD(PATH_ROOT("spec"), "cidrs");

	rule_required_that(e, p, spec->n_cidrs, "at least one CIDR required");
	rule_invalid_if(e, p, spec->n_cidrs > 2, NULL, "may only hold up to 2 values");
	for (size_t i = 0; i < spec->n_cidrs; i++)
		rule_format(e, AT(p, i), spec->cidrs[i], "cidr");
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	rule_immutable(e, PATH_CHILD(PATH_ROOT("spec"), "cidrs"),
	    api_equal(MSG(NetworkingV1__ServiceCIDR, obj)->spec, MSG(NetworkingV1__ServiceCIDR, old)->spec));
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("CIDRs"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const NetworkingV1__ServiceCIDRSpec *spec = MSG(NetworkingV1__ServiceCIDR, obj)->spec;

	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_text(ctx, cell_join(ctx, spec->n_cidrs, spec->cidrs, ","));
	ret[2] = cell_age(ctx, obj->meta->creation_timestamp);
}

const struct resource_type servicecidr_strategy = {
    .validate = validate, .validate_update = validate_update, COLUMNS(columns), .cells = cells};
