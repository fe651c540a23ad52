#include "kubectl/describe/describe.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kubectl/mapper.h"
#include "kubectl/printers/tabwriter.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "lib/api/values.h"

static const struct kind {
	const char *plural, *group;
	void (*describe)(struct describe *d);
} kinds[] = {
    {"pods", "", describe_pod},
    {"services", "", describe_service},
    {"endpoints", "", describe_endpoints},
    {"nodes", "", describe_node},
    {"persistentvolumeclaims", "", describe_claim},
    {"persistentvolumes", "", describe_volume},
    {"namespaces", "", describe_namespace},
    {"configmaps", "", describe_config_map},
    {"secrets", "", describe_secret},
    {"serviceaccounts", "", describe_service_account},
    {"replicationcontrollers", "", describe_replica_set},
    {"deployments", "apps", describe_deployment},
    {"replicasets", "apps", describe_replica_set},
    {"statefulsets", "apps", describe_stateful_set},
    {"daemonsets", "apps", describe_daemon_set},
    {"jobs", "batch", describe_job},
    {"cronjobs", "batch", describe_cron_job},
    {"endpointslices", "discovery.k8s.io", describe_endpoint_slice},
    {"priorityclasses", "scheduling.k8s.io", describe_priority_class},
    {"ingresses", "networking.k8s.io", describe_ingress},
    {"storageclasses", "storage.k8s.io", describe_storage_class},
    {"roles", "rbac.authorization.k8s.io", describe_role},
    {"clusterroles", "rbac.authorization.k8s.io", describe_role},
    {"rolebindings", "rbac.authorization.k8s.io", describe_role_binding},
    {"clusterrolebindings", "rbac.authorization.k8s.io", describe_role_binding},
    {"horizontalpodautoscalers", "autoscaling", describe_autoscaler},
};

int describe_object(struct kubectl *k, const struct target *target, bool show_events, struct error *err)
{
	struct describe d = {.k = k,
	    .arena = k->arena,
	    .mapping = target->mapping,
	    .object = target->tree,
	    .show_events = show_events};
	struct buf out = BUF_INIT;
	void (*describe)(struct describe * d) = describe_generic;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (str_eq(kinds[i].plural, target->mapping->plural) &&
		    str_eq(kinds[i].group, target->mapping->group))
			describe = kinds[i].describe;
	describe(&d);
	tabwriter_format(&out, buf_str(&d.out), 0, 2, NULL);
	fputs(buf_str(&out), stdout);
	buf_done(&d.out);
	buf_done(&out);
	return 0;
}

void put(struct describe *d, int level, const char *fmt, ...)
{
	va_list ap;
	for (int i = 0; i < level; i++)
		buf_puts(&d->out, "  ");
	va_start(ap, fmt);
	buf_vprintf(&d->out, fmt, ap);
	va_end(ap);
}

const char *text_or(struct describe *d, const char *path, const char *fallback)
{
	return tree_show_at(d->arena, d->object, path, fallback);
}

const char *text_at(struct describe *d, const char *path)
{
	return text_or(d, path, "");
}

const char *plural_s(size_t n)
{
	return n == 1 ? "" : "s";
}

void put_head(struct describe *d)
{
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	if (d->mapping->is_namespaced)
		put(d, 0, "Namespace:\t%s\n", tree_namespace(d->object));
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
}

static struct json *sorted(struct describe *d, const struct json *map)
{
	struct json *copy = json_clone(d->arena, map);
	json_sort(copy);
	return copy;
}

void put_labels(struct describe *d, int level, const char *title, const struct json *map)
{
	if (!tree_size(map)) {
		put(d, level, "%s:\t<none>\n", title);
		return;
	}
	const struct json *copy = sorted(d, map);
	for (size_t i = 0; i < copy->len; i++)
		put(d, level, "%s%s\t%s=%s\n", i ? "" : title, i ? "" : ":", copy->members[i].key,
		    tree_show(d->arena, copy->members[i].value));
}

