#include "lib/client/events_correlator.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"

#define NS_PER_S 1000000000LL
#define SIMILAR_MAX 10 /* distinct messages before they are combined */
#define SIMILAR_WINDOW_S 600
#define SPAM_BURST 25.0
#define SPAM_REFILL_S 300.0 /* one token in that time */
#define CACHE_MAX 4096      /* entries of each kind; the longest unused goes first */

struct spam { /* by source and object */
	double tokens;
	int64_t at_ns;
};

struct similar { /* by source, object, type and reason */
	struct strmap *messages;
	int64_t at_ns;
};

struct seen { /* by everything that makes two events equal */
	char *name;
	int32_t count;
	int64_t first_ns;
};

struct events_correlator {
	struct strmap *spam, *similar, *seen;
};

static void similar_free(void *arg)
{
	struct similar *similar = arg;
	strmap_free(similar->messages, NULL);
	free(similar);
}

static void seen_free(void *arg)
{
	struct seen *seen = arg;
	free(seen->name);
	free(seen);
}

static void *zalloc(size_t size)
{
	void *p = calloc(1, size);
	if (!p)
		abort();
	return p;
}

struct events_correlator *events_correlator_new(void)
{
	struct events_correlator *correlator = zalloc(sizeof(*correlator));
	correlator->spam = strmap_new();
	correlator->similar = strmap_new();
	correlator->seen = strmap_new();
	return correlator;
}

void events_correlator_free(struct events_correlator *correlator)
{
	if (!correlator)
		return;
	strmap_free(correlator->spam, free);
	strmap_free(correlator->similar, similar_free);
	strmap_free(correlator->seen, seen_free);
	free(correlator);
}

/* The value of a key, made (zeroed) when new; it becomes the most recently used. *ret_new tells which. */
static void *cache_get(
    struct strmap *map, const char *key, size_t size, void (*free_value)(void *value), bool *ret_new)
{
	void *value = strmap_remove(map, key);
	*ret_new = value == NULL;
	if (!value) {
		value = zalloc(size);
		if (strmap_len(map) >= CACHE_MAX) {
			struct strmap_entry *oldest = strmap_first(map);
			void *old = strmap_value(oldest);
			strmap_remove(map, strmap_key(oldest));
			free_value(old);
		}
	}
	strmap_put(map, key, value);
	return value;
}

static const char *object_part(struct arena *arena, const CoreV1__Event *event)
{
	const CoreV1__ObjectReference *about = event->involved_object;
	return arena_printf(arena, "%s\x1f%s\x1f%s\x1f%s\x1f%s\x1f%s\x1f%s", event->source->component,
	    event->source->host, about->kind, about->namespace_, about->name, about->uid, about->api_version);
}

static bool take_token(struct events_correlator *correlator, const char *key, int64_t now_ns)
{
	bool is_new;
	struct spam *spam = cache_get(correlator->spam, key, sizeof(*spam), free, &is_new);
	if (is_new)
		spam->tokens = SPAM_BURST;
	else
		spam->tokens += (double)(now_ns - spam->at_ns) / (double)NS_PER_S / SPAM_REFILL_S;
	if (spam->tokens > SPAM_BURST)
		spam->tokens = SPAM_BURST;
	spam->at_ns = now_ns;
	if (spam->tokens < 1)
		return false;
	spam->tokens -= 1;
	return true;
}

/* Whether so many different messages came that they are combined from now on. */
static bool must_combine(
    struct events_correlator *correlator, const char *key, const char *message, int64_t now_ns)
{
	bool is_new;
	struct similar *similar =
	    cache_get(correlator->similar, key, sizeof(*similar), similar_free, &is_new);
	if (is_new || now_ns - similar->at_ns > SIMILAR_WINDOW_S * NS_PER_S) {
		strmap_free(similar->messages, NULL);
		similar->messages = strmap_new();
	}
	similar->at_ns = now_ns;
	strmap_put(similar->messages, message, similar);
	if (strmap_len(similar->messages) < SIMILAR_MAX)
		return false;
	strmap_remove(similar->messages, strmap_key(strmap_first(similar->messages)));
	return true;
}

/* Equal events share this; combined ones share it whatever their message. */
static const char *seen_key(struct arena *arena, const CoreV1__Event *event, const char *message)
{
	return arena_printf(arena, "%s\x1f%s\x1f%s\x1f%s\x1f%s", object_part(arena, event),
	    event->involved_object->field_path, event->type, event->reason, message);
}

static const char *similar_key(struct arena *arena, const CoreV1__Event *event)
{
	return arena_printf(arena, "%s\x1f%s\x1f%s", object_part(arena, event), event->type, event->reason);
}

struct events_decision events_correlate(
    struct events_correlator *correlator, struct arena *arena, const CoreV1__Event *event, int64_t now_ns)
{
	struct events_decision decision = {.message = event->message};
	const char *key;
	if (must_combine(correlator, similar_key(arena, event), event->message, now_ns)) {
		decision.message = arena_printf(arena, "(combined from similar events): %s", event->message);
		key = similar_key(arena, event);
	} else {
		key = seen_key(arena, event, event->message);
	}
	bool is_new;
	struct seen *seen = cache_get(correlator->seen, key, sizeof(*seen), seen_free, &is_new);
	if (is_new) {
		seen->name = strdup(event->metadata->name);
		seen->first_ns = now_ns;
	}
	seen->count++;
	decision.is_repeat = !is_new;
	decision.name = seen->name;
	decision.count = seen->count;
	decision.first_ns = seen->first_ns;
	decision.is_dropped = !take_token(correlator, object_part(arena, event), now_ns);
	return decision;
}

void events_correlator_recreated(
    struct events_correlator *correlator, struct arena *arena, const CoreV1__Event *event, int64_t now_ns)
{
	bool is_combined = str_has_prefix(event->message, "(combined from similar events): ");
	const char *key = is_combined ? similar_key(arena, event) : seen_key(arena, event, event->message);
	struct seen *seen = strmap_get(correlator->seen, key);
	if (!seen)
		return;
	free(seen->name);
	seen->name = strdup(event->metadata->name);
	seen->first_ns = now_ns;
}
