/* Subresources and virtual resources: which there are, and what those do that are no plain write. */
#include <stdlib.h>
#include <string.h>

#include "apiserver/registry/internal.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "proto/core_v1.pb-c.h"

uint32_t registry_subresource_verbs(const struct resource_type *type, const char *name)
{
	const struct subresource_type *sub = subresource_find(type, name);
	if (sub)
		return sub->verbs;
	if ((!strcmp(name, "status") && (type->flags & RESOURCE_STATUS)) ||
	    (!strcmp(name, "scale") && (type->flags & RESOURCE_SCALE)))
		return VERB_GET | VERB_UPDATE | VERB_PATCH;
	return 0;
}

bool registry_is_proxied(const struct api_request *req)
{
	static const char *const names[] = {"log", "exec", "attach", "portforward", "proxy", NULL};
	return str_in(req->info.subresource, names) && *req->info.name &&
	       subresource_find(req->type, req->info.subresource);
}

bool registry_has_own_kind(const struct api_request *req)
{
	const struct subresource_type *sub = subresource_find(req->type, req->info.subresource);
	if (!strcmp(req->info.subresource, "scale"))
		return req->info.verb == API_UPDATE || req->info.verb == API_PATCH;
	return sub && strcmp(sub->kind, req->type->kind) != 0;
}

/* Which members of the sent object a part-wise subresource keeps. */
static int keep_part(struct api_request *req)
{
	struct object *sent = req->object, *obj = object_clone(req->old);
	const char *sub = req->info.subresource;
	if (!strcmp(sub, "finalize")) {
		CoreV1__Namespace *to = (CoreV1__Namespace *)obj->msg, *from = (CoreV1__Namespace *)sent->msg;
		to->spec = api_clone(obj->arena, from->spec);
	} else if (!strcmp(sub, "ephemeralcontainers")) {
		CoreV1__Pod *to = (CoreV1__Pod *)obj->msg, *from = (CoreV1__Pod *)sent->msg;
		CoreV1__PodSpec *spec = api_clone(obj->arena, from->spec);
		to->spec->ephemeral_containers = spec->ephemeral_containers;
		to->spec->n_ephemeral_containers = spec->n_ephemeral_containers;
	} else if (!strcmp(sub, "resize")) {
		CoreV1__Pod *to = (CoreV1__Pod *)obj->msg, *from = (CoreV1__Pod *)sent->msg;
		for (size_t i = 0; i < to->spec->n_containers && i < from->spec->n_containers; i++) {
			CoreV1__Container *c = api_clone(obj->arena, from->spec->containers[i]);
			to->spec->containers[i]->resources = c->resources;
			to->spec->containers[i]->resize_policy = c->resize_policy;
			to->spec->containers[i]->n_resize_policy = c->n_resize_policy;
		}
	} else {
		registry_set_meta(obj, sent->meta);
		registry_keep_status(obj, sent); /* approval: its conditions */
	}
	obj->meta->resource_version = arena_strdup(obj->arena, sent->meta->resource_version);
	object_unref(sent);
	req->object = obj;
	return 0;
}

int registry_prepare_subresource(struct api_request *req, struct error *err)
{
	const char *sub = req->info.subresource;
	if (!*sub || !strcmp(sub, "scale"))
		return 0;
	return keep_part(req);
}

int registry_subresource(struct api_request *req, struct error *err)
{
	const char *sub = req->info.subresource;
	if (!strcmp(sub, "binding") || req->type == resource_bindings)
		return registry_bind(req, err);
	if (!strcmp(sub, "eviction"))
		return registry_evict(req, err);
	if (req->type == resource_componentstatuses)
		return registry_component_status(req, err);
	if (!req->object) /* metrics: a virtual kind that is read, which nobody computes here */
		return error_set(err, ERR_UNAVAILABLE,
		    "the server is currently unable to handle the request (%s %s.%s)", req->info.verb_text,
		    req->type->plural, req->type->group);
	int rc = auth_serve_review(req, err);
	if (rc == API_NEXT)
		registry_state(req)->status = 201;
	return rc;
}
