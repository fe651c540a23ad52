#include "lib/client/workqueue.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

#define BACKOFF_BASE_MS 5
#define BACKOFF_MAX_MS 1000000
#define BUCKET_BURST 100.0
#define BUCKET_PER_MS 0.01 /* 10 a second */

/* What the queue knows of one key; forgotten when nothing of it is left. */
struct item {
	char *key;
	struct item *next; /* in the ready list */
	size_t heap_index; /* 1-based place in the heap of delayed items; 0: not there */
	int64_t due_ms;
	int failures;
	bool is_ready;      /* in the ready list */
	bool is_processing; /* taken, not done */
	bool is_dirty;      /* added while processing */
};

struct workqueue {
	struct loop *loop;
	struct strmap *items;
	struct item *ready_head, *ready_tail;
	size_t ready_len;
	struct item **heap; /* heap[0] unused; smallest due_ms first */
	size_t heap_len, heap_capacity;
	struct loop_timer *timer;
	double tokens;
	int64_t tokens_at_ms;
	void (*on_ready)(void *arg);
	void *arg;
	struct loop_timer *wake; /* zero-delay timer: unlike a deferred call it can be cancelled */
};

static void on_timer(void *arg);

struct workqueue *workqueue_new(struct loop *loop, void (*on_ready)(void *arg), void *arg)
{
	struct workqueue *queue = calloc(1, sizeof(*queue));
	if (!queue)
		abort();
	queue->loop = loop;
	queue->items = strmap_new();
	queue->timer = loop_timer_new(loop, on_timer, queue);
	queue->on_ready = on_ready;
	queue->arg = arg;
	queue->wake = loop_timer_new(loop, on_ready, arg);
	queue->tokens = BUCKET_BURST;
	queue->tokens_at_ms = loop_now_ms(loop);
	return queue;
}

static void item_free(void *arg)
{
	struct item *item = arg;
	free(item->key);
	free(item);
}

void workqueue_free(struct workqueue *queue)
{
	if (!queue)
		return;
	loop_timer_free(queue->timer);
	loop_timer_free(queue->wake);
	strmap_free(queue->items, item_free);
	free(queue->heap);
	free(queue);
}

static struct item *item_get(struct workqueue *queue, const char *key)
{
	struct item *item = strmap_get(queue->items, key);
	if (item)
		return item;
	item = calloc(1, sizeof(*item));
	if (!item || !(item->key = strdup(key)))
		abort();
	strmap_put(queue->items, key, item);
	return item;
}

static void item_forget_if_idle(struct workqueue *queue, struct item *item)
{
	if (item->is_ready || item->is_processing || item->is_dirty || item->heap_index || item->failures)
		return;
	strmap_remove(queue->items, item->key);
	item_free(item);
}

/* ---- the heap of delayed items ---- */

static void heap_place(struct workqueue *queue, size_t i, struct item *item)
{
	queue->heap[i] = item;
	item->heap_index = i;
}

static void heap_up(struct workqueue *queue, size_t i)
{
	struct item *item = queue->heap[i];
	for (; i > 1 && queue->heap[i / 2]->due_ms > item->due_ms; i /= 2)
		heap_place(queue, i, queue->heap[i / 2]);
	heap_place(queue, i, item);
}

static void heap_down(struct workqueue *queue, size_t i)
{
	struct item *item = queue->heap[i];
	for (size_t child; (child = i * 2) <= queue->heap_len; i = child) {
		if (child < queue->heap_len && queue->heap[child + 1]->due_ms < queue->heap[child]->due_ms)
			child++;
		if (queue->heap[child]->due_ms >= item->due_ms)
			break;
		heap_place(queue, i, queue->heap[child]);
	}
	heap_place(queue, i, item);
}

static void heap_push(struct workqueue *queue, struct item *item)
{
	if (queue->heap_len + 2 > queue->heap_capacity) {
		queue->heap_capacity = queue->heap_capacity ? queue->heap_capacity * 2 : 16;
		queue->heap = realloc(queue->heap, queue->heap_capacity * sizeof(*queue->heap));
		if (!queue->heap)
			abort();
	}
	heap_place(queue, ++queue->heap_len, item);
	heap_up(queue, queue->heap_len);
}

static struct item *heap_pop(struct workqueue *queue)
{
	struct item *top = queue->heap[1], *last = queue->heap[queue->heap_len--];
	top->heap_index = 0;
	if (top != last) {
		heap_place(queue, 1, last);
		heap_down(queue, 1);
	}
	return top;
}

