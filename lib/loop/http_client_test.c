#include "lib/loop/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/test.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

static struct loop *loop;
static struct http_client *client;
static struct stream_listener *listener;
static int port, accepted;

/* A server as small as can be: reads a request, answers by its path. */
struct connection {
	struct stream *stream;
	struct buf in;
};

static void close_connection(struct connection *connection)
{
	stream_close(connection->stream);
	buf_done(&connection->in);
	free(connection);
}

static void reply(struct connection *connection, const char *text)
{
	stream_write(connection->stream, text, strlen(text));
}

static void chunks(struct connection *connection, int len)
{
	reply(connection,
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < len; i++)
		reply(connection, "6\r\nevent\n\r\n");
}

static int closed; /* times that "/close" was asked for */

/* Returns true when the connection is closed. */
static bool answer(struct connection *connection, const char *method, const char *path, const char *body)
{
	char text[4096];
	if (!strcmp(path, "/close")) {
		closed++;
		return true;
	}
	if (!strcmp(path, "/silent"))
		return false;
	if (!strcmp(path, "/half")) {
		reply(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
		stream_shutdown(connection->stream);
	} else if (!strcmp(path, "/redirect")) {
		reply(connection,
		    "HTTP/1.1 302 Found\r\nLocation: /to\r\nX-Old: 1\r\nContent-Length: 0\r\n\r\n");
	} else if (!strcmp(path, "/events")) {
		chunks(connection, 3);
		reply(connection, "0\r\n\r\n");
	} else if (!strcmp(path, "/watch")) {
		chunks(connection, 2);
	} else if (!strcmp(path, "/cut")) {
		chunks(connection, 2);
		stream_shutdown(connection->stream);
	} else if (!strcmp(path, "/last")) {
		reply(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
		stream_shutdown(connection->stream); /* says nothing of it: the client takes it for idle */
	} else if (!strcmp(path, "/quiet-watch")) {
		chunks(connection, 0);
	} else if (!strcmp(path, "/gone")) {
		reply(connection,
		    "HTTP/1.1 410 Gone\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nGone");
	} else if (!strcmp(path, "/big")) {
		static char big[100000];
		memset(big, 'b', sizeof(big));
		reply(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
		stream_write(connection->stream, big, sizeof(big));
	} else {
		int size = snprintf(text, sizeof(text), "%s %s %s", method, path, body);
		char head[256];
		snprintf(head, sizeof(head),
		    "HTTP/1.1 200 OK\r\nContent-Type: text/plain \r\nX-Two:  a b\r\nContent-Length: "
		    "%d\r\n\r\n",
		    size);
		reply(connection, head);
		if (strcmp(method, "HEAD") != 0)
			reply(connection, text);
	}
	return false;
}

static char last_request[8192];

static void on_data(void *arg, const char *data, size_t size)
{
	struct connection *connection = arg;
	buf_append(&connection->in, data, size);
	char *end, method[16], path[256];
	while ((end = strstr(connection->in.data, "\r\n\r\n"))) {
		char *length = strcasestr(connection->in.data, "\r\ncontent-length:");
		size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
		size_t total = (size_t)(end - connection->in.data) + 4 + body;
		if (connection->in.size < total)
			return;
		snprintf(last_request, sizeof(last_request), "%.*s", (int)total, connection->in.data);
		sscanf(last_request, "%15s %255s", method, path);
		buf_consume(&connection->in, total);
		if (answer(connection, method, path, strstr(last_request, "\r\n\r\n") + 4)) {
			close_connection(connection);
			return;
		}
	}
}

static void on_end(void *arg, const struct error *err)
{
	close_connection(arg);
}

static void on_accept(void *arg, int fd)
{
	static const struct stream_callbacks callbacks = {.on_data = on_data, .on_end = on_end};
	struct connection *connection = calloc(1, sizeof(*connection));
	accepted++;
	connection->stream = stream_adopt(loop, fd, &callbacks, connection);
}

/* What a call told. */
static int done_count, open_count, data_count;
static struct {
	int status;
	char body[8192], type[64], two[64], old[64];
	size_t body_size;
	bool has_body;
	enum error_code code;
} last;
static struct buf streamed;
static struct http_call *to_cancel;
static bool stop_when_done = true, free_client_when_done;

static void done(void *arg, const struct http_response *response)
{
	done_count++;
	memset(&last, 0, sizeof(last));
	last.status = response->status;
	last.has_body = response->body != NULL;
	last.body_size = response->body_size;
	snprintf(last.body, sizeof(last.body), "%s", response->body ? response->body : "");
	snprintf(last.type, sizeof(last.type), "%s", response->content_type);
	const char *two = response->header(response, "x-two"), *old = response->header(response, "X-Old");
	snprintf(last.two, sizeof(last.two), "%s", two ? two : "");
	snprintf(last.old, sizeof(last.old), "%s", old ? old : "");
	last.code = response->error ? response->error->code : ERR_NONE;
	http_call_cancel(to_cancel);
	to_cancel = NULL;
	if (free_client_when_done) {
		http_client_free(client);
		client = NULL;
	}
	if (stop_when_done)
		loop_stop(loop);
}

static void on_open(void *arg, int status)
{
	open_count++;
	if (arg)
		loop_stop(loop);
}

static void on_stream(void *arg, const char *data, size_t size)
{
	data_count++;
	buf_append(&streamed, data, size);
	http_call_cancel(to_cancel);
	to_cancel = NULL;
}

static void stop(void *arg)
{
	loop_stop(loop);
}

static void run_for(int64_t ms)
{
	struct loop_timer *timer = loop_timer_new(loop, stop, NULL);
	loop_timer_start(timer, ms, 0);
	loop_run(loop);
	loop_timer_free(timer);
}

static const char *url_of(const char *path)
{
	static char url[256];
	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
	return url;
}

static void send_request(struct http_request request, const char *path)
{
	done_count = 0;
	request.url = url_of(path);
	http_client_send(client, &request, done, NULL);
	assert_int_equal(done_count, 0);
	run_for(5000);
	assert_int_equal(done_count, 1);
}

static int setup(void **state)
{
	loop = loop_new(NULL);
	client = http_client_new(loop, NULL);
	listener = stream_listen(loop, "127.0.0.1:0", on_accept, NULL, NULL);
	port = stream_listener_port(listener);
	accepted = done_count = open_count = data_count = 0;
	stop_when_done = true;
	free_client_when_done = false;
	to_cancel = NULL;
	buf_reset(&streamed);
	return 0;
}

static int teardown(void **state)
{
	http_client_free(client);
	run_for(20); /* the server's connections see the end and are freed */
	stream_listener_close(listener);
	loop_free(loop);
	buf_done(&streamed);
	return 0;
}

/* The client ends in a tick of its own, when the loop has closed its timers already. */
static void test_freed_right_before_the_loop(void **state)
{
	struct loop *short_loop = loop_new(NULL);
	http_client_free(http_client_new(short_loop, NULL));
	loop_free(short_loop);
}

static void test_exchange(void **state)
{
	send_request((struct http_request){0}, "/a//../b%2Fc?x=1");
	assert_int_equal(last.status, 200);
	assert_string_equal(last.body, "GET /a//../b%2Fc?x=1 ");
	assert_string_equal(last.type, "text/plain");
	assert_string_equal(last.two, "a b");
	const char *const headers[] = {"Content-Type: application/json", "X-Mine: 7", NULL};
	send_request(
	    (struct http_request){.method = "PATCH", .body = "{}", .body_size = 2, .headers = headers}, "/p");
	assert_string_equal(last.body, "PATCH /p {}");
	assert_non_null(strstr(last_request, "\r\nX-Mine: 7\r\n"));
	assert_non_null(strstr(last_request, "\r\nContent-Type: application/json\r\n"));
	assert_null(strcasestr(last_request, "expect:"));
	send_request((struct http_request){.method = "POST"}, "/empty");
	assert_string_equal(last.body, "POST /empty ");
	assert_null(strcasestr(last_request, "content-type"));
	send_request((struct http_request){.method = "DELETE"}, "/d");
	assert_string_equal(last.body, "DELETE /d ");
	send_request((struct http_request){.method = "DELETE", .body = "x", .body_size = 1}, "/d");
	assert_string_equal(last.body, "DELETE /d x");
	send_request((struct http_request){.method = "HEAD"}, "/h");
	assert_int_equal(last.status, 200);
	assert_int_equal(accepted, 1); /* all over one connection */
	send_request((struct http_request){.fresh_connection = true}, "/f");
	assert_int_equal(accepted, 2);
}

static void test_distrust(void **state)
{
	send_request((struct http_request){0}, "/a");
	send_request((struct http_request){0}, "/a");
	assert_int_equal(accepted, 1);
	http_client_distrust(client);
	send_request((struct http_request){0}, "/a"); /* with the handle of the first, and yet anew */
	assert_string_equal(last.body, "GET /a ");
	assert_int_equal(accepted, 2);
}

/* Nobody can tell whether the server has acted on what it did not answer: only what does no harm is sent
 * again, as curl does with all that was sent over a connection used before. */
static void test_lost_answer(void **state)
{
	const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		for (int has_body = 0; has_body < 2; has_body++) {
			send_request((struct http_request){0}, "/a");
			assert_int_equal(last.status, 200);
			closed = 0;
			send_request((struct http_request){.method = methods[i],
					 .body = "text",
					 .body_size = has_body ? 4 : 0,
					 .no_redirects = has_body},
			    "/close");
			assert_int_equal(last.code, ERR_IO);
			assert_int_equal(closed, 1);
		}
	}
	send_request((struct http_request){0}, "/a");
	closed = 0;
	send_request((struct http_request){0}, "/close");
	assert_int_equal(last.code, ERR_IO);
	assert_int_equal(closed, 2);
	send_request((struct http_request){.method = "POST", .body = "x", .body_size = 1}, "/a");
	assert_int_equal(last.status, 200);
}

static void test_redirect(void **state)
{
	send_request((struct http_request){0}, "/redirect");
	assert_string_equal(last.body, "GET /to ");
	assert_string_equal(last.old, "");
	send_request((struct http_request){.no_redirects = true}, "/redirect");
	assert_int_equal(last.status, 302);
	assert_string_equal(last.old, "1");
}

static void test_failures(void **state)
{
	send_request((struct http_request){0}, "/close");
	assert_int_equal(last.code, ERR_IO);
	assert_int_equal(last.status, 0);
	send_request((struct http_request){0}, "/half");
	assert_int_equal(last.code, ERR_IO);
	send_request((struct http_request){.timeout_ms = 50}, "/silent");
	assert_int_equal(last.code, ERR_TIMEOUT);
	send_request((struct http_request){.response_max = 1000}, "/big");
	assert_int_equal(last.code, ERR_TOO_LARGE);
	send_request((struct http_request){0}, "/big");
	assert_int_equal(last.body_size, 100000);
	port = 1;
	send_request((struct http_request){0}, "/");
	assert_int_equal(last.code, ERR_IO);
	http_client_send(client, &(struct http_request){.url = "gopher://x"}, done, NULL);
	run_for(1000);
	assert_int_equal(done_count, 2);
	assert_int_equal(last.code, ERR_IO);
}

static struct http_call *start_stream(const char *path, void *arg)
{
	struct http_request request = {.url = url_of(path), .timeout_ms = -1};
	return http_client_stream(client, &request, on_open, on_stream, done, arg);
}

static void test_stream(void **state)
{
	start_stream("/events", NULL);
	run_for(2000);
	assert_int_equal(open_count, 1);
	assert_string_equal(buf_str(&streamed), "event\nevent\nevent\n");
	assert_int_equal(done_count, 1);
	assert_false(last.has_body);
	assert_int_equal(last.status, 200);
	assert_int_equal(last.code, ERR_NONE);
	start_stream("/gone", NULL);
	run_for(2000);
	assert_int_equal(open_count, 1);
	assert_int_equal(last.status, 410);
	assert_string_equal(last.body, "Gone");
	buf_reset(&streamed);
	start_stream("/cut", NULL);
	run_for(2000);
	assert_int_equal(last.code, ERR_IO);
	assert_string_equal(buf_str(&streamed), "event\nevent\n");
}

static void test_open_comes_before_data(void **state)
{
	struct http_call *call = start_stream("/quiet-watch", "stop");
	run_for(2000);
	assert_int_equal(open_count, 1);
	assert_int_equal(data_count, 0);
	http_call_cancel(call);
	run_for(20);
	assert_int_equal(done_count, 0);
}

static void test_cancel_anywhere(void **state)
{
	stop_when_done = false;
	http_call_cancel(NULL);
	http_call_cancel(start_stream("/events", NULL)); /* before it started */
	to_cancel = start_stream("/watch", NULL);        /* itself, inside on_data */
	run_for(100);
	assert_int_equal(data_count, 1);
	assert_int_equal(done_count, 0);
	struct http_call *silent = start_stream("/silent", NULL); /* another one, inside on_data */
	start_stream("/events", NULL);
	to_cancel = silent;
	run_for(100);
	assert_int_equal(done_count, 1);
	done_count = 0;
	/* Others that finished in the same turn, inside done. */
	struct http_call *calls[20];
	for (int i = 0; i < 20; i++)
		calls[i] = http_client_send(client, &(struct http_request){.url = url_of("/x")}, done, NULL);
	to_cancel = calls[19];
	run_for(200);
	assert_true(done_count == 19 || done_count == 20);
}

static void test_free_inside_done(void **state)
{
	stop_when_done = false;
	free_client_when_done = true;
	for (int i = 0; i < 5; i++)
		http_client_send(client, &(struct http_request){.url = url_of("/x")}, done, NULL);
	start_stream("/watch", NULL);
	run_for(200);
	assert_int_equal(done_count, 1);
	assert_null(client);
}

static void test_many(void **state)
{
	stop_when_done = false;
	for (int i = 0; i < 300; i++)
		http_client_send(client, &(struct http_request){.url = url_of("/x")}, done, NULL);
	run_for(1000);
	assert_int_equal(done_count, 300);
	int before = accepted;
	for (int i = 0; i < 300; i++)
		http_client_send(client, &(struct http_request){.url = url_of("/x")}, done, NULL);
	run_for(500);
	assert_int_equal(done_count, 600);
	assert_int_equal(accepted, before); /* connections were kept */
}

/* One handle serves requests of a kind: nothing of the one before may be left. */
static void test_same_kind_again(void **state)
{
	static const char *const bodies[] = {"a long body", "", "b", NULL, "another"};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		char expected[64];
		snprintf(expected, sizeof(expected), "POST /x %s", bodies[i] ? bodies[i] : "");
		send_request((struct http_request){.method = "POST",
				 .body = bodies[i],
				 .body_size = bodies[i] ? strlen(bodies[i]) : 0,
				 .no_redirects = true},
		    "/x");
		assert_string_equal(last.body, expected);
		assert_int_equal(last.status, 200);
	}
	send_request((struct http_request){.no_redirects = true}, "/gone");
	assert_int_equal(last.status, 410);
	send_request((struct http_request){.no_redirects = true}, "/close");
	assert_int_equal(last.code, ERR_IO);
	send_request((struct http_request){.no_redirects = true}, "/x");
	assert_string_equal(last.body, "GET /x ");
	assert_int_equal(last.code, ERR_NONE);
}

/* A connection whose watch stayed while it was idle, closed by the peer meanwhile; its descriptor's number
 * goes to the next. */
static void test_closed_while_idle(void **state)
{
	for (int i = 1; i <= 3; i++) {
		send_request((struct http_request){.no_redirects = true}, "/last");
		assert_string_equal(last.body, "ok");
		run_for(20);
		assert_int_equal(accepted, i);
	}
	send_request((struct http_request){.no_redirects = true}, "/x");
	assert_string_equal(last.body, "GET /x ");
	send_request((struct http_request){.no_redirects = true}, "/x");
	assert_int_equal(accepted, 4);
}

static void test_unix_socket(void **state)
{
	char path[64], address[80];
	snprintf(path, sizeof(path), "/tmp/cube-http-test.%d", getpid());
	snprintf(address, sizeof(address), "unix:%s", path);
	struct stream_listener *other = stream_listen(loop, address, on_accept, NULL, NULL);
	http_client_send(
	    client, &(struct http_request){.url = "http://etcd/v3/x", .unix_socket = path}, done, NULL);
	run_for(2000);
	assert_string_equal(last.body, "GET /v3/x ");
	stream_listener_close(other);
}

static void test_free_with_calls_under_way(void **state)
{
	start_stream("/watch", NULL);
	start_stream("/silent", NULL);
	run_for(50);
	start_stream("/events", NULL);
	/* teardown frees */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_freed_right_before_the_loop),
	    TEST(test_exchange),
	    TEST(test_distrust),
	    TEST(test_lost_answer),
	    TEST(test_redirect),
	    TEST(test_failures),
	    TEST(test_stream),
	    TEST(test_open_comes_before_data),
	    TEST(test_cancel_anywhere),
	    TEST(test_free_inside_done),
	    TEST(test_many),
	    TEST(test_same_kind_again),
	    TEST(test_closed_while_idle),
	    TEST(test_unix_socket),
	    TEST(test_free_with_calls_under_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
