#include "apiserver/registry/range.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/storage/storage.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "proto/core_v1.pb-c.h"

struct range {
	struct storage *storage;
	char *key, *text;
	struct storage_op *op;
	struct loop_timer *turn; /* looks at the queue on the loop's next turn */
	/* what is stored, as far as we know */
	bool is_loaded;
	int64_t revision; /* 0: nothing is stored */
	struct object *stored;
	struct bitmap map;
	/* the round that is under way */
	struct bitmap next;
	bool is_fresh;                           /* read from the store within this round */
	struct range_change *running;            /* in the order in which they came */
	struct range_change *queue, **queue_end; /* not looked at yet */
	/* repair */
	bool is_held;
	range_loaded_fn *loaded;
	range_replaced_fn *replaced;
	void *repair_arg;
	struct bitmap replacement;
	void (*on_missing)(void *arg);
	void *on_missing_arg;
};

static void run_round(struct range *r);
static void on_turn(void *arg);
static void free_gifts(struct range_change *changes);
static storage_done_fn on_hold_read;

struct range *range_new(struct loop *loop, struct storage *storage, const char *key, const char *text,
    uint32_t size, uint32_t reserved)
{
	struct range *r = calloc(1, sizeof *r);
	if (!r || !(r->key = strdup(key)) || !(r->text = strdup(text)))
		abort();
	r->storage = storage;
	r->turn = loop_timer_new(loop, on_turn, r);
	r->queue_end = &r->queue;
	r->is_held = true;
	bitmap_init(&r->map, size, reserved);
	bitmap_init(&r->next, size, reserved);
	bitmap_init(&r->replacement, size, reserved);
	return r;
}

void range_free(struct range *range)
{
	if (!range)
		return;
	loop_timer_free(range->turn);
	storage_cancel(range->storage, range->op);
	free_gifts(range->running);
	free_gifts(range->queue);
	object_unref(range->stored);
	bitmap_done(&range->map);
	bitmap_done(&range->next);
	bitmap_done(&range->replacement);
	free(range->key);
	free(range->text);
	free(range);
}

const char *range_text(const struct range *range)
{
	return range->text;
}

void range_on_missing(struct range *range, void (*fn)(void *arg), void *arg)
{
	range->on_missing = fn;
	range->on_missing_arg = arg;
}

/* --- what is stored --- */

static const CoreV1__RangeAllocation *message_of(const struct object *stored)
{
	return (const CoreV1__RangeAllocation *)stored->msg;
}

/* Takes over what a read has found. A value that cannot be read counts as an error, not as an empty range. */
static int accept_read(struct range *r, const struct storage_result *result, struct error *err)
{
	object_unref(r->stored);
	r->stored = NULL;
	r->is_loaded = false;
	r->revision = 0;
	if (result->items_len) {
		const struct storage_item *item = &result->items[0];
		if (object_decode(item->value, item->value_size, &r->stored, err)) {
			err->code = ERR_INTERNAL; /* it is not the client's text */
			return error_prefix(err, "%s", r->key);
		}
		if (!r->stored->msg || r->stored->msg->descriptor != &core_v1__range_allocation__descriptor) {
			object_unref(r->stored);
			r->stored = NULL;
			return error_set(
			    err, ERR_INTERNAL, "%s holds no RangeAllocation: remove the key", r->key);
		}
		r->revision = item->revision;
		const CoreV1__RangeAllocation *m = message_of(r->stored);
		bitmap_read(&r->map, m->data.data, m->data.len);
	}
	r->is_loaded = true;
	return 0;
}

static void write_map(struct range *r, const struct bitmap *map, storage_done_fn *done)
{
	struct object *obj =
	    r->stored ? object_clone(r->stored) : object_new(schema_by_gvk("", "v1", "RangeAllocation"));
	CoreV1__RangeAllocation *m = (CoreV1__RangeAllocation *)obj->msg;
	struct buf bytes = BUF_INIT, value = BUF_INIT;
	bitmap_write(map, &bytes);
	m->range = arena_strdup(obj->arena, r->text);
	m->has_data = true;
	m->data.len = bytes.size;
	m->data.data = arena_alloc(obj->arena, bytes.size + 1);
	memcpy(m->data.data, buf_str(&bytes), bytes.size);
	object_encode_stored(&value, obj);
	object_unref(r->stored);
	r->stored = obj;
	r->op = r->storage->functions->put_if(
	    r->storage, r->key, r->revision, value.data, value.size, 0, done, r);
	buf_done(&bytes);
	buf_done(&value);
}

