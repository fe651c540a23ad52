/* Reading: the files of $KUBECONFIG become one tree, out of which a context's connection settings are taken.
 */
#include "lib/client/kubeconfig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/api/json.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/kubeconfig_private.h"

#define SERVICE_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

static const char *const sections[] = {"clusters", "contexts", "users", NULL};

char *kubeconfig_read_file(struct arena *arena, const char *path, size_t *ret_size, struct error *err)
{
	FILE *file = fopen(path, "re");
	if (!file) {
		error_set_errno(err, errno, "open %s", path);
		return NULL;
	}
	size_t size = 0, capacity = 16384;
	char *text = arena_alloc(arena, capacity);
	for (size_t n; (n = fread(text + size, 1, capacity - size - 1, file)) > 0;) {
		size += n;
		if (capacity - size < 2) {
			text = arena_grow(arena, text, capacity, capacity * 2);
			capacity *= 2;
		}
	}
	bool failed = ferror(file);
	fclose(file);
	if (failed) {
		error_set(err, ERR_IO, "reading %s failed", path);
		return NULL;
	}
	text[size] = '\0';
	*ret_size = size;
	return text;
}

/* ---- one file ---- */

static void resolve_path(struct arena *arena, struct json *object, const char *key, const char *dir)
{
	const char *path = json_get_string(object, key, "");
	if (!str_empty(path) && path[0] != '/')
		json_set(arena, object, key, json_new_string(arena, arena_printf(arena, "%s/%s", dir, path)));
}

static const char *directory_of(struct arena *arena, const char *path)
{
	char *absolute = realpath(path, NULL);
	char *copy = arena_strdup(arena, absolute ? absolute : path);
	free(absolute);
	char *slash = strrchr(copy, '/');
	if (!slash)
		return ".";
	*slash = '\0';
	return copy;
}

/* Paths in a file are relative to the file. */
static void resolve_paths(struct arena *arena, struct json *config, const char *dir)
{
	struct json *clusters = json_get(config, "clusters"), *users = json_get(config, "users");
	for (size_t i = 0; clusters && clusters->type == JSON_ARRAY && i < clusters->len; i++)
		resolve_path(arena, json_get(clusters->items[i], "cluster"), "certificate-authority", dir);
	for (size_t i = 0; users && users->type == JSON_ARRAY && i < users->len; i++) {
		struct json *user = json_get(users->items[i], "user");
		resolve_path(arena, user, "client-certificate", dir);
		resolve_path(arena, user, "client-key", dir);
		resolve_path(arena, user, "tokenFile", dir);
	}
}

int kubeconfig_read_one(
    struct arena *arena, const char *path, bool resolve, struct json **ret, struct error *err)
{
	size_t size = 0;
	const char *text = kubeconfig_read_file(arena, path, &size, err);
	if (!text)
		return -1;
	struct json *config = NULL;
	if (strspn(text, " \t\r\n") == size)
		config = json_new_object(arena);
	else if (yaml_parse(arena, text, size, NULL, &config, err) < 0)
		return error_prefix(err, "error loading config file \"%s\"", path);
	if (config->type == JSON_NULL)
		config = json_new_object(arena);
	if (config->type != JSON_OBJECT)
		return error_set(err, ERR_PARSE, "error loading config file \"%s\": it is no object", path);
	if (resolve)
		resolve_paths(arena, config, directory_of(arena, path));
	*ret = config;
	return 0;
}

/* ---- merging ---- */

struct json *kubeconfig_find(const struct json *config, const char *section, const char *name)
{
	const struct json *list = json_get(config, section);
	for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->len; i++)
		if (str_eq(json_get_string(list->items[i], "name", ""), name))
			return list->items[i];
	return NULL;
}

struct json *kubeconfig_new(struct arena *arena)
{
	struct json *config = json_new_object(arena);
	json_set(arena, config, "apiVersion", json_new_string(arena, "v1"));
	json_set(arena, config, "kind", json_new_string(arena, "Config"));
	for (const char *const *section = sections; *section; section++)
		json_set(arena, config, *section, json_new_array(arena));
	json_set(arena, config, "current-context", json_new_string(arena, ""));
	json_set(arena, config, "preferences", json_new_object(arena));
	return config;
}

