#include "scheduler/queue.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"
#include "scheduler/plugin.h"

enum { BACKOFF_FIRST_MS = 1000, BACKOFF_MAX_MS = 10000, UNSCHEDULABLE_MAX_MS = 300000 };

enum place { IN_FLIGHT, ACTIVE, BACKOFF, WAITING };

struct queued {
	const struct object *pod;
	enum place place;
	size_t index; /* in its heap */
	int attempts;
	int64_t added_ms;    /* of the first time: age within a priority */
	int64_t retry_at_ms; /* back-off ends */
	int64_t waiting_since_ms;
	uint32_t wakes_on;
	uint32_t missed; /* events while it was in flight */
};

struct heap {
	struct queued **items;
	size_t len, capacity;
	bool (*before)(const struct queued *a, const struct queued *b);
};

struct queue {
	struct loop *loop;
	void (*on_ready)(void *arg);
	void *arg;
	struct strmap *pods; /* uid -> struct queued */
	struct heap active, backoff;
	size_t waiting_len;
	struct loop_timer *timer; /* end of the nearest back-off or of the longest wait */
	bool announced;
};

static void heap_push(struct heap *heap, struct queued *item);
static void heap_remove(struct heap *heap, struct queued *item);
static void make_active(struct queue *q, struct queued *item);
static void wake(struct queue *q, struct queued *item);
static void on_timer(void *arg);
static void arm(struct queue *q);
static void leave(struct queue *q, struct queued *item);

static bool more_urgent(const struct queued *a, const struct queued *b)
{
	int32_t pa = pod_priority((const CoreV1__Pod *)a->pod->msg),
		pb = pod_priority((const CoreV1__Pod *)b->pod->msg);

	return pa != pb ? pa > pb : a->added_ms < b->added_ms;
}

static bool sooner(const struct queued *a, const struct queued *b)
{
	return a->retry_at_ms < b->retry_at_ms;
}

struct queue *queue_new(struct loop *loop, void (*on_ready)(void *arg), void *arg)
{
	struct queue *q = calloc(1, sizeof *q);

	q->loop = loop;
	q->on_ready = on_ready;
	q->arg = arg;
	q->pods = strmap_new();
	q->active.before = more_urgent;
	q->backoff.before = sooner;
	q->timer = loop_timer_new(loop, on_timer, q);
	return q;
}

static void queued_free(void *arg)
{
	struct queued *item = arg;

	object_unref(item->pod);
	free(item);
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	loop_timer_free(q->timer);
	strmap_free(q->pods, queued_free);
	free(q->active.items);
	free(q->backoff.items);
	free(q);
}

void queue_add(struct queue *q, const struct object *pod)
{
	struct queued *item = strmap_get(q->pods, object_uid(pod));

	if (!item) {
		item = calloc(1, sizeof *item);
		item->pod = object_ref(pod);
		item->added_ms = loop_now_ms(q->loop);
		strmap_put(q->pods, object_uid(pod), item);
		make_active(q, item);
		return;
	}
	object_unref(item->pod);
	item->pod = object_ref(pod);
	if (item->place == WAITING)
		wake(q, item);
	else if (item->place == IN_FLIGHT)
		item->missed |= EVENT_ANY;
}

void queue_remove(struct queue *q, const char *uid)
{
	struct queued *item = strmap_remove(q->pods, uid);

	if (!item)
		return;
	leave(q, item);
	queued_free(item);
	arm(q);
}

const struct object *queue_take(struct queue *q)
{
	struct queued *item = q->active.len ? q->active.items[0] : NULL;

	if (!item)
		return NULL;
	leave(q, item);
	item->place = IN_FLIGHT;
	item->attempts++;
	item->missed = 0;
	return object_ref(item->pod);
}

static void set_backoff(struct queue *q, struct queued *item)
{
	int64_t delay = BACKOFF_FIRST_MS;

	for (int i = 1; i < item->attempts && delay < BACKOFF_MAX_MS; i++)
		delay *= 2;
	item->retry_at_ms = loop_now_ms(q->loop) + (delay < BACKOFF_MAX_MS ? delay : BACKOFF_MAX_MS);
}

void queue_unschedulable(struct queue *q, const char *uid, uint32_t wakes_on)
{
	struct queued *item = strmap_get(q->pods, uid);

	if (!item || item->place != IN_FLIGHT)
		return;
	set_backoff(q, item);
	item->wakes_on = wakes_on;
	item->place = WAITING;
	item->waiting_since_ms = loop_now_ms(q->loop);
	q->waiting_len++;
	if (item->missed & wakes_on)
		wake(q, item);
	arm(q);
}

