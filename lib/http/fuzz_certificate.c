/*
 * Client certificates: any bytes as DER. What can be read gives names that are whole: what the server takes
 * for a user or a group is, byte for byte, what the certificate has; and the DER that is kept reads back the
 * same.
 */
#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/http/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The subject has the name, of this length. */
static bool has_name(X509 *cert, int nid, const char *text)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	bool found = false;
	for (int i = -1; !found && (i = X509_NAME_get_index_by_NID(subject, nid, i)) >= 0;) {
		unsigned char *utf8 = NULL;
		int size =
		    ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
		found = size >= 0 && (size_t)size == strlen(text) && !memcmp(utf8, text, (size_t)size);
		if (size >= 0)
			OPENSSL_free(utf8);
	}
	return found;
}

static void check(struct arena *arena, X509 *cert)
{
	struct http_peer peer = {.cert_common_name = ""}, again = {.cert_common_name = ""};
	http_tls_read_certificate(&peer, arena, cert, X509_V_OK);
	if (peer.cert_verified) {
		assert(!*peer.cert_common_name || has_name(cert, NID_commonName, peer.cert_common_name));
		for (size_t i = 0; peer.cert_organizations[i]; i++)
			assert(has_name(cert, NID_organizationName, peer.cert_organizations[i]));
	}
	const unsigned char *der = peer.cert_der;
	X509 *copy = der ? d2i_X509(NULL, &der, (long)peer.cert_der_size) : NULL;
	if (!copy)
		return;
	http_tls_read_certificate(&again, arena, copy, X509_V_OK);
	assert(strcmp(peer.cert_common_name, again.cert_common_name) == 0);
	for (size_t i = 0; peer.cert_organizations[i] || again.cert_organizations[i]; i++)
		assert(strcmp(peer.cert_organizations[i], again.cert_organizations[i]) == 0);
	assert(peer.cert_verified == again.cert_verified);
	X509_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	const unsigned char *der = data;
	X509 *cert = d2i_X509(NULL, &der, (long)size);
	if (cert)
		check(arena, cert);
	X509_free(cert);
	ERR_clear_error();
	arena_free(arena);
	return 0;
}
