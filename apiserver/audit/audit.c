#include "apiserver/audit/audit.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apiserver/audit/record.h"
#include "apiserver/metrics.h"
#include "apiserver/options.h"
#include "apiserver/pipeline.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

/* Metrics */

struct audit_metrics {
	struct api_server *server;
	struct metric_series *events, *errors, *rejected, *levels[AUDIT_LEVELS];
};

/* Records can outlive the metrics: they are counted in the struct, and read here. */
static void put_counters(void *arg)
{
	struct audit_metrics *m = arg;
	const struct audit *audit = m->server->audit;
	if (!audit)
		return;
	metric_put(m->events, (double)audit->events);
	metric_put(m->errors, (double)audit->errors);
	metric_put(m->rejected, (double)audit->rejected);
	for (size_t i = 0; i < AUDIT_LEVELS; i++)
		metric_put(m->levels[i], (double)audit->levels[i]);
}

static void add_metrics(struct api_server *server)
{
	struct metric_set *set = metrics_set(server);
	struct audit_metrics *m = metric_set_alloc(set, sizeof *m);
	m->server = server;
	m->events = metric_series_of(metric_counter(set, "apiserver_audit_event_total",
					 "Audit events made and handed to the log.", ""),
	    NULL);
	m->errors = metric_series(metric_counter(set, "apiserver_audit_error_total",
				      "Audit events that could not be logged.", "plugin"),
	    "log");
	m->rejected = metric_series_of(metric_counter(set, "apiserver_audit_requests_rejected_total",
					   "Requests refused as they could not be logged.", ""),
	    NULL);
	struct metric *levels = metric_counter(
	    set, "apiserver_audit_level_total", "Requests by the level that the policy gives them.", "level");
	for (size_t i = 0; i < AUDIT_LEVELS; i++)
		m->levels[i] = metric_series(levels, audit_level_names[i]);
	metric_set_on_write(set, put_counters, m);
}

/* Start and end */

static int check_options(const struct api_options *o, struct error *err)
{
	if (strcmp(o->audit_log_format, "json") != 0)
		return error_set(err, ERR_BAD_REQUEST, "--audit-log-format=%s is not supported: use json",
		    o->audit_log_format);
	if (strcmp(o->audit_log_mode, "blocking") != 0 && strcmp(o->audit_log_mode, "blocking-strict") != 0)
		return error_set(err, ERR_BAD_REQUEST,
		    "--audit-log-mode=%s is not supported: use blocking or blocking-strict",
		    o->audit_log_mode);
	if (strcmp(o->audit_log_version, "audit.k8s.io/v1") != 0)
		return error_set(err, ERR_BAD_REQUEST,
		    "--audit-log-version=%s is not supported: use audit.k8s.io/v1", o->audit_log_version);
	if (o->audit_log_maxage_days < 0 || o->audit_log_maxbackup < 0 || o->audit_log_maxsize_mb < 0)
		return error_set(err, ERR_BAD_REQUEST,
		    "--audit-log-maxage, --audit-log-maxbackup and --audit-log-maxsize must not be negative");
	return 0;
}

int audit_init(struct api_server *server, struct error *err)
{
	const struct api_options *o = server->options;
	struct audit_policy *policy = NULL;
	add_metrics(server);
	if (check_options(o, err))
		return -1;
	if (!str_empty(o->audit_policy_file) && audit_policy_load(o->audit_policy_file, &policy, err))
		return -1;
	if (str_empty(o->audit_log_path) || !policy) {
		if (!str_empty(o->audit_log_path) || policy)
			log_warning(
			    "nothing is audited: --audit-policy-file and --audit-log-path need each other");
		audit_policy_free(policy);
		return 0;
	}
	const struct log_file_options log = {.path = o->audit_log_path,
	    .size_max = (o->audit_log_maxsize_mb ? o->audit_log_maxsize_mb : 100) * 1024 * 1024,
	    .backups_max = o->audit_log_maxbackup,
	    .age_max_days = o->audit_log_maxage_days};
	struct log_file *file = log_file_open(&log, loop_clock(server->loop), err);
	if (!file) {
		audit_policy_free(policy);
		return -1;
	}
	struct audit *audit = calloc(1, sizeof *audit);
	if (!audit)
		abort();
	*audit = (struct audit){.refs = 1,
	    .clock = loop_clock(server->loop),
	    .policy = policy,
	    .log = file,
	    .is_strict = !strcmp(o->audit_log_mode, "blocking-strict")};
	server->audit = audit;
	return 0;
}

