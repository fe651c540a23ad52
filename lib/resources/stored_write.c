/*
 * Which version is written: where v1.20 did not know ours yet, an older one that says the same, so that every
 * upstream server since then, and ours, reads what we leave. What an older version cannot say is written in
 * our own.
 */
#include <string.h>

#include "lib/api/codec.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/resources/resource.h"
#include "lib/resources/stored.h"
#include "proto/flowcontrol_v1.pb-c.h"

#define FLOWCONTROL_V1BETA1 "flowcontrol.apiserver.k8s.io/v1beta1"

/* Of the kinds that v1.20 knew in a beta, or first version, that we serve too. */
static const struct resource_type *older_version(const struct resource_type *type)
{
	if (type == resource_cronjobs)
		return resource_cronjobs_v1beta1;
	if (type == resource_poddisruptionbudgets)
		return resource_poddisruptionbudgets_v1beta1;
	if (type == resource_endpointslices)
		return resource_endpointslices_v1beta1;
	if (type == resource_horizontalpodautoscalers)
		return resource_horizontalpodautoscalers_v1;
	return NULL;
}

/* The same fields under the same numbers. Shares of 0 would be 30 in v1beta1, where 0 is "not given". */
static bool is_flowcontrol_v1beta1(const struct resource_type *type, const struct object *obj)
{
	const FlowcontrolV1__PriorityLevelConfigurationSpec *spec;

	if (type != resource_prioritylevelconfigurations)
		return type == resource_flowschemas;
	spec = ((const FlowcontrolV1__PriorityLevelConfiguration *)obj->msg)->spec;
	return !spec->limited || spec->limited->nominal_concurrency_shares > 0;
}

/* The object in the older version, when that, read again, is the same object; else NULL. */
static struct object *downgrade(const struct object *obj, const struct resource_type *older)
{
	struct object *down = NULL, *up = NULL;
	bool is_same = false;

	if (resource_convert(obj, older, &down, NULL) < 0)
		return NULL;
	if (resource_convert(down, older->stored_as, &up, NULL) == 0) {
		struct resource_context ctx = {.arena = up->arena, .subresource = "", .is_update = true};

		resource_apply_defaults(older->stored_as, up, &ctx); /* as when it is read */
		is_same = object_equal(up, obj);
	}
	object_unref(up);
	if (is_same)
		return down;
	object_unref(down);
	return NULL;
}

void resource_encode_stored(struct buf *out, const struct object *obj)
{
	const struct resource_type *type = obj->schema ? resource_of(obj) : NULL;
	const struct resource_type *older = type ? older_version(type) : NULL;
	struct object *down = older ? downgrade(obj, older) : NULL;

	if (type && is_flowcontrol_v1beta1(type, obj))
		codec_write_envelope(out, FLOWCONTROL_V1BETA1, obj->kind, obj->schema, obj->msg);
	else
		object_encode_stored(out, down ? down : obj);
	object_unref(down);
}
