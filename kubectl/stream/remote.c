#include "kubectl/stream/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/stream/terminal.h"
#include "kubectl/stream/tunnel.h"
#include "kubectl/tree.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"

enum { READ_SIZE = 32 * 1024, PENDING_MAX = 1024 * 1024 };

struct run {
	struct kubectl *k;
	const struct remote *remote;
	struct tunnel *tunnel;
	struct spdy *spdy;
	uint32_t error_stream, in_stream, out_stream, err_stream, resize_stream;
	struct loop_fd *watch;
	bool in_over, in_waits; /* in_waits: until what was sent has left */
	bool out_over, err_over, has_status, is_over;
	struct buf status;
	struct error *err;
	int result, exit_code;
};

void remote_write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return;
		}
	}
}

static void finish(struct run *r, int result)
{
	if (r->is_over)
		return;
	r->is_over = true;
	r->result = result;
	loop_stop(r->k->loop);
}

/* -- standard input
 * ----------------------------------------------------------------------------------------------- */

static void read_input(void *arg);

static bool is_pollable(int fd)
{
	struct stat st;
	return isatty(fd) || (fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)));
}

static void resume_input(struct run *r)
{
	if (r->in_over || r->is_over)
		return;
	if (is_pollable(r->remote->in_fd)) {
		if (!r->watch)
			r->watch = loop_fd_new(r->k->loop, r->remote->in_fd, read_input, r);
	} else {
		loop_defer(r->k->loop, read_input, r);
	}
}

static void read_input(void *arg)
{
	struct run *r = arg;
	char data[READ_SIZE];
	if (r->is_over || r->in_over)
		return;
	ssize_t n = read(r->remote->in_fd, data, sizeof(data));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		r->in_over = true;
		loop_fd_free(r->watch);
		r->watch = NULL;
		spdy_send(r->spdy, r->in_stream, "", 0, true);
		return;
	}
	spdy_send(r->spdy, r->in_stream, data, (size_t)n, false);
	if (tunnel_pending(r->tunnel) > PENDING_MAX) {
		loop_fd_free(r->watch);
		r->watch = NULL;
		r->in_waits = true;
	} else if (!r->watch) {
		resume_input(r);
	}
}

static void on_drain(void *arg)
{
	struct run *r = arg;
	if (!r->in_waits)
		return;
	r->in_waits = false;
	resume_input(r);
}

/* -- streams
 * ------------------------------------------------------------------------------------------------------ */

static uint32_t open_stream(struct spdy *spdy, const char *type)
{
	const struct spdy_header header = {"streamtype", type};
	return spdy_open(spdy, &header, 1, false);
}

static void send_size(struct run *r)
{
	unsigned short columns, rows;
	char text[64];
	if (!terminal_size(&columns, &rows))
		return;
	int len = snprintf(text, sizeof(text), "{\"Width\":%u,\"Height\":%u}\n", columns, rows);
	spdy_send(r->spdy, r->resize_stream, text, (size_t)len, false);
}

static void on_resize(void *arg, int signum)
{
	struct run *r = arg;
	if (!r->is_over && r->resize_stream)
		send_size(r);
}

static void on_open(void *arg, struct spdy *spdy)
{
	struct run *r = arg;
	const struct remote *remote = r->remote;
	r->spdy = spdy;
	r->error_stream = open_stream(spdy, "error");
	spdy_send(spdy, r->error_stream, "", 0, true);
	if (remote->in_fd >= 0)
		r->in_stream = open_stream(spdy, "stdin");
	r->out_stream = open_stream(spdy, "stdout");
	if (!remote->tty && !remote->no_stderr)
		r->err_stream = open_stream(spdy, "stderr");
	r->err_over = !r->err_stream;
	if (remote->tty) {
		r->resize_stream = open_stream(spdy, "resize");
		send_size(r);
	}
	if (remote->in_fd >= 0)
		resume_input(r);
}

