/*
 * autoscaling/v1 HorizontalPodAutoscaler: one target for cpu; every other metric, the conditions and the
 * behavior are JSON in annotations, so that no version loses what another one knows.
 */
#include <stdlib.h>

#include "lib/api/codec.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/resources/strategy.h"

#define PREFIX "autoscaling.alpha.kubernetes.io/"

struct conversion {
	struct arena *arena;
	struct json *metadata, *spec, *status; /* of the tree that is being changed in place */
};

/* object.from, when it is there, under another name in `to`. */
static void move(
    struct conversion *c, struct json *object, const char *from, struct json *to, const char *name)
{
	struct json *v = json_get(object, from);

	if (v && v->type != JSON_NULL)
		json_set(c->arena, to, name, v);
}

static bool is_cpu_utilization(const struct json *metric)
{
	const struct json *r = json_get(metric, "resource");

	return !strcmp(json_get_string(metric, "type", ""), "Resource") &&
	       !strcmp(json_get_string(r, "name", ""), "cpu") &&
	       json_get(json_get(r, "target"), "averageUtilization");
}

/* One metric's source in v2 (target or current, with `word` in front of its members in v1) and its flat form
 * in v1. */
static struct json *source_to_v1(
    struct conversion *c, const char *kind, struct json *s, const char *value_member, const char *word)
{
	struct json *out = json_new_object(c->arena), *metric = json_get(s, "metric"),
		    *value = json_get(s, value_member);
	bool external = !strcmp(kind, "external"), object = !strcmp(kind, "object");
	const char *average = arena_printf(c->arena, "%sAverageValue", word);

	move(c, s, "name", out, "name");
	move(c, s, "describedObject", out, "target");
	move(c, metric, "name", out, "metricName");
	if (external)
		move(c, metric, "selector", out, "metricSelector");
	move(c, value, "averageUtilization", out, arena_printf(c->arena, "%sAverageUtilization", word));
	if (object || external)
		move(c, value, "value", out, arena_printf(c->arena, "%sValue", word));
	if (!object)
		move(c, value, "averageValue", out, average);
	if (!strcmp(word, "current") && !strcmp(kind, "resource") && !json_get(out, average))
		json_set(c->arena, out, average, json_new_string(c->arena, "0"));
	move(c, s, "container", out, "container");
	if (!external)
		move(c, metric, "selector", out, "selector");
	if (object)
		move(c, value, "averageValue", out, "averageValue");
	return out;
}

static struct json *source_to_v2(
    struct conversion *c, const char *kind, struct json *s, const char *value_member, const char *word)
{
	struct json *out = json_new_object(c->arena), *metric = json_new_object(c->arena),
		    *value = json_new_object(c->arena);
	bool external = !strcmp(kind, "external"), object = !strcmp(kind, "object");
	const char *type;

	move(c, s, "name", out, "name");
	move(c, s, "container", out, "container");
	move(c, s, "target", out, "describedObject");
	move(c, s, "metricName", metric, "name");
	move(c, s, external ? "metricSelector" : "selector", metric, "selector");
	if (metric->len)
		json_set(c->arena, out, "metric", metric);
	move(c, s, arena_printf(c->arena, "%sAverageUtilization", word), value, "averageUtilization");
	move(c, s, arena_printf(c->arena, "%sValue", word), value, "value");
	move(c, s, object ? "averageValue" : arena_printf(c->arena, "%sAverageValue", word), value,
	    "averageValue");
	if (!strcmp(value_member, "target")) {
		type = json_get(value, "averageUtilization") ? "Utilization"
		       : json_get(value, "averageValue")     ? "AverageValue"
							     : "Value";
		json_set(c->arena, value, "type", json_new_string(c->arena, type));
	}
	json_set(c->arena, out, value_member, value);
	return out;
}

static struct json *convert_metrics(
    struct conversion *c, const struct json *list, const char *value_member, const char *word, bool to_v1)
{
	static const char *const kinds[] = {"object", "pods", "resource", "containerResource", "external"};
	struct json *out = json_new_array(c->arena);

