/* What a list costs at the least: its bytes put together once, and TLS. */
#include "bench/bench.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>

enum { CHUNK = 64 * 1024, PIECES_KEPT = 10000 };

static int64_t thread_cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* A key and a certificate signed by itself, of the kind that servers make. */
static void use_own_certificate(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	SSL_CTX_use_certificate(ctx, cert);
	SSL_CTX_use_PrivateKey(ctx, key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void *read_all(void *arg)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	char *data = malloc(CHUNK);
	SSL_set_fd(ssl, *(int *)arg);
	if (SSL_connect(ssl) == 1)
		while (SSL_read(ssl, data, CHUNK) > 0)
			;
	free(data);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return NULL;
}

/* Two ends of a TCP connection on loopback. */
static bool connect_pair(int fds[2])
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sa;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = !bind(listener, (struct sockaddr *)&sa, len) && !listen(listener, 1) &&
		  !getsockname(listener, (struct sockaddr *)&sa, &len);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ok = ok && !connect(fds[0], (struct sockaddr *)&sa, len);
	fds[1] = ok ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
	close(listener);
	return ok && fds[1] >= 0;
}

static void copy_and_send(SSL *ssl, size_t pieces, size_t piece_size)
{
	/* Pieces that lie apart, as objects do. */
	char **from = calloc(PIECES_KEPT, sizeof(char *)), *chunk = malloc(CHUNK + piece_size);
	for (size_t i = 0; i < PIECES_KEPT; i++) {
		from[i] = malloc(piece_size);
		memset(from[i], 'a' + (int)(i % 26), piece_size);
	}
	size_t size = 0;
	int64_t before = thread_cpu_ns();
	for (size_t i = 0; i < pieces; i++) {
		memcpy(chunk + size, from[i % PIECES_KEPT], piece_size);
		size += piece_size;
		if (size < CHUNK && i + 1 < pieces)
			continue;
		SSL_write(ssl, chunk, (int)size);
		size = 0;
	}
	*(int64_t *)SSL_get_app_data(ssl) = thread_cpu_ns() - before;
	for (size_t i = 0; i < PIECES_KEPT; i++)
		free(from[i]);
	free(from);
	free(chunk);
}

int64_t reference_copy_tls_ns(size_t pieces, size_t piece_size)
{
	int fds[2];
	pthread_t reader;
	int64_t ns = 0;
	if (!connect_pair(fds) || pthread_create(&reader, NULL, read_all, &fds[0]))
		exit(1);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	use_own_certificate(ctx);
	SSL *ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fds[1]);
	SSL_set_app_data(ssl, &ns);
	if (SSL_accept(ssl) == 1)
		copy_and_send(ssl, pieces, piece_size);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fds[1]);
	pthread_join(reader, NULL);
	close(fds[0]);
	SSL_CTX_free(ctx);
	return ns;
}
