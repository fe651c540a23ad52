/*
 * watchcache: everything that is stored, decoded, in memory; filled by lists at the start and then by one
 * watch over the whole store, so that all types share one order of revisions. GET, LIST and WATCH are served
 * from here; so are the lookups of authorisation and admission. Objects are immutable; each keeps its encoded
 * JSON once somebody asked for it.
 *
 * A write is answered only after the cache has seen it: who has its answer finds its write here.
 */
#ifndef CUBE_APISERVER_WATCHCACHE_WATCHCACHE_H
#define CUBE_APISERVER_WATCHCACHE_WATCHCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api_server;
struct bytes;
struct error;
struct object;
struct resource_type;
struct watchcache;

/* One stored object at one revision; shared by the cache, its event ring and the answers under way. */
struct cache_item {
	unsigned refs;
	const struct object *object; /* of the stored version, resourceVersion set */
	int64_t revision;
	struct bytes *json;  /* compact JSON without a newline, or NULL: use cache_item_json() */
	struct bytes *proto; /* wire envelope, or NULL: use cache_item_proto() */
	struct bytes
	    *stored; /* a custom resource: the value in the store, where the object differs; or NULL */
	char key[];  /* "namespace/name" or "name" */
};
struct cache_item *cache_item_new(const struct object *take_object, const char *key);
struct cache_item *cache_item_ref(struct cache_item *item);
void cache_item_unref(struct cache_item *item);
struct bytes *cache_item_json(struct cache_item *item);  /* borrowed */
struct bytes *cache_item_proto(struct cache_item *item); /* borrowed */
/* Appends the JSON without keeping an encoding that is not there yet: for the author of a write and for the
 * one frame that all watchers share. Most objects are written and watched, but not read: kept, the text would
 * take as much as they do. */
struct buf;
void cache_item_append_json(const struct cache_item *item, struct buf *out);

/*
 * The object at this moment, borrowed until the loop's next turn (object_ref() to keep it); NULL when there
 * is none. ns is "" or NULL for cluster-scoped types. Any version of the type may be given; the stored
 * version is returned.
 */
const struct object *watchcache_lookup(
    struct api_server *server, const struct resource_type *type, const char *ns, const char *name);
struct cache_item *watchcache_item(
    struct api_server *server, const struct resource_type *type, const char *ns, const char *name);

/* Iteration in key order over a type, in one namespace when ns is given. The cache must not change meanwhile.
 */
struct watchcache_cursor {
	void *node;
	const char *ns;
	size_t ns_len;
};
void watchcache_cursor_init(struct watchcache_cursor *cursor, struct api_server *server,
    const struct resource_type *type, const char *ns);
struct cache_item *watchcache_next_item(struct watchcache_cursor *cursor);
const struct object *watchcache_next(struct watchcache_cursor *cursor); /* NULL at the end */
size_t watchcache_count(struct api_server *server, const struct resource_type *type);

/* Calls fn for each change of a type, in order, at the moment the cache takes it: old NULL: added, obj NULL:
 * deleted. At subscription it is called for what is there. For derived state: RBAC rules, IP allocation,
 * custom resources. */
void watchcache_subscribe(struct api_server *server, const struct resource_type *type,
    void (*fn)(void *arg, const struct object *old, const struct object *obj), void *arg);

/* Changes with every change to the type: for derived state that is rebuilt lazily. */
uint64_t watchcache_generation(struct api_server *server, const struct resource_type *type);
/* Revision of the type's last change: what was listed at or after it is still so. */
int64_t watchcache_changed_revision(struct api_server *server, const struct resource_type *type);

/*
 * Events. A change keeps the item before and after (old NULL: added; item NULL never: for a deletion it is
 * the last state with the deletion's revision) and the frames that were made of it, so that many watchers
 * share one encoding.
 */
