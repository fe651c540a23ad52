/*
 * controller: runs reconcile functions. A controller says which kinds it looks at and how a changed object
 * maps to keys; the runner keeps a work queue, calls reconcile(state, key, plan), executes the plan, and
 * holds a key back until the informers have seen every revision that its last plan wrote, so that reconcile
 * never acts on its own stale past.
 */
#ifndef CUBE_CLIENT_CONTROLLER_H
#define CUBE_CLIENT_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

struct clock;
struct controller_context;
struct controller_runner;
struct error;
struct event_recorder;
struct informer_set;
struct loop;
struct object;
struct plan;
struct resource_type;
struct rest_client;

struct controller_enqueue { /* what map functions call */
	void (*key)(struct controller_enqueue *enqueue, const char *key);
	void (*object)(struct controller_enqueue *enqueue, const struct object *obj); /* its key */
};

struct controller_watch {
	const struct resource_type *const *type;
	/* NULL: the object's own key. old or new_ may be NULL (added, deleted). */
	void (*map)(struct controller_context *ctx, const struct object *old, const struct object *new_,
	    struct controller_enqueue *enqueue);
};

struct controller {
	const char *name; /* "deployment": in logs, metrics and as event source "deployment-controller" */
	const char *event_component;
	const struct controller_watch *watches; /* ends with a NULL type */
	/* Indexes, private state and timers may be set up here, before the informers start. May be NULL. */
	void *(*init)(struct controller_context *ctx);
	void (*done)(void *state);
	/* Pure: reads ctx->informers, ctx->now, writes plan. */
	void (*reconcile)(struct controller_context *ctx, void *state, const char *key, struct plan *plan);
	int concurrency; /* keys under way at once; 0: 5 */
};

struct controller_context {
	struct informer_set *informers;
	const struct clock *clock;
	int64_t now_s; /* wall clock at the start of this reconcile */
	int64_t now_ms;
	/* Why the last plan of this key failed (conflicts do not count), or NULL: for conditions that tell of
	 * it. */
	const struct error *last_error;
	const void *options;              /* the daemon's flags; struct defined by the daemon */
	struct controller_runner *runner; /* NULL in unit tests */
};

/* Gets (and registers) the informer of a type: call in init; in reconcile use it to look things up. */
struct informer *controller_informer(struct controller_context *ctx, const struct resource_type *type);

struct controller_runner *controller_runner_new(struct loop *loop, struct rest_client *client,
    struct informer_set *informers, struct event_recorder *events, const void *options);
void controller_runner_add(struct controller_runner *runner, const struct controller *controller);
void controller_runner_start(
    struct controller_runner *runner); /* reconciles begin when all informers are synced */
void controller_runner_free(struct controller_runner *runner);
/* Adds a key from outside (timers). */
void controller_runner_enqueue(struct controller_runner *runner, const char *controller, const char *key);
/* Prometheus text of queue depths, reconcile counts and durations. */
struct buf;
void controller_runner_metrics(const struct controller_runner *runner, struct buf *out);

#endif
