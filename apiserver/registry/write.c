/*
 * Creates and updates: the conditional write, its retries, and the wait until the cache shows it. An update
 * that leaves a deleting object without anything that holds it back deletes it instead.
 */
#include <stdlib.h>
#include <string.h>

#include "apiserver/options.h"
#include "apiserver/registry/internal.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/resources/stored.h"

enum write_phase {
	WRITE_START,
	WRITE_CLAIM,
	WRITE_CONVERTED,
	WRITE_LEASE,
	WRITE_STORE,
	WRITE_RELEASE,
	WRITE_SEEN,
	WRITE_FRESH
};

static int already_exists(struct api_request *req, struct error *err)
{
	error_set(err, ERR_ALREADY_EXISTS, "%s%s%s \"%s\" already exists", req->type->plural,
	    *req->type->group ? "." : "", req->type->group, req->object->meta->name);
	error_about(err, req->type->group, req->type->plural, req->object->meta->name);
	return API_FAIL;
}

/* An update that changes nothing writes nothing, and keeps the revision. */
static bool is_no_change(const struct api_request *req)
{
	struct object *obj = req->object;
	if (!req->old)
		return false;
	obj->meta->resource_version = req->old->meta->resource_version;
	bool same = object_equal(obj, req->old);
	obj->meta->resource_version = "";
	return same;
}

static int encode_stored(struct api_request *req, struct buf *ret, struct error *err)
{
	struct object *obj = req->object, *converted = NULL;
	obj->meta->resource_version = "";
	obj->meta->self_link = "";
	if (req->type->stored_as && req->type->stored_as != req->type) {
		if (resource_convert(obj, req->type->stored_as, &converted, err))
			return -1;
		obj = converted;
		obj->meta->resource_version = "";
		obj->meta->self_link = "";
	}
	resource_encode_stored(ret, obj);
	object_unref(converted);
	return 0;
}

static int put(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	struct storage *storage = req->server->storage;
	struct buf key = BUF_INIT, value = BUF_INIT;
	watchcache_storage_key(req->server, req->type, registry_ns(req), req->object->meta->name, &key);
	state->phase = WRITE_STORE;
	if (req->old && registry_may_vanish(req->object)) {
		state->op = storage->functions->delete_if(
		    storage, buf_str(&key), req->old_item->revision, registry_on_stored, req);
	} else if (encode_stored(req, &value, err)) {
		buf_done(&key);
		return API_FAIL;
	} else {
		state->op = storage->functions->put_if(storage, buf_str(&key),
		    req->old_item ? req->old_item->revision : 0, value.data, value.size, state->lease,
		    registry_on_stored, req);
	}
	buf_done(&key);
	buf_done(&value);
	return API_PENDING;
}

static bool has_lease(const struct api_request *req)
{
	return !strcmp(req->type->plural, "events") && req->server->options->event_ttl_ms > 0;
}

/* A Service has its addresses now. */
static int begin_write(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	struct storage *storage = req->server->storage;
	if (req->options.dry_run) {
		if (!req->old &&
		    watchcache_item(req->server, req->type, registry_ns(req), req->object->meta->name))
			return already_exists(req, err);
		req->object->meta->resource_version =
		    req->old ? arena_strdup(req->object->arena, req->old->meta->resource_version) : "";
		return API_NEXT;
	}
	if (is_no_change(req)) {
		state->item = cache_item_ref(req->old_item);
		return API_NEXT;
	}
	/* Stored in another version, which only the webhook can tell? */
	const struct object *obj = req->object;
	if (registry_must_convert(req->type->stored_as, obj)) {
		state->phase = WRITE_CONVERTED;
		return registry_convert(req, req->type->stored_as, &obj, 1);
	}
	if (!has_lease(req))
		return put(req, err);
	state->phase = WRITE_LEASE;
	state->op = storage->functions->lease(
	    storage, req->server->options->event_ttl_ms / 1000, true, registry_on_stored, req);
	return API_PENDING;
}

static int start(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	state->status = req->is_creating ? 201 : 200;
	state->phase = WRITE_CLAIM;
	int rc = services_claim(req, req->object, req->old, err);
	return rc == API_NEXT ? begin_write(req, err) : rc;
}

/* Somebody else was faster. Who named a version has a conflict; others try again with what is there now. */
static int lost_race(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	services_rollback(req);
	bool is_hopeless = req->attempt >= REGISTRY_ATTEMPTS_MAX;
	if (!req->old && (req->info.verb == API_CREATE || is_hopeless))
		return already_exists(req, err);
	bool named_version = state->decoded && *state->decoded->meta->resource_version;
	if (req->old && (named_version || is_hopeless))
		return registry_conflict(req, err);
	state->phase = WRITE_FRESH;
	return registry_fence(req);
}

static int wait_until_seen(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	state->phase = WRITE_SEEN;
	/* Whoever has the answer shall find the write in the cache. */
	if (watchcache_revision(req->server) < state->revision)
		return registry_wait(req, state->revision, REGISTRY_CACHE_WAIT_MS);
	state->has_result = true;
	return registry_write(req, err);
}

static int on_stored(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	if (state->error.code) {
		services_commit(req); /* nobody knows whether it was written: repair will see */
		*err = state->error;
		return API_FAIL;
	}
	if (!state->succeeded)
		return lost_race(req, err);
	services_commit(req);
	req->object->meta->resource_version =
	    arena_printf(req->object->arena, "%lld", (long long)state->revision);
	req->object->revision = state->revision;
	state->phase = WRITE_RELEASE;
	bool is_gone = req->old && registry_may_vanish(req->object);
	int rc = services_release(req, req->old, is_gone ? NULL : req->object);
	return rc == API_NEXT ? wait_until_seen(req, err) : rc;
}

static int on_seen(struct api_request *req)
{
	struct registry_state *state = registry_state(req);
	if (state->error.code)
		log_warning("the cache is behind the store: %s", state->error.message);
	struct cache_item *item =
	    watchcache_item(req->server, req->type, registry_ns(req), req->object->meta->name);
	if (item && item->revision == state->revision)
		state->item = cache_item_ref(item);
	return API_NEXT;
}

int registry_write(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	if (!registry_take_result(req))
		return start(req, err);
	switch ((enum write_phase)state->phase) {
	case WRITE_CLAIM:
		return services_claimed(req, req->object, err) ? API_FAIL : begin_write(req, err);
	case WRITE_RELEASE:
		return wait_until_seen(req, err);
	case WRITE_CONVERTED:
	case WRITE_LEASE:
		if (state->error.code) {
			services_rollback(req);
			*err = state->error;
			return API_FAIL;
		}
		if (state->phase == WRITE_LEASE)
			state->lease = state->revision;
		return put(req, err);
	case WRITE_STORE:
		return on_stored(req, err);
	case WRITE_SEEN:
		return on_seen(req);
	default:
		if (state->error.code) {
			*err = state->error;
			return API_FAIL;
		}
		return API_AGAIN;
	}
}
