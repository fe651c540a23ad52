/*
 * rest: typed requests to the API server. Asynchronous: each call returns a handle, done fires once, or never
 * after rest_cancel(). Objects are sent as JSON by default, or as protobuf when the client is set to it;
 * answers are decoded to objects. Non-2xx answers become an error made of the Status (code, reason, message,
 * details).
 */
#ifndef CUBE_CLIENT_REST_H
#define CUBE_CLIENT_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct http_client;
struct json;
struct loop;
struct object;
struct resource_type;
struct rest_call;
struct rest_client;
struct rest_config;

struct rest_client *rest_client_new(struct loop *loop, const struct rest_config *config, struct error *err);
void rest_client_free(struct rest_client *client);
struct loop *rest_client_loop(const struct rest_client *client);
const char *rest_client_server(const struct rest_client *client);
struct http_client *rest_client_http(
    struct rest_client *client); /* for raw requests: add rest_client_headers() */
const char *const *rest_client_headers(
    struct rest_client *client); /* Authorization, User-Agent, ...; ends with NULL */

enum rest_verb {
	REST_GET,
	REST_LIST,
	REST_CREATE,
	REST_UPDATE,
	REST_PATCH,
	REST_DELETE,
	REST_DELETE_COLLECTION /* all that the selectors match; a verb of its own, so that no empty name does
				  it */
};
enum rest_patch { REST_PATCH_JSON, REST_PATCH_MERGE, REST_PATCH_STRATEGIC, REST_PATCH_APPLY };

struct rest_request {
	enum rest_verb verb;
	const struct resource_type *type;
	const char *ns;          /* NULL or "" for cluster scope, or all namespaces in a list */
	const char *name;        /* not for LIST; CREATE: only with a subresource */
	const char *subresource; /* NULL, "status", "scale", "binding", "eviction", "token", "finalize" */
	const struct object
	    *body; /* CREATE and UPDATE; may be of another kind than type (Binding, Eviction, Scale) */
	const struct json *patch; /* PATCH */
	enum rest_patch patch_type;
	const char *label_selector, *field_selector;
	const char *resource_version; /* LIST and GET */
	bool drop_managed_fields;     /* LIST and watch: metadata.managedFields are not decoded (caches) */
	int64_t limit;                /* LIST: page size; pages are followed and joined. 0: no paging */
	const char *query;            /* more, already encoded: "dryRun=All&force=true" */
	/* DELETE */
	int64_t grace_period_s;  /* < 0: the kind's default */
	const char *propagation; /* NULL, Background, Foreground, Orphan */
	const char *precondition_uid, *precondition_rv;
	int64_t timeout_ms; /* 0: 30 s */
};
/* Starting point with the fields whose zero means something set to "unset". */
#define REST_REQUEST(...) (&(struct rest_request){.grace_period_s = -1, __VA_ARGS__})

struct rest_result {
	const struct error *error; /* NULL on success */
	int status;
	struct object
	    *object; /* GET, CREATE, UPDATE, PATCH, DELETE (may be NULL: a Status) ; borrowed, ref to keep */
	struct object *const *items; /* LIST; borrowed */
	size_t items_len;
	const char *resource_version; /* LIST */
};

/* Nothing in request is kept after the call. */
struct rest_call *rest_send(struct rest_client *client, const struct rest_request *request,
    void (*done)(void *arg, const struct rest_result *result), void *arg);
/* A list whose items are handed over one by one (borrowed) as they arrive; done gets the revision and no
 * items. Memory is needed for one item at a time. Should a continue token expire, items come a second time.
 */
struct rest_call *rest_list_each(struct rest_client *client, const struct rest_request *request,
    void (*on_item)(void *arg, struct object *obj), void (*done)(void *arg, const struct rest_result *result),
    void *arg);
void rest_cancel(struct rest_call *call); /* NULL is accepted */

/* A raw exchange on an absolute API path (with query), for discovery, logs, /version. done gets the body as
 * text. */
struct http_response;
struct http_call *rest_raw(struct rest_client *client, const char *method, const char *path,
    const char *accept, const char *content_type, const void *body, size_t body_size,
    void (*done)(void *arg, const struct http_response *response), void *arg);
/* The error that a non-2xx response means. */
int rest_error(const struct http_response *response, struct error *err);

/*
 * Waits by running the loop: for command-line programs only (kubectl, cube), never in daemons. On success
 * *ret_object (may be NULL) gets a reference that the caller releases.
 */
int rest_do(struct rest_client *client, const struct rest_request *request, struct object **ret_object,
    struct error *err);
/* Same for lists; items get references, the array is malloc'ed; free with rest_items_free(). */
int rest_list(struct rest_client *client, const struct rest_request *request, struct object ***ret_items,
    size_t *ret_len, char ret_rv[32], struct error *err);
void rest_items_free(struct object **items, size_t len);

/* Watch: one stream from a resourceVersion. Event types: ADDED MODIFIED DELETED BOOKMARK. */
enum watch_event_type { WATCH_ADDED, WATCH_MODIFIED, WATCH_DELETED, WATCH_BOOKMARK };
struct rest_watch;
struct rest_watch *rest_watch(struct rest_client *client,
    const struct rest_request *list /* verb LIST with rv */,
    void (*on_event)(void *arg, enum watch_event_type type, struct object *obj /* borrowed */),
    void (*on_end)(
	void *arg, const struct error *err /* ERR_EXPIRED, ERR_GONE: list again; NULL: orderly end */),
    void *arg);
void rest_watch_cancel(struct rest_watch *watch);

#endif
