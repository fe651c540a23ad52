/* The pipeline: every request goes through these stages in this order. */
#include "apiserver/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/audit/audit.h"
#include "apiserver/auth/auth.h"
#include "apiserver/deadline.h"
#include "apiserver/flowcontrol/flowcontrol.h"
#include "apiserver/registry/internal.h"
#include "apiserver/shutdown.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

enum applies { ALL, WRITES };

static const struct stage {
	const char *name;
	api_stage_fn *fn;
	enum applies applies;
} stages[] = {
    {"inspect", api_inspect, ALL},            /* what do path and method ask for */
    {"shutdown", shutdown_refuse, ALL},       /* not while the server stops */
    {"deadline", api_deadline, ALL},          /* until when */
    {"authenticate", auth_authenticate, ALL}, /* who asks */
    {"audit", audit_begin, ALL},              /* is it to be logged */
    {"impersonate", auth_impersonate, ALL},   /* as whom */
    {"flow control", flowcontrol_admit, ALL}, /* is there room: now, later, or not at all */
    {"authorize", auth_authorize, ALL},       /* may they */
    {"body", api_expect_body, ALL},           /* has it come in time */
    {"route", api_route, ALL},                /* paths that are no objects end here; type, options, formats */
    {"decode", registry_decode, WRITES},      /* the body */
    {"record", audit_request_body, WRITES},   /* ... for the audit log */
    {"load", registry_load, WRITES},          /* what is stored */
    {"default", registry_default, WRITES},    /* the patch applied, what was left out filled in */
    {"mutate", admission_mutate, WRITES},     /* plugins that change */
    {"validate", registry_validate, WRITES},  /* the strategy's preparation, then every rule */
    {"admit", admission_validate, WRITES},    /* plugins that refuse */
    {"store", registry_store, ALL},           /* the write, or the read */
    {"encode", registry_encode, ALL},         /* the answer */
};
enum { STAGES_LEN = sizeof stages / sizeof stages[0] };

static size_t stage_index(const char *name)
{
	size_t i = 0;
	while (strcmp(stages[i].name, name) != 0)
		i++;
	return i;
}

bool api_is_write(const struct api_request *req)
{
	switch (req->info.verb) {
	case API_CREATE:
	case API_UPDATE:
	case API_PATCH:
	case API_DELETE:
	case API_DELETECOLLECTION:
		return true;
	default:
		return false;
	}
}

static void on_client_gone(void *arg)
{
	struct api_request *req = arg;
	deadline_forget(req);
	req->http = NULL;
	if (!req->cancel)
		return;
	req->cancel(req->cancel_arg);
	pipeline_free(req);
}

static void wait_for_resume(struct api_request *req)
{
	req->is_pending = true;
	deadline_watch(req);
	if (req->http)
		http_on_close(req->http, on_client_gone, req);
}

/* What was answered already shall not be stored after all: only a write under way is seen through. */
static bool is_to_be_dropped(const struct api_request *req)
{
	return req->is_abandoned && stages[req->stage].fn != registry_store &&
	       stages[req->stage].fn != registry_encode;
}

void pipeline_run(struct api_request *req)
{
	while (req->stage < STAGES_LEN) {
		const struct stage *stage = &stages[req->stage];
		if (is_to_be_dropped(req)) {
			api_request_finished(req, 0);
			return;
		}
		if (stage->applies == WRITES && !api_is_write(req)) {
			req->stage++;
			continue;
		}
		switch (stage->fn(req, &req->error)) {
		case API_NEXT:
			req->stage++;
			req->stage_state = NULL;
			break;
		case API_AGAIN:
			req->stage = stage_index("load");
			req->stage_state = NULL;
			req->attempt++;
			break;
		case API_PENDING:
			wait_for_resume(req);
			return;
		case API_DONE:
			return; /* the request may be gone */
		default:
			if (req->stage < stage_index("store") && registry_doubt(req)) {
				req->stage = stage_index("load");
				req->stage_state = NULL;
				req->attempt++;
				break;
			}
			api_respond_error(req, &req->error);
			return;
		}
	}
}

