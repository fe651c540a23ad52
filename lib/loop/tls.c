#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/loop/http_client.h"
#include "lib/loop/internal.h"

/* For encrypted PEM: tried instead of a password. Without it OpenSSL asks on the terminal, and the process
 * waits. The text may come from a client, as a webhook's CA bundle does. */
static char no_password[] = "";

static int fail(struct error *err, const char *what)
{
	char reason[160] = "unknown error";
	unsigned long code = ERR_get_error();
	if (code)
		ERR_error_string_n(code, reason, sizeof(reason));
	ERR_clear_error();
	return error_set(err, ERR_IO, "tls: %s: %s", what, reason);
}

static int load_ca(SSL_CTX *ctx, const struct http_tls *tls, struct error *err)
{
	if (str_empty(tls->ca_data)) {
		if (str_empty(tls->ca_file))
			return SSL_CTX_set_default_verify_paths(ctx) == 1 ? 0
									  : fail(err, "system certificates");
		return SSL_CTX_load_verify_locations(ctx, tls->ca_file, NULL) == 1 ? 0
										   : fail(err, tls->ca_file);
	}
	BIO *bio = BIO_new_mem_buf(tls->ca_data, -1);
	int found = 0;
	for (X509 *cert; (cert = PEM_read_bio_X509(bio, NULL, NULL, no_password)); found++) {
		X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert);
		X509_free(cert);
	}
	BIO_free(bio);
	ERR_clear_error(); /* the end of the text is reported as an error */
	return found ? 0 : error_set(err, ERR_IO, "tls: no certificate in the authority's data");
}

static int load_cert_data(SSL_CTX *ctx, const char *data, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(data, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, no_password);
	int status = cert && SSL_CTX_use_certificate(ctx, cert) == 1 ? 0 : fail(err, "client certificate");
	X509_free(cert);
	while (!status && (cert = PEM_read_bio_X509(bio, NULL, NULL, no_password)))
		SSL_CTX_add0_chain_cert(ctx, cert);
	BIO_free(bio);
	ERR_clear_error();
	return status;
}

static int load_key_data(SSL_CTX *ctx, const char *data, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(data, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, no_password);
	int status = key && SSL_CTX_use_PrivateKey(ctx, key) == 1 ? 0 : fail(err, "client key");
	EVP_PKEY_free(key);
	BIO_free(bio);
	return status;
}

static int load_client(SSL_CTX *ctx, const struct http_tls *tls, struct error *err)
{
	if (!str_empty(tls->cert_data)) {
		if (load_cert_data(ctx, tls->cert_data, err))
			return -1;
	} else if (!str_empty(tls->cert_file) &&
		   SSL_CTX_use_certificate_chain_file(ctx, tls->cert_file) != 1) {
		return fail(err, tls->cert_file);
	}
	if (!str_empty(tls->key_data))
		return load_key_data(ctx, tls->key_data, err);
	if (!str_empty(tls->key_file) &&
	    SSL_CTX_use_PrivateKey_file(ctx, tls->key_file, SSL_FILETYPE_PEM) != 1)
		return fail(err, tls->key_file);
	return 0;
}

SSL_CTX *tls_client_context(const struct http_tls *tls, struct error *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx) {
		fail(err, "context");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	/* A peer that ends without close_notify is treated as one that ended: what runs above has its own
	 * framing. */
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_verify(ctx, tls->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if ((!tls->insecure && load_ca(ctx, tls, err)) || load_client(ctx, tls, err)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

SSL *tls_client_session(SSL_CTX *ctx, const struct http_tls *tls, const char *host)
{
	SSL *ssl = loop_must(SSL_new(ctx));
	const char *name = str_or(tls->server_name, host);
	unsigned char ip[16];
	bool is_ip = inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1;
	if (!is_ip)
		SSL_set_tlsext_host_name(ssl, name);
	if (!tls->insecure) {
		if (is_ip)
			X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
		else
			SSL_set1_host(ssl, name);
	}
	SSL_set_bio(ssl, loop_must(BIO_new(BIO_s_mem())), loop_must(BIO_new(BIO_s_mem())));
	SSL_set_connect_state(ssl);
	return ssl;
}
