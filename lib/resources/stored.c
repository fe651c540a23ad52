#include "lib/resources/stored.h"

#include <string.h>

#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"

/*
 * Versions that servers have stored and that we do not serve. Where nothing else is said they have the field
 * numbers and the names of the version that we store.
 */
struct former {
	const char *group, *version;
	const char *kind;      /* NULL: all of the group that no line above names */
	const char *new_group; /* NULL: the same */
	/* What differs in JSON. */
	void (*upgrade)(struct arena *arena, struct json *tree);
	/* The field numbers differ too: the group/version whose schema reads the envelope. */
	const char *schema_group, *schema_version;
};

static const struct former formers[] = {
    {"networking.k8s.io", "v1beta1", "Ingress", NULL, stored_upgrade_ingress, "networking.k8s.io", "v1beta1"},
    {"extensions", "v1beta1", "Ingress", "networking.k8s.io", stored_upgrade_ingress, "networking.k8s.io",
	"v1beta1"},
    {"extensions", "v1beta1", "NetworkPolicy", "networking.k8s.io"},
    {"extensions", "v1beta1", NULL, "apps"},
    {"networking.k8s.io", "v1beta1"},
    {"apiextensions.k8s.io", "v1beta1", NULL, NULL, stored_upgrade_definition},
    {"apiregistration.k8s.io", "v1beta1"},
    {"flowcontrol.apiserver.k8s.io", "v1beta1", "PriorityLevelConfiguration", NULL,
	stored_upgrade_priority_level},
    {"flowcontrol.apiserver.k8s.io", "v1beta2", "PriorityLevelConfiguration", NULL,
	stored_upgrade_priority_level},
    {"flowcontrol.apiserver.k8s.io", "v1beta1"},
    {"flowcontrol.apiserver.k8s.io", "v1beta2"},
    {"flowcontrol.apiserver.k8s.io", "v1beta3"},
    {"admissionregistration.k8s.io", "v1beta1"},
    {"apps", "v1beta1"},
    {"apps", "v1beta2"},
    {"certificates.k8s.io", "v1beta1"},
    {"coordination.k8s.io", "v1beta1"},
    {"node.k8s.io", "v1beta1"},
    {"rbac.authorization.k8s.io", "v1beta1"},
    {"scheduling.k8s.io", "v1beta1"},
    {"storage.k8s.io", "v1beta1"},
};

/* How a value is written down, and what it says it is. */
struct value {
	const struct resource_type *type; /* where it was found */
	const char *group, *version, *kind;
	struct codec_envelope envelope;
	struct json *tree; /* NULL: an envelope */
};

static const struct former *find_former(const struct value *v)
{
	for (size_t i = 0; i < sizeof formers / sizeof *formers; i++) {
		const struct former *f = &formers[i];
		const char *group = f->new_group ? f->new_group : f->group;

		if (str_eq(f->group, v->group) && str_eq(f->version, v->version) &&
		    (!f->kind || str_eq(f->kind, v->kind)) && str_eq(group, v->type->group))
			return f;
	}
	return NULL;
}

static int read_value(struct arena *arena, const void *data, size_t size, struct value *v, struct error *err)
{
	const char *api_version, *slash;

	if (codec_is_envelope(data, size)) {
		if (codec_open_envelope(arena, data, size, &v->envelope, err) < 0)
			return -1;
		api_version = v->envelope.api_version;
		v->kind = v->envelope.kind;
	} else {
		struct json_limits limits = {.size_max = size > 0 ? size : 1};

		if (json_parse(arena, data, size, &limits, &v->tree, err) < 0)
			return error_prefix(err, "neither an envelope nor JSON");
		if (v->tree->type != JSON_OBJECT)
			return error_set(err, ERR_BAD_REQUEST, "JSON, but not an object");
		api_version = json_get_string(v->tree, "apiVersion", "");
		v->kind = json_get_string(v->tree, "kind", "");
	}
	slash = strchr(api_version, '/');
	v->group = slash ? arena_strndup(arena, api_version, (size_t)(slash - api_version)) : "";
	v->version = slash ? slash + 1 : api_version;
	return 0;
}

