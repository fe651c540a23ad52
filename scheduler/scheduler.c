#include "scheduler/scheduler.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/daemon.h"
#include "lib/client/events.h"
#include "lib/client/informer.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"
#include "scheduler/binder.h"
#include "scheduler/cycle.h"
#include "scheduler/preemption.h"
#include "scheduler/queue.h"
#include "scheduler/snapshot.h"

enum { PODS_PER_TURN = 16 }; /* then the loop gets a turn, so that watches are read */

struct scheduler {
	struct daemon *daemon;
	char *name;
	struct snapshot *snapshot;
	struct queue *queue;
	struct binder *binder;
	struct informer *pods, *nodes, *budgets;
	struct scheduling_caches caches;
	bool synced;
	uint64_t scheduled, unschedulable, errors, preempted;
};

static void on_pod(void *arg, const struct object *old, const struct object *new_);
static void on_node(void *arg, const struct object *old, const struct object *new_);
static void on_claim(void *arg, const struct object *old, const struct object *new_);
static void on_volume(void *arg, const struct object *old, const struct object *new_);
static void on_class(void *arg, const struct object *old, const struct object *new_);
static void schedule_some(void *arg);
static void schedule_one(struct scheduler *s, const struct object *pod);
static void on_bound(void *arg, const struct object *pod, const char *node, const struct error *err);

struct scheduler *scheduler_new(struct daemon *daemon, const char *scheduler_name)
{
	struct scheduler *s = calloc(1, sizeof *s);
	struct informer_set *set = daemon->informers;

	s->daemon = daemon;
	s->name = strdup(scheduler_name);
	s->snapshot = snapshot_new();
	s->queue = queue_new(daemon->loop, schedule_some, s);
	s->pods = informer_get_filtered(
	    set, resource_pods, NULL, NULL, "status.phase!=Succeeded,status.phase!=Failed");
	s->nodes = informer_get(set, resource_nodes);
	s->budgets = informer_get(set, resource_poddisruptionbudgets);
	s->caches.namespaces = informer_get(set, resource_namespaces);
	s->caches.claims = informer_get(set, resource_persistentvolumeclaims);
	s->caches.volumes = informer_get(set, resource_persistentvolumes);
	s->caches.storage_classes = informer_get(set, resource_storageclasses);
	s->binder = binder_new(daemon->client, s->caches.claims, s->caches.volumes, on_bound, s);
	informer_add_handler(s->nodes, on_node, s);
	informer_add_handler(s->pods, on_pod, s);
	informer_add_handler((struct informer *)s->caches.claims, on_claim, s);
	informer_add_handler((struct informer *)s->caches.volumes, on_volume, s);
	informer_add_handler((struct informer *)s->caches.storage_classes, on_class, s);
	return s;
}

static void on_synced(void *arg)
{
	struct scheduler *s = arg;

	s->synced = true;
	log_info("caches are filled: %zu nodes, %zu pods", informer_len(s->nodes), informer_len(s->pods));
	schedule_some(s);
}

void scheduler_start(struct scheduler *s)
{
	informer_set_start(s->daemon->informers);
	informer_set_on_synced(s->daemon->informers, on_synced, s);
}

void scheduler_free(struct scheduler *s)
{
	if (!s)
		return;
	binder_free(s->binder);
	queue_free(s->queue);
	snapshot_free(s->snapshot);
	free(s->name);
	free(s);
}

