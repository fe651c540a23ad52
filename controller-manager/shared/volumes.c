#include "controller-manager/shared/volumes.h"

#include "lib/api/labels.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"

const CoreV1__PersistentVolume *volume_of(const struct object *obj)
{
	return (const CoreV1__PersistentVolume *)obj->msg;
}

const CoreV1__PersistentVolumeClaim *claim_of(const struct object *obj)
{
	return (const CoreV1__PersistentVolumeClaim *)obj->msg;
}

const char *claim_class_name(const CoreV1__PersistentVolumeClaim *claim)
{
	const char *old =
	    api_map_get(claim->metadata, annotations, "volume.beta.kubernetes.io/storage-class");

	return old ? old : str_or(claim->spec->storage_class_name, "");
}

const StorageV1__StorageClass *claim_class(
    const struct informer *classes, const CoreV1__PersistentVolumeClaim *claim)
{
	const char *name = claim_class_name(claim);
	const struct object *obj = str_empty(name) ? NULL : informer_lookup(classes, NULL, name);

	return obj ? (const StorageV1__StorageClass *)obj->msg : NULL;
}

bool volume_is_for(const CoreV1__PersistentVolume *volume, const CoreV1__PersistentVolumeClaim *claim)
{
	const CoreV1__ObjectReference *ref = volume->spec->claim_ref;

	return ref && str_eq(ref->name, claim->metadata->name) &&
	       str_eq(ref->namespace_, claim->metadata->namespace_) &&
	       (str_empty(ref->uid) || str_eq(ref->uid, claim->metadata->uid));
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
    const CoreV1__PersistentVolume *volume, const CoreV1__PersistentVolumeClaim *claim)
{
	struct arena *arena;
	struct selector *selector;
	struct error ignored = ERROR_INIT; /* validated by the API server; a bad one allows nothing */
	bool allowed;

	if (!claim->spec->selector)
		return true;
	arena = arena_new();
	allowed = selector_from_object(arena, claim->spec->selector, &selector, &ignored) == 0 &&
		  selector_matches(selector, volume->metadata);
	arena_free(arena);
	return allowed;
}

static bool is_big_enough(const CoreV1__PersistentVolume *volume, const CoreV1__PersistentVolumeClaim *claim)
{
	struct quantity want = {0}, have = {0};

	quantity_in(claim->spec->resources, requests, "storage", &want);
	quantity_in(volume->spec, capacity, "storage", &have);
	return quantity_compare(&have, &want) >= 0;
}

bool volume_suits(const CoreV1__PersistentVolume *volume, const CoreV1__PersistentVolumeClaim *claim)
{
	return !volume->metadata->deletion_timestamp && !volume->spec->claim_ref &&
	       str_eq(str_or(volume->spec->storage_class_name, ""), claim_class_name(claim)) &&
	       is_big_enough(volume, claim) && has_modes(volume, claim) && selector_allows(volume, claim);
}

const struct object *volume_find(
    const struct informer *volumes, const CoreV1__PersistentVolumeClaim *claim, bool only_reserved)
{
	const struct object *best = NULL;
	struct quantity best_size = {0}, size = {0};

	informer_for_each (obj, informer_all(volumes)) {
		const CoreV1__PersistentVolume *volume = volume_of(obj);

		if (volume_is_for(volume, claim) && !volume->metadata->deletion_timestamp &&
		    is_big_enough(volume, claim))
			return obj;
		if (only_reserved || !volume_suits(volume, claim))
			continue;
		quantity_in(volume->spec, capacity, "storage", &size);
		if (!best || quantity_compare(&size, &best_size) < 0) {
			best = obj;
			best_size = size;
		}
	}
	return best;
}
