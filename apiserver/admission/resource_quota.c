/*
 * ResourceQuota: a create is admitted only when the namespace's quotas have room, and is charged to them in
 * the same breath. One charge a namespace is under way at a time: requests that come meanwhile wait and are
 * then charged together with one write of each quota's status. The write is conditional, so other API servers
 * and the controller, which counts anew after deletions, are never overwritten; a lost race starts the batch
 * over.
 */
#include "apiserver/admission/plugin.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/registry/registry.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/base/buf.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"
#include "lib/resources/amounts.h"
#include "lib/resources/quota_usage.h"

#define ATTEMPTS 50 /* each one lost is one that another server or the controller has won */

struct waiter { /* lives in its request's arena, as its stage_state; a request goes on when its client is gone
		 */
	struct waiter *next;
	struct api_request *req;
	struct amounts delta; /* what the request adds */
	struct error error;   /* code ERR_NONE: admitted */
};

struct quota { /* one quota while a batch is charged */
	const struct object *stored;
	struct amounts hard, used;
	bool is_changed;
};

struct batch { /* one namespace's charging */
	struct api_server *server;
	char *ns;
	struct waiter *queue, **queue_end; /* not looked at yet */
	struct waiter *running;            /* being charged by the writes under way */
	struct arena *arena;               /* of this round */
	struct quota *quotas;
	size_t quotas_len, writes;
	bool has_conflict, has_failed;
	struct error failure;
	int attempts;
};

static struct strmap *batches; /* namespace -> struct batch; one API server a process */

/* --- what a request asks for --- */

static struct amounts usage_of(struct api_request *req, const struct object *obj)
{
	int64_t now_s = clock_wall_s(loop_clock(req->server->loop));
	return quota_usage_of(req->arena, req->info.group, req->info.resource, obj, now_s);
}

/*
 * Services and claims may grow by an update; everything else is charged when it is created. Events are never
 * counted: a full quota must not silence who reports it.
 */
static bool needs_charge(const struct api_request *req, const struct object *obj)
{
	if (is_subresource(req) || str_empty(req->info.ns) || !obj ||
	    (req->type && req->type->flags & RESOURCE_VIRTUAL) || str_eq(req->info.resource, "events"))
		return false;
	return is_create(req) || OBJECT_AS(obj, CoreV1__Service, core_v1__service) ||
	       OBJECT_AS(obj, CoreV1__PersistentVolumeClaim, core_v1__persistent_volume_claim);
}

static struct amounts delta_of(struct api_request *req, const struct object *obj, const struct object *old)
{
	struct amounts delta = usage_of(req, obj);

	if (is_create(req) || !old)
		return delta;
	struct amounts before = usage_of(req, old);
	for (size_t i = 0; i < before.len; i++) {
		struct quantity negative = before.items[i].q;
		negative.nano = -negative.nano;
		amounts_add_one(&delta, before.items[i].name, &negative);
	}
	return delta;
}

/* --- does one quota have room --- */

/* Compute resources that a quota bounds must be given by every container. */
static const char *missing_resources(struct arena *arena, const struct quota *q, const CoreV1__PodSpec *spec)
{
	static const char *const names[] = {
	    "cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory", NULL};
	const char *text = "";

	for (size_t n = 0; names[n]; n++) {
		const char *bare = strchr(names[n], '.') ? strchr(names[n], '.') + 1 : names[n];
		bool is_limit = str_has_prefix(names[n], "limits."), first = true;
		for (size_t i = 0;
		     amounts_get(&q->hard, names[n]) && i < spec->n_containers + spec->n_init_containers;
		     i++) {
			const CoreV1__Container *c = i < spec->n_containers
							 ? spec->containers[i]
							 : spec->init_containers[i - spec->n_containers];
			struct quantity ignored;
			if (c->resources && (is_limit ? quantity_in(c->resources, limits, bare, &ignored)
						      : quantity_in(c->resources, requests, bare, &ignored)))
				continue;
			text = first ? arena_printf(arena, "%s%s%s for: %s", text, text[0] ? "; " : "",
					   names[n], c->name)
				     : arena_printf(arena, "%s,%s", text, c->name);
			first = false;
		}
	}
	return text;
}

/* Those of the delta that the quota bounds and that change anything. */
static struct amounts bounded(struct arena *arena, const struct quota *q, const struct amounts *delta)
{
	struct amounts asked = {.arena = arena};

	for (size_t i = 0; i < delta->len; i++)
		if (delta->items[i].q.nano != 0 && amounts_get(&q->hard, delta->items[i].name))
			amounts_set(&asked, delta->items[i].name, &delta->items[i].q);
	return asked;
}

