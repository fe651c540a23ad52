/*
 * server: the API server as one struct, and the pipeline that every request goes through (pipeline.c holds
 * the array: reading it is reading the server). Folders and what each one adds:
 *
 *   storage/    etcd or memory behind one table of functions      watchcache/ what is stored, in memory, with
 * events registry/   create, get, list, update, delete, watch          auth/       who asks, and may they
 *   admission/  plugins that change or refuse writes              patch/      the four kinds of patch,
 * managedFields discovery/ openapi/  documents about the API                  proxy/      logs, exec,
 * proxying to nodes bootstrap/  objects that every cluster starts with
 *
 * Everything runs on one loop. Nothing blocks: a stage that has to wait returns API_PENDING and calls
 * api_request_resume() later, which calls the same stage again.
 */
#ifndef CUBE_APISERVER_SERVER_H
#define CUBE_APISERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apiserver/auth/user.h" /* struct api_user: who asks */
#include "lib/api/codec.h"
#include "lib/api/object.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/http/server.h"
#include "lib/resources/resource.h"

struct admission;
struct flowcontrol;
struct flow_ticket;
struct api_options;
struct audit;
struct audit_record;
struct auth;
struct buf;
struct cache_item;
struct deadlines;
struct field_selector;
struct http_client;
struct json;
struct loop;
struct selector;
struct shutdown;
struct storage;
struct strmap;
struct watchcache;
struct webhook_metrics;

struct api_server {
	struct loop *loop;
	const struct api_options *options; /* options.h */
	struct storage *storage;           /* storage/storage.h */
	struct watchcache *cache;          /* watchcache/watchcache.h */
	struct http_server *http;
	struct http_client *http_client;         /* for webhooks and other outgoing calls with default TLS */
	struct auth *auth;                       /* auth/auth.h */
	struct admission *admission;             /* admission/admission.h */
	struct webhook_metrics *webhook_metrics; /* admission/webhook_metrics.c */
	struct flowcontrol *flowcontrol;         /* flowcontrol/flowcontrol.h */
	struct services *services;               /* registry/services.h: cluster IPs and node ports */
	struct types *types;                     /* types.h: the table's and those added at run time */
	struct system_objects *system_objects;   /* registry/system_objects.h: the service kubernetes, ... */
	struct compactor *compactor;             /* storage/compactor.h */
	struct metrics *metrics;                 /* metrics.h */
	struct deadlines *deadlines;             /* deadline.h */
	struct audit *audit;                     /* audit/audit.h; NULL: nothing is audited */
	void *proxy, *discovery, *openapi, *bootstrap, *extensions,
	    *aggregation;           /* state that these folders keep */
	struct str_uuids audit_ids; /* of requests that bring none */
	struct strmap
	    *watch_selections; /* registry/watch_selection.c: those in use; NULL when there are none */
	void *conversions;     /* calls of conversion webhooks under way: extensions/conversion.c */
	bool has_policy;       /* bootstrap's roles, priority classes, ... are there */
	bool is_bootstrapped;  /* ... and the system's namespaces and services: the server is ready */
	void (*on_ready)(void *arg, const struct error *err);
	void *on_ready_arg;
	bool is_stopping;             /* asked to end: /readyz fails, requests are served */
	struct shutdown *shutdown;    /* shutdown.h; NULL before that */
	struct api_request *requests; /* those that run; pipeline.c */
	size_t requests_running,
	    streams_running; /* streams: watches, tunnels; counted among the requests too */
	size_t in_flight[2]; /* of clients, without the long-running ones: reads, writes */
};

/*
 * Makes the server: storage, cache, keys, port. Requests are served from the moment that the cache is filled;
 * on_ready fires when the first objects are there too. Options and loop are borrowed.
 */
struct api_server *api_server_new(struct loop *loop, const struct api_options *options, struct error *err);
void api_server_start(
    struct api_server *server, void (*on_ready)(void *arg, const struct error *err), void *arg);
int api_server_port(const struct api_server *server);
/* The beginning of a stop: no longer ready, out of the endpoints of the service kubernetes, still serving. */
void api_server_leave(struct api_server *server);
/* Leaves, and ends in good order (shutdown.h): requests under way finish, watches end; done fires once. */
void api_server_shutdown(struct api_server *server, void (*done)(void *arg), void *arg);
void api_server_free(struct api_server *server);

enum api_verb {
	API_VERB_NONE, /* not a resource request */
	API_GET,
	API_LIST,
	API_WATCH,
	API_CREATE,
	API_UPDATE,
	API_PATCH,
	API_DELETE,
	API_DELETECOLLECTION
};

enum api_stage_result {
	API_NEXT,     /* go on with the next stage */
	API_DONE,     /* answered (or the answer is under way): no further stage */
	API_PENDING,  /* api_request_resume() will call this stage again */
	API_AGAIN,    /* the stored object changed meanwhile: back to the stage "load" with a fresh one */
	API_FAIL = -1 /* error filled: answered as a Status */
};

