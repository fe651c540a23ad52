/* Which events a watch wants: judged once for all watches that ask for the same. */
#include <stdlib.h>
#include <string.h>

#include "apiserver/registry/watch.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/strmap.h"

struct watch_selection {
	unsigned refs;
	struct cache_event *event; /* the last one judged; held, so that no other takes its address */
	struct watch_verdict verdict;
	size_t ns_size;
	const char *ns; /* the namespace watched; "": all */
	char *key;      /* in server->watch_selections */
};

/* Sizes keep texts apart that come from the client. */
static void write_key(struct buf *out, const struct api_request *req)
{
	const struct api_request_options *o = &req->options;
	const char *ns = registry_ns(req);
	buf_printf(out, "%p %zu %zu %s%s%s", (const void *)req->type, strlen(ns),
	    strlen(o->label_selector_text), ns, o->label_selector_text, o->field_selector_text);
}

struct watch_selection *watch_selection_ref(struct api_request *req)
{
	struct api_server *server = req->server;
	struct buf key = BUF_INIT;
	write_key(&key, req);
	if (!server->watch_selections)
		server->watch_selections = strmap_new();
	struct watch_selection *s = strmap_get(server->watch_selections, buf_str(&key));
	if (!s) {
		const char *ns = registry_ns(req);
		size_t ns_size = strlen(ns);
		s = calloc(1, sizeof *s + ns_size + 1 + key.size + 1);
		if (!s)
			abort();
		s->ns = memcpy(s + 1, ns, ns_size + 1);
		s->ns_size = ns_size;
		s->key = memcpy((char *)(s + 1) + ns_size + 1, buf_str(&key), key.size + 1);
		strmap_put(server->watch_selections, s->key, s);
	}
	s->refs++;
	buf_done(&key);
	return s;
}

void watch_selection_unref(struct api_server *server, struct watch_selection *selection)
{
	if (--selection->refs > 0)
		return;
	strmap_remove(server->watch_selections, selection->key);
	if (!strmap_len(server->watch_selections)) {
		strmap_free(server->watch_selections, NULL);
		server->watch_selections = NULL;
	}
	cache_event_unref(selection->event);
	free(selection);
}

bool watch_selection_in_scope(const struct watch_selection *selection, const struct cache_item *item)
{
	return !selection->ns_size || (!strncmp(item->key, selection->ns, selection->ns_size) &&
					  item->key[selection->ns_size] == '/');
}

static struct watch_verdict judge(struct watch *w, const struct cache_event *event)
{
	struct watch_verdict verdict = {false, false};
	if (!watch_selection_in_scope(w->selection, event->item))
		return verdict;
	/* Matching takes memory from the request: lend it the scratch arena, or a long watch would grow
	 * without end. */
	struct arena *own = w->req->arena;
	w->req->arena = w->arena;
	verdict.was = event->old && registry_matches(w->req, event->old->object);
	verdict.is = !event->is_deletion && registry_matches(w->req, event->item->object);
	w->req->arena = own;
	arena_reset(w->arena);
	return verdict;
}

struct watch_verdict watch_judge(struct watch *w, struct cache_event *event)
{
	struct watch_selection *s = w->selection;
	/* What a webhook converts is selected by what it made, which may not have been there when another
	 * watch asked. */
	if (w->is_remote)
		return judge(w, event);
	if (s->event != event) {
		cache_event_unref(s->event);
		s->event = cache_event_ref(event);
		s->verdict = judge(w, event);
	}
	return s->verdict;
}
