/*
 * flowcontrol: API priority and fairness. The stage of the pipeline that decides whether a request runs now,
 * waits, or is refused; README.md says what that means in a server of one thread.
 *
 * fair, shard, seats, demand, rules and retry are pure and know nothing of the server; the other files of the
 * folder join them to it.
 */
#ifndef CUBE_APISERVER_FLOWCONTROL_FLOWCONTROL_H
#define CUBE_APISERVER_FLOWCONTROL_FLOWCONTROL_H

#include <stdbool.h>
#include <stddef.h>

struct api_request;
struct api_server;
struct arena;
struct buf;
struct error;
struct http_header;
struct object;

/* Configuration is read from the watch cache once that is filled (flowcontrol_start) and kept up to date. */
void flowcontrol_init(struct api_server *server);
void flowcontrol_start(struct api_server *server);
/* The first objects are there: from now on the conditions of FlowSchemas are written, and objects that every
 * cluster has are restored within a minute. */
void flowcontrol_maintain(struct api_server *server);
void flowcontrol_free(struct api_server *server); /* after everything that may hold a request */

/* The stage: API_NEXT, API_PENDING while the request waits, API_DONE when it has been refused. */
int flowcontrol_admit(struct api_request *req, struct error *err);
/* The seats are free again, though the request goes on: a watch has sent what there was. */
void flowcontrol_release(struct api_request *req);
void flowcontrol_end(struct api_request *req); /* the request is over, wherever it was */
/* Headers with the UIDs of what the request was matched to; at most two. Returns how many. */
size_t flowcontrol_headers(const struct api_request *req, struct http_header *headers);

/* Handlers and text of other folders. */
int flowcontrol_serve_dump(
    struct api_request *req, struct error *err); /* /debug/api_priority_and_fairness/ */

/*
 * What is to be written so that `stored` is what every cluster has (`wanted`): a changed copy, or NULL.
 * Mandatory objects are always put right; of the others those whose annotation
 * apf.kubernetes.io/autoupdate-spec is "true", or that nobody has changed (generation 1).
 */
struct object *flowcontrol_reconcile(const struct object *stored, const struct object *wanted);
bool flowcontrol_is_config(const struct object *obj); /* FlowSchema or PriorityLevelConfiguration */
#define FLOWCONTROL_AUTOUPDATE "apf.kubernetes.io/autoupdate-spec"

#endif
