/*
 * queue: pods that wait for a node, in three parts as upstream has them: active (by priority, then by age),
 * back-off (tried and failed, 1 s doubling to 10 s), and unschedulable (until an event in the cluster may
 * help, or 5 minutes have passed).
 */
#ifndef CUBE_SCHEDULER_QUEUE_H
#define CUBE_SCHEDULER_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct object;
struct queue;

/* on_ready fires (deferred) when there is an active pod to take. */
struct queue *queue_new(struct loop *loop, void (*on_ready)(void *arg), void *arg);
void queue_free(struct queue *queue);
/* A new or changed pending pod. A change of one that failed makes it active again, once its back-off is over.
 */
void queue_add(struct queue *queue, const struct object *pod);
void queue_remove(struct queue *queue, const char *uid);
/* The next pod to place, with a reference for the caller; NULL when none is active. It stays known until it
 * is removed. */
const struct object *queue_take(struct queue *queue);
/* The pod taken could not be placed; wakes_on: the events (plugin.h) that may help. Events since queue_take()
 * count. */
void queue_unschedulable(struct queue *queue, const char *uid, uint32_t wakes_on);
/* Placing failed for a reason that is no property of the cluster (an API error): back-off only. */
void queue_retry(struct queue *queue, const char *uid);
/* Something in the cluster changed: pods that were waiting for that are tried again. */
void queue_event(struct queue *queue, uint32_t events);
size_t queue_len(
    const struct queue *queue, size_t *ret_active, size_t *ret_backoff, size_t *ret_unschedulable);

#endif
