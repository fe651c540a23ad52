#include "lib/resources/flow_fixed.h"

#include <string.h>

#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/resources/strategy.h"
#include "proto/flowcontrol_v1.pb-c.h"

#define GROUP(name) "{\"kind\":\"Group\",\"group\":{\"name\":\"" name "\"}}"
#define EVERYTHING                                                                                           \
	"\"resourceRules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"],"                 \
	"\"clusterScope\":true,\"namespaces\":[\"*\"]}],"                                                    \
	"\"nonResourceRules\":[{\"verbs\":[\"*\"],\"nonResourceURLs\":[\"*\"]}]"

static const struct {
	const char *kind, *name, *spec;
} fixed[] = {
    {"FlowSchema", "exempt",
	"{\"spec\":{\"priorityLevelConfiguration\":{\"name\":\"exempt\"},\"matchingPrecedence\":1,"
	"\"rules\":[{\"subjects\":[" GROUP("system:masters") "]," EVERYTHING "}]}}"},
    {"FlowSchema", "catch-all",
	"{\"spec\":{\"priorityLevelConfiguration\":{\"name\":\"catch-all\"},\"matchingPrecedence\":10000,"
	"\"distinguisherMethod\":{\"type\":\"ByUser\"},"
	"\"rules\":[{\"subjects\":[" GROUP("system:unauthenticated") "," GROUP(
	    "system:authenticated") "]," EVERYTHING "}]}}"},
    {"PriorityLevelConfiguration", "exempt", "{\"spec\":{\"type\":\"Exempt\"}}"},
    {"PriorityLevelConfiguration", "catch-all",
	"{\"spec\":{\"type\":\"Limited\",\"limited\":{\"nominalConcurrencyShares\":5,\"lendablePercent\":0,"
	"\"limitResponse\":{\"type\":\"Reject\"}}}}"},
};

static const ProtobufCMessage *spec_of(const struct schema *schema, const ProtobufCMessage *msg)
{
	return *(ProtobufCMessage *const *)((const char *)msg + schema_find(schema, "spec")->offset);
}

static bool has_spec(struct arena *arena, const struct object *obj, const char *json)
{
	struct object *copy = object_clone(obj);
	struct json *tree = NULL;
	ProtobufCMessage *msg = NULL;
	bool equal = false;

	if (copy->msg->descriptor == &flowcontrol_v1__priority_level_configuration__descriptor &&
	    str_eq(object_name(obj), "exempt"))
		MSG(FlowcontrolV1__PriorityLevelConfiguration, copy)->spec->exempt = NULL;
	if (json_parse(arena, json, strlen(json), NULL, &tree, NULL) == 0 &&
	    codec_from_json(arena, copy->schema, tree, NULL, &msg, NULL) == 0)
		equal = api_equal_message(spec_of(copy->schema, copy->msg), spec_of(copy->schema, msg));
	object_unref(copy);
	return equal;
}

bool rule_flow_fixed(struct field_errors *e, const struct object *obj)
{
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (!str_eq(obj->kind, fixed[i].kind) || !str_eq(object_name(obj), fixed[i].name))
			continue;
		if (has_spec(e->arena, obj, fixed[i].spec))
			return true;
		bool is_exempt_level = str_eq(fixed[i].name, "exempt") && *fixed[i].kind == 'P';
		field_errors_at(e, FIELD_INVALID, PATH_ROOT("spec"), NULL,
		    is_exempt_level ? "spec of '%s' except the `spec.exempt` field must equal the fixed value"
				    : "spec of '%s' must equal the fixed value",
		    fixed[i].name);
		return false;
	}
	return true;
}
