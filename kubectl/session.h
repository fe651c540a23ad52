/*
 * session: requests to the API server that wait for their answer by running the loop, with objects as JSON
 * trees: kubectl treats every kind alike, so nothing here is typed. A failed request leaves the whole Status
 * in k->status.
 */
#ifndef CUBE_KUBECTL_SESSION_H
#define CUBE_KUBECTL_SESSION_H

#include "kubectl/kubectl.h"

struct mapping;

struct exchange {
	const char *method; /* NULL: GET */
	const char *path;   /* absolute, with query, encoded */
	const char *accept, *content_type;
	const char *body;
	size_t body_size;
};
struct answer {
	int status;
	const char *content_type, *body;
	size_t size;
};
int session_exchange(
    struct kubectl *k, const struct exchange *exchange, struct answer *ret, struct error *err);
/* The answer as a tree; `body` (may be NULL) is sent as application/json. */
int session_call(struct kubectl *k, const char *method, const char *path, const struct json *body,
    struct json **ret, struct error *err);
int session_get(struct kubectl *k, const char *path, struct json **ret, struct error *err);

enum patch_type { PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };
int session_patch(struct kubectl *k, const char *path, enum patch_type type, const struct json *patch,
    struct json **ret, struct error *err);
/* A list with all its pages; the items of one tree, the kind's List. */
int session_list(struct kubectl *k, const char *path, struct json **ret, struct error *err);

/*
 * A streamed answer, until its end or until on_data returns false. timeout_ms 0: none. Returns 0 at the end,
 * -1 with err; ERR_TIMEOUT when the time is over.
 */
int session_stream(struct kubectl *k, const char *path, const char *accept, int64_t timeout_ms,
    bool (*on_data)(void *arg, const char *data, size_t size), void *arg, struct error *err);

enum watch_end { WATCH_END_STOPPED, WATCH_END_CLOSED, WATCH_END_TIMEOUT, WATCH_END_EXPIRED };
/*
 * Watches; on_event returns false to stop. Objects live in `arena`, which is reset after each event. `path`
 * carries watch=true and the resourceVersion. Returns an enum watch_end, or -1 with err.
 */
int session_watch(struct kubectl *k, const char *path, const char *accept, int64_t timeout_ms,
    bool (*on_event)(void *arg, struct arena *arena, const char *type, struct json *object), void *arg,
    struct error *err);

/* Paths. ns NULL or "": none. sub: "", NULL, "log", "status". */
const char *session_path(
    struct kubectl *k, const struct mapping *mapping, const char *ns, const char *name, const char *sub);
/* path with name=value added to the query; unchanged when value is NULL or "". */
const char *session_param(struct kubectl *k, const char *path, const char *name, const char *value);
void session_encode(struct buf *out, const char *text);

#define ACCEPT_JSON "application/json"
#define ACCEPT_TABLE                                                                                         \
	"application/json;as=Table;v=v1;g=meta.k8s.io,application/"                                          \
	"json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"

#endif
