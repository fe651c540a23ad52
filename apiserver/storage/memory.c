/* Storage in memory, for tests and throw-away servers: sorted keys and the whole history of changes. */
#include <stdlib.h>
#include <string.h>

#include "apiserver/storage/storage.h"
#include "lib/base/error.h"
#include "lib/loop/loop.h"

struct value {
	size_t size;
	int64_t revision, create_revision;
	char data[];
};

struct change {
	char *key;
	struct value *value; /* owned; NULL: deleted */
	int64_t revision;
};

struct memory {
	struct storage storage;
	struct loop *loop;
	struct change *changes; /* all of them, in order; the present is their last ones */
	size_t len, capacity;
	int64_t revision, compacted;
	struct storage_op *ops;
};

enum op_kind { OP_GET, OP_LIST, OP_PUT, OP_DELETE, OP_OTHER, OP_WATCH };

struct storage_op {
	struct storage_op *next, **prev;
	struct memory *memory;
	enum op_kind kind;
	struct loop_timer *timer; /* answers come on a later turn of the loop */
	char *key, *end;
	int64_t revision, limit;
	bool succeeded;
	struct error error;
	storage_done_fn *done;
	struct storage_watch_callbacks watch;
	void *arg;
};

static void op_free(struct storage_op *op)
{
	*op->prev = op->next;
	if (op->next)
		op->next->prev = op->prev;
	loop_timer_free(op->timer);
	free(op->key);
	free(op->end);
	free(op);
}

/* The last change of a key up to a revision; NULL when there is none or it was a deletion. */
static struct value *value_at(struct memory *m, const char *key, int64_t revision)
{
	for (size_t i = m->len; i > 0; i--) {
		struct change *c = &m->changes[i - 1];
		if (c->revision <= revision && !strcmp(c->key, key))
			return c->value;
	}
	return NULL;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct storage_item *)a)->key, ((const struct storage_item *)b)->key);
}

static void answer_list(struct storage_op *op, struct storage_result *result)
{
	struct memory *m = op->memory;
	int64_t revision = op->revision ? op->revision : m->revision;
	struct storage_item *items = calloc(m->len + 1, sizeof *items);
	size_t len = 0;
	if (!items)
		abort();
	for (size_t i = m->len; i > 0; i--) {
		struct change *c = &m->changes[i - 1];
		if (c->revision > revision || strcmp(c->key, op->key) < 0 || strcmp(c->key, op->end) >= 0)
			continue;
		if (value_at(m, c->key, revision) != c->value || !c->value)
			continue;
		items[len++] = (struct storage_item){
		    c->key, c->value->data, c->value->size, c->value->revision, c->value->create_revision};
	}
	qsort(items, len, sizeof *items, by_key);
	result->more = op->limit && len > (size_t)op->limit;
	result->remaining = result->more ? (int64_t)len - op->limit : 0;
	result->items = items;
	result->items_len = result->more ? (size_t)op->limit : len;
}

static void on_answer(void *arg)
{
	struct storage_op *op = arg;
	struct memory *m = op->memory;
	struct storage_result result = {.succeeded = op->succeeded,
	    .revision = op->kind == OP_LIST || op->kind == OP_GET ? m->revision : op->revision};
	struct storage_item item;
	if (op->error.code) {
		result.error = &op->error;
	} else if (op->kind == OP_LIST && op->revision && op->revision < m->compacted) {
		error_set(&op->error, ERR_EXPIRED, "The resourceVersion for the provided list is too old.");
		result.error = &op->error;
	} else if (op->kind == OP_LIST) {
		answer_list(op, &result);
	} else if (op->kind == OP_GET) {
		struct value *v = value_at(m, op->key, m->revision);
		if (v)
			item =
			    (struct storage_item){op->key, v->data, v->size, v->revision, v->create_revision};
		result.items = &item;
		result.items_len = v ? 1 : 0;
	}
	storage_done_fn *done = op->done;
	void *done_arg = op->arg;
	if (done)
		done(done_arg, &result);
	if (op->kind == OP_LIST)
		free((void *)(uintptr_t)result.items);
	op_free(op);
}

static struct storage_op *op_new(
    struct storage *s, enum op_kind kind, const char *key, storage_done_fn *done, void *arg)
{
	struct memory *m = (struct memory *)s;
	struct storage_op *op = calloc(1, sizeof *op);
	if (!op)
		abort();
	op->memory = m;
	op->kind = kind;
	op->key = key ? strdup(key) : NULL;
	op->done = done;
	op->arg = arg;
	op->next = m->ops;
	op->prev = &m->ops;
	if (op->next)
		op->next->prev = &op->next;
	m->ops = op;
	op->timer = loop_timer_new(m->loop, on_answer, op);
	if (kind != OP_WATCH)
		loop_timer_start(op->timer, 0, 0);
	return op;
}

static void send_event(struct storage_op *watch, const struct change *c)
{
	struct storage_event event = {.type = c->value ? STORAGE_PUT : STORAGE_DELETE,
	    .item = {.key = c->key, .revision = c->revision}};
	if (c->value) {
		event.item.value = c->value->data;
		event.item.value_size = c->value->size;
		event.item.create_revision = c->value->create_revision;
	}
	watch->revision = c->revision;
	watch->watch.on_events(watch->arg, &event, 1, c->revision);
}

