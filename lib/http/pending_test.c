/* What clients may make the server hold: bodies that are not wanted, and many that are slow. The client runs
 * in a thread of its own. */
#include "lib/http/internal.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "lib/loop/loop.h"

enum { BODY = 96 * 1024, PENDING_MAX = 512 * 1024, CLIENTS = 30 };

struct fixture {
	struct loop *loop;
	struct http_server *server;
	void (*client)(struct fixture *f);
	int port;
	size_t handled, unread;
	size_t held_max; /* most that was held while the handler ran */
	atomic_bool done;
};

/* cmocka's asserts jump, which only the main thread may: the client's end the program. */
static void has_at(const char *text, const char *part, int line)
{
	if (strstr(text, part))
		return;
	fprintf(stderr, "pending_test.c:%d: no \"%s\" in: %s\n", line, part, text);
	abort();
}
#define has(text, part) has_at((text), (part), __LINE__)

static bool screen(void *arg, struct http_server_request *r)
{
	return strcmp(r->path, "/unwanted") != 0;
}

static void handle(void *arg, struct http_server_request *r)
{
	struct fixture *f = arg;
	char text[32];
	f->handled++;
	if (f->server->held > f->held_max)
		f->held_max = f->server->held;
	int n = snprintf(text, sizeof text, "%zu bytes", r->body_size);
	http_respond(r, 200, "text/plain", NULL, text, (size_t)n);
}

static void handle_unread(void *arg, struct http_server_request *r)
{
	struct fixture *f = arg;
	f->unread += r->is_unread;
	http_respond(r, 401, "text/plain", NULL, "who?", 4);
}

static int dial(struct fixture *f)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof to))
		abort();
	return fd;
}

