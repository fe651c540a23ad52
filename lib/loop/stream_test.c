#include "lib/loop/stream.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/test.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"

static struct loop *loop;

/* One end of a connection and what happened to it. */
struct end {
	struct stream *stream;
	struct buf in;
	int connects, drains, ends;
	enum error_code code;
	char message[768];
	bool echo, close_on_data, close_on_connect, stop_at_end, pause_on_data;
};

static void on_connect(void *arg)
{
	struct end *end = arg;
	end->connects++;
	if (end->close_on_connect) {
		stream_close(end->stream);
		end->stream = NULL;
	}
}

static void on_data(void *arg, const char *data, size_t size)
{
	struct end *end = arg;
	buf_append(&end->in, data, size);
	if (end->echo)
		stream_write(end->stream, data, size);
	if (end->pause_on_data)
		stream_pause(end->stream);
	if (end->close_on_data) {
		stream_close(end->stream);
		end->stream = NULL;
	}
}

static void on_drain(void *arg)
{
	((struct end *)arg)->drains++;
}

static void on_end(void *arg, const struct error *err)
{
	struct end *end = arg;
	end->ends++;
	end->code = err ? err->code : ERR_NONE;
	if (err)
		snprintf(end->message, sizeof(end->message), "%s", err->message);
	if (end->echo)
		stream_shutdown(end->stream);
	if (end->stop_at_end)
		loop_stop(loop);
}

static const struct stream_callbacks callbacks = {on_connect, on_data, on_drain, on_end};

static struct end client, server;
static struct stream_listener *listener;

static void on_accept(void *arg, int fd)
{
	if (server.stream)
		stream_close(server.stream);
	server.stream = stream_adopt(loop, fd, &callbacks, &server);
}

static void stop(void *arg)
{
	loop_stop(loop);
}

/* Runs until stopped, or for so long. */
static void run_for(int64_t ms)
{
	struct loop_timer *timer = loop_timer_new(loop, stop, NULL);
	loop_timer_start(timer, ms, 0);
	loop_run(loop);
	loop_timer_free(timer);
}

static void end_done(struct end *end)
{
	stream_close(end->stream);
	buf_done(&end->in);
	memset(end, 0, sizeof(*end));
}

static int setup(void **state)
{
	loop = loop_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	end_done(&client);
	end_done(&server);
	stream_listener_close(listener);
	listener = NULL;
	loop_free(loop);
	return 0;
}

static void listen_on(const char *address)
{
	struct error err = ERROR_INIT;
	listener = stream_listen(loop, address, on_accept, NULL, &err);
	assert_string_equal(err.message, "");
	assert_non_null(listener);
}

static void connect_client(const char *host)
{
	char address[128];
	snprintf(address, sizeof(address), "%s:%d", host, stream_listener_port(listener));
	client.stream = stream_connect(loop, address, NULL, 2000, &callbacks, &client);
}

static void exchange(void)
{
	server.echo = true;
	client.stop_at_end = true;
	stream_write(client.stream, "hello", 5); /* before the connection stands */
	assert_int_equal(stream_pending(client.stream), 5);
	stream_shutdown(client.stream);
	run_for(3000);
	assert_int_equal(client.connects, 1);
	assert_string_equal(buf_str(&server.in), "hello");
	assert_string_equal(buf_str(&client.in), "hello");
	assert_int_equal(client.ends, 1);
	assert_int_equal(client.code, ERR_NONE);
	assert_int_equal(client.drains, 1);
}

static void test_tcp(void **state)
{
	listen_on("127.0.0.1:0");
	connect_client("127.0.0.1");
	exchange();
}

static void test_name(void **state)
{
	listen_on("127.0.0.1:0");
	connect_client("localhost");
	exchange();
}

static void test_unix(void **state)
{
	char path[64], address[80];
	snprintf(path, sizeof(path), "/tmp/cube-stream-test.%d", getpid());
	snprintf(address, sizeof(address), "unix:%s", path);
	listen_on(address);
	client.stream = stream_connect(loop, address, NULL, 2000, &callbacks, &client);
	exchange();
	struct error err = ERROR_INIT; /* taken while somebody listens */
	assert_null(stream_listen(loop, address, on_accept, NULL, &err));
	stream_listener_close(listener);
	assert_int_equal(access(path, F_OK), -1);
	listen_on(address);
}

