/*
 * DELETE: at once, or in two steps when finalizers or a grace period hold the object back: then it is marked
 * with deletionTimestamp and goes with the update that removes the last reason to stay.
 */
#include <stdlib.h>
#include <string.h>

#include "apiserver/extensions/conversion.h"
#include "apiserver/extensions/extensions.h"
#include "apiserver/registry/internal.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "lib/resources/stored.h"
#include "proto/core_v1.pb-c.h"

#define FINALIZER_ORPHAN "orphan"
#define FINALIZER_FOREGROUND "foregroundDeletion"

enum delete_phase {
	DELETE_START,
	DELETE_MARKED,
	DELETE_REMOVED,
	DELETE_RELEASED,
	DELETE_SEEN,
	DELETE_FRESH,
	DELETE_RACED
};

static bool is_namespace(const struct api_request *req)
{
	return req->type == resource_namespaces;
}

/* Kinds whose answer to a completed delete is the object, not a Status. */
static bool returns_object(const struct api_request *req)
{
	static const char *const core[] = {"pods", "podtemplates", "replicationcontrollers", "resourcequotas",
	    "serviceaccounts", "persistentvolumeclaims", "persistentvolumes", NULL};
	static const char *const storage[] = {
	    "volumeattachments", "csinodes", "csidrivers", "storageclasses", NULL};
	if (!strcmp(req->type->group, "storage.k8s.io"))
		return str_in(req->type->plural, storage);
	return !*req->type->group && str_in(req->type->plural, core);
}

static const struct resource_type *storage_type(const struct api_request *req)
{
	return req->type->stored_as ? req->type->stored_as : req->type;
}

static bool wants_orphans(const struct api_request *req, const struct object *obj)
{
	const struct api_request_options *o = &req->options;
	if (o->has_orphan_dependents)
		return o->orphan_dependents;
	if (*o->propagation)
		return !strcmp(o->propagation, "Orphan");
	if (object_has_finalizer(obj->meta, FINALIZER_ORPHAN))
		return true;
	if (object_has_finalizer(obj->meta, FINALIZER_FOREGROUND))
		return false;
	return req->type->flags & RESOURCE_ORPHAN_DEFAULT;
}

static bool wants_foreground(const struct api_request *req, const struct object *obj)
{
	const struct api_request_options *o = &req->options;
	if (o->has_orphan_dependents)
		return false;
	if (*o->propagation)
		return !strcmp(o->propagation, "Foreground");
	return object_has_finalizer(obj->meta, FINALIZER_FOREGROUND);
}

bool registry_set_gc_finalizers(struct api_request *req, struct object *obj)
{
	/* Events own nothing: no policy holds them back. */
	bool owns_nothing = storage_type(req) == resource_events;
	bool orphan = !owns_nothing && wants_orphans(req, obj);
	bool foreground = !owns_nothing && !orphan && wants_foreground(req, obj);
	MetaV1__ObjectMeta *meta = obj->meta;
	char **kept = ARENA_ARRAY(obj->arena, char *, meta->n_finalizers + 2);
	size_t len = 0;
	bool had_orphan = object_has_finalizer(meta, FINALIZER_ORPHAN);
	bool had_foreground = object_has_finalizer(meta, FINALIZER_FOREGROUND);
	for (size_t i = 0; i < meta->n_finalizers; i++)
		if (strcmp(meta->finalizers[i], FINALIZER_ORPHAN) != 0 &&
		    strcmp(meta->finalizers[i], FINALIZER_FOREGROUND))
			kept[len++] = meta->finalizers[i];
	if (orphan)
		kept[len++] = FINALIZER_ORPHAN;
	if (foreground)
		kept[len++] = FINALIZER_FOREGROUND;
	meta->finalizers = kept;
	meta->n_finalizers = len;
	return orphan != had_orphan || foreground != had_foreground;
}

static void set_deletion(struct object *obj, int64_t when_s, int64_t grace_s)
{
	MetaV1__ObjectMeta *meta = obj->meta;
	if (!meta->deletion_timestamp && meta->generation > 0)
		meta->generation++;
	meta->deletion_timestamp = time_new(obj->arena, when_s);
	meta->has_deletion_grace_period_seconds = true;
	meta->deletion_grace_period_seconds = grace_s;
}

