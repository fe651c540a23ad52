/* What etcd's gateway answers: items, transactions, errors. */
#include "apiserver/storage/etcd.h"

#include <string.h>

#include "lib/api/json.h"
#include "lib/base/str.h"

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

struct json *etcd_read_answer(enum etcd_op_kind kind, struct arena *arena, const char *body, size_t size,
    int64_t *ret_revision, struct error *err)
{
	struct json *answer = NULL;
	struct json_limits limits = {.size_max = ETCD_RESPONSE_MAX};
	struct error why = ERROR_INIT;
	if (json_parse(arena, body, size, &limits, &answer, &why))
		error_set(err, ERR_UNAVAILABLE, "etcd's answer cannot be read: %s", why.message);
	else if ((*ret_revision = etcd_int(json_get(answer, "header"), "revision")) <= 0)
		error_set(err, ERR_UNAVAILABLE, "etcd's answer cannot be read: it has no revision");
	else if (kind == ETCD_LEASE && etcd_int(answer, "ID") == 0)
		error_set(err, ERR_UNAVAILABLE, "etcd's answer cannot be read: it has no lease");
	return err->code ? NULL : answer;
}

int etcd_read_items(
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

void etcd_read_txn(struct arena *arena, const struct json *answer, struct storage_result *result)
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
