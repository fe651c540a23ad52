/*
 * plan_run: executes one plan: group after group, the operations of a group side by side (64 at a time), its
 * events as it goes. Used by the controller runner; a daemon with a loop of its own (kubelet, proxy) may use
 * it too.
 */
#ifndef CUBE_CLIENT_PLAN_RUN_H
#define CUBE_CLIENT_PLAN_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct event_recorder;
struct object;
struct plan;
struct plan_op;
struct plan_run;
struct resource_type;
struct rest_client;

/* What the run has written, for whoever must not look at the world before the informers show it. */
struct plan_written {
	const struct resource_type *type;
	int64_t revision;      /* reach it; 0 for deletions, which name their object */
	const char *key, *uid; /* in the plan's arena */
};

struct plan_run_result {
	const struct error *error; /* the first failure, or NULL. Conflicts and AlreadyExists are
				      ERR_CONFLICT, ERR_ALREADY_EXISTS */
	const struct plan_written *written;
	size_t written_len;
};

/* How operations are sent: rest_send() of the client, or a fake in tests. One that calls done at once returns
 * NULL. */
struct plan_transport {
	void *(*send)(void *arg, const struct plan_op *op,
	    void (*done)(void *done_arg, const struct error *err, const struct object *obj /* or NULL */),
	    void *done_arg);
	void (*cancel)(void *arg, void *call);
	void *arg;
};
void plan_transport_rest(struct plan_transport *transport, struct rest_client *client);

/* Takes the plan over. done fires once; result is borrowed. When it fires within this call (an empty plan),
 * NULL is returned. component: of events. */
struct plan_run *plan_run_start(const struct plan_transport *transport, struct event_recorder *events,
    const char *component, struct plan *take_plan,
    void (*done)(void *arg, const struct plan_run_result *result), void *arg);
void plan_run_cancel(struct plan_run *run); /* done never fires; NULL is accepted */

#endif
