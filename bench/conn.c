/* Connections: as little as answers a benchmark, so that the client does not take the CPU from what it
 * measures. */
#include "bench/bench.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_SIZE = 256 * 1024 };

struct conn {
	struct conn *next;
	struct conn_set *set;
	int fd;
	SSL *ssl;
	struct buf out, head;
	bool in_body, is_stream, is_gone;
	int status;
	size_t body_left, body_size;
	struct conn_callbacks callbacks;
	void *arg;
};

struct conn_set {
	const struct bench_options *options;
	int epoll_fd;
	SSL_CTX *tls;
	struct conn *conns;
	char *data;
};

static void die(const char *what)
{
	perror(what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

struct conn_set *conn_set_new(const struct bench_options *options)
{
	struct conn_set *set = calloc(1, sizeof *set);
	if (!set)
		abort();
	set->options = options;
	set->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	set->tls = SSL_CTX_new(TLS_client_method());
	set->data = malloc(READ_SIZE);
	if (set->epoll_fd < 0 || !set->tls || !set->data)
		die("set up");
	SSL_CTX_set_mode(set->tls,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return set;
}

void conn_set_free(struct conn_set *set)
{
	while (set->conns) {
		struct conn *conn = set->conns;
		set->conns = conn->next;
		SSL_free(conn->ssl);
		close(conn->fd);
		buf_done(&conn->out);
		buf_done(&conn->head);
		free(conn);
	}
	close(set->epoll_fd);
	SSL_CTX_free(set->tls);
	free(set->data);
	free(set);
}

static int connect_tcp(int64_t port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof sa))
		die("connect to the API server");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof sa))
		die("connect to etcd");
	return fd;
}

struct conn *conn_open(struct conn_set *set, bool to_etcd, const struct conn_callbacks *callbacks, void *arg)
{
	struct conn *conn = calloc(1, sizeof *conn);
	if (!conn)
		abort();
	conn->set = set;
	conn->callbacks = *callbacks;
	conn->arg = arg;
	conn->fd = to_etcd ? connect_unix(set->options->etcd_socket) : connect_tcp(set->options->port);
	if (!to_etcd) {
		conn->ssl = SSL_new(set->tls);
		SSL_set_fd(conn->ssl, conn->fd);
		if (SSL_connect(conn->ssl) != 1)
			die("TLS handshake");
	}
	struct timeval limit = {.tv_sec = 30};
	setsockopt(conn->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
	epoll_ctl(set->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event);
	conn->next = set->conns;
	set->conns = conn;
	return conn;
}

/* Requests are small: a blocking write of one does not hold up the rest. */
void conn_send(struct conn *conn, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = conn->ssl ? SSL_write(conn->ssl, data, (int)size) : write(conn->fd, data, size);
		if (n <= 0)
			die("write");
		data += n;
		size -= (size_t)n;
	}
}

static const char *find_header(const char *head, const char *name)
{
	const char *p = strcasestr(head, name);
	return p ? p + strlen(name) : NULL;
}

/* Takes what belongs to the head; returns the bytes used. */
static size_t take_head(struct conn *conn, const char *data, size_t size)
{
	size_t had = conn->head.size;
	buf_append(&conn->head, data, size);
	char *end = strstr(conn->head.data, "\r\n\r\n");
	if (!end)
		return size;
	size_t used = (size_t)(end + 4 - conn->head.data) - had;
	*end = '\0';
	conn->status = atoi(conn->head.data + strlen("HTTP/1.1 "));
	const char *length = find_header(conn->head.data, "\r\nContent-Length:");
	conn->is_stream = !length;
	conn->body_left = length ? strtoul(length, NULL, 10) : 0;
	conn->body_size = 0;
	conn->in_body = true;
	buf_reset(&conn->head);
	return used;
}

/* Answers with a length are whole ones; those without are streams, whose chunk sizes pass as data. */
static void take(struct conn *conn, const char *data, size_t size)
{
	while (size > 0 || (conn->in_body && !conn->is_stream && conn->body_left == 0)) {
		if (!conn->in_body) {
			size_t used = take_head(conn, data, size);
			data += used;
			size -= used;
			continue;
		}
		size_t part = conn->is_stream || size < conn->body_left ? size : conn->body_left;
		if (part && conn->callbacks.on_data)
			conn->callbacks.on_data(conn->arg, conn, data, part);
		conn->body_size += part;
		data += part;
		size -= part;
		if (conn->is_stream || (conn->body_left -= part) > 0)
			continue;
		conn->in_body = false;
		conn->callbacks.on_response(conn->arg, conn, conn->status, conn->body_size);
	}
}

static void readable(struct conn *conn)
{
	char *data = conn->set->data;
	if (!conn->ssl) {
		ssize_t n = read(conn->fd, data, READ_SIZE);
		if (n <= 0)
			die("etcd closed");
		take(conn, data, (size_t)n);
		return;
	}
	/* One record a call: go on while OpenSSL holds more of what was read. */
	do {
		int n = SSL_read(conn->ssl, data, READ_SIZE);
		if (n <= 0)
			die("the API server closed");
		take(conn, data, (size_t)n);
	} while (SSL_pending(conn->ssl) > 0);
}

void conn_run(struct conn_set *set, int timeout_ms)
{
	struct epoll_event events[256];
	int len = epoll_wait(set->epoll_fd, events, 256, timeout_ms);
	for (int i = 0; i < len; i++)
		readable(events[i].data.ptr);
}

void request_write(struct buf *out, const struct bench_options *options, const char *method,
    const char *target, const char *body, size_t body_size)
{
	buf_printf(out,
	    "%s %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: cube-bench\r\nAccept: application/json\r\n",
	    method, target);
	if (options->token)
		buf_printf(out, "Authorization: Bearer %s\r\n", options->token);
	if (body)
		buf_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body_size);
	buf_puts(out, "\r\n");
	if (body)
		buf_append(out, body, body_size);
}
