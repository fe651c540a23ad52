/* What has to change in stored roles and bindings; see bootstrap.h. */
#include "apiserver/bootstrap/bootstrap.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/flowcontrol/flowcontrol.h"
#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "proto/core_v1.pb-c.h"
#include "proto/rbac_v1.pb-c.h"

#define AUTOUPDATE "rbac.authorization.kubernetes.io/autoupdate"
#define RBAC_GROUP "rbac.authorization.k8s.io"

static int decode_one(const struct json *tree, struct object **ret, struct error *err)
{
	const char *api_version = json_get_string(tree, "apiVersion", ""),
		   *kind = json_get_string(tree, "kind", "");
	const char *slash = strchr(api_version, '/');
	struct arena *arena = arena_new();
	const char *group = slash ? arena_strndup(arena, api_version, (size_t)(slash - api_version)) : "";
	const struct schema *schema = schema_by_gvk(group, slash ? slash + 1 : api_version, kind);
	struct codec_warnings unknown = {.arena = arena};
	ProtobufCMessage *msg;

	if (!schema || codec_from_json(arena, schema, tree, &unknown, &msg, err) < 0 || unknown.len > 0) {
		arena_free(arena);
		return error_set(
		    err, ERR_INTERNAL, "bootstrap object of kind %s %s cannot be read", api_version, kind);
	}
	*ret = object_wrap(arena, schema, msg);
	if (strcmp(group, RBAC_GROUP) == 0) {
		MetaV1__ObjectMeta *meta = (*ret)->meta;
		api_map_set(arena, meta, labels, meta_v1__object_meta__labels_entry,
		    "kubernetes.io/bootstrapping", "rbac-defaults");
		api_map_set(
		    arena, meta, annotations, meta_v1__object_meta__annotations_entry, AUTOUPDATE, "true");
	}
	if (flowcontrol_is_config(*ret))
		api_map_set((*ret)->arena, (*ret)->meta, annotations, meta_v1__object_meta__annotations_entry,
		    FLOWCONTROL_AUTOUPDATE, "true");
	return 0;
}

int bootstrap_decode(
    struct arena *arena, const char *json, struct object ***ret, size_t *ret_len, struct error *err)
{
	struct json *list;

	if (json_parse(arena, json, strlen(json), NULL, &list, err) < 0)
		return -1;
	struct object **objects = ARENA_ARRAY(arena, struct object *, list->len + 1);
	for (size_t i = 0; i < list->len; i++) {
		if (decode_one(list->items[i], &objects[i], err) < 0) {
			while (i-- > 0)
				object_unref(objects[i]);
			return -1;
		}
	}
	*ret = objects;
	*ret_len = list->len;
	return 0;
}

/* Appends copies of those messages of `wanted` that `have` lacks. */
static bool add_missing(struct arena *arena, size_t *len, ProtobufCMessage ***items, size_t wanted_len,
    ProtobufCMessage *const *wanted)
{
	bool changed = false;

	for (size_t i = 0; i < wanted_len; i++) {
		bool found = false;
		for (size_t j = 0; j < *len && !found; j++)
			found = api_equal_message((*items)[j], wanted[i]);
		if (!found) {
			api_append_(arena, len, (void ***)items, api_clone_message(arena, wanted[i]));
			changed = true;
		}
	}
	return changed;
}
#define ADD_MISSING(arena, owner, wanted, member)                                                            \
	add_missing((arena), &(owner)->n_##member, (ProtobufCMessage ***)&(owner)->member,                   \
	    (wanted)->n_##member, (ProtobufCMessage *const *)(wanted)->member)

static bool add_labels(struct object *obj, const struct object *wanted)
{
	bool changed = false;

	for (size_t i = 0; i < wanted->meta->n_labels; i++) {
		const MetaV1__ObjectMeta__LabelsEntry *l = wanted->meta->labels[i];
		if (str_eq(api_map_get(obj->meta, labels, l->key), l->value))
			continue;
		api_map_set(
		    obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry, l->key, l->value);
		changed = true;
	}
	return changed;
}

static bool update_cluster_role(struct object *obj, const struct object *wanted)
{
	RbacV1__ClusterRole *role = (void *)obj->msg;
	const RbacV1__ClusterRole *want = (const void *)wanted->msg;

	if (!want->aggregation_rule)
		return ADD_MISSING(obj->arena, role, want, rules);
	/* The rules of an aggregated role are the controller's. */
	if (!role->aggregation_rule)
		role->aggregation_rule = API_NEW(obj->arena, rbac_v1__aggregation_rule);
	return ADD_MISSING(
	    obj->arena, role->aggregation_rule, want->aggregation_rule, cluster_role_selectors);
}

static bool update_config_map(struct object *obj, const struct object *wanted)
{
	CoreV1__ConfigMap *cm = (void *)obj->msg;
	const CoreV1__ConfigMap *want = (const void *)wanted->msg;
	bool changed = false;

	for (size_t i = 0; i < want->n_data; i++) {
		if (str_eq(api_map_get(cm, data, want->data[i]->key), want->data[i]->value))
			continue;
		api_map_set(obj->arena, cm, data, core_v1__config_map__data_entry, want->data[i]->key,
		    want->data[i]->value);
		changed = true;
	}
	return changed;
}

static bool update_parts(struct object *obj, const struct object *wanted)
{
	const ProtobufCMessageDescriptor *type = obj->msg->descriptor;

	if (type == &rbac_v1__cluster_role__descriptor)
		return update_cluster_role(obj, wanted);
	if (type == &rbac_v1__role__descriptor)
		return ADD_MISSING(
		    obj->arena, (RbacV1__Role *)obj->msg, (const RbacV1__Role *)wanted->msg, rules);
	if (type == &rbac_v1__cluster_role_binding__descriptor)
		return ADD_MISSING(obj->arena, (RbacV1__ClusterRoleBinding *)obj->msg,
		    (const RbacV1__ClusterRoleBinding *)wanted->msg, subjects);
	if (type == &rbac_v1__role_binding__descriptor)
		return ADD_MISSING(obj->arena, (RbacV1__RoleBinding *)obj->msg,
		    (const RbacV1__RoleBinding *)wanted->msg, subjects);
	if (type == &core_v1__config_map__descriptor)
		return update_config_map(obj, wanted);
	return false;
}

struct object *bootstrap_reconcile(const struct object *stored, const struct object *wanted)
{
	bool is_rbac = str_has_prefix(wanted->api_version, RBAC_GROUP "/");

	if (flowcontrol_is_config(wanted))
		return flowcontrol_reconcile(stored, wanted);
	if (is_rbac && !str_eq(api_map_get(stored->meta, annotations, AUTOUPDATE), "true"))
		return NULL;
	struct object *obj = object_clone(stored);
	bool changed = is_rbac && add_labels(obj, wanted);
	changed = update_parts(obj, wanted) || changed;
	if (changed)
		return obj;
	object_unref(obj);
	return NULL;
}
