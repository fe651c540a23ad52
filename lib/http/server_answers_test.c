/* Answers: streams, tunnels, large ones, ones of unknown size, and TLS with and without a client certificate.
 */
#include "lib/http/server_fixture.h"

#include <openssl/ssl.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_streams),
	    cmocka_unit_test(test_tunnels),
	    cmocka_unit_test(test_answers_of_unknown_size),
	    cmocka_unit_test(test_answers_made_while_they_leave),
	    cmocka_unit_test(test_large_answers_to_slow_readers),
	    cmocka_unit_test(test_tls_and_client_certificates),
	};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
