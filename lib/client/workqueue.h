/*
 * workqueue: keys to work on. A key is in the queue at most once; one that is added while it is worked on
 * comes again after workqueue_done(). Failures come back with back-off: 5 ms doubling to 1000 s for each key,
 * and at most 10/s with a burst of 100 over all failing keys (upstream's default controller rate limiter).
 */
#ifndef CUBE_CLIENT_WORKQUEUE_H
#define CUBE_CLIENT_WORKQUEUE_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct workqueue;

/* on_ready fires (deferred, once) when the queue turned non-empty. */
struct workqueue *workqueue_new(struct loop *loop, void (*on_ready)(void *arg), void *arg);
void workqueue_free(struct workqueue *queue);
void workqueue_add(struct workqueue *queue, const char *key);
void workqueue_add_after(
    struct workqueue *queue, const char *key, int64_t delay_ms);      /* keeps the earlier of two times */
void workqueue_add_limited(struct workqueue *queue, const char *key); /* after a failure */
void workqueue_forget(struct workqueue *queue, const char *key); /* after a success: back-off starts anew */
int workqueue_failures(const struct workqueue *queue, const char *key);
/* Takes the next key, or returns NULL; the string is valid until workqueue_done(). */
const char *workqueue_take(struct workqueue *queue);
void workqueue_done(struct workqueue *queue, const char *key);
void workqueue_wake(
    struct workqueue *queue); /* on_ready fires once more on the next turn, if keys wait then */
size_t workqueue_len(const struct workqueue *queue);

#endif