static void test_failures(void **state)
{
	static const char *const bad[] = {
	    "127.0.0.1:1", "unix:/no/such/socket", "no-port", "no.such.name.invalid:80", "unix:"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		client.stop_at_end = true;
		client.stream = stream_connect(loop, bad[i], NULL, 3000, &callbacks, &client);
		assert_int_equal(client.ends, 0);
		run_for(8000);
		assert_int_equal(client.ends, 1);
		assert_int_not_equal(client.code, ERR_NONE);
		assert_int_equal(client.connects, 0);
		stream_write(client.stream, "x", 1);
		stream_shutdown(client.stream);
		end_done(&client);
	}
	struct error err = ERROR_INIT;
	assert_null(stream_listen(loop, "1.2.3.4:80", on_accept, NULL, &err));
}

static void test_close_anywhere(void **state)
{
	listen_on("127.0.0.1:0");
	connect_client("127.0.0.1");
	stream_close(client.stream); /* while connecting */
	connect_client("localhost");
	stream_close(client.stream); /* while looking the name up */
	client.close_on_connect = true;
	connect_client("127.0.0.1");
	run_for(50);
	assert_int_equal(client.connects, 1);
	client.close_on_connect = false;
	client.close_on_data = server.echo = true;
	connect_client("127.0.0.1");
	stream_write(client.stream, "x", 1);
	run_for(50);
	assert_int_equal(client.in.size, 1);
	assert_null(client.stream);
	client.stream = stream_connect(loop, "bad", NULL, 0, &callbacks, &client);
	stream_close(client.stream); /* before the failure is told */
	client.stream = NULL;
	assert_int_equal(client.ends, 0);
	connect_client("127.0.0.1"); /* left to loop_free */
	client.stream = NULL;
}

static void test_peer_resets(void **state)
{
	listen_on("127.0.0.1:0");
	connect_client("127.0.0.1");
	run_for(30);
	static char big[1 << 22];
	stream_write(client.stream, big, sizeof(big));
	assert_true(stream_pending(client.stream) > 0);
	stream_pause(server.stream);
	client.stop_at_end = true;
	stream_close(server.stream); /* with data unread: a reset */
	server.stream = NULL;
	run_for(3000);
	assert_int_equal(client.ends, 1);
	assert_int_equal(client.code, ERR_IO);
	stream_write(client.stream, "x", 1);
	run_for(20);
	assert_int_equal(client.ends, 1);
}

static void test_back_pressure(void **state)
{
	listen_on("127.0.0.1:0");
	connect_client("127.0.0.1");
	run_for(30);
	enum { SIZE = 20 << 20 };
	char *big = malloc(SIZE);
	memset(big, 'b', SIZE);
	server.pause_on_data = true;
	stream_write(client.stream, big, SIZE);
	free(big);
	run_for(100);
	assert_true(stream_pending(client.stream) > 0);
	assert_int_equal(client.drains, 0);
	size_t seen = server.in.size;
	assert_true(seen <= 65536);
	run_for(30);
	assert_int_equal(server.in.size, seen);
	server.pause_on_data = false;
	stream_resume(server.stream);
	server.stop_at_end = true;
	stream_shutdown(client.stream);
	run_for(5000);
	assert_int_equal(server.in.size, SIZE);
	assert_int_equal(stream_pending(client.stream), 0);
	assert_int_equal(client.drains, 1);
}

/* A TLS server with blocking calls on a thread of its own. */
struct tls_server {
	int fd;
	SSL_CTX *ctx;
	pthread_t thread;
};

static void *serve_tls(void *arg)
{
	struct tls_server *tls = arg;
	for (int fd; (fd = accept(tls->fd, NULL, NULL)) >= 0; close(fd)) {
		SSL *ssl = SSL_new(tls->ctx);
		SSL_set_fd(ssl, fd);
		char data[4096];
		if (SSL_accept(ssl) == 1)
			for (int n; (n = SSL_read(ssl, data, sizeof(data))) > 0;)
				SSL_write(ssl, data, n);
		SSL_shutdown(ssl);
		SSL_free(ssl);
	}
	return NULL;
}

static char dir[64], ca[96], key[96];