void scheduler_metrics(const struct scheduler *s, struct buf *out)
{
	size_t active, backoff, waiting;

	queue_len(s->queue, &active, &backoff, &waiting);
	buf_printf(out,
	    "# TYPE scheduler_pending_pods gauge\n"
	    "scheduler_pending_pods{queue=\"active\"} %zu\n"
	    "scheduler_pending_pods{queue=\"backoff\"} %zu\n"
	    "scheduler_pending_pods{queue=\"unschedulable\"} %zu\n",
	    active, backoff, waiting);
	buf_printf(out,
	    "# TYPE scheduler_schedule_attempts_total counter\n"
	    "scheduler_schedule_attempts_total{profile=\"%s\",result=\"scheduled\"} %" PRIu64 "\n"
	    "scheduler_schedule_attempts_total{profile=\"%s\",result=\"unschedulable\"} %" PRIu64 "\n"
	    "scheduler_schedule_attempts_total{profile=\"%s\",result=\"error\"} %" PRIu64 "\n"
	    "# TYPE scheduler_preemption_victims counter\n"
	    "scheduler_preemption_victims %" PRIu64 "\n",
	    s->name, s->scheduled, s->name, s->unschedulable, s->name, s->errors, s->preempted);
}

/* ---- what the watches tell ---- */

static const CoreV1__Pod *pod_of(const struct object *obj)
{
	return (const CoreV1__Pod *)obj->msg;
}

static bool is_placed(const struct object *obj)
{
	return obj && !str_empty(pod_of(obj)->spec->node_name);
}

static void pod_went(struct scheduler *s, const struct object *pod)
{
	if (is_placed(pod) || snapshot_is_assumed(s->snapshot, object_uid(pod))) {
		snapshot_remove_pod(s->snapshot, object_uid(pod));
		queue_event(s->queue, EVENT_POD_DELETE);
	}
	queue_remove(s->queue, object_uid(pod));
}

static bool spec_or_labels_differ(const struct object *old, const struct object *new_)
{
	return !api_equal(pod_of(old)->spec, pod_of(new_)->spec) || !api_equal(old->meta, new_->meta);
}

static void on_pod(void *arg, const struct object *old, const struct object *new_)
{
	struct scheduler *s = arg;

	if (old && (!new_ || !str_eq(object_uid(old), object_uid(new_))))
		pod_went(s, old);
	if (!new_)
		return;
	if (is_placed(new_)) {
		queue_remove(s->queue, object_uid(new_));
		if (pod_is_finished(pod_of(new_))) {
			pod_went(s, new_);
			return;
		}
		snapshot_set_pod(s->snapshot, new_);
		queue_event(s->queue, !is_placed(old) || spec_or_labels_differ(old, new_)
					  ? EVENT_POD_ADD | EVENT_POD_DELETE
					  : 0);
		return;
	}
	if (!str_eq(pod_of(new_)->spec->scheduler_name, s->name) || pod_is_finished(pod_of(new_)))
		return;
	if (new_->meta->deletion_timestamp) {
		queue_remove(s->queue, object_uid(new_));
		return;
	}
	/* A pod with gates waits until they are gone; our own status writes don't wake it. */
	if (pod_of(new_)->spec->n_scheduling_gates || snapshot_is_assumed(s->snapshot, object_uid(new_)))
		return;
	if (!old || !str_eq(object_uid(old), object_uid(new_)) ||
	    !api_equal(pod_of(old)->spec, pod_of(new_)->spec) ||
	    pod_of(old)->metadata->n_labels != pod_of(new_)->metadata->n_labels)
		queue_add(s->queue, new_);
}

static uint32_t node_changes(const CoreV1__Node *old, const CoreV1__Node *new_)
{
	uint32_t events = 0;

	for (size_t i = 0; i < new_->status->n_allocatable || i < old->status->n_allocatable; i++) {
		if (old->status->n_allocatable != new_->status->n_allocatable ||
		    !api_equal(old->status->allocatable[i], new_->status->allocatable[i])) {
			events |= EVENT_NODE_ALLOCATABLE;
			break;
		}
	}
	if (old->metadata->n_labels != new_->metadata->n_labels)
		events |= EVENT_NODE_LABEL;
	for (size_t i = 0; !(events & EVENT_NODE_LABEL) && i < new_->metadata->n_labels; i++) {
		if (!api_equal(old->metadata->labels[i], new_->metadata->labels[i]))
			events |= EVENT_NODE_LABEL;
	}
	if (!api_equal(old->spec, new_->spec))
		events |= EVENT_NODE_TAINT;
	return events;
}

