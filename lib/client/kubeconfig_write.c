/* Writing: a new file replaces the old one in one step, under the lock file that kubectl takes too. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/api/json.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/kubeconfig.h"
#include "lib/client/kubeconfig_private.h"

#define LOCK_TRIES 100
#define LOCK_WAIT_MS 50
#define LOCK_STALE_S 60 /* nobody writes that long: its owner died */

static int make_directory(struct arena *arena, const char *path, struct error *err)
{
	char *dir = arena_strdup(arena, path);
	char *slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	for (char *p = dir + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(dir, 0755);
		*p = '/';
	}
	if (mkdir(dir, 0750) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "create directory %s", dir);
	return 0;
}

static int lock(const char *lock_path, struct error *err)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		int fd = open(lock_path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		if (fd >= 0) {
			close(fd);
			return 0;
		}
		if (errno != EEXIST)
			return error_set_errno(err, errno, "create %s", lock_path);
		struct stat st;
		if (stat(lock_path, &st) == 0 && time(NULL) - st.st_mtime > LOCK_STALE_S) {
			unlink(lock_path);
			continue;
		}
		nanosleep(&(struct timespec){.tv_nsec = LOCK_WAIT_MS * 1000000L}, NULL);
	}
	return error_set(err, ERR_IO, "%s is held by another process", lock_path);
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		size -= (size_t)n;
	}
	return fsync(fd);
}

static int replace_file(struct arena *arena, const char *path, const struct buf *text, struct error *err)
{
	/* A link is kept: what it points to is replaced. */
	char *target = realpath(path, NULL);
	const char *final = arena_strdup(arena, target ? target : path);
	free(target);
	char *temporary = arena_printf(arena, "%s.XXXXXX", final);
	int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return error_set_errno(err, errno, "create %s", temporary);
	if (write_all(fd, buf_str(text), text->size) < 0 || close(fd) < 0 || rename(temporary, final) < 0) {
		error_set_errno(err, errno, "write %s", final);
		unlink(temporary);
		return -1;
	}
	return 0;
}

static int write_locked(struct arena *arena, const char *path, const struct json *config, struct error *err)
{
	struct buf text = BUF_INIT;
	yaml_write(&text, config);
	int result = replace_file(arena, path, &text, err);
	buf_done(&text);
	return result;
}

/* change: NULL to write `config`, else the tree of the file is read, changed and written under one lock. */
static int with_lock(struct arena *arena, const char *path, const struct json *config,
    void (*change)(struct arena *arena, struct json *config, const void *arg), const void *arg,
    struct error *err)
{
	if (make_directory(arena, path, err) < 0)
		return -1;
	const char *lock_path = arena_printf(arena, "%s.lock", path);
	if (lock(lock_path, err) < 0)
		return -1;
	int result = 0;
	struct json *tree = NULL;
	if (change) {
		if (access(path, F_OK) < 0)
			tree = kubeconfig_new(arena);
		else
			result = kubeconfig_read_one(arena, path, false, &tree, err);
		if (result == 0)
			change(arena, tree, arg);
	}
	if (result == 0)
		result = write_locked(arena, path, change ? tree : config, err);
	unlink(lock_path);
	return result;
}

int kubeconfig_write(const char *path, const struct json *config, struct error *err)
{
	struct arena *arena = arena_new();
	int result = with_lock(arena, path, config, NULL, NULL, err);
	arena_free(arena);
	return result;
}

/* ---- one entry ---- */

struct merge_arg {
	const struct kubeconfig_entry *entry;
	int make_current;
};

static void remove_entry(struct json *config, const char *section, const char *name)
{
	struct json *list = json_get(config, section);
	for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->len; i++) {
		if (str_eq(json_get_string(list->items[i], "name", ""), name)) {
			json_array_remove(list, i);
			return;
		}
	}
}

static void put_entry(struct arena *arena, struct json *config, const char *section, const char *member,
    const char *name, struct json *body)
{
	struct json *list = json_get(config, section);
	if (!list || list->type != JSON_ARRAY) {
		list = json_new_array(arena);
		json_set(arena, config, section, list);
	}
	remove_entry(config, section, name);
	struct json *item = json_new_object(arena);
	json_set(arena, item, member, body);
	json_set(arena, item, "name", json_new_string(arena, name));
	json_push(arena, list, item);
}

static void set_base64(struct arena *arena, struct json *object, const char *key, const char *text)
{
	if (!str_empty(text))
		json_set(arena, object, key, json_new_string(arena, str_base64(arena, text, strlen(text))));
}

static void merge_entry(struct arena *arena, struct json *config, const void *arg)
{
	const struct merge_arg *merge = arg;
	const struct kubeconfig_entry *entry = merge->entry;
	struct json *cluster = json_new_object(arena);
	set_base64(arena, cluster, "certificate-authority-data", entry->ca_data);
	json_set(arena, cluster, "server", json_new_string(arena, entry->server));
	put_entry(arena, config, "clusters", "cluster", entry->name, cluster);

	struct json *user = json_new_object(arena);
	set_base64(arena, user, "client-certificate-data", entry->cert_data);
	set_base64(arena, user, "client-key-data", entry->key_data);
	if (!str_empty(entry->token))
		json_set(arena, user, "token", json_new_string(arena, entry->token));
	put_entry(arena, config, "users", "user", entry->name, user);

	struct json *context = json_new_object(arena);
	json_set(arena, context, "cluster", json_new_string(arena, entry->name));
	if (!str_empty(entry->ns))
		json_set(arena, context, "namespace", json_new_string(arena, entry->ns));
	json_set(arena, context, "user", json_new_string(arena, entry->name));
	put_entry(arena, config, "contexts", "context", entry->name, context);
	if (merge->make_current)
		json_set(arena, config, "current-context", json_new_string(arena, entry->name));
}

int kubeconfig_merge(
    const char *path, const struct kubeconfig_entry *entry, int make_current, struct error *err)
{
	struct arena *arena = arena_new();
	struct merge_arg arg = {entry, make_current};
	int result = with_lock(arena, path, NULL, merge_entry, &arg, err);
	arena_free(arena);
	return result;
}

static void remove_name(struct arena *arena, struct json *config, const void *arg)
{
	const char *name = arg;
	remove_entry(config, "clusters", name);
	remove_entry(config, "users", name);
	remove_entry(config, "contexts", name);
	if (str_eq(json_get_string(config, "current-context", ""), name))
		json_set(arena, config, "current-context", json_new_string(arena, ""));
}

int kubeconfig_remove(const char *path, const char *name, struct error *err)
{
	if (access(path, F_OK) < 0)
		return 0;
	struct arena *arena = arena_new();
	int result = with_lock(arena, path, NULL, remove_name, name, err);
	arena_free(arena);
	return result;
}
