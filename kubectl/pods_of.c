#include "kubectl/pods_of.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "kubectl/waiting.h"

#define DEFAULT_CONTAINER_ANNOTATION "kubectl.kubernetes.io/default-container"

static void put_pairs(struct arena *arena, struct buf *out, const struct json *map)
{
	for (size_t i = 0; i < tree_size(map); i++)
		buf_printf(out, "%s%s=%s", out->size ? "," : "", map->members[i].key,
		    tree_show(arena, map->members[i].value));
}

const char *pods_selector(struct kubectl *k, const struct json *object)
{
	struct buf out = BUF_INIT;
	const struct json *selector = tree_at(object, "spec.selector");
	const struct json *labels = json_get(selector, "matchLabels"),
			  *terms = json_get(selector, "matchExpressions");
	put_pairs(k->arena, &out, labels || terms ? labels : selector);
	tree_for_each(terms, term)
	{
		const char *op = json_get_string(term, "operator", ""),
			   *key = json_get_string(term, "key", "");
		buf_puts(&out, out.size ? "," : "");
		if (str_eq(op, "Exists") || str_eq(op, "DoesNotExist")) {
			buf_printf(&out, "%s%s", str_eq(op, "Exists") ? "" : "!", key);
			continue;
		}
		buf_printf(&out, "%s %s (", key, str_eq(op, "In") ? "in" : "notin");
		tree_for_each(json_get(term, "values"), value)
		    buf_printf(&out, "%s%s", value_i ? "," : "", tree_show(k->arena, value));
		buf_putc(&out, ')');
	}
	const char *text = out.size ? arena_strdup(k->arena, buf_str(&out)) : NULL;
	buf_done(&out);
	return text;
}

static int is_ready(const struct json *pod)
{
	tree_for_each(tree_at(pod, "status.conditions"),
	    c) if (str_eq(json_get_string(c, "type", ""),
		       "Ready")) return str_eq(json_get_string(c, "status", ""), "True");
	return 0;
}

static int rank(const struct json *pod)
{
	const char *phase = tree_text(pod, "status.phase", "");
	int phase_rank = str_eq(phase, "Running") ? 0 : str_eq(phase, "Pending") ? 2 : 4;
	return phase_rank + (is_ready(pod) ? 0 : 1);
}

static int compare(const void *a, const void *b)
{
	const struct json *x = *(struct json *const *)a, *y = *(struct json *const *)b;
	int order = rank(x) - rank(y);
	if (order)
		return order;
	return strcmp(
	    tree_text(x, "metadata.creationTimestamp", ""), tree_text(y, "metadata.creationTimestamp", ""));
}

int pods_of(
    struct kubectl *k, const struct target *target, struct json ***ret, size_t *ret_len, struct error *err)
{
	struct target one = *target;
	struct json *list;
	if (!one.tree && target_get(k, &one, err))
		return -1;
	*ret = ARENA_ARRAY(k->arena, struct json *, 1);
	*ret_len = 1;
	if (str_eq(one.mapping->plural, "pods")) {
		**ret = one.tree;
		return 0;
	}
	const char *selector = pods_selector(k, one.tree);
	if (!selector)
		return error_set(err, ERR_PARSE, "cannot attach to %s: it selects no pods",
		    mapping_kind_text(k->arena, one.mapping));
	const char *path = session_path(k, mapper_built_in(k, "pods"), one.ns, NULL, NULL);
	if (session_list(k, session_param(k, path, "labelSelector", selector), &list, err))
		return -1;
	struct json *items = json_get(list, "items");
	if (tree_len(items) > 1)
		qsort(items->items, items->len, sizeof(*items->items), compare);
	*ret = items->items;
	*ret_len = tree_len(items);
	return 0;
}

int pod_of(
    struct kubectl *k, const struct target *target, int64_t timeout_ms, struct json **ret, struct error *err)
{
	int64_t end_ms = wait_now_ms() + timeout_ms;
	for (;;) {
		struct json **pods;
		size_t len;
		if (pods_of(k, target, &pods, &len, err))
			return -1;
		if (len) {
			*ret = pods[0];
			return 0;
		}
		if (wait_now_ms() >= end_ms)
			return error_set(err, ERR_PARSE, "timed out waiting for the condition");
		usleep(200000);
	}
}

const char *pod_container(struct kubectl *k, const struct json *pod, const char *asked, struct error *err)
{
	static const char *const lists[] = {
	    "spec.containers", "spec.initContainers", "spec.ephemeralContainers"};
	const char *wanted = asked;
	if (str_empty(wanted))
		wanted =
		    json_get_string(tree_at(pod, "metadata.annotations"), DEFAULT_CONTAINER_ANNOTATION, NULL);
	const struct json *containers = tree_at(pod, "spec.containers");
	if (!str_empty(wanted)) {
		for (size_t i = 0; i < 3; i++)
			if (tree_find(tree_at(pod, lists[i]), "name", wanted))
				return wanted;
		if (!str_empty(asked)) {
			error_set(err, ERR_PARSE, "container %s not found in pod %s", asked, tree_name(pod));
			return NULL;
		}
	}
	if (!tree_len(containers)) {
		error_set(err, ERR_PARSE, "pod %s has no containers", tree_name(pod));
		return NULL;
	}
	return json_get_string(containers->items[0], "name", "");
}