static void on_node(void *arg, const struct object *old, const struct object *new_)
{
	struct scheduler *s = arg;

	if (!new_) {
		snapshot_remove_node(s->snapshot, object_name(old));
		return;
	}
	snapshot_set_node(s->snapshot, new_);
	queue_event(
	    s->queue, old ? node_changes((const CoreV1__Node *)old->msg, (const CoreV1__Node *)new_->msg)
			  : EVENT_NODE_ADD);
}

static void on_claim(void *arg, const struct object *old, const struct object *new_)
{
	struct scheduler *s = arg;

	queue_event(s->queue, EVENT_CLAIM);
	binder_claim_changed(s->binder, new_ ? new_ : old);
}

static void on_volume(void *arg, const struct object *old, const struct object *new_)
{
	queue_event(((struct scheduler *)arg)->queue, EVENT_VOLUME);
}

static void on_class(void *arg, const struct object *old, const struct object *new_)
{
	queue_event(((struct scheduler *)arg)->queue, EVENT_STORAGE_CLASS);
}

/* ---- placing ---- */

static void schedule_some(void *arg)
{
	struct scheduler *s = arg;
	const struct object *pod;

	if (!s->synced)
		return;
	for (int i = 0; i < PODS_PER_TURN; i++) {
		pod = queue_take(s->queue);
		if (!pod)
			return;
		schedule_one(s, pod);
		object_unref(pod);
	}
	loop_defer(s->daemon->loop, schedule_some, s);
}

static void ignore_result(void *arg, const struct rest_result *result)
{
	if (result->error && !error_is(result->error, ERR_NOT_FOUND))
		log_warning("%s: %s", (const char *)arg, result->error->message);
}

/* PodScheduled: False with the reason, written only when it changes. */
static void write_condition(struct scheduler *s, const struct object *pod, const char *reason,
    const char *message, const char *nominated)
{
	const CoreV1__PodStatus *status = pod_of(pod)->status;
	struct arena *arena;
	struct json *patch, *conditions, *condition, *status_patch;
	char now[TIME_TEXT_MAX];
	const char *since = NULL;

	for (size_t i = 0; i < status->n_conditions; i++) {
		const CoreV1__PodCondition *have = status->conditions[i];

		if (!str_eq(have->type, "PodScheduled") || !str_eq(have->status, "False"))
			continue;
		if (str_eq(have->reason, reason) && str_eq(have->message, message) && !nominated)
			return;
		since = have->last_transition_time ? "" : NULL;
	}
	arena = arena_new();
	patch = json_new_object(arena);
	status_patch = json_new_object(arena);
	conditions = json_new_array(arena);
	condition = json_new_object(arena);
	json_set(arena, condition, "type", json_new_string(arena, "PodScheduled"));
	json_set(arena, condition, "status", json_new_string(arena, "False"));
	json_set(arena, condition, "reason", json_new_string(arena, reason));
	json_set(arena, condition, "message", json_new_string(arena, message));
	if (!since)
		json_set(arena, condition, "lastTransitionTime",
		    json_new_string(arena, time_format(clock_wall_s(loop_clock(s->daemon->loop)), now)));
	json_push(arena, conditions, condition);
	json_set(arena, status_patch, "conditions", conditions);
	if (nominated)
		json_set(arena, status_patch, "nominatedNodeName", json_new_string(arena, nominated));
	json_set(arena, patch, "status", status_patch);
	rest_send(s->daemon->client,
	    REST_REQUEST(.verb = REST_PATCH, .type = resource_pods, .ns = object_namespace(pod),
		.name = object_name(pod), .subresource = "status", .patch = patch,
		.patch_type = REST_PATCH_STRATEGIC),
	    ignore_result, (void *)"write a pod's PodScheduled condition");
	arena_free(arena);
}

