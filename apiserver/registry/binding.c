/* pods/binding: the scheduler's write. Assigns a pod to a node, once. */
#include <string.h>

#include "apiserver/registry/internal.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "proto/core_v1.pb-c.h"

enum bind_phase { BIND_START, BIND_STORE, BIND_SEEN, BIND_FRESH };

static int refuse(struct api_request *req, const char *detail, struct error *err)
{
	error_set(err, ERR_CONFLICT, "Operation cannot be fulfilled on pods/binding \"%s\": %s",
	    req->info.name, detail);
	error_about(err, "", "pods/binding", req->info.name);
	return API_FAIL;
}

static int check_binding(struct api_request *req, const CoreV1__Binding *binding, struct error *err)
{
	struct field_errors *errors = ARENA_NEW(req->arena, struct field_errors);
	field_errors_init(errors, req->arena);
	const char *kind = binding->target->kind;
	if (*kind && strcmp(kind, "Node") != 0)
		field_errors_add(errors, FIELD_NOT_SUPPORTED, "target.kind", kind,
		    "supported values: \"Node\", \"<empty>\"");
	if (!*binding->target->name)
		field_errors_add(errors, FIELD_REQUIRED, "target.name", NULL, "%s", "");
	return errors->len ? field_errors_to_error(errors, "", "Binding", binding->metadata->name, err) : 0;
}

static void set_scheduled(struct object *obj, int64_t now_s)
{
	CoreV1__Pod *pod = (CoreV1__Pod *)obj->msg;
	CoreV1__PodCondition *c = NULL;
	for (size_t i = 0; i < pod->status->n_conditions; i++)
		if (!strcmp(pod->status->conditions[i]->type, "PodScheduled"))
			c = pod->status->conditions[i];
	if (!c) {
		c = API_NEW(obj->arena, core_v1__pod_condition);
		c->type = "PodScheduled";
		api_append(obj->arena, pod->status, conditions, c);
	}
	if (strcmp(c->status, "True") != 0)
		c->last_transition_time = time_new(obj->arena, now_s);
	c->status = "True";
	c->reason = "";
	c->message = "";
}

static struct object *assign(
    struct api_request *req, const struct object *old, const CoreV1__Binding *binding)
{
	struct object *obj = object_clone(old);
	CoreV1__Pod *pod = (CoreV1__Pod *)obj->msg;
	pod->spec->node_name = arena_strdup(obj->arena, binding->target->name);
	for (size_t i = 0; i < binding->metadata->n_annotations; i++)
		api_map_set(obj->arena, obj->meta, annotations, meta_v1__object_meta__annotations_entry,
		    binding->metadata->annotations[i]->key, binding->metadata->annotations[i]->value);
	set_scheduled(obj, clock_wall_s(loop_clock(req->server->loop)));
	return obj;
}

static int check_preconditions(struct api_request *req, const MetaV1__ObjectMeta *wanted,
    const MetaV1__ObjectMeta *meta, struct error *err)
{
	bool uid_differs = *wanted->uid && strcmp(wanted->uid, meta->uid) != 0;
	bool rv_differs =
	    *wanted->resource_version && strcmp(wanted->resource_version, meta->resource_version) != 0;
	if (!uid_differs && !rv_differs)
		return 0;
	error_set(err, ERR_CONFLICT,
	    "Operation cannot be fulfilled on pods \"%s\": the binding is for the pod whose %s is %s, and it "
	    "is %s",
	    req->info.name, uid_differs ? "UID" : "resourceVersion",
	    uid_differs ? wanted->uid : wanted->resource_version,
	    uid_differs ? meta->uid : meta->resource_version);
	error_about(err, "", "pods", req->info.name);
	return -1;
}