void audit_unref(struct audit *audit)
{
	if (!audit || --audit->refs > 0)
		return;
	audit_policy_free(audit->policy);
	log_file_close(audit->log);
	free(audit);
}

void audit_done(struct api_server *server)
{
	audit_unref(server->audit);
	server->audit = NULL;
}

/* Arrival */

static struct audit_decision decide(struct api_request *req)
{
	const struct api_request_info *info = &req->info;
	struct audit *audit = req->server->audit;
	const struct audit_attributes a = {.user = str_or(req->user.name, ""),
	    .groups = req->user.groups,
	    .verb = info->verb_text,
	    .is_resource = info->is_resource,
	    .group = info->group,
	    .resource = info->resource,
	    .subresource = info->subresource,
	    .ns = info->ns,
	    .name = info->name,
	    .path = info->path};
	struct audit_decision decision = audit_policy_decide(audit->policy, &a);
	audit->levels[decision.level]++;
	return decision;
}

void audit_identify(struct api_request *req)
{
	const char *id = http_request_header(req->http, "Audit-ID");
	if (str_empty(id)) {
		char *uuid = arena_alloc(req->http->arena, 37);
		str_uuid_next(&req->server->audit_ids, uuid);
		id = uuid;
	}
	req->audit_id = arena_strdup(req->arena, id); /* the request may outlive its client */
	req->http->extra = (struct http_header){"Audit-Id", id};
}

int audit_begin(struct api_request *req, struct error *err)
{
	struct audit *audit = req->server->audit;
	if (!audit)
		return API_NEXT;
	const struct audit_decision decision = decide(req);
	if (decision.level == AUDIT_NONE)
		return API_NEXT;
	req->audit = audit_record_new(req, &decision);
	if (!audit_record_write(req->audit, AUDIT_REQUEST_RECEIVED, NULL) || !audit->is_strict)
		return API_NEXT;
	audit->rejected++;
	return error_set(err, ERR_INTERNAL, "Internal error occurred: failed to store audit event");
}

bool audit_wants_request_body(const struct api_request *req)
{
	return req->audit && req->audit->decision.level >= AUDIT_REQUEST && req->info.is_resource;
}

bool audit_wants_response_body(const struct api_request *req)
{
	return req->audit && req->audit->decision.level >= AUDIT_REQUEST_RESPONSE && req->info.is_resource &&
	       !req->audit->is_started;
}

/* Embedded objects are JSON already. */
static Runtime__RawExtension *embed(struct api_request *req, enum media media, const void *data, size_t size)
{
	ProtobufCBinaryData json =
	    audit_body_to_json(req->arena, media, data, size, req->audit->decision.omit_managed_fields);
	if (!json.len)
		return NULL;
	Runtime__RawExtension *raw = API_NEW(req->arena, runtime__raw_extension);
	raw->has_raw = true;
	raw->raw = json;
	return raw;
}

/* What the URL leaves open, the object says. */
static void complete_reference(struct api_request *req)
{
	AuditV1__ObjectReference *ref = req->audit->event->object_ref;
	const MetaV1__ObjectMeta *meta = req->object ? req->object->meta : NULL;
	if (!ref || !meta)
		return;
	if (!*ref->namespace_)
		ref->namespace_ = arena_strdup(req->arena, meta->namespace_);
	if (!*ref->name)
		ref->name = arena_strdup(req->arena, meta->name);
	if (!*ref->uid)
		ref->uid = arena_strdup(req->arena, meta->uid);
	if (!*ref->resource_version)
		ref->resource_version = arena_strdup(req->arena, meta->resource_version);
}