struct cache_event {
	unsigned refs;
	int64_t revision;
	bool is_deletion;
	struct cache_item *item, *old;
	struct bytes *frames[3]; /* JSON watch frames as HTTP chunks: ADDED, MODIFIED, DELETED;
				    registry/watch.c fills them */
};
struct cache_event *cache_event_ref(struct cache_event *event);
void cache_event_unref(struct cache_event *event); /* NULL is accepted */
struct cache_watcher;
struct cache_watcher_callbacks {
	void (*on_event)(void *arg, struct cache_event *event);
	void (*on_progress)(void *arg, int64_t revision); /* at most once a minute: a bookmark; may be NULL */
	void (*on_end)(void *arg, const struct error *err); /* the watcher is gone; NULL: the server stops */
};
/* Watches everything behind `revision`: what the ring still holds comes before this returns. ERR_EXPIRED when
 * the ring begins later. Selecting is up to the watcher. */
struct cache_watcher *watchcache_watch(struct api_server *server, const struct resource_type *type,
    int64_t revision, const struct cache_watcher_callbacks *callbacks, void *arg, struct error *err);
void watchcache_unwatch(struct cache_watcher *watcher);

/* The cache itself: server.c. */
struct watchcache_callbacks {
	void (*on_ready)(void *arg); /* once: the first list is complete and the watch runs */
	void (*on_replaced)(
	    void *arg); /* the store was put back to another state, which the cache holds now */
};
struct watchcache *watchcache_new(struct api_server *server);
void watchcache_start(struct watchcache *cache, const struct watchcache_callbacks *callbacks, void *arg);
void watchcache_end_watches(struct watchcache *cache); /* all of them, in good order: the server stops */
void watchcache_free(struct watchcache *cache);
/* Types that come and go at run time (custom resources). */
void watchcache_add_type(struct watchcache *cache, const struct resource_type *type);
void watchcache_remove_type(struct watchcache *cache, const struct resource_type *type);
/* Full storage key of an object, and the prefix "/registry/pods/" or "/registry/pods/NS/" of a list, in buf.
 */
struct buf;
void watchcache_storage_key(struct api_server *server, const struct resource_type *type, const char *ns,
    const char *name, struct buf *ret);
/* A stored value that is no object of its type: it is left out of everything else, and kept in the store. */
struct watchcache_unreadable {
	int64_t revision;
	char message[]; /* names the storage key */
};
/* NULL when what is stored under the name can be read, or nothing is. */
const struct watchcache_unreadable *watchcache_unreadable(
    struct api_server *server, const struct resource_type *type, const char *ns, const char *name);
/* How many there are in a namespace, or, without one, of the type; *ret is one of them. */
size_t watchcache_count_unreadable(struct api_server *server, const struct resource_type *type,
    const char *ns, const struct watchcache_unreadable **ret);

/* Decodes what is stored into an item (resourceVersion set); used by reads that bypass the cache too. */
struct cache_item *watchcache_decode(struct api_server *server, const struct resource_type *type,
    const char *storage_key, const void *value, size_t size, int64_t revision, struct error *err);

/*
 * Freshness. watchcache_wait() calls fn when the cache has reached `revision`, or with an ERR_TIMEOUT.
 * watchcache_fence() asks the store for its revision first, so that what follows is a consistent read; calls
 * under way are shared. Both may call back later only; cancel with the returned handle.
 */
struct watchcache_wait;
typedef void watchcache_ready_fn(void *arg, const struct error *err);
struct watchcache_wait *watchcache_wait(
    struct api_server *server, int64_t revision, int64_t timeout_ms, watchcache_ready_fn *fn, void *arg);
struct watchcache_wait *watchcache_fence(struct api_server *server, watchcache_ready_fn *fn, void *arg);
/*
 * For a watch from `revision` on, of before the cache was listed: fn is called when the type's ring holds
 * what the store still knows of that time, or when that cannot be had. NULL: no need, or no hope; fn is not
 * called.
 */
struct watchcache_wait *watchcache_await_history(struct api_server *server, const struct resource_type *type,
    int64_t revision, watchcache_ready_fn *fn, void *arg);
void watchcache_wait_cancel(struct watchcache_wait *wait);
int64_t watchcache_revision(struct api_server *server);
/* False while the cache is about to be replaced by another history: whoever reads has to wait or to fence. */
bool watchcache_is_settled(struct api_server *server);
/* NULL while the cache follows the store; else why it does not. */
const char *watchcache_why_behind(const struct watchcache *cache);

#endif