/* After a write: true when it was done and `map` is what is stored now. */
static bool accept_write(struct range *r, const struct bitmap *map, const struct storage_result *result)
{
	r->is_loaded = !result->error && result->succeeded;
	if (!r->is_loaded)
		return false;
	r->revision = result->revision;
	bitmap_copy(&r->map, map);
	return true;
}

/* --- rounds of changes --- */

static bool take(struct bitmap *map, struct range_change *c, size_t i)
{
	int64_t at = c->takes[i] == RANGE_ANY ? bitmap_find_free(map) : c->takes[i];
	bool is_free = at != BITMAP_FULL && !bitmap_has(map, (uint32_t)at);
	c->has_adopted = c->has_adopted || (!is_free && at != BITMAP_FULL && c->is_adopting && i == 0);
	if (!is_free && !(i == 0 && c->has_adopted))
		return false;
	bitmap_set(map, (uint32_t)at, true);
	c->taken[i] = at;
	return true;
}

/* False when a number cannot be had; then nothing that the change asked for is taken in `map`. */
static bool apply(struct bitmap *map, struct range_change *c)
{
	c->refused = RANGE_NONE;
	c->has_adopted = false;
	for (size_t i = 0; i < c->gives_len; i++)
		bitmap_set(map, (uint32_t)c->gives[i], false);
	for (size_t i = 0; i < c->takes_len; i++)
		c->taken[i] = RANGE_NONE;
	/* Numbers that are asked for by name first: none of them may be given away as "any". */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < c->takes_len && c->refused == RANGE_NONE; i++)
			if ((c->takes[i] == RANGE_ANY) == (pass == 1) && !take(map, c, i))
				c->refused = (int64_t)i;
	if (c->refused == RANGE_NONE && !c->is_dry_run)
		return true;
	for (size_t i = 0; i < c->takes_len; i++)
		if (c->taken[i] != RANGE_NONE && !(i == 0 && c->has_adopted))
			bitmap_set(map, (uint32_t)c->taken[i], false);
	return c->refused == RANGE_NONE;
}

static void end_round(struct range *r, const struct error *err)
{
	struct range_change *c = r->running;
	r->running = NULL;
	while (c) {
		struct range_change *next = c->next; /* done may free it */
		c->error = err ? *err : ERROR_INIT;
		c->done(c->arg);
		c = next;
	}
	loop_timer_start(r->turn, 0, 0);
}

static void end_missing(struct range *r)
{
	struct error err = ERROR_INIT;
	error_set(&err, ERR_UNAVAILABLE,
	    "the allocation range %s is not in the store and is being rebuilt: try again", r->key);
	err.retry_after_s = 1;
	if (r->on_missing)
		r->on_missing(r->on_missing_arg);
	end_round(r, &err);
}

static void end_mismatch(struct range *r)
{
	struct error err = ERROR_INIT;
	error_set(&err, ERR_INTERNAL,
	    "%s holds the range %s, but this server was started with %s: start all servers with the same "
	    "range",
	    r->key, message_of(r->stored)->range, r->text);
	end_round(r, &err);
}

/* Works out the changes that run on a copy; true when none was refused. */
static bool work_out(struct range *r)
{
	bool is_granted = true;
	bitmap_copy(&r->next, &r->map);
	for (struct range_change *c = r->running; c; c = c->next)
		is_granted = apply(&r->next, c) && is_granted;
	return is_granted;
}

static void on_round_read(void *arg, const struct storage_result *result)
{
	struct range *r = arg;
	struct error err = ERROR_INIT;
	r->op = NULL;
	if (result->error)
		err = *result->error;
	if (result->error || accept_read(r, result, &err)) {
		end_round(r, &err);
		return;
	}
	r->is_fresh = true;
	run_round(r);
}

static void read_store(struct range *r)
{
	r->op = r->storage->functions->get(r->storage, r->key, on_round_read, r);
}

