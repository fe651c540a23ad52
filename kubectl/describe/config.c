/* Namespaces, ConfigMaps, Secrets, ServiceAccounts, roles, and every other kind member by member. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "kubectl/describe/describe.h"
#include "kubectl/mapper.h"

static void put_quota(struct describe *d, const struct json *quota)
{
	const struct json *hard = tree_at(quota, "status.hard"), *used = tree_at(quota, "status.used");
	put(d, 1, "Name:\t%s\n", tree_name(quota));
	put(d, 1, "Resource\tUsed\tHard\n");
	put(d, 1, "--------\t---\t---\n");
	for (size_t i = 0; i < tree_size(hard); i++)
		put(d, 1, "%s\t%s\t%s\n", hard->members[i].key,
		    tree_show(d->arena, json_get(used, hard->members[i].key)),
		    tree_show(d->arena, hard->members[i].value));
}

void describe_namespace(struct describe *d)
{
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	put(d, 0, "Status:\t%s\n", text_at(d, "status.phase"));
	struct json *quotas = list_other(d, "resourcequotas", tree_name(d->object), NULL, NULL);
	put(d, 0, tree_len(quotas) ? "\nResource Quotas\n" : "\nNo resource quota.\n");
	tree_for_each(quotas, quota) put_quota(d, quota);
	struct json *limits = list_other(d, "limitranges", tree_name(d->object), NULL, NULL);
	if (!tree_len(limits)) {
		put(d, 0, "\nNo LimitRange resource.\n");
		return;
	}
	put(d, 0,
	    "\nResource Limits\n Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request "
	    "Ratio\n");
	put(d, 0, " ----\t--------\t---\t---\t---------------\t-------------\t-----------------------\n");
	tree_for_each(limits, range) tree_for_each(tree_at(range, "spec.limits"), limit)
	{
		const struct json *names = json_get(limit, "default");
		names = names                    ? names
			: json_get(limit, "max") ? json_get(limit, "max")
						 : json_get(limit, "min");
		for (size_t i = 0; i < tree_size(names); i++) {
			const char *key = names->members[i].key, *cells[5];
			static const char *const members[] = {
			    "min", "max", "defaultRequest", "default", "maxLimitRequestRatio"};
			for (size_t j = 0; j < 5; j++) {
				const struct json *v = json_get(json_get(limit, members[j]), key);
				cells[j] = v ? tree_show(d->arena, v) : "-";
			}
			put(d, 0, " %s\t%s\t%s\t%s\t%s\t%s\t%s\n", json_get_string(limit, "type", ""), key,
			    cells[0], cells[1], cells[2], cells[3], cells[4]);
		}
	}
}

void describe_config_map(struct describe *d)
{
	struct json *data = json_get(d->object, "data"), *binary = json_get(d->object, "binaryData");
	put_head(d);
	put(d, 0, "\nData\n====\n");
	if (tree_size(data))
		json_sort(data);
	for (size_t i = 0; i < tree_size(data); i++)
		put(d, 0, "%s:\n----\n%s\n\n", data->members[i].key,
		    tree_show(d->arena, data->members[i].value));
	put(d, 0, "\nBinaryData\n====\n");
	for (size_t i = 0; i < tree_size(binary); i++) {
		size_t size = 0;
		const char *text = tree_show(d->arena, binary->members[i].value);
		str_unbase64(d->arena, text, strlen(text), &size);
		put(d, 0, "%s: %zu bytes\n", binary->members[i].key, size);
	}
	put(d, 0, "\n");
	put_events(d);
}

void describe_secret(struct describe *d)
{
	struct json *data = json_get(d->object, "data");
	put_head(d);
	put(d, 0, "\nType:\t%s\n\nData\n====\n", text_at(d, "type"));
	if (tree_size(data))
		json_sort(data);
	for (size_t i = 0; i < tree_size(data); i++) {
		size_t size = 0;
		const char *key = data->members[i].key, *text = tree_show(d->arena, data->members[i].value);
		char *value = str_unbase64(d->arena, text, strlen(text), &size);
		if (str_eq(key, "token") && str_eq(text_at(d, "type"), "kubernetes.io/service-account-token"))
			put(d, 0, "%s:\t%.*s\n", key, (int)size, value);
		else
			put(d, 0, "%s:\t%zu bytes\n", key, size);
	}
}

static void put_names(struct describe *d, const char *title, const struct json *list)
{
	if (!tree_len(list))
		put(d, 0, "%s:\t<none>\n", title);
	tree_for_each(list, item) put(
	    d, 0, "%s%s\t%s\n", item_i ? "" : title, item_i ? "" : ":", json_get_string(item, "name", ""));
}

void describe_service_account(struct describe *d)
{
	put_head(d);
	put_names(d, "Image pull secrets", json_get(d->object, "imagePullSecrets"));
	put_names(d, "Mountable secrets", json_get(d->object, "secrets"));
	put_names(d, "Tokens", NULL);
	put_events(d);
}

void describe_role_binding(struct describe *d)
{
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	put(d, 0, "Role:\n  Kind:\t%s\n  Name:\t%s\n", text_at(d, "roleRef.kind"),
	    text_at(d, "roleRef.name"));
	put(d, 0, "Subjects:\n  Kind\tName\tNamespace\n  ----\t----\t---------\n");
	tree_for_each(json_get(d->object, "subjects"), s)
	    put(d, 1, "%s\t%s\t%s\n", json_get_string(s, "kind", ""), json_get_string(s, "name", ""),
		json_get_string(s, "namespace", ""));
}

/* -- any kind
 * ----------------------------------------------------------------------------------------------------- */

