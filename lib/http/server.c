/* The listening socket, the clock of answers, and the orderly end. */
#include "lib/http/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/loop/loop.h"

static void tune_socket(int fd)
{
	int on = 1, idle_s = 30, interval_s = 15, count = 4, user_timeout_ms = 60000;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
	/* A peer that has vanished while we write is noticed within a minute. */
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
}

static void on_acceptable(void *arg);

static void accept_again(void *arg)
{
	struct http_server *server = arg;
	server->listen_watch = loop_fd_new(server->loop, server->listen_fd, on_acceptable, server);
}

/* Without a descriptor or memory for it, the connection stays where it is, and the socket stays readable: to
 * ask again at once would keep the processor busy until somebody leaves. */
static void pause_accepting(struct http_server *server)
{
	loop_fd_free(server->listen_watch);
	server->listen_watch = NULL;
	loop_timer_start(server->accept_timer, HTTP_ACCEPT_PAUSE_MS, 0);
}

static void on_acceptable(void *arg)
{
	struct http_server *server = arg;
	/* A bounded number a turn, so that those who are connected already are served too. */
	for (int i = 0; i < 64 && server->listen_fd >= 0; i++) {
		int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0 && errno != EAGAIN)
			pause_accepting(server);
		if (fd < 0)
			return;
		if (server->conns_len >= (size_t)server->options.connections_max) {
			close(fd);
			continue;
		}
		tune_socket(fd);
		http_lws_adopt(server->lws, fd);
	}
}

static int open_listener(struct http_server *server, struct error *err)
{
	const char *address = server->options.address ? server->options.address : "127.0.0.1";
	char port[16];
	snprintf(port, sizeof port, "%d", server->options.port);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST},
			*ai = NULL;
	if (getaddrinfo(address, port, &hints, &ai))
		return error_set(err, ERR_BAD_REQUEST, "%s is no IP address to listen on", address);
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, rc = -1;
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		rc = bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, 1024) ||
		     getsockname(fd, (struct sockaddr *)&sa, &len);
	}
	freeaddrinfo(ai);
	if (fd < 0 || rc) {
		int errnum = errno;
		if (fd >= 0)
			close(fd);
		return error_set_errno(err, errnum, "cannot listen on %s port %s", address, port);
	}
	server->listen_fd = fd;
	server->port = ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&sa)->sin6_port
						      : ((struct sockaddr_in *)&sa)->sin_port);
	server->listen_watch = loop_fd_new(server->loop, fd, on_acceptable, server);
	return 0;
}

/* An eighth of the descriptors stays for what the program itself opens: clients must not cut it off from its
 * store. */
static int connections_max(int wanted)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return wanted;
	rlim_t kept = limit.rlim_cur / 8 + 32,
	       share = limit.rlim_cur > 2 * kept ? limit.rlim_cur - kept : kept;
	return share < (rlim_t)wanted ? (int)share : wanted;
}

struct http_server *http_server_new(struct loop *loop, const struct http_server_options *options,
    void (*handler)(void *arg, struct http_server_request *request), void *arg, struct error *err)
{
	struct http_server *server = calloc(1, sizeof *server);
	if (!server)
		abort();
	server->loop = loop;
	server->options = *options;
	server->handler = handler;
	server->arg = arg;
	server->listen_fd = -1;
	struct http_server_options *o = &server->options;
	server->arena = arena_new();
	o->address = arena_strdup(server->arena, o->address);
	o->cert_file = arena_strdup(server->arena, o->cert_file);
	o->key_file = arena_strdup(server->arena, o->key_file);
	o->tls_ciphers = arena_strdup(server->arena, o->tls_ciphers);
	o->client_ca_file = arena_strdup(server->arena, o->client_ca_file);
	o->server_name = arena_strdup(server->arena, o->server_name);
	o->body_max = o->body_max ? o->body_max : 3 * 1024 * 1024;
	o->head_max = o->head_max ? o->head_max : 64 * 1024;
	o->pending_max = o->pending_max ? o->pending_max : HTTP_PENDING_MAX;
	o->connections_max = connections_max(o->connections_max ? o->connections_max : 20000);
	o->head_timeout_ms = o->head_timeout_ms ? o->head_timeout_ms : 10000;
	o->body_timeout_ms = o->body_timeout_ms ? o->body_timeout_ms : 60000;
	o->idle_timeout_ms = o->idle_timeout_ms ? o->idle_timeout_ms : 180000;
	o->reload_ms = o->reload_ms ? o->reload_ms : 60000;
	server->scratch = malloc(HTTP_WRITE_MAX);
	http_flush_list_init(&server->answers);
	http_flush_list_init(&server->streams);
	server->flush_tick.fn = http_flush_scheduled;
	server->flush_tick.arg = server;
	server->accept_timer = loop_timer_new(loop, accept_again, server);
	/* The socket first: a port that is taken is the likely failure, and leaves no context to take down.
	 */
	if (!open_listener(server, err))
		server->lws = http_lws_new(loop, o, server, err);
	if (!server->lws) {
		http_server_free(server);
		return NULL;
	}
	server->tls_reload = http_tls_reload_new(loop, http_lws_ssl_ctx(server->lws), o);
	return server;
}