static void make_certificate(void)
{
	char command[512];
	snprintf(dir, sizeof(dir), "/tmp/cube-tls.%d", getpid());
	snprintf(ca, sizeof(ca), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	snprintf(command, sizeof(command),
	    "mkdir -p %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
	    "-keyout %s -out %s "
	    "-days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1,DNS:kubelet 2>/dev/null",
	    dir, key, ca);
	assert_int_equal(system(command), 0);
}

static int tls_connect(struct tls_server *tls, const struct http_tls *options, const char *data, size_t size)
{
	char address[64];
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	getsockname(tls->fd, (struct sockaddr *)&addr, &len);
	unsigned char *port = (unsigned char *)&addr + 2;
	snprintf(address, sizeof(address), "127.0.0.1:%d", port[0] << 8 | port[1]);
	client.stop_at_end = true;
	client.stream = stream_connect(loop, address, options, 3000, &callbacks, &client);
	stream_write(client.stream, data, size);
	stream_shutdown(client.stream);
	run_for(5000);
	return client.code;
}

static void test_tls(void **state)
{
	struct tls_server tls = {
	    .fd = socket(AF_INET, SOCK_STREAM, 0), .ctx = SSL_CTX_new(TLS_server_method())};
	make_certificate();
	assert_int_equal(SSL_CTX_use_certificate_file(tls.ctx, ca, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(tls.ctx, key, SSL_FILETYPE_PEM), 1);
	listen(tls.fd, 10);
	pthread_create(&tls.thread, NULL, serve_tls, &tls);
	static char big[200000];
	memset(big, 't', sizeof(big));
	const struct http_tls good[] = {{.ca_file = ca}, {.insecure = true},
	    {.ca_file = ca, .server_name = "kubelet"}, {.ca_file = ca, .cert_file = ca, .key_file = key}};
	for (size_t i = 0; i < 4; i++) {
		/* One direction at a time: the server writes back what it read, and the client reads all the
		 * while. */
		assert_int_equal(tls_connect(&tls, &good[i], big, sizeof(big)), ERR_NONE);
		assert_int_equal(client.connects, 1);
		assert_int_equal(client.in.size, sizeof(big));
		assert_memory_equal(client.in.data, big, sizeof(big));
		end_done(&client);
	}
	const struct http_tls bad[] = {{.ca_file = ca, .server_name = "other"}, {0}, {.ca_file = "/no/such"}};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(tls_connect(&tls, &bad[i], "x", 1), ERR_IO);
		assert_int_equal(client.connects, 0);
		assert_non_null(strstr(client.message, "tls"));
		end_done(&client);
	}
	shutdown(tls.fd, SHUT_RDWR);
	pthread_join(tls.thread, NULL);
	close(tls.fd);
	SSL_CTX_free(tls.ctx);
	unlink(ca);
	unlink(key);
	rmdir(dir);
}

static struct udp *udp_a, *udp_b;
static char udp_from[128], udp_data[64];

static void echo_datagram(void *arg, const char *from, const void *data, size_t size)
{
	udp_send(udp_a, from, data, size);
}

static void take_datagram(void *arg, const char *from, const void *data, size_t size)
{
	snprintf(udp_from, sizeof(udp_from), "%s", from);
	snprintf(udp_data, sizeof(udp_data), "%.*s", (int)size, (const char *)data);
	udp_close(udp_b);
	loop_stop(loop);
}

static void test_udp(void **state)
{
	char to[64];
	struct error err = ERROR_INIT;
	udp_a = udp_bind(loop, "127.0.0.1:0", echo_datagram, NULL, &err);
	udp_b = udp_bind(loop, "127.0.0.1:0", take_datagram, NULL, &err);
	assert_non_null(udp_a);
	snprintf(to, sizeof(to), "127.0.0.1:%d", udp_port(udp_a));
	udp_send(udp_b, "127.0.0.1:1", "lost", 4);
	udp_send(udp_b, "nonsense", "lost", 4);
	udp_send(udp_b, to, "ping", 4);
	run_for(2000);
	assert_string_equal(udp_from, to);
	assert_string_equal(udp_data, "ping");
	assert_null(udp_bind(loop, "1.2.3.4:5", take_datagram, NULL, &err));
	udp_close(udp_a);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_tcp),
	    TEST(test_name),
	    TEST(test_unix),
	    TEST(test_failures),
	    TEST(test_close_anywhere),
	    TEST(test_peer_resets),
	    TEST(test_back_pressure),
	    TEST(test_tls),
	    TEST(test_udp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