static struct api_request *new_request(struct api_server *server)
{
	struct arena *arena = arena_new();
	struct api_request *req = ARENA_NEW(arena, struct api_request);
	req->arena = arena;
	req->server = server;
	req->start_ms = loop_now_ms(server->loop);
	req->start_ns = loop_clock(server->loop)->monotonic_ns(loop_clock(server->loop));
	req->output.include_object = "Metadata";
	struct api_request_info *i = &req->info;
	i->verb_text = i->path = i->prefix = i->group = i->version = i->ns = i->resource = i->name =
	    i->subresource = i->rest = "";
	struct api_request_options *o = &req->options;
	o->resource_version = o->resource_version_match = o->continue_token = o->label_selector_text =
	    o->field_selector_text = o->field_manager = o->propagation = "";
	server->requests_running++;
	req->next = server->requests;
	req->prev = &server->requests;
	if (req->next)
		req->next->prev = &req->next;
	server->requests = req;
	return req;
}

void pipeline_set_type(struct api_request *req, const struct resource_type *type)
{
	req->type = type;
	if (type && type->dynamic)
		type->dynamic->ref(type);
}

void pipeline_free(struct api_request *req)
{
	struct api_server *server = req->server;
	deadline_forget(req);
	audit_record_free(req->audit);
	flowcontrol_end(req);
	registry_release(req);
	object_unref(req->object);
	object_unref(req->old);
	cache_item_unref(req->old_item);
	if (req->type && req->type->dynamic)
		req->type->dynamic->unref(req->type);
	server->requests_running--;
	*req->prev = req->next;
	if (req->next)
		req->next->prev = req->prev;
	if (req->in_flight)
		--*req->in_flight;
	arena_free(req->arena);
	if (server->shutdown)
		shutdown_request_gone(server);
}

void pipeline_free_all(struct api_server *server)
{
	while (server->requests)
		pipeline_free(server->requests);
}

static void handle(struct api_server *server, struct http_server_request *http, bool is_body_late)
{
	struct api_request *req = new_request(server);
	req->http = http;
	req->is_body_late = is_body_late;
	http->user = req;
	audit_identify(req);
	pipeline_run(req);
}

void pipeline_handle(void *arg, struct http_server_request *http)
{
	handle(arg, http, false);
}

void pipeline_handle_late(void *arg, struct http_server_request *http)
{
	handle(arg, http, true);
}

/* Before a body of any size is read: who sends it must be known, or be allowed what is asked for without a
 * name. The stages come to the same conclusion by themselves, and answer. */
bool pipeline_screen(void *arg, struct http_server_request *http)
{
	struct api_request *req = new_request(arg);
	req->http = http;
	bool is_welcome = api_inspect_path(req, &req->error) == API_NEXT && auth_screen(req);
	req->http = NULL;
	pipeline_free(req);
	return is_welcome;
}

struct api_request *pipeline_new_internal(struct api_server *server)
{
	struct api_request *req = new_request(server);
	req->is_internal = true;
	user_init(req->arena, &req->user, "system:apiserver", NULL);
	user_add_group(req->arena, &req->user, GROUP_MASTERS);
	user_add_group(req->arena, &req->user, GROUP_AUTHENTICATED);
	req->options.field_manager = "kube-apiserver";
	req->stage = stage_index("load");
	return req;
}

void api_request_resume(struct api_request *req)
{
	req->is_pending = false;
	req->cancel = NULL;
	deadline_forget(req);
	pipeline_run(req);
}

void api_request_fail(struct api_request *req, const struct error *err)
{
	req->is_pending = false;
	req->cancel = NULL;
	api_respond_error(req, err);
}

const char *api_field_manager(struct api_request *req)
{
	if (!str_empty(req->options.field_manager))
		return req->options.field_manager;
	if (!req->manager) {
		const char *agent = req->http ? http_request_header(req->http, "User-Agent") : NULL;
		size_t size = agent ? strcspn(agent, "/") : 0;
		req->manager = size ? arena_strndup(req->arena, agent, size) : "unknown";
	}
	return req->manager;
}
