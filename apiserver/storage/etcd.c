/* etcd through its gRPC-gateway (v3 JSON): unary operations. etcd_read.c reads what
 * comes back, etcd_watch.c has the stream. */
#include "apiserver/storage/etcd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/json.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"

static struct etcd *etcd_of(struct storage *s)
{
	return (struct etcd *)s;
}

struct storage_op *etcd_op_new(struct etcd *etcd, enum etcd_op_kind kind, const char *path)
{
	struct storage_op *op = calloc(1, sizeof *op);
	if (!op)
		abort();
	op->etcd = etcd;
	op->kind = kind;
	op->path = path;
	op->next = etcd->ops;
	op->prev = &etcd->ops;
	if (op->next)
		op->next->prev = &op->next;
	etcd->ops = op;
	return op;
}

void etcd_op_free(struct storage_op *op)
{
	*op->prev = op->next;
	if (op->next)
		op->next->prev = op->prev;
	http_call_cancel(op->call);
	loop_timer_free(op->timer);
	if (op->batch)
		etcd_batch_forget(op);
	if (op->watch)
		etcd_watch_free(op->watch);
	buf_done(&op->body);
	free(op);
}

const char *etcd_url(const struct etcd *etcd, struct arena *arena, const char *path)
{
	return arena_printf(
	    arena, "%s%s", etcd_socket(etcd) ? "http://localhost" : etcd->endpoints[etcd->endpoint], path);
}

const char *etcd_socket(const struct etcd *etcd)
{
	const char *endpoint = etcd->endpoints[etcd->endpoint];

	return str_has_prefix(endpoint, "unix://") ? endpoint + strlen("unix://") : NULL;
}

void etcd_failed(struct etcd *etcd, const char *why)
{
	etcd->failures++;
	snprintf(etcd->last_failure, sizeof etcd->last_failure, "%s", why);
	etcd->endpoint = (etcd->endpoint + 1) % etcd->endpoints_len;
}

void etcd_succeeded(struct etcd *etcd)
{
	etcd->failures = 0;
}

void etcd_put_base64(struct buf *out, const void *data, size_t size)
{
	buf_putc(out, '"');
	out->size += str_base64_write(buf_reserve(out, (size + 2) / 3 * 4 + 1), data, size);
	buf_putc(out, '"');
}

void etcd_lose_history(struct etcd *etcd, int64_t revision)
{
	log_warning("etcd's data was replaced: revision %" PRId64
		    " was known, now it has %s; everything is read anew",
	    etcd->known, revision ? "less" : "another history");
	etcd->known = revision;
	etcd->lease_id = 0;
	for (struct storage_op *op = etcd->ops, *next; op; op = next) {
		next = op->next;
		op->known = 0; /* what is under way may be answered from the new state */
		if (op->watch)
			etcd_watch_lose_history(op->watch);
	}
}

static void observe(struct storage_op *op, enum storage_operation operation, const char *key)
{
	const struct storage_observer *o = op->etcd->storage.observer;

	if (!o)
		return;
	op->observed = o->begin(o->arg, operation, key);
	op->begun_ns = loop_clock(op->etcd->loop)->monotonic_ns(loop_clock(op->etcd->loop));
}

static void tell_observer(struct storage_op *op, bool has_failed)
{
	const struct storage_observer *o = op->etcd->storage.observer;
	const struct clock *clock = loop_clock(op->etcd->loop);

	if (op->observed)
		o->end(o->arg, op->observed, (double)(clock->monotonic_ns(clock) - op->begun_ns) / 1e9,
		    has_failed);
}

void etcd_finish(struct storage_op *op, const struct storage_result *result)
{
	storage_done_fn *done = op->done;
	void *arg = op->arg;
	op->call = NULL;
	tell_observer(op, result->error != NULL);
	etcd_op_free(op);
	if (done)
		done(arg, result);
}

static void learn_revision(struct storage_op *op, int64_t revision)
{
	struct etcd *etcd = op->etcd;
	if (revision < op->known)
		etcd_lose_history(etcd, revision);
	else if (revision > etcd->known)
		etcd->known = revision;
}

