/*
 * loop: one libuv loop per daemon. Nothing here blocks; callbacks run on the loop's thread. An asynchronous
 * call returns a handle; its callback fires exactly once, or never after cancel. Raw libuv stays inside
 * lib/loop (and lib/http, which lends the loop to libwebsockets).
 */
#ifndef CUBE_LOOP_LOOP_H
#define CUBE_LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"

struct buf;
struct error;
struct loop;
struct loop_timer;

struct loop *loop_new(const struct clock *clock); /* NULL: clock_system */
void loop_free(struct loop *loop); /* closes what is left and runs until all close callbacks ran */
void loop_run(struct loop *loop);  /* until loop_stop() or nothing is left to wait for */
void loop_stop(struct loop *loop);
/* Runs what is ready without waiting; true if more remains. For tests. */
bool loop_poll(struct loop *loop);
const struct clock *loop_clock(const struct loop *loop);
int64_t loop_now_ms(const struct loop *loop); /* monotonic */
void *loop_uv(struct loop *loop);             /* the uv_loop_t, for lib/loop and lib/http only */

/* Runs fn(arg) on the next turn of the loop, before it waits again. */
void loop_defer(struct loop *loop, void (*fn)(void *arg), void *arg);

/* A place in a doubly linked ring; a ring's head is one too. */
struct loop_link {
	struct loop_link *prev, *next;
};

/* The same without an allocation, and with a way back: embedded in its owner, who sets fn and arg and stops
 * it before it goes. Started again from its own call, it fires on the turn behind that, and the loop looks at
 * its descriptors in between. */
struct loop_tick {
	struct loop_link link;
	void (*fn)(void *arg);
	void *arg;
};
void loop_tick_start(struct loop *loop, struct loop_tick *tick); /* again while queued: nothing happens */
void loop_tick_stop(struct loop_tick *tick);

/*
 * Timers. A stopped or one-shot timer may be started again; free is safe inside its own callback. On another
 * clock than the system's they follow that clock: advance it, then loop_poll(). Timeouts of processes,
 * streams and HTTP are real time always.
 */
struct loop_timer *loop_timer_new(struct loop *loop, void (*fn)(void *arg), void *arg);
void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms); /* repeat 0: one shot */
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_is_active(const struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* NULL is accepted */

/* Daemons: a few seconds from now, once, gives back the memory that only starting needed
 * (lib/base/footprint.h). */
void loop_trim_later(struct loop *loop);

/* Signals: SIGTERM and SIGINT are caught once with this by every daemon; SIGPIPE is ignored by loop_new(). */
void loop_on_signal(struct loop *loop, int signum, void (*fn)(void *arg, int signum), void *arg);

/* Readiness of a foreign descriptor (inotify, netlink). */
struct loop_fd;
struct loop_fd *loop_fd_new(struct loop *loop, int fd, void (*fn)(void *arg), void *arg); /* readable */
void loop_fd_free(struct loop_fd *watch); /* does not close fd */

/* Blocking work on libuv's thread pool; done runs on the loop. Work must not touch loop objects. */
void loop_work(struct loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg);

#endif
