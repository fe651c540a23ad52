#include "kubectl/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kubectl/tree.h"

const char *config_path(struct kubectl *k)
{
	if (!str_empty(k->globals.kubeconfig))
		return k->globals.kubeconfig;
	return kubeconfig_default_path(k->arena);
}

static void set_if_missing(struct kubectl *k, struct json *config, const char *key, struct json *value)
{
	if (!json_get(config, key) || json_get(config, key)->type == JSON_NULL)
		json_set(k->arena, config, key, value);
}

int config_load(struct kubectl *k, struct json **ret, struct error *err)
{
	const char *path = config_path(k);
	struct json *config = json_new_object(k->arena);
	/* A list in $KUBECONFIG is read merged; with one file, what is read can be written back as it is. */
	const char *list = getenv("KUBECONFIG");
	bool is_list = str_empty(k->globals.kubeconfig) && list && strchr(list, ':');
	if ((is_list || access(path, F_OK) == 0) &&
	    kubeconfig_read(k->arena, is_list ? NULL : path, &config, err)) {
		err->code = ERR_PARSE;
		return -1;
	}
	set_if_missing(k, config, "apiVersion", json_new_string(k->arena, "v1"));
	set_if_missing(k, config, "kind", json_new_string(k->arena, "Config"));
	set_if_missing(k, config, "preferences", json_new_object(k->arena));
	set_if_missing(k, config, "clusters", json_new_array(k->arena));
	set_if_missing(k, config, "contexts", json_new_array(k->arena));
	set_if_missing(k, config, "users", json_new_array(k->arena));
	set_if_missing(k, config, "current-context", json_new_string(k->arena, ""));
	*ret = config;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(json_get_string(*(struct json *const *)a, "name", ""),
	    json_get_string(*(struct json *const *)b, "name", ""));
}

int config_save(struct kubectl *k, const struct json *config, struct error *err)
{
	static const char *const sections[] = {"clusters", "contexts", "users"};
	for (size_t i = 0; i < 3; i++) {
		struct json *entries = json_get(config, sections[i]);
		if (tree_len(entries) > 1)
			qsort(entries->items, entries->len, sizeof(*entries->items), compare_names);
	}
	const char *path = config_path(k), *slash = strrchr(path, '/');
	if (slash && slash > path)
		mkdir(arena_strndup(k->arena, path, (size_t)(slash - path)), 0750);
	if (kubeconfig_write(path, config, err)) {
		err->code = ERR_PARSE;
		return -1;
	}
	return 0;
}

const char *config_member(const char *section)
{
	return str_eq(section, "clusters") ? "cluster" : str_eq(section, "contexts") ? "context" : "user";
}

struct json *config_entry(const struct json *config, const char *section, const char *name)
{
	return json_get(tree_find(json_get(config, section), "name", name), config_member(section));
}

struct json *config_entry_make(
    struct kubectl *k, struct json *config, const char *section, const char *name, bool *ret_made)
{
	struct json *found = tree_find(json_get(config, section), "name", name);
	*ret_made = !found;
	if (!found) {
		found = json_new_object(k->arena);
		tree_set_text(k->arena, found, "name", name);
		json_push(k->arena, json_get(config, section), found);
	}
	struct json *entry = json_get(found, config_member(section));
	if (!entry || entry->type != JSON_OBJECT) {
		entry = json_new_object(k->arena);
		json_set(k->arena, found, config_member(section), entry);
	}
	return entry;
}