static int on_answer(
    struct storage_op *op, struct arena *arena, const struct http_response *response, struct error *err)
{
	struct etcd *etcd = op->etcd;
	struct storage_result result = {.error = NULL};
	struct json *answer =
	    etcd_read_answer(op->kind, arena, response->body, response->body_size, &result.revision, err);
	if (!answer || (op->kind == ETCD_RANGE && etcd_read_items(arena, answer, &result, err)))
		return -1;
	etcd_succeeded(etcd);
	learn_revision(op, result.revision);
	if (op->kind == ETCD_TXN)
		etcd_read_txn(arena, answer, &result);
	if (op->kind == ETCD_LEASE) {
		result.revision = etcd_int(answer, "ID");
		if (op->lease_ttl_s) {
			etcd->lease_id = result.revision;
			etcd->lease_ttl_s = op->lease_ttl_s;
			etcd->lease_until_ms = loop_now_ms(etcd->loop) + 60000;
		}
	}
	etcd_finish(op, &result);
	return 0;
}

static void on_retry(void *arg)
{
	struct storage_op *op = arg;
	loop_timer_free(op->timer);
	op->timer = NULL;
	etcd_send(op);
}

static bool try_again(struct storage_op *op, const struct error *err)
{
	bool is_passing = err->code == ERR_UNAVAILABLE || err->code == ERR_IO || err->code == ERR_TIMEOUT;
	if (!op->is_idempotent || !is_passing || op->attempt >= ETCD_ATTEMPTS_MAX)
		return false;
	/* About three seconds in all: etcd changes its leader within that time. */
	int64_t ms = op->attempt > 4 ? ETCD_RETRY_MAX_MS : 10 << op->attempt;
	op->timer = loop_timer_new(op->etcd->loop, on_retry, op);
	loop_timer_start(op->timer, ms, 0);
	return true;
}

static void on_done(void *arg, const struct http_response *response)
{
	struct storage_op *op = arg;
	struct error err = ERROR_INIT;
	op->call = NULL;
	if (response->error) {
		enum error_code code = response->error->code == ERR_TIMEOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE;
		if (code == ERR_TIMEOUT)
			http_client_distrust(op->etcd->http);
		error_set(&err, code, "etcd %s: %s", op->etcd->endpoints[op->etcd->endpoint],
		    response->error->message);
	} else if (response->status == 200) {
		struct arena *arena = arena_new();
		int rc = on_answer(op, arena, response, &err);
		arena_free(arena);
		if (!rc)
			return;
	} else {
		etcd_error(response->status, response->body, response->body_size, &err);
		if (op->kind == ETCD_TXN && strstr(err.message, "lease not found"))
			op->etcd->lease_id = 0; /* the next event gets another one */
	}
	if (err.code == ERR_UNAVAILABLE || err.code == ERR_TIMEOUT) {
		etcd_failed(op->etcd, err.message);
		if (try_again(op, &err))
			return;
	}
	struct storage_result result = {.error = &err};
	etcd_finish(op, &result);
}

void etcd_send(struct storage_op *op)
{
	static const char *const headers[] = {"Content-Type: application/json", "Expect:", NULL};
	struct arena *arena = arena_new();
	struct http_request request = {.method = "POST",
	    .url = etcd_url(op->etcd, arena, op->path),
	    .unix_socket = etcd_socket(op->etcd),
	    .headers = headers,
	    .body = op->body.data,
	    .body_size = op->body.size,
	    .timeout_ms = ETCD_TIMEOUT_MS,
	    .response_max = ETCD_RESPONSE_MAX,
	    .no_redirects = true};
	op->attempt++;
	op->sent_ms = loop_now_ms(op->etcd->loop);
	op->known = op->etcd->known;
	op->call = http_client_send(op->etcd->http, &request, on_done, op);
	arena_free(arena);
}

struct storage_op *etcd_start(
    struct storage *s, enum etcd_op_kind kind, const char *path, storage_done_fn *done, void *arg)
{
	struct storage_op *op = etcd_op_new(etcd_of(s), kind, path);
	op->done = done;
	op->arg = arg;
	op->is_idempotent = kind != ETCD_TXN;
	return op;
}

