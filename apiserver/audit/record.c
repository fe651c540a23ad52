#include "apiserver/audit/record.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apiserver/deadline.h"
#include "lib/api/codec.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

enum { USER_AGENT_MAX = 1024, WARN_EVERY_S = 60 };

/* The event */

/* The address without its port. */
static const char *host_of(struct arena *arena, const char *address)
{
	const char *colon = strrchr(address, ':');
	size_t size = colon ? (size_t)(colon - address) : strlen(address);
	return *address == '[' ? arena_strndup(arena, address + 1, size - 2)
			       : arena_strndup(arena, address, size);
}

static void add_source(struct arena *arena, AuditV1__Event *event, const char *ip)
{
	for (size_t i = 0; i < event->n_source_ips; i++)
		if (!strcmp(event->source_ips[i], ip))
			return;
	api_append(arena, event, source_ips, arena_strdup(arena, ip));
}

/* Proxies in front of us say for whom they ask; only the last address is sure. */
static void add_sources(struct api_request *req, AuditV1__Event *event)
{
	struct arena *arena = req->arena;
	const char *forwarded = http_request_header(req->http, "X-Forwarded-For");
	const char *real = http_request_header(req->http, "X-Real-Ip");
	size_t len = 0;
	char **items = forwarded ? str_split(arena, forwarded, ',', &len) : NULL;
	for (size_t i = 0; i < len; i++) {
		const char *ip = items[i] + strspn(items[i], " ");
		add_source(arena, event, arena_strndup(arena, ip, strcspn(ip, " ")));
	}
	if (real)
		add_source(arena, event, real);
	const char *peer = host_of(arena, req->http->peer->address);
	if (!event->n_source_ips || strcmp(event->source_ips[event->n_source_ips - 1], peer) != 0)
		api_append(arena, event, source_ips, arena_strdup(arena, peer));
}

static AuditV1__ObjectReference *reference(struct api_request *req)
{
	const struct api_request_info *info = &req->info;
	AuditV1__ObjectReference *ref = API_NEW(req->arena, audit_v1__object_reference);
	ref->resource = arena_strdup(req->arena, info->resource);
	ref->namespace_ = arena_strdup(req->arena, info->ns);
	ref->name = arena_strdup(req->arena, info->name);
	ref->api_group = arena_strdup(req->arena, info->group);
	ref->api_version = arena_strdup(req->arena, info->version);
	ref->subresource = arena_strdup(req->arena, info->subresource);
	return ref;
}

struct audit_record *audit_record_new(struct api_request *req, const struct audit_decision *decision)
{
	struct arena *arena = req->arena;
	struct audit_record *r = ARENA_NEW(arena, struct audit_record);
	AuditV1__Event *e = API_NEW(arena, audit_v1__event);
	const char *agent = http_request_header(req->http, "User-Agent");
	r->audit = req->server->audit;
	r->arena = arena;
	r->event = e;
	r->decision = *decision;
	r->is_long_running = api_is_long_running(req);
	e->level = (char *)audit_level_names[decision->level];
	e->audit_id = (char *)req->audit_id;
	e->request_uri = arena_strdup(arena, req->http->target);
	e->verb = arena_strdup(arena, req->info.verb_text);
	e->user = user_to_info(arena, &req->user);
	if (agent && strlen(agent) > USER_AGENT_MAX)
		e->user_agent = arena_printf(arena, "%.*s...TRUNCATED", USER_AGENT_MAX, agent);
	else
		e->user_agent = arena_strdup(arena, str_or(agent, ""));
	add_sources(req, e);
	if (req->info.is_resource)
		e->object_ref = reference(req);
	e->request_received_timestamp = micro_time_new(arena, clock_wall_ns(r->audit->clock));
	return r;
}

/* Its lines */

/* A full disk would say so with every request: once a minute is enough. */
static void warn(struct audit *audit, const struct error *why)
{
	int64_t now_ns = clock_wall_ns(audit->clock);
	if (audit->warned_ns && now_ns - audit->warned_ns < WARN_EVERY_S * INT64_C(1000000000))
		return;
	audit->warned_ns = now_ns;
	log_error("audit events are lost: %s", why->message);
}

int audit_record_write(struct audit_record *record, enum audit_stage stage, struct error *err)
{
	struct audit *audit = record->audit;
	AuditV1__Event *event = record->event;
	struct error why = ERROR_INIT;
	struct buf line = BUF_INIT;
	if (record->decision.omitted & 1u << stage)
		return 0;
	event->stage = (char *)audit_stage_names[stage];
	event->stage_timestamp = stage == AUDIT_REQUEST_RECEIVED
				     ? event->request_received_timestamp
				     : micro_time_new(record->arena, clock_wall_ns(audit->clock));
	codec_to_json_text(&line, schema_of(&audit_v1__event__descriptor), &event->base);
	buf_putc(&line, '\n');
	audit->events++;
	int rc = log_file_write(audit->log, line.data, line.size, &why);
	buf_done(&line);
	if (!rc)
		return 0;
	audit->errors++;
	warn(audit, &why);
	return error_set(err, ERR_INTERNAL, "%s", why.message);
}

static void set_code(struct audit_record *record, int status)
{
	AuditV1__Event *event = record->event;
	if (!event->response_status)
		event->response_status = API_NEW(record->arena, meta_v1__status);
	event->response_status->code = status;
}

void audit_record_start(struct audit_record *record, int status)
{
	if (record->is_started)
		return;
	record->is_started = true;
	set_code(record, status);
	audit_record_write(record, AUDIT_RESPONSE_STARTED, NULL);
}

void audit_record_complete(struct audit_record *record, int status)
{
	if (record->is_complete)
		return;
	if (record->is_long_running || record->is_unauthenticated)
		audit_record_start(record, status);
	record->is_complete = true;
	if (record->is_unauthenticated)
		return;
	set_code(record, status);
	audit_record_write(record, AUDIT_RESPONSE_COMPLETE, NULL);
}
