#include "lib/loop/loop.h"

#include "lib/base/footprint.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/loop/internal.h"

struct loop {
	uv_loop_t uv;
	const struct clock *clock;
	uv_idle_t idle;       /* active while ticks wait: the loop then does not sleep */
	uv_prepare_t prepare; /* fires timers on a clock that is not the system's */
	struct loop_link ticks, owned, timers;
	unsigned pass; /* of the fake timers */
	struct loop_children children;
	struct loop_timer *trim; /* loop_trim_later(); goes with the other timers when the loop does */
	char *scratch;
};

struct loop_timer {
	struct loop_owned owned;
	uv_timer_t uv;
	struct loop *loop;
	void (*fn)(void *arg);
	void *arg;
	/* On another clock than the system's: a place in loop->timers while active. */
	bool fake;
	struct loop_link link;
	int64_t due_ms, repeat_ms;
	unsigned pass;
};

struct loop_fd {
	struct loop_owned owned;
	uv_poll_t uv;
	void (*fn)(void *arg);
	void *arg;
};

struct signal_watch {
	struct loop_owned owned;
	uv_signal_t uv;
	void (*fn)(void *arg, int signum);
	void *arg;
};

struct work {
	uv_work_t uv;
	void (*work)(void *arg), (*done)(void *arg);
	void *arg;
};

#define container(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

