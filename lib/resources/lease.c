/* coordination.k8s.io/v1 Lease. */
#include "lib/resources/strategy.h"
#include "proto/coordination_v1.pb-c.h"

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CoordinationV1__LeaseSpec *spec = MSG(CoordinationV1__Lease, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	if (spec->has_lease_duration_seconds)
		rule_positive(e, CHILD(p, "leaseDurationSeconds"), spec->lease_duration_seconds);
	if (spec->has_lease_transitions)
		rule_non_negative(e, CHILD(p, "leaseTransitions"), spec->lease_transitions);
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Holder"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoordinationV1__Lease *lease = MSG(CoordinationV1__Lease, obj);

	ret[0] = cell_text(ctx, lease->metadata->name);
	ret[1] = cell_text(ctx, lease->spec->holder_identity);
	ret[2] = cell_age(ctx, lease->metadata->creation_timestamp);
}

const struct resource_type lease_strategy = {.validate = validate, COLUMNS(columns), .cells = cells};