/* What came first stays: of two entries of one name, and of the single values. */
static void merge(struct arena *arena, struct json *into, const struct json *from)
{
	for (const char *const *section = sections; *section; section++) {
		const struct json *list = json_get(from, *section);
		for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->len; i++)
			if (!kubeconfig_find(into, *section, json_get_string(list->items[i], "name", "")))
				json_push(arena, json_get(into, *section), list->items[i]);
	}
	const char *current = json_get_string(from, "current-context", "");
	if (str_empty(json_get_string(into, "current-context", "")) && !str_empty(current))
		json_set(arena, into, "current-context", json_new_string(arena, current));
	struct json *preferences = json_get(from, "preferences");
	if (preferences && preferences->len > 0 && json_get(into, "preferences")->len == 0)
		json_set(arena, into, "preferences", preferences);
}

static const char *home_path(struct arena *arena)
{
	return arena_printf(arena, "%s/.kube/config", str_or(getenv("HOME"), "/root"));
}

int kubeconfig_read(struct arena *arena, const char *path, struct json **ret, struct error *err)
{
	struct json *config = kubeconfig_new(arena), *one = NULL;
	if (path) {
		if (kubeconfig_read_one(arena, path, true, &one, err) < 0)
			return -1;
		merge(arena, config, one);
		*ret = config;
		return 0;
	}
	const char *list = getenv("KUBECONFIG");
	size_t len = 0;
	char **paths = str_split(arena, str_empty(list) ? home_path(arena) : list, ':', &len);
	for (size_t i = 0; i < len; i++) {
		if (str_empty(paths[i]) || access(paths[i], F_OK) < 0)
			continue; /* files of a list may be missing */
		if (kubeconfig_read_one(arena, paths[i], true, &one, err) < 0)
			return -1;
		merge(arena, config, one);
	}
	*ret = config;
	return 0;
}

const char *kubeconfig_default_path(struct arena *arena)
{
	const char *list = getenv("KUBECONFIG");
	if (str_empty(list))
		return home_path(arena);
	size_t len = 0;
	char **paths = str_split(arena, list, ':', &len);
	const char *last = NULL;
	for (size_t i = 0; i < len; i++) {
		if (str_empty(paths[i]))
			continue;
		if (access(paths[i], F_OK) == 0)
			return paths[i];
		last = paths[i];
	}
	return last ? last : home_path(arena);
}

/* ---- connection settings ---- */

/* key-data as base64 wins over the file named by key. */
static int load_data(struct arena *arena, const struct json *object, const char *key, const char **ret_file,
    const char **ret_data, struct error *err)
{
	const char *text = json_get_string(object, arena_printf(arena, "%s-data", key), "");
	const char *file = json_get_string(object, key, "");
	*ret_file = *ret_data = NULL;
	if (str_empty(text)) {
		*ret_file = str_empty(file) ? NULL : arena_strdup(arena, file);
		return 0;
	}
	size_t size = 0;
	const void *data = str_unbase64(arena, text, strlen(text), &size);
	if (!data)
		return error_set(err, ERR_PARSE, "%s-data is no base64", key);
	*ret_data = arena_strndup(arena, data, size);
	return 0;
}

static int load_cluster(
    struct arena *arena, const struct json *cluster, struct rest_config *ret, struct error *err)
{
	ret->server = arena_strdup(arena, json_get_string(cluster, "server", ""));
	if (str_empty(ret->server))
		ret->server = "http://localhost:8080";
	else if (!strstr(ret->server, "://"))
		ret->server = arena_printf(arena, "http://%s", ret->server);
	ret->tls.insecure = json_get_bool(cluster, "insecure-skip-tls-verify", false);
	ret->tls.server_name = arena_strdup(arena, json_get_string(cluster, "tls-server-name", NULL));
	return load_data(arena, cluster, "certificate-authority", &ret->tls.ca_file, &ret->tls.ca_data, err);
}

