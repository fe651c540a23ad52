/* Requests about what is stored and is no object of its type. */
#include "apiserver/auth/auth.h"
#include "apiserver/registry/internal.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"

/* Upstream's second verb for deletions that skip finalizers and everything else that the object would say. */
#define VERB_UNSAFE_DELETE "unsafe-delete-ignore-read-errors"

static const struct watchcache_unreadable *find(const struct api_request *req)
{
	if (!req->type || (req->type->flags & RESOURCE_VIRTUAL))
		return NULL;
	return watchcache_unreadable(req->server, req->type, registry_ns(req), req->info.name);
}

bool registry_is_unreadable(const struct api_request *req)
{
	return find(req) != NULL;
}

int registry_unreadable(const struct api_request *req, struct error *err)
{
	error_set(err, ERR_INTERNAL, "Internal error occurred: what is stored cannot be read: %s",
	    find(req)->message);
	registry_about(req, err);
	return API_FAIL;
}

void registry_warn_unreadable(struct api_request *req)
{
	const struct watchcache_unreadable *one = NULL;
	if (!req->type || (req->type->flags & RESOURCE_VIRTUAL))
		return;
	size_t len = watchcache_count_unreadable(req->server, req->type, registry_ns(req), &one);
	if (len)
		api_warn(req, "%zu %s cannot be read and are left out, among them %s", len, req->type->plural,
		    one->message);
}

static struct object *placeholder(const struct api_request *req, struct error *err)
{
	struct object *obj;
	if (req->type->schema) {
		obj = object_new(req->type->schema);
	} else {
		struct arena *arena = arena_new();
		struct json *tree = json_new_object(arena);
		json_set(arena, tree, "apiVersion", json_new_string(arena, resource_api_version(req->type)));
		json_set(arena, tree, "kind", json_new_string(arena, req->type->kind));
		obj = object_wrap_tree(arena, tree, err);
		if (!obj)
			return NULL;
	}
	obj->meta->name = arena_strdup(obj->arena, req->info.name);
	obj->meta->namespace_ = arena_strdup(obj->arena, registry_ns(req));
	return obj;
}

int registry_load_unreadable(struct api_request *req, struct error *err)
{
	if (!auth_user_may(req, VERB_UNSAFE_DELETE, req->type->group, req->type->plural, "", registry_ns(req),
		req->info.name))
		return error_set(err, ERR_FORBIDDEN,
		    "%s \"%s\" is forbidden: user \"%s\" may not %s: what cannot be read is deleted whatever "
		    "holds it back",
		    req->type->plural, req->info.name, req->user.name, VERB_UNSAFE_DELETE);
	struct object *obj = placeholder(req, err);
	if (!obj)
		return API_FAIL;
	obj->revision = find(req)->revision;
	req->old_item = cache_item_new(obj, req->info.name);
	req->old = object_ref(obj);
	registry_state(req)->is_unreadable = true;
	return API_NEXT;
}
