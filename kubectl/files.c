#include "kubectl/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"

struct reading {
	struct kubectl *k;
	struct source *items;
	size_t len, cap;
};

bool files_given(const struct file_flags *flags)
{
	return flags->files.len > 0 || !str_empty(flags->kustomize);
}

struct download {
	struct kubectl *k;
	struct loop *loop;
	const char *url;
	char **text;
	size_t *size;
	struct error *err;
	int result;
};

static void on_download(void *arg, const struct http_response *response)
{
	struct download *d = arg;
	loop_stop(d->loop);
	if (response->error)
		d->result = error_set(
		    d->err, ERR_IO, "unable to read URL \"%s\": %s", d->url, response->error->message);
	else if (response->status != 200)
		d->result = error_set(d->err, ERR_IO,
		    "unable to read URL \"%s\", server reported status code=%d", d->url, response->status);
	else
		*d->text =
		    arena_strndup(d->k->arena, str_or(response->body, ""), *d->size = response->body_size);
}

static int download(struct kubectl *k, const char *url, char **ret, size_t *ret_size, struct error *err)
{
	struct loop *loop = loop_new(NULL);
	struct http_client *client = http_client_new(loop, NULL);
	struct download d = {k, loop, url, ret, ret_size, err, 0};
	http_client_send(client, &(struct http_request){.url = url}, on_download, &d);
	loop_run(loop);
	http_client_free(client);
	loop_free(loop);
	return d.result;
}

static int read_stream(
    struct kubectl *k, FILE *file, const char *path, char **ret, size_t *ret_size, struct error *err)
{
	struct buf out = BUF_INIT;
	char part[65536];
	size_t n;
	while ((n = fread(part, 1, sizeof(part), file)) > 0)
		buf_append(&out, part, n);
	int result = 0;
	if (ferror(file))
		result = error_set_errno(err, errno, "reading %s", path);
	*ret = arena_alloc(k->arena, out.size + 1);
	memcpy(*ret, buf_str(&out), out.size + 1);
	*ret_size = out.size;
	buf_done(&out);
	return result;
}

int file_read(struct kubectl *k, const char *path, char **ret, size_t *ret_size, struct error *err)
{
	if (str_has_prefix(path, "http://") || str_has_prefix(path, "https://"))
		return download(k, path, ret, ret_size, err);
	if (strcmp(path, "-") == 0)
		return read_stream(k, stdin, "STDIN", ret, ret_size, err);
	FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, ERR_IO, "open %s: %s", path,
		    errno == ENOENT ? "no such file or directory" : strerror(errno));
	int result = read_stream(k, file, path, ret, ret_size, err);
	fclose(file);
	return result;
}

int file_write(const char *path, const void *data, size_t size, struct error *err)
{
	FILE *file = fopen(path, "we");
	if (!file)
		return error_set_errno(err, errno, "open %s", path);
	bool failed = fwrite(data, 1, size, file) != size;
	failed = fclose(file) || failed;
	return failed ? error_set_errno(err, errno, "writing %s", path) : 0;
}

static int add_source(struct reading *r, const char *name, const char *path, struct error *err)
{
	char *text;
	size_t size;
	if (file_read(r->k, path, &text, &size, err))
		return -1;
	if (r->len == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 16;
		r->items =
		    arena_grow(r->k->arena, r->items, r->cap * sizeof(*r->items), cap * sizeof(*r->items));
		r->cap = cap;
	}
	r->items[r->len++] = (struct source){name, text, size};
	return 0;
}

static int not_hidden(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

static int add_folder(struct reading *r, const char *folder, bool recursive, struct error *err)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, not_hidden, alphasort), result = 0;
	if (n < 0)
		return error_set_errno(err, errno, "reading folder %s", folder);
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name,
			   *path = arena_printf(r->k->arena, "%s/%s", folder, name);
		struct stat st;
		bool is_folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
		bool is_manifest = str_has_suffix(name, ".yaml") || str_has_suffix(name, ".yml") ||
				   str_has_suffix(name, ".json");
		if (!result && is_folder && recursive)
			result = add_folder(r, path, true, err);
		else if (!result && !is_folder && is_manifest)
			result = add_source(r, path, path, err);
		free(entries[i]);
	}
	free(entries);
	return result;
}

static int add_path(struct reading *r, const char *path, bool recursive, struct error *err)
{
	struct stat st;
	if (strcmp(path, "-") == 0)
		return add_source(r, "STDIN", path, err);
	if (str_has_prefix(path, "http://") || str_has_prefix(path, "https://"))
		return add_source(r, path, path, err);
	if (stat(path, &st))
		return errno == ENOENT
			   ? error_set(err, ERR_PARSE, "the path \"%s\" does not exist", path)
			   : error_set_errno(err, errno, "the path \"%s\" cannot be accessed", path);
	if (!S_ISDIR(st.st_mode))
		return add_source(r, path, path, err);
	size_t before = r->len, len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (add_folder(r, arena_strndup(r->k->arena, path, len), recursive, err))
		return -1;
	if (r->len == before)
		return error_set(err, ERR_PARSE,
		    "error reading [%s]: recognized file extensions are [.json .yaml .yml]", path);
	return 0;
}

int files_read(struct kubectl *k, const struct file_flags *flags, struct source **ret, size_t *ret_len,
    struct error *err)
{
	struct reading r = {.k = k};
	if (!str_empty(flags->kustomize))
		return error_set(err, ERR_PARSE, "kustomize is not supported: render the objects and use -f");
	for (size_t i = 0; i < flags->files.len; i++)
		if (add_path(&r, flags->files.items[i], flags->recursive, err))
			return -1;
	*ret = r.items;
	*ret_len = r.len;
	return 0;
}
