#include "kubectl/targets.h"

#include <string.h>

#include "kubectl/manifests.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/tree.h"

struct targets {
	struct kubectl *k;
	const struct target_query *query;
	struct target *items;
	size_t len, cap;
	size_t types;
};

static void add(struct targets *t, const struct mapping *mapping, const char *ns, const char *name,
    struct json *tree, const char *source)
{
	struct arena *arena = t->k->arena;
	if (t->len == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 16;
		t->items = arena_grow(arena, t->items, t->cap * sizeof(*t->items), cap * sizeof(*t->items));
		t->cap = cap;
	}
	if (!ns)
		ns = !mapping->is_namespaced || t->query->all_namespaces ? "" : kubectl_namespace(t->k);
	t->items[t->len++] = (struct target){mapping, ns, name, tree, source};
}

/* A word with commas: kinds and categories. */
static int resolve_types(
    struct targets *t, const char *word, const struct mapping ***ret, size_t *ret_len, struct error *err)
{
	struct kubectl *k = t->k;
	size_t words_len, cap = 0;
	char **words = str_split(k->arena, word, ',', &words_len);
	*ret = NULL;
	*ret_len = 0;
	for (size_t i = 0; i < words_len; i++) {
		const struct mapping *one, **list = &one;
		size_t len = 0;
		if (strcmp(words[i], "all") == 0 || strcmp(words[i], "api-extensions") == 0) {
			if (mapper_by_category(k, words[i], &list, &len, err))
				return -1;
		} else if (mapper_by_name(k, words[i], &one, err)) {
			struct error ignored = ERROR_INIT;
			if (!str_has_prefix(err->message, "the server doesn't have") ||
			    mapper_by_category(k, words[i], &list, &len, &ignored) || !len)
				return -1;
			error_clear(err);
		} else {
			len = 1;
		}
		*ret = arena_grow(k->arena, *ret, cap * sizeof(**ret), (cap + len) * sizeof(**ret));
		memcpy(*ret + cap, list, len * sizeof(**ret));
		*ret_len = cap += len;
	}
	return 0;
}

static int parse_pairs(struct targets *t, struct error *err)
{
	for (size_t i = 0; i < t->query->args_len; i++) {
		const char *arg = t->query->args[i], *slash = strchr(arg, '/');
		const struct mapping *mapping;
		if (!slash || slash == arg || !slash[1] || strchr(slash + 1, '/'))
			return slash ? error_set(err, ERR_PARSE,
					   "arguments in resource/name form must have a single resource and "
					   "name")
				     : error_set(err, ERR_PARSE,
					   "there is no need to specify a resource type as a separate "
					   "argument when passing "
					   "arguments in resource/name form (e.g. '%s "
					   "resource/<resource_name>' instead of '%s "
					   "resource resource/<resource_name>'",
					   t->k->command_path, t->k->command_path);
		const char *type = arena_strndup(t->k->arena, arg, (size_t)(slash - arg));
		if (mapper_by_name(t->k, type, &mapping, err))
			return -1;
		if (i && mapping != t->items[0].mapping)
			t->types = 2;
		add(t, mapping, mapping->is_namespaced ? kubectl_namespace(t->k) : "", slash + 1, NULL, NULL);
	}
	t->types = t->types ? t->types : 1;
	return 0;
}

static int parse_types(struct targets *t, struct error *err)
{
	const struct target_query *q = t->query;
	const struct mapping **types;
	size_t types_len;
	if (resolve_types(t, q->args[0], &types, &types_len, err))
		return -1;
	t->types = types_len;
	bool whole = q->selector || q->field_selector || q->all;
	if (q->args_len > 1 && q->all)
		return error_set(err, ERR_PARSE,
		    "a resource cannot be retrieved by name across all: --all and names exclude each other");
	if (q->args_len > 1 && whole)
		return error_set(err, ERR_PARSE, "name cannot be provided when a selector is specified");
	if (q->args_len > 1 && q->all_namespaces)
		return error_set(
		    err, ERR_PARSE, "a resource cannot be retrieved by name across all namespaces");
	if (q->args_len == 1 && !whole && !q->allow_bare_type)
		return error_set(err, ERR_PARSE, "resource(s) were provided, but no name was specified");
	for (size_t i = 0; i < types_len && q->args_len == 1; i++)
		add(t, types[i], NULL, "", NULL, NULL);
	for (size_t i = 1; i < q->args_len; i++)
		for (size_t j = 0; j < types_len; j++)
			add(t, types[j], types[j]->is_namespaced ? kubectl_namespace(t->k) : "", q->args[i],
			    NULL, NULL);
	return 0;
}

