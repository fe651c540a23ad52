/* The server against raw sockets: the client runs in a thread of its own, the loop in the main one. */
#include "lib/http/server.h"

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

#include <openssl/ssl.h>

#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/loop/loop.h"

/* cmocka's asserts jump, which only the main thread may: the client's end the program. */
static void check_at(bool ok, int line, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "server_test.c:%d: failed: %s\n", line, what);
	abort();
}
#define check(condition) check_at((condition), __LINE__, #condition)
static void has_at(const char *text, const char *part, int line)
{
	check_at(strstr(text, part) != NULL, line, text);
}
#define has(text, part) has_at((text), (part), __LINE__)

struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct http_server_request *stream;
	struct http_tunnel *tunnel;
	struct bytes *big;
	atomic_int closed; /* on_close calls */
	atomic_bool done;
	bool late_is_ours; /* there is a late_handler */
	void (*client)(struct fixture *f);
	int port;
	char directory[64];
};

enum { BIG = 24 * 1024 * 1024 };

/* What the handler serves. */

static size_t fill_source(void *arg, char *to, size_t room)
{
	size_t part = room > 10007 ? 10007 : room; /* less than there is room for */
	memset(to, 'x', part);
	return part;
}

static void on_source_done(void *arg)
{
	struct fixture *f = arg;
	f->closed++;
}

/* An answer whose end nobody knows beforehand: five parts. */
static size_t fill_parts(void *arg, char *to, size_t room)
{
	static const char word[] = {'p', 'a', 'r', 't'};
	static int part;
	part = (part + 1) % 6;
	memcpy(to, word, sizeof word);
	return part ? sizeof word : 0;
}

static void on_stream_close(void *arg)
{
	struct fixture *f = arg;
	f->stream = NULL;
	f->closed++;
}

static void on_tunnel_data(void *arg, const char *data, size_t size)
{
	struct fixture *f = arg;
	http_tunnel_write(f->tunnel, data, size);
}

static void on_tunnel_end(void *arg)
{
	struct fixture *f = arg;
	http_tunnel_close(f->tunnel);
	f->tunnel = NULL;
	f->closed++;
}

static void describe(struct http_server_request *r)
{
	struct buf out = BUF_INIT;
	buf_printf(&out, "%s %s|%s|", r->method, r->path, r->query);
	for (size_t i = 0; i < r->headers_len; i++)
		if (!strncmp(r->headers[i].name, "X-", 2))
			buf_printf(&out, "%s=%s;", r->headers[i].name, r->headers[i].value);
	const char *q = http_request_query(r, "q", 0), *q1 = http_request_query(r, "q", 1);
	buf_printf(&out, "|%s,%s|", q ? q : "-", q1 ? q1 : "-");
	buf_append(&out, r->body, r->body_size);
	const struct http_peer *p = r->peer;
	if (p->has_cert)
		buf_printf(
		    &out, "|%s:%s:%d", p->cert_common_name, p->cert_organizations[0], p->cert_verified);
	http_respond(r, 200, "text/plain", NULL, out.data, out.size);
	buf_done(&out);
}

static void handle(void *arg, struct http_server_request *r)
{
	static const struct http_tunnel_callbacks callbacks = {on_tunnel_data, NULL, on_tunnel_end};
	static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
	struct fixture *f = arg;
	if (!strcmp(r->path, "/stream")) {
		f->stream = r;
		http_start(r, 200, "text/plain", NULL, NULL, on_stream_close, f);
		http_send(r, "one", 3);
		http_send(r, "two", 3);
		if (!*r->query) {
			f->stream = NULL;
			http_end(r);
		}
	} else if (!strcmp(r->path, "/big")) {
		http_respond_bytes(r, 200, "application/octet-stream", NULL, &f->big, 1);
	} else if (!strcmp(r->path, "/source")) {
		struct http_source source = {BIG, fill_source, on_source_done, f};
		http_respond_source(r, 200, "application/octet-stream", NULL, &source);
	} else if (!strcmp(r->path, "/parts")) {
		struct http_source source = {HTTP_SIZE_UNKNOWN, fill_parts, on_source_done, f};
		http_respond_source(r, 200, "text/plain", NULL, &source);
	} else if (r->is_upgrade && !strcmp(r->path, "/tunnel")) {
		f->tunnel = http_tunnel(r, switching, sizeof switching - 1, &callbacks, f);
	} else {
		describe(r);
	}
}

/* The client's side: blocking sockets with a time limit. */

static int dial(struct fixture *f)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
	struct timeval limit = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	check(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	return fd;
}