enum patch_type { PATCH_NONE, PATCH_JSON, PATCH_MERGE, PATCH_STRATEGIC, PATCH_APPLY };
enum field_validation { FIELD_VALIDATION_WARN, FIELD_VALIDATION_IGNORE, FIELD_VALIDATION_STRICT };
enum media { MEDIA_JSON, MEDIA_PROTOBUF, MEDIA_YAML };
enum media_as { AS_OBJECT, AS_TABLE, AS_PARTIAL, AS_PARTIAL_LIST };

/* What the URL and the method say (upstream's RequestInfo), decoded. Strings are never NULL. */
struct api_request_info {
	bool is_resource;
	enum api_verb verb;
	const char *verb_text; /* "get", "deletecollection", ...; the lower-case method for other requests */
	const char *path;      /* undecoded, without query */
	const char *prefix;    /* "api" or "apis" */
	const char *group, *version, *ns, *resource, *name, *subresource;
	const char *rest;         /* undecoded, what follows the subresource, with its slash: proxy paths */
	const char *const *parts; /* decoded path segments behind the version; NULL-terminated */
};

/* Options that come in the query (and for deletes in the body). */
struct api_request_options {
	bool dry_run;
	bool is_watch, allow_bookmarks, send_initial_events, has_send_initial_events;
	bool has_resource_version;
	const char *resource_version, *resource_version_match; /* "" when absent */
	const char *continue_token;
	int64_t limit;
	int64_t timeout_s; /* 0: none given */
	const char *label_selector_text, *field_selector_text;
	struct selector *labels;       /* NULL: everything */
	struct field_selector *fields; /* NULL: everything */
	const char *field_manager;     /* fieldManager=, "" when absent; see api_field_manager() */
	enum field_validation field_validation;
	bool force, has_force;
	/* deletes */
	bool has_grace_period;
	int64_t grace_period_s;
	const char *propagation; /* "", Background, Foreground, Orphan */
	bool has_orphan_dependents, orphan_dependents;
	const char *precondition_uid, *precondition_rv; /* NULL: none */
	bool ignore_store_read_error;
};

/* How the answer is to be encoded. */
struct api_output {
	enum media media;
	enum media_as as;
	bool is_v1beta1; /* Table or PartialObjectMetadata of meta.k8s.io/v1beta1 */
	bool is_stream;  /* ;stream=watch */
	bool is_pretty;
	const char *include_object; /* Table: None, Metadata (default), Object */
};

struct api_request {
	struct arena *arena; /* own: outlives the connection when the client goes away */
	struct api_server *server;
	struct http_server_request *http; /* NULL for an internal request, and once the client has gone */
	struct api_request_info info;
	struct api_request_options options;
	struct api_output output;
	struct api_user user;
	struct flow_ticket *flow;         /* flowcontrol/: its place; NULL where it needs none */
	const struct resource_type *type; /* of the URL's version; NULL when not a resource */

	/* The body. `object` is what will be stored or, for connect-like subresources, what was sent
	 * (Binding, Eviction...). */
	bool is_body_late; /* it has not come in time or was not let in, and there is none */
	enum media body_media;
	enum patch_type patch_type;
	struct json *patch;          /* of a PATCH: the parsed document */
	struct object *object;       /* owned by the request (released at its end); mutable until stored */
	const struct object *old;    /* the current object for update, patch and delete; owned reference */
	struct cache_item *old_item; /* the same as it is stored; owned reference */
	bool is_creating;            /* create, or an update or apply that creates */
	const char *manager;         /* what api_field_manager() has found */
	const char *const *warnings; /* become Warning: 299 headers; see api_warn() */
	size_t warnings_len;

	struct api_request *next, **prev; /* in server->requests */
	size_t stage;                     /* index into the array of pipeline.c */
	bool is_pending;
	bool is_internal; /* registry_*(): runs as the system itself, no authentication */
	bool is_finished;
	int64_t start_ms, start_ns; /* of the loop's clock; ns: monotonic */
	size_t *in_flight;          /* where it is counted: server->in_flight, or NULL */
	size_t response_size;       /* of the body, before compression */
	int64_t deadline_ms;        /* loop time at which the answer is a 504; 0: never */
	struct api_request *waiting_next, **waiting_prev; /* deadline.c: those that wait */
	bool is_write_bound;        /* the deadline is the bound of writes, not --request-timeout */
	bool is_abandoned;          /* answered 504 while something was under way, whose outcome is dropped */
	struct audit_record *audit; /* audit/audit.h; NULL: not audited */
	const char *audit_id;       /* NULL: internal */
	int attempt;                /* how often the store stage has lost a race and started over */
	struct error error;         /* what a stage failed with */
	const char *continue_after_error; /* metadata.continue of an error's Status, or NULL */
	void *stage_state;     /* private to the stage that is running; NULL when a stage is entered first */
	void *admission_state; /* private to admission/ for the whole request */
	void *registry_state;  /* private to registry/ */
	/* Internal requests: the answer. obj is borrowed; NULL on error. */
	void (*done)(void *arg, const struct object *obj, const struct error *err);
	void *done_arg;
	/* How to give up pending work when the client goes away; the request is freed after. NULL: the work
	 * goes on and its answer is dropped (writes). */
	void (*cancel)(void *arg);
	void *cancel_arg;
};

