/* events.k8s.io/v1 Event, and the conversion that all versions of events.k8s.io share. */
#include "lib/api/codec.h"
#include "lib/base/error.h"
#include "lib/resources/event.h"
#include "lib/resources/strategy.h"

static const struct {
	const char *core, *events;
} names[] = {{"involvedObject", "regarding"}, {"message", "note"}, {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"}, {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"}, {"reportingComponent", "reportingController"}};

int event_convert(const struct object *src, struct object *dst, struct error *err)
{
	struct json *tree = object_to_json(dst->arena, src);
	bool from_core = !src->schema->group[0];
	ProtobufCMessage *msg;

	for (size_t i = 0; i < tree->len; i++)
		for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
			if (!strcmp(tree->members[i].key, from_core ? names[k].core : names[k].events)) {
				tree->members[i].key = from_core ? names[k].events : names[k].core;
				break;
			}
	json_set(dst->arena, tree, "apiVersion", json_new_string(dst->arena, dst->api_version));
	if (codec_from_json(dst->arena, dst->schema, tree, NULL, &msg, err) < 0)
		return -1;
	dst->msg = msg;
	dst->meta = *(MetaV1__ObjectMeta **)((char *)msg + schema_find(dst->schema, "metadata")->offset);
	return 0;
}

static const char *const field_names[] = {"regarding.kind", "regarding.namespace", "regarding.name",
    "regarding.uid", "regarding.apiVersion", "regarding.resourceVersion", "regarding.fieldPath", "reason",
    "reportingController", "type", NULL};

const struct resource_type event_v1_strategy = {.field_selectors = field_names, .convert = event_convert};
