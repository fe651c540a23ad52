#include "kubectl/create.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kubectl/files.h"
#include "kubectl/last_applied.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/tree.h"

enum { FLAGS_MAX = 40 };

int generator_parse(struct generator *g, const char *usage, const struct flag *flags, int argc, char **argv,
    struct error *err)
{
	const struct flag shared[] = {WRITE_FLAGS(&g->write), VALIDATE_FLAG(&g->write),
	    {"save-config", 0, FLAG_BOOL, &g->save_config,
		"Remember the object in its annotation, for apply"},
	    FLAG_END};
	struct flag *all = ARENA_ARRAY(g->k->arena, struct flag, FLAGS_MAX + 8);
	size_t len = 0;
	for (; flags && flags->name && len < FLAGS_MAX; flags++)
		all[len++] = *flags;
	for (const struct flag *f = shared; f->name; f++)
		all[len++] = *f;
	if (kubectl_parse(g->k, usage, all, argc, argv, &g->args, err) ||
	    write_flags_check(g->k, &g->write, err))
		return -1;
	size_t own = g->args.dash >= 0 ? (size_t)g->args.dash : g->args.len;
	if (own < 1)
		return error_set(err, ERR_PARSE,
		    "exactly one NAME is required, got %zu\nSee '%s -h' for help and examples", own,
		    g->k->command_path);
	g->name = g->args.items[0];
	return 0;
}

int generator_finish(struct generator *g, struct json *object, struct error *err)
{
	struct kubectl *k = g->k;
	const struct mapping *mapping;
	struct json *created = object;
	const char *api_version = json_get_string(object, "apiVersion", ""),
		   *kind = json_get_string(object, "kind", "");
	if (mapper_by_kind(k, api_version, kind, &mapping, err))
		return -1;
	const char *ns = mapping->is_namespaced ? kubectl_namespace(k) : "";
	/* A dry run shows the namespace only when it was asked for. */
	if (mapping->is_namespaced && (k->globals.ns_set || !write_is_client(&g->write)))
		tree_set_text(k->arena, object, "metadata.namespace", ns);
	if (g->save_config)
		last_applied_set(k->arena, object);
	if (!write_is_client(&g->write)) {
		const char *path = write_query(
		    k, &g->write, session_path(k, mapping, ns, NULL, NULL), "kubectl-create", true);
		if (session_call(k, "POST", path, object, &created, err)) {
			if (err->code != ERR_INVALID && report_is_server(err) && err->code != ERR_NOT_FOUND &&
			    err->code != ERR_ALREADY_EXISTS)
				error_prefix(err, "failed to create %s", str_lower(k->arena, kind));
			else if (err->code == ERR_ALREADY_EXISTS && k->status && !str_eq(kind, "Namespace")) {
				/* stock: error: failed to create deployment: deployments.apps "x" already
				 * exists */
				char why[512];
				snprintf(why, sizeof(why), "%.511s", err->message);
				error_clear(err);
				error_set(err, ERR_PARSE, "failed to create %s: %s",
				    str_lower(k->arena, kind), why);
			}
			return -1;
		}
	} else {
		tree_set(k->arena, object, "metadata.creationTimestamp", json_new_null(k->arena));
	}
	return write_done(k, &g->write, mapping, created, "created", err);
}

struct json *generator_container(
    struct arena *arena, const char *name, const char *image, const char *const *command, size_t len)
{
	struct json *container = json_new_object(arena), *words = json_new_array(arena);
	for (size_t i = 0; i < len; i++)
		json_push(arena, words, json_new_string(arena, command[i]));
	if (len)
		json_set(arena, container, "command", words);
	tree_set_text(arena, container, "image", image);
	tree_set_text(arena, container, "name", name);
	json_set(arena, container, "resources", json_new_object(arena));
	return container;
}

/* -- data of configmaps and secrets
 * ------------------------------------------------------------------------------- */

struct data {
	struct arena *arena;
	struct json *object;
	bool encoded;
};

static bool is_text(const char *text, size_t size)
{
	return strnlen(text, size) == size;
}

static bool is_utf8(const char *text, size_t size)
{
	for (size_t i = 0; i < size;) {
		unsigned char c = (unsigned char)text[i];
		size_t n = c < 0x80                ? 1
			   : c >= 0xc2 && c < 0xe0 ? 2
			   : c >= 0xe0 && c < 0xf0 ? 3
			   : c >= 0xf0 && c < 0xf5 ? 4
						   : 0;
		if (!n || i + n > size)
			return false;
		for (size_t j = 1; j < n; j++)
			if (((unsigned char)text[i + j] & 0xc0) != 0x80)
				return false;
		i += n;
	}
	return true;
}