static int refuse_exceeded(struct waiter *w, const struct quota *q, const struct amounts *asked)
{
	struct arena *arena = w->req->arena;
	struct amounts requested = {.arena = arena}, used = {.arena = arena}, hard = {.arena = arena};

	for (size_t i = 0; i < asked->len; i++) {
		const char *name = asked->items[i].name;
		struct quantity sum = *amounts_get(&q->used, name);
		quantity_add(&sum, &asked->items[i].q);
		if (asked->items[i].q.nano <= 0 || quantity_compare(&sum, amounts_get(&q->hard, name)) <= 0)
			continue;
		amounts_set(&requested, name, &asked->items[i].q);
		amounts_set(&used, name, amounts_get(&q->used, name));
		amounts_set(&hard, name, amounts_get(&q->hard, name));
	}
	if (requested.len == 0)
		return 0;
	return admission_forbid(w->req, w->req->object, &w->error,
	    "exceeded quota: %s, requested: %s, used: %s, limited to: %s", object_name(q->stored),
	    amounts_text(arena, &requested), amounts_text(arena, &used), amounts_text(arena, &hard));
}

static int check_quota(struct waiter *w, const struct quota *q)
{
	const CoreV1__ResourceQuotaSpec *spec = ((const CoreV1__ResourceQuota *)q->stored->msg)->spec;
	const CoreV1__Pod *pod = OBJECT_AS(w->req->object, CoreV1__Pod, core_v1__pod);
	struct arena *arena = w->req->arena;

	if (!quota_scopes_match(spec, w->req->object))
		return 0;
	if (pod && is_create(w->req)) {
		const char *missing = missing_resources(arena, q, pod->spec);
		if (!str_empty(missing))
			return admission_forbid(w->req, w->req->object, &w->error,
			    "failed quota: %s: must specify %s", object_name(q->stored), missing);
	}
	struct amounts asked = bounded(arena, q, &w->delta);
	for (size_t i = 0; i < asked.len; i++)
		if (!amounts_get(&q->used, asked.items[i].name))
			return admission_forbid(w->req, w->req->object, &w->error,
			    "status unknown for quota: %s, resources: %s", object_name(q->stored),
			    asked.items[i].name);
	return refuse_exceeded(w, q, &asked);
}

static void charge(struct waiter *w, struct quota *q)
{
	const CoreV1__ResourceQuotaSpec *spec = ((const CoreV1__ResourceQuota *)q->stored->msg)->spec;

	if (!quota_scopes_match(spec, w->req->object))
		return;
	struct amounts asked = bounded(q->used.arena, q, &w->delta);
	for (size_t i = 0; i < asked.len; i++)
		amounts_add_one(&q->used, asked.items[i].name, &asked.items[i].q);
	q->is_changed = q->is_changed || asked.len > 0;
}

/* All quotas must have room before any is charged. */
static void admit_waiter(struct batch *b, struct waiter *w)
{
	error_clear(&w->error);
	for (size_t i = 0; i < b->quotas_len; i++)
		if (check_quota(w, &b->quotas[i]) < 0)
			return;
	for (size_t i = 0; i < b->quotas_len && !w->req->options.dry_run; i++)
		charge(w, &b->quotas[i]);
}

/* --- rounds --- */

static void start_round(struct batch *b);

static bool collect_quota(void *arg, const struct object *obj)
{
	struct batch *b = arg;
	const CoreV1__ResourceQuota *quota = (const CoreV1__ResourceQuota *)obj->msg;
	size_t size = b->quotas_len * sizeof(*b->quotas);

	b->quotas = arena_grow(b->arena, b->quotas, size, size + sizeof(*b->quotas));
	b->quotas[b->quotas_len++] = (struct quota){
	    .stored = object_ref(obj),
	    .hard = AMOUNTS_OF(b->arena, quota->status, hard),
	    .used = AMOUNTS_OF(b->arena, quota->status, used),
	};
	return true;
}

static void end_round(struct batch *b)
{
	for (size_t i = 0; i < b->quotas_len; i++)
		object_unref(b->quotas[i].stored);
	arena_free(b->arena);
	b->arena = NULL;
	b->quotas = NULL;
	b->quotas_len = 0;
}

static void resume_all(struct batch *b)
{
	struct waiter *w = b->running;

	b->running = NULL;
	b->attempts = 0;
	while (w) {
		struct waiter *next = w->next; /* the request may be over when resumed */
		if (b->has_failed)
			error_set(&w->error, b->failure.code, "%s", b->failure.message);
		api_request_resume(w->req);
		w = next;
	}
}