/* creationTimestamp -> Creation Timestamp; clusterIP -> Cluster IP. */
static const char *title_of(struct describe *d, const char *key)
{
	struct buf out = BUF_INIT;
	for (const char *p = key; *p; p++) {
		bool starts = p > key && isupper((unsigned char)*p) &&
			      (islower((unsigned char)p[-1]) || (p[1] && islower((unsigned char)p[1])));
		if (starts)
			buf_putc(&out, ' ');
		buf_putc(&out, p == key ? (char)toupper((unsigned char)*p) : *p);
	}
	const char *text = arena_strdup(d->arena, buf_str(&out));
	buf_done(&out);
	return text;
}

static void put_tree(struct describe *d, int level, const struct json *object, const char *const *skip);

static void put_list(struct describe *d, int level, const char *title, const struct json *list)
{
	put(d, level, "%s:\n", title);
	tree_for_each(list, item)
	{
		if (item->type == JSON_OBJECT)
			put_tree(d, level + 1, item, NULL);
		else
			put(d, level + 1, "%s\n", tree_show(d->arena, item));
	}
}

static void put_tree(struct describe *d, int level, const struct json *object, const char *const *skip)
{
	struct json *sorted = json_clone(d->arena, object);
	json_sort(sorted);
	for (size_t i = 0; i < sorted->len; i++) {
		const char *key = sorted->members[i].key, *title = title_of(d, key);
		const struct json *value = sorted->members[i].value;
		if (skip && str_in(key, skip))
			continue;
		if (value->type == JSON_OBJECT) {
			put(d, level, "%s:\n", title);
			put_tree(d, level + 1, value, NULL);
		} else if (value->type == JSON_ARRAY) {
			put_list(d, level, title, value);
		} else {
			put(d, level, "%s:\t%s\n", title,
			    value->type == JSON_NULL ? "<nil>" : tree_show(d->arena, value));
		}
	}
}

void describe_generic(struct describe *d)
{
	static const char *const shown[] = {"metadata", "apiVersion", "kind", NULL};
	static const char *const shown_meta[] = {
	    "name", "namespace", "labels", "annotations", "managedFields", NULL};
	put(d, 0, "Name:\t%s\nNamespace:\t%s\n", tree_name(d->object), tree_namespace(d->object));
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	put(d, 0, "API Version:\t%s\nKind:\t%s\nMetadata:\n", text_at(d, "apiVersion"), text_at(d, "kind"));
	put_tree(d, 1, json_get(d->object, "metadata"), shown_meta);
	put_tree(d, 0, d->object, shown);
	put_events(d);
}
