/*
 * The frames of a WATCH. The usual one (JSON, the type's stored version, the whole object) is made once for
 * each event and shared by all who watch.
 */
#include <inttypes.h>
#include <string.h>

#include "apiserver/registry/watch.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/metrics.h"

enum frame { FRAME_ADDED, FRAME_MODIFIED, FRAME_DELETED, FRAME_BOOKMARK, FRAME_ERROR };
static const char *const frame_names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};

static void put_varint_field(struct buf *out, unsigned number, const void *data, size_t size)
{
	uint64_t n = size;
	buf_putc(out, (char)(number << 3 | 2));
	for (; n >= 0x80; n >>= 7)
		buf_putc(out, (char)(n | 0x80));
	buf_putc(out, (char)n);
	buf_append(out, data, size);
}

/* A length, then WatchEvent{type, RawExtension{object}} as bare protobuf. */
static void wrap_proto(struct buf *out, enum frame type, const void *data, size_t size)
{
	struct buf raw = BUF_INIT, event = BUF_INIT;
	put_varint_field(&raw, 1, data, size);
	put_varint_field(&event, 1, frame_names[type], strlen(frame_names[type]));
	put_varint_field(&event, 2, raw.data, raw.size);
	unsigned char length[4] = {(unsigned char)(event.size >> 24), (unsigned char)(event.size >> 16),
	    (unsigned char)(event.size >> 8), (unsigned char)event.size};
	buf_append(out, length, 4);
	buf_append(out, event.data, event.size);
	buf_done(&raw);
	buf_done(&event);
}

static void wrap(struct watch *w, struct buf *out, enum frame type, const struct buf *object)
{
	if (w->req->output.media == MEDIA_PROTOBUF) {
		wrap_proto(out, type, object->data, object->size);
		return;
	}
	buf_reserve(out, object->size + 40);
	buf_printf(out, "{\"type\":\"%s\",\"object\":", frame_names[type]);
	buf_append(out, object->data, object->size);
	buf_puts(out, "}\n");
}

static void send_buf(struct watch *w, struct buf *take_out)
{
	size_t queued = http_send(w->http, take_out->data, take_out->size);
	metric_add(w->events, 1);
	buf_done(take_out);
	watch_check_lag(w, queued);
}

static int encode_object(struct watch *w, struct buf *out, const struct object *obj, struct cache_item *item)
{
	struct api_request *req = w->req;
	struct error err = ERROR_INIT;
	if (req->output.as == AS_TABLE) {
		table_begin(req, out, req->type,
		    arena_printf(w->arena, "\"resourceVersion\":\"%s\"", obj->meta->resource_version),
		    !w->has_columns);
		table_row(req, out, req->type, obj);
		table_end(out);
		w->has_columns = true;
		return 0;
	}
	if (req->output.as != AS_OBJECT) {
		if (req->output.media == MEDIA_PROTOBUF)
			partial_metadata_proto(req, out, obj);
		else
			partial_metadata(req, out, obj);
		return 0;
	}
	return api_encode(req, out, obj, item, &err);
}

static void send_object(struct watch *w, enum frame type, const struct object *obj, struct cache_item *item)
{
	struct buf body = BUF_INIT, out = BUF_INIT;
	struct object *converted = NULL;
	struct error err = ERROR_INIT;
	/* Encoders take memory from the request: lend it the scratch arena, or a long watch would grow
	 * without end. */
	struct arena *own = w->req->arena;
	w->req->arena = w->arena;
	if (!api_to_version(w->req, obj, &converted, &err) && !encode_object(w, &body, converted, item)) {
		wrap(w, &out, type, &body);
		send_buf(w, &out);
	}
	w->req->arena = own;
	arena_reset(w->arena);
	object_unref(converted);
	buf_done(&body);
}

void watch_send_error(struct watch *w, const struct error *err)
{
	struct buf body = BUF_INIT, out = BUF_INIT;
	w->req->output.as = AS_OBJECT;
	api_encode_status(w->req, &body, err);
	if (body.size && body.data[body.size - 1] == '\n')
		body.size--;
	wrap(w, &out, FRAME_ERROR, &body);
	http_send(w->http, out.data, out.size);
	buf_done(&out);
	buf_done(&body);
}

void watch_send_bookmark(struct watch *w, int64_t revision, bool is_initial_end)
{
	struct object *obj;
	if (w->req->type->schema) {
		obj = object_new(w->req->type->schema);
	} else {
		struct arena *arena = arena_new();
		struct json *tree = json_new_object(arena);
		struct error err = ERROR_INIT;
		json_set(
		    arena, tree, "apiVersion", json_new_string(arena, resource_api_version(w->req->type)));
		json_set(arena, tree, "kind", json_new_string(arena, w->req->type->kind));
		json_set(arena, tree, "metadata", json_new_object(arena));
		obj = object_wrap_tree(arena, tree, &err);
	}
	obj->meta->resource_version = arena_printf(obj->arena, "%" PRId64, revision);
	if (is_initial_end)
		api_map_set(obj->arena, obj->meta, annotations, meta_v1__object_meta__annotations_entry,
		    "k8s.io/initial-events-end", "true");
	enum media_as as = w->req->output.as;
	send_object(w, FRAME_BOOKMARK, obj, NULL);
	w->req->output.as = as;
	object_unref(obj);
}

static void send_shared(struct watch *w, enum frame type, struct cache_event *event)
{
	if (!event->frames[type]) {
		struct buf out = BUF_INIT, json = BUF_INIT;
		cache_item_append_json(event->item, &json);
		wrap(w, &out, type, &json);
		buf_done(&json);
		event->frames[type] = http_chunk_new(out.data, out.size);
		buf_done(&out);
	}
	metric_add(w->events, 1);
	watch_check_lag(w, http_send_chunk(w->http, event->frames[type]));
}

/* Leaving the selection is a deletion to this watcher: the old state, at the revision of the change. */
static void send_left(struct watch *w, struct cache_event *event)
{
	const struct object *old = event->old->object,
			    *seen = object_in_version(old, resource_api_version(w->req->type));
	struct object *obj = object_clone(seen ? seen : old);
	obj->meta->resource_version = arena_printf(obj->arena, "%" PRId64, event->revision);
	send_object(w, FRAME_DELETED, obj, NULL);
	object_unref(obj);
}

void watch_send_event(struct watch *w, struct cache_event *event)
{
	struct watch_verdict verdict = watch_judge(w, event);
	bool was = verdict.was, is = verdict.is;
	if (!was && !is)
		return;
	if (was && !is && !event->is_deletion) {
		send_left(w, event);
		return;
	}
	enum frame type = !is ? FRAME_DELETED : was ? FRAME_MODIFIED : FRAME_ADDED;
	if (w->is_shareable)
		send_shared(w, type, event);
	else
		send_object(w, type, event->item->object, event->item);
}

void watch_send_added(struct watch *w, struct cache_item *item)
{
	send_object(w, FRAME_ADDED, item->object, item);
}
