#include "scheduler/volumes.h"

#include "lib/api/labels.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "scheduler/node_match.h"

bool storage_class_waits(const struct object *storage_class)
{
	const StorageV1__StorageClass *class = (const StorageV1__StorageClass *)storage_class->msg;

	return str_eq(class->volume_binding_mode, "WaitForFirstConsumer");
}

static bool has_modes(const CoreV1__PersistentVolume *volume, const CoreV1__PersistentVolumeClaim *claim)
{
	for (size_t i = 0; i < claim->spec->n_access_modes; i++) {
		size_t k = 0;

		while (k < volume->spec->n_access_modes &&
		       !str_eq(volume->spec->access_modes[k], claim->spec->access_modes[i]))
			k++;
		if (k == volume->spec->n_access_modes)
			return false;
	}
	return str_eq(
	    str_or(volume->spec->volume_mode, "Filesystem"), str_or(claim->spec->volume_mode, "Filesystem"));
}

static bool selector_allows(
    const CoreV1__PersistentVolumeClaim *claim, const CoreV1__PersistentVolume *volume)
{
	struct arena *arena;
	struct selector *selector;
	struct error ignored = ERROR_INIT;
	bool allowed;

	if (!claim->spec->selector)
		return true;
	arena = arena_new();
	allowed = selector_from_object(arena, claim->spec->selector, &selector, &ignored) == 0 &&
		  selector_matches(selector, volume->metadata);
	arena_free(arena);
	return allowed;
}

static bool suits(const CoreV1__PersistentVolume *volume, const CoreV1__PersistentVolumeClaim *claim,
    const CoreV1__Node *node, struct quantity *ret_size)
{
	struct quantity want = {0};

	if (volume->metadata->deletion_timestamp || volume->spec->claim_ref ||
	    !str_eq(volume->status->phase, "Available") ||
	    !str_eq(
		str_or(volume->spec->storage_class_name, ""), str_or(claim->spec->storage_class_name, "")))
		return false;
	if (volume->spec->node_affinity && volume->spec->node_affinity->required &&
	    !node_selector_matches(volume->spec->node_affinity->required, node))
		return false;
	quantity_in(claim->spec->resources, requests, "storage", &want);
	return quantity_in(volume->spec, capacity, "storage", ret_size) &&
	       quantity_compare(ret_size, &want) >= 0 && has_modes(volume, claim) &&
	       selector_allows(claim, volume);
}

const CoreV1__PersistentVolume *volumes_find(
    const struct informer *volumes, const CoreV1__PersistentVolumeClaim *claim, const CoreV1__Node *node)
{
	const CoreV1__PersistentVolume *best = NULL;
	struct quantity best_size = {0}, size;

	informer_for_each (obj, informer_all(volumes)) {
		const CoreV1__PersistentVolume *volume = (const CoreV1__PersistentVolume *)obj->msg;

		if (suits(volume, claim, node, &size) && (!best || quantity_compare(&size, &best_size) < 0)) {
			best = volume;
			best_size = size;
		}
	}
	return best;
}

bool volumes_claim_can_use(
    const struct informer *volumes, const struct waiting_claim *waiting, const CoreV1__Node *node)
{
	const char *selected = api_map_get(waiting->claim->metadata, annotations, ANNOTATION_SELECTED_NODE);

	if (selected) /* provisioning is under way for that node */
		return str_eq(selected, node->metadata->name);
	return volumes_find(volumes, waiting->claim, node) ||
	       !str_eq(waiting->class->provisioner, NO_PROVISIONER);
}
