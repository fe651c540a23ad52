/* The stage `decode`: the body of a create, update or patch, or the options of a delete. */
#include <string.h>

#include "apiserver/patch/patch.h"
#include "apiserver/registry/internal.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

struct expected {
	const struct schema *schema; /* NULL: a custom resource */
	const char *api_version, *kind;
};

static struct expected expected_of(const struct api_request *req)
{
	const struct resource_type *type = req->type;
	const struct subresource_type *sub = subresource_find(type, req->info.subresource);
	struct expected e = {type->schema, resource_api_version(type), type->kind};
	if (!strcmp(req->info.subresource, "scale")) {
		e = (struct expected){schema_by_gvk("autoscaling", "v1", "Scale"), "autoscaling/v1", "Scale"};
	} else if (sub && strcmp(sub->kind, type->kind) != 0) {
		const char *version = *sub->version ? sub->version : type->version;
		e.schema = schema_by_gvk(sub->group, version, sub->kind);
		e.kind = sub->kind;
		e.api_version =
		    *sub->group ? arena_printf(req->arena, "%s/%s", sub->group, version) : version;
	}
	return e;
}

static int check_kind(const struct expected *e, const char *api_version, const char *kind, struct error *err)
{
	if (*kind && strcmp(kind, e->kind) != 0)
		return error_set(err, ERR_BAD_REQUEST,
		    "%s in version \"%s\" cannot be handled as a %s: wrong kind", kind, api_version, e->kind);
	/* Eviction may be of either version of policy: they are alike. */
	bool is_eviction = !strcmp(e->kind, "Eviction") && str_has_prefix(api_version, "policy/");
	if (*api_version && strcmp(api_version, e->api_version) != 0 && !is_eviction)
		return error_set(err, ERR_BAD_REQUEST,
		    "the API version in the data (%s) does not match the expected API version (%s)",
		    api_version, e->api_version);
	return 0;
}

static int report_strictness(struct api_request *req, const struct codec_warnings *found, struct error *err)
{
	if (!found->len || req->options.field_validation == FIELD_VALIDATION_IGNORE)
		return 0;
	if (req->options.field_validation == FIELD_VALIDATION_STRICT)
		return error_set(err, ERR_BAD_REQUEST,
		    "%s in version \"%s\" cannot be handled as a %s: strict decoding error: %s",
		    req->type->kind, req->type->version, req->type->kind,
		    str_join(req->arena, (const char *const *)found->items, found->len, ", "));
	for (size_t i = 0; i < found->len; i++)
		api_warn(req, "%s", found->items[i]);
	return 0;
}

static int decode_proto(
    struct api_request *req, const struct expected *e, struct object **ret, struct error *err)
{
	struct codec_envelope envelope;
	struct arena *arena = arena_new();
	ProtobufCMessage *msg = NULL;
	if (codec_open_envelope(arena, req->http->body, req->http->body_size, &envelope, err) ||
	    check_kind(e, envelope.api_version, envelope.kind, err) ||
	    codec_from_proto(arena, e->schema, envelope.raw, envelope.raw_size, &msg, err)) {
		arena_free(arena);
		return -1;
	}
	*ret = object_wrap(arena, e->schema, msg);
	return 0;
}

static void on_duplicate(void *arg, const char *path)
{
	codec_warnings_add(arg, "duplicate field \"%s\"", path);
}

