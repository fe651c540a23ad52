/* Many streams on one server: how much leaves in a turn of the loop, and what passes them. */
#include "lib/http/internal.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "lib/loop/loop.h"

enum { STREAMS = 2 * HTTP_TURN_STREAMS + 10, TURNS_MAX = 20000 };

struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct http_server_request *streams[STREAMS];
	int fds[STREAMS]; /* the client's side of each */
	size_t streams_len;
	size_t closed;
};

static void on_close(void *arg)
{
	struct fixture *f = arg;
	f->closed++;
}

static void handle(void *arg, struct http_server_request *r)
{
	struct fixture *f = arg;
	if (strcmp(r->path, "/stream")) {
		http_respond(r, 200, "text/plain", NULL, "answer", 6);
		return;
	}
	f->streams[f->streams_len++] = r;
	http_start(r, 200, "text/plain", NULL, NULL, on_close, f);
}

static int dial(struct fixture *f, const char *path)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)http_server_port(f->server)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char head[64];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	int size = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
	assert_int_equal(send(fd, head, (size_t)size, 0), size);
	return fd;
}

/* What has come, once `end` has; the loop runs meanwhile. */
static const char *hear(struct fixture *f, int fd, const char *end)
{
	static char text[4096];
	size_t size = 0;
	text[0] = '\0';
	for (int i = 0; i < TURNS_MAX && !strstr(text, end); i++) {
		ssize_t n = recv(fd, text + size, sizeof text - 1 - size, MSG_DONTWAIT);
		size += n > 0 ? (size_t)n : 0;
		text[size] = '\0';
		loop_poll(f->loop);
		usleep(n > 0 ? 0 : 100);
	}
	return text;
}

/* How many streams have something to send. */
static size_t waiting(struct fixture *f)
{
	size_t len = 0;
	for (size_t i = 0; i < STREAMS; i++)
		len += http_send(f->streams[i], "", 0) > 0;
	return len;
}

static void send_all(struct fixture *f, const char *text)
{
	struct bytes *chunk = http_chunk_new(text, strlen(text));
	for (size_t i = 0; i < STREAMS; i++)
		http_send_chunk(f->streams[i], chunk);
	bytes_unref(chunk);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct error err = ERROR_INIT;
	f->loop = loop_new(NULL);
	f->server =
	    http_server_new(f->loop, &(struct http_server_options){.address = "127.0.0.1"}, handle, f, &err);
	assert_string_equal(err.message, "");
	/* One by one, so that streams and descriptors have the same order. */
	for (size_t i = 0; i < STREAMS; i++) {
		f->fds[i] = dial(f, "/stream");
		assert_non_null(strstr(hear(f, f->fds[i], "\r\n\r\n"), "chunked"));
	}
	assert_int_equal(f->streams_len, STREAMS);
	assert_int_equal(waiting(f), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < STREAMS; i++)
		close(f->fds[i]);
	for (int i = 0; i < TURNS_MAX && f->closed < STREAMS; i++)
		loop_poll(f->loop);
	assert_int_equal(f->closed, STREAMS);
	http_server_free(f->server);
	for (int i = 0; i < 10; i++)
		loop_poll(f->loop);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void test_what_comes_meanwhile_joins_what_waits(void **state)
{
	struct fixture *f = *state;
	send_all(f, "one");
	assert_int_equal(waiting(f), STREAMS);
	loop_poll(f->loop);
	assert_int_equal(waiting(f), STREAMS - HTTP_TURN_STREAMS);
	/* Those that waited for the first are served before those that have had it. */
	send_all(f, "two");
	for (size_t i = 1; waiting(f) > 0; i++) {
		size_t sent = i * HTTP_TURN_STREAMS;
		assert_true(i < STREAMS);
		loop_poll(f->loop);
		assert_int_equal(waiting(f), sent < STREAMS ? STREAMS - sent : 0);
		if (i == 1)
			assert_true(http_send(f->streams[0], "", 0) > 0);
	}
	for (size_t i = 0; i < STREAMS; i++)
		assert_string_equal(hear(f, f->fds[i], "two\r\n"), "3\r\none\r\n3\r\ntwo\r\n");
}

static void test_answers_pass_streams(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f, "/first");
	assert_non_null(strstr(hear(f, fd, "answer"), "answer"));
	assert_int_equal(send(fd, "GET /again HTTP/1.1\r\nHost: h\r\n\r\n", 32, 0), 32);
	send_all(f, "event");
	loop_poll(f->loop); /* streams, then the request is read */
	loop_poll(f->loop); /* its answer, then streams */
	assert_int_equal(waiting(f), STREAMS - 2 * HTTP_TURN_STREAMS);
	char text[1024] = "";
	assert_true(recv(fd, text, sizeof text - 1, MSG_DONTWAIT) > 0);
	assert_non_null(strstr(text, "answer"));
	close(fd);
}

static void test_large_pieces_count_by_their_size(void **state)
{
	struct fixture *f = *state;
	char *piece = malloc(HTTP_STREAM_BEHIND_MAX + 1);
	memset(piece, 'x', HTTP_STREAM_BEHIND_MAX + 1);
	/* A quarter of a turn's bytes each: the others wait. */
	for (size_t i = 0; i < 8; i++)
		http_send(f->streams[i], piece, HTTP_TURN_BYTES / 4);
	loop_poll(f->loop);
	assert_non_null(f->server->streams.first);
	/* Who has too much waiting is served in any turn. */
	for (size_t i = 8; i < 16; i++)
		http_send(f->streams[i], piece, HTTP_STREAM_BEHIND_MAX + 1);
	for (int i = 0; i < 2; i++)
		loop_poll(f->loop);
	assert_null(f->server->streams.first);
	free(piece);
}

static void test_a_stream_that_waits_may_go(void **state)
{
	struct fixture *f = *state;
	send_all(f, "event");
	http_abort(f->streams[0]);
	http_end(f->streams[STREAMS - 1]);
	http_abort(f->streams[STREAMS - 2]);
	f->closed += 3; /* on_close is for those whose peer goes */
	for (size_t i = 1; i < STREAMS - 2; i++)
		assert_string_equal(hear(f, f->fds[i], "event\r\n"), "5\r\nevent\r\n");
	assert_string_equal(hear(f, f->fds[STREAMS - 1], "0\r\n\r\n"), "5\r\nevent\r\n0\r\n\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_what_comes_meanwhile_joins_what_waits, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_answers_pass_streams, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_large_pieces_count_by_their_size, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_stream_that_waits_may_go, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
