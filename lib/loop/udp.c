#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/loop/internal.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

enum { RECEIVE_BATCH = 64 };

struct udp {
	struct loop_owned owned;
	struct loop *loop;
	uv_poll_t poll;
	int fd;
	void (*on_datagram)(void *arg, const char *from, const void *data, size_t size);
	void *arg;
	bool closed;
};

/* Takes a batch at most, so that a flood does not starve the rest of the loop. */
static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct udp *udp = poll->data;
	char *data = loop_scratch(udp->loop), from[ADDRESS_MAX];
	if (status < 0) /* libuv stops watching a socket that has an error queued */
		uv_poll_start(poll, UV_READABLE, on_ready);
	for (int i = 0; i < RECEIVE_BATCH && !udp->closed; i++) {
		struct sockaddr_storage addr;
		socklen_t len = sizeof(addr);
		ssize_t n = recvfrom(udp->fd, data, LOOP_SCRATCH_SIZE, 0, (struct sockaddr *)&addr, &len);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n >= 0)
			udp->on_datagram(
			    udp->arg, address_format((struct sockaddr *)&addr, from), data, (size_t)n);
		/* else an error left by an earlier send: reading it has cleared it */
	}
}

static void free_udp(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_udp(void *owner)
{
	struct udp *udp = owner;
	udp->closed = true;
	uv_close((uv_handle_t *)&udp->poll, free_udp);
	close(udp->fd);
}

struct udp *udp_bind(struct loop *loop, const char *address,
    void (*on_datagram)(void *arg, const char *from, const void *data, size_t size), void *arg,
    struct error *err)
{
	struct sockaddr_storage addr;
	socklen_t len;
	int kind = address_parse(address, &addr, &len, err);
	if (kind > 0)
		error_set(err, ERR_BAD_REQUEST, "bind %s: not a literal address", address);
	if (kind)
		return NULL;
	int fd = socket(addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len)) {
		error_set_errno(err, errno, "bind %s", address);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	struct udp *udp = loop_must(calloc(1, sizeof(*udp)));
	udp->loop = loop;
	udp->fd = fd;
	udp->on_datagram = on_datagram;
	udp->arg = arg;
	uv_poll_init(loop_uv(loop), &udp->poll, fd);
	udp->poll.data = udp;
	uv_poll_start(&udp->poll, UV_READABLE, on_ready);
	loop_own(loop, &udp->owned, close_udp);
	return udp;
}

int udp_port(const struct udp *udp)
{
	struct sockaddr_in6 addr; /* the port is in the same place for both families */
	socklen_t len = sizeof(addr);
	return getsockname(udp->fd, (struct sockaddr *)&addr, &len) ? 0 : ntohs(addr.sin6_port);
}

void udp_send(struct udp *udp, const char *to, const void *data, size_t size)
{
	struct sockaddr_storage addr;
	socklen_t len;
	if (address_parse(to, &addr, &len, NULL))
		return;
	/* Not taken by the kernel means lost, as on the way. */
	while (sendto(udp->fd, data, size, MSG_NOSIGNAL, (struct sockaddr *)&addr, len) < 0 && errno == EINTR)
		;
}

void udp_close(struct udp *udp)
{
	if (!udp || udp->closed)
		return;
	loop_disown(&udp->owned);
	close_udp(udp);
}
