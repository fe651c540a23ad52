/* RuntimeClass: a pod that names a runtime class gets its overhead and its scheduling constraints. */
#include "apiserver/admission/plugin.h"

#include "lib/resources/amounts.h"
#include "proto/node_v1.pb-c.h"

/* 0, or API_FAIL; ret is NULL when the pod names none. */
static int find_class(struct api_request *req, const struct object *obj, const CoreV1__PodSpec *spec,
    const NodeV1__RuntimeClass **ret, struct error *err)
{
	*ret = NULL;
	if (!spec->runtime_class_name)
		return 0;
	const struct object *found =
	    reader_get(auth_reader(req->server), resource_runtimeclasses, "", spec->runtime_class_name);
	if (!found)
		return admission_forbid(
		    req, obj, err, "pod rejected: RuntimeClass \"%s\" not found", spec->runtime_class_name);
	*ret = (const NodeV1__RuntimeClass *)found->msg;
	return 0;
}

static bool amounts_equal(const struct amounts *x, const struct amounts *y)
{
	if (x->len != y->len)
		return false;
	for (size_t i = 0; i < x->len; i++) {
		const struct quantity *q = amounts_get(y, x->items[i].name);
		if (!q || quantity_compare(&x->items[i].q, q) != 0)
			return false;
	}
	return true;
}

static int set_overhead(struct api_request *req, struct object *obj, CoreV1__PodSpec *spec,
    const NodeV1__RuntimeClass *class, struct error *err)
{
	if (!class->overhead)
		return 0;
	struct amounts have = AMOUNTS_OF(obj->arena, spec, overhead);
	struct amounts fixed = AMOUNTS_OF(obj->arena, class->overhead, pod_fixed);
	if (have.len > 0 && !amounts_equal(&have, &fixed))
		return admission_forbid(req, obj, err,
		    "pod rejected: Pod's overhead doesn't match RuntimeClass's defined Overhead");
	AMOUNTS_WRITE(obj->arena, &fixed, spec, overhead, core_v1__pod_spec__overhead_entry);
	return 0;
}

static bool has_toleration(const CoreV1__PodSpec *spec, const CoreV1__Toleration *wanted)
{
	for (size_t i = 0; i < spec->n_tolerations; i++)
		if (api_equal(spec->tolerations[i], wanted))
			return true;
	return false;
}

static int set_scheduling(struct api_request *req, struct object *obj, CoreV1__PodSpec *spec,
    const NodeV1__RuntimeClass *class, struct error *err)
{
	const NodeV1__Scheduling *s = class->scheduling;

	for (size_t i = 0; s && i < s->n_node_selector; i++) {
		const char *key = s->node_selector[i]->key, *value = s->node_selector[i]->value;
		const char *have = api_map_get(spec, node_selector, key);
		if (have && !str_eq(have, value))
			return admission_forbid(req, obj, err,
			    "conflict: runtimeClass.scheduling.nodeSelector[%s] = %s; "
			    "pod.spec.nodeSelector[%s] = %s",
			    key, value, key, have);
		api_map_set(
		    obj->arena, spec, node_selector, core_v1__pod_spec__node_selector_entry, key, value);
	}
	for (size_t i = 0; s && i < s->n_tolerations; i++)
		if (!has_toleration(spec, s->tolerations[i]))
			api_append(obj->arena, spec, tolerations, api_clone(obj->arena, s->tolerations[i]));
	return 0;
}

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	CoreV1__Pod *pod = pod_of(req, obj);
	const NodeV1__RuntimeClass *class;

	(void)old;
	if (!pod)
		return API_NEXT;
	if (find_class(req, obj, pod->spec, &class, err) < 0)
		return API_FAIL;
	if (class && (set_overhead(req, obj, pod->spec, class, err) < 0 ||
			 set_scheduling(req, obj, pod->spec, class, err) < 0))
		return API_FAIL;
	return API_NEXT;
}

static int check(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	const CoreV1__Pod *pod = pod_of(req, obj);
	const NodeV1__RuntimeClass *class;

	(void)old;
	if (!pod)
		return API_NEXT;
	if (find_class(req, obj, pod->spec, &class, err) < 0)
		return API_FAIL;
	struct amounts have = AMOUNTS_OF(req->arena, pod->spec, overhead), fixed = {.arena = req->arena};
	if (class && class->overhead)
		fixed = AMOUNTS_OF(req->arena, class->overhead, pod_fixed);
	if (amounts_equal(&have, &fixed))
		return API_NEXT;
	return admission_forbid(req, obj, err,
	    fixed.len > 0
		? "pod rejected: Pod's overhead doesn't match RuntimeClass's defined Overhead"
		: "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
}

const struct admission_plugin admission_runtime_class = {
    .name = "RuntimeClass",
    .operations = ADMIT_CREATE,
    .mutate = admit,
    .validate = check,
};
