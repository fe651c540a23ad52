/* What OpenSSL is told about client certificates, and what it knows about the one a peer showed. */
#include "lib/http/internal.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "lib/base/arena.h"

/* Any certificate is let through the handshake; the verdict is kept and decides later between a name and a
 * 401. */
static int accept_any(int preverify_ok, X509_STORE_CTX *ctx)
{
	return 1;
}

int http_tls_setup(void *ssl_ctx, const struct http_server_options *options)
{
	SSL_CTX *ctx = ssl_ctx;
	SSL_CTX_set_min_proto_version(
	    ctx, options->tls_min_version ? options->tls_min_version : TLS1_2_VERSION);
	if (options->tls_ciphers && SSL_CTX_set_cipher_list(ctx, options->tls_ciphers) != 1)
		return -1;
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	/* No resumption, by cache or by ticket: without a session id context OpenSSL refuses to resume a
	 * connection that asks for client certificates ("internal error"), and every connection's certificate
	 * is to be checked anew. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx, 0);
	if (!options->client_ca_file)
		return 0;
	if (SSL_CTX_load_verify_locations(ctx, options->client_ca_file, NULL) != 1)
		return -1;
	SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(options->client_ca_file));
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any);
	return 0;
}

/* NULL when it has no text. A NUL in it would end it early: another name than the one that was certified. */
static char *entry_text(struct arena *arena, X509_NAME_ENTRY *entry, bool *ret_has_nul)
{
	unsigned char *utf8 = NULL;
	int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
	if (size < 0)
		return NULL;
	*ret_has_nul = *ret_has_nul || memchr(utf8, 0, (size_t)size);
	char *text = arena_strndup(arena, (char *)utf8, (size_t)size);
	OPENSSL_free(utf8);
	return text;
}

static void read_subject(struct http_peer *peer, struct arena *arena, const X509 *cert)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	int count = X509_NAME_entry_count(subject);
	const char **organizations = ARENA_ARRAY(arena, const char *, (size_t)count + 1);
	bool has_nul = false;
	size_t len = 0;
	for (int i = 0; i < count; i++) {
		X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
		int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
		if (nid != NID_commonName && nid != NID_organizationName)
			continue;
		const char *text = entry_text(arena, entry, &has_nul);
		if (nid == NID_commonName && text)
			peer->cert_common_name = text;
		else if (text)
			organizations[len++] = text;
	}
	peer->cert_organizations = organizations;
	if (has_nul)
		peer->cert_error = "a name in the certificate's subject contains a NUL character";
}

static void keep_der(struct http_peer *peer, struct arena *arena, const X509 *cert)
{
	unsigned char *der = NULL;
	int size = i2d_X509(cert, &der);
	if (size <= 0)
		return;
	peer->cert_der = arena_memdup(arena, der, (size_t)size);
	peer->cert_der_size = (size_t)size;
	OPENSSL_free(der);
}

void http_tls_read_certificate(
    struct http_peer *peer, struct arena *arena, struct x509_st *cert, long verdict)
{
	peer->has_cert = true;
	read_subject(peer, arena, cert);
	if (peer->cert_error)
		; /* the subject is no name */
	else if (verdict != X509_V_OK)
		peer->cert_error = X509_verify_cert_error_string(verdict);
	else if (X509_check_purpose(cert, X509_PURPOSE_SSL_CLIENT, 0) != 1)
		peer->cert_error = "certificate is not meant for clients";
	peer->cert_verified = peer->cert_error == NULL;
	keep_der(peer, arena, cert);
	ERR_clear_error();
}

void http_tls_peer(struct http_conn *conn)
{
	static const char *const none[] = {NULL};
	conn->peer.cert_common_name = "";
	conn->peer.cert_organizations = none;
	SSL *ssl = http_lws_ssl(conn->wsi);
	X509 *cert = ssl ? SSL_get1_peer_certificate(ssl) : NULL;
	if (!cert)
		return;
	http_tls_read_certificate(&conn->peer, conn->peer_arena, cert, SSL_get_verify_result(ssl));
	X509_free(cert);
}
