/* Priority: pods get the number of their priority class, or the default class; only one class may be the
 * default. */
#include "apiserver/admission/plugin.h"

#include <string.h>

#include "proto/scheduling_v1.pb-c.h"

static bool take_default(void *arg, const struct object *obj)
{
	const struct object **best = arg;
	const SchedulingV1__PriorityClass *pc = (const void *)obj->msg;

	if (!pc->global_default)
		return true;
	/* Two defaults are possible for a moment only; the lower one is the careful choice. */
	if (!*best || pc->value < ((const SchedulingV1__PriorityClass *)(*best)->msg)->value)
		*best = obj;
	return true;
}

static const struct object *find_class(struct api_request *req, const CoreV1__PodSpec *spec)
{
	const struct object *found = NULL;

	if (!str_empty(spec->priority_class_name))
		return reader_get(
		    auth_reader(req->server), resource_priorityclasses, "", spec->priority_class_name);
	reader_each(auth_reader(req->server), resource_priorityclasses, NULL, take_default, &found);
	return found;
}

static int admit_pod(struct api_request *req, struct object *obj, CoreV1__PodSpec *spec, struct error *err)
{
	const struct object *found = find_class(req, spec);
	const SchedulingV1__PriorityClass *pc = found ? (const void *)found->msg : NULL;
	int32_t value = pc ? pc->value : 0;
	const char *preemption =
	    pc && !str_empty(pc->preemption_policy) ? pc->preemption_policy : "PreemptLowerPriority";

	if (!pc && !str_empty(spec->priority_class_name))
		return admission_forbid(
		    req, obj, err, "no PriorityClass with name %s was found", spec->priority_class_name);
	if (spec->has_priority && spec->priority != value)
		return admission_forbid(req, obj, err,
		    "the integer value of priority (%d) must not be provided in pod spec; priority admission "
		    "controller computed %d "
		    "from the given PriorityClass name",
		    spec->priority, value);
	if (spec->preemption_policy && !str_eq(spec->preemption_policy, preemption))
		return admission_forbid(req, obj, err,
		    "the string value of PreemptionPolicy (%s) must not be provided in pod spec; priority "
		    "admission controller "
		    "computed %s from the given PriorityClass name",
		    spec->preemption_policy, preemption);
	if (pc)
		spec->priority_class_name = arena_strdup(obj->arena, object_name(found));
	spec->has_priority = true;
	spec->priority = value;
	spec->preemption_policy = arena_strdup(obj->arena, preemption);
	return API_NEXT;
}

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	CoreV1__Pod *pod = pod_of(req, obj);
	const CoreV1__Pod *was = OBJECT_AS(old, CoreV1__Pod, core_v1__pod);

	if (!pod)
		return API_NEXT;
	if (is_create(req))
		return admit_pod(req, obj, pod->spec, err);
	/* A PUT that leaves out what this plugin added is no change. */
	if (was && !pod->spec->has_priority && was->spec->has_priority) {
		pod->spec->has_priority = true;
		pod->spec->priority = was->spec->priority;
	}
	if (was && !pod->spec->preemption_policy && was->spec->preemption_policy)
		pod->spec->preemption_policy = arena_strdup(obj->arena, was->spec->preemption_policy);
	return API_NEXT;
}

static int check_class(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	const SchedulingV1__PriorityClass *pc =
	    OBJECT_AS(obj, SchedulingV1__PriorityClass, scheduling_v1__priority_class);
	const struct object *other = NULL;

	(void)old;
	if (!pc || !pc->global_default)
		return API_NEXT;
	reader_each(auth_reader(req->server), resource_priorityclasses, NULL, take_default, &other);
	if (other && strcmp(object_name(other), object_name(obj)) != 0)
		return admission_forbid(req, obj, err,
		    "PriorityClass %s is already marked as default. Only one default can exist",
		    object_name(other));
	return API_NEXT;
}

const struct admission_plugin admission_priority = {
    .name = "Priority",
    .operations = ADMIT_CREATE | ADMIT_UPDATE,
    .mutate = admit,
    .validate = check_class,
};
