/* etcd's files among themselves: the client, one unary operation, and the endpoints that both kinds of calls
 * use. */
#ifndef CUBE_APISERVER_STORAGE_ETCD_H
#define CUBE_APISERVER_STORAGE_ETCD_H

#include "apiserver/storage/storage.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

struct etcd_watch;
struct http_call;
struct http_client;
struct http_response;
struct json;
struct loop_timer;

enum {
	ETCD_TIMEOUT_MS = 10000,
	ETCD_ATTEMPTS_MAX = 18,
	ETCD_RETRY_MAX_MS = 200,
	ETCD_RESPONSE_MAX = 512 * 1024 * 1024,
	ETCD_SILENCE_MS = 2000 /* an operation that waits longer for its answer makes the store unhealthy */
};

struct etcd_batch;

struct etcd {
	struct storage storage;
	struct loop *loop;
	struct http_client *http;
	struct arena *arena;
	char **endpoints;
	size_t endpoints_len, endpoint; /* the one in use */
	struct storage_op *ops;
	int64_t known;   /* the highest revision that etcd has told: it never answers with less again... */
	bool is_probing; /* a question for health() is under way */
	int failures;    /* exchanges in a row that failed; 0: well */
	char last_failure[256];
	/* the lease that events share */
	int64_t lease_id, lease_ttl_s, lease_until_ms;
	bool is_collecting;                      /* conditional puts wait for the batch to be closed */
	struct etcd_batch *batches, *open_batch; /* all; the one that is being filled */
};

enum etcd_op_kind { ETCD_RANGE, ETCD_TXN, ETCD_COMPACT, ETCD_LEASE, ETCD_WATCH };

struct storage_op {
	struct storage_op *next, **prev;
	struct etcd *etcd;
	enum etcd_op_kind kind;
	const char *path;
	struct buf body;
	bool is_idempotent;
	int attempt;
	int64_t sent_ms, known; /* when the attempt began, and etcd->known then */
	struct http_call *call;
	struct loop_timer *timer; /* the next attempt, or the answer of a shared lease */
	storage_done_fn *done;
	void *arg;
	int64_t lease_ttl_s;      /* of a lease that is to be shared; 0: it is not */
	struct etcd_watch *watch; /* ETCD_WATCH */
	struct etcd_batch *batch; /* that it waits in */
	size_t success_at;        /* ETCD_TXN: where in the body its operation begins */
	void *observed;           /* what the observer is told at the end, or NULL */
	int64_t begun_ns;
};

struct storage_op *etcd_op_new(struct etcd *etcd, enum etcd_op_kind kind, const char *path);
void etcd_op_free(struct storage_op *op);
const char *etcd_url(const struct etcd *etcd, struct arena *arena, const char *path);
/* Path of the socket when the endpoint in use is "unix:///path", else NULL. */
const char *etcd_socket(const struct etcd *etcd);
void etcd_failed(struct etcd *etcd, const char *why); /* counts, and moves to the next endpoint */
void etcd_succeeded(struct etcd *etcd);
void etcd_put_base64(struct buf *out, const void *data, size_t size); /* quoted */
/* ...unless its data was put back to an older state, or emptied: then what was learned from it is void. */
void etcd_lose_history(struct etcd *etcd, int64_t revision);
/* Asks for the revision, only to see whether the history still holds what is known. */
void etcd_check_history(struct etcd *etcd);

/* etcd_read.c */
int64_t etcd_int(const struct json *object, const char *key); /* int64 are strings; absent means 0 */
/* An error answer of the gateway; ERR_UNAVAILABLE ones may be tried again. Returns -1. */
int etcd_error(int status, const char *body, size_t size, struct error *err);
/* {"key","value","mod_revision",...}; the value is NUL-terminated too. */
void etcd_read_item(struct arena *arena, const struct json *kv, struct storage_item *ret);
/* The answer's tree; NULL and an error when it is none of etcd's. Such a thing was seen from proxies. */
struct json *etcd_read_answer(enum etcd_op_kind kind, struct arena *arena, const char *body, size_t size,
    int64_t *ret_revision, struct error *err);
/* Of a range: items, and how many more there are. -1: etcd's answer cannot be read. */
int etcd_read_items(
    struct arena *arena, const struct json *answer, struct storage_result *result, struct error *err);
/* Whether a transaction was done, and what it deleted: no other response of ours holds keys. */
void etcd_read_txn(struct arena *arena, const struct json *answer, struct storage_result *result);

struct storage_op *etcd_watch_start(
    struct storage *s, int64_t start, const struct storage_watch_callbacks *callbacks, void *arg);
struct storage_op *etcd_history_start(
    struct storage *s, int64_t start, const struct storage_watch_callbacks *callbacks, void *arg);
void etcd_watch_free(struct etcd_watch *watch);
void etcd_watch_lose_history(struct etcd_watch *watch);

/* etcd.c for etcd_batch.c: sends what the body holds; ends an operation with its result. */
void etcd_send(struct storage_op *op);
void etcd_finish(struct storage_op *op, const struct storage_result *result);
struct storage_op *etcd_start(
    struct storage *s, enum etcd_op_kind kind, const char *path, storage_done_fn *done, void *arg);
void etcd_batch_open(struct storage *s, bool is_open);
void etcd_batch_add(struct storage_op *op);    /* instead of sending it */
void etcd_batch_forget(struct storage_op *op); /* it is about to be freed */
void etcd_batch_free_all(struct etcd *etcd);   /* when no operation is left */

#define ETCD_TXN_BEGIN "{\"compare\":["
#define ETCD_TXN_MIDDLE "],\"success\":["
#define ETCD_TXN_END "]}"

#endif
