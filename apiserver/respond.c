/* Answers: objects in the format and shape that was asked for, errors as Status objects. */
#include <inttypes.h>
#include <string.h>

#include "apiserver/audit/audit.h"
#include "apiserver/flowcontrol/flowcontrol.h"
#include "apiserver/pipeline.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

int api_to_version(struct api_request *req, const struct object *obj, struct object **ret, struct error *err)
{
	if (req->type && req->type->dynamic && obj->tree &&
	    strcmp(obj->api_version, resource_api_version(req->type))) {
		const struct object *known = object_in_version(obj, resource_api_version(req->type));
		*ret = known ? object_ref(known) : NULL;
		return known ? 0 : resource_convert(obj, req->type, ret, err);
	}
	if (!req->type || !req->type->schema || obj->schema == req->type->schema || !resource_of(obj) ||
	    resource_of(obj)->stored_as != req->type->stored_as) {
		*ret = object_ref(obj);
		return 0;
	}
	return resource_convert(obj, req->type, ret, err);
}

const struct http_header *api_headers(struct api_request *req, const struct error *err)
{
	struct http_header *headers = ARENA_ARRAY(req->arena, struct http_header, req->warnings_len + 8);
	size_t n = 0;
	headers[n++] = (struct http_header){"Cache-Control", "no-cache, private"};
	n += api_warning_headers(req, headers + n);
	if (err && err->retry_after_s)
		headers[n++] =
		    (struct http_header){"Retry-After", arena_printf(req->arena, "%d", err->retry_after_s)};
	n += flowcontrol_headers(req, &headers[n]);
	if (err && err->code == ERR_UNAUTHORIZED)
		headers[n++] = (struct http_header){"WWW-Authenticate", "Basic realm=\"kubernetes-master\""};
	return headers;
}

void api_request_finished(struct api_request *req, int status)
{
	/* The answer to an abandoned request has been counted. */
	if (!req->is_abandoned) {
		metrics_count(req->server, req, status);
		audit_complete(req, status);
	}
	pipeline_free(req);
}

void api_respond_body(struct api_request *req, int status, const char *content_type, struct buf *take_body)
{
	audit_response_body(req, take_body->data, take_body->size);
	if (req->http) {
		struct bytes *body = bytes_new(take_body->data, take_body->size);
		api_send_bytes(req, status, content_type, api_headers(req, &req->error), &body, 1);
		bytes_unref(body);
	}
	buf_done(take_body);
	api_request_finished(req, status);
}

void api_respond_text(struct api_request *req, int status, const char *content_type, const char *text)
{
	struct buf body = BUF_INIT;
	buf_puts(&body, text);
	api_respond_body(req, status, content_type, &body);
}

/* JSON text in the media that was asked for. */
static void write_tree(struct api_request *req, struct buf *out, struct json *tree)
{
	if (req->output.media == MEDIA_YAML)
		yaml_write(out, tree);
	else
		json_write(out, tree, req->output.is_pretty ? 2 : 0);
}

static int encode_shape(struct api_request *req, struct buf *out, const struct object *obj, struct error *err)
{
	if (req->output.as == AS_TABLE) {
		char *meta =
		    arena_printf(req->arena, "\"resourceVersion\":\"%s\"", obj->meta->resource_version);
		const struct resource_type *type = table_type(req, obj);
		table_begin(req, out, type, meta, true);
		table_row(req, out, type, obj);
		table_end(out);
	} else if (req->output.media == MEDIA_PROTOBUF) {
		partial_metadata_proto(req, out, obj);
	} else {
		partial_metadata(req, out, obj);
	}
	return 0;
}

int api_encode(struct api_request *req, struct buf *out, const struct object *obj, struct cache_item *item,
    struct error *err)
{
	if (req->output.as != AS_OBJECT)
		return encode_shape(req, out, obj, err);
	if (req->output.media == MEDIA_PROTOBUF) {
		if (!obj->msg)
			return error_set(err, ERR_NOT_ACCEPTABLE, "%s has no protobuf form", obj->kind);
		if (item && item->object == obj)
			buf_append(out, cache_item_proto(item)->data, cache_item_proto(item)->size);
		else
			codec_write_envelope(out, obj->api_version, obj->kind, obj->schema, obj->msg);
	} else if (req->output.media == MEDIA_YAML || req->output.is_pretty) {
		write_tree(req, out, object_to_json(req->arena, obj));
	} else if (item && item->object == obj && api_is_write(req)) {
		cache_item_append_json(item, out);
	} else if (item && item->object == obj) {
		buf_append(out, cache_item_json(item)->data, cache_item_json(item)->size);
	} else {
		object_encode_json(out, obj);
	}
	return 0;
}

static void respond(struct api_request *req, int status, const struct object *obj, struct cache_item *item)
{
	struct object *converted = NULL;
	struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;
	if (req->done) {
		req->done(req->done_arg, obj, NULL);
		api_request_finished(req, status);
		return;
	}
	if (!req->http) {
		api_request_finished(req, status);
		return;
	}
	if (api_to_version(req, obj, &converted, &err) || api_encode(req, &out, converted, item, &err)) {
		object_unref(converted);
		buf_done(&out);
		api_respond_error(req, &err);
		return;
	}
	object_unref(converted);
	if (req->output.media == MEDIA_JSON)
		buf_putc(&out, '\n');
	api_respond_body(req, status, api_content_type(req), &out);
}

void api_respond_object(struct api_request *req, int status, const struct object *obj)
{
	object_ref(obj);
	respond(req, status, obj, NULL);
	object_unref(obj);
}

