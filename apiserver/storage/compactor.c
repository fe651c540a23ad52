#include "apiserver/storage/compactor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/storage/storage.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/loop/loop.h"

#define COMPACT_KEY "compact_rev_key"

struct compactor {
	struct loop *loop;
	struct storage *storage;
	struct loop_timer *timer;
	struct storage_op *op;
	int64_t key_revision;  /* at which the key was last seen */
	int64_t seen_revision; /* of the store at that time: what may be compacted next */
	int64_t compacted;
};

static void on_compacted(void *arg, const struct storage_result *result)
{
	struct compactor *c = arg;
	c->op = NULL;
	if (result->error && result->error->code != ERR_EXPIRED)
		log_warning("compaction at %" PRId64 ": %s", c->compacted, result->error->message);
}

static void on_key_read(void *arg, const struct storage_result *result)
{
	struct compactor *c = arg;
	c->op = NULL;
	if (result->error)
		return;
	c->key_revision = result->items_len ? result->items[0].revision : 0;
	c->seen_revision = result->revision;
}

static void on_key_written(void *arg, const struct storage_result *result)
{
	struct compactor *c = arg;
	const struct storage_functions *f = c->storage->functions;
	c->op = NULL;
	if (result->error)
		return;
	if (!result->succeeded) {
		c->op = f->get(c->storage, COMPACT_KEY, on_key_read, c); /* somebody else's round */
		return;
	}
	int64_t target = c->seen_revision;
	c->key_revision = result->revision;
	c->seen_revision = result->revision;
	if (target <= c->compacted)
		return;
	c->compacted = target;
	c->op = f->compact(c->storage, target, on_compacted, c);
}

static void on_revision(void *arg, const struct storage_result *result)
{
	struct compactor *c = arg;
	char text[32];
	c->op = NULL;
	if (!result->error && result->revision < c->seen_revision) { /* its data was replaced */
		c->compacted = 0;
		c->op = c->storage->functions->get(c->storage, COMPACT_KEY, on_key_read, c);
		return;
	}
	/* Nothing was written since but the key itself: there is nothing to drop, and nothing to write. */
	if (result->error || (c->seen_revision && result->revision <= c->seen_revision))
		return;
	int n = snprintf(text, sizeof text, "%" PRId64, c->seen_revision);
	c->op = c->storage->functions->put_if(
	    c->storage, COMPACT_KEY, c->key_revision, text, (size_t)n, 0, on_key_written, c);
}

static void on_timer(void *arg)
{
	struct compactor *c = arg;
	if (!c->op)
		c->op = c->storage->functions->revision(c->storage, on_revision, c);
}

struct compactor *compactor_start(struct loop *loop, struct storage *storage, int64_t interval_ms)
{
	if (interval_ms <= 0)
		return NULL;
	struct compactor *c = calloc(1, sizeof *c);
	if (!c)
		abort();
	c->loop = loop;
	c->storage = storage;
	c->op = storage->functions->get(storage, COMPACT_KEY, on_key_read, c);
	c->timer = loop_timer_new(loop, on_timer, c);
	loop_timer_start(c->timer, interval_ms, interval_ms);
	return c;
}

void compactor_free(struct compactor *compactor)
{
	if (!compactor)
		return;
	storage_cancel(compactor->storage, compactor->op);
	loop_timer_free(compactor->timer);
	free(compactor);
}
