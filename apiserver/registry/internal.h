/* What the files of the registry share: its stages, and the state of a request between them. */
#ifndef CUBE_APISERVER_REGISTRY_INTERNAL_H
#define CUBE_APISERVER_REGISTRY_INTERNAL_H

#include "apiserver/pipeline.h"
#include "apiserver/registry/registry.h"
#include "apiserver/storage/storage.h"
#include "apiserver/watchcache/watchcache.h"

struct buf;
struct conversion;
struct list_state;
struct service_claims;

enum { REGISTRY_ATTEMPTS_MAX = 10, REGISTRY_CACHE_WAIT_MS = 3000 };

/* req->registry_state: what a request holds until it is freed. */
struct registry_state {
	struct storage_op *op; /* under way */
	struct watchcache_wait *wait;
	struct conversion *conversion;
	bool is_converting; /* load waits for the webhook, for req->old */
	/* of the operation that has finished: copied out of its callback */
	bool has_result, succeeded;
	int64_t revision;
	struct error error;
	bool is_fenced;                /* load has made sure that the cache is as new as the store */
	bool is_doubted;               /* the request has failed; see registry_doubt() */
	struct error doubt;            /* with this error */
	struct object *decoded;        /* an update's body as it came, for another attempt */
	struct service_claims *claims; /* addresses and ports taken for this write */
	int phase;                     /* of the stage that is running; see the stage */
	bool is_removed;               /* delete.c: the object is gone, not marked */
	bool is_unreadable;            /* delete.c: what goes is no object; see unreadable.c */
	int64_t lease;
	struct cache_item *item;       /* what the answer is made of, or NULL: req->object */
	int status;                    /* HTTP */
	struct list_state *list;       /* list.c */
	struct collection *collection; /* delete_collection.c */
};
struct registry_state *registry_state(struct api_request *req);

/* stages */
int registry_decode(struct api_request *req, struct error *err);
int registry_load(struct api_request *req, struct error *err);
int registry_default(struct api_request *req, struct error *err);
int registry_validate(struct api_request *req, struct error *err);
int registry_store(struct api_request *req, struct error *err);
int registry_encode(struct api_request *req, struct error *err);
void registry_release(struct api_request *req);
/*
 * An update or patch has failed before it came to the store, by what the cache holds: another server may have
 * changed the object meanwhile. True once: go back to `load`, which looks with a fresh cache, and fails with
 * the same error again when nothing has changed.
 */
bool registry_doubt(struct api_request *req);

/* by verb: what the stage `store` calls; same results as a stage */
int registry_get(struct api_request *req, struct error *err);
int registry_list(struct api_request *req, struct error *err);
int registry_watch(struct api_request *req, struct error *err);
int registry_write(struct api_request *req, struct error *err);
int registry_delete_object(struct api_request *req, struct error *err);
int registry_delete_collection(struct api_request *req, struct error *err);
int registry_subresource(struct api_request *req, struct error *err); /* binding, eviction, token, reviews */

/* subresources.c */
uint32_t registry_subresource_verbs(const struct resource_type *type, const char *name);
bool registry_is_proxied(const struct api_request *req);
/* finalize, ephemeralcontainers, resize, approval: everything but their part is taken from the old object. */
int registry_prepare_subresource(struct api_request *req, struct error *err);
bool registry_has_own_kind(
    const struct api_request *req); /* the body is no object of the type: Binding, Scale, ... */
bool registry_tracks_whole(
    const struct api_request *req); /* managedFields: the whole body counts, not a part of it */

/* common.c */
const char *registry_ns(const struct api_request *req); /* "" for cluster-scoped types */
struct resource_context registry_context(struct api_request *req);
void registry_about(
    const struct api_request *req, struct error *err); /* resource and name, for 404 and 409 */
int registry_not_found(const struct api_request *req, struct error *err);
int registry_conflict(const struct api_request *req, struct error *err);
/*
 * unreadable.c: what is stored, but is no object of its type. Requests about it answer 500 with what is
 * wrong; lists go without it, and warn; a DELETE with ignoreStoreReadErrorWithClusterBreakingPotential
 * removes it.
 */