/* The Status that ends an exec: success, an exit code, or a failure. */
static void read_status(struct run *r)
{
	struct error ignored = ERROR_INIT;
	struct json *status = NULL;
	r->has_status = true;
	if (!r->status.size)
		return;
	if (json_parse(r->k->arena, r->status.data, r->status.size, NULL, &status, &ignored)) {
		r->result =
		    error_set(r->err, ERR_IO, "error executing remote command: %s", buf_str(&r->status));
		return;
	}
	if (str_eq(json_get_string(status, "status", ""), "Success"))
		return;
	if (str_eq(json_get_string(status, "reason", ""), "NonZeroExitCode"))
		tree_for_each(tree_at(status, "details.causes"),
		    cause) if (str_eq(json_get_string(cause, "reason", ""), "ExitCode")) r->exit_code =
		    atoi(json_get_string(cause, "message", "0"));
	if (!r->exit_code)
		r->result = error_set(r->err, ERR_IO, "Internal error occurred: %s",
		    json_get_string(status, "message", "the command could not be run"));
}

static void end_when_done(struct run *r)
{
	if (r->has_status && r->out_over && r->err_over)
		finish(r, r->result);
}

static void on_data(void *arg, uint32_t stream, const char *data, size_t size, bool fin)
{
	struct run *r = arg;
	if (stream == r->error_stream) {
		if (size)
			buf_append(&r->status, data, size);
		if (fin && !r->has_status)
			read_status(r);
	} else if (stream == r->out_stream || stream == r->err_stream) {
		int channel = stream == r->out_stream ? 1 : 2;
		if (size && r->remote->on_output)
			r->remote->on_output(r->remote->arg, channel, data, size);
		else if (size)
			remote_write_all(channel, data, size);
		if (fin)
			*(channel == 1 ? &r->out_over : &r->err_over) = true;
	}
	end_when_done(r);
}

static void on_reset(void *arg, uint32_t stream, uint32_t status)
{
	on_data(arg, stream, "", 0, true);
}

static void on_end(void *arg, const struct error *err)
{
	struct run *r = arg;
	if (!r->has_status && r->status.size)
		read_status(r);
	if (r->has_status) {
		finish(r, r->result);
		return;
	}
	if (err && r->err->code == ERR_NONE)
		*r->err = *err;
	/* An attach ends without a Status when the container goes. */
	finish(r, err ? -1 : r->spdy ? 0 : -1);
}

int remote_run(struct kubectl *k, const struct remote *remote, int *ret_exit_code, struct error *err)
{
	static const char *const protocols[] = {
	    "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io", NULL};
	static const struct tunnel_callbacks callbacks = {on_open, on_data, on_reset, on_drain, on_end};
	struct run r = {.k = k, .remote = remote, .err = err};
	int in_flags = remote->in_fd >= 0 ? fcntl(remote->in_fd, F_GETFL) : -1;
	fflush(stdout);
	r.tunnel = tunnel_open(k, remote->path, protocols, &callbacks, &r, err);
	if (!r.tunnel)
		return -1;
	bool raw = remote->tty && remote->in_fd >= 0 && terminal_raw(remote->in_fd);
	if (remote->tty)
		loop_on_signal(k->loop, SIGWINCH, on_resize, &r);
	while (!r.is_over)
		loop_run(k->loop);
	if (raw)
		terminal_restore();
	loop_fd_free(r.watch);
	tunnel_close(r.tunnel);
	buf_done(&r.status);
	if (in_flags >= 0)
		fcntl(remote->in_fd, F_SETFL, in_flags); /* polling made it non-blocking, for the shell too */
	r.is_over = true;
	*ret_exit_code = r.exit_code;
	/* Signals and deferred reads may still name r: let them see that it is over while it lives. */
	loop_poll(k->loop);
	if (remote->tty)
		signal(SIGWINCH, SIG_DFL);
	return r.result;
}

const char *remote_path(struct kubectl *k, const char *ns, const char *pod, const char *verb,
    const char *container, const char *const *command, size_t command_len, bool in, bool out, bool error,
    bool tty)
{
	const char *path = session_path(k, mapper_built_in(k, "pods"), ns, pod, verb);
	for (size_t i = 0; i < command_len; i++) {
		if (*command[i]) {
			path = session_param(k, path, "command", command[i]);
			continue;
		}
		path = arena_printf(k->arena, "%s%ccommand=", path, strchr(path, '?') ? '&' : '?');
	}
	path = session_param(k, path, "container", container);
	path = session_param(k, path, "stdin", in ? "true" : NULL);
	path = session_param(k, path, "stdout", out ? "true" : NULL);
	path = session_param(k, path, "stderr", error ? "true" : NULL);
	return session_param(k, path, "tty", tty ? "true" : NULL);
}