static struct storage_op *etcd_get(struct storage *s, const char *key, storage_done_fn *done, void *arg)
{
	struct storage_op *op = etcd_start(s, ETCD_RANGE, "/v3/kv/range", done, arg);
	observe(op, STORAGE_GET, key);
	buf_puts(&op->body, "{\"key\":");
	etcd_put_base64(&op->body, key, strlen(key));
	buf_putc(&op->body, '}');
	etcd_send(op);
	return op;
}

static struct storage_op *etcd_list(struct storage *s, const char *from, const char *to, int64_t revision,
    int64_t limit, bool keys_only, storage_done_fn *done, void *arg)
{
	struct storage_op *op = etcd_start(s, ETCD_RANGE, "/v3/kv/range", done, arg);
	observe(op, STORAGE_LIST, from);
	buf_puts(&op->body, "{\"key\":");
	etcd_put_base64(&op->body, from, strlen(from));
	buf_puts(&op->body, ",\"range_end\":");
	etcd_put_base64(&op->body, to, strlen(to));
	if (revision)
		buf_printf(&op->body, ",\"revision\":\"%" PRId64 "\"", revision);
	if (limit)
		buf_printf(&op->body, ",\"limit\":\"%" PRId64 "\"", limit);
	if (keys_only)
		buf_puts(&op->body, ",\"keys_only\":true");
	buf_putc(&op->body, '}');
	etcd_send(op);
	return op;
}

/* {"compare":[{"key","target":"MOD","mod_revision"}],"success":[ ; without a failure branch: it is the costly
 * part. */
static void begin_txn(struct buf *body, const char *key, int64_t revision)
{
	buf_puts(body, ETCD_TXN_BEGIN "{\"key\":");
	etcd_put_base64(body, key, strlen(key));
	buf_printf(body,
	    ",\"target\":\"MOD\",\"result\":\"EQUAL\",\"mod_revision\":\"%" PRId64 "\"}" ETCD_TXN_MIDDLE,
	    revision);
}

static struct storage_op *etcd_put_if(struct storage *s, const char *key, int64_t revision, const void *value,
    size_t size, int64_t lease, storage_done_fn *done, void *arg)
{
	struct storage_op *op = etcd_start(s, ETCD_TXN, "/v3/kv/txn", done, arg);
	observe(op, revision ? STORAGE_UPDATE : STORAGE_CREATE, key);
	begin_txn(&op->body, key, revision);
	op->success_at = op->body.size;
	buf_puts(&op->body, "{\"request_put\":{\"key\":");
	etcd_put_base64(&op->body, key, strlen(key));
	buf_puts(&op->body, ",\"value\":");
	etcd_put_base64(&op->body, value, size);
	if (lease)
		buf_printf(&op->body, ",\"lease\":\"%" PRId64 "\"", lease);
	buf_puts(&op->body, "}}" ETCD_TXN_END);
	if (op->etcd->is_collecting)
		etcd_batch_add(op);
	else
		etcd_send(op);
	return op;
}

static struct storage_op *etcd_delete_if(
    struct storage *s, const char *key, int64_t revision, storage_done_fn *done, void *arg)
{
	struct storage_op *op = etcd_start(s, ETCD_TXN, "/v3/kv/txn", done, arg);
	observe(op, STORAGE_REMOVE, key);
	begin_txn(&op->body, key, revision);
	buf_puts(&op->body, "{\"request_delete_range\":{\"key\":");
	etcd_put_base64(&op->body, key, strlen(key));
	buf_puts(&op->body, "}}]}");
	etcd_send(op);
	return op;
}

static struct storage_op *etcd_revision(struct storage *s, storage_done_fn *done, void *arg)
{
	/* Any linearizable read tells the revision; this key is a single small one. */
	struct storage_op *op = etcd_start(s, ETCD_RANGE, "/v3/kv/range", done, arg);
	buf_puts(&op->body, "{\"key\":");
	etcd_put_base64(&op->body, "compact_rev_key", strlen("compact_rev_key"));
	buf_puts(&op->body, ",\"count_only\":true}");
	etcd_send(op);
	return op;
}

static struct storage_op *etcd_compact(struct storage *s, int64_t revision, storage_done_fn *done, void *arg)
{
	struct storage_op *op = etcd_start(s, ETCD_COMPACT, "/v3/kv/compaction", done, arg);
	buf_printf(&op->body, "{\"revision\":\"%" PRId64 "\"}", revision);
	etcd_send(op);
	return op;
}

