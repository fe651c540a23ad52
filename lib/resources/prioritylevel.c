/* flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration. */
#include <math.h>

#include "lib/resources/flow_fixed.h"
#include "lib/resources/strategy.h"
#include "proto/flowcontrol_v1.pb-c.h"

#define QUEUES_MAX 10000000
#define HASH_BITS 60 /* of 64: the last card of a hand is then hardly less random than the first */

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

/* Bits of a flow's hash that dealing the hand consumes, rounded up; see apiserver/flowcontrol/shard.h. */
static int entropy_bits(int deck_size, int hand_size)
{
	return (int)ceil(log2(deck_size) * hand_size);
}

static void check_queuing(
    struct field_errors *e, const struct field_path *p, const FlowcontrolV1__QueuingConfiguration *q)
{
	const struct field_path *hand = CHILD(p, "handSize");

	if (q->queue_length_limit <= 0)
		rule_invalid_int(e, CHILD(p, "queueLengthLimit"), q->queue_length_limit, "must be positive");
	if (q->queues <= 0)
		rule_invalid_int(e, CHILD(p, "queues"), q->queues, "must be positive");
	else if (q->queues > QUEUES_MAX)
		rule_invalid_int(e, CHILD(p, "queues"), q->queues,
		    arena_printf(e->arena, "must not be greater than %d", QUEUES_MAX));
	if (q->hand_size <= 0)
		rule_invalid_int(e, hand, q->hand_size, "must be positive");
	else if (q->hand_size > q->queues)
		rule_invalid_int(e, hand, q->hand_size,
		    arena_printf(e->arena, "should not be greater than queues (%d)", q->queues));
	else if (entropy_bits(q->queues, q->hand_size) > HASH_BITS)
		rule_invalid_int(e, hand, q->hand_size,
		    arena_printf(e->arena,
			"required entropy bits of deckSize %d and handSize %d should not be greater than %d",
			q->queues, q->hand_size, HASH_BITS));
}

static void check_percent(struct field_errors *e, const struct field_path *p, bool has, int32_t percent)
{
	if (has && (percent < 0 || percent > 100))
		rule_invalid_int(e, p, percent, "must be between 0 and 100, inclusive");
}

static void check_limited(struct field_errors *e, const struct field_path *p,
    const FlowcontrolV1__LimitedPriorityLevelConfiguration *l)
{
	const FlowcontrolV1__LimitResponse *r = l->limit_response;
	const struct field_path *response = CHILD(p, "limitResponse"), *queuing = CHILD(response, "queuing");

	if (l->nominal_concurrency_shares < 0)
		rule_invalid_int(e, CHILD(p, "nominalConcurrencyShares"), l->nominal_concurrency_shares,
		    "must be a non-negative integer");
	check_percent(e, CHILD(p, "lendablePercent"), l->has_lendable_percent, l->lendable_percent);
	if (l->has_borrowing_limit_percent && l->borrowing_limit_percent < 0)
		rule_invalid_int(e, CHILD(p, "borrowingLimitPercent"), l->borrowing_limit_percent,
		    "if specified, must be a non-negative integer");
	if (!RULE_ENUM(e, CHILD(response, "type"), r->type, "Queue", "Reject"))
		return;
	if (str_eq(r->type, "Reject"))
		rule_forbidden_if(
		    e, queuing, r->queuing, "must be nil if limited.limitResponse.type is not Limited");
	else if (rule_required_that(
		     e, queuing, r->queuing, "must not be empty if limited.limitResponse.type is Limited"))
		check_queuing(e, queuing, r->queuing);
}

static void check_exempt(struct field_errors *e, const struct field_path *p,
    const FlowcontrolV1__ExemptPriorityLevelConfiguration *x)
{
	if (x->has_nominal_concurrency_shares && x->nominal_concurrency_shares < 0)
		rule_invalid_int(e, CHILD(p, "nominalConcurrencyShares"), x->nominal_concurrency_shares,
		    "must be a non-negative integer");
	check_percent(e, CHILD(p, "lendablePercent"), x->has_lendable_percent, x->lendable_percent);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const FlowcontrolV1__PriorityLevelConfigurationSpec *spec =
	    MSG(FlowcontrolV1__PriorityLevelConfiguration, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");
	bool is_exempt = str_eq(spec->type, "Exempt");

	if (!RULE_ENUM(e, CHILD(p, "type"), spec->type, "Exempt", "Limited"))
		return;
	rule_invalid_if(e, CHILD(p, "type"), str_eq(object_name(obj), "exempt") != is_exempt, spec->type,
	    "type must be 'Exempt' if and only if `name` is 'exempt'");
	if (is_exempt) {
		rule_forbidden_if(
		    e, CHILD(p, "limited"), spec->limited, "must be nil if the type is not Limited");
		if (spec->exempt)
			check_exempt(e, CHILD(p, "exempt"), spec->exempt);
	} else {
		rule_forbidden_if(e, CHILD(p, "exempt"), spec->exempt, "must be nil if the type is Limited");
		if (rule_required_that(
			e, CHILD(p, "limited"), spec->limited, "must not be empty when type is Limited"))
			check_limited(e, CHILD(p, "limited"), spec->limited);
	}
	rule_flow_fixed(e, obj);
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

const struct resource_type prioritylevel_strategy = {.prepare_status_update = strategy_keep_meta,
    .defaults = defaults,
    .validate = validate,
    COLUMNS(columns),
    .cells = cells};
