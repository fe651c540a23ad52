/* One reading of certificate requests for validation and admission. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "lib/base/buf.h"
#include "lib/resources/csr_request.h"

/* Appends a request whose subject has the organization, as PEM of the type. */
static void make(struct buf *out, const char *type, const char *organization, int size, size_t garbage)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_REQ *req = X509_REQ_new();
	X509_NAME *subject = X509_NAME_new();
	BIO *bio = BIO_new(BIO_s_mem());
	unsigned char der[4096] = {0}, *p = der;
	char *text;

	assert_int_equal(X509_NAME_add_entry_by_txt(
			     subject, "O", MBSTRING_UTF8, (const unsigned char *)organization, size, -1, 0),
	    1);
	X509_REQ_set_subject_name(req, subject);
	X509_REQ_set_pubkey(req, key);
	assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
	int der_size = i2d_X509_REQ(req, &p);
	assert_true(PEM_write_bio(bio, type, "", der, der_size + (long)garbage) > 0);
	long len = BIO_get_mem_data(bio, &text);
	buf_append(out, text, (size_t)len);
	BIO_free(bio);
	X509_NAME_free(subject);
	X509_REQ_free(req);
	EVP_PKEY_free(key);
}

static void check_refused(const char *text, const char *words)
{
	const char *why = NULL;
	struct csr_request *req = csr_request_parse(text, strlen(text), &why);

	assert_null(req);
	if (!strstr(why, words))
		fail_msg("\"%s\" does not say \"%s\"", why, words);
}

static void test_organizations(void **state)
{
	static const struct {
		const char *organization;
		int size;
		bool found;
	} table[] = {
	    {"system:masters", -1, true}, {"system:master", -1, false}, {"system:masters\0x", 16, false}};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct buf text = BUF_INIT;
		const char *why = NULL;

		buf_puts(&text, "some words\n");
		make(&text, "CERTIFICATE REQUEST", table[i].organization, table[i].size, 0);
		struct csr_request *req = csr_request_parse(text.data, text.size, &why);
		assert_non_null(req);
		assert_int_equal(csr_request_has_organization(req, "system:masters"), table[i].found);
		csr_request_free(req);
		buf_done(&text);
	}
}

/* What one reader skips another may take: a request that cannot be read in front of one that can. */
static void test_refused(void **state)
{
	static const char broken[] =
	    "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
	struct buf text = BUF_INIT, nul = BUF_INIT;
	const char *why = NULL;

	check_refused("", "PEM block type");
	check_refused("x", "PEM block type");
	check_refused(broken, "no certificate request that can be read");
	buf_puts(&text, broken);
	make(&text, "CERTIFICATE REQUEST", "system:masters", -1, 0);
	check_refused(buf_str(&text), "one PEM block");
	buf_reset(&text);
	make(&text, "NEW CERTIFICATE REQUEST", "a", -1, 0);
	check_refused(buf_str(&text), "PEM block type");
	buf_reset(&text);
	make(&text, "CERTIFICATE REQUEST", "a", -1, 0);
	buf_append(&nul, text.data, 30); /* up to the end of the type */
	buf_append(&nul, "\0\0", 2);
	buf_append(&nul, text.data + 30, text.size - 30);
	assert_null(csr_request_parse(nul.data, nul.size, &why));
	assert_non_null(strstr(why, "PEM block type"));
	buf_done(&nul);
	buf_reset(&text);
	make(&text, "CERTIFICATE REQUEST", "a", -1, 1);
	check_refused(buf_str(&text), "behind");
	buf_reset(&text);
	buf_puts(&text, "-----BEGIN CERTIFICATE REQUEST-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
			"AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAAAAAAAAAAAAAAAAAAAA==\n"
			"-----END CERTIFICATE REQUEST-----\n");
	check_refused(buf_str(&text), "no certificate request that can be read");
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_organizations),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
