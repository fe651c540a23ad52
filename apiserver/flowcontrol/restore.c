/*
 * The objects of flow control that every cluster has (bootstrap/objects.json): mandatory ones, which are
 * always as they should be, and suggested ones, which administrators may change or take over. bootstrap/
 * writes them at the start; here is what keeps them afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "apiserver/bootstrap/bootstrap.h"
#include "apiserver/flowcontrol/internal.h"
#include "apiserver/registry/registry.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

bool flowcontrol_is_config(const struct object *obj)
{
	return str_has_prefix(obj->api_version, "flowcontrol.apiserver.k8s.io/");
}

bool flow_is_mandatory(const struct object *obj)
{
	return str_eq(object_name(obj), "exempt") || str_eq(object_name(obj), "catch-all");
}

void flow_each_default(flow_default_fn *fn, void *arg)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct object **objects;
	size_t len = 0;

	if (bootstrap_decode(arena, bootstrap_objects_json, &objects, &len, &err) < 0)
		log_error("flow control: %s", err.message);
	for (size_t i = 0; i < len; i++) {
		if (flowcontrol_is_config(objects[i]))
			fn(arg, objects[i]);
		object_unref(objects[i]);
	}
	arena_free(arena);
}

/* --- what has to change --- */

static ProtobufCMessage **spec_of(const struct object *obj)
{
	if (resource_of(obj) == resource_flowschemas)
		return (ProtobufCMessage **)&((FlowcontrolV1__FlowSchema *)obj->msg)->spec;
	return (ProtobufCMessage **)&((FlowcontrolV1__PriorityLevelConfiguration *)obj->msg)->spec;
}

/* A mandatory object always; else what the annotation says; without one it is the server's as long as nobody
 * has changed it. */
static bool is_ours(const struct object *stored)
{
	const char *text = api_map_get(stored->meta, annotations, FLOWCONTROL_AUTOUPDATE);

	if (flow_is_mandatory(stored) || str_eq(text, "true"))
		return true;
	return !str_eq(text, "false") && stored->meta->generation <= 1;
}

/* The one part of a mandatory object that is the administrator's: the shares of the level exempt. */
static void keep_exempt_shares(struct object *wanted, const struct object *stored)
{
	if (resource_of(stored) != resource_prioritylevelconfigurations)
		return;
	const FlowcontrolV1__PriorityLevelConfigurationSpec *have = (const void *)*spec_of(stored);
	FlowcontrolV1__PriorityLevelConfigurationSpec *spec = (void *)*spec_of(wanted);

	if (flow_is_mandatory(stored) && spec->exempt && have->exempt)
		spec->exempt = api_clone(wanted->arena, have->exempt);
}

struct object *flowcontrol_reconcile(const struct object *stored, const struct object *wanted)
{
	struct object *obj = object_clone(stored), *want = object_clone(wanted);
	const struct resource_context ctx = {.arena = want->arena, .subresource = ""};
	bool ours = is_ours(stored), changed = false;
	const char *text = ours ? "true" : "false";

	resource_apply_defaults(resource_of(want), want, &ctx);
	keep_exempt_shares(want, stored);
	if (!str_eq(api_map_get(obj->meta, annotations, FLOWCONTROL_AUTOUPDATE), text)) {
		api_map_set(obj->arena, obj->meta, annotations, meta_v1__object_meta__annotations_entry,
		    FLOWCONTROL_AUTOUPDATE, text);
		changed = true;
	}
	if (ours && !api_equal_message(*spec_of(obj), *spec_of(want))) {
		*spec_of(obj) = api_clone_message(obj->arena, *spec_of(want));
		changed = true;
	}
	object_unref(want);
	if (changed)
		return obj;
	object_unref(obj);
	return NULL;
}

/* --- once a minute --- */

static void on_restored(void *arg, const struct object *obj, const struct error *err)
{
	(void)arg;
	if (err)
		log_debug("flow control: restoring an object: %s", err->message);
	else if (obj)
		log_info("flow control: restored %s %s", obj->kind, object_name(obj));
}

static void restore_one(void *arg, const struct object *wanted)
{
	struct flowcontrol *fc = arg;
	const struct resource_type *type = resource_of(wanted);
	const struct object *stored = watchcache_lookup(fc->server, type, NULL, object_name(wanted));

	if (!stored) {
		registry_create(fc->server, type, wanted, on_restored, NULL);
		return;
	}
	struct object *changed = flowcontrol_reconcile(stored, wanted);
	if (changed)
		registry_update(fc->server, type, NULL, changed, on_restored, NULL);
	object_unref(changed);
}

void flow_restore(struct flowcontrol *fc)
{
	if (!fc->server->is_stopping)
		flow_each_default(restore_one, fc);
}