static void say(int fd, const char *text)
{
	check(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* Reads until `until` has been seen, or to the end when it is NULL. */
static char *hear(int fd, const char *until)
{
	static char text[256 * 1024];
	size_t size = 0;
	text[0] = '\0';
	while (size < sizeof text - 1 && (!until || !strstr(text, until))) {
		ssize_t n = recv(fd, text + size, sizeof text - 1 - size, 0);
		if (n <= 0)
			break;
		size += (size_t)n;
		text[size] = '\0';
	}
	return text;
}

static void *run_client(void *arg)
{
	struct fixture *f = arg;
	f->client(f);
	f->done = true;
	return NULL;
}

static void run_with(
    struct fixture *f, const struct http_server_options *options, void (*client)(struct fixture *f))
{
	struct error err = ERROR_INIT;
	pthread_t thread;
	f->loop = loop_new(NULL);
	f->client = client;
	f->server = http_server_new(f->loop, options, handle, f, &err);
	assert_string_equal(err.message, "");
	f->port = http_server_port(f->server);
	pthread_create(&thread, NULL, run_client, f);
	while (!f->done) {
		loop_poll(f->loop);
		usleep(200);
	}
	pthread_join(thread, NULL);
	http_server_free(f->server);
	for (int i = 0; i < 10; i++)
		loop_poll(f->loop);
	loop_free(f->loop);
	bytes_unref(f->big);
}

static void run(void (*client)(struct fixture *f))
{
	struct fixture f = {0};
	run_with(&f,
	    &(struct http_server_options){.address = "127.0.0.1", .body_max = 1000, .head_max = 4000},
	    client);
}

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

static void stream_client(struct fixture *f)
{
	int fd = dial(f);
	say(fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
	has(hear(fd, "0\r\n\r\n"), "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
	say(fd, "GET /stream?open HTTP/1.1\r\nHost: h\r\n\r\n");
	hear(fd, "two\r\n");
	close(fd);
	for (int i = 0; i < 500 && !f->closed; i++)
		usleep(10000);
	check(f->closed == 1);
	fd = dial(f);
	say(fd, "GET /stream HTTP/1.0\r\n\r\n");
	has(hear(fd, NULL), "\r\n\r\nonetwo");
	close(fd);
}

static void test_streams(void **state)
{
	run(stream_client);
}

static void tunnel_client(struct fixture *f)
{
	int fd = dial(f);
	say(fd, "GET /tunnel HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nearly");
	has(hear(fd, "early"), "HTTP/1.1 101 Switching Protocols\r\n\r\nearly");
	say(fd, "later");
	has(hear(fd, "later"), "later");
	close(fd);
	for (int i = 0; i < 500 && !f->closed; i++)
		usleep(10000);
	check(f->closed == 1);
	/* An upgrade that nobody takes up is an ordinary request, and the connection goes on. */
	fd = dial(f);
	say(fd, "GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
	hear(fd, "GET /x");
	say(fd, "GET /y HTTP/1.1\r\nHost: h\r\n\r\n");
	has(hear(fd, "GET /y"), "GET /y");
	close(fd);
}

static void test_tunnels(void **state)
{
	run(tunnel_client);
}

/* Exactly so many bytes. */
static void skip_bytes(int fd, size_t size)
{
	char *chunk = malloc(1 << 20);
	while (size > 0) {
		ssize_t n = recv(fd, chunk, size < 1 << 20 ? size : 1 << 20, 0);
		check(n > 0);
		size -= (size_t)n;
	}
	free(chunk);
}

static void read_big(struct fixture *f, const char *path)
{
	int fd = dial(f);
	say(fd, path);
	say(fd, " HTTP/1.1\r\nHost: h\r\n\r\nGET /small HTTP/1.1\r\nHost: h\r\n\r\n");
	usleep(200000); /* a reader that takes its time */
	char *text = hear(fd, "\r\n\r\n");
	has(text, "Content-Length: 25165824\r\n");
	size_t got = strlen(strstr(text, "\r\n\r\n") + 4);
	skip_bytes(fd, BIG / 2);
	int other = dial(f); /* the others are served meanwhile */
	say(other, "GET /other HTTP/1.1\r\nHost: h\r\n\r\n");
	has(hear(other, "GET /other"), "200 OK");
	close(other);
	skip_bytes(fd, BIG - BIG / 2 - got);
	has(hear(fd, "GET /small"), "GET /small");
	close(fd);
}

static void big_client(struct fixture *f)
{
	read_big(f, "GET /big");
}

static void source_client(struct fixture *f)
{
	read_big(f, "GET /source");
	check(f->closed == 1);
	int fd = dial(f);
	say(fd, "HEAD /source HTTP/1.1\r\nHost: h\r\n\r\n");
	has(hear(fd, "\r\n\r\n"), "Content-Length: 25165824\r\n");
	check(f->closed == 2);
	say(fd, "GET /source HTTP/1.1\r\nHost: h\r\n\r\n");
	skip_bytes(fd, 100000);
	close(fd); /* in the middle */
	while (f->closed < 3)
		usleep(1000);
}

static void parts_client(struct fixture *f)
{
	int fd = dial(f);
	say(fd, "GET /parts HTTP/1.1\r\nHost: h\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n");
	char *text = hear(fd, "GET /x");
	has(text, "Transfer-Encoding: chunked\r\n");
	has(text, "\r\n\r\n00000004\r\npart\r\n00000004\r\npart\r\n");
	has(text, "part\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n");
	check(f->closed == 1);
	close(fd);
	fd = dial(f);
	say(fd, "GET /parts HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	text = hear(fd, NULL);
	has(text, "Connection: close\r\n\r\npartpartpartpartpart");
	check(!strstr(text, "chunked"));
	close(fd);
}

static void test_answers_of_unknown_size(void **state)
{
	struct fixture f = {0};
	run_with(&f, &(struct http_server_options){.address = "127.0.0.1"}, parts_client);
}

static void test_answers_made_while_they_leave(void **state)
{
	struct fixture f = {0};
	run_with(&f, &(struct http_server_options){.address = "127.0.0.1"}, source_client);
}

static void test_large_answers_to_slow_readers(void **state)
{
	struct fixture f = {.big = bytes_new(NULL, BIG)};
	memset(f.big->data, 'x', BIG);
	run_with(&f, &(struct http_server_options){.address = "127.0.0.1"}, big_client);
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
		say(fd, requests[i]);
		char *text = hear(fd, NULL);
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

/* TLS, with and without a client certificate. */

static void make_certificates(struct fixture *f)
{
	char command[1024];
	strcpy(f->directory, "/tmp/http-test-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(command, sizeof command,
	    "cd %s && exec >/dev/null 2>&1 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
	    "-nodes -keyout ca.key"
	    " -out ca.crt -subj /CN=ca -days 2 && for n in client other; do openssl req -newkey ec -pkeyopt"
	    " ec_paramgen_curve:P-256 -nodes -keyout $n.key -out $n.csr -subj /O=group/CN=$n; done &&"
	    " printf 'extendedKeyUsage=clientAuth' > ext && openssl x509 -req -in client.csr -CA ca.crt "
	    "-CAkey ca.key"
	    " -CAcreateserial -out client.crt -days 2 -extfile ext && openssl x509 -req -in other.csr "
	    "-signkey other.key"
	    " -out other.crt -days 2",
	    f->directory);
	assert_int_equal(system(command), 0);
}

static void tls_request(struct fixture *f, const char *name, const char *want)
{
	char path[160], text[4096] = "";
	int fd = dial(f), size = 0, n;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;
	if (name) {
		snprintf(path, sizeof path, "%s/%s.crt", f->directory, name);
		SSL_CTX_use_certificate_file(ctx, path, SSL_FILETYPE_PEM);
		snprintf(path, sizeof path, "%s/%s.key", f->directory, name);
		SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM);
	}
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	check(SSL_connect(ssl) == 1);
	SSL_write(ssl, "GET /tls HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 49);
	while (size < 4000 && (n = SSL_read(ssl, text + size, 4000 - size)) > 0)
		size += n;
	has(text, want);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
}

static void tls_client(struct fixture *f)
{
	tls_request(f, NULL, "GET /tls|||-,-|");
	tls_request(f, "client", "|client:group:1");
	tls_request(f, "other", "|other:group:0");
	int fd = dial(f); /* plain text to a TLS port ends the connection, and nothing else */
	say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	hear(fd, NULL);
	close(fd);
	tls_request(f, NULL, "GET /tls|||-,-|");
}

static void test_tls_and_client_certificates(void **state)
{
	struct fixture f = {0};
	char cert[96], key[96], command[128];
	make_certificates(&f);
	snprintf(cert, sizeof cert, "%s/ca.crt", f.directory);
	snprintf(key, sizeof key, "%s/ca.key", f.directory);
	struct http_server_options options = {
	    .address = "127.0.0.1", .cert_file = cert, .key_file = key, .client_ca_file = cert};
	run_with(&f, &options, tls_client);
	snprintf(command, sizeof command, "rm -r %s", f.directory);
	assert_int_equal(system(command), 0);
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
	    cmocka_unit_test(test_hostile_input_is_refused),
	    cmocka_unit_test(test_pieces_of_a_method),
	    cmocka_unit_test(test_streams),
	    cmocka_unit_test(test_tunnels),
	    cmocka_unit_test(test_large_answers_to_slow_readers),
	    cmocka_unit_test(test_answers_made_while_they_leave),
	    cmocka_unit_test(test_answers_of_unknown_size),
	    cmocka_unit_test(test_slow_heads_are_cut_off),
	    cmocka_unit_test(test_slow_bodies_are_answered),
	    cmocka_unit_test(test_tls_and_client_certificates),
	    cmocka_unit_test(test_shutdown_lets_idle_connections_go),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