/* Long values, and those of several lines, stand below their key. */
static void put_annotation(struct describe *d, const char *key, const char *value)
{
	enum { LINE_MAX_CHARS = 140 };
	bool is_long = strlen(value) + strlen(key) + 2 > LINE_MAX_CHARS || strchr(value, '\n');
	if (!is_long) {
		buf_printf(&d->out, "%s: %s\n", key, value);
		return;
	}
	buf_printf(&d->out, "%s:\n", key);
	while (*value) {
		size_t len = strcspn(value, "\n");
		if (len > LINE_MAX_CHARS - 2)
			buf_printf(&d->out, "\t  %.*s...\n", LINE_MAX_CHARS - 2, value);
		else
			buf_printf(&d->out, "\t  %.*s\n", (int)len, value);
		value += len + (value[len] == '\n');
	}
}

void put_annotations(struct describe *d, int level, const char *title, const struct json *map)
{
	static const char *const hidden = "kubectl.kubernetes.io/last-applied-configuration";
	const struct json *copy = tree_size(map) ? sorted(d, map) : NULL;
	bool first = true;
	for (size_t i = 0; copy && i < copy->len; i++) {
		if (strcmp(copy->members[i].key, hidden) == 0)
			continue;
		put(d, level, "%s%s\t", first ? title : "", first ? ":" : "");
		put_annotation(d, copy->members[i].key, tree_show(d->arena, copy->members[i].value));
		first = false;
	}
	if (first)
		put(d, level, "%s:\t<none>\n", title);
}

const char *selector_text(struct describe *d, const struct json *map)
{
	struct buf out = BUF_INIT;
	if (!tree_size(map))
		return "<none>";
	const struct json *copy = sorted(d, map);
	for (size_t i = 0; i < copy->len; i++)
		buf_printf(&out, "%s%s=%s", i ? "," : "", copy->members[i].key,
		    tree_show(d->arena, copy->members[i].value));
	const char *text = arena_strdup(d->arena, buf_str(&out));
	buf_done(&out);
	return text;
}

static const char *values_text(struct describe *d, const struct json *values)
{
	struct buf out = BUF_INIT;
	tree_for_each(values, value)
	    buf_printf(&out, "%s%s", out.size ? "," : "", tree_show(d->arena, value));
	const char *text = arena_strdup(d->arena, buf_str(&out));
	buf_done(&out);
	return text;
}

const char *label_selector_text(struct describe *d, const struct json *ls)
{
	struct buf out = BUF_INIT;
	if (tree_size(json_get(ls, "matchLabels")))
		buf_puts(&out, selector_text(d, json_get(ls, "matchLabels")));
	tree_for_each(json_get(ls, "matchExpressions"), e)
	{
		const char *key = json_get_string(e, "key", ""), *op = json_get_string(e, "operator", "");
		const char *values = values_text(d, json_get(e, "values")), *comma = out.size ? "," : "";
		if (str_eq(op, "In"))
			buf_printf(&out, "%s%s in (%s)", comma, key, values);
		else if (str_eq(op, "NotIn"))
			buf_printf(&out, "%s%s notin (%s)", comma, key, values);
		else
			buf_printf(&out, "%s%s%s", comma, str_eq(op, "DoesNotExist") ? "!" : "", key);
	}
	const char *text = out.size ? arena_strdup(d->arena, buf_str(&out)) : ls ? "<none>" : "<unset>";
	buf_done(&out);
	return text;
}

void put_resources(struct describe *d, int level, const char *title, const struct json *list)
{
	if (!tree_size(list))
		return;
	const struct json *copy = sorted(d, list);
	put(d, level, "%s:\n", title);
	for (size_t i = 0; i < copy->len; i++)
		put(d, level + 1, "%s:\t%s\n", copy->members[i].key,
		    tree_show(d->arena, copy->members[i].value));
}

const char *time_text(struct describe *d, const char *rfc3339)
{
	int64_t seconds;
	int32_t nanos;
	char out[64];
	struct tm tm;
	if (str_empty(rfc3339) || !time_parse(rfc3339, &seconds, &nanos))
		return "<unset>";
	time_t t = (time_t)seconds;
	localtime_r(&t, &tm);
	strftime(out, sizeof(out), "%a, %d %b %Y %H:%M:%S %z", &tm);
	return arena_strdup(d->arena, out);
}