	for (size_t i = 0; i < list->len; i++) {
		struct json *m = json_new_object(c->arena);

		move(c, list->items[i], "type", m, "type");
		for (size_t k = 0; k < 5; k++) {
			struct json *source = json_get(list->items[i], kinds[k]);

			if (source && source->type == JSON_OBJECT)
				json_set(c->arena, m, kinds[k],
				    to_v1 ? source_to_v1(c, kinds[k], source, value_member, word)
					  : source_to_v2(c, kinds[k], source, value_member, word));
		}
		json_push(c->arena, out, m);
	}
	return out;
}

/* Annotations hold upstream's internal form of the behavior, whose names begin with capitals. */
static struct json *recase(struct conversion *c, const struct json *v, bool upper)
{
	struct json *out;

	if (v->type == JSON_ARRAY) {
		out = json_new_array(c->arena);
		for (size_t i = 0; i < v->len; i++)
			json_push(c->arena, out, recase(c, v->items[i], upper));
		return out;
	}
	if (v->type != JSON_OBJECT)
		return json_clone(c->arena, v);
	out = json_new_object(c->arena);
	for (size_t i = 0; i < v->len; i++) {
		char *key = arena_strdup(c->arena, v->members[i].key);

		key[0] = (char)(upper ? key[0] & ~0x20 : key[0] | 0x20);
		json_set(c->arena, out, key, recase(c, v->members[i].value, upper));
	}
	return out;
}

static void put_annotation(struct conversion *c, const char *name, const struct json *value)
{
	struct json *annotations = json_get(c->metadata, "annotations");
	struct buf text = BUF_INIT;

	json_write(&text, value, 0);
	if (!annotations) {
		annotations = json_new_object(c->arena);
		json_set(c->arena, c->metadata, "annotations", annotations);
	}
	json_set(c->arena, annotations, arena_printf(c->arena, PREFIX "%s", name),
	    json_new_string(c->arena, buf_str(&text)));
	json_sort(annotations);
	buf_done(&text);
}

static struct json *take_annotation(struct conversion *c, const char *name)
{
	struct json *annotations = json_get(c->metadata, "annotations"), *value = NULL;
	const char *key = arena_printf(c->arena, PREFIX "%s", name),
		   *text = json_get_string(annotations, key, NULL);

	if (!text)
		return NULL;
	if (json_parse(c->arena, text, strlen(text), NULL, &value, NULL) < 0)
		value = NULL;
	json_remove(annotations, key);
	return value;
}

/* Upstream prints the rules of a behavior whole and in this order. */
static struct json *internal_behavior(struct conversion *c, const struct json *behavior)
{
	static const char *const rules[] = {"scaleUp", "scaleDown"}, *const members[] = {
									 "stabilizationWindowSeconds",
									 "selectPolicy", "policies"};
	struct json *out = json_new_object(c->arena);

	for (size_t i = 0; i < 2; i++) {
		const struct json *r = json_get(behavior, rules[i]);
		struct json *whole = json_new_object(c->arena);

		for (size_t k = 0; r && k < 3; k++) {
			struct json *v = json_get(r, members[k]);

			json_set(c->arena, whole, members[k], v ? v : json_new_null(c->arena));
		}
		json_set(c->arena, out, rules[i], r ? whole : json_new_null(c->arena));
	}
	return recase(c, out, true);
}

