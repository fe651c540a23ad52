#include "apiserver/flowcontrol/fair.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/flowcontrol/shard.h"

#define SERVICE_S 0.003 /* the first guess of how long a request takes */

double fair_work(int seats)
{
	return seats * SERVICE_S;
}

static void list_append(struct fair_list *list, struct fair_request *r)
{
	r->prev = list->last;
	r->next = NULL;
	if (list->last)
		list->last->next = r;
	else
		list->first = r;
	list->last = r;
}

static void list_remove(struct fair_list *list, struct fair_request *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		list->first = r->next;
	if (r->next)
		r->next->prev = r->prev;
	else
		list->last = r->prev;
	r->next = r->prev = NULL;
}

void fair_init(struct fair_set *set, int64_t now_ns,
    void (*dispatch)(void *arg, struct fair_request *request), void *arg)
{
	*set = (struct fair_set){.last_ns = now_ns, .dispatch = dispatch, .arg = arg};
	set->demand.since_ns = set->demand.last_ns = now_ns;
}

void fair_done(struct fair_set *set)
{
	free(set->queues);
	set->queues = NULL;
}

void fair_configure(struct fair_set *set, const struct fair_config *config)
{
	int wanted = config->queues > 0 ? config->queues : 0;

	set->config = *config;
	if (wanted > set->queues_len && !set->queues_len) {
		/* Not touched before it is used: many queues cost nothing while few are. */
		set->queues = calloc((size_t)wanted, sizeof(*set->queues));
	} else if (wanted > set->queues_len) {
		set->queues = realloc(set->queues, (size_t)wanted * sizeof(*set->queues));
		if (set->queues)
			memset(set->queues + set->queues_len, 0,
			    (size_t)(wanted - set->queues_len) * sizeof(*set->queues));
	}
	if (wanted > set->queues_len) {
		if (!set->queues)
			abort();
		set->queues_len = wanted;
	}
}

/* --- virtual time --- */

/* To be called before anything changes: what is now has been so since the last call. */
static void advance(struct fair_set *set, int64_t now_ns)
{
	double s = (double)(now_ns - set->last_ns) / 1e9;

	set->last_ns = now_ns;
	if (!set->active_queues) {
		set->r = 0; /* no queue remembers a time: begin anew, so that R stays exact */
		return;
	}
	int busy = set->seats_in_use + set->seats_waiting;
	set->r += s * (busy < set->seats ? busy : set->seats) / set->active_queues;
}

static void note_demand(struct fair_set *set, int64_t now_ns)
{
	seat_demand_set(&set->demand, set->seats_in_use + set->seats_waiting, now_ns);
}

/* A queue that could not use what was its due does not save it up: nothing is due before it came. */
static void forget_savings(struct fair_queue *q)
{
	if (q->waiting.first && q->next_r < q->waiting.first->arrival_r)
		q->next_r = q->waiting.first->arrival_r;
}

static void count_active(struct fair_set *set, const struct fair_queue *q, bool was_active)
{
	bool is_active = q->waiting_len > 0 || q->running_len > 0;
	set->active_queues += is_active - was_active;
}

/* --- the list of queues in which requests wait --- */

static void join_backlog(struct fair_set *set, int index)
{
	struct fair_queue *q = &set->queues[index];

	q->backlog_prev = 0;
	q->backlog_next = set->backlog;
	if (set->backlog)
		set->queues[set->backlog - 1].backlog_prev = index + 1;
	set->backlog = index + 1;
}

static void leave_backlog(struct fair_set *set, int index)
{
	struct fair_queue *q = &set->queues[index];

	if (q->backlog_prev)
		set->queues[q->backlog_prev - 1].backlog_next = q->backlog_next;
	else
		set->backlog = q->backlog_next;
	if (q->backlog_next)
		set->queues[q->backlog_next - 1].backlog_prev = q->backlog_prev;
}

/* --- queues --- */

/* The queue of the flow's hand with the least work in it. Whom a tie favours goes round. */
static int choose_queue(struct fair_set *set, uint64_t hash)
{
	int hand[SHARD_HAND_MAX], best = -1;
	int size = set->config.hand_size;

	shard_deal(hash, set->config.queues, size, hand);
	int from = (int)(set->deals++ % (unsigned)size);
	for (int i = 0; i < size; i++) {
		int index = hand[from + i < size ? from + i : from + i - size];
		if (best < 0 || set->queues[index].seats_waiting < set->queues[best].seats_waiting)
			best = index;
	}
	return best;
}

static void enqueue(struct fair_set *set, struct fair_request *r)
{
	struct fair_queue *q = &set->queues[r->queue];
	bool was_active = q->waiting_len > 0 || q->running_len > 0;

	if (!was_active)
		q->next_r = set->r;
	if (!q->waiting_len++)
		join_backlog(set, r->queue);
	list_append(&q->waiting, r);
	q->seats_waiting += r->seats;
	set->waiting++;
	set->seats_waiting += r->seats;
	r->state = FAIR_WAITING;
	count_active(set, q, was_active);
}

