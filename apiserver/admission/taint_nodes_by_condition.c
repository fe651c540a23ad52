/* TaintNodesByCondition: a new node is not ready until its controller says so, so that no pod lands on it too
 * early. */
#include "apiserver/admission/plugin.h"

#define NOT_READY "node.kubernetes.io/not-ready"

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	CoreV1__Node *node = is_subresource(req) ? NULL : OBJECT_AS(obj, CoreV1__Node, core_v1__node);

	(void)old, (void)err;
	if (!node)
		return API_NEXT;
	for (size_t i = 0; i < node->spec->n_taints; i++)
		if (str_eq(node->spec->taints[i]->key, NOT_READY) &&
		    str_eq(node->spec->taints[i]->effect, "NoSchedule"))
			return API_NEXT;
	CoreV1__Taint *taint = API_NEW(obj->arena, core_v1__taint);
	taint->key = arena_strdup(obj->arena, NOT_READY);
	taint->effect = arena_strdup(obj->arena, "NoSchedule");
	api_append(obj->arena, node->spec, taints, taint);
	return API_NEXT;
}

const struct admission_plugin admission_taint_nodes_by_condition = {
    .name = "TaintNodesByCondition",
    .operations = ADMIT_CREATE,
    .mutate = admit,
};