int audit_request_body(struct api_request *req, struct error *err)
{
	if (!req->audit || !req->http)
		return API_NEXT;
	complete_reference(req);
	if (!audit_wants_request_body(req))
		return API_NEXT;
	enum media media = req->patch_type == PATCH_APPLY  ? MEDIA_YAML
			   : req->patch_type != PATCH_NONE ? MEDIA_JSON
							   : req->body_media;
	req->audit->event->request_object = embed(req, media, req->http->body, req->http->body_size);
	return API_NEXT;
}

void audit_impersonated(struct api_request *req)
{
	if (req->audit)
		req->audit->event->impersonated_user = user_to_info(req->arena, &req->user);
}

void audit_annotate(struct api_request *req, const char *key, const char *fmt, ...)
{
	va_list ap;
	if (!req->audit || api_map_get(req->audit->event, annotations, key))
		return;
	va_start(ap, fmt);
	api_map_set(req->arena, req->audit->event, annotations, audit_v1__event__annotations_entry,
	    arena_strdup(req->arena, key), arena_vprintf(req->arena, fmt, ap));
	va_end(ap);
}

/* The answer */

void audit_response_status(struct api_request *req, const MetaV1__Status *status)
{
	/* What a watch says in its stream is not how it was answered. */
	if (!req->audit || req->audit->is_started || req->audit->is_complete)
		return;
	MetaV1__Status *copy = api_clone_message(req->arena, &status->base);
	copy->metadata = API_NEW(req->arena, meta_v1__list_meta);
	req->audit->event->response_status = copy;
}

/* Who was not let in is logged with what he asked for, at a stage of its own as upstream
 * does. Made before the answer leaves: the HTTP request is gone behind it. */
static void begin_unauthenticated(struct api_request *req)
{
	const struct audit_decision decision = decide(req);
	const char *scheme = http_request_header(req->http, "Authorization");
	if (decision.level == AUDIT_NONE)
		return;
	struct audit_record *r = audit_record_new(req, &decision);
	r->event->response_status = API_NEW(req->arena, meta_v1__status);
	if (req->error.code != ERR_UNAUTHORIZED)
		r->event->response_status->message = arena_strdup(req->arena, req->error.message);
	else if (scheme)
		r->event->response_status->message =
		    arena_printf(req->arena, "Authentication failed, attempted: %s",
			str_lower(req->arena, arena_strndup(req->arena, scheme, strcspn(scheme, " "))));
	else
		r->event->response_status->message =
		    arena_strdup(req->arena, "Authentication failed, no credentials provided");
	r->is_unauthenticated = true;
	req->audit = r;
}

void audit_response_body(struct api_request *req, const void *data, size_t size)
{
	if (req->server->audit && !req->user.name && !req->is_internal && !req->audit && req->http)
		begin_unauthenticated(req);
	if (audit_wants_response_body(req))
		req->audit->event->response_object = embed(req, req->output.media, data, size);
}

void audit_complete(struct api_request *req, int status)
{
	if (req->audit)
		audit_record_complete(req->audit, status);
}

void audit_response_started(struct api_request *req, int status)
{
	if (req->audit && req->audit->is_long_running)
		audit_record_start(req->audit, status);
}

struct audit_record *audit_hand_over(struct api_request *req, int status)
{
	struct audit_record *r = req->audit;
	if (!r || !r->is_long_running)
		return NULL;
	audit_record_start(r, status);
	struct arena *arena = arena_new();
	struct audit_record *own = ARENA_NEW(arena, struct audit_record);
	*own = *r;
	own->arena = own->own_arena = arena;
	own->event = api_clone(arena, r->event);
	own->audit->refs++;
	req->audit = NULL;
	return own;
}

void audit_record_end(struct audit_record *record)
{
	if (!record)
		return;
	audit_record_complete(record, record->event->response_status->code);
	struct audit *audit = record->audit;
	arena_free(record->own_arena);
	audit_unref(audit);
}

void audit_record_free(struct audit_record *record)
{
	if (!record || record->is_complete)
		return;
	MetaV1__Status *status = API_NEW(record->arena, meta_v1__status);
	status->status = "Success";
	status->message = "Connection closed early";
	if (!record->event->response_status)
		record->event->response_status = status;
	audit_record_complete(record, 200);
}