void queue_retry(struct queue *q, const char *uid)
{
	struct queued *item = strmap_get(q->pods, uid);

	if (!item || item->place != IN_FLIGHT)
		return;
	set_backoff(q, item);
	item->place = BACKOFF;
	heap_push(&q->backoff, item);
	arm(q);
}

void queue_event(struct queue *q, uint32_t events)
{
	strmap_for_each (q->pods, e) {
		struct queued *item = strmap_value(e);

		if (item->place == IN_FLIGHT)
			item->missed |= events;
		else if (item->place == WAITING && item->wakes_on & events)
			wake(q, item);
	}
	arm(q);
}

size_t queue_len(const struct queue *q, size_t *ret_active, size_t *ret_backoff, size_t *ret_unschedulable)
{
	*ret_active = q->active.len;
	*ret_backoff = q->backoff.len;
	*ret_unschedulable = q->waiting_len;
	return strmap_len(q->pods);
}

static void announce(void *arg)
{
	struct queue *q = arg;

	q->announced = false;
	q->on_ready(q->arg);
}

static void make_active(struct queue *q, struct queued *item)
{
	item->place = ACTIVE;
	heap_push(&q->active, item);
	if (!q->announced) {
		q->announced = true;
		loop_defer(q->loop, announce, q);
	}
}

/* Out of the unschedulable part: to back-off while that lasts, else active. */
static void wake(struct queue *q, struct queued *item)
{
	q->waiting_len--;
	if (item->retry_at_ms <= loop_now_ms(q->loop)) {
		make_active(q, item);
		return;
	}
	item->place = BACKOFF;
	heap_push(&q->backoff, item);
	arm(q);
}

static void leave(struct queue *q, struct queued *item)
{
	if (item->place == ACTIVE)
		heap_remove(&q->active, item);
	else if (item->place == BACKOFF)
		heap_remove(&q->backoff, item);
	else if (item->place == WAITING)
		q->waiting_len--;
	item->place = IN_FLIGHT;
}

static void on_timer(void *arg)
{
	struct queue *q = arg;
	int64_t now = loop_now_ms(q->loop);

	while (q->backoff.len && q->backoff.items[0]->retry_at_ms <= now) {
		struct queued *item = q->backoff.items[0];

		heap_remove(&q->backoff, item);
		make_active(q, item);
	}
	strmap_for_each (q->pods, e) {
		struct queued *item = strmap_value(e);

		if (item->place == WAITING && now - item->waiting_since_ms >= UNSCHEDULABLE_MAX_MS)
			wake(q, item);
	}
	arm(q);
}

/* No timer runs while nothing waits. */
static void arm(struct queue *q)
{
	int64_t now = loop_now_ms(q->loop),
		next = q->waiting_len ? now + UNSCHEDULABLE_MAX_MS / 10 : INT64_MAX;

	if (q->backoff.len && q->backoff.items[0]->retry_at_ms < next)
		next = q->backoff.items[0]->retry_at_ms;
	if (next == INT64_MAX)
		loop_timer_stop(q->timer);
	else
		loop_timer_start(q->timer, next > now ? next - now : 0, 0);
}

static void heap_swap(struct heap *heap, size_t a, size_t b)
{
	struct queued *item = heap->items[a];

	heap->items[a] = heap->items[b];
	heap->items[b] = item;
	heap->items[a]->index = a;
	heap->items[b]->index = b;
}

static void heap_up(struct heap *heap, size_t i)
{
	for (; i > 0 && heap->before(heap->items[i], heap->items[(i - 1) / 2]); i = (i - 1) / 2)
		heap_swap(heap, i, (i - 1) / 2);
}

static void heap_down(struct heap *heap, size_t i)
{
	for (;;) {
		size_t best = i, left = 2 * i + 1;

		for (size_t child = left; child < left + 2 && child < heap->len; child++) {
			if (heap->before(heap->items[child], heap->items[best]))
				best = child;
		}
		if (best == i)
			return;
		heap_swap(heap, i, best);
		i = best;
	}
}

static void heap_push(struct heap *heap, struct queued *item)
{
	if (heap->len == heap->capacity) {
		heap->capacity = heap->capacity ? heap->capacity * 2 : 16;
		heap->items = realloc(heap->items, heap->capacity * sizeof *heap->items);
	}
	item->index = heap->len;
	heap->items[heap->len++] = item;
	heap_up(heap, item->index);
}

static void heap_remove(struct heap *heap, struct queued *item)
{
	size_t i = item->index;

	heap_swap(heap, i, --heap->len);
	if (i < heap->len) {
		heap_up(heap, i);
		heap_down(heap, heap->items[i]->index > i ? heap->items[i]->index : i);
	}
}
