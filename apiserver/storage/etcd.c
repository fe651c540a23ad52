/* etcd through its gRPC-gateway (v3 JSON): unary operations. etcd_watch.c has the stream. */
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

int64_t etcd_int(const struct json *object, const char *key)
{
	const struct json *v = json_get(object, key);
	int64_t n = 0;
	if (v && (v->type == JSON_STRING || v->type == JSON_NUMBER))
		str_to_int64(v->text, &n);
	return n;
}

/* Bytes that stand as base64 in a member; NULL when they are not there. */
static char *read_bytes(struct arena *arena, const struct json *kv, const char *name, size_t *ret_size)
{
	const struct json *v = json_get(kv, name);
	return v && v->type == JSON_STRING ? str_unbase64(arena, v->text, v->len, ret_size) : NULL;
}

void etcd_read_item(struct arena *arena, const struct json *kv, struct storage_item *ret)
{
	size_t key_size = 0;
	char *raw = read_bytes(arena, kv, "key", &key_size);
	ret->key = raw ? arena_strndup(arena, raw, key_size) : "";
	ret->value_size = 0;
	ret->value = read_bytes(arena, kv, "value", &ret->value_size);
	ret->revision = etcd_int(kv, "mod_revision");
	ret->create_revision = etcd_int(kv, "create_revision");
}

int etcd_error(int status, const char *body, size_t size, struct error *err)
{
	struct arena *arena = arena_new();
	struct json *tree = NULL;
	json_parse(arena, body, size, NULL, &tree, NULL);
	const char *message = json_get_string(tree, "message", json_get_string(tree, "error", ""));
	int64_t code = json_get_int(tree, "code", 0);
	if (strstr(message, "has been compacted"))
		error_set(err, ERR_EXPIRED, "The resourceVersion for the provided list is too old.");
	else if (strstr(message, "database space exceeded"))
		error_set(err, ERR_INTERNAL,
		    "etcd has no space left and takes no writes until it is compacted, defragmented and its "
		    "NOSPACE alarm "
		    "disarmed: %s",
		    message);
	else if (strstr(message, "request is too large"))
		error_set(err, ERR_TOO_LARGE, "etcd: %s", message);
	else if (code == 14 || status == 503)
		error_set(err, ERR_UNAVAILABLE, "etcd: %s", message);
	else if (code == 4 || strstr(message, "timed out"))
		error_set(err, ERR_TIMEOUT, "etcd: %s", message);
	else
		error_set(err, ERR_INTERNAL, "etcd: HTTP %d %s", status, message);
	arena_free(arena);
	return -1;
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

static int read_kvs(
    struct arena *arena, const struct json *answer, struct storage_result *result, struct error *err)
{
	const struct json *kvs = json_get(answer, "kvs");
	size_t len = kvs && kvs->type == JSON_ARRAY ? kvs->len : 0;
	struct storage_item *items = ARENA_ARRAY(arena, struct storage_item, len + 1);
	for (size_t i = 0; i < len; i++) {
		etcd_read_item(arena, kvs->items[i], &items[i]);
		if (!*items[i].key || items[i].revision <= 0)
			return error_set(err, ERR_UNAVAILABLE,
			    "etcd's answer cannot be read: an item has no key or no revision");
	}
	result->items = items;
	result->items_len = len;
	result->more = json_get_bool(answer, "more", false);
	result->remaining = result->more ? etcd_int(answer, "count") - (int64_t)len : 0;
	return 0;
}

/* A txn's only response that can hold keys is the delete's. */
static void read_txn(struct arena *arena, const struct json *answer, struct storage_result *result)
{
	result->succeeded = json_get_bool(answer, "succeeded", false);
	const struct json *responses = json_get(answer, "responses");
	result->items = NULL;
	if (!responses || responses->type != JSON_ARRAY || responses->len == 0)
		return;
	const struct json *range = json_get(responses->items[0], "response_delete_range");
	const struct json *kvs = json_get(range, "prev_kvs");
	if (kvs && kvs->type == JSON_ARRAY && kvs->len == 1) {
		struct storage_item *item = ARENA_NEW(arena, struct storage_item);
		etcd_read_item(arena, kvs->items[0], item);
		result->items = item;
		result->items_len = 1;
	}
}

/* The answer's tree; NULL and an error when it is none of etcd's. Such a thing was seen from proxies. */
static struct json *read_answer(struct storage_op *op, struct arena *arena,
    const struct http_response *response, int64_t *ret_revision, struct error *err)
{
	struct json *answer = NULL;
	struct json_limits limits = {.size_max = ETCD_RESPONSE_MAX};
	struct error why = ERROR_INIT;
	if (json_parse(arena, response->body, response->body_size, &limits, &answer, &why))
		error_set(err, ERR_UNAVAILABLE, "etcd's answer cannot be read: %s", why.message);
	else if ((*ret_revision = etcd_int(json_get(answer, "header"), "revision")) <= 0)
		error_set(err, ERR_UNAVAILABLE, "etcd's answer cannot be read: it has no revision");
	else if (op->kind == ETCD_LEASE && etcd_int(answer, "ID") == 0)
		error_set(err, ERR_UNAVAILABLE, "etcd's answer cannot be read: it has no lease");
	return err->code ? NULL : answer;
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
	struct json *answer = read_answer(op, arena, response, &result.revision, err);
	if (!answer || (op->kind == ETCD_RANGE && read_kvs(arena, answer, &result, err)))
		return -1;
	etcd_succeeded(etcd);
	learn_revision(op, result.revision);
	if (op->kind == ETCD_TXN)
		read_txn(arena, answer, &result);
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
