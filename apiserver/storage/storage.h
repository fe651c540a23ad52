/*
 * storage: keys and values with revisions, behind one table of functions. etcd through its gRPC-gateway is
 * what ships (etcd.c); memory.c serves tests. Callbacks run on the loop, never inside the call that started
 * the operation, exactly once each, or never after storage_cancel(). Keys are full etcd keys
 * ("/registry/pods/default/web").
 */
#ifndef CUBE_APISERVER_STORAGE_STORAGE_H
#define CUBE_APISERVER_STORAGE_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct loop;
struct storage;
struct storage_op;

struct storage_item {
	const char *key;   /* NUL-terminated */
	const void *value; /* NULL in deletions */
	size_t value_size;
	int64_t revision; /* mod_revision */
	int64_t create_revision;
};

/* What an operation came to. Pointers are borrowed until the callback returns. */
struct storage_result {
	const struct error
	    *error;       /* NULL on success. ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_EXPIRED (compacted), ... */
	bool succeeded;   /* conditional writes: the condition held and the write was done */
	int64_t revision; /* of the store when it answered; of the write when it succeeded */
	const struct storage_item *items; /* get: none or one; list: a page; delete_if: what was deleted */
	size_t items_len;
	bool more;         /* list: the page is not the last one */
	int64_t remaining; /* list: keys behind this page, -1 when unknown */
};
typedef void storage_done_fn(void *arg, const struct storage_result *result);

enum storage_event_type { STORAGE_PUT, STORAGE_DELETE };
struct storage_event {
	enum storage_event_type type;
	struct storage_item item; /* of a deletion: key and the revision of the deletion */
	struct storage_item old;  /* history() only: what was there before; revision 0: nothing */
};
struct storage_watch_callbacks {
	/* Events of one or more whole revisions; everything up to `revision` has been delivered after this.
	 * len may be 0. */
	void (*on_events)(void *arg, const struct storage_event *events, size_t len, int64_t revision);
	/* The stream can not go on: ERR_EXPIRED when `start` was compacted. Connection losses are resumed
	 * inside. */
	void (*on_end)(void *arg, const struct error *err);
};

struct storage_functions {
	struct storage_op *(*get)(struct storage *s, const char *key, storage_done_fn *done, void *arg);
	/* Keys in [start, end) in order; revision 0: now. limit 0: all. */
	struct storage_op *(*list)(struct storage *s, const char *start, const char *end, int64_t revision,
	    int64_t limit, bool keys_only, storage_done_fn *done, void *arg);
	/* Writes when the key's mod_revision equals `revision` (0: when the key does not exist). lease 0:
	 * none. */
	struct storage_op *(*put_if)(struct storage *s, const char *key, int64_t revision, const void *value,
	    size_t size, int64_t lease, storage_done_fn *done, void *arg);
	/* NULL, or: what put_if() is asked for until the batch is closed is written in few transactions of
	 * many keys each; where one of its conditions does not hold, each key for itself. Keys of a
	 * transaction share a revision, so a watch that breaks off between them cannot go on there: for the
	 * objects of a new store only. */
	void (*batch)(struct storage *s, bool is_open);
	struct storage_op *(*delete_if)(
	    struct storage *s, const char *key, int64_t revision, storage_done_fn *done, void *arg);
	/* The store's revision now, linearizable. */
	struct storage_op *(*revision)(struct storage *s, storage_done_fn *done, void *arg);
	/* Every change behind revision `start` of every key: the revisions have no gaps. */
	struct storage_op *(*watch)(
	    struct storage *s, int64_t start, const struct storage_watch_callbacks *callbacks, void *arg);
	/* NULL, or: as watch(), of changes that are past. Each tells what it replaced. */
	struct storage_op *(*history)(
	    struct storage *s, int64_t start, const struct storage_watch_callbacks *callbacks, void *arg);
	struct storage_op *(*compact)(struct storage *s, int64_t revision, storage_done_fn *done, void *arg);
	/* A lease; result.revision is its id. A shared one lasts at least ttl_s and serves all who ask within
	 * a minute; else it is the caller's own, and lasts ttl_s. */
	struct storage_op *(*lease)(
	    struct storage *s, int64_t ttl_s, bool is_shared, storage_done_fn *done, void *arg);
	void (*cancel)(struct storage_op *op);
	const char *(*health)(struct storage *s); /* NULL: well; else why not */
	void (*free)(struct storage *s);
};

/*
 * Told of every operation on a key: begin() returns what end() will get, or NULL: nothing is to be counted.
 * An operation that is cancelled has no end.
 */
enum storage_operation {
	STORAGE_GET,
	STORAGE_LIST,
	STORAGE_CREATE,
	STORAGE_UPDATE,
	STORAGE_REMOVE,
	STORAGE_OPERATIONS
};
struct storage_observer {
	void *(*begin)(void *arg, enum storage_operation operation, const char *key);
	void (*end)(void *arg, void *operation, double seconds, bool has_failed);
	void *arg;
};

struct storage {
	const struct storage_functions *functions;
	const struct storage_observer *observer; /* set by the owner; NULL: nobody */
};

struct storage_etcd_options {
	const char *const *endpoints; /* "http://127.0.0.1:2379" ...; ends with NULL */
	const char *ca_file, *cert_file, *key_file;
};
struct storage *storage_etcd_new(
    struct loop *loop, const struct storage_etcd_options *options, struct error *err);
struct storage *storage_memory_new(struct loop *loop);

static inline void storage_cancel(struct storage *s, struct storage_op *op)
{
	if (op)
		s->functions->cancel(op);
}

#endif
