/* What a client's certificate says about who it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/x509.h>

#include "lib/base/arena.h"
#include "lib/http/internal.h"

static void add_name(X509_NAME *subject, const char *field, const char *text, int size)
{
	assert_int_equal(X509_NAME_add_entry_by_txt(
			     subject, field, MBSTRING_UTF8, (const unsigned char *)text, size, -1, 0),
	    1);
}

static struct http_peer read_names(
    struct arena *arena, const char *name, int name_size, const char *group, int group_size, long verdict)
{
	struct http_peer peer = {.cert_common_name = ""};
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *subject = X509_NAME_new();

	add_name(subject, "CN", name, name_size);
	add_name(subject, "O", "first", -1);
	add_name(subject, "L", "a\0b", 3); /* not asked for */
	add_name(subject, "O", group, group_size);
	X509_set_subject_name(cert, subject);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 60);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	http_tls_read_certificate(&peer, arena, cert, verdict);
	X509_NAME_free(subject);
	X509_free(cert);
	EVP_PKEY_free(key);
	return peer;
}

static void test_names(void **state)
{
	struct arena *arena = arena_new();
	struct http_peer peer = read_names(arena, "jane", -1, "dev", -1, X509_V_OK);

	assert_string_equal(peer.cert_common_name, "jane");
	assert_string_equal(peer.cert_organizations[0], "first");
	assert_string_equal(peer.cert_organizations[1], "dev");
	assert_null(peer.cert_organizations[2]);
	assert_true(peer.has_cert && peer.cert_verified && !peer.cert_error && peer.cert_der_size > 0);
	peer = read_names(arena, "jane", -1, "dev", -1, X509_V_ERR_CERT_HAS_EXPIRED);
	assert_false(peer.cert_verified);
	assert_string_equal(peer.cert_error, "certificate has expired");
	arena_free(arena);
}

/* "system:masters", a NUL and more is not the group system:masters. */
static void test_nul(void **state)
{
	struct arena *arena = arena_new();
	struct http_peer peer = read_names(arena, "jane", -1, "system:masters\0x", 16, X509_V_OK);

	assert_true(peer.has_cert && !peer.cert_verified);
	assert_non_null(strstr(peer.cert_error, "NUL"));
	peer = read_names(arena, "admin\0", 6, "dev", -1, X509_V_OK);
	assert_true(peer.has_cert && !peer.cert_verified);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