static void arm(struct workqueue *queue)
{
	if (queue->heap_len == 0) {
		loop_timer_stop(queue->timer);
		return;
	}
	int64_t delay_ms = queue->heap[1]->due_ms - loop_now_ms(queue->loop);
	loop_timer_start(queue->timer, delay_ms > 0 ? delay_ms : 0, 0);
}

/* ---- adding ---- */

static void add_item(struct workqueue *queue, struct item *item)
{
	if (item->is_ready)
		return;
	if (item->is_processing) {
		item->is_dirty = true;
		return;
	}
	item->is_ready = true;
	item->next = NULL;
	if (queue->ready_tail)
		queue->ready_tail->next = item;
	else
		queue->ready_head = item;
	queue->ready_tail = item;
	if (queue->ready_len++ == 0)
		workqueue_wake(queue);
}

void workqueue_add(struct workqueue *queue, const char *key)
{
	add_item(queue, item_get(queue, key));
}

void workqueue_add_after(struct workqueue *queue, const char *key, int64_t delay_ms)
{
	if (delay_ms <= 0) {
		workqueue_add(queue, key);
		return;
	}
	struct item *item = item_get(queue, key);
	int64_t due_ms = loop_now_ms(queue->loop) + delay_ms;
	if (item->heap_index == 0) {
		item->due_ms = due_ms;
		heap_push(queue, item);
	} else if (due_ms < item->due_ms) {
		item->due_ms = due_ms;
		heap_up(queue, item->heap_index);
	} else {
		return;
	}
	if (item->heap_index == 1)
		arm(queue);
}

static void on_timer(void *arg)
{
	struct workqueue *queue = arg;
	int64_t now_ms = loop_now_ms(queue->loop);
	while (queue->heap_len > 0 && queue->heap[1]->due_ms <= now_ms)
		add_item(queue, heap_pop(queue));
	arm(queue);
}

/* The delay until the bucket, which all failing keys share, has a token for this one. */
static int64_t bucket_reserve(struct workqueue *queue)
{
	int64_t now_ms = loop_now_ms(queue->loop);
	queue->tokens += (double)(now_ms - queue->tokens_at_ms) * BUCKET_PER_MS;
	if (queue->tokens > BUCKET_BURST)
		queue->tokens = BUCKET_BURST;
	queue->tokens_at_ms = now_ms;
	queue->tokens -= 1;
	return queue->tokens >= 0 ? 0 : (int64_t)(-queue->tokens / BUCKET_PER_MS);
}

void workqueue_add_limited(struct workqueue *queue, const char *key)
{
	struct item *item = item_get(queue, key);
	int64_t delay_ms = BACKOFF_MAX_MS;
	if (item->failures < 18) /* 5 ms << 18 is beyond the maximum */
		delay_ms = (int64_t)BACKOFF_BASE_MS << item->failures;
	if (delay_ms > BACKOFF_MAX_MS)
		delay_ms = BACKOFF_MAX_MS;
	if (item->failures < 1000)
		item->failures++;
	int64_t bucket_ms = bucket_reserve(queue);
	workqueue_add_after(queue, key, bucket_ms > delay_ms ? bucket_ms : delay_ms);
}

void workqueue_forget(struct workqueue *queue, const char *key)
{
	struct item *item = strmap_get(queue->items, key);
	if (!item)
		return;
	item->failures = 0;
	item_forget_if_idle(queue, item);
}

int workqueue_failures(const struct workqueue *queue, const char *key)
{
	const struct item *item = strmap_get(queue->items, key);
	return item ? item->failures : 0;
}

/* ---- taking ---- */

const char *workqueue_take(struct workqueue *queue)
{
	struct item *item = queue->ready_head;
	if (!item)
		return NULL;
	queue->ready_head = item->next;
	if (!queue->ready_head)
		queue->ready_tail = NULL;
	queue->ready_len--;
	item->is_ready = false;
	item->is_processing = true;
	return item->key;
}

void workqueue_done(struct workqueue *queue, const char *key)
{
	struct item *item = strmap_get(queue->items, key);
	assert(item && item->is_processing);
	item->is_processing = false;
	if (item->is_dirty) {
		item->is_dirty = false;
		add_item(queue, item);
	}
	item_forget_if_idle(queue, item);
}

void workqueue_wake(struct workqueue *queue)
{
	if (queue->on_ready && queue->ready_len > 0 && !loop_timer_is_active(queue->wake))
		loop_timer_start(queue->wake, 0, 0);
}

size_t workqueue_len(const struct workqueue *queue)
{
	return queue->ready_len;
}
