/* discovery.k8s.io/v1beta1 EndpointSlice: `topology` is what v1 calls deprecatedTopology, and holds node and
 * zone too. */
#include "lib/api/codec.h"
#include "lib/base/error.h"
#include "lib/resources/strategy.h"

static void set_from(struct arena *arena, struct json *endpoint, struct json *topology, const char *label,
    const char *member, bool to_v1)
{
	if (to_v1) {
		const char *value = json_get_string(topology, label, NULL);

		if (value)
			json_set(arena, endpoint, member, json_new_string(arena, value));
		if (topology)
			json_remove(topology, label);
	} else if (json_get(endpoint, member)) {
		json_set(arena, topology, label, json_get(endpoint, member));
	}
}

static void convert_endpoint(struct arena *arena, struct json *endpoint, bool to_v1)
{
	const char *from = to_v1 ? "topology" : "deprecatedTopology",
		   *to = to_v1 ? "deprecatedTopology" : "topology";
	struct json *topology = json_get(endpoint, from);

	if (!topology)
		topology = json_new_object(arena);
	json_remove(endpoint, from);
	set_from(arena, endpoint, topology, "kubernetes.io/hostname", "nodeName", to_v1);
	set_from(arena, endpoint, topology, "topology.kubernetes.io/zone", "zone", to_v1);
	if (topology->len)
		json_set(arena, endpoint, to, topology);
}

static int convert(const struct object *src, struct object *dst, struct error *err)
{
	struct json *tree = object_to_json(dst->arena, src), *endpoints = json_get(tree, "endpoints");
	ProtobufCMessage *msg;

	for (size_t i = 0; endpoints && endpoints->type == JSON_ARRAY && i < endpoints->len; i++)
		convert_endpoint(dst->arena, endpoints->items[i], !strcmp(dst->schema->version, "v1"));
	json_set(dst->arena, tree, "apiVersion", json_new_string(dst->arena, dst->api_version));
	if (codec_from_json(dst->arena, dst->schema, tree, NULL, &msg, err) < 0)
		return -1;
	dst->msg = msg;
	dst->meta = *(MetaV1__ObjectMeta **)((char *)msg + schema_find(dst->schema, "metadata")->offset);
	return 0;
}

const struct resource_type endpointslice_v1beta1_strategy = {.convert = convert};
