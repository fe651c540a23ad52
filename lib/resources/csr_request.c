#include "lib/resources/csr_request.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

/* struct csr_request is an X509_REQ. */

static X509_REQ *decode(const unsigned char *der, long size, const char **ret_why)
{
	const unsigned char *p = der;
	X509_REQ *req = d2i_X509_REQ(NULL, &p, size);

	*ret_why = "the PEM block holds no certificate request that can be read";
	if (!req || p == der + size)
		return req;
	*ret_why = "more stands in the PEM block behind the certificate request";
	X509_REQ_free(req);
	return NULL;
}

/* No password is asked for: PEM_read_bio() gives an encrypted block as it is, and that is no request. */
struct csr_request *csr_request_parse(const void *pem, size_t size, const char **ret_why)
{
	/* OpenSSL takes a NUL for the end of a line: another type of block, to other readers. */
	bool is_text = size && size <= INT_MAX && !memchr(pem, 0, size);
	BIO *bio = is_text ? BIO_new_mem_buf(pem, (int)size) : NULL;
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	X509_REQ *req = NULL;
	long der_size = 0;

	*ret_why = "PEM block type must be CERTIFICATE REQUEST";
	if (bio && PEM_read_bio(bio, &name, &header, &der, &der_size) == 1 &&
	    strcmp(name, "CERTIFICATE REQUEST") == 0) {
		/* Other readers may take another block for the first, or skip one. */
		const char *begin = memmem(pem, size, "-----BEGIN ", 11);
		size_t rest = begin ? size - (size_t)(begin + 1 - (const char *)pem) : 0;

		if (begin && memmem(begin + 1, rest, "-----BEGIN ", 11))
			*ret_why = "must hold one PEM block";
		else
			req = decode(der, der_size, ret_why);
	}
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(bio);
	ERR_clear_error();
	return (struct csr_request *)req;
}

void csr_request_free(struct csr_request *request)
{
	X509_REQ_free((X509_REQ *)request);
}

bool csr_request_has_organization(const struct csr_request *request, const char *organization)
{
	X509_NAME *subject = X509_REQ_get_subject_name((const X509_REQ *)request);
	bool found = false;

	for (int i = X509_NAME_get_index_by_NID(subject, NID_organizationName, -1); i >= 0 && !found;
	     i = X509_NAME_get_index_by_NID(subject, NID_organizationName, i)) {
		unsigned char *text = NULL;
		int size =
		    ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));

		found = size >= 0 && (size_t)size == strlen(organization) &&
			memcmp(text, organization, (size_t)size) == 0;
		if (size >= 0)
			OPENSSL_free(text);
	}
	ERR_clear_error();
	return found;
}
