/*
 * Counters of requests. The labels that all of a request's series share are looked up once, in a table whose
 * keys are the words themselves: types of custom resources come and go, and their addresses with them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/metrics.h"
#include "apiserver/pipeline.h"
#include "apiserver/registry/internal.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/metrics.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

#define SHARED_LABELS "verb,group,version,resource,subresource,scope,component"
#define COMPONENT "apiserver"

enum { SLOTS = 512, CODES = 8 }; /* slots of the table; statuses kept with an entry, the rest is looked up */

static const double seconds_bounds[] = {
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60};
static const double size_bounds[] = {1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* What a request is, in the words of the labels. */
struct words {
	const char *verb, *dry_run, *group, *version, *resource, *subresource, *scope;
};

struct entry {
	struct entry *next;
	struct words words; /* own copies of those that a type lends */
	uint64_t hash;
	struct metric_series *seconds, *size, *streams;
	struct {
		int status;
		struct metric_series *series;
	} codes[CODES];
	size_t codes_len;
};

struct request_metrics {
	struct metric_set *set;
	struct metric *total, *seconds, *sizes, *streams, *events, *cut_off;
	struct entry *table[SLOTS];
};

struct request_metrics *request_metrics_new(struct metric_set *set)
{
	struct request_metrics *m = calloc(1, sizeof *m);
	if (!m)
		abort();
	m->set = set;
	m->total = metric_counter(set, "apiserver_request_total", "Requests answered.",
	    "verb,dry_run,group,version,resource,subresource,scope,component,code");
	m->seconds = metric_histogram(set, "apiserver_request_duration_seconds",
	    "Time from a request's head to the end of its answer.",
	    "verb,dry_run,group,version,resource,subresource,scope,component", seconds_bounds,
	    LEN(seconds_bounds));
	m->sizes = metric_histogram(set, "apiserver_response_sizes",
	    "Bytes of the bodies that GET and LIST were answered with, before compression.", SHARED_LABELS,
	    size_bounds, LEN(size_bounds));
	m->streams = metric_gauge(
	    set, "apiserver_longrunning_requests", "Watches, logs and tunnels that are open.", SHARED_LABELS);
	m->events = metric_counter(
	    set, "apiserver_watch_events_total", "Events sent to watches.", "group,version,kind");
	m->cut_off = metric_counter(set, "apiserver_terminated_watchers_total",
	    "Watches ended because the client did not read.", "resource");
	return m;
}

void request_metrics_free(struct request_metrics *m)
{
	free(m); /* entries belong to the set */
}

/* --- words --- */

static const char *verb_of(const struct api_request *req)
{
	static const char *const tunnels[] = {"exec", "attach", "portforward", "proxy", NULL};
	static const char *const verbs[] = {[API_GET] = "GET",
	    [API_LIST] = "LIST",
	    [API_WATCH] = "WATCH",
	    [API_CREATE] = "POST",
	    [API_UPDATE] = "PUT",
	    [API_PATCH] = "PATCH",
	    [API_DELETE] = "DELETE",
	    [API_DELETECOLLECTION] = "DELETECOLLECTION"};
	static const char *const methods[][2] = {{"get", "GET"}, {"head", "GET"}, {"post", "POST"},
	    {"put", "PUT"}, {"patch", "PATCH"}, {"delete", "DELETE"}};

	if (req->type && str_in(req->info.subresource, tunnels))
		return "CONNECT";
	if (req->patch_type == PATCH_APPLY)
		return "APPLY";
	if (req->info.verb != API_VERB_NONE)
		return verbs[req->info.verb];
	for (size_t i = 0; i < LEN(methods); i++)
		if (!strcmp(req->info.verb_text, methods[i][0]))
			return methods[i][1];
	return "OTHER";
}

static const char *scope_of(const struct api_request *req)
{
	if (!req->type)
		return "";
	if (*req->info.name || req->info.verb == API_CREATE)
		return "resource";
	return *req->info.ns ? "namespace" : "cluster";
}

/* Of pages that are no objects, those of the health checks are told apart. */
static const char *page_of(const struct api_request *req)
{
	static const char *const pages[] = {"/healthz", "/livez", "/readyz"};
	for (size_t i = 0; i < LEN(pages); i++)
		if (!strcmp(req->info.path, pages[i]))
			return pages[i];
	return "";
}

/* Only words that the server knows: a client must not be able to make series. */
static struct words words_of(const struct api_request *req)
{
	const struct resource_type *type = req->type;
	const char *sub = req->info.subresource;
	struct words w = {.verb = verb_of(req),
	    .dry_run = req->options.dry_run ? "All" : "",
	    .group = type ? type->group : "",
	    .version = type ? type->version : "",
	    .resource = type ? type->plural : "",
	    .scope = scope_of(req)};
	if (!type)
		w.subresource = page_of(req);
	else
		w.subresource = *sub && registry_subresource_verbs(type, sub) ? sub : "";
	return w;
}

static uint64_t mix(uint64_t hash, const char *word)
{
	for (; *word; word++)
		hash = (hash ^ (unsigned char)*word) * 0x100000001b3;
	return (hash ^ 0xff) * 0x100000001b3;
}

static uint64_t hash_of(const struct words *w)
{
	uint64_t hash = mix(0xcbf29ce484222325, w->resource);
	hash = mix(mix(mix(hash, w->group), w->version), w->subresource);
	return mix(mix(mix(hash, w->verb), w->scope), w->dry_run);
}

static bool same(const struct words *a, const struct words *b)
{
	return !strcmp(a->resource, b->resource) && !strcmp(a->verb, b->verb) &&
	       !strcmp(a->group, b->group) && !strcmp(a->version, b->version) &&
	       !strcmp(a->subresource, b->subresource) && !strcmp(a->scope, b->scope) &&
	       !strcmp(a->dry_run, b->dry_run);
}

static const char *keep(struct request_metrics *m, const char *word)
{
	size_t size = strlen(word) + 1;
	return memcpy(metric_set_alloc(m->set, size), word, size);
}

static struct entry *entry_of(const struct api_request *req)
{
	struct request_metrics *m = req->server->metrics->requests;
	struct words w = words_of(req);
	uint64_t hash = hash_of(&w);
	struct entry **slot = &m->table[hash % SLOTS];

	for (struct entry *e = *slot; e; e = e->next)
		if (e->hash == hash && same(&e->words, &w))
			return e;
	struct entry *e = metric_set_alloc(m->set, sizeof *e);
	w.group = keep(m, w.group);
	w.version = keep(m, w.version);
	w.resource = keep(m, w.resource);
	w.subresource = keep(m, w.subresource);
	*e = (struct entry){.next = *slot, .words = w, .hash = hash};
	*slot = e;
	return e;
}

/* --- counting --- */

static struct metric_series *code_series(struct request_metrics *m, struct entry *e, int status)
{
	const struct words *w = &e->words;
	char code[16];

	for (size_t i = 0; i < e->codes_len; i++)
		if (e->codes[i].status == status)
			return e->codes[i].series;
	snprintf(code, sizeof code, "%d", status);
	struct metric_series *s = metric_series(m->total, w->verb, w->dry_run, w->group, w->version,
	    w->resource, w->subresource, w->scope, COMPONENT, code);
	if (e->codes_len < CODES) {
		e->codes[e->codes_len].status = status;
		e->codes[e->codes_len++].series = s;
	}
	return s;
}

static struct metric_series *shared_series(
    struct metric_series **slot, struct metric *metric, const struct words *w)
{
	return metrics_once(slot, metric,
	    (const char *const[]){
		w->verb, w->group, w->version, w->resource, w->subresource, w->scope, COMPONENT});
}

void metrics_count(struct api_server *server, const struct api_request *req, int status)
{
	struct request_metrics *m = server->metrics->requests;
	struct entry *e = entry_of(req);
	const struct words *w = &e->words;
	const struct clock *clock = loop_clock(server->loop);

	metric_add(code_series(m, e, status), 1);
	metrics_once(&e->seconds, m->seconds,
	    (const char *const[]){
		w->verb, w->dry_run, w->group, w->version, w->resource, w->subresource, w->scope, COMPONENT});
	metric_observe(e->seconds, (double)(clock->monotonic_ns(clock) - req->start_ns) / 1e9);
	if (req->http && (req->info.verb == API_GET || req->info.verb == API_LIST))
		metric_observe(shared_series(&e->size, m->sizes, w), (double)req->response_size);
}

struct metric_series *metrics_streams(struct api_request *req)
{
	struct entry *e = entry_of(req);
	return shared_series(&e->streams, req->server->metrics->requests->streams, &e->words);
}

void metrics_count_stream(struct api_request *req, int by)
{
	metric_add(metrics_streams(req), by);
}

struct metric_series *metrics_watch_events(struct api_request *req)
{
	const struct resource_type *type = req->type;
	return metric_series(req->server->metrics->requests->events, type->group, type->version, type->kind);
}

void metrics_count_cut_off(struct api_request *req)
{
	const struct resource_type *type = req->type;
	const char *name =
	    arena_printf(req->arena, "%s%s%s", type->plural, *type->group ? "." : "", type->group);
	metric_add(metric_series(req->server->metrics->requests->cut_off, name), 1);
}