static void on_round_written(void *arg, const struct storage_result *result)
{
	struct range *r = arg;
	r->op = NULL;
	if (result->error) {
		struct error err = *result->error;
		r->is_loaded = false; /* it may have been written all the same */
		end_round(r, &err);
	} else if (accept_write(r, &r->next, result)) {
		end_round(r, NULL);
	} else {
		r->is_fresh = false;
		read_store(r); /* another server was faster */
	}
}

/* Each step ends the round, or asks the store and comes back here. */
static void run_round(struct range *r)
{
	if (!r->is_loaded)
		read_store(r);
	else if (!r->revision)
		end_missing(r);
	else if (strcmp(message_of(r->stored)->range, r->text) != 0)
		end_mismatch(r);
	else if (!work_out(r) && !r->is_fresh)
		read_store(r);
	else if (bitmap_equal(&r->next, &r->map))
		end_round(r, NULL);
	else
		write_map(r, &r->next, on_round_written);
}

static void on_turn(void *arg)
{
	struct range *r = arg;
	if (r->op || r->running)
		return;
	if (r->is_held) {
		if (r->loaded)
			r->op = r->storage->functions->get(r->storage, r->key, on_hold_read, r);
		return;
	}
	if (!r->queue)
		return;
	r->running = r->queue;
	r->queue = NULL;
	r->queue_end = &r->queue;
	r->is_fresh = false;
	run_round(r);
}

void range_submit(struct range *range, struct range_change *change)
{
	change->next = NULL;
	*range->queue_end = change;
	range->queue_end = &change->next;
	loop_timer_start(range->turn, 0, 0);
}

struct gift { /* numbers on their way back, without anybody who waits */
	struct range_change change;
	struct range *range;
	int64_t numbers[];
};

static void on_given_back(void *arg)
{
	struct gift *gift = arg;
	if (gift->change.error.code)
		log_warning("%s: %zu numbers are given back later, by repair: %s", gift->range->key,
		    gift->change.gives_len, gift->change.error.message);
	free(gift);
}

static void free_gifts(struct range_change *changes)
{
	for (struct range_change *c = changes, *next; c; c = next) {
		next = c->next;
		if (c->done == on_given_back)
			free(c->arg);
	}
}

void range_give_back(struct range *range, const int64_t *numbers, size_t len)
{
	struct gift *gift = len ? calloc(1, sizeof *gift + len * sizeof *numbers) : NULL;
	if (!len)
		return;
	if (!gift)
		abort();
	gift->range = range;
	memcpy(gift->numbers, numbers, len * sizeof *numbers);
	gift->change = (struct range_change){
	    .gives = gift->numbers, .gives_len = len, .done = on_given_back, .arg = gift};
	range_submit(range, &gift->change);
}

/* --- repair --- */

void range_hold(struct range *range, range_loaded_fn *fn, void *arg)
{
	range->is_held = true;
	range->loaded = fn;
	range->repair_arg = arg;
	loop_timer_start(range->turn, 0, 0);
}

static void on_hold_read(void *arg, const struct storage_result *result)
{
	struct range *r = arg;
	range_loaded_fn *fn = r->loaded;
	struct error err = ERROR_INIT;
	r->op = NULL;
	r->loaded = NULL;
	if (result->error)
		err = *result->error;
	if (result->error || accept_read(r, result, &err)) {
		fn(r->repair_arg, NULL, NULL, 0, &err);
	} else if (!r->stored) {
		fn(r->repair_arg, NULL, NULL, 0, NULL);
	} else {
		const CoreV1__RangeAllocation *m = message_of(r->stored);
		fn(r->repair_arg, m->range, m->data.data, m->data.len, NULL);
	}
}

static void on_replaced(void *arg, const struct storage_result *result)
{
	struct range *r = arg;
	r->op = NULL;
	bool is_written = accept_write(r, &r->replacement, result);
	r->replaced(r->repair_arg, is_written, result->error);
}

void range_replace(struct range *range, const struct bitmap *map, range_replaced_fn *fn, void *arg)
{
	range->replaced = fn;
	range->repair_arg = arg;
	bitmap_copy(&range->replacement, map);
	write_map(range, &range->replacement, on_replaced);
}

void range_resume(struct range *range)
{
	range->is_held = false;
	loop_timer_start(range->turn, 0, 0);
}
