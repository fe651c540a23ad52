/* Requests: how they are read and refused, one after the other, late or never; and the end of a server. */
#include "lib/http/server_fixture.h"

static void keep_alive_client(struct fixture *f)
{
	int fd = dial(f);
	for (int i = 0; i < 3; i++) {
		say(fd, "GET /a%2Fb//c/../d?q=x%20y&q=z+1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-A: 2\r\n\r\n");
		char *text = hear(fd, "|x y,z 1|");
		has(text, "HTTP/1.1 200 OK\r\n");
		has(text, "GET /a%2Fb//c/../d|q=x%20y&q=z+1|X-A=1;X-A=2;|x y,z 1|");
	}
	close(fd);
}

static void test_keep_alive_and_raw_path(void **state)
{
	run(keep_alive_client);
}

static void pipeline_client(struct fixture *f)
{
	int fd = dial(f);
	say(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: "
		"2\r\n\r\nhiGET /3 "
		"HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	char *text = hear(fd, NULL);
	const char *one = strstr(text, "GET /1"), *two = strstr(text, "POST /2|||-,-|hi"),
		   *three = strstr(text, "GET /3");
	check(one && two > one && three > two);
	close(fd);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
	run(pipeline_client);
}

static void body_client(struct fixture *f)
{
	int fd = dial(f);
	say(fd, "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
		"chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	has(hear(fd, "abcde"), "|abcde");
	say(fd, "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
	has(hear(fd, "Continue\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
	say(fd, "body");
	has(hear(fd, "|body"), "HTTP/1.1 200 OK");
	say(fd, "HEAD /h HTTP/1.1\r\nHost: h\r\n\r\nGET /after HTTP/1.1\r\nHost: h\r\n\r\n");
	char *text = hear(fd, "GET /after");
	has(text, "Content-Length: 14\r\n\r\nHTTP/1.1 200");
	say(fd, "BREW /tea HTTP/1.1\r\nHost: h\r\n\r\n");
	has(hear(fd, "BREW /tea"), "BREW /tea|");
	close(fd);
}

static void test_bodies(void **state)
{
	run(body_client);
}

static void expect_refusal(struct fixture *f, const char *request, const char *status)
{
	int fd = dial(f);
	say(fd, request);
	has(hear(fd, NULL), status);
	close(fd);
}

static const struct {
	const char *request, *status;
} refused[] = {
    {"GET / HTTP/1.1\r\nHost: h\r\nBad Header: x\r\n\r\n", "HTTP/1.1 400 "},
    {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", "HTTP/1.1 400 "},
    {"GET / HTTP/1.1\r\nHost: h\r\nA: b\1c\r\n\r\n", "HTTP/1.1 400 "},
    {"GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 "},
    {"GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.1 400 "},
    {"GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", "HTTP/1.1 400 "},
    {"GET / HTTP/1.1\r\nHost: h/evil\r\n\r\n", "HTTP/1.1 400 "},
    {"\x16\x03\x01\x02\x00\x01", "HTTP/1.1 400 "},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 400 "},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", "HTTP/1.1 400 "},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 "},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551617\r\n\r\n", "HTTP/1.1 400 "},
    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 400 "},
    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
	"HTTP/1.1 400 "},
    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "HTTP/1.1 501 "},
    {"POST / HTTP/1.1\r\nHost: h\r\nExpect: more\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 417 "},
    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nx",
	"HTTP/1.1 413 "},
    {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close, Upgrade\r\nUpgrade: x\r\n\r\n",
	"Connection: close\r\n"},
    {"GET /\r\n\r\n", "HTTP/1.1 400 "},
    {"GET / HTTP/3.1\r\nHost: h\r\n\r\n", "HTTP/1.1 505 "},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505 "},
};

/* Any cut between two packets gives the same request, also one inside a method that the parser does not know.
 */
static void slow_method_client(struct fixture *f)
{
	static const char request[] = "\r\nBREW /tea HTTP/1.1\r\nHost: h\r\n\r\n";
	int fd = dial(f);
	for (const char *p = request; *p; p++) {
		say(fd, (char[]){*p, '\0'});
		struct timespec pause = {.tv_nsec = 1000000};
		nanosleep(&pause, NULL);
	}
	has(hear(fd, "BREW /tea"), "BREW /tea|");
	close(fd);
}

static void test_pieces_of_a_method(void **state)
{
	run(slow_method_client);
}

static void hostile_client(struct fixture *f)
{
	char *head = malloc(6000), *body = malloc(3000);
	expect_refusal(f, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n", "HTTP/1.1 413 ");
	snprintf(head, 6000, "GET / HTTP/1.1\r\nHost: h\r\nX-Long: %05000d\r\n\r\n", 0);
	expect_refusal(f, head, "HTTP/1.1 431 ");
	snprintf(body, 3000,
	    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n%02000d\r\n0\r\n\r\n", 0);
	expect_refusal(f, body, "HTTP/1.1 413 ");
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		expect_refusal(f, refused[i].request, refused[i].status);
	free(head);
	free(body);
}

static void test_hostile_input_is_refused(void **state)
{
	run(hostile_client);
}

static void slow_client(struct fixture *f)
{
	int fd = dial(f), silent = dial(f);
	say(fd, "GET / HTTP/1.1\r\nHost: h\r\nX-");
	check(!*hear(fd, NULL));
	check(!*hear(silent, NULL));
	close(fd);
	close(silent);
}

static void test_slow_heads_are_cut_off(void **state)
{
	struct fixture f = {0};
	run_with(
	    &f, &(struct http_server_options){.address = "127.0.0.1", .head_timeout_ms = 1000}, slow_client);
}

static void slow_body_client(struct fixture *f)
{
	static const char head[] =
	    "POST /late HTTP/1.1\r\nHost: t\r\nX-A: 1\r\nContent-Length: 9\r\n\r\n1234";
	static const char chunked[] =
	    "POST /late HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n12";
	static const char *const requests[] = {head, chunked};
	for (size_t i = 0; i < 2; i++) {
		int fd = dial(f);
		char end;
		say(fd, requests[i]);
		char *text = hear(fd, NULL);
		check(recv(fd, &end, 1, 0) == 0); /* closed by the server: hear() did not merely give up */
		has(text, "HTTP/1.1 504 ");
		has(text, "\r\nConnection: close\r\n");
		if (f->late_is_ours)
			has(text, "\r\n\r\nPOST /late has a body of 0");
		close(fd);
	}
	/* One that comes in time in pieces is not affected, and what follows it is another request. */
	int fd = dial(f);
	say(fd, "POST /a HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\n12");
	say(fd, "34GET /b HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
	char *text = hear(fd, NULL);
	has(text, "POST /a||");
	has(text, "|1234");
	has(text, "GET /b||");
	close(fd);
}

static void answer_late(void *arg, struct http_server_request *r)
{
	struct buf out = BUF_INIT;
	buf_printf(&out, "%s %s has a body of %zu", r->method, r->path, r->body_size + strlen(r->body));
	http_respond(r, 504, "text/plain", NULL, out.data, out.size);
	buf_done(&out);
}

static void test_slow_bodies_are_answered(void **state)
{
	struct fixture f = {0}, own = {.late_is_ours = true};
	run_with(&f, &(struct http_server_options){.address = "127.0.0.1", .body_timeout_ms = 1000},
	    slow_body_client);
	run_with(&own,
	    &(struct http_server_options){
		.address = "127.0.0.1", .body_timeout_ms = 1000, .late_handler = answer_late},
	    slow_body_client);
}

static void on_shutdown(void *arg)
{
	bool *done = arg;
	*done = true;
}

static void test_shutdown_lets_idle_connections_go(void **state)
{
	struct fixture f = {.loop = loop_new(NULL)};
	struct http_server_options options = {.address = "127.0.0.1"};
	struct error err = ERROR_INIT;
	bool done = false;
	f.server = http_server_new(f.loop, &options, handle, &f, &err);
	f.port = http_server_port(f.server);
	int fd = dial(&f);
	for (int i = 0; i < 50; i++) {
		loop_poll(f.loop);
		usleep(1000);
	}
	http_server_shutdown(f.server, 1000, on_shutdown, &done);
	for (int i = 0; i < 3000 && !done; i++) {
		loop_poll(f.loop);
		usleep(1000);
	}
	assert_true(done);
	close(fd);
	http_server_free(f.server);
	loop_free(f.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keep_alive_and_raw_path),
	    cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
	    cmocka_unit_test(test_bodies),
	    cmocka_unit_test(test_pieces_of_a_method),
	    cmocka_unit_test(test_hostile_input_is_refused),
	    cmocka_unit_test(test_slow_heads_are_cut_off),
	    cmocka_unit_test(test_slow_bodies_are_answered),
	    cmocka_unit_test(test_shutdown_lets_idle_connections_go),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
