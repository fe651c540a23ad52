/* What the files of the watch cache share. */
#ifndef CUBE_APISERVER_WATCHCACHE_INTERNAL_H
#define CUBE_APISERVER_WATCHCACHE_INTERNAL_H

#include "apiserver/server.h"
#include "apiserver/storage/storage.h"
#include "apiserver/watchcache/ordered.h"
#include "apiserver/watchcache/watchcache.h"

enum {
	RING_MIN = 128,        /* events that are kept at least */
	RING_MAX = 65536,      /* and at most */
	RING_FRESH_MS = 75000, /* within these bounds, events younger than this are kept */
	BOOKMARK_MS = 60000
};

struct cache_subscriber {
	struct cache_subscriber *next;
	void (*fn)(void *arg, const struct object *old, const struct object *obj);
	void *arg;
};

struct cache_watcher {
	struct cache_watcher *next, **prev;
	struct cache_type *type;
	struct cache_watcher_callbacks callbacks;
	void *arg;
	int64_t start; /* events behind this revision are given; several may share one (a lease that ends) */
};

struct cache_type {
	const struct resource_type *type; /* the stored version */
	struct ordered items;             /* struct cache_item by key */
	size_t overhead;                  /* bytes that the last object took beyond its stored value */
	uint64_t generation;
	int64_t changed_revision;
	/* the ring of events: events_len from events_head on */
	struct cache_event **events;
	int64_t *events_ms; /* when each came */
	size_t events_head, events_len, events_capacity;
	int64_t complete_since;    /* the ring holds every event behind this revision */
	struct cache_event **past; /* history.c: events from before the list, until all are there */
	size_t past_len, past_capacity;
	struct cache_watcher *watchers;
	struct cache_subscriber *subscribers;
};

struct watchcache_wait {
	struct watchcache_wait *next, **prev;
	struct watchcache *cache;
	int64_t revision; /* 0: not known yet, waits for the store's answer */
	int64_t deadline_ms;
	bool is_fence, is_asked; /* asks the store; part of the question that is under way */
	bool is_history;         /* revision: 1 when there is nothing more to wait for */
	int64_t known_ms;        /* since when the revision is known */
	watchcache_ready_fn *fn;
	void *arg;
};

struct watchcache {
	struct api_server *server;
	struct cache_type **types; /* in no order */
	size_t types_len, types_capacity;
	struct strmap *by_prefix; /* "pods", "services/specs" -> struct cache_type */
	struct strmap
	    *unclaimed; /* storage key -> struct raw_value: of custom resources whose type is not known yet */
	struct strmap *unreadable; /* storage key -> struct watchcache_unreadable */
	char *root;                /* "/registry/" */
	size_t root_size;
	int64_t revision;
	int64_t applying; /* of the change that is being taken: at or ahead of revision */
	int64_t advanced_ms;
	struct storage_op *list_op, *watch_op, *fence_op;
	struct watchcache_wait *waits;
	struct loop_timer *wait_timer, *bookmark_timer, *retry_timer;
	struct watchcache_callbacks callbacks;
	void *callbacks_arg;
	bool is_listed, is_freeing;
	bool is_settled; /* false from the moment in which the store turns out to have another history, until
			    it is listed */
	/* while listing, and of the last list: follow.c */
	int64_t list_revision;
	struct strmap *listed;   /* keys seen: whatever else is cached has gone */
	struct staged *staged;   /* values to be taken when the list is complete */
	struct history *history; /* while it is loaded: history.c */
	bool has_history;        /* it was loaded, or cannot be */
};

struct raw_value {
	int64_t revision;
	size_t size;
	char data[];
};

struct cache_type *watchcache_type(struct watchcache *cache, const struct resource_type *type);
/* events.c */
void cache_type_publish(struct watchcache *cache, struct cache_type *t, struct cache_event *take_event);
void cache_type_reset_events(struct cache_type *t, int64_t revision);
void cache_type_end_watchers(struct cache_type *t, const struct error *err);
void watchcache_send_bookmarks(void *cache);
/* follow.c */
void watchcache_follow(void *cache);
void watchcache_unfollow(struct watchcache *cache);
void watchcache_rewatch(struct watchcache *cache);
/* history.c */
void watchcache_drop_history(struct watchcache *cache); /* what is being loaded is of no use */
void cache_type_forget_past(struct cache_type *t);
/* load.c */
/* The type of a storage key, or NULL. ret_rest: the object's key behind the type's prefix. */
struct cache_type *watchcache_route(struct watchcache *cache, const char *key, const char **ret_rest);
/* Is the key cached as of exactly this revision? */
bool watchcache_has(struct watchcache *cache, const char *key, int64_t revision);
void watchcache_apply_put(
    struct watchcache *cache, const char *key, const void *value, size_t size, int64_t revision, bool quiet);
/* A value whose type is not known yet, or not any more. */
void watchcache_keep_raw(
    struct watchcache *cache, const char *key, const void *value, size_t size, int64_t revision);
void watchcache_apply_delete(struct watchcache *cache, const char *key, int64_t revision, bool quiet);
/* The last state, with the deletion's revision. */
struct cache_item *watchcache_deleted_item(const struct cache_item *old, int64_t revision);
/* unreadable.c */
void watchcache_keep_unreadable(
    struct watchcache *cache, const char *key, int64_t revision, const char *message);
void watchcache_forget_unreadable(struct watchcache *cache, const char *key);
/* freshness.c */
void watchcache_advance(struct watchcache *cache, int64_t revision);
struct watchcache_wait *watchcache_add_wait(
    struct watchcache *cache, int64_t revision, int64_t timeout_ms, watchcache_ready_fn *fn, void *arg);
void watchcache_check_waits(void *cache);
void watchcache_unsettle(struct watchcache *cache); /* what is cached is not what is stored */
void watchcache_settled(struct watchcache *cache);

#endif