static void to_v1(struct conversion *c)
{
	struct json *metrics = json_get(c->spec, "metrics"), *current = json_get(c->status, "currentMetrics");
	struct json *others = json_new_array(c->arena);

	for (size_t i = 0; metrics && i < metrics->len; i++)
		if (is_cpu_utilization(metrics->items[i]) &&
		    !json_get(c->spec, "targetCPUUtilizationPercentage"))
			move(c, json_get(json_get(metrics->items[i], "resource"), "target"),
			    "averageUtilization", c->spec, "targetCPUUtilizationPercentage");
		else
			json_push(c->arena, others, metrics->items[i]);
	if (others->len)
		put_annotation(c, "metrics", convert_metrics(c, others, "target", "target", true));
	if (json_get(c->spec, "behavior"))
		put_annotation(c, "behavior", internal_behavior(c, json_get(c->spec, "behavior")));
	if (current && current->len)
		put_annotation(c, "current-metrics", convert_metrics(c, current, "current", "current", true));
	for (size_t i = 0; current && i < current->len; i++) {
		struct json *r = json_get(current->items[i], "resource");

		if (!strcmp(json_get_string(r, "name", ""), "cpu"))
			move(c, json_get(r, "current"), "averageUtilization", c->status,
			    "currentCPUUtilizationPercentage");
	}
	if (json_get(c->status, "conditions") && json_get(c->status, "conditions")->len)
		put_annotation(c, "conditions", json_get(c->status, "conditions"));
	if (c->status && !json_get(c->status, "currentReplicas"))
		json_set(c->arena, c->status, "currentReplicas", json_new_int(c->arena, 0));
}

static struct json *cpu_metric(struct conversion *c, const char *member, struct json *percent)
{
	struct json *metric = json_new_object(c->arena), *resource = json_new_object(c->arena),
		    *value = json_new_object(c->arena);

	json_set(c->arena, metric, "type", json_new_string(c->arena, "Resource"));
	json_set(c->arena, resource, "name", json_new_string(c->arena, "cpu"));
	if (!strcmp(member, "target"))
		json_set(c->arena, value, "type", json_new_string(c->arena, "Utilization"));
	json_set(c->arena, value, "averageUtilization", percent);
	json_set(c->arena, resource, member, value);
	json_set(c->arena, metric, "resource", resource);
	return metric;
}

static void to_v2(struct conversion *c)
{
	struct json *metrics = take_annotation(c, "metrics"),
		    *current = take_annotation(c, "current-metrics");
	struct json *behavior = take_annotation(c, "behavior"),
		    *conditions = take_annotation(c, "conditions");
	struct json *target = json_get(c->spec, "targetCPUUtilizationPercentage");
	struct json *now = json_get(c->status, "currentCPUUtilizationPercentage"), *list;

	list = metrics && metrics->type == JSON_ARRAY ? convert_metrics(c, metrics, "target", "target", false)
						      : json_new_array(c->arena);
	if (target)
		json_push(c->arena, list, cpu_metric(c, "target", target));
	if (list->len)
		json_set(c->arena, c->spec, "metrics", list);
	if (behavior && behavior->type == JSON_OBJECT)
		json_set(c->arena, c->spec, "behavior", recase(c, behavior, false));
	if (now) {
		list = json_new_array(c->arena);
		json_push(c->arena, list, cpu_metric(c, "current", now));
		json_set(c->arena, c->status, "currentMetrics", list);
	} else if (current && current->type == JSON_ARRAY) {
		json_set(c->arena, c->status, "currentMetrics",
		    convert_metrics(c, current, "current", "current", false));
	}
	if (conditions && conditions->type == JSON_ARRAY)
		json_set(c->arena, c->status, "conditions", conditions);
}

static int convert(const struct object *src, struct object *dst, struct error *err)
{
	struct json *tree = object_to_json(dst->arena, src);
	struct conversion c = {.arena = dst->arena,
	    .metadata = json_get(tree, "metadata"),
	    .spec = json_get(tree, "spec"),
	    .status = json_get(tree, "status")};
	ProtobufCMessage *msg;

	if (!strcmp(src->schema->version, "v1"))
		to_v2(&c);
	else
		to_v1(&c);
	json_set(dst->arena, tree, "apiVersion", json_new_string(dst->arena, dst->api_version));
	if (codec_from_json(dst->arena, dst->schema, tree, NULL, &msg, err) < 0)
		return -1;
	dst->msg = msg;
	dst->meta = *(MetaV1__ObjectMeta **)((char *)msg + schema_find(dst->schema, "metadata")->offset);
	return 0;
}

const struct resource_type hpa_v1_strategy = {.convert = convert};