static void on_fresh(void *arg, const struct error *err)
{
	(void)err; /* an old cache loses the race once more, and is counted */
	start_round(arg);
}

static void round_written(struct batch *b)
{
	bool again = b->has_conflict && ++b->attempts < ATTEMPTS;

	if (b->has_conflict && !again && !b->has_failed) {
		b->has_failed = true;
		error_clear(&b->failure);
		error_set(&b->failure, ERR_CONFLICT,
		    "the quotas of namespace %s changed too often to be charged", b->ns);
	}
	end_round(b);
	if (again) {
		watchcache_fence(b->server, on_fresh, b); /* what the other one has written is to be seen */
		return;
	}
	resume_all(b);
	if (b->queue) {
		start_round(b);
		return;
	}
	strmap_remove(batches, b->ns);
	free(b->ns);
	free(b);
}

static void on_written(void *arg, const struct object *obj, const struct error *err)
{
	struct batch *b = arg;

	(void)obj;
	if (err && (err->code == ERR_CONFLICT || err->code == ERR_NOT_FOUND)) {
		b->has_conflict = true;
	} else if (err && !b->has_failed) {
		b->has_failed = true;
		b->failure = *err;
	}
	if (--b->writes == 0)
		round_written(b);
}

static void write_quota(struct batch *b, const struct quota *q)
{
	struct object *obj = object_clone(q->stored);
	CoreV1__ResourceQuota *quota = (CoreV1__ResourceQuota *)obj->msg;

	AMOUNTS_WRITE(obj->arena, &q->used, quota->status, used, core_v1__resource_quota_status__used_entry);
	registry_update(b->server, resource_resourcequotas, "status", obj, on_written, b);
	object_unref(obj);
}

static void finish_without_write(void *arg)
{
	struct batch *b = arg;
	b->writes = 0;
	round_written(b);
}

static void start_round(struct batch *b)
{
	b->arena = arena_new();
	b->has_conflict = b->has_failed = false;
	b->failure = ERROR_INIT;
	if (b->queue) { /* everyone who has come since joins */
		*b->queue_end = b->running;
		b->running = b->queue;
		b->queue = NULL;
		b->queue_end = &b->queue;
	}
	reader_each(auth_reader(b->server), resource_resourcequotas, b->ns, collect_quota, b);
	for (struct waiter *w = b->running; w; w = w->next)
		admit_waiter(b, w);
	b->writes = 1; /* held until all writes are started */
	for (size_t i = 0; i < b->quotas_len; i++) {
		if (b->quotas[i].is_changed) {
			b->writes++;
			write_quota(b, &b->quotas[i]);
		}
	}
	if (b->writes == 1)
		loop_defer(b->server->loop, finish_without_write, b);
	else
		b->writes--;
}

static struct batch *batch_of(struct api_server *server, const char *ns, bool *ret_is_new)
{
	if (!batches)
		batches = strmap_new();
	struct batch *b = strmap_get(batches, ns);
	*ret_is_new = !b;
	if (b)
		return b;
	b = calloc(1, sizeof(*b));
	if (!b || !(b->ns = strdup(ns)))
		abort();
	b->server = server;
	b->queue_end = &b->queue;
	strmap_put(batches, ns, b);
	return b;
}

static bool found_one(void *arg, const struct object *obj)
{
	(void)obj;
	*(bool *)arg = true;
	return false;
}

static int validate(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	struct admission_run *run = req->admission_state;
	struct waiter *w = req->stage_state;
	bool has_quota = false, is_new;

	if (w) {
		if (w->error.code == ERR_NONE) {
			run->is_charged = true;
			return API_NEXT;
		}
		*err = w->error;
		return API_FAIL;
	}
	if (!needs_charge(req, obj) || run->is_charged)
		return API_NEXT;
	reader_each(auth_reader(req->server), resource_resourcequotas, req->info.ns, found_one, &has_quota);
	if (!has_quota)
		return API_NEXT;
	w = ARENA_NEW(req->arena, struct waiter);
	w->req = req;
	w->delta = delta_of(req, obj, old);
	req->stage_state = w;
	struct batch *b = batch_of(req->server, req->info.ns, &is_new);
	*b->queue_end = w;
	b->queue_end = &w->next;
	if (is_new)
		start_round(b);
	return API_PENDING;
}

const struct admission_plugin admission_resource_quota = {
    .name = "ResourceQuota",
    .operations = ADMIT_CREATE | ADMIT_UPDATE,
    .validate = validate,
};
