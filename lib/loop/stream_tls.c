/*
 * TLS as a client, between the socket and the stream's callbacks: ciphertext goes in and out through memory
 * BIOs, so OpenSSL never sees the descriptor.
 */
#include <openssl/err.h>

#include "lib/loop/stream_internal.h"

static void send_output(struct stream *stream)
{
	char *data;
	long size = BIO_get_mem_data(SSL_get_wbio(stream->ssl), &data);
	if (size > 0) {
		stream_write_raw(stream, data, (size_t)size);
		BIO_reset(SSL_get_wbio(stream->ssl));
	}
}

static void fail_tls(struct stream *stream, const char *what)
{
	char reason[160] = "protocol error";
	unsigned long code = ERR_peek_last_error();
	long verify = SSL_get_verify_result(stream->ssl);
	if (verify != X509_V_OK)
		snprintf(reason, sizeof(reason), "%s", X509_verify_cert_error_string(verify));
	else if (code)
		ERR_error_string_n(code, reason, sizeof(reason));
	ERR_clear_error();
	send_output(stream); /* the alert tells the peer why */
	stream_fail(stream, ERR_IO, "tls: %s: %s", what, reason);
}

static void handshake(struct stream *stream)
{
	ERR_clear_error();
	int status = SSL_do_handshake(stream->ssl);
	if (status == 1) {
		send_output(stream);
		stream_became_ready(stream);
		return;
	}
	int why = SSL_get_error(stream->ssl, status);
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		send_output(stream);
	else
		fail_tls(stream, "handshake");
}

void stream_tls_start(struct stream *stream)
{
	handshake(stream);
}

static void deliver(struct stream *stream)
{
	char *data = loop_scratch(stream->loop);
	while (!stream->paused && !stream->closed && !stream->failure && !stream->ended) {
		ERR_clear_error();
		int n = SSL_read(stream->ssl, data, LOOP_SCRATCH_SIZE);
		if (n > 0) {
			stream->callbacks.on_data(stream->arg, data, (size_t)n);
			continue;
		}
		int why = SSL_get_error(stream->ssl, n);
		send_output(stream); /* key updates and the like */
		if (why == SSL_ERROR_ZERO_RETURN)
			stream_ended(stream);
		else if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			fail_tls(stream, "read");
		return;
	}
}

void stream_tls_input(struct stream *stream, const char *data, size_t size)
{
	if (size)
		BIO_write(SSL_get_rbio(stream->ssl), data, (int)size);
	if (!stream->ready && !stream->failure)
		handshake(stream);
	if (stream->ready && !stream->closed)
		deliver(stream);
}

void stream_tls_write(struct stream *stream, const void *data, size_t size)
{
	const char *p = data;
	ERR_clear_error();
	while (size) {
		size_t piece = size < 1 << 30 ? size : 1 << 30;
		int n = SSL_write(stream->ssl, p, (int)piece);
		if (n <= 0) { /* a memory BIO always has room */
			fail_tls(stream, "write");
			return;
		}
		p += n;
		size -= (size_t)n;
	}
	send_output(stream);
}

void stream_tls_shutdown(struct stream *stream)
{
	SSL_shutdown(stream->ssl);
	ERR_clear_error();
	send_output(stream);
}
