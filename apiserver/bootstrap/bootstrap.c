#include "apiserver/bootstrap/bootstrap.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/registry/registry.h"
#include "apiserver/server.h"
#include "apiserver/storage/storage.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/base/arena.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

#define IN_FLIGHT 16
#define RETRY_MS 500
#define ATTEMPTS 20 /* of one object: namespaces and leadership may take a moment */

struct bootstrap {
	struct api_server *server;
	struct arena *arena;
	struct object **objects;
	size_t len, next, running, written;
	size_t
	    cluster_len; /* the first so many are cluster-scoped: the namespaces of the others among them */
	bool is_new;     /* the store: nothing of this is there yet, and nobody watches */
	void (*done)(void *arg);
	void *arg;
};

struct item { /* one object that is being written */
	struct bootstrap *bootstrap;
	const struct object *object;
	struct loop_timer *retry;
	int attempts;
};

static void start_more(struct bootstrap *b);
static void write_item(struct item *item);

static void finish(struct bootstrap *b)
{
	log_info("bootstrap: %zu objects, %zu written", b->len, b->written);
	for (size_t i = 0; i < b->len; i++)
		object_unref(b->objects[i]);
	void (*done)(void *arg) = b->done;
	void *arg = b->arg;
	arena_free(b->arena);
	free(b);
	done(arg);
}

static void item_over(struct item *item)
{
	struct bootstrap *b = item->bootstrap;

	loop_timer_free(item->retry);
	free(item);
	b->running--;
	start_more(b);
}

static void retry_item(void *arg)
{
	write_item(arg);
}

static void on_written(void *arg, const struct object *obj, const struct error *err)
{
	struct item *item = arg;

	(void)obj;
	if (!err || error_is(err, ERR_ALREADY_EXISTS)) {
		item->bootstrap->written++;
		item_over(item);
		return;
	}
	if (++item->attempts < ATTEMPTS && err->code != ERR_INVALID) {
		if (!item->retry)
			item->retry = loop_timer_new(item->bootstrap->server->loop, retry_item, item);
		loop_timer_start(item->retry, RETRY_MS, 0);
		return;
	}
	log_error("bootstrap: %s %s: %s", item->object->kind, object_name(item->object), err->message);
	item_over(item);
}

static void item_over_later(void *arg)
{
	item_over(arg);
}

static void write_item(struct item *item)
{
	struct api_server *server = item->bootstrap->server;
	const struct resource_type *type = resource_of(item->object);
	const struct object *stored =
	    watchcache_lookup(server, type, object_namespace(item->object), object_name(item->object));

	if (!stored) {
		registry_create(server, type, item->object, on_written, item);
		return;
	}
	struct object *changed = bootstrap_reconcile(stored, item->object);
	if (changed)
		registry_update(server, type, NULL, changed, on_written, item);
	else
		loop_defer(server->loop, item_over_later,
		    item); /* not from here: the stack would grow with the list */
	object_unref(changed);
}

static void start_next(struct bootstrap *b)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		abort();
	item->bootstrap = b;
	item->object = b->objects[b->next++];
	b->running++;
	write_item(item);
}

/* All that can be written by now, in few transactions. */
static void start_batch(struct bootstrap *b)
{
	struct storage *storage = b->server->storage;
	size_t end = b->next < b->cluster_len ? b->cluster_len : b->len;

	b->running++; /* writes may end at once */
	storage->functions->batch(storage, true);
	while (b->next < end)
		start_next(b);
	storage->functions->batch(storage, false);
	b->running--;
}

static void start_more(struct bootstrap *b)
{
	while (b->is_new && b->running == 0 && b->next < b->len)
		start_batch(b);
	while (!b->is_new && b->next < b->len && b->running < IN_FLIGHT)
		start_next(b);
	if (b->next == b->len && b->running == 0)
		finish(b);
}

static int collect(struct bootstrap *b, struct error *err)
{
	struct object **policy, **others;
	size_t policy_len, others_len;

	if (bootstrap_decode(b->arena, bootstrap_policy_json, &policy, &policy_len, err) < 0)
		return -1;
	if (bootstrap_decode(b->arena, bootstrap_objects_json, &others, &others_len, err) < 0) {
		for (size_t i = 0; i < policy_len; i++)
			object_unref(policy[i]);
		return -1;
	}
	b->objects = ARENA_ARRAY(b->arena, struct object *, policy_len + others_len + 1);
	for (int namespaced = 0; namespaced < 2; namespaced++) {
		for (size_t i = 0; i < others_len; i++)
			if (!*others[i]->meta->namespace_ == !namespaced)
				b->objects[b->len++] = others[i];
		for (size_t i = 0; i < policy_len; i++)
			if (!*policy[i]->meta->namespace_ == !namespaced)
				b->objects[b->len++] = policy[i];
		b->cluster_len = namespaced ? b->cluster_len : b->len;
	}
	b->objects[b->len++] = bootstrap_trust(b->server->options);
	return 0;
}

void bootstrap_start(struct api_server *server, void (*done)(void *arg), void *arg)
{
	struct bootstrap *b = calloc(1, sizeof(*b));
	struct error err = ERROR_INIT;

	if (!b)
		abort();
	*b = (struct bootstrap){.server = server, .arena = arena_new(), .done = done, .arg = arg};
	if (collect(b, &err) < 0)
		log_error("bootstrap: %s", err.message);
	b->is_new = server->storage->functions->batch && !watchcache_count(server, resource_namespaces);
	start_more(b);
}
