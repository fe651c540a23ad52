/* flowcontrol.apiserver.k8s.io/v1 FlowSchema. */
#include "lib/resources/strategy.h"
#include "proto/flowcontrol_v1.pb-c.h"

static void defaults(struct object *obj, const struct resource_context *ctx)
{
	FlowcontrolV1__FlowSchemaSpec *spec = MSG(FlowcontrolV1__FlowSchema, obj)->spec;

	if (!spec->matching_precedence)
		spec->matching_precedence = 1000;
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const FlowcontrolV1__FlowSchemaSpec *spec = MSG(FlowcontrolV1__FlowSchema, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	rule_range(e, CHILD(p, "matchingPrecedence"), spec->matching_precedence, 1, 10000);
	rule_required(e, CHILD(CHILD(p, "priorityLevelConfiguration"), "name"),
	    spec->priority_level_configuration->name);
	if (spec->distinguisher_method)
		RULE_ENUM(e, CHILD(CHILD(p, "distinguisherMethod"), "type"), spec->distinguisher_method->type,
		    "ByNamespace", "ByUser");
}

static const char *missing_text(const FlowcontrolV1__FlowSchemaStatus *s)
{
	for (size_t i = 0; i < s->n_conditions; i++)
		if (str_eq(s->conditions[i]->type, "Dangling"))
			return s->conditions[i]->status;
	return "?";
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("PriorityLevel"),
    COLUMN("MatchingPrecedence"), COLUMN("DistinguisherMethod"), COLUMN_AGE, COLUMN("MissingPL")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const FlowcontrolV1__FlowSchema *fs = MSG(FlowcontrolV1__FlowSchema, obj);

	ret[0] = cell_text(ctx, obj->meta->name);
	ret[1] = cell_text(ctx, fs->spec->priority_level_configuration->name);
	ret[2] = cell_int(ctx, fs->spec->matching_precedence);
	ret[3] =
	    cell_or_none(ctx, fs->spec->distinguisher_method ? fs->spec->distinguisher_method->type : NULL);
	ret[4] = cell_age(ctx, obj->meta->creation_timestamp);
	ret[5] = cell_text(ctx, missing_text(fs->status));
}

const struct resource_type flowschema_strategy = {
    .defaults = defaults, .validate = validate, COLUMNS(columns), .cells = cells};
