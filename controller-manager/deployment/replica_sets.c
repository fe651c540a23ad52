/* Finding, making, naming, numbering, scaling and dropping a Deployment's ReplicaSets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller-manager/deployment/deployment.h"
#include "controller-manager/shared/pods.h"
#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"

#define HISTORY_TEXT_MAX 2000

static const CoreV1__PodTemplateSpec *without_hash(
    struct arena *arena, const CoreV1__PodTemplateSpec *template_)
{
	CoreV1__PodTemplateSpec *copy = api_clone_message(arena, &template_->base);
	api_map_remove(copy->metadata, labels, HASH_LABEL);
	return copy;
}

void deployment_find_new(struct deployment *dep)
{
	const CoreV1__PodTemplateSpec *wanted = without_hash(dep->arena, dep->d->spec->template_);
	dep->new_rs = NULL;
	for (size_t i = 0; i < dep->len && !dep->new_rs; i++)
		if (api_equal(wanted, without_hash(dep->arena, dep->sets[i].rs->spec->template_)))
			dep->new_rs = &dep->sets[i];
}

/* ---- revisions ---- */

static int64_t revision_of(const struct object *obj)
{
	int64_t revision = 0;
	str_to_int64(api_map_get(obj->meta, annotations, REVISION_ANNOTATION), &revision);
	return revision;
}

static int64_t next_revision(const struct deployment *dep)
{
	int64_t highest = 0;
	for (size_t i = 0; i < dep->len; i++)
		if (&dep->sets[i] != dep->new_rs && revision_of(dep->sets[i].obj) > highest)
			highest = revision_of(dep->sets[i].obj);
	return highest + 1;
}

static void annotate(struct object *rs, const char *name, const char *value)
{
	api_map_set(rs->arena, rs->meta, annotations, meta_v1__object_meta__annotations_entry, name,
	    arena_strdup(rs->arena, value));
}

static void copy_annotations(const struct deployment *dep, struct object *rs)
{
	static const char *const own[] = {"kubectl.kubernetes.io/last-applied-configuration",
	    REVISION_ANNOTATION, REVISION_HISTORY_ANNOTATION, DESIRED_ANNOTATION, MAX_ANNOTATION,
	    "deprecated.deployment.rollback.to", NULL};
	const MetaV1__ObjectMeta *meta = dep->obj->meta;
	for (size_t i = 0; i < meta->n_annotations; i++)
		if (!str_in(meta->annotations[i]->key, own))
			annotate(rs, meta->annotations[i]->key, meta->annotations[i]->value);
}

/* The revision of a template that is used again rises; where it had been is kept. */
static void raise_revision(const struct deployment *dep, struct object *rs)
{
	const char *old = api_map_get(rs->meta, annotations, REVISION_ANNOTATION);
	int64_t revision = next_revision(dep);
	if (revision_of(rs) >= revision)
		return;
	if (!str_empty(old)) {
		const char *history =
		    str_or(api_map_get(rs->meta, annotations, REVISION_HISTORY_ANNOTATION), "");
		while (strlen(history) + strlen(old) + 1 > HISTORY_TEXT_MAX && strchr(history, ','))
			history = strchr(history, ',') + 1;
		annotate(rs, REVISION_HISTORY_ANNOTATION,
		    history[0] ? arena_printf(rs->arena, "%s,%s", history, old) : old);
	}
	annotate(rs, REVISION_ANNOTATION, arena_printf(rs->arena, "%lld", (long long)revision));
}

static void annotate_sizes(const struct deployment *dep, struct object *rs)
{
	annotate(rs, DESIRED_ANNOTATION, arena_printf(rs->arena, "%d", dep->replicas));
	annotate(rs, MAX_ANNOTATION, arena_printf(rs->arena, "%d", dep->replicas + dep->max_surge));
}

static void patch_own_revision(struct deployment *dep, const char *revision)
{
	struct arena *arena = dep->arena;
	struct json *patch = json_new_object(arena), *meta = json_new_object(arena),
		    *list = json_new_object(arena);
	json_set(arena, list, REVISION_ANNOTATION, json_new_string(arena, revision));
	json_set(arena, meta, "annotations", list);
	json_set(arena, patch, "metadata", meta);
	plan_patch(dep->plan, resource_deployments, object_namespace(dep->obj), object_name(dep->obj),
	    REST_PATCH_MERGE, patch);
}

bool deployment_sync_revision(struct deployment *dep)
{
	struct object *rs = object_clone(dep->new_rs->obj);
	AppsV1__ReplicaSetSpec *spec = ((AppsV1__ReplicaSet *)rs->msg)->spec;
	copy_annotations(dep, rs);
	raise_revision(dep, rs);
	spec->min_ready_seconds = dep->d->spec->min_ready_seconds;
	if (!object_equal(rs, dep->new_rs->obj)) {
		plan_update(dep->plan, resource_replicasets, rs);
		return true;
	}
	object_unref(rs);
	const char *revision = api_map_get(dep->new_rs->obj->meta, annotations, REVISION_ANNOTATION);
	if (str_eq(revision, api_map_get(dep->obj->meta, annotations, REVISION_ANNOTATION)))
		return false;
	patch_own_revision(dep, revision);
	return true;
}

/* ---- making ---- */

/* The digits of the hash in upstream's alphabet, which spells no words. */
static const char *template_hash(const struct deployment *dep)
{
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
	struct buf text = BUF_INIT;
	codec_to_json_text(
	    &text, schema_of(&core_v1__pod_template_spec__descriptor), &dep->d->spec->template_->base);
	if (dep->d->status->has_collision_count)
		buf_printf(&text, "%d", dep->d->status->collision_count);
	char *hash = arena_printf(dep->arena, "%u", str_hash32(buf_str(&text), text.size));
	buf_done(&text);
	for (char *p = hash; *p; p++)
		*p = alphabet[(unsigned char)*p % (sizeof(alphabet) - 1)];
	return hash;
}