static void on_watch_turn(void *arg)
{
	struct storage_op *op = arg;
	struct memory *m = op->memory;
	for (size_t i = 0; i < m->len; i++)
		if (m->changes[i].revision > op->revision)
			send_event(op, &m->changes[i]);
}

static void record(struct memory *m, const char *key, struct value *take_value)
{
	if (m->len == m->capacity) {
		m->capacity = m->capacity ? m->capacity * 2 : 64;
		m->changes = realloc(m->changes, m->capacity * sizeof *m->changes);
		if (!m->changes)
			abort();
	}
	m->changes[m->len++] = (struct change){strdup(key), take_value, ++m->revision};
	if (take_value) {
		take_value->revision = m->revision;
		if (!take_value->create_revision)
			take_value->create_revision = m->revision;
	}
	for (struct storage_op *op = m->ops; op; op = op->next)
		if (op->kind == OP_WATCH)
			loop_timer_start(op->timer, 0, 0);
}

static struct storage_op *memory_get(struct storage *s, const char *key, storage_done_fn *done, void *arg)
{
	return op_new(s, OP_GET, key, done, arg);
}

static struct storage_op *memory_list(struct storage *s, const char *start, const char *end, int64_t revision,
    int64_t limit, bool keys_only, storage_done_fn *done, void *arg)
{
	struct storage_op *op = op_new(s, OP_LIST, start, done, arg);
	op->end = strdup(end);
	op->revision = revision;
	op->limit = limit;
	return op;
}

static struct storage_op *memory_put_if(struct storage *s, const char *key, int64_t revision,
    const void *data, size_t size, int64_t lease, storage_done_fn *done, void *arg)
{
	struct memory *m = (struct memory *)s;
	struct storage_op *op = op_new(s, OP_PUT, NULL, done, arg);
	struct value *old = value_at(m, key, m->revision);
	op->succeeded = (old ? old->revision : 0) == revision;
	if (op->succeeded) {
		struct value *v = calloc(1, sizeof *v + size);
		if (!v)
			abort();
		v->size = size;
		v->create_revision = old ? old->create_revision : 0;
		memcpy(v->data, data, size);
		record(m, key, v);
	}
	op->revision = m->revision;
	return op;
}

static struct storage_op *memory_delete_if(
    struct storage *s, const char *key, int64_t revision, storage_done_fn *done, void *arg)
{
	struct memory *m = (struct memory *)s;
	struct storage_op *op = op_new(s, OP_DELETE, NULL, done, arg);
	struct value *old = value_at(m, key, m->revision);
	op->succeeded = old && old->revision == revision;
	if (op->succeeded)
		record(m, key, NULL);
	op->revision = m->revision;
	return op;
}

static struct storage_op *memory_revision(struct storage *s, storage_done_fn *done, void *arg)
{
	struct storage_op *op = op_new(s, OP_OTHER, NULL, done, arg);
	op->revision = ((struct memory *)s)->revision;
	return op;
}

static struct storage_op *memory_watch(
    struct storage *s, int64_t start, const struct storage_watch_callbacks *callbacks, void *arg)
{
	struct storage_op *op = op_new(s, OP_WATCH, NULL, NULL, arg);
	op->watch = *callbacks;
	op->revision = start;
	loop_timer_free(op->timer);
	op->timer = loop_timer_new(op->memory->loop, on_watch_turn, op);
	loop_timer_start(op->timer, 0, 0);
	return op;
}

static struct storage_op *memory_compact(
    struct storage *s, int64_t revision, storage_done_fn *done, void *arg)
{
	((struct memory *)s)->compacted = revision;
	return op_new(s, OP_OTHER, NULL, done, arg);
}

static struct storage_op *memory_lease(
    struct storage *s, int64_t ttl_s, bool is_shared, storage_done_fn *done, void *arg)
{
	return op_new(s, OP_OTHER, NULL, done, arg); /* nothing expires here */
}

static const char *memory_health(struct storage *s)
{
	return NULL;
}

static void memory_free(struct storage *s)
{
	struct memory *m = (struct memory *)s;
	while (m->ops)
		op_free(m->ops);
	for (size_t i = 0; i < m->len; i++) {
		free(m->changes[i].key);
		free(m->changes[i].value);
	}
	free(m->changes);
	free(m);
}

struct storage *storage_memory_new(struct loop *loop)
{
	static const struct storage_functions functions = {
	    .get = memory_get,
	    .list = memory_list,
	    .put_if = memory_put_if,
	    .delete_if = memory_delete_if,
	    .revision = memory_revision,
	    .watch = memory_watch,
	    .compact = memory_compact,
	    .lease = memory_lease,
	    .cancel = op_free,
	    .health = memory_health,
	    .free = memory_free,
	};
	struct memory *m = calloc(1, sizeof *m);
	if (!m)
		abort();
	m->storage.functions = &functions;
	m->loop = loop;
	m->revision = 1;
	return &m->storage;
}