const char *controller_text(struct describe *d, const struct json *object)
{
	tree_for_each(tree_at(object, "metadata.ownerReferences"),
	    owner) if (json_get_bool(owner, "controller", false)) return arena_printf(d->arena, "%s/%s",
	    json_get_string(owner, "kind", ""), json_get_string(owner, "name", ""));
	return NULL;
}

struct json *list_other(struct describe *d, const char *resource, const char *ns, const char *label_selector,
    const char *field_selector)
{
	struct error ignored = ERROR_INIT;
	struct json *list = NULL;
	const char *path = session_path(d->k, mapper_built_in(d->k, resource), ns, NULL, NULL);
	path = session_param(d->k, path, "labelSelector", label_selector);
	path = session_param(d->k, path, "fieldSelector", field_selector);
	if (session_list(d->k, path, &list, &ignored))
		return NULL;
	return json_get(list, "items");
}

/* -- events
 * ------------------------------------------------------------------------------------------------------- */

static const char *event_age(struct describe *d, const struct json *event)
{
	char out[TIME_TEXT_MAX];
	int64_t now = kubectl_now_s(), last = tree_time(event, "lastTimestamp"),
		first = tree_time(event, "firstTimestamp");
	int64_t count = tree_int(event, "count", 0);
	if (tree_time(event, "series.lastObservedTime")) {
		last = tree_time(event, "series.lastObservedTime");
		count = tree_int(event, "series.count", 0);
	}
	if (!first)
		first = tree_time(event, "eventTime");
	if (!last)
		last = first ? first : tree_time(event, "metadata.creationTimestamp");
	if (!first)
		first = last;
	const char *age = arena_strdup(d->arena, time_human_duration(now - last, out));
	if (count <= 1)
		return age;
	return arena_printf(
	    d->arena, "%s (x%lld over %s)", age, (long long)count, time_human_duration(now - first, out));
}

static int64_t event_time(const struct json *event)
{
	int64_t at = tree_time(event, "series.lastObservedTime");
	at = at ? at : tree_time(event, "lastTimestamp");
	at = at ? at : tree_time(event, "eventTime");
	return at ? at : tree_time(event, "metadata.creationTimestamp");
}

static int compare_events(const void *a, const void *b)
{
	int64_t x = event_time(*(struct json *const *)a), y = event_time(*(struct json *const *)b);
	return x < y ? -1 : x > y;
}

static void put_event(struct describe *d, const struct json *event)
{
	const char *from = tree_text(event, "source.component", "");
	if (!*from)
		from = tree_text(event, "reportingComponent", "");
	char *message = arena_strdup(d->arena, tree_text(event, "message", ""));
	for (size_t len = strlen(message); len && strchr(" \n\t", message[len - 1]);)
		message[--len] = '\0';
	put(d, 1, "%s\t%s\t%s\t%s\t%s\n", tree_text(event, "type", ""), tree_text(event, "reason", ""),
	    event_age(d, event), from, message);
}

void put_events(struct describe *d)
{
	if (!d->show_events)
		return;
	const char *ns = d->mapping->is_namespaced ? tree_namespace(d->object) : "";
	/* A node's events name it by its uid or, from the kubelet, by its name in place of the uid: the name
	 * finds both. */
	bool is_node = str_eq(d->mapping->plural, "nodes");
	const char *uid = is_node ? "" : tree_text(d->object, "metadata.uid", "");
	const char *fields = arena_printf(d->arena, "involvedObject.name=%s,involvedObject.kind=%s%s%s%s%s",
	    tree_name(d->object), d->mapping->kind, *uid ? ",involvedObject.uid=" : "", uid,
	    *ns ? ",involvedObject.namespace=" : "", ns);
	struct json *events = list_other(d, "events", ns, NULL, fields);
	if (!tree_len(events)) {
		put(d, 0, "Events:\t<none>\n");
		return;
	}
	qsort(events->items, events->len, sizeof(*events->items), compare_events);
	put(d, 0, "Events:\n");
	put(d, 1, "Type\tReason\tAge\tFrom\tMessage\n");
	put(d, 1, "----\t------\t----\t----\t-------\n");
	tree_for_each(events, event) put_event(d, event);
}