bool registry_is_unreadable(const struct api_request *req);
int registry_unreadable(const struct api_request *req, struct error *err); /* fills the 500 */
void registry_warn_unreadable(struct api_request *req);
/* The stage `load` of such a DELETE: something that has only the name takes its place in req->old. */
int registry_load_unreadable(struct api_request *req, struct error *err);
bool registry_matches(struct api_request *req, const struct object *obj);
/* Waits; on completion the running stage is called again with state->has_result set. Return API_PENDING. */
int registry_fence(struct api_request *req);
int registry_wait(struct api_request *req, int64_t revision, int64_t timeout_ms);
/* API_NEXT when there is nothing to wait for. */
int registry_await_history(struct api_request *req, int64_t revision);
storage_done_fn registry_on_stored;
/*
 * convert.c: custom resources that a webhook converts. Is obj in another version, which has not been asked
 * for yet? Then registry_convert() waits like the above; once it succeeded, api_to_version() and
 * resource_convert() know the answer.
 */
bool registry_must_convert(const struct resource_type *to, const struct object *obj);
int registry_convert(
    struct api_request *req, const struct resource_type *to, const struct object *const *objects, size_t len);
/* All such objects in the scope of a list or a watch, borrowed from the cache; ret lives in the request's
 * arena. */
size_t registry_list_unconverted(struct api_request *req, const struct object *const **ret);
/* Takes the result of what was waited for: false while there is none. */
bool registry_take_result(struct api_request *req);
int registry_parse_revision(const char *text, int64_t *ret, struct error *err);
int registry_too_new(struct api_request *req, int64_t revision, struct error *err);
void registry_set_meta(struct object *obj, const MetaV1__ObjectMeta *meta); /* a clone of meta */
/* The status member of obj is made empty, or replaced by a copy of old's. */
void registry_reset_status(struct object *obj);
void registry_keep_status(struct object *obj, const struct object *old);
bool registry_spec_changed(
    const struct resource_type *type, const struct object *obj, const struct object *old);

int registry_answer_delete(struct api_request *req); /* delete.c: the last stage of a delete */
/* delete.c: the finalizers that a propagation policy means; true when they differ from what obj has. */
bool registry_set_gc_finalizers(struct api_request *req, struct object *obj);
void registry_mark_deleting(struct object *obj, int64_t now_s);
bool registry_may_vanish(const struct object *obj); /* deleting, and nothing holds it back any more */

int registry_bind(struct api_request *req, struct error *err);             /* binding.c */
int registry_component_status(struct api_request *req, struct error *err); /* binding.c */
int registry_evict(struct api_request *req, struct error *err);            /* eviction.c */

/* scale.c */
struct object *scale_of(const struct resource_type *type, const struct object *obj, struct error *err);
int scale_apply(
    const struct resource_type *type, struct object *obj, const struct object *scale, struct error *err);

/* encode of lists: list_encode.c */
struct list_output {
	struct api_request *req;
	struct buf *out; /* begun with bytes_begin() */
	size_t len;
	struct buf *head, *tail; /* what stands around the items */
	struct list_body
	    *body; /* the items themselves, when they leave as they are cached: `out` stays empty then */
};
int list_output_add(struct list_output *o, struct cache_item *item, struct error *err);
/* After the last item: makes head and tail. */
void list_output_finish(
    struct list_output *o, int64_t revision, const char *continue_token, int64_t remaining);
/* list_body.c: items by reference, copied once: when the connection takes them. */
struct http_source;
struct list_body *list_body_new(void);
void list_body_free(struct list_body *body);
void list_body_add(struct list_body *body, struct bytes *take_json, bool is_typed);
/* The whole answer; done() of the source frees the body. */
struct http_source list_body_source(
    struct list_body *take_body, struct buf *take_head, struct buf *take_tail);
/* The answer to a list of a virtual resource that has one object. */
int registry_list_one(struct api_request *req, struct object *obj, struct error *err);
void registry_list_respond(struct api_request *req);
void registry_list_done(struct list_state *ls);

/*
 * services.c: cluster IPs and node ports of a Service that is written. services_claim() takes what obj wants
 * and old has not; when it returns API_PENDING, services_claimed() fills them in once the stage is called
 * again. Then one of: services_commit(): what was taken stays taken; services_rollback(): it goes back.
 */
int services_claim(struct api_request *req, struct object *obj, const struct object *old, struct error *err);
int services_claimed(struct api_request *req, struct object *obj, struct error *err);
void services_commit(struct api_request *req);
void services_rollback(struct api_request *req);
/* After a write: gives back what old had and obj (NULL: deleted) has not. May return API_PENDING. */
int services_release(struct api_request *req, const struct object *old, const struct object *obj);

#endif
