/*
 * fair: the queues and seats of one priority level. Requests of a flow go to the shortest queue of its hand;
 * seats that become free go to the queue whose head would finish first if every queue had been served at the
 * same rate ("fair queuing for server requests", enhancement proposal 1040). Pure: the caller passes the
 * time, and is called back when a request that waited may run.
 *
 * The meter R of virtual time counts the seat-seconds that each queue with something to do should have got. A
 * queue remembers the R at which its next request is due; dispatching a request moves that on by the work it
 * is expected to be, and its end corrects the guess.
 */
#ifndef CUBE_APISERVER_FLOWCONTROL_FAIR_H
#define CUBE_APISERVER_FLOWCONTROL_FAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "apiserver/flowcontrol/demand.h"

#define FAIR_EXEMPT (-1) /* queues of a level that never holds a request back */

struct fair_config {
	int queues;           /* 0: a request that finds no seat is refused; or FAIR_EXEMPT */
	int hand_size;        /* 1 .. SHARD_HAND_MAX, at most queues */
	int queue_length_max; /* requests that wait in one queue while no seat is free */
};

enum fair_state { FAIR_IDLE, FAIR_WAITING, FAIR_RUNNING, FAIR_OVER };

/* Embedded in the caller's request; the set links it while it waits or runs. */
struct fair_request {
	struct fair_request *next, *prev;
	enum fair_state state;
	int queue; /* index; -1: none */
	int seats;
	int64_t arrival_ns, start_ns;
	double arrival_r;
};

struct fair_list {
	struct fair_request *first, *last;
};

struct fair_queue {
	struct fair_list waiting;
	int waiting_len, seats_waiting, running_len, seats_in_use;
	double next_r; /* due R of the head */
	int backlog_prev,
	    backlog_next; /* index + 1 of the neighbours in the list of queues that wait; 0: none */
};

struct fair_set {
	struct fair_config config;
	int seats; /* the limit at present */
	struct fair_queue *queues;
	int queues_len; /* at least config.queues; more while removed queues run empty */
	int backlog;    /* index + 1 of the first queue in which requests wait */
	int waiting, running, seats_waiting, seats_in_use, active_queues;
	struct fair_list running_list;
	double r;
	int64_t last_ns;
	int robin;
	unsigned deals;
	struct seat_demand demand;
	void (*dispatch)(void *arg, struct fair_request *request);
	void *arg;
	struct fair_request *starting; /* dispatched by return value, not by callback */
};

/* dispatch is called for a request that waited and now runs. It must not call back into the set. */
void fair_init(struct fair_set *set, int64_t now_ns,
    void (*dispatch)(void *arg, struct fair_request *request), void *arg);
void fair_done(struct fair_set *set); /* requests that still wait or run are forgotten, not told */
/* May be called at any time: requests in queues that are no more wait there until it is their turn. */
void fair_configure(struct fair_set *set, const struct fair_config *config);
void fair_set_seats(struct fair_set *set, int seats, int64_t now_ns);

enum fair_verdict { FAIR_RUN, FAIR_WAIT, FAIR_QUEUE_FULL, FAIR_NO_SEAT };
/* seats: what the request takes, at least 1. hash: shard_hash() of its flow; unused without queues. */
enum fair_verdict fair_start(
    struct fair_set *set, struct fair_request *request, int seats, uint64_t hash, int64_t now_ns);
/* A request that runs has ended: its seats go to those that wait. */
void fair_finish(struct fair_set *set, struct fair_request *request, int64_t now_ns);
/* A request that waits gives up. */
void fair_cancel(struct fair_set *set, struct fair_request *request, int64_t now_ns);
static inline bool fair_is_idle(const struct fair_set *set)
{
	return set->waiting == 0 && set->running == 0;
}
/* Seat-seconds that a request of so many seats is expected to be. */
double fair_work(int seats);

#endif
