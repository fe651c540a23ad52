/* DELETE of a collection: what the selectors match now is deleted one by one, as the same user; the answer is
 * the list. */
#include <stdlib.h>
#include <string.h>

#include "apiserver/registry/internal.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

enum { PARALLEL_MAX = 1 }; /* watchers see the deletions in the list's order, as upstream's do */

struct collection {
	const char **names; /* still to be deleted: names[next..len) */
	const char **namespaces;
	size_t len, next, running;
	bool is_starting;   /* inside the stage: it looks at the outcome itself */
	struct error error; /* the first failure */
};

static void start_some(struct api_request *req);

static void on_deleted(void *arg, const struct object *obj, const struct error *err)
{
	struct api_request *req = arg;
	struct collection *c = registry_state(req)->collection;
	c->running--;
	if (err && err->code != ERR_NOT_FOUND && !c->error.code)
		c->error = *err;
	c->error.causes = NULL; /* they lived in the child's arena */
	if (c->is_starting)
		return;
	start_some(req);
	if (c->running == 0)
		api_request_resume(req);
}

static void start_one(struct api_request *req, const char *ns, const char *name)
{
	struct api_request *child = pipeline_new_internal(req->server);
	child->user = req->user; /* the parent lives until its children are done */
	child->options = req->options;
	child->options.labels = NULL;
	child->options.fields = NULL;
	child->info = req->info;
	child->info.verb = API_DELETE;
	child->info.verb_text = "delete";
	child->info.ns = arena_strdup(child->arena, ns);
	child->info.name = arena_strdup(child->arena, name);
	pipeline_set_type(child, req->type);
	child->done = on_deleted;
	child->done_arg = req;
	registry_state(req)->collection->running++;
	pipeline_run(child);
}

static void start_some(struct api_request *req)
{
	struct collection *c = registry_state(req)->collection;
	c->is_starting = true;
	while (c->running < PARALLEL_MAX && c->next < c->len && !c->error.code && !req->is_abandoned) {
		size_t i = c->next++;
		start_one(req, c->namespaces[i], c->names[i]);
	}
	c->is_starting = false;
}

static void collect(struct api_request *req)
{
	struct watchcache_cursor cursor;
	const struct object *obj;
	struct collection *c = registry_state(req)->collection = ARENA_NEW(req->arena, struct collection);
	size_t max = watchcache_count(req->server, req->type);
	c->names = ARENA_ARRAY(req->arena, const char *, max + 1);
	c->namespaces = ARENA_ARRAY(req->arena, const char *, max + 1);
	watchcache_cursor_init(&cursor, req->server, req->type, registry_ns(req));
	while ((obj = watchcache_next(&cursor))) {
		if (!registry_matches(req, obj))
			continue;
		if (req->options.limit > 0 && c->len >= (size_t)req->options.limit)
			break;
		c->names[c->len] = arena_strdup(req->arena, obj->meta->name);
		c->namespaces[c->len++] = arena_strdup(req->arena, obj->meta->namespace_);
	}
}

int registry_delete_collection(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	if (!state->collection) {
		int rc = registry_list(req, err);
		if (rc != API_NEXT)
			return rc;
		collect(req);
		start_some(req);
		if (state->collection->running > 0)
			return API_PENDING;
	}
	if (state->collection->error.code) {
		*err = state->collection->error;
		return API_FAIL;
	}
	return API_NEXT;
}