static int start(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	const CoreV1__Binding *binding = (const CoreV1__Binding *)req->object->msg;
	if (check_binding(req, binding, err))
		return API_FAIL;
	if (!*req->info.name)
		req->info.name = arena_strdup(req->arena, binding->metadata->name);
	if (!*req->info.name)
		return error_set(
		    err, ERR_BAD_REQUEST, "Name parameter required: set metadata.name to the pod's name.");
	struct cache_item *item = watchcache_item(req->server, resource_pods, req->info.ns, req->info.name);
	if (!item) {
		error_set(err, ERR_NOT_FOUND, "pods \"%s\" not found", req->info.name);
		error_about(err, "", "pods", req->info.name);
		return API_FAIL;
	}
	const CoreV1__Pod *pod = (const CoreV1__Pod *)item->object->msg;
	if (check_preconditions(req, binding->metadata, pod->metadata, err))
		return API_FAIL;
	if (pod->metadata->deletion_timestamp)
		return refuse(req,
		    arena_printf(
			req->arena, "pod %s is being deleted, cannot be assigned to a host", req->info.name),
		    err);
	if (*pod->spec->node_name)
		return refuse(req,
		    arena_printf(req->arena, "pod %s is already assigned to node \"%s\"", req->info.name,
			pod->spec->node_name),
		    err);
	if (pod->spec->n_scheduling_gates)
		return refuse(req,
		    arena_printf(req->arena, "pod %s has non-empty .spec.schedulingGates", req->info.name),
		    err);
	if (req->options.dry_run)
		return API_NEXT;
	struct object *obj = assign(req, item->object, binding);
	struct buf key = BUF_INIT, value = BUF_INIT;
	obj->meta->resource_version = "";
	object_encode_stored(&value, obj);
	object_unref(obj);
	watchcache_storage_key(req->server, resource_pods, req->info.ns, req->info.name, &key);
	state->phase = BIND_STORE;
	state->op = req->server->storage->functions->put_if(req->server->storage, buf_str(&key),
	    item->revision, value.data, value.size, 0, registry_on_stored, req);
	buf_done(&key);
	buf_done(&value);
	return API_PENDING;
}

static int answer(struct api_request *req)
{
	api_respond_success(req, 201, "", "", "", "");
	return API_DONE;
}

int registry_bind(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	if (!registry_take_result(req)) {
		int rc = start(req, err);
		return rc == API_NEXT ? answer(req) : rc;
	}
	if (state->error.code && state->phase != BIND_SEEN) {
		*err = state->error;
		return API_FAIL;
	}
	if (state->phase == BIND_FRESH) {
		if (req->attempt++ >= REGISTRY_ATTEMPTS_MAX)
			return registry_conflict(req, err);
		int rc = start(req, err);
		return rc == API_NEXT ? answer(req) : rc;
	}
	if (state->phase == BIND_STORE && !state->succeeded) {
		state->phase = BIND_FRESH;
		return registry_fence(req);
	}
	if (state->phase == BIND_STORE && watchcache_revision(req->server) < state->revision) {
		state->phase = BIND_SEEN;
		return registry_wait(req, state->revision, REGISTRY_CACHE_WAIT_MS);
	}
	return answer(req);
}

/* componentstatuses: the scheduler and controller manager are not asked; the store is. */
int registry_component_status(struct api_request *req, struct error *err)
{
	struct object *obj = object_new(req->type->schema);
	CoreV1__ComponentStatus *status = (CoreV1__ComponentStatus *)obj->msg;
	CoreV1__ComponentCondition *c = API_NEW(obj->arena, core_v1__component_condition);
	const char *why = req->server->storage->functions->health(req->server->storage);
	c->type = "Healthy";
	c->status = why ? "False" : "True";
	c->message = why ? arena_strdup(obj->arena, why) : "ok";
	obj->meta->name = "etcd-0";
	api_append(obj->arena, status, conditions, c);
	api_warn(req, "v1 ComponentStatus is deprecated in v1.19+");
	req->object = obj;
	if (req->info.verb == API_GET)
		return strcmp(req->info.name, "etcd-0") ? registry_not_found(req, err) : API_NEXT;
	return registry_list_one(req, obj, err);
}