static int decode_text(
    struct api_request *req, const struct expected *e, struct object **ret, struct error *err)
{
	struct arena *arena = arena_new();
	struct codec_warnings found = {.arena = req->arena};
	struct json_limits limits = {.on_duplicate = on_duplicate, .arg = &found};
	struct json *tree = NULL;
	ProtobufCMessage *msg = NULL;
	int rc = req->body_media == MEDIA_YAML
		     ? yaml_parse(arena, req->http->body, req->http->body_size, &limits, &tree, err)
		     : json_parse(arena, req->http->body, req->http->body_size, &limits, &tree, err);
	if (!rc && tree->type != JSON_OBJECT)
		rc = error_set(err, ERR_BAD_REQUEST, "the body is no object");
	const char *version = rc ? "" : json_get_string(tree, "apiVersion", "");
	if (!rc && !e->schema && *version && strcmp(version, e->api_version))
		rc = check_kind(e, version, "", err);
	if (!rc && !e->schema)
		rc = req->type->dynamic->decode(req->type, tree, &found, err);
	else if (!rc)
		rc = check_kind(
		    e, json_get_string(tree, "apiVersion", ""), json_get_string(tree, "kind", ""), err);
	if (!rc && e->schema)
		rc = codec_from_json(arena, e->schema, tree, &found, &msg, err);
	if (rc) {
		arena_free(arena);
		return -1;
	}
	if (e->schema) {
		*ret = object_wrap(arena, e->schema, msg);
	} else {
		if (!json_get(tree, "metadata"))
			json_set(arena, tree, "metadata", json_new_object(arena));
		*ret = object_wrap_tree(arena, tree, err);
		if (!*ret)
			return -1;
	}
	return report_strictness(req, &found, err);
}

static int check_names(struct api_request *req, struct object *obj, struct error *err)
{
	MetaV1__ObjectMeta *meta = obj->meta;
	const char *ns = registry_ns(req);
	if (*meta->namespace_ && *ns && strcmp(meta->namespace_, ns) != 0)
		return error_set(err, ERR_BAD_REQUEST,
		    "the namespace of the provided object (%s) does not match the namespace sent on the "
		    "request (%s)",
		    meta->namespace_, ns);
	meta->namespace_ = arena_strdup(obj->arena, ns);
	if (!*req->info.name)
		return 0;
	if (!*meta->name && !strcmp(req->info.subresource, "token"))
		return 0;
	if (!*meta->name)
		return error_set(err, ERR_BAD_REQUEST,
		    "the name of the object (%s based on URL) was undeterminable: name must be provided",
		    req->info.name);
	if (strcmp(meta->name, req->info.name) != 0)
		return error_set(err, ERR_BAD_REQUEST,
		    "the name of the object (%s) does not match the name on the URL (%s)", meta->name,
		    req->info.name);
	return 0;
}

static int decode_object(struct api_request *req, struct error *err)
{
	struct expected e = expected_of(req);
	struct object *obj = NULL;
	if (req->body_media == MEDIA_PROTOBUF && !e.schema)
		return error_set(err, ERR_BAD_REQUEST, "%s has no protobuf form", e.kind);
	int rc = req->body_media == MEDIA_PROTOBUF ? decode_proto(req, &e, &obj, err)
						   : decode_text(req, &e, &obj, err);
	req->object = obj;
	if (rc) {
		if (err->code == ERR_PARSE || err->code == ERR_IO)
			err->code = ERR_BAD_REQUEST;
		return -1;
	}
	return check_names(req, obj, err);
}

static int decode_patch(struct api_request *req, struct error *err)
{
	struct codec_warnings found = {.arena = req->arena};
	struct json_limits limits = {.on_duplicate = on_duplicate, .arg = &found};
	int rc =
	    req->patch_type == PATCH_APPLY
		? yaml_parse(req->arena, req->http->body, req->http->body_size, &limits, &req->patch, err)
		: json_parse(req->arena, req->http->body, req->http->body_size, &limits, &req->patch, err);
	if (rc) {
		err->code = err->code == ERR_TOO_LARGE ? ERR_TOO_LARGE : ERR_BAD_REQUEST;
		return error_prefix(err, "error decoding patch");
	}
	return req->patch_type == PATCH_APPLY ? report_strictness(req, &found, err)
					      : patch_report_strictness(req, &found, err);
}

int registry_decode(struct api_request *req, struct error *err)
{
	switch (req->info.verb) {
	case API_DELETE:
	case API_DELETECOLLECTION:
		return api_parse_delete_body(req, err) ? API_FAIL : API_NEXT;
	case API_PATCH:
		return decode_patch(req, err) ? API_FAIL : API_NEXT;
	default:
		if (decode_object(req, err))
			return API_FAIL;
		if (req->info.verb == API_UPDATE)
			registry_state(req)->decoded = object_clone(req->object);
		return API_NEXT;
	}
}
