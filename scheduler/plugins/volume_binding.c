/*
 * Persistent volume claims: a bound claim's volume says on which nodes it can be used; a claim of a class
 * that waits for its first consumer (WaitForFirstConsumer) is bound or provisioned for the node that is
 * chosen here.
 */
#include "scheduler/volumes.h"

#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "scheduler/node_match.h"
#include "scheduler/plugin.h"

static enum verdict add_claim(
    struct cycle *cycle, struct volumes_state *state, const char *name, struct reasons *reasons)
{
	const char *ns = cycle->pod->pod->metadata->namespace_;
	const struct object *obj = informer_lookup(cycle->claims, ns, name), *volume, *class;
	const CoreV1__PersistentVolumeClaim *claim;

	if (!obj) {
		reasons_add(cycle, reasons, "persistentvolumeclaim \"%s\" not found", name);
		return UNRESOLVABLE;
	}
	claim = (const CoreV1__PersistentVolumeClaim *)obj->msg;
	if (obj->meta->deletion_timestamp) {
		reasons_add(cycle, reasons, "persistentvolumeclaim \"%s\" is being deleted", name);
		return UNRESOLVABLE;
	}
	if (!str_empty(claim->spec->volume_name)) {
		volume = informer_lookup(cycle->volumes, NULL, claim->spec->volume_name);
		if (!volume) {
			reasons_add_literal(reasons,
			    "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)");
			return UNRESOLVABLE;
		}
		state->bound[state->bound_len++] = (const CoreV1__PersistentVolume *)volume->msg;
		return FITS;
	}
	class = str_empty(claim->spec->storage_class_name)
		    ? NULL
		    : informer_lookup(cycle->storage_classes, NULL, claim->spec->storage_class_name);
	if (!class || !storage_class_waits(class)) {
		reasons_add_literal(reasons, "pod has unbound immediate PersistentVolumeClaims");
		return UNRESOLVABLE;
	}
	state->waiting[state->waiting_len].claim = claim;
	state->waiting[state->waiting_len++].class = (const StorageV1__StorageClass *)class->msg;
	return FITS;
}

static enum verdict pre_filter(struct cycle *cycle, void **ret_state, struct reasons *reasons)
{
	const CoreV1__PodSpec *spec = cycle->pod->pod->spec;
	struct volumes_state *state = ARENA_NEW(cycle->arena, struct volumes_state);

	*ret_state = state;
	state->bound = ARENA_ARRAY(cycle->arena, const CoreV1__PersistentVolume *, spec->n_volumes + 1);
	state->waiting = ARENA_ARRAY(cycle->arena, struct waiting_claim, spec->n_volumes + 1);
	for (size_t i = 0; i < spec->n_volumes; i++) {
		const CoreV1__VolumeSource *source = spec->volumes[i]->volume_source;
		const char *name = NULL;
		enum verdict verdict;

		if (source->persistent_volume_claim)
			name = source->persistent_volume_claim->claim_name;
		else if (source->ephemeral) /* the controller names the claim after pod and volume */
			name = arena_printf(
			    cycle->arena, "%s-%s", cycle->pod->pod->metadata->name, spec->volumes[i]->name);
		if (!name)
			continue;
		verdict = add_claim(cycle, state, name, reasons);
		if (verdict != FITS)
			return verdict;
	}
	return FITS;
}

static bool volume_fits_node(const CoreV1__PersistentVolume *volume, const struct node_info *node)
{
	const CoreV1__VolumeNodeAffinity *affinity = volume->spec->node_affinity;

	return !affinity || !affinity->required || node_selector_matches(affinity->required, node->node);
}

static enum verdict filter(
    const struct cycle *cycle, void *arg, const struct node_info *node, struct reasons *reasons)
{
	const struct volumes_state *state = arg;

	for (size_t i = 0; i < state->bound_len; i++) {
		if (volume_fits_node(state->bound[i], node))
			continue;
		reasons_add_literal(reasons, "node(s) didn't match PersistentVolume's node affinity");
		return UNRESOLVABLE;
	}
	for (size_t i = 0; i < state->waiting_len; i++) {
		if (volumes_claim_can_use(cycle->volumes, &state->waiting[i], node->node))
			continue;
		reasons_add_literal(reasons, "node(s) didn't find available persistent volumes to bind");
		return UNRESOLVABLE;
	}
	return FITS;
}

const struct plugin plugin_volume_binding = {.name = "VolumeBinding",
    .pre_filter = pre_filter,
    .filter = filter,
    .wakes_on = EVENT_NODE_ADD | EVENT_NODE_LABEL | EVENT_CLAIM | EVENT_VOLUME | EVENT_STORAGE_CLASS};
