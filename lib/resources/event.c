/* v1 Event. */
#include "lib/resources/event.h"

#include "lib/resources/strategy.h"
#include "proto/core_v1.pb-c.h"

/* Events of before eventTime existed say little; the rules for new ones are stricter. */
static void check_new_event(const CoreV1__Event *ev, bool core, struct field_errors *e)
{
	const struct field_path *controller =
	    core ? PATH_ROOT("reportingComponent") : PATH_ROOT("reportingController");
	static const char too_long[] = "can have at most 128 characters";

	rule_invalid_if(e, PATH_CHILD(PATH_ROOT("involvedObject"), "namespace"),
	    str_empty(ev->involved_object->namespace_) && !str_eq(ev->metadata->namespace_, "default") &&
		!str_eq(ev->metadata->namespace_, "kube-system"),
	    "", "does not match event.namespace");
	rule_required(e, controller, ev->reporting_component);
	rule_format(e, controller, ev->reporting_component, "qualified-name");
	if (rule_required(e, PATH_ROOT("reportingInstance"), ev->reporting_instance))
		rule_invalid_if(
		    e, PATH_ROOT("reportingInstance"), strlen(ev->reporting_instance) > 128, "", too_long);
	if (rule_required(e, PATH_ROOT("action"), ev->action))
		rule_invalid_if(e, PATH_ROOT("action"), strlen(ev->action) > 128, "", too_long);
	if (rule_required(e, PATH_ROOT("reason"), ev->reason))
		rule_invalid_if(e, PATH_ROOT("reason"), strlen(ev->reason) > 128, "", too_long);
	rule_invalid_if(e, PATH_ROOT("message"), strlen(str_or(ev->message, "")) > 1024, "",
	    "can have at most 1024 characters");
}

static void check_events_group(const CoreV1__Event *ev, struct field_errors *e)
{
	rule_required_that(e, PATH_ROOT("eventTime"), ev->event_time, "");
	if (ev->series) {
		rule_invalid_if(e, PATH_CHILD(PATH_ROOT("series"), "count"), ev->series->count < 2, NULL,
		    "should be at least 2");
		rule_required_that(e, PATH_CHILD(PATH_ROOT("series"), "lastObservedTime"),
		    ev->series->last_observed_time, "");
	}
	rule_invalid_if(e, PATH_ROOT("type"), !str_eq(ev->type, "Normal") && !str_eq(ev->type, "Warning"),
	    ev->type, "must be Normal or Warning");
	rule_invalid_if(e, PATH_ROOT("firstTimestamp"), ev->first_timestamp, NULL, "needs to be unset");
	rule_invalid_if(e, PATH_ROOT("lastTimestamp"), ev->last_timestamp, NULL, "needs to be unset");
	rule_invalid_if(e, PATH_ROOT("count"), ev->count, NULL, "needs to be unset");
	rule_invalid_if(e, PATH_ROOT("source"),
	    !str_empty(ev->source->component) || !str_empty(ev->source->host), NULL, "needs to be unset");
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__Event *ev = MSG(CoreV1__Event, obj);
	const char *ns = str_or(ev->metadata->namespace_, ""),
		   *about = str_or(ev->involved_object->namespace_, "");
	bool core = !ctx->requested || !*ctx->requested->group;

	if (ev->event_time)
		check_new_event(ev, core, e);
	else
		rule_invalid_if(e, PATH_CHILD(PATH_ROOT("involvedObject"), "namespace"),
		    *about ? strcmp(ns, about) : *ns && strcmp(ns, "default"), about,
		    "does not match event.namespace");
	if (!core && !strcmp(ctx->requested->version, "v1"))
		check_events_group(ev, e);
}

/* An event of events.k8s.io is a fact: only its series goes on. */
static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__Event *ev = MSG(CoreV1__Event, obj), *was = MSG(CoreV1__Event, old);

	if (!ctx->requested || strcmp(ctx->requested->group, "events.k8s.io") ||
	    strcmp(ctx->requested->version, "v1"))
		return;
	rule_immutable(e, PATH_ROOT("involvedObject"), api_equal(ev->involved_object, was->involved_object));
	rule_immutable(e, PATH_ROOT("reason"), str_eq(ev->reason, was->reason));
	rule_immutable(e, PATH_ROOT("source"), api_equal(ev->source, was->source));
	rule_immutable(e, PATH_ROOT("firstTimestamp"), api_equal(ev->first_timestamp, was->first_timestamp));
	rule_immutable(e, PATH_ROOT("lastTimestamp"), api_equal(ev->last_timestamp, was->last_timestamp));
	rule_immutable(e, PATH_ROOT("count"), ev->count == was->count);
	rule_immutable(
	    e, PATH_ROOT("reportingController"), str_eq(ev->reporting_component, was->reporting_component));
	rule_immutable(
	    e, PATH_ROOT("reportingInstance"), str_eq(ev->reporting_instance, was->reporting_instance));
	rule_immutable(e, PATH_ROOT("action"), str_eq(ev->action, was->action));
	rule_immutable(e, PATH_ROOT("type"), str_eq(ev->type, was->type));
	rule_immutable(e, PATH_ROOT("related"), api_equal(ev->related, was->related));
	rule_immutable(e, PATH_ROOT("eventTime"), api_equal(ev->event_time, was->event_time));
}

