#include "kubectl/rollout.h"

#include <stdlib.h>
#include <string.h>

#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/tree.h"

int64_t rollout_revision(const struct json *set)
{
	int64_t n = 0;
	const char *text = json_get_string(tree_at(set, "metadata.annotations"), REVISION_ANNOTATION, "");
	if (str_eq(json_get_string(set, "kind", ""), "ControllerRevision"))
		return tree_int(set, "revision", 0);
	str_to_int64(text, &n);
	return n;
}

static int compare(const void *a, const void *b)
{
	int64_t x = rollout_revision(*(struct json *const *)a),
		y = rollout_revision(*(struct json *const *)b);
	return x < y ? -1 : x > y;
}

static const char *selector_of(struct arena *arena, const struct json *owner)
{
	struct buf out = BUF_INIT;
	const struct json *labels = tree_at(owner, "spec.selector.matchLabels");
	for (size_t i = 0; i < tree_size(labels); i++)
		buf_printf(&out, "%s%s=%s", i ? "," : "", labels->members[i].key,
		    tree_show(arena, labels->members[i].value));
	const char *text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}

static int owned(struct kubectl *k, const char *resource, const struct json *owner, const char *selector,
    struct json ***ret, size_t *ret_len, struct error *err)
{
	const struct mapping *mapping = mapper_built_in(k, resource);
	const char *path = session_path(k, mapping, tree_namespace(owner), NULL, NULL);
	struct json *list;
	if (session_list(k, session_param(k, path, "labelSelector", selector), &list, err))
		return -1;
	const struct json *items = json_get(list, "items");
	*ret = ARENA_ARRAY(k->arena, struct json *, tree_len(items) + 1);
	*ret_len = 0;
	tree_for_each(items, item)
	{
		tree_set_text(k->arena, item, "kind", mapping->kind);
		tree_for_each(tree_at(item, "metadata.ownerReferences"),
		    reference) if (str_eq(json_get_string(reference, "uid", ""),
				       tree_text(owner, "metadata.uid", "?")) &&
				   json_get_bool(reference, "controller", false))(*ret)[(*ret_len)++] = item;
	}
	if (*ret_len > 1)
		qsort(*ret, *ret_len, sizeof(**ret), compare);
	return 0;
}

int rollout_replica_sets(
    struct kubectl *k, const struct json *deployment, struct json ***ret, size_t *ret_len, struct error *err)
{
	return owned(k, "replicasets", deployment, selector_of(k->arena, deployment), ret, ret_len, err);
}

int rollout_controller_revisions(
    struct kubectl *k, const struct json *owner, struct json ***ret, size_t *ret_len, struct error *err)
{
	return owned(k, "controllerrevisions", owner, NULL, ret, ret_len, err);
}

struct json *rollout_current_set(const struct json *deployment, struct json *const *sets, size_t len)
{
	struct json *current = NULL;
	const char *revision =
	    json_get_string(tree_at(deployment, "metadata.annotations"), REVISION_ANNOTATION, NULL);
	for (size_t i = 0; i < len; i++)
		if (revision &&
		    str_eq(json_get_string(tree_at(sets[i], "metadata.annotations"), REVISION_ANNOTATION, ""),
			revision))
			current = sets[i];
	return current;
}
