/*
 * backoff: upstream's flowcontrol back-off as a value: 10 s doubling to a maximum, forgotten after a quiet
 * time of twice the maximum. Pure: time is passed in, in milliseconds of the wall clock.
 */
#ifndef CUBE_KUBELET_BACKOFF_H
#define CUBE_KUBELET_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct backoff {
	int64_t delay_ms; /* 0: no entry */
	int64_t updated_ms;
};

#define BACKOFF_INITIAL_MS 10000
#define BACKOFF_MAX_MS 300000

/* Whether what failed at since_ms must still wait; *ret_until_ms (may be NULL) says until when. */
bool backoff_active(
    const struct backoff *b, int64_t since_ms, int64_t now_ms, int64_t max_ms, int64_t *ret_until_ms);
/* A new attempt starts: the next failure waits longer. */
void backoff_next(struct backoff *b, int64_t since_ms, int64_t now_ms, int64_t max_ms);
/* Like backoff_active with the last update as the event (image pulls). */
bool backoff_active_since_update(const struct backoff *b, int64_t now_ms, int64_t *ret_until_ms);

#endif
