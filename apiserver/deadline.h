/*
 * deadline: how long a request may take. Every request that is not long-running has a deadline: the query's
 * `timeout`, at most --request-timeout; writes end after 34 s already, as upstream's handlers do. Only
 * requests that wait are looked at, so one that is answered at once costs nothing.
 *
 * A request whose time is over is answered 504. What it waits for is cancelled where that can be done;
 * otherwise the request goes on without a client and its outcome is dropped (is_abandoned): it is not stored
 * unless the write is on its way already.
 */
#ifndef CUBE_APISERVER_DEADLINE_H
#define CUBE_APISERVER_DEADLINE_H

#include "apiserver/server.h"

struct deadlines;

struct deadlines *deadlines_new(struct loop *loop);
void deadlines_free(struct deadlines *deadlines); /* no request may be waiting any more, or ever be resumed */
/* Around a wait: called by the pipeline. Requests without a deadline are accepted and left alone. */
void deadline_watch(struct api_request *req);
void deadline_forget(struct api_request *req);
bool deadlines_are_empty(const struct deadlines *deadlines);

/* The stages: reads the query, 400 for a `timeout` that is no duration; 504 for a body that took too long,
 * 401 for one that auth_screen() did not let in. */
int api_deadline(struct api_request *req, struct error *err);
int api_expect_body(struct api_request *req, struct error *err);
/* Watches, logs, tunnels and proxying: what upstream does not time out, count or wait for. */
bool api_is_long_running(const struct api_request *req);

#endif