static int unexpected(const struct value *v, struct error *err)
{
	return error_set(err, ERR_BAD_REQUEST, "%.100s of %.100s%s%.100s, where %s of %s is expected",
	    *v->kind ? v->kind : "an object without a kind", v->group, *v->group ? "/" : "",
	    *v->version ? v->version : "no version", v->type->kind, resource_api_version(v->type));
}

static int decode_message(struct arena *arena, const struct schema *schema, const struct value *v,
    ProtobufCMessage **ret, struct error *err)
{
	if (v->tree)
		return codec_from_json(arena, schema, v->tree, NULL, ret, err);
	return codec_from_proto(arena, schema, v->envelope.raw, v->envelope.raw_size, ret, err);
}

/* By way of JSON where the versions differ; v->tree changes. */
static int decode_former(
    struct arena *arena, const struct former *f, struct value *v, ProtobufCMessage **ret, struct error *err)
{
	if (!v->tree && f->schema_group) {
		const struct schema *schema = schema_by_gvk(f->schema_group, f->schema_version, v->kind);

		if (decode_message(arena, schema, v, ret, err) < 0)
			return -1;
		v->tree = codec_to_json(arena, schema, *ret);
	}
	if (v->tree) {
		if (f->upgrade)
			f->upgrade(arena, v->tree);
		json_set(arena, v->tree, "apiVersion", json_new_string(arena, resource_api_version(v->type)));
	}
	return decode_message(arena, v->type->schema, v, ret, err);
}

/* As the stored version, with defaults that did not exist when it was written. */
static int finish(struct object *take_read, const struct value *v, const struct resource_type *from,
    struct object **ret, struct error *err)
{
	struct resource_context ctx = {.subresource = "", .is_update = true};
	struct object *obj = take_read;

	if (from != v->type) {
		int r = resource_convert(take_read, v->type, &obj, err);

		object_unref(take_read);
		if (r < 0)
			return r;
	}
	ctx.arena = obj->arena;
	resource_apply_defaults(v->type, obj, &ctx);
	*ret = obj;
	return 0;
}

static int decode_custom(
    struct arena *take_arena, const struct value *v, struct object **ret, struct error *err)
{
	int r = 0;

	if (!v->tree || !str_eq(v->group, v->type->group) || !str_eq(v->kind, v->type->kind))
		r = unexpected(v, err);
	if (r < 0) {
		arena_free(take_arena);
		return -1;
	}
	*ret = object_wrap_tree(take_arena, v->tree, err);
	return *ret ? 0 : -1;
}

static int decode_built_in(struct arena *take_arena, struct value *v, struct object **ret, struct error *err)
{
	const struct resource_type *from = resource_by_kind(v->group, v->version, v->kind);
	const struct former *former = str_eq(v->kind, v->type->kind) ? find_former(v) : NULL;
	ProtobufCMessage *msg;
	int r;

	if (from && from->stored_as == v->type) {
		r = decode_message(take_arena, from->schema, v, &msg, err);
	} else if (former) {
		from = v->type;
		r = decode_former(take_arena, former, v, &msg, err);
	} else {
		r = unexpected(v, err);
	}
	if (r < 0) {
		arena_free(take_arena);
		return -1;
	}
	return finish(object_wrap(take_arena, from->schema, msg), v, from, ret, err);
}

int resource_decode_stored(const struct resource_type *type, struct arena *take_arena, const void *data,
    size_t size, struct object **ret, struct error *err)
{
	/* A tree that becomes a message is needed no longer than that. */
	struct arena *scratch = type->dynamic || codec_is_envelope(data, size) ? NULL : arena_new();
	struct value v = {.type = type, .kind = "", .group = "", .version = ""};
	int r = read_value(scratch ? scratch : take_arena, data, size, &v, err);

	if (r < 0)
		arena_free(take_arena);
	else if (type->dynamic)
		r = decode_custom(take_arena, &v, ret, err);
	else
		r = decode_built_in(take_arena, &v, ret, err);
	arena_free(scratch);
	return r;
}