static void dequeue(struct fair_set *set, struct fair_request *r)
{
	struct fair_queue *q = &set->queues[r->queue];

	list_remove(&q->waiting, r);
	if (!--q->waiting_len)
		leave_backlog(set, r->queue);
	q->seats_waiting -= r->seats;
	set->waiting--;
	set->seats_waiting -= r->seats;
}

static void run(struct fair_set *set, struct fair_request *r, int64_t now_ns)
{
	r->state = FAIR_RUNNING;
	r->start_ns = now_ns;
	list_append(&set->running_list, r);
	set->running++;
	set->seats_in_use += r->seats;
	if (r->queue >= 0) {
		set->queues[r->queue].running_len++;
		set->queues[r->queue].seats_in_use += r->seats;
	}
}

/* A request wider than the whole level runs alone. */
static bool has_room(const struct fair_set *set, int seats)
{
	if (set->config.queues == FAIR_EXEMPT)
		return true;
	if (seats > set->seats)
		return set->running == 0;
	return set->seats_in_use + seats <= set->seats;
}

/* The queue whose head would be finished first; among equals the next one after the last that was served. */
static int next_queue(const struct fair_set *set)
{
	int best = -1, best_turn = 0;
	double best_r = 0;

	for (int i = set->backlog - 1; i >= 0; i = set->queues[i].backlog_next - 1) {
		const struct fair_queue *q = &set->queues[i];
		double r = q->next_r + fair_work(q->waiting.first->seats);
		int turn = i > set->robin ? i : i + set->queues_len;
		if (best < 0 || r < best_r || (r == best_r && turn < best_turn)) {
			best = i;
			best_r = r;
			best_turn = turn;
		}
	}
	return best;
}

static bool dispatch_one(struct fair_set *set, int64_t now_ns)
{
	int index = next_queue(set);
	struct fair_queue *q = &set->queues[index];
	struct fair_request *r = q->waiting.first;

	if (!has_room(set, r->seats))
		return false;
	set->robin = index;
	dequeue(set, r);
	run(set, r, now_ns);
	q->next_r += fair_work(r->seats);
	forget_savings(q);
	if (r != set->starting)
		set->dispatch(set->arg, r);
	return true;
}

static void dispatch_all(struct fair_set *set, int64_t now_ns)
{
	while (set->waiting > 0 && set->seats_in_use < set->seats && dispatch_one(set, now_ns))
		;
}

/* --- operations --- */

void fair_set_seats(struct fair_set *set, int seats, int64_t now_ns)
{
	advance(set, now_ns);
	set->seats = seats;
	dispatch_all(set, now_ns);
	note_demand(set, now_ns);
}

enum fair_verdict fair_start(
    struct fair_set *set, struct fair_request *r, int seats, uint64_t hash, int64_t now_ns)
{
	advance(set, now_ns);
	*r = (struct fair_request){
	    .queue = -1, .seats = seats, .arrival_ns = now_ns, .arrival_r = set->r, .state = FAIR_OVER};
	if (set->config.queues <= 0) {
		if (!has_room(set, seats))
			return FAIR_NO_SEAT;
		run(set, r, now_ns);
		note_demand(set, now_ns);
		return FAIR_RUN;
	}
	int index = choose_queue(set, hash);
	if (set->seats_in_use >= set->seats && set->queues[index].waiting_len >= set->config.queue_length_max)
		return FAIR_QUEUE_FULL;
	r->queue = index;
	enqueue(set, r);
	set->starting = r;
	dispatch_all(set, now_ns);
	set->starting = NULL;
	note_demand(set, now_ns);
	return r->state == FAIR_RUNNING ? FAIR_RUN : FAIR_WAIT;
}

void fair_finish(struct fair_set *set, struct fair_request *r, int64_t now_ns)
{
	assert(r->state == FAIR_RUNNING);
	advance(set, now_ns);
	r->state = FAIR_OVER;
	list_remove(&set->running_list, r);
	set->running--;
	set->seats_in_use -= r->seats;
	if (r->queue >= 0) {
		struct fair_queue *q = &set->queues[r->queue];
		double took_s = (double)(now_ns - r->start_ns) / 1e9;
		q->next_r -= r->seats * (SERVICE_S - took_s);
		q->running_len--;
		q->seats_in_use -= r->seats;
		forget_savings(q);
		count_active(set, q, true);
	}
	dispatch_all(set, now_ns);
	note_demand(set, now_ns);
}

void fair_cancel(struct fair_set *set, struct fair_request *r, int64_t now_ns)
{
	assert(r->state == FAIR_WAITING);
	advance(set, now_ns);
	struct fair_queue *q = &set->queues[r->queue];
	dequeue(set, r);
	r->state = FAIR_OVER;
	forget_savings(q);
	count_active(set, q, true);
	dispatch_all(set, now_ns); /* a wide head may have kept narrow ones from free seats */
	note_demand(set, now_ns);
}
