/*
 * policy/v1beta1 PodDisruptionBudget: the fields of v1, but an empty selector selects nothing, where v1's
 * selects everything. What the other version's empty selector means is written as upstream writes it, as an
 * expression about a label that no pod has.
 */
#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/base/error.h"
#include "lib/resources/strategy.h"

#define NO_POD_HAS "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match"

static struct json *selector_of(struct arena *arena, const char *operator)
{
	struct json *selector = json_new_object(arena), *list = json_new_array(arena),
		    *e = json_new_object(arena);

	json_set(arena, e, "key", json_new_string(arena, NO_POD_HAS));
	json_set(arena, e, "operator", json_new_string(arena, operator));
	json_push(arena, list, e);
	json_set(arena, selector, "matchExpressions", list);
	return selector;
}

static int convert(const struct object *src, struct object *dst, struct error *err)
{
	struct arena *arena = dst->arena;
	struct json *tree = object_to_json(arena, src), *spec = json_get(tree, "spec");
	struct json *selector = spec ? json_get(spec, "selector") : NULL;
	bool to_v1 = !strcmp(dst->schema->version, "v1");
	ProtobufCMessage *msg;

	if (selector && selector->type == JSON_OBJECT) {
		if (selector->len == 0)
			json_set(
			    arena, spec, "selector", selector_of(arena, to_v1 ? "Exists" : "DoesNotExist"));
		else if (json_equal(selector, selector_of(arena, to_v1 ? "DoesNotExist" : "Exists")))
			json_set(arena, spec, "selector", json_new_object(arena));
	}
	json_set(arena, tree, "apiVersion", json_new_string(arena, dst->api_version));
	if (codec_from_json(arena, dst->schema, tree, NULL, &msg, err) < 0)
		return error_prefix(err, "converting %s to %s", src->api_version, dst->api_version);
	dst->msg = msg;
	dst->meta = *(MetaV1__ObjectMeta **)((char *)msg + schema_find(dst->schema, "metadata")->offset);
	return 0;
}

const struct resource_type pdb_v1beta1_strategy = {.convert = convert};