static const char *const field_names[] = {"involvedObject.kind", "involvedObject.namespace",
    "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion",
    "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "reportingComponent", "source",
    "type", NULL};

static const char *field(const struct object *obj, const char *name, struct arena *arena)
{
	const CoreV1__Event *ev = MSG(CoreV1__Event, obj);
	const CoreV1__ObjectReference *about = ev->involved_object;
	const char *const values[] = {about->kind, about->namespace_, about->name, about->uid,
	    about->api_version, about->resource_version, about->field_path, ev->reason,
	    ev->reporting_component, str_or(ev->source->component, ev->reporting_component), ev->type};

	if (str_has_prefix(name, "regarding.")) /* as events.k8s.io says it */
		name = arena_printf(arena, "involvedObject.%s", name + strlen("regarding."));
	else if (!strcmp(name, "reportingController"))
		name = "reportingComponent";
	for (size_t i = 0; field_names[i]; i++)
		if (!strcmp(name, field_names[i]))
			return str_or(values[i], "");
	return NULL;
}

static const struct table_column columns[] = {COLUMN("Last Seen"), COLUMN("Type"), COLUMN("Reason"),
    COLUMN("Object"), COLUMN_WIDE("Subobject"), COLUMN_WIDE("Source"), COLUMN("Message"),
    COLUMN_WIDE("First Seen"), COLUMN_WIDE("Count"), {"Name", "string", "name", "", 1}};

static const char *seen_text(const struct resource_context *ctx, int64_t seconds)
{
	return seconds ? cell_since(ctx, ctx->now_s - seconds) : "<unknown>";
}

static const char *source_text(const CoreV1__Event *ev, struct arena *arena)
{
	const char *component = str_or(ev->source->component, str_or(ev->reporting_component, ""));
	const char *host = str_or(ev->source->host, str_or(ev->reporting_instance, ""));

	return *host ? arena_printf(arena, "%s, %s", component, host) : component;
}

static const char *trimmed(const char *message, struct arena *arena)
{
	size_t len = strlen(str_or(message, ""));

	while (len && strchr(" \t\r\n", message[len - 1]))
		len--;
	return arena_strndup(arena, str_or(message, ""), len);
}

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__Event *ev = MSG(CoreV1__Event, obj);
	int64_t event_time = micro_time_ns(ev->event_time) / 1000000000;
	int64_t first = ev->first_timestamp ? time_seconds(ev->first_timestamp) : event_time;
	int64_t last = ev->last_timestamp ? time_seconds(ev->last_timestamp) : first;
	int64_t count = ev->count;
	const char *kind = str_lower(ctx->arena, ev->involved_object->kind);

	if (ev->series) {
		last = micro_time_ns(ev->series->last_observed_time) / 1000000000;
		count = ev->series->count;
	} else if (!count) {
		count = 1; /* an event that happened once counts nothing */
	}
	ret[0] = cell_text(ctx, seen_text(ctx, last));
	ret[1] = cell_text(ctx, ev->type);
	ret[2] = cell_text(ctx, ev->reason);
	ret[3] = str_empty(ev->involved_object->name)
		     ? cell_text(ctx, kind)
		     : cell_printf(ctx, "%s/%s", kind, ev->involved_object->name);
	ret[4] = cell_text(ctx, ev->involved_object->field_path);
	ret[5] = cell_text(ctx, source_text(ev, ctx->arena));
	ret[6] = cell_text(ctx, trimmed(ev->message, ctx->arena));
	ret[7] = cell_text(ctx, seen_text(ctx, first));
	ret[8] = cell_int(ctx, count);
	ret[9] = cell_text(ctx, ev->metadata->name);
}

const struct resource_type event_strategy = {.validate = validate,
    .validate_update = validate_update,
    .field_selectors = field_names,
    .field = field,
    COLUMNS(columns),
    .cells = cells};