static int load_user(struct arena *arena, const struct json *user, struct rest_config *ret, struct error *err)
{
	if (json_get(user, "exec"))
		return error_set(err, ERR_NOT_IMPLEMENTED, "exec plugins for credentials are not supported");
	if (json_get(user, "auth-provider"))
		return error_set(err, ERR_NOT_IMPLEMENTED, "auth providers are not supported");
	if (load_data(arena, user, "client-certificate", &ret->tls.cert_file, &ret->tls.cert_data, err) < 0 ||
	    load_data(arena, user, "client-key", &ret->tls.key_file, &ret->tls.key_data, err) < 0)
		return -1;
	ret->token = arena_strdup(arena, json_get_string(user, "token", NULL));
	ret->token_file = arena_strdup(arena, json_get_string(user, "tokenFile", NULL));
	ret->username = arena_strdup(arena, json_get_string(user, "username", NULL));
	ret->password = arena_strdup(arena, json_get_string(user, "password", NULL));
	ret->as_user = arena_strdup(arena, json_get_string(user, "as", NULL));
	const struct json *groups = json_get(user, "as-groups");
	if (groups && groups->type == JSON_ARRAY && groups->len > 0) {
		const char **list = ARENA_ARRAY(arena, const char *, groups->len + 1);
		for (size_t i = 0, n = 0; i < groups->len; i++)
			if (groups->items[i]->type == JSON_STRING)
				list[n++] = arena_strdup(arena, groups->items[i]->text);
		ret->as_groups = list;
	}
	return 0;
}

/* In a pod, without any kubeconfig: the mounted service account. */
static bool load_in_cluster(struct arena *arena, struct rest_config *ret)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
	if (str_empty(host) || str_empty(port) || access(SERVICE_ACCOUNT_DIR "/token", R_OK) < 0)
		return false;
	const char *fmt = strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s";
	struct error err = ERROR_INIT;
	size_t size = 0;
	ret->server = arena_printf(arena, fmt, host, port);
	ret->token_file = SERVICE_ACCOUNT_DIR "/token";
	ret->tls.ca_file = SERVICE_ACCOUNT_DIR "/ca.crt";
	ret->ns = kubeconfig_read_file(arena, SERVICE_ACCOUNT_DIR "/namespace", &size, &err);
	ret->ns = str_or(ret->ns, "default");
	return true;
}

static int load_context(struct arena *arena, const struct json *config, const char *context,
    const char *cluster, const char *user, struct rest_config *ret, struct error *err)
{
	bool is_named = !str_empty(context);
	context = str_or(context, json_get_string(config, "current-context", ""));
	const struct json *entry = str_empty(context) ? NULL : kubeconfig_find(config, "contexts", context);
	if (!entry && (is_named || !str_empty(context)))
		return error_set(err, ERR_NOT_FOUND, "context \"%s\" does not exist", context);
	const struct json *body = json_get(entry, "context");
	ret->ns = arena_strdup(arena, str_or(json_get_string(body, "namespace", ""), "default"));
	cluster = str_or(cluster, json_get_string(body, "cluster", ""));
	user = str_or(user, json_get_string(body, "user", ""));

	const struct json *cluster_entry = kubeconfig_find(config, "clusters", cluster);
	if (!cluster_entry && !str_empty(cluster))
		return error_set(err, ERR_NOT_FOUND, "cluster \"%s\" does not exist", cluster);
	if (load_cluster(arena, json_get(cluster_entry, "cluster"), ret, err) < 0)
		return error_prefix(err, "cluster \"%s\"", cluster);
	const struct json *user_entry = kubeconfig_find(config, "users", user);
	if (!user_entry && !str_empty(user))
		return error_set(err, ERR_NOT_FOUND, "auth info \"%s\" does not exist", user);
	if (load_user(arena, json_get(user_entry, "user"), ret, err) < 0)
		return error_prefix(err, "user \"%s\"", user);
	return 0;
}

int kubeconfig_load(struct arena *arena, const char *path, const char *context, const char *cluster,
    const char *user, struct rest_config *ret, struct error *err)
{
	struct json *config = NULL;
	struct rest_config loaded = {0};
	if (kubeconfig_read(arena, str_empty(path) ? NULL : path, &config, err) < 0)
		return -1;
	bool is_empty = json_get(config, "clusters")->len == 0 && str_empty(path) && str_empty(context);
	if (!(is_empty && load_in_cluster(arena, &loaded)) &&
	    load_context(arena, config, context, cluster, user, &loaded, err) < 0)
		return -1;
	*ret = loaded;
	return 0;
}