/* A stage answers with an api_stage_result and fills err for API_FAIL. */
typedef int api_stage_fn(struct api_request *req, struct error *err);

/* Calls the stage that returned API_PENDING again. Must not be called from inside that stage. Safe after the
 * client has gone only if req->cancel was not set or did nothing: cancel what would call this. */
void api_request_resume(struct api_request *req);
/* Ends a pending request with an error instead of calling the stage again. */
void api_request_fail(struct api_request *req, const struct error *err);
/* Answers a pending request whose work cannot be cancelled; the request lives on until that is done. */
void api_request_abandon(struct api_request *req, const struct error *err);
/* Adds a Warning header (once per text). */
void api_warn(struct api_request *req, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The user agent's name up to '/', or fieldManager= when given. */
const char *api_field_manager(struct api_request *req);

/*
 * Answers; each finishes the request. Objects are encoded as req->output asks for: an object of the type's
 * kind also as Table or PartialObjectMetadata. A Status is always JSON, protobuf or YAML.
 */
void api_respond_object(struct api_request *req, int status, const struct object *obj);
void api_respond_error(struct api_request *req, const struct error *err);
/* Status Success, e.g. after a delete: details name, group, kind, uid ("" are left out). */
void api_respond_success(struct api_request *req, int status, const char *group, const char *kind,
    const char *name, const char *uid);
void api_respond_text(struct api_request *req, int status, const char *content_type, const char *text);
/* For handlers that answer through req->http themselves (tunnels, logs, cached documents): call when the
 * answer is complete or handed over; the request is gone after. */
void api_request_finished(struct api_request *req, int status);

/* Paths that are no resources, longest prefix first; table in routes.c. A prefix that ends with '/' matches
 * what is below. */
struct api_route {
	const char *path;
	const char *methods; /* "GET" or "GET,POST"; NULL: any */
	api_stage_fn *handler;
};

/*
 * Type by URL, including types that are added at run time (custom resources). The registry keeps the pointer:
 * a type may be removed only with api_remove_type(), which ends its watches and forgets its cache.
 */
const struct resource_type *api_find_type(
    struct api_server *server, const char *group, const char *version, const char *plural);
/* All versions and kinds, built-in ones first, in resources.def's order. */
size_t api_types_count(const struct api_server *server);
const struct resource_type *api_types_at(const struct api_server *server, size_t i);
void api_add_type(struct api_server *server, const struct resource_type *type);
void api_remove_type(struct api_server *server, const struct resource_type *type);

/*
 * Seams: what the other folders implement. All run on the loop.
 */
/* auth/ */
int auth_init(struct api_server *server, struct error *err); /* reads keys and token files */
void auth_done(struct api_server *server);
int auth_authenticate(struct api_request *req, struct error *err); /* fills req->user */
int auth_impersonate(struct api_request *req, struct error *err);  /* ... and whom the request acts for */
int auth_authorize(struct api_request *req, struct error *err);
/* /.well-known/openid-configuration and /openid/v1/jwks */
int auth_serve_openid(struct api_request *req, struct error *err);
/* authorization.k8s.io and authentication.k8s.io reviews, serviceaccounts/token, certificates approval:
 * virtual resources whose answer is computed. req->object is the decoded body; change it (status) and return
 * API_NEXT. */
int auth_serve_review(struct api_request *req, struct error *err);

/* admission/: the mutate and admit stages; each calls the plugins of plugins.def in order. */
int admission_init(struct api_server *server, struct error *err);
void admission_done(struct api_server *server);
int admission_mutate(struct api_request *req, struct error *err);
int admission_validate(struct api_request *req, struct error *err);

/* bootstrap/: creates what every cluster has (roles, bindings, priority classes, ...) with registry_create();
 * called when storage and cache are ready. Namespaces and the service kubernetes are the registry's. */
void bootstrap_start(struct api_server *server, void (*done)(void *arg), void *arg);

/* proxy/: pods/{log,exec,attach,portforward,proxy}, services/proxy, nodes/proxy. req->type and info are
 * filled; the pod is looked up in the cache. */
int proxy_serve(struct api_request *req, struct error *err);

/* discovery/ and openapi/ */
int discovery_serve(struct api_request *req, struct error *err);
int openapi_serve(struct api_request *req, struct error *err);

/* patch/patch.h: patches and managedFields. */

#endif