int http_server_port(const struct http_server *server)
{
	return server->port;
}

const char *http_server_date(struct http_server *server)
{
	int64_t now = clock_wall_s(loop_clock(server->loop));
	if (now != server->date_s || !server->date[0]) {
		struct tm tm;
		time_t t = (time_t)now;
		gmtime_r(&t, &tm);
		strftime(server->date, sizeof server->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		server->date_s = now;
	}
	return server->date;
}

static void stop_listening(struct http_server *server)
{
	if (server->listen_fd < 0)
		return;
	loop_timer_stop(server->accept_timer);
	loop_fd_free(server->listen_watch);
	close(server->listen_fd);
	server->listen_fd = -1;
}

void http_server_conn_settled(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	if (conn->is_settled)
		return;
	conn->is_settled = true;
	server->unsettled_len--;
	if (server->unsettled_len == 0 && server->grace_timer)
		loop_timer_start(server->grace_timer, HTTP_STOP_LINGER_MS, 0);
}

/* Called when a connection has gone: the end of a shutdown or of the struct itself may wait for it. */
void http_server_conn_gone(struct http_server *server)
{
	if (server->conns_len > 0)
		return;
	if (server->is_stopping && server->shutdown_done) {
		void (*done)(void *) = server->shutdown_done;
		server->shutdown_done = NULL;
		loop_timer_free(server->grace_timer);
		server->grace_timer = NULL;
		loop_defer(server->loop, done, server->shutdown_arg);
	}
	if (server->is_freed) {
		arena_free(server->arena);
		free(server->scratch);
		free(server);
	}
}

/* The grace is over. libwebsockets would still wait 20 s for a peer that does not close its side: the owner
 * need not. */
static void kill_all(void *arg)
{
	struct http_server *server = arg;
	void (*done)(void *) = server->shutdown_done;
	for (struct http_conn *conn = server->conns; conn; conn = conn->next)
		http_conn_kill(conn);
	server->shutdown_done = NULL;
	if (done)
		loop_defer(server->loop, done, server->shutdown_arg);
}

void http_server_shutdown(struct http_server *server, int64_t grace_ms, void (*done)(void *arg), void *arg)
{
	stop_listening(server);
	server->is_stopping = true;
	server->shutdown_done = done;
	server->shutdown_arg = arg;
	if (server->conns_len == 0) {
		http_server_conn_gone(server);
		return;
	}
	server->grace_timer = loop_timer_new(server->loop, kill_all, server);
	loop_timer_start(server->grace_timer, server->unsettled_len ? grace_ms : HTTP_STOP_LINGER_MS, 0);
	for (struct http_conn *conn = server->conns, *next; conn; conn = next) {
		next = conn->next;
		if (conn->state == HTTP_CONN_IDLE)
			http_conn_close_after_drain(conn);
	}
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	stop_listening(server);
	loop_timer_free(server->grace_timer);
	server->grace_timer = NULL;
	server->shutdown_done = NULL;
	server->is_stopping = true;
	http_tls_reload_free(server->tls_reload);
	http_lws_free(server->lws);
	loop_tick_stop(&server->flush_tick);
	loop_timer_free(server->accept_timer);
	server->is_freed = true;
	http_server_conn_gone(server);
}
