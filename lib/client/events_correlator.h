/*
 * events_correlator: decides what becomes of an event, as upstream's recorder does. Pure: time is passed in.
 *
 * More than 10 different messages of one reason about one object within 10 minutes become one Event
 * "(combined from similar events): ..."; an Event equal to an earlier one raises that one's count; and each
 * (source, object) has a token bucket of 25, refilled by one in 5 minutes, beyond which events are dropped.
 */
#ifndef CUBE_CLIENT_EVENTS_CORRELATOR_H
#define CUBE_CLIENT_EVENTS_CORRELATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/core_v1.pb-c.h"

struct arena;
struct events_correlator;

struct events_correlator *events_correlator_new(void);
void events_correlator_free(struct events_correlator *correlator); /* NULL is accepted */

struct events_decision {
	bool is_dropped;  /* over the limit */
	bool is_repeat;   /* patch the Event `name` with count, last timestamp and message; else create it */
	const char *name; /* valid until the next call; of the event to create, the one it came with */
	const char *message; /* in the arena or the event */
	int32_t count;
	int64_t first_ns; /* when the Event that is patched was first seen */
};

/* `event` is complete: name, namespace, involved object, source, reason, message, type. */
struct events_decision events_correlate(
    struct events_correlator *correlator, struct arena *arena, const CoreV1__Event *event, int64_t now_ns);
/* The Event that was to be patched is gone (they live an hour): it is counted from one again, under this
 * name. */
void events_correlator_recreated(
    struct events_correlator *correlator, struct arena *arena, const CoreV1__Event *event, int64_t now_ns);

#endif
