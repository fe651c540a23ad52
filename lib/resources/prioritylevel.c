/* flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration. */
#include "lib/resources/strategy.h"
#include "proto/flowcontrol_v1.pb-c.h"

static void default_queuing(FlowcontrolV1__QueuingConfiguration *q)
{
	if (!q->queues)
		q->queues = 64;
	if (!q->hand_size)
		q->hand_size = 8;
	if (!q->queue_length_limit)
		q->queue_length_limit = 50;
}

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	FlowcontrolV1__PriorityLevelConfigurationSpec *spec =
	    MSG(FlowcontrolV1__PriorityLevelConfiguration, obj)->spec;

	if (spec->exempt) {
		spec->exempt->has_nominal_concurrency_shares = true; /* 0 unless given */
		spec->exempt->has_lendable_percent = true;
	}
	if (!spec->limited)
		return;
	if (!spec->limited->has_nominal_concurrency_shares) {
		spec->limited->has_nominal_concurrency_shares = true;
		spec->limited->nominal_concurrency_shares = 30;
	}
	spec->limited->has_lendable_percent = true;
	if (spec->limited->limit_response->queuing)
		default_queuing(spec->limited->limit_response->queuing);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const FlowcontrolV1__PriorityLevelConfigurationSpec *spec =
	    MSG(FlowcontrolV1__PriorityLevelConfiguration, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	if (str_eq(spec->type, "Exempt"))
		rule_forbidden_if(
		    e, CHILD(p, "limited"), spec->limited, "must be nil if the type is not Limited");
	else if (str_eq(spec->type, "Limited"))
		rule_required_that(
		    e, CHILD(p, "limited"), spec->limited, "must not be empty when type is Limited");
	else
		RULE_ENUM(e, CHILD(p, "type"), spec->type, "Exempt", "Limited");
	if (spec->limited)
		rule_non_negative(e, CHILD(CHILD(p, "limited"), "nominalConcurrencyShares"),
		    spec->limited->nominal_concurrency_shares);
}

static struct json *number(
    const struct resource_context *ctx, const FlowcontrolV1__QueuingConfiguration *q, int32_t n)
{
	return q ? cell_printf(ctx, "%d", n) : cell_text(ctx, "<none>");
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Type"), COLUMN("NominalConcurrencyShares"),
    COLUMN("Queues"), COLUMN("HandSize"), COLUMN("QueueLengthLimit"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const FlowcontrolV1__PriorityLevelConfigurationSpec *spec =
	    MSG(FlowcontrolV1__PriorityLevelConfiguration, obj)->spec;
	const FlowcontrolV1__QueuingConfiguration *q =
	    spec->limited ? spec->limited->limit_response->queuing : NULL;

	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_text(ctx, spec->type);
	ret[2] = spec->limited ? cell_printf(ctx, "%d", spec->limited->nominal_concurrency_shares)
			       : cell_text(ctx, "<none>");
	ret[3] = number(ctx, q, q ? q->queues : 0);
	ret[4] = number(ctx, q, q ? q->hand_size : 0);
	ret[5] = number(ctx, q, q ? q->queue_length_limit : 0);
	ret[6] = cell_age(ctx, obj->meta->creation_timestamp);
}

const struct resource_type prioritylevel_strategy = {
    .defaults = defaults, .validate = validate, COLUMNS(columns), .cells = cells};
