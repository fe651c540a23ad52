#include "apiserver/audit/log_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

enum { STAMP_SIZE = sizeof "2006-01-02T15-04-05.000" - 1 };

struct log_file {
	struct arena *arena;
	const struct clock *clock;
	struct log_file_options options;
	char *folder, *stem, *extension; /* of the path: /var/log/, audit, .log */
	int fd;
	bool is_torn; /* the last line is not whole */
	int64_t size;
};

static void split_path(struct log_file *f, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *dot = strrchr(name, '.');
	size_t stem_size = dot ? (size_t)(dot - name) : strlen(name);
	f->folder =
	    slash ? arena_strndup(f->arena, path, (size_t)(name - path)) : arena_strdup(f->arena, "./");
	f->stem = arena_strndup(f->arena, name, stem_size);
	f->extension = arena_strdup(f->arena, name + stem_size);
}

static int open_file(struct log_file *f, struct error *err)
{
	struct stat st;
	f->fd = open(f->options.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return error_set_errno(err, errno, "cannot open the audit log %s", f->options.path);
	/* A pipe or device has no size: it is never full. */
	f->size = fstat(f->fd, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
	return 0;
}

struct log_file *log_file_open(
    const struct log_file_options *options, const struct clock *clock, struct error *err)
{
	struct arena *arena = arena_new();
	struct log_file *f = ARENA_NEW(arena, struct log_file);
	f->arena = arena;
	f->clock = clock;
	f->options = *options;
	f->options.path = arena_strdup(arena, options->path);
	if (!strcmp(options->path, "-")) {
		f->fd = STDOUT_FILENO;
		f->options.size_max = 0;
		return f;
	}
	split_path(f, options->path);
	if (open_file(f, err)) {
		arena_free(arena);
		return NULL;
	}
	return f;
}

void log_file_close(struct log_file *file)
{
	if (!file)
		return;
	if (file->fd > STDOUT_FILENO)
		close(file->fd);
	arena_free(file->arena);
}

static void write_stamp(char out[STAMP_SIZE + 1], int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	gmtime_r(&s, &tm);
	size_t n = strftime(out, STAMP_SIZE + 1, "%Y-%m-%dT%H-%M-%S", &tm);
	snprintf(out + n, STAMP_SIZE + 1 - n, ".%03d", (int)(ms % 1000));
}

/* The stamp in the name of a file that this log has left behind, or NULL. */
static const char *stamp_of(const struct log_file *f, const char *name)
{
	size_t stem_size = strlen(f->stem), extension_size = strlen(f->extension);
	if (strlen(name) != stem_size + 1 + STAMP_SIZE + extension_size ||
	    strncmp(name, f->stem, stem_size) != 0 || name[stem_size] != '-' ||
	    strcmp(name + stem_size + 1 + STAMP_SIZE, f->extension) != 0)
		return NULL;
	const char *stamp = name + stem_size + 1;
	for (size_t i = 0; i < STAMP_SIZE; i++) {
		char form = "0000-00-00T00-00-00.000"[i];
		if (form == '0' ? stamp[i] < '0' || stamp[i] > '9' : stamp[i] != form)
			return NULL;
	}
	return stamp;
}

static int by_name_backwards(const void *a, const void *b)
{
	return strcmp(*(char *const *)b, *(char *const *)a);
}

/* Stamps sort as their times do: the newest come first. */
static void remove_old(const struct log_file *f)
{
	const struct log_file_options *o = &f->options;
	char oldest[STAMP_SIZE + 1], path[PATH_MAX];
	struct arena *arena = arena_new();
	char **names = NULL;
	size_t len = 0;
	DIR *folder = o->backups_max || o->age_max_days ? opendir(f->folder) : NULL;
	for (struct dirent *e; folder && (e = readdir(folder));) {
		if (!stamp_of(f, e->d_name))
			continue;
		names = arena_grow(arena, names, len * sizeof *names, (len + 1) * sizeof *names);
		names[len++] = arena_strdup(arena, e->d_name);
	}
	if (folder)
		closedir(folder);
	if (len)
		qsort(names, len, sizeof *names, by_name_backwards);
	write_stamp(oldest, clock_wall_ns(f->clock) / 1000000 - o->age_max_days * 24 * 3600 * 1000);
	for (size_t i = 0; i < len; i++) {
		bool is_one_too_many = o->backups_max && i >= (size_t)o->backups_max;
		bool is_too_old = o->age_max_days && strncmp(stamp_of(f, names[i]), oldest, STAMP_SIZE) < 0;
		snprintf(path, sizeof path, "%s%s", f->folder, names[i]);
		if (is_one_too_many || is_too_old)
			unlink(path);
	}
	arena_free(arena);
}

static int begin_next(struct log_file *f, struct error *err)
{
	char stamp[STAMP_SIZE + 1], backup[PATH_MAX];
	int64_t ms = clock_wall_ns(f->clock) / 1000000;
	do {
		write_stamp(stamp, ms++); /* a name that is taken is not written over */
		snprintf(backup, sizeof backup, "%s%s-%s%s", f->folder, f->stem, stamp, f->extension);
	} while (access(backup, F_OK) == 0);
	if (rename(f->options.path, backup))
		return error_set_errno(err, errno, "cannot rename the audit log %s", f->options.path);
	int full = f->fd;
	if (open_file(f, err)) {
		f->fd = full; /* better there than nowhere */
		return -1;
	}
	close(full);
	f->is_torn = false;
	remove_old(f);
	return 0;
}

static int write_all(struct log_file *f, const char *data, size_t size, struct error *err)
{
	while (size > 0) {
		ssize_t n = write(f->fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set_errno(
			    err, n ? errno : EIO, "cannot write the audit log %s", f->options.path);
		f->is_torn = true;
		f->size += n;
		data += n;
		size -= (size_t)n;
	}
	f->is_torn = false;
	return 0;
}

int log_file_write(struct log_file *file, const char *line, size_t size, struct error *err)
{
	int64_t max = file->options.size_max;
	/* A file that cannot be followed by another goes on growing: lines are worth more than the limit. */
	bool is_stuck = max && file->size > 0 && file->size + (int64_t)size > max && begin_next(file, err);
	if (file->is_torn && write_all(file, "\n", 1, err))
		return -1;
	return write_all(file, line, size, err) || is_stuck ? -1 : 0;
}
