/* The condition Dangling of FlowSchemas: whether the priority level that they name exists. */
#include <stdlib.h>
#include <string.h>

#include "apiserver/flowcontrol/internal.h"
#include "apiserver/registry/registry.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

#define DANGLING "Dangling"
#define RETRY_MS 5000

struct verdict {
	const char *status, *reason, *message;
};

static struct verdict judge(struct flowcontrol *fc, struct arena *arena, const FlowcontrolV1__FlowSchema *fs)
{
	const char *name = fs->spec->priority_level_configuration->name;
	const struct flow_level *level = flow_level_find(fc, name);

	if (level && !level->is_quiescing)
		return (struct verdict){"False", "Found",
		    arena_printf(arena,
			"This FlowSchema references the PriorityLevelConfiguration object named \"%s\" and "
			"it exists",
			name)};
	return (struct verdict){"True", "NotFound",
	    arena_printf(arena,
		"This FlowSchema references the PriorityLevelConfiguration object named \"%s\" but there is "
		"no such object",
		name)};
}

static FlowcontrolV1__FlowSchemaCondition *find(const FlowcontrolV1__FlowSchema *fs)
{
	for (size_t i = 0; fs->status && i < fs->status->n_conditions; i++)
		if (str_eq(fs->status->conditions[i]->type, DANGLING))
			return fs->status->conditions[i];
	return NULL;
}

/* A copy with the condition as it should be; NULL when it is. */
static struct object *corrected(struct flowcontrol *fc, const struct object *obj)
{
	struct object *copy = object_clone(obj);
	FlowcontrolV1__FlowSchema *fs = (void *)copy->msg;
	FlowcontrolV1__FlowSchemaCondition *c = find(fs);
	struct verdict v = judge(fc, copy->arena, fs);

	if (c && str_eq(c->status, v.status) && str_eq(c->reason, v.reason) &&
	    str_eq(c->message, v.message)) {
		object_unref(copy);
		return NULL;
	}
	if (!c) {
		if (!fs->status)
			fs->status = API_NEW(copy->arena, flowcontrol_v1__flow_schema_status);
		c = API_NEW(copy->arena, flowcontrol_v1__flow_schema_condition);
		c->type = DANGLING;
		api_append(copy->arena, fs->status, conditions, c);
	}
	if (!str_eq(c->status, v.status))
		c->last_transition_time = time_new(copy->arena, clock_wall_s(loop_clock(fc->server->loop)));
	c->status = (char *)v.status;
	c->reason = (char *)v.reason;
	c->message = (char *)v.message;
	return copy;
}

struct write {
	struct flowcontrol *fc;
	struct object *obj;
};

void flow_status_drop_write(void *write)
{
	struct write *w = write;

	object_unref(w->obj);
	free(w);
}

static void on_written(void *arg, const struct object *obj, const struct error *err)
{
	struct write *w = arg;
	struct flowcontrol *fc = w->fc;

	(void)obj;
	strmap_remove(fc->writing, object_name(w->obj));
	if (!fc->server->is_stopping) {
		if (err)
			log_debug("flow control: status of %s: %s", object_name(w->obj), err->message);
		/* What has changed meanwhile was left alone. */
		loop_timer_start(fc->reload, err ? RETRY_MS : 0, 0);
	}
	flow_status_drop_write(w);
}

void flow_status_write(struct flowcontrol *fc)
{
	struct watchcache_cursor cursor;
	const struct object *obj;

	watchcache_cursor_init(&cursor, fc->server, resource_flowschemas, NULL);
	while ((obj = watchcache_next(&cursor))) {
		if (strmap_has(fc->writing, object_name(obj)) || obj->meta->deletion_timestamp)
			continue;
		struct object *wanted = corrected(fc, obj);
		if (!wanted)
			continue;
		struct write *w = calloc(1, sizeof(*w));
		if (!w)
			abort();
		*w = (struct write){fc, wanted};
		strmap_put(fc->writing, object_name(obj), w);
		registry_update(fc->server, resource_flowschemas, "status", wanted, on_written, w);
	}
}
