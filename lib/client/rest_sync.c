/* Calls that wait, for command-line programs: they run the loop until the answer is there. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"

struct waiting {
	struct loop *loop;
	struct error *err;
	bool is_done;
	int result;
	struct object *object;
	struct object **items;
	size_t items_len;
	char resource_version[32];
};

static void on_done(void *arg, const struct rest_result *result)
{
	struct waiting *waiting = arg;
	waiting->is_done = true;
	loop_stop(waiting->loop);
	if (result->error) {
		waiting->result = -1;
		if (waiting->err && waiting->err->code == ERR_NONE)
			*waiting->err = *result->error;
		return;
	}
	if (result->object)
		waiting->object = object_ref(result->object);
	if (result->items_len > 0) {
		waiting->items = malloc(result->items_len * sizeof(*waiting->items));
		if (!waiting->items)
			abort();
		for (size_t i = 0; i < result->items_len; i++)
			waiting->items[i] = object_ref(result->items[i]);
		waiting->items_len = result->items_len;
	}
	snprintf(waiting->resource_version, sizeof(waiting->resource_version), "%s",
	    str_or(result->resource_version, ""));
}

static void wait_for(struct rest_client *client, const struct rest_request *request, struct waiting *waiting)
{
	waiting->loop = rest_client_loop(client);
	struct rest_call *call = rest_send(client, request, on_done, waiting);
	loop_run(waiting->loop);
	if (!waiting->is_done) { /* somebody else stopped the loop */
		rest_cancel(call);
		waiting->result = error_set(waiting->err, ERR_CANCELLED, "interrupted");
	}
}

int rest_do(struct rest_client *client, const struct rest_request *request, struct object **ret_object,
    struct error *err)
{
	struct waiting waiting = {.err = err};
	wait_for(client, request, &waiting);
	if (ret_object && waiting.result == 0)
		*ret_object = waiting.object;
	else
		object_unref(waiting.object);
	rest_items_free(waiting.items, waiting.items_len);
	return waiting.result;
}

int rest_list(struct rest_client *client, const struct rest_request *request, struct object ***ret_items,
    size_t *ret_len, char ret_rv[32], struct error *err)
{
	struct waiting waiting = {.err = err};
	wait_for(client, request, &waiting);
	object_unref(waiting.object);
	if (waiting.result < 0) {
		rest_items_free(waiting.items, waiting.items_len);
		return -1;
	}
	*ret_items = waiting.items;
	*ret_len = waiting.items_len;
	if (ret_rv)
		memcpy(ret_rv, waiting.resource_version, 32);
	return 0;
}

void rest_items_free(struct object **items, size_t len)
{
	for (size_t i = 0; i < len; i++)
		object_unref(items[i]);
	free(items);
}