void api_respond_item(struct api_request *req, int status, struct cache_item *item)
{
	cache_item_ref(item);
	respond(req, status, item->object, item);
	cache_item_unref(item);
}

static void encode_message(struct api_request *req, struct buf *out, const char *kind,
    const struct schema *schema, const ProtobufCMessage *msg)
{
	if (req->output.media == MEDIA_PROTOBUF) {
		codec_write_envelope(out, "v1", kind, schema, msg);
		return;
	}
	struct json *tree = codec_to_json(req->arena, schema, msg);
	write_tree(req, out, tree);
	if (req->output.media == MEDIA_JSON)
		buf_putc(out, '\n');
}

static MetaV1__Status *status_of(struct arena *arena, const struct error *err)
{
	MetaV1__Status *s = API_NEW(arena, meta_v1__status);
	s->status = "Failure";
	s->message = arena_strdup(arena, err->message);
	s->reason = (char *)error_reason(err->code);
	s->code = error_http_status(err->code);
	bool has_causes = err->causes && err->causes->len > 0;
	if (!err->kind[0] && !err->name[0] && !err->group[0] && !err->uid[0] && !has_causes &&
	    !err->retry_after_s) {
		/* Upstream's constructors of these leave an empty object, those of the others none. */
		if (err->code == ERR_NOT_FOUND || err->code == ERR_METHOD_NOT_ALLOWED)
			s->details = API_NEW(arena, meta_v1__status_details);
		return s;
	}
	s->details = API_NEW(arena, meta_v1__status_details);
	s->details->kind = arena_strdup(arena, err->kind);
	s->details->name = arena_strdup(arena, err->name);
	s->details->group = arena_strdup(arena, err->group);
	s->details->uid = arena_strdup(arena, err->uid);
	s->details->retry_after_seconds = err->retry_after_s;
	/* A body can have any number of faults: room for all at once. */
	if (has_causes)
		s->details->causes = ARENA_ARRAY(arena, MetaV1__StatusCause *, err->causes->len);
	for (size_t i = 0; has_causes && i < err->causes->len; i++) {
		const struct field_error *e = &err->causes->items[i];
		MetaV1__StatusCause *cause = API_NEW(arena, meta_v1__status_cause);
		cause->reason = (char *)field_error_reason(e->type);
		cause->message = arena_strdup(arena, field_error_message(arena, e));
		size_t head = *e->field ? strlen(e->field) + 2 : 0; /* the field stands beside it */
		if (strlen(cause->message) > head)
			cause->message += head;
		cause->field = arena_strdup(arena, e->field);
		s->details->causes[s->details->n_causes++] = cause;
	}
	return s;
}

void api_encode_status(struct api_request *req, struct buf *out, const struct error *err)
{
	MetaV1__Status *s = status_of(req->arena, err);
	if (req->continue_after_error)
		s->metadata->continue_ = (char *)req->continue_after_error;
	audit_response_status(req, s);
	encode_message(req, out, "Status", schema_of(&meta_v1__status__descriptor), &s->base);
}

static const char *status_content_type(const struct api_request *req)
{
	return req->output.media == MEDIA_PROTOBUF ? "application/vnd.kubernetes.protobuf"
	       : req->output.media == MEDIA_YAML   ? "application/yaml"
						   : "application/json";
}

void api_request_abandon(struct api_request *req, const struct error *err)
{
	struct buf out = BUF_INIT;
	int status = error_http_status(err->code);
	log_error("%s %s: %s", req->info.verb_text, req->info.path, err->message);
	req->output.as = AS_OBJECT;
	api_encode_status(req, &out, err);
	audit_response_body(req, out.data, out.size);
	http_respond(req->http, status, status_content_type(req), api_headers(req, err), out.data, out.size);
	buf_done(&out);
	metrics_count(req->server, req, status);
	audit_complete(req, status);
	req->http = NULL;
	req->is_abandoned = true;
}

void api_respond_error(struct api_request *req, const struct error *err)
{
	struct buf out = BUF_INIT;
	int status = error_http_status(err->code);
	if (status >= 500)
		log_error("%s %s: %s", req->info.verb_text, req->info.path, err->message);
	if (req->done) {
		req->done(req->done_arg, NULL, err);
		api_request_finished(req, status);
		return;
	}
	req->error = *err;
	req->output.as = AS_OBJECT;
	if (req->http)
		api_encode_status(req, &out, err);
	api_respond_body(req, status, status_content_type(req), &out);
}

void api_respond_success(struct api_request *req, int status, const char *group, const char *kind,
    const char *name, const char *uid)
{
	if (req->done) {
		req->done(req->done_arg, NULL, NULL);
		api_request_finished(req, status);
		return;
	}
	MetaV1__Status *s = API_NEW(req->arena, meta_v1__status);
	struct buf out = BUF_INIT;
	s->status = "Success";
	if (!str_empty(kind) || !str_empty(name)) {
		s->details = API_NEW(req->arena, meta_v1__status_details);
		s->details->group = arena_strdup(req->arena, str_or(group, ""));
		s->details->kind = arena_strdup(req->arena, str_or(kind, ""));
		s->details->name = arena_strdup(req->arena, str_or(name, ""));
		s->details->uid = arena_strdup(req->arena, str_or(uid, ""));
	} else {
		s->code = status;
	}
	req->output.as = AS_OBJECT;
	audit_response_status(req, s);
	encode_message(req, &out, "Status", schema_of(&meta_v1__status__descriptor), &s->base);
	api_respond_body(req, status, api_content_type(req), &out);
}