static int add_datum(const struct data *d, const char *key, const char *text, size_t size, struct error *err)
{
	bool binary = !d->encoded && (!is_text(text, size) || !is_utf8(text, size));
	const char *member = binary ? "binaryData" : "data";
	if (!*key ||
	    strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._") != strlen(key))
		return error_set(err, ERR_PARSE,
		    "\"%s\" is not a valid key name for a %s: a valid config key must consist of "
		    "alphanumeric characters, '-', '_' or '.' "
		    "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
		    "'[-._a-zA-Z0-9]+')",
		    key, d->encoded ? "Secret" : "ConfigMap");
	if (json_get(json_get(d->object, "data"), key) || json_get(json_get(d->object, "binaryData"), key))
		return error_set(err, ERR_PARSE,
		    "cannot add key \"%s\", another key by that name already exists in Data for %s \"%s\"",
		    key, d->encoded ? "Secret" : "ConfigMap", tree_name(d->object));
	if (!json_get(d->object, member))
		json_set(d->arena, d->object, member, json_new_object(d->arena));
	const char *value =
	    d->encoded || binary ? str_base64(d->arena, text, size) : arena_strndup(d->arena, text, size);
	json_set(d->arena, json_get(d->object, member), key, json_new_string(d->arena, value));
	return 0;
}

static int add_file(
    struct generator *g, const struct data *d, const char *key, const char *path, struct error *err)
{
	char *text;
	size_t size;
	if (file_read(g->k, path, &text, &size, err))
		return error_prefix(err, "error reading %s", path);
	return add_datum(d, key, text, size, err);
}

static int add_folder(struct generator *g, const struct data *d, const char *path, struct error *err)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort), result = 0;
	for (int i = 0; i < n; i++) {
		struct stat st;
		const char *file = arena_printf(d->arena, "%s/%s", path, entries[i]->d_name);
		if (!result && stat(file, &st) == 0 && S_ISREG(st.st_mode))
			result = add_file(g, d, entries[i]->d_name, file, err);
		free(entries[i]);
	}
	free(entries);
	return result;
}

static int add_env_file(struct generator *g, const struct data *d, const char *path, struct error *err)
{
	char *text;
	size_t size, len;
	if (file_read(g->k, path, &text, &size, err))
		return error_prefix(err, "error reading %s", path);
	char **lines = str_split(d->arena, text, '\n', &len);
	for (size_t i = 0; i < len; i++) {
		char *line = lines[i] + strspn(lines[i], " \t");
		line[strcspn(line, "\r")] = '\0';
		char *eq = strchr(line, '=');
		if (!*line || *line == '#')
			continue;
		const char *value = eq ? eq + 1 : str_or(getenv(line), "");
		if (eq)
			*eq = '\0';
		if (add_datum(d, line, value, strlen(value), err))
			return -1;
	}
	return 0;
}

int generator_data(
    struct generator *g, const struct data_flags *flags, bool encoded, struct json *object, struct error *err)
{
	const struct data d = {g->k->arena, object, encoded};
	if (flags->env_files.len && (flags->files.len || flags->literals.len))
		return error_set(
		    err, ERR_PARSE, "from-env-file cannot be combined with from-file or from-literal");
	for (size_t i = 0; i < flags->files.len; i++) {
		const char *text = flags->files.items[i], *eq = strchr(text, '='), *path = eq ? eq + 1 : text;
		const char *slash = strrchr(path, '/');
		struct stat st;
		bool is_folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
		if (is_folder && eq)
			return error_set(err, ERR_PARSE, "cannot give a key name for a directory path");
		const char *key = eq      ? arena_strndup(d.arena, text, (size_t)(eq - text))
				  : slash ? slash + 1
					  : path;
		if (is_folder ? add_folder(g, &d, path, err) : add_file(g, &d, key, path, err))
			return -1;
	}
	for (size_t i = 0; i < flags->literals.len; i++) {
		const char *text = flags->literals.items[i], *eq = strchr(text, '=');
		if (!eq || eq == text)
			return error_set(
			    err, ERR_PARSE, "invalid literal source %s, expected key=value", text);
		const char *value = eq + 1;
		size_t len = strlen(value);
		if (len >= 2 && (value[0] == '"' || value[0] == '\'') && value[len - 1] == value[0]) {
			value = arena_strndup(d.arena, value + 1, len - 2);
			len -= 2;
		}
		if (add_datum(&d, arena_strndup(d.arena, text, (size_t)(eq - text)), value, len, err))
			return -1;
	}
	for (size_t i = 0; i < flags->env_files.len; i++)
		if (add_env_file(g, &d, flags->env_files.items[i], err))
			return -1;
	return 0;
}
