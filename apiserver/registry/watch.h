/*
 * watch: what the files of a WATCH share. watch.c is its life: beginning, queue, end. watch_selection.c tells
 * which events it wants, watch_frames.c makes and sends what the client sees of them.
 */
#ifndef CUBE_APISERVER_REGISTRY_WATCH_H
#define CUBE_APISERVER_REGISTRY_WATCH_H

#include "apiserver/registry/internal.h"
#include "lib/base/error.h"

struct conversion;
struct loop_timer;
struct metric_series;
struct watch_selection;

/* What waits behind the beginning, or behind an object that the webhook is converting: events keep their
 * order. */
struct watch_queued {
	struct watch_queued *next;
	struct cache_event *event; /* or, when NULL: a bookmark */
	int64_t revision;
};

/* What each event touches comes first: with thousands of watches it is memory that an event waits for. */
struct watch {
	struct http_server_request *http;
	struct watch_selection *selection;
	struct metric_series *events; /* counts those that are sent */
	size_t lag;                   /* bytes that the client has not taken yet */
	bool is_shareable;            /* frames are the common ones */
	bool is_remote;               /* a webhook converts */
	bool is_closing;
	bool has_ended;   /* the cache lets go; what is queued is still sent */
	bool has_columns; /* a Table's column definitions come once */
	/* what was there when the watch began: sent as the client takes it, before anything else; NULL when
	 * done */
	struct cache_item **initial;
	/* what is not sent yet behind that, in order; where a webhook converts, the conversion for the first
	 * of it */
	struct watch_queued *queue, **queue_end;
	size_t queue_len;
	struct conversion *conversion;
	size_t initial_len, initial_at;
	int64_t initial_revision;
	struct api_request *req;
	struct cache_watcher *watcher;
	struct loop_timer *timer;
	struct arena *arena; /* scratch for one frame */
	struct error end_error;
};

/* watch.c: the client has so many bytes to take; it is cut off when that is too much. */
void watch_check_lag(struct watch *w, size_t queued);

/*
 * watch_selection.c: watches of one type, namespace and selectors judge an event alike: it is judged once for
 * all of them. The selection of a request is shared with those that ask for the same; unref when the watch
 * ends.
 */
struct watch_selection *watch_selection_ref(struct api_request *req);
void watch_selection_unref(struct api_server *server, struct watch_selection *selection);
bool watch_selection_in_scope(const struct watch_selection *selection, const struct cache_item *item);
/* Was the object of the event selected before it, and is it after? */
struct watch_verdict {
	bool was, is;
};
struct watch_verdict watch_judge(struct watch *w, struct cache_event *event);

/* watch_frames.c: what the client sees. */
void watch_send_event(struct watch *w, struct cache_event *event); /* where it is selected */
void watch_send_added(struct watch *w, struct cache_item *item);   /* of the beginning */
/* is_initial_end: what was there at the beginning has been sent. */
void watch_send_bookmark(struct watch *w, int64_t revision, bool is_initial_end);
void watch_send_error(struct watch *w, const struct error *err); /* the last of a watch that fails */

#endif