static struct object *make_new(const struct deployment *dep, const char *hash, int32_t replicas)
{
	struct object *obj = object_new(resource_replicasets->schema);
	struct arena *arena = obj->arena;
	AppsV1__ReplicaSetSpec *spec = ((AppsV1__ReplicaSet *)obj->msg)->spec;
	obj->meta->name = arena_printf(arena, "%s-%s", object_name(dep->obj), hash);
	obj->meta->namespace_ = arena_strdup(arena, object_namespace(dep->obj));
	spec->template_ = api_clone(arena, dep->d->spec->template_);
	spec->selector = api_clone(arena, dep->d->spec->selector);
	api_map_set(
	    arena, spec->template_->metadata, labels, meta_v1__object_meta__labels_entry, HASH_LABEL, hash);
	api_map_set(arena, spec->selector, match_labels, meta_v1__label_selector__match_labels_entry,
	    HASH_LABEL, hash);
	const MetaV1__ObjectMeta *from = api_clone(arena, spec->template_->metadata);
	obj->meta->n_labels = from->n_labels;
	obj->meta->labels = from->labels;
	spec->min_ready_seconds = dep->d->spec->min_ready_seconds;
	spec->replicas = replicas;
	spec->has_replicas = true;
	api_append(arena, obj->meta, owner_references, owner_reference_new(arena, dep->obj));
	copy_annotations(dep, obj);
	raise_revision(dep, obj);
	annotate_sizes(dep, obj);
	return obj;
}

void deployment_create_new(struct deployment *dep)
{
	int32_t replicas = deployment_new_size(dep, 0);
	struct object *obj = make_new(dep, template_hash(dep), replicas);
	const char *name = arena_strdup(dep->arena, object_name(obj));
	const struct object *taken = informer_lookup(
	    controller_informer(dep->ctx, resource_replicasets), object_namespace(obj), object_name(obj));
	if (taken) { /* another template has the same hash, or it is somebody else's: hash differently */
		object_unref(obj);
		dep->status->collision_count = dep->d->status->collision_count + 1;
		dep->status->has_collision_count = true;
		return;
	}
	struct plan_op *op = plan_create(dep->plan, resource_replicasets, obj);
	if (replicas > 0)
		plan_on_success(dep->plan, op, dep->obj, false, "ScalingReplicaSet",
		    arena_printf(dep->arena, "Scaled up replica set %s from 0 to %d", name, replicas));
	plan_on_failure(dep->plan, op, dep->obj, "ReplicaSetCreateError",
	    arena_printf(dep->arena, "Failed to create new replica set \"%s\": %%s", name));
	if (!dep->ctx->last_error)
		plan_then(dep->plan); /* the status tells of it when it is there */
	if (!deployment_has_deadline(dep))
		return;
	if (dep->ctx->last_error)
		deployment_set_condition(dep, "Progressing", "False", "ReplicaSetCreateError",
		    arena_printf(dep->arena, "Failed to create new replica set \"%s\": %s", name,
			dep->ctx->last_error->message));
	else
		deployment_set_condition(dep, "Progressing", "True", "NewReplicaSetCreated",
		    arena_printf(dep->arena, "Created new replica set \"%s\"", name));
}

/* ---- scaling ---- */

static void write_size(struct deployment *dep, struct rs *rs)
{
	struct object *obj = object_clone(rs->obj);
	AppsV1__ReplicaSetSpec *spec = ((AppsV1__ReplicaSet *)obj->msg)->spec;
	int32_t before = spec->replicas;
	annotate_sizes(dep, obj);
	spec->replicas = rs->replicas;
	if (object_equal(obj, rs->obj)) {
		object_unref(obj);
		return;
	}
	struct plan_op *op = plan_update(dep->plan, resource_replicasets, obj);
	if (before != rs->replicas)
		plan_on_success(dep->plan, op, dep->obj, false, "ScalingReplicaSet",
		    arena_printf(dep->arena, "Scaled %s replica set %s from %d to %d",
			rs->replicas > before ? "up" : "down", object_name(rs->obj), before, rs->replicas));
}

void deployment_write_sizes(struct deployment *dep)
{
	for (size_t i = 0; i < dep->len; i++)
		if (dep->sets[i].is_scaled)
			write_size(dep, &dep->sets[i]);
}

/* ---- dropping ---- */

static int compare_revisions(const void *left, const void *right)
{
	const struct rs *a = *(struct rs *const *)left, *b = *(struct rs *const *)right;
	int64_t diff = revision_of(a->obj) - revision_of(b->obj);
	return diff < 0 ? -1 : diff > 0;
}

void deployment_clean_up(struct deployment *dep)
{
	const AppsV1__DeploymentSpec *spec = dep->d->spec;
	if (!spec->has_revision_history_limit || spec->revision_history_limit == INT32_MAX)
		return;
	struct rs **old = ARENA_ARRAY(dep->arena, struct rs *, dep->len + 1);
	size_t len = 0;
	for (size_t i = 0; i < dep->len; i++)
		if (&dep->sets[i] != dep->new_rs && !object_is_deleting(dep->sets[i].obj))
			old[len++] = &dep->sets[i];
	qsort(old, len, sizeof(*old), compare_revisions);
	for (size_t i = 0; i + (size_t)spec->revision_history_limit < len; i++) {
		const AppsV1__ReplicaSet *rs = old[i]->rs;
		if (rs->status->replicas == 0 && old[i]->replicas == 0 &&
		    old[i]->obj->meta->generation <= rs->status->observed_generation)
			plan_delete(dep->plan, old[i]->obj);
	}
}
