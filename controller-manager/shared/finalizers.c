#include "controller-manager/shared/finalizers.h"

#include <string.h>

#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

/* Merge patches rather than updates, so that kinds whose specs are immutable or unknown to us pass untouched.
 */
static struct plan_op *patch_finalizers(
    struct plan *plan, const struct resource_type *type, const struct object *obj, struct json *list)
{
	struct arena *a = plan_arena(plan);
	struct json *patch = json_new_object(a), *meta = json_new_object(a);

	json_set(a, meta, "resourceVersion", json_new_string(a, obj->meta->resource_version));
	json_set(a, meta, "uid", json_new_string(a, obj->meta->uid));
	json_set(a, meta, "finalizers", list);
	json_set(a, patch, "metadata", meta);
	return plan_patch(plan, type, obj->meta->namespace_, obj->meta->name, REST_PATCH_MERGE, patch);
}

struct plan_op *finalizer_remove(
    struct plan *plan, const struct resource_type *type, const struct object *obj, const char *name)
{
	struct arena *a = plan_arena(plan);
	struct json *list = json_new_array(a);
	struct plan_op *op;

	for (size_t i = 0; i < obj->meta->n_finalizers; i++) {
		if (!str_eq(obj->meta->finalizers[i], name))
			json_push(a, list, json_new_string(a, obj->meta->finalizers[i]));
	}
	op = patch_finalizers(plan, type, obj, list);
	op->ignore_not_found = true;
	return op;
}

struct plan_op *finalizer_add(
    struct plan *plan, const struct resource_type *type, const struct object *obj, const char *name)
{
	struct arena *a = plan_arena(plan);
	struct json *list = json_new_array(a);

	for (size_t i = 0; i < obj->meta->n_finalizers; i++)
		json_push(a, list, json_new_string(a, obj->meta->finalizers[i]));
	json_push(a, list, json_new_string(a, name));
	return patch_finalizers(plan, type, obj, list);
}