static void evict_victims(struct scheduler *s, const struct object *pod, const struct preemption *preemption)
{
	for (size_t i = 0; i < preemption->victims_len; i++) {
		const struct object *victim = preemption->victims[i]->object;

		if (victim->meta->deletion_timestamp)
			continue;
		event_record(s->daemon->events, victim, false, "Preempted", "Preempted by pod %s on node %s",
		    object_uid(pod), preemption->node->name);
		rest_send(s->daemon->client,
		    REST_REQUEST(.verb = REST_DELETE, .type = resource_pods, .ns = object_namespace(victim),
			.name = object_name(victim), .precondition_uid = object_uid(victim)),
		    ignore_result, (void *)"delete a preempted pod");
		s->preempted++;
	}
}

/* A pod whose victims are still ending waits for them instead of choosing more. */
static bool victims_are_ending(struct scheduler *s, const struct object *pod)
{
	const char *nominated = pod_of(pod)->status->nominated_node_name;
	struct node_info *node = str_empty(nominated) ? NULL : snapshot_node(s->snapshot, nominated);

	for (size_t i = 0; node && i < node->pods_len; i++) {
		if (node->pods[i]->object->meta->deletion_timestamp &&
		    pod_priority(node->pods[i]->pod) < pod_priority(pod_of(pod)))
			return true;
	}
	return false;
}

static void cannot_place(struct scheduler *s, struct arena *arena, const struct object *pod,
    const struct pod_info *info, const struct cycle_result *result)
{
	struct preemption preemption = {0};
	const char *message = result->message;

	s->unschedulable++;
	if (!victims_are_ending(s, pod)) {
		preemption_find(arena, s->snapshot, info, &s->caches, result, s->budgets, &preemption);
		if (preemption.node)
			evict_victims(s, pod, &preemption);
		else if (preemption.message && strcmp(message, "no nodes available to schedule pods") != 0)
			message = arena_printf(arena, "%s %s", message, preemption.message);
	}
	write_condition(s, pod, "Unschedulable", message, preemption.node ? preemption.node->name : NULL);
	event_record(s->daemon->events, pod, true, "FailedScheduling", "%s", message);
	queue_unschedulable(
	    s->queue, object_uid(pod), result->wakes_on | (preemption.node ? EVENT_POD_DELETE : 0));
}

static void schedule_one(struct scheduler *s, const struct object *pod)
{
	struct arena *arena = arena_new();
	struct pod_info *info = pod_info_new(pod);
	struct cycle_result result;

	cycle_run(arena, s->snapshot, info, &s->caches, &result);
	if (result.node) {
		const struct volumes_state *volumes = result.states[plugin_index(&plugin_volume_binding)];

		snapshot_assume(s->snapshot, pod, result.node->name);
		binder_bind(s->binder, pod, result.node->node, volumes);
	} else {
		cannot_place(s, arena, pod, info, &result);
	}
	pod_info_free(info);
	arena_free(arena);
}

static void on_bound(void *arg, const struct object *pod, const char *node, const struct error *err)
{
	struct scheduler *s = arg;
	char key[OBJECT_KEY_MAX];

	if (!err) {
		s->scheduled++;
		event_record(s->daemon->events, pod, false, "Scheduled", "Successfully assigned %s to %s",
		    object_key(pod, key), node);
		return;
	}
	snapshot_forget(s->snapshot, object_uid(pod));
	queue_event(s->queue, EVENT_POD_DELETE);
	if (error_is(err, ERR_NOT_FOUND)) { /* deleted meanwhile */
		queue_remove(s->queue, object_uid(pod));
		return;
	}
	s->errors++;
	log_warning("bind %s to %s: %s", object_key(pod, key), node, err->message);
	event_record(s->daemon->events, pod, true, "FailedScheduling", "%s", err->message);
	write_condition(s, pod, "SchedulerError", err->message, NULL);
	queue_retry(s->queue, object_uid(pod));
}