void registry_mark_deleting(struct object *obj, int64_t now_s)
{
	if (!obj->meta->deletion_timestamp)
		set_deletion(obj, now_s, 0);
	obj->meta->has_deletion_grace_period_seconds = true;
	obj->meta->deletion_grace_period_seconds = 0;
}

bool registry_may_vanish(const struct object *obj)
{
	const MetaV1__ObjectMeta *meta = obj->meta;
	if (!meta->deletion_timestamp || meta->n_finalizers)
		return false;
	if (obj->msg && obj->msg->descriptor == &core_v1__namespace__descriptor)
		return ((const CoreV1__Namespace *)obj->msg)->spec->n_finalizers == 0;
	return !meta->has_deletion_grace_period_seconds || meta->deletion_grace_period_seconds == 0;
}

static int check_preconditions(struct api_request *req, struct error *err)
{
	const struct api_request_options *o = &req->options;
	const MetaV1__ObjectMeta *meta = req->old->meta;
	bool uid_differs =
	    o->precondition_uid && *o->precondition_uid && strcmp(o->precondition_uid, meta->uid) != 0;
	bool rv_differs = o->precondition_rv && *o->precondition_rv &&
			  strcmp(o->precondition_rv, meta->resource_version) != 0;
	if (!uid_differs && !rv_differs)
		return 0;
	error_set(err, ERR_CONFLICT,
	    "Operation cannot be fulfilled on %s%s%s \"%s\": Precondition failed: %s in precondition: %s, %s "
	    "in object meta: "
	    "%s",
	    req->type->plural, *req->type->group ? "." : "", req->type->group, req->info.name,
	    uid_differs ? "UID" : "ResourceVersion", uid_differs ? o->precondition_uid : o->precondition_rv,
	    uid_differs ? "UID" : "ResourceVersion", uid_differs ? meta->uid : meta->resource_version);
	/* Theirs is another code path upstream. */
	bool is_own_path = is_namespace(req) || req->type == resource_customresourcedefinitions;
	error_about(err, resource_error_group(req->type), is_own_path ? req->type->plural : req->type->kind,
	    req->info.name);
	return -1;
}

/* How a graceful delete changes obj. */
enum graceful { GRACEFUL_NONE, GRACEFUL_CHANGED, GRACEFUL_PENDING };

static int64_t requested_grace(const struct api_request *req)
{
	const struct api_request_options *o = &req->options;
	int64_t s = req->type->default_grace_s ? req->type->default_grace_s(req->old) : 0;
	const CoreV1__Pod *pod = (const CoreV1__Pod *)req->old->msg;
	if (o->has_grace_period)
		s = o->grace_period_s < 0 ? 1 : o->grace_period_s;
	/* Nobody runs the pod: there is nothing to wait for. */
	if (!*pod->spec->node_name || !strcmp(pod->status->phase, "Failed") ||
	    !strcmp(pod->status->phase, "Succeeded"))
		s = 0;
	return s < 0 ? 0 : s;
}

static enum graceful begin_graceful(struct api_request *req, struct object *obj, int64_t now_s)
{
	const struct api_request_options *o = &req->options;
	MetaV1__ObjectMeta *meta = obj->meta;
	if (!meta->deletion_timestamp) {
		if (!(req->type->flags & RESOURCE_GRACEFUL_DELETE))
			return GRACEFUL_NONE;
		int64_t s = requested_grace(req);
		set_deletion(obj, now_s + s, s);
		return GRACEFUL_CHANGED;
	}
	/* Marked, and then the removal failed: nothing is left to wait for. */
	if (!meta->has_deletion_grace_period_seconds || meta->deletion_grace_period_seconds == 0)
		return GRACEFUL_NONE;
	int64_t period = o->grace_period_s < 0 ? 1 : o->grace_period_s;
	if (!o->has_grace_period || period >= meta->deletion_grace_period_seconds)
		return GRACEFUL_PENDING;
	/* Only a shorter wait may be asked for. */
	set_deletion(obj,
	    time_seconds(meta->deletion_timestamp) - meta->deletion_grace_period_seconds + period, period);
	return GRACEFUL_CHANGED;
}

