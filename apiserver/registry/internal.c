/* Requests from inside the process: the same pipeline, as the system itself. */
#include <string.h>

#include "apiserver/registry/internal.h"
#include "lib/base/arena.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

struct call {
	registry_done_fn *done;
	void *arg;
	const char *what;
};

static void on_done(void *arg, const struct object *obj, const struct error *err)
{
	struct call *call = arg;
	if (call->done)
		call->done(call->arg, obj, err);
	else if (err)
		log_debug("%s: %s", call->what, err->message);
}

static struct api_request *new_call(struct api_server *server, const struct resource_type *type,
    enum api_verb verb, const char *verb_text, const char *ns, const char *name, registry_done_fn *done,
    void *arg)
{
	struct api_request *req = pipeline_new_internal(server);
	struct call *call = ARENA_NEW(req->arena, struct call);
	call->done = done;
	call->arg = arg;
	call->what =
	    arena_printf(req->arena, "internal %s of %s %s", verb_text, type->plural, str_or(name, ""));
	pipeline_set_type(req, type);
	req->done = on_done;
	req->done_arg = call;
	req->info.is_resource = true;
	req->info.verb = verb;
	req->info.verb_text = verb_text;
	req->info.group = type->group;
	req->info.version = type->version;
	req->info.resource = type->plural;
	req->info.ns = arena_strdup(req->arena, str_or(ns, ""));
	req->info.name = arena_strdup(req->arena, str_or(name, ""));
	return req;
}

void registry_create(struct api_server *server, const struct resource_type *type, const struct object *obj,
    registry_done_fn *done, void *arg)
{
	struct api_request *req =
	    new_call(server, type, API_CREATE, "create", obj->meta->namespace_, "", done, arg);
	req->object = object_clone(obj);
	pipeline_run(req);
}

void registry_update(struct api_server *server, const struct resource_type *type, const char *subresource,
    const struct object *obj, registry_done_fn *done, void *arg)
{
	struct api_request *req =
	    new_call(server, type, API_UPDATE, "update", obj->meta->namespace_, obj->meta->name, done, arg);
	req->info.subresource = arena_strdup(req->arena, str_or(subresource, ""));
	req->object = object_clone(obj);
	registry_state(req)->decoded = object_clone(obj);
	pipeline_run(req);
}

void registry_delete(struct api_server *server, const struct resource_type *type, const char *ns,
    const char *name, const char *precondition_uid, registry_done_fn *done, void *arg)
{
	struct api_request *req = new_call(server, type, API_DELETE, "delete", ns, name, done, arg);
	req->options.precondition_uid = arena_strdup(req->arena, precondition_uid);
	pipeline_run(req);
}