static void answer_shared_lease(void *arg)
{
	struct storage_op *op = arg;
	struct storage_result result = {.revision = op->etcd->lease_id};
	etcd_finish(op, &result);
}

static struct storage_op *etcd_lease(
    struct storage *s, int64_t ttl_s, bool is_shared, storage_done_fn *done, void *arg)
{
	struct etcd *etcd = etcd_of(s);
	struct storage_op *op = etcd_start(s, ETCD_LEASE, "/v3/lease/grant", done, arg);
	op->lease_ttl_s = is_shared ? ttl_s : 0;
	if (is_shared && etcd->lease_id && etcd->lease_ttl_s == ttl_s &&
	    loop_now_ms(etcd->loop) < etcd->lease_until_ms) {
		op->timer = loop_timer_new(etcd->loop, answer_shared_lease, op);
		loop_timer_start(op->timer, 0, 0);
		return op;
	}
	buf_printf(&op->body, "{\"TTL\":\"%" PRId64 "\"}", is_shared ? ttl_s + 60 : ttl_s);
	etcd_send(op);
	return op;
}

static void etcd_cancel(struct storage_op *op)
{
	etcd_op_free(op);
}

static void on_probed(void *arg, const struct storage_result *result)
{
	((struct etcd *)arg)->is_probing = false;
}

void etcd_check_history(struct etcd *etcd)
{
	etcd_revision(&etcd->storage, NULL, NULL);
}

/* By what was seen last, and by a question that is asked now and counts the next time. */
static const char *etcd_health(struct storage *s)
{
	struct etcd *etcd = etcd_of(s);
	int64_t now_ms = loop_now_ms(etcd->loop);
	if (!etcd->is_probing) {
		etcd->is_probing = true;
		etcd_revision(s, on_probed, etcd);
	}
	if (etcd->failures > 0)
		return etcd->last_failure;
	for (struct storage_op *op = etcd->ops; op; op = op->next)
		if (op->call && op->kind != ETCD_WATCH && now_ms - op->sent_ms > ETCD_SILENCE_MS)
			return "etcd does not answer";
	return NULL;
}

static void etcd_free(struct storage *s)
{
	struct etcd *etcd = etcd_of(s);
	while (etcd->ops)
		etcd_op_free(etcd->ops);
	etcd_batch_free_all(etcd);
	http_client_free(etcd->http);
	arena_free(etcd->arena);
	free(etcd);
}

static const struct storage_functions functions = {
    .get = etcd_get,
    .list = etcd_list,
    .put_if = etcd_put_if,
    .batch = etcd_batch_open,
    .delete_if = etcd_delete_if,
    .revision = etcd_revision,
    .watch = etcd_watch_start,
    .history = etcd_history_start,
    .compact = etcd_compact,
    .lease = etcd_lease,
    .cancel = etcd_cancel,
    .health = etcd_health,
    .free = etcd_free,
};

struct storage *storage_etcd_new(
    struct loop *loop, const struct storage_etcd_options *options, struct error *err)
{
	if (!options->endpoints || !options->endpoints[0]) {
		error_set(err, ERR_BAD_REQUEST, "--etcd-servers must be specified");
		return NULL;
	}
	struct etcd *etcd = calloc(1, sizeof *etcd);
	if (!etcd)
		abort();
	etcd->storage.functions = &functions;
	etcd->loop = loop;
	etcd->arena = arena_new();
	while (options->endpoints[etcd->endpoints_len])
		etcd->endpoints_len++;
	etcd->endpoints = ARENA_ARRAY(etcd->arena, char *, etcd->endpoints_len);
	for (size_t i = 0; i < etcd->endpoints_len; i++) {
		char *url = arena_strdup(etcd->arena, options->endpoints[i]);
		size_t size = strlen(url);
		if (size && url[size - 1] == '/')
			url[size - 1] = '\0';
		etcd->endpoints[i] = strstr(url, "://") ? url : arena_printf(etcd->arena, "http://%s", url);
	}
	struct http_tls tls = {
	    .ca_file = options->ca_file, .cert_file = options->cert_file, .key_file = options->key_file};
	etcd->http = http_client_new(loop, &tls);
	return &etcd->storage;
}