static void mark_namespace(struct object *obj, int64_t now_s)
{
	CoreV1__Namespace *ns = (CoreV1__Namespace *)obj->msg;
	if (obj->meta->deletion_timestamp)
		return;
	obj->meta->deletion_timestamp = time_new(obj->arena, now_s);
	if (obj->meta->generation > 0)
		obj->meta->generation++;
	ns->status->phase = "Terminating";
}

static int remove_now(struct api_request *req, int64_t revision)
{
	struct registry_state *state = registry_state(req);
	struct storage *storage = req->server->storage;
	struct buf key = BUF_INIT;
	state->phase = DELETE_REMOVED;
	if (req->options.dry_run)
		return API_NEXT;
	watchcache_storage_key(req->server, req->type, registry_ns(req), req->info.name, &key);
	state->op = storage->functions->delete_if(storage, buf_str(&key), revision, registry_on_stored, req);
	buf_done(&key);
	return API_PENDING;
}

/* What is stored, marked as `meta` is: a deletion changes nothing that a webhook would have to convert. */
static struct object *with_deletion(const struct object *old, MetaV1__ObjectMeta *meta)
{
	struct object *obj = object_clone(old);
	MetaV1__ObjectMeta *to = obj->meta, *from = api_clone(obj->arena, meta);
	to->resource_version = "";
	to->deletion_timestamp = from->deletion_timestamp;
	to->has_deletion_grace_period_seconds = from->has_deletion_grace_period_seconds;
	to->deletion_grace_period_seconds = from->deletion_grace_period_seconds;
	to->generation = from->generation;
	to->finalizers = from->finalizers;
	to->n_finalizers = from->n_finalizers;
	return obj;
}

static int mark(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	struct storage *storage = req->server->storage;
	struct object *obj = req->object, *stored = NULL;
	state->phase = req->options.dry_run && state->is_removed ? DELETE_REMOVED : DELETE_MARKED;
	if (req->options.dry_run)
		return API_NEXT;
	struct buf key = BUF_INIT, value = BUF_INIT;
	watchcache_storage_key(req->server, req->type, registry_ns(req), req->info.name, &key);
	obj->meta->resource_version = "";
	if (conversion_is_remote(req->type)) {
		stored = with_deletion(req->old_item->object, obj->meta);
	} else if (req->type->stored_as && req->type->stored_as != req->type) {
		if (resource_convert(obj, req->type->stored_as, &stored, err))
			return API_FAIL;
	}
	resource_encode_stored(&value, stored ? stored : obj);
	state->op = storage->functions->put_if(storage, buf_str(&key), req->old_item->revision, value.data,
	    value.size, 0, registry_on_stored, req);
	object_unref(stored);
	buf_done(&key);
	buf_done(&value);
	return API_PENDING;
}

static int answer_unchanged(struct api_request *req)
{
	registry_state(req)->item = cache_item_ref(req->old_item);
	return API_NEXT;
}

