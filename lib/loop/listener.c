#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/loop/internal.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

enum { ACCEPT_BATCH = 64, BACKLOG = 1024, RETRY_MS = 100 };

struct stream_listener {
	struct loop_owned owned;
	struct loop *loop;
	uv_poll_t poll;
	int fd;
	struct loop_timer *retry;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* of a unix socket, removed at the end */
	void (*on_accept)(void *arg, int fd);
	void *arg;
	bool closed;
};

static void on_ready(uv_poll_t *poll, int status, int events);

static void resume(void *arg)
{
	struct stream_listener *listener = arg;
	uv_poll_start(&listener->poll, UV_READABLE, on_ready);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct stream_listener *listener = poll->data;
	for (int i = 0; i < ACCEPT_BATCH && !listener->closed; i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			listener->on_accept(listener->arg, fd);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* The connection stays in the queue and the socket readable: without a rest this
			 * would spin. */
			uv_poll_stop(poll);
			loop_timer_start(listener->retry, RETRY_MS, 0);
			return;
		}
	}
}

/* A socket file that nobody listens on any more is left over from a killed process. */
static void remove_stale(const struct sockaddr_un *un, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)un, len) < 0 && errno == ECONNREFUSED)
		unlink(un->sun_path);
	close(fd);
}

static int open_socket(
    const char *address, const struct sockaddr_storage *addr, socklen_t len, struct error *err)
{
	int one = 1, fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_errno(err, errno, "socket");
	if (addr->ss_family == AF_UNIX)
		remove_stale((const struct sockaddr_un *)addr, len);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)addr, len) || listen(fd, BACKLOG)) {
		error_set_errno(err, errno, "listen on %s", address);
		close(fd);
		return -1;
	}
	return fd;
}

static void free_listener(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_listener(void *owner)
{
	struct stream_listener *listener = owner;
	listener->closed = true;
	loop_timer_free(listener->retry);
	uv_close((uv_handle_t *)&listener->poll, free_listener);
	close(listener->fd);
	if (*listener->path)
		unlink(listener->path);
}

struct stream_listener *stream_listen(struct loop *loop, const char *address,
    void (*on_accept)(void *arg, int fd), void *arg, struct error *err)
{
	struct sockaddr_storage addr;
	socklen_t len;
	int kind = address_parse(address, &addr, &len, err);
	if (kind > 0)
		error_set(err, ERR_BAD_REQUEST, "listen on %s: not a literal address", address);
	if (kind)
		return NULL;
	int fd = open_socket(address, &addr, len, err);
	if (fd < 0)
		return NULL;
	struct stream_listener *listener = loop_must(calloc(1, sizeof(*listener)));
	listener->loop = loop;
	listener->fd = fd;
	listener->on_accept = on_accept;
	listener->arg = arg;
	listener->retry = loop_timer_new_real(loop, resume, listener);
	if (addr.ss_family == AF_UNIX)
		memcpy(listener->path, ((struct sockaddr_un *)&addr)->sun_path, sizeof(listener->path));
	uv_poll_init(loop_uv(loop), &listener->poll, fd);
	listener->poll.data = listener;
	uv_poll_start(&listener->poll, UV_READABLE, on_ready);
	loop_own(loop, &listener->owned, close_listener);
	return listener;
}

int stream_listener_port(const struct stream_listener *listener)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	if (getsockname(listener->fd, (struct sockaddr *)&addr, &len))
		return 0;
	if (addr.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&addr)->sin_port);
	return addr.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&addr)->sin6_port) : 0;
}

void stream_listener_close(struct stream_listener *listener)
{
	if (!listener || listener->closed)
		return;
	loop_disown(&listener->owned);
	close_listener(listener);
}
