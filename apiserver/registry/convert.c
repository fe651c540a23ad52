/* Waiting for the webhook that knows what custom resources are in the version of the request. */
#include "apiserver/extensions/conversion.h"
#include "apiserver/registry/internal.h"
#include "lib/base/arena.h"

static void on_converted(void *arg, const struct error *err)
{
	struct api_request *req = arg;
	struct registry_state *state = registry_state(req);
	state->conversion = NULL;
	state->has_result = true;
	state->error = err ? *err : ERROR_INIT;
	api_request_resume(req);
}

static void cancel(void *arg)
{
	struct api_request *req = arg;
	struct registry_state *state = registry_state(req);
	conversion_cancel(state->conversion);
	state->conversion = NULL;
}

bool registry_must_convert(const struct resource_type *to, const struct object *obj)
{
	return conversion_is_needed(to, obj);
}

int registry_convert(
    struct api_request *req, const struct resource_type *to, const struct object *const *objects, size_t len)
{
	registry_state(req)->conversion = conversion_start(req->server, to, objects, len, on_converted, req);
	if (!api_is_write(req)) {
		req->cancel = cancel;
		req->cancel_arg = req;
	}
	return API_PENDING;
}

size_t registry_list_unconverted(struct api_request *req, const struct object *const **ret)
{
	struct watchcache_cursor cursor;
	const struct object *obj, **found;
	size_t len = 0;
	*ret = NULL;
	if (!conversion_is_remote(req->type))
		return 0;
	found = ARENA_ARRAY(req->arena, const struct object *, watchcache_count(req->server, req->type) + 1);
	watchcache_cursor_init(&cursor, req->server, req->type, registry_ns(req));
	while ((obj = watchcache_next(&cursor)))
		if (conversion_is_needed(req->type, obj))
			found[len++] = obj;
	*ret = found;
	return len;
}