void *loop_must(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

void loop_link_init(struct loop_link *head)
{
	head->prev = head->next = head;
}

void loop_link_append(struct loop_link *head, struct loop_link *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

void loop_link_remove(struct loop_link *link)
{
	if (!link->next)
		return;
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->prev = link->next = NULL;
}

bool loop_link_is_empty(const struct loop_link *head)
{
	return head->next == head;
}

static void run_ticks(uv_idle_t *idle)
{
	struct loop *loop = idle->data;
	struct loop_link batch;
	loop_link_init(&batch);
	/* Only what waits now: a tick that starts itself again must not starve the rest of the loop. */
	while (!loop_link_is_empty(&loop->ticks)) {
		struct loop_link *link = loop->ticks.next;
		loop_link_remove(link);
		loop_link_append(&batch, link);
	}
	while (!loop_link_is_empty(&batch)) {
		struct loop_tick *tick = container(batch.next, struct loop_tick, link);
		loop_link_remove(&tick->link);
		tick->fn(tick->arg);
	}
	if (loop_link_is_empty(&loop->ticks))
		uv_idle_stop(idle);
}

static void run_fake_timers(uv_prepare_t *prepare);

struct loop *loop_new(const struct clock *clock)
{
	struct loop *loop = loop_must(calloc(1, sizeof(*loop)));
	signal(SIGPIPE, SIG_IGN);
	loop->clock = clock ? clock : &clock_system;
	if (uv_loop_init(&loop->uv))
		loop_must(NULL);
	loop->uv.data = loop;
	loop_link_init(&loop->ticks);
	loop_link_init(&loop->owned);
	loop_link_init(&loop->timers);
	loop_link_init(&loop->children.ring);
	uv_idle_init(&loop->uv, &loop->idle);
	loop->idle.data = loop;
	uv_prepare_init(&loop->uv, &loop->prepare);
	loop->prepare.data = loop;
	return loop;
}

static void close_foreign(uv_handle_t *handle, void *arg)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void defer_free(void *arg);

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	/* What users deferred may point to what they freed already: it is dropped. */
	for (struct loop_link *link = loop->ticks.next, *next; link != &loop->ticks; link = next) {
		next = link->next;
		struct loop_tick *tick = container(link, struct loop_tick, link);
		if (tick->fn == defer_free) {
			loop_link_remove(link);
			free(tick->arg);
		}
	}
	process_forget_all(loop);
	/* Clients freed just before hold timers until their next tick: that comes before the timers are
	 * closed below. */
	run_ticks(&loop->idle);
	while (!loop_link_is_empty(&loop->owned)) {
		struct loop_owned *owned = container(loop->owned.next, struct loop_owned, link);
		loop_disown(owned);
		owned->close(owned);
	}
	/* What closes may start ticks of its own, and those close more. */
	do {
		run_ticks(&loop->idle);
		uv_run(&loop->uv, UV_RUN_NOWAIT);
	} while (!loop_link_is_empty(&loop->ticks));
	uv_walk(&loop->uv, close_foreign, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	int busy = uv_loop_close(&loop->uv);
	assert(!busy);
	(void)busy;
	free(loop->scratch);
	free(loop);
}

void loop_run(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

bool loop_poll(struct loop *loop)
{
	return uv_run(&loop->uv, UV_RUN_NOWAIT) != 0;
}

const struct clock *loop_clock(const struct loop *loop)
{
	return loop->clock;
}

int64_t loop_now_ms(const struct loop *loop)
{
	return clock_monotonic_ms(loop->clock);
}

void *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

char *loop_scratch(struct loop *loop)
{
	if (!loop->scratch)
		loop->scratch = loop_must(malloc(LOOP_SCRATCH_SIZE));
	return loop->scratch;
}

struct loop_children *loop_children(struct loop *loop)
{
	return &loop->children;
}

void loop_own(struct loop *loop, struct loop_owned *owned, void (*close)(void *owner))
{
	owned->close = close;
	loop_link_append(&loop->owned, &owned->link);
}

void loop_disown(struct loop_owned *owned)
{
	loop_link_remove(&owned->link);
}

/* Ticks */

void loop_tick_start(struct loop *loop, struct loop_tick *tick)
{
	if (tick->link.next)
		return;
	loop_link_append(&loop->ticks, &tick->link);
	if (!uv_is_active((uv_handle_t *)&loop->idle))
		uv_idle_start(&loop->idle, run_ticks);
}

void loop_tick_stop(struct loop_tick *tick)
{
	loop_link_remove(&tick->link);
}

struct deferred {
	struct loop_tick tick;
	void (*fn)(void *arg);
	void *arg;
};

static void defer_free(void *arg)
{
	struct deferred deferred = *(struct deferred *)arg;
	free(arg);
	deferred.fn(deferred.arg);
}

void loop_defer(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct deferred *deferred = loop_must(calloc(1, sizeof(*deferred)));
	deferred->tick.fn = defer_free;
	deferred->tick.arg = deferred;
	deferred->fn = fn;
	deferred->arg = arg;
	loop_tick_start(loop, &deferred->tick);
}

/* Timers */

static void on_timer(uv_timer_t *uv)
{
	struct loop_timer *timer = uv->data;
	timer->fn(timer->arg);
}

static void free_timer(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_timer(void *owner)
{
	struct loop_timer *timer = owner;
	loop_link_remove(&timer->link);
	/* loop_free() closes all timers, and only then do owners that end in a tick (HTTP clients) free
	 * theirs. */
	if (!uv_is_closing((uv_handle_t *)&timer->uv))
		uv_close((uv_handle_t *)&timer->uv, free_timer);
}

struct loop_timer *loop_timer_new_real(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct loop_timer *timer = loop_must(calloc(1, sizeof(*timer)));
	timer->loop = loop;
	timer->fn = fn;
	timer->arg = arg;
	uv_timer_init(&loop->uv, &timer->uv);
	timer->uv.data = timer;
	loop_own(loop, &timer->owned, close_timer);
	return timer;
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct loop_timer *timer = loop_timer_new_real(loop, fn, arg);
	timer->fake = loop->clock != &clock_system;
	return timer;
}

void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
	delay_ms = delay_ms > 0 ? delay_ms : 0;
	repeat_ms = repeat_ms > 0 ? repeat_ms : 0;
	if (timer->fake) {
		/* An active prepare handle also keeps the loop from ending while timers wait. */
		uv_prepare_start(&timer->loop->prepare, run_fake_timers);
		loop_link_remove(&timer->link);
		loop_link_append(&timer->loop->timers, &timer->link);
		timer->due_ms = loop_now_ms(timer->loop) + delay_ms;
		timer->repeat_ms = repeat_ms;
		timer->pass = timer->loop->pass;
		return;
	}
	/* libuv counts from the time it noted at the start of this turn. */
	uv_update_time(&timer->loop->uv);
	uv_timer_start(&timer->uv, on_timer, (uint64_t)delay_ms, (uint64_t)repeat_ms);
}

void loop_timer_stop(struct loop_timer *timer)
{
	loop_link_remove(&timer->link);
	uv_timer_stop(&timer->uv);
}

bool loop_timer_is_active(const struct loop_timer *timer)
{
	return timer->fake ? timer->link.next != NULL : uv_is_active((const uv_handle_t *)&timer->uv);
}

void loop_timer_free(struct loop_timer *timer)
{
	if (!timer)
		return;
	loop_disown(&timer->owned);
	close_timer(timer);
}

/* The earliest due timer that was not started in this very pass. */
static struct loop_timer *next_due(struct loop *loop, int64_t now)
{
	struct loop_timer *next = NULL;
	for (struct loop_link *link = loop->timers.next; link != &loop->timers; link = link->next) {
		struct loop_timer *timer = container(link, struct loop_timer, link);
		if (timer->pass != loop->pass && timer->due_ms <= now &&
		    (!next || timer->due_ms < next->due_ms))
			next = timer;
	}
	return next;
}

static void run_fake_timers(uv_prepare_t *prepare)
{
	struct loop *loop = prepare->data;
	int64_t now = loop_now_ms(loop);
	loop->pass++;
	for (struct loop_timer *timer; (timer = next_due(loop, now));) {
		loop_link_remove(&timer->link);
		if (timer->repeat_ms) {
			loop_link_append(&loop->timers, &timer->link);
			timer->due_ms = now + timer->repeat_ms;
			timer->pass = loop->pass;
		}
		timer->fn(timer->arg);
	}
	if (loop_link_is_empty(&loop->timers))
		uv_prepare_stop(prepare);
}

/* Signals */

static void on_signal(uv_signal_t *uv, int signum)
{
	struct signal_watch *watch = uv->data;
	watch->fn(watch->arg, signum);
}

static void free_signal(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_signal(void *owner)
{
	uv_close((uv_handle_t *)&((struct signal_watch *)owner)->uv, free_signal);
}

void loop_on_signal(struct loop *loop, int signum, void (*fn)(void *arg, int signum), void *arg)
{
	struct signal_watch *watch = loop_must(calloc(1, sizeof(*watch)));
	watch->fn = fn;
	watch->arg = arg;
	uv_signal_init(&loop->uv, &watch->uv);
	watch->uv.data = watch;
	uv_signal_start(&watch->uv, on_signal, signum);
	uv_unref((uv_handle_t *)&watch->uv);
	loop_own(loop, &watch->owned, close_signal);
}

/* Descriptors */

static void on_readable(uv_poll_t *uv, int status, int events)
{
	struct loop_fd *watch = uv->data;
	if (status < 0) /* libuv stops on a queued error (netlink's overflow), which reading clears */
		uv_poll_start(uv, UV_READABLE | UV_DISCONNECT, on_readable);
	watch->fn(watch->arg);
}

static void free_fd(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_fd(void *owner)
{
	struct loop_fd *watch = owner;
	uv_close((uv_handle_t *)&watch->uv, free_fd);
}

struct loop_fd *loop_fd_new(struct loop *loop, int fd, void (*fn)(void *arg), void *arg)
{
	struct loop_fd *watch = loop_must(calloc(1, sizeof(*watch)));
	watch->fn = fn;
	watch->arg = arg;
	int status = uv_poll_init(&loop->uv, &watch->uv, fd);
	assert(!status); /* a descriptor that can't be polled, or is watched already */
	(void)status;
	watch->uv.data = watch;
	uv_poll_start(&watch->uv, UV_READABLE | UV_DISCONNECT, on_readable);
	loop_own(loop, &watch->owned, close_fd);
	return watch;
}

void loop_fd_free(struct loop_fd *watch)
{
	if (!watch)
		return;
	loop_disown(&watch->owned);
	close_fd(watch);
}

/* Work */

static void on_work(uv_work_t *uv)
{
	struct work *work = uv->data;
	work->work(work->arg);
}

static void on_work_done(uv_work_t *uv, int status)
{
	struct work *work = uv->data;
	if (work->done)
		work->done(work->arg);
	free(work);
}

void loop_work(struct loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
	struct work *item = loop_must(calloc(1, sizeof(*item)));
	*item = (struct work){.work = work, .done = done, .arg = arg};
	item->uv.data = item;
	uv_queue_work(&loop->uv, &item->uv, on_work, on_work_done);
}

static void on_trim(void *arg)
{
	struct loop *loop = arg;
	footprint_trim();
	loop_timer_free(loop->trim);
	loop->trim = NULL;
}

void loop_trim_later(struct loop *loop)
{
	if (loop->trim)
		return;
	loop->trim = loop_timer_new(loop, on_trim, loop);
	loop_timer_start(loop->trim, FOOTPRINT_TRIM_AFTER_MS, 0);
}
