#include "apiserver/auth/pod_refs.h"

#include <stddef.h>
#include <stdio.h>

#include "lib/base/str.h"

#define SAME_PLACE(member)                                                                                   \
	_Static_assert(                                                                                      \
	    offsetof(CoreV1__Container, member) == offsetof(CoreV1__EphemeralContainerCommon, member),       \
	    #member)
SAME_PLACE(name);
SAME_PLACE(ports);
SAME_PLACE(env);
SAME_PLACE(env_from);
SAME_PLACE(resources);
SAME_PLACE(security_context);
SAME_PLACE(restart_policy);

bool pod_visit_containers(const CoreV1__PodSpec *spec, pod_container_fn *visit, void *arg)
{
	for (size_t i = 0; i < spec->n_init_containers; i++)
		if (!visit(arg, spec->init_containers[i], CONTAINER_INIT, i))
			return false;
	for (size_t i = 0; i < spec->n_containers; i++)
		if (!visit(arg, spec->containers[i], CONTAINER_MAIN, i))
			return false;
	for (size_t i = 0; i < spec->n_ephemeral_containers; i++) {
		const void *common = spec->ephemeral_containers[i]->ephemeral_container_common;
		if (common && !visit(arg, common, CONTAINER_EPHEMERAL, i))
			return false;
	}
	return true;
}

struct name_walk {
	pod_name_fn *visit;
	void *arg;
};

static bool give(const struct name_walk *w, const char *name)
{
	return str_empty(name) || w->visit(w->arg, name);
}

static bool give_ref(const struct name_walk *w, const CoreV1__LocalObjectReference *ref)
{
	return !ref || give(w, ref->name);
}

static bool container_secrets(void *arg, const CoreV1__Container *c, enum container_kind kind, size_t index)
{
	const struct name_walk *w = arg;

	(void)kind, (void)index;
	for (size_t i = 0; i < c->n_env_from; i++)
		if (c->env_from[i]->secret_ref &&
		    !give_ref(w, c->env_from[i]->secret_ref->local_object_reference))
			return false;
	for (size_t i = 0; i < c->n_env; i++) {
		const CoreV1__EnvVarSource *from = c->env[i]->value_from;
		if (from && from->secret_key_ref &&
		    !give_ref(w, from->secret_key_ref->local_object_reference))
			return false;
	}
	return true;
}

static bool projected_secrets(const struct name_walk *w, const CoreV1__ProjectedVolumeSource *projected)
{
	for (size_t i = 0; projected && i < projected->n_sources; i++)
		if (projected->sources[i]->secret &&
		    !give_ref(w, projected->sources[i]->secret->local_object_reference))
			return false;
	return true;
}

static bool volume_secrets(const struct name_walk *w, const CoreV1__VolumeSource *v)
{
	return (!v->secret || give(w, v->secret->secret_name)) && projected_secrets(w, v->projected) &&
	       (!v->azure_file || give(w, v->azure_file->secret_name)) &&
	       (!v->cephfs || give_ref(w, v->cephfs->secret_ref)) &&
	       (!v->cinder || give_ref(w, v->cinder->secret_ref)) &&
	       (!v->flex_volume || give_ref(w, v->flex_volume->secret_ref)) &&
	       (!v->rbd || give_ref(w, v->rbd->secret_ref)) &&
	       (!v->scale_io || give_ref(w, v->scale_io->secret_ref)) &&
	       (!v->iscsi || give_ref(w, v->iscsi->secret_ref)) &&
	       (!v->storageos || give_ref(w, v->storageos->secret_ref)) &&
	       (!v->csi || give_ref(w, v->csi->node_publish_secret_ref));
}

bool pod_visit_secrets(const CoreV1__PodSpec *spec, pod_name_fn *visit, void *arg)
{
	struct name_walk w = {visit, arg};

	for (size_t i = 0; i < spec->n_image_pull_secrets; i++)
		if (!give(&w, spec->image_pull_secrets[i]->name))
			return false;
	for (size_t i = 0; i < spec->n_volumes; i++)
		if (spec->volumes[i]->volume_source && !volume_secrets(&w, spec->volumes[i]->volume_source))
			return false;
	return pod_visit_containers(spec, container_secrets, &w);
}

static bool container_config_maps(
    void *arg, const CoreV1__Container *c, enum container_kind kind, size_t index)
{
	const struct name_walk *w = arg;

	(void)kind, (void)index;
	for (size_t i = 0; i < c->n_env_from; i++)
		if (c->env_from[i]->config_map_ref &&
		    !give_ref(w, c->env_from[i]->config_map_ref->local_object_reference))
			return false;
	for (size_t i = 0; i < c->n_env; i++) {
		const CoreV1__EnvVarSource *from = c->env[i]->value_from;
		if (from && from->config_map_key_ref &&
		    !give_ref(w, from->config_map_key_ref->local_object_reference))
			return false;
	}
	return true;
}

static bool volume_config_maps(const struct name_walk *w, const CoreV1__VolumeSource *v)
{
	if (v->config_map && !give_ref(w, v->config_map->local_object_reference))
		return false;
	for (size_t i = 0; v->projected && i < v->projected->n_sources; i++) {
		const CoreV1__ConfigMapProjection *cm = v->projected->sources[i]->config_map;
		if (cm && !give_ref(w, cm->local_object_reference))
			return false;
	}
	return true;
}

bool pod_visit_config_maps(const CoreV1__PodSpec *spec, pod_name_fn *visit, void *arg)
{
	struct name_walk w = {visit, arg};

	for (size_t i = 0; i < spec->n_volumes; i++)
		if (spec->volumes[i]->volume_source &&
		    !volume_config_maps(&w, spec->volumes[i]->volume_source))
			return false;
	return pod_visit_containers(spec, container_config_maps, &w);
}

bool pod_visit_claims(const CoreV1__Pod *pod, pod_name_fn *visit, void *arg)
{
	for (size_t i = 0; i < pod->spec->n_volumes; i++) {
		const CoreV1__VolumeSource *v = pod->spec->volumes[i]->volume_source;
		if (!v)
			continue;
		if (v->persistent_volume_claim && !visit(arg, v->persistent_volume_claim->claim_name))
			return false;
		if (v->ephemeral) {
			char name[512]; /* both parts are names of at most 253 bytes */
			snprintf(
			    name, sizeof(name), "%s-%s", pod->metadata->name, pod->spec->volumes[i]->name);
			if (!visit(arg, name))
				return false;
		}
	}
	return true;
}