static int parse_files(struct targets *t, struct error *err)
{
	struct manifest *manifests;
	size_t len;
	if (t->query->args_len)
		return error_set(err, ERR_PARSE,
		    "when paths, URLs, or stdin is provided as input, you may not specify a resource by "
		    "arguments as well");
	if (manifests_read(t->k, strrchr(t->k->command_path, ' ') + 1, t->query->files, VALIDATE_IGNORE,
		&manifests, &len, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (i && manifests[i].mapping != manifests[0].mapping)
			t->types = 2;
		add(t, manifests[i].mapping, manifests[i].ns, manifests[i].name, manifests[i].tree,
		    manifests[i].source);
	}
	return 0;
}

int targets_parse(struct kubectl *k, const struct target_query *query, struct target **ret, size_t *ret_len,
    bool *ret_many, struct error *err)
{
	struct targets t = {.k = k, .query = query};
	int result = 0;
	if (query->files && files_given(query->files)) {
		result = parse_files(&t, err);
	} else if (!query->args_len) {
		return error_set(err, ERR_PARSE,
		    "You must provide one or more resources by argument or filename.\nExample resource "
		    "specifications "
		    "include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> <name>'\n   "
		    "'<resource>'");
	} else if (query->default_type && !strchr(query->args[0], '/') && query->args_len == 1) {
		add(&t, mapper_built_in(k, query->default_type), kubectl_namespace(k), query->args[0], NULL,
		    NULL);
	} else if (strchr(query->args[0], '/')) {
		result = query->selector ? error_set(err, ERR_PARSE,
					       "selectors and the all flag cannot be used when passing "
					       "resource/name arguments")
					 : parse_pairs(&t, err);
	} else {
		result = parse_types(&t, err);
	}
	*ret = t.items;
	*ret_len = t.len;
	if (ret_many)
		*ret_many = t.types > 1;
	return result;
}

const char *target_path(struct kubectl *k, const struct target *target, const char *sub)
{
	return session_path(k, target->mapping, target->ns, target->name, sub);
}

int target_get(struct kubectl *k, struct target *target, struct error *err)
{
	return session_get(k, target_path(k, target, NULL), &target->tree, err);
}

static int expand_list(struct targets *t, const struct target *target, struct error *err)
{
	struct kubectl *k = t->k;
	struct json *list;
	const char *path = session_path(k, target->mapping, target->ns, NULL, NULL);
	path = session_param(k, path, "labelSelector", t->query->selector);
	path = session_param(k, path, "fieldSelector", t->query->field_selector);
	if (session_list(k, path, &list, err))
		return -1;
	const char *api_version = mapping_api_version(k->arena, target->mapping);
	tree_for_each(json_get(list, "items"), item)
	{
		tree_set_text(k->arena, item, "apiVersion", api_version);
		tree_set_text(k->arena, item, "kind", target->mapping->kind);
		add(t, target->mapping, tree_namespace(item), tree_name(item), item, NULL);
	}
	return 0;
}

int targets_find(struct kubectl *k, const struct target_query *query, struct target **ret, size_t *ret_len,
    struct failures *failures, struct error *err)
{
	struct target *asked;
	size_t len;
	if (targets_parse(k, query, &asked, &len, NULL, err))
		return -1;
	struct targets t = {.k = k, .query = query};
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		struct target target = asked[i];
		int result = *target.name ? target_get(k, &target, &one) : expand_list(&t, &target, &one);
		if (result && query->ignore_not_found && one.code == ERR_NOT_FOUND)
			continue;
		if (result)
			failures_add(k, failures, &one);
		else if (*target.name)
			add(&t, target.mapping, target.ns, target.name, target.tree, target.source);
	}
	*ret = t.items;
	*ret_len = t.len;
	return 0;
}

int target_find_one(
    struct kubectl *k, const struct target_query *query, struct target *ret, struct error *err)
{
	struct target *list;
	size_t len;
	if (targets_parse(k, query, &list, &len, NULL, err))
		return -1;
	if (len != 1)
		return error_set(err, ERR_PARSE, "expected exactly one resource, got %zu", len);
	*ret = list[0];
	return target_get(k, ret, err);
}
