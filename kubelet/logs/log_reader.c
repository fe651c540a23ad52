#include "kubelet/logs/log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/api/values.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

#define CHUNK 65536
#define LINE_MAX_SIZE (1 << 20)
#define CHECK_MS 500 /* how soon a follower notices the container's end */

struct log_reader {
	struct loop *loop;
	char *path;
	int fd, notify;
	struct log_options options;
	struct log_reader_callbacks callbacks;
	void *arg;
	struct buf pending; /* bytes of a line whose end hasn't been read */
	int64_t sent;
	bool line_begun, paused, ending, since_reached;
	struct loop_timer *step;
	struct loop_fd *watch;
};

static void on_step(void *arg);

static void schedule(struct log_reader *r, int64_t ms)
{
	if (!r->paused && !r->ending)
		loop_timer_start(r->step, ms, 0);
}

static void finish(struct log_reader *r, const struct error *err)
{
	if (r->ending)
		return;
	r->ending = true;
	loop_timer_stop(r->step);
	r->callbacks.on_end(r->arg, err);
}

static bool too_early(const struct log_reader *r, const struct log_line *line)
{
	int64_t seconds;
	int32_t nanos;
	char text[64];
	if (!r->options.since_ns || r->since_reached)
		return false;
	snprintf(text, sizeof text, "%.*s", (int)line->time_size, line->time);
	return time_parse(text, &seconds, &nanos) && seconds * 1000000000 + nanos < r->options.since_ns;
}

static bool wrong_stream(const struct log_reader *r, const struct log_line *line)
{
	if (str_empty(r->options.stream) || str_eq(r->options.stream, "All"))
		return false;
	return str_eq(r->options.stream, "Stderr") != line->is_stderr;
}

/* Appends what one line shows to out; false when the byte limit is reached. */
static bool render(struct log_reader *r, const char *text, size_t size, struct buf *out)
{
	struct log_line line;
	size_t before = out->size;
	if (!log_line_parse(text, size, &line) || too_early(r, &line))
		return true;
	r->since_reached = true;
	if (wrong_stream(r, &line))
		return true;
	if (r->options.timestamps && !r->line_begun)
		buf_printf(out, "%.*s ", (int)line.time_size, line.time);
	buf_append(out, line.text, line.text_size);
	if (!line.partial)
		buf_putc(out, '\n');
	r->line_begun = line.partial;
	r->sent += (int64_t)(out->size - before);
	if (r->options.limit_bytes > 0 && r->sent >= r->options.limit_bytes) {
		out->size -= (size_t)(r->sent - r->options.limit_bytes);
		return false;
	}
	return true;
}

/* Hands on all whole lines of pending; false: the limit is reached. */
static bool deliver(struct log_reader *r, bool at_end)
{
	struct buf out = BUF_INIT;
	size_t done = 0;
	bool more = true;
	while (more && done < r->pending.size) {
		const char *newline = memchr(r->pending.data + done, '\n', r->pending.size - done);
		if (!newline && !at_end)
			break;
		size_t size = newline ? (size_t)(newline - r->pending.data) - done : r->pending.size - done;
		more = render(r, r->pending.data + done, size, &out);
		done += size + (newline != NULL);
	}
	buf_consume(&r->pending, done);
	if (r->pending.size > LINE_MAX_SIZE)
		buf_reset(&r->pending);
	if (out.size && !r->callbacks.on_data(r->arg, out.data, out.size))
		r->paused = true;
	buf_done(&out);
	return more;
}

/* After a rotation the path names another file: go on there. */
static bool next_file(struct log_reader *r)
{
	struct stat now, ours;
	if (stat(r->path, &now) < 0 || fstat(r->fd, &ours) < 0 ||
	    (now.st_ino == ours.st_ino && now.st_dev == ours.st_dev))
		return false;
	int fd = open(r->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	close(r->fd);
	r->fd = fd;
	return true;
}

static void at_end_of_file(struct log_reader *r)
{
	if (r->options.follow && next_file(r)) {
		schedule(r, 0);
		return;
	}
	if (r->options.follow && (!r->callbacks.is_running || r->callbacks.is_running(r->arg))) {
		schedule(r, CHECK_MS);
		return;
	}
	/* The container may have written its last words between the read and the look at its state. */
	char last[1];
	if (r->options.follow && read(r->fd, last, 1) == 1) {
		buf_append(&r->pending, last, 1);
		schedule(r, 0);
		return;
	}
	deliver(r, true);
	finish(r, NULL);
}

static void on_step(void *arg)
{
	struct log_reader *r = arg;
	struct error err = ERROR_INIT;
	if (r->paused || r->ending)
		return;
	ssize_t n = read(r->fd, buf_reserve(&r->pending, CHUNK), CHUNK);
	if (n < 0) {
		error_set_errno(&err, errno, "reading the log");
		finish(r, &err);
		return;
	}
	r->pending.size += (size_t)n;
	if (n == 0) {
		at_end_of_file(r);
		return;
	}
	if (!deliver(r, false))
		finish(r, NULL);
	else
		schedule(r, 0);
}

static void on_notify(void *arg)
{
	struct log_reader *r = arg;
	char events[4096];
	while (read(r->notify, events, sizeof events) > 0)
		;
	schedule(r, 0);
}

static void watch_directory(struct log_reader *r)
{
	char *dir = strdup(r->path), *slash = strrchr(dir, '/');
	r->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (slash && r->notify >= 0) {
		*slash = 0;
		inotify_add_watch(r->notify, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO);
		r->watch = loop_fd_new(r->loop, r->notify, on_notify, r);
	}
	free(dir);
}

struct log_reader *log_reader_open(struct loop *loop, const char *path, const struct log_options *options,
    const struct log_reader_callbacks *callbacks, void *arg, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		error_set_errno(err, errno, "open %s", path);
		return NULL;
	}
	struct log_reader *r = calloc(1, sizeof *r);
	*r = (struct log_reader){.loop = loop,
	    .path = strdup(path),
	    .fd = fd,
	    .notify = -1,
	    .options = *options,
	    .callbacks = *callbacks,
	    .arg = arg};
	if (options->tail_lines >= 0)
		lseek(fd, log_tail_offset(fd, options->tail_lines), SEEK_SET);
	r->step = loop_timer_new(loop, on_step, r);
	if (options->follow)
		watch_directory(r);
	schedule(r, 0);
	return r;
}

void log_reader_resume(struct log_reader *r)
{
	if (!r->paused)
		return;
	r->paused = false;
	schedule(r, 0);
}

void log_reader_close(struct log_reader *r)
{
	if (!r)
		return;
	loop_timer_free(r->step);
	if (r->watch)
		loop_fd_free(r->watch);
	if (r->notify >= 0)
		close(r->notify);
	close(r->fd);
	buf_done(&r->pending);
	free(r->path);
	free(r);
}