static int start(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	int64_t now_s = clock_wall_s(loop_clock(req->server->loop));
	state->status = 200;
	state->is_removed = false;
	if (check_preconditions(req, err)) {
		if (state->is_fenced)
			return API_FAIL;
		*err = ERROR_INIT; /* another server may have brought what the client has seen */
		state->is_fenced = true;
		state->phase = DELETE_FRESH;
		return registry_fence(req);
	}
	struct object *obj = object_clone(req->old);
	object_unref(req->object);
	req->object = obj;
	if (state->is_unreadable) /* nothing can hold it back */
		return remove_now(req, req->old_item->revision);
	if (is_namespace(req))
		mark_namespace(obj, now_s);
	if (req->type == resource_customresourcedefinitions)
		extensions_mark_deleting(obj, now_s);
	enum graceful graceful = is_namespace(req) ? GRACEFUL_NONE : begin_graceful(req, obj, now_s);
	if (graceful == GRACEFUL_PENDING && !registry_set_gc_finalizers(req, obj))
		return answer_unchanged(req);
	registry_set_gc_finalizers(req, obj);
	bool has_finalizers = obj->meta->n_finalizers > 0;
	if (is_namespace(req)) {
		if (registry_may_vanish(obj))
			return remove_now(req, req->old_item->revision);
	} else {
		int64_t grace = graceful == GRACEFUL_CHANGED ? obj->meta->deletion_grace_period_seconds : 0;
		if (!has_finalizers && grace == 0 && graceful == GRACEFUL_NONE)
			return remove_now(req, req->old_item->revision);
		/* Watchers see a pod marked before it goes, even when it goes at once. */
		state->is_removed = !has_finalizers && grace == 0 && graceful == GRACEFUL_CHANGED;
		if (graceful == GRACEFUL_NONE)
			registry_mark_deleting(obj, now_s);
	}
	obj->meta->resource_version = req->old->meta->resource_version;
	return object_equal(obj, req->old) ? answer_unchanged(req) : mark(req, err);
}

static int wait_until_seen(struct api_request *req)
{
	struct registry_state *state = registry_state(req);
	if (watchcache_revision(req->server) >= state->revision)
		return API_NEXT;
	state->is_removed = state->phase == DELETE_REMOVED;
	state->phase = DELETE_SEEN;
	return registry_wait(req, state->revision, REGISTRY_CACHE_WAIT_MS);
}

static int on_written(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	if (state->error.code) {
		*err = state->error;
		return API_FAIL;
	}
	if (!state->succeeded) {
		if (req->attempt >= REGISTRY_ATTEMPTS_MAX)
			return registry_conflict(req, err);
		/* What this request has marked may be gone: a write by somebody else completes the deletion.
		 */
		state->phase =
		    state->phase == DELETE_REMOVED && state->is_removed ? DELETE_RACED : DELETE_FRESH;
		return registry_fence(req);
	}
	req->object->meta->resource_version =
	    arena_printf(req->object->arena, "%lld", (long long)state->revision);
	if (state->phase == DELETE_MARKED && state->is_removed)
		return remove_now(req, state->revision);
	if (state->phase == DELETE_REMOVED && services_release(req, req->old, NULL) == API_PENDING) {
		state->phase = DELETE_RELEASED;
		return API_PENDING;
	}
	return wait_until_seen(req);
}

static int on_raced(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	const struct cache_item *item =
	    watchcache_item(req->server, req->type, registry_ns(req), req->info.name);
	if (state->error.code) {
		*err = state->error;
		return API_FAIL;
	}
	if (item && !strcmp(item->object->meta->uid, req->old->meta->uid))
		return API_AGAIN;
	state->phase = DELETE_REMOVED;
	return API_NEXT;
}

int registry_delete_object(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	if (!registry_take_result(req))
		return start(req, err);
	switch ((enum delete_phase)state->phase) {
	case DELETE_MARKED:
	case DELETE_REMOVED:
		return on_written(req, err);
	case DELETE_RELEASED:
		state->phase = DELETE_REMOVED;
		return wait_until_seen(req);
	case DELETE_SEEN:
		state->phase = state->is_removed ? DELETE_REMOVED : DELETE_MARKED;
		return API_NEXT;
	case DELETE_RACED:
		return on_raced(req, err);
	default:
		return API_AGAIN;
	}
}

/* The answer: the object while it lives on, else a Status for most kinds. */
int registry_answer_delete(struct api_request *req)
{
	struct registry_state *state = registry_state(req);
	if (!state->is_unreadable && (state->phase != DELETE_REMOVED || state->item || returns_object(req))) {
		int status = state->phase != DELETE_REMOVED && req->options.has_orphan_dependents &&
				     !req->options.orphan_dependents
				 ? 202
				 : 200;
		if (state->item)
			api_respond_item(req, status, state->item);
		else
			api_respond_object(req, status, req->object);
		return API_DONE;
	}
	api_respond_success(
	    req, 200, req->type->group, req->type->plural, req->info.name, req->old->meta->uid);
	return API_DONE;
}