static void send_text(int fd, const char *text)
{
	send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void send_zeros(int fd, size_t size)
{
	static const char zeros[BODY] = {0};
	while (size > 0) {
		ssize_t n = send(fd, zeros, size, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		size -= (size_t)n;
	}
}

/* What comes until `end` is in it, or until the server closes. */
static const char *hear(int fd, const char *end)
{
	static char text[4096];
	size_t size = 0;
	ssize_t n;
	text[0] = '\0';
	while (!(end && strstr(text, end)) && (n = recv(fd, text + size, sizeof text - 1 - size, 0)) > 0) {
		size += (size_t)n;
		text[size] = '\0';
	}
	return text;
}

static void *client_thread(void *arg)
{
	struct fixture *f = arg;
	f->client(f);
	f->done = true;
	return NULL;
}

static void look_for_end(void *arg)
{
	struct fixture *f = arg;
	if (f->done)
		loop_stop(f->loop);
}

static void run(struct fixture *f, void (*client)(struct fixture *f))
{
	const struct http_server_options options = {.address = "127.0.0.1",
	    .body_max = BODY,
	    .pending_max = PENDING_MAX,
	    .screen = screen,
	    .late_handler = handle_unread};
	pthread_t thread;
	*f = (struct fixture){.loop = loop_new(NULL), .client = client};
	f->server = http_server_new(f->loop, &options, handle, f, NULL);
	assert_non_null(f->server);
	f->port = http_server_port(f->server);
	struct loop_timer *timer = loop_timer_new(f->loop, look_for_end, f);
	loop_timer_start(timer, 10, 10);
	pthread_create(&thread, NULL, client_thread, f);
	loop_run(f->loop);
	pthread_join(thread, NULL);
	loop_timer_free(timer);
}

static void end(struct fixture *f)
{
	http_server_free(f->server);
	loop_free(f->loop);
}

#define HEAD(path, more) "POST " path " HTTP/1.1\r\nHost: h\r\nContent-Length: 98304\r\n" more "\r\n"

static void send_unwanted(struct fixture *f)
{
	int fd = dial(f);
	send_text(fd, HEAD("/unwanted", ""));
	const char *answer = hear(fd, NULL);
	has(answer, "HTTP/1.1 401 ");
	has(answer, "Connection: close");
	close(fd);
	/* Nobody is asked to send what will not be read. */
	fd = dial(f);
	send_text(fd, HEAD("/unwanted", "Expect: 100-continue\r\n"));
	if (strstr(hear(fd, NULL), "100 Continue"))
		abort();
	close(fd);
	/* Whoever sends all of it still hears the answer. */
	fd = dial(f);
	send_text(fd, HEAD("/unwanted", ""));
	send_zeros(fd, BODY);
	has(hear(fd, NULL), "HTTP/1.1 401 ");
	close(fd);
	fd = dial(f);
	send_text(fd, HEAD("/wanted", "Expect: 100-continue\r\n"));
	has(hear(fd, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n");
	send_zeros(fd, BODY);
	has(hear(fd, "bytes"), "98304 bytes");
	close(fd);
}

static void test_unwanted_bodies_are_not_read(void **state)
{
	struct fixture f;
	run(&f, send_unwanted);
	assert_int_equal(f.unread, 3);
	assert_int_equal(f.handled, 1);
	assert_int_equal(f.server->held, 0);
	end(&f);
}

/* All but the last byte, then silence: the first to come are the first to go. */
static void send_slowly(struct fixture *f)
{
	int fds[CLIENTS];
	for (size_t i = 0; i < CLIENTS; i++) {
		fds[i] = dial(f);
		send_text(fds[i], HEAD("/wanted", ""));
		send_zeros(fds[i], BODY - 1);
	}
	for (size_t i = 0; i < CLIENTS / 2; i++) {
		const char *answer = hear(fds[i], NULL);
		has(answer, "HTTP/1.1 429 ");
		has(answer, "Retry-After: 1\r\n");
		has(answer, "Connection: close\r\n");
	}
	/* Others are served, with large bodies too. */
	for (size_t i = 0; i < 10; i++) {
		int fd = dial(f);
		send_text(fd, HEAD("/wanted", ""));
		send_zeros(fd, BODY);
		has(hear(fd, "bytes"), "98304 bytes");
		close(fd);
	}
	send_zeros(fds[CLIENTS - 1], 1);
	has(hear(fds[CLIENTS - 1], "bytes"), "98304 bytes");
	for (size_t i = 0; i < CLIENTS; i++)
		close(fds[i]);
}

static void wait_until_empty(void *arg)
{
	struct fixture *f = arg;
	if (f->server->conns_len == 0)
		loop_stop(f->loop);
}

static void see_all_go(struct fixture *f)
{
	struct loop_timer *timer = loop_timer_new(f->loop, wait_until_empty, f);
	loop_timer_start(timer, 0, 5);
	loop_run(f->loop);
	loop_timer_free(timer);
	assert_int_equal(f->server->held, 0);
	assert_null(f->server->oldest_pending);
	assert_null(f->server->newest_pending);
}

static void test_slow_bodies_are_bounded_together(void **state)
{
	struct fixture f;
	run(&f, send_slowly);
	assert_int_equal(f.handled, 11);
	assert_in_range(f.held_max, 1, PENDING_MAX + BODY);
	see_all_go(&f);
	end(&f);
}

static void send_heads(struct fixture *f)
{
	int fds[CLIENTS];
	for (size_t i = 0; i < CLIENTS; i++) {
		fds[i] = dial(f);
		send_text(fds[i], "GET / HTTP/1.1\r\nHost: h\r\nX-Long: ");
		for (size_t n = 0; n < 50; n++) {
			char kilobyte[1024];
			memset(kilobyte, 'a', sizeof kilobyte);
			send(fds[i], kilobyte, sizeof kilobyte, MSG_NOSIGNAL);
		}
	}
	has(hear(fds[0], NULL), "HTTP/1.1 429 ");
	send_text(fds[CLIENTS - 1], "\r\n\r\n");
	has(hear(fds[CLIENTS - 1], "bytes"), "0 bytes");
	for (size_t i = 0; i < CLIENTS; i++)
		close(fds[i]);
}

static void test_slow_heads_are_bounded_together(void **state)
{
	struct fixture f;
	run(&f, send_heads);
	assert_int_equal(f.handled, 1);
	see_all_go(&f);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_unwanted_bodies_are_not_read),
	    cmocka_unit_test(test_slow_bodies_are_bounded_together),
	    cmocka_unit_test(test_slow_heads_are_bounded_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
