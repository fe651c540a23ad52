#include "apiserver/watchcache/watchcache.h"

#include <stdlib.h>
#include <string.h>

#include "lib/api/codec.h"
#include "lib/api/object.h"
#include "lib/base/buf.h"
#include "lib/http/server.h"

struct cache_item *cache_item_new(const struct object *take_object, const char *key)
{
	size_t size = strlen(key) + 1;
	struct cache_item *item = calloc(1, sizeof *item + size);
	if (!item)
		abort();
	item->refs = 1;
	item->object = take_object;
	item->revision = take_object->revision;
	memcpy(item->key, key, size);
	return item;
}

struct cache_item *cache_item_ref(struct cache_item *item)
{
	if (item)
		item->refs++;
	return item;
}

void cache_item_unref(struct cache_item *item)
{
	if (!item || --item->refs > 0)
		return;
	object_unref(item->object);
	bytes_unref(item->json);
	bytes_unref(item->proto);
	bytes_unref(item->stored);
	free(item);
}

struct bytes *cache_item_json(struct cache_item *item)
{
	if (!item->json) {
		struct buf out = BUF_INIT;
		object_encode_json(&out, item->object);
		item->json = bytes_new(out.data, out.size);
		buf_done(&out);
	}
	return item->json;
}

void cache_item_append_json(const struct cache_item *item, struct buf *out)
{
	if (item->json)
		buf_append(out, item->json->data, item->json->size);
	else
		object_encode_json(out, item->object);
}

struct bytes *cache_item_proto(struct cache_item *item)
{
	if (!item->proto) {
		struct buf out = BUF_INIT;
		const struct object *obj = item->object;
		codec_write_envelope(&out, obj->api_version, obj->kind, obj->schema, obj->msg);
		item->proto = bytes_new(out.data, out.size);
		buf_done(&out);
	}
	return item->proto;
}
