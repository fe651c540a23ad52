/* CertificateSubjectRestriction: the API server's client signer gives nobody a certificate for
 * system:masters. */
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "apiserver/admission/signer.h"

static bool names_masters(const ProtobufCBinaryData *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
	X509_REQ *csr = bio ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
	X509_NAME *subject = csr ? X509_REQ_get_subject_name(csr) : NULL;
	bool found = false;

	for (int i = subject ? X509_NAME_get_index_by_NID(subject, NID_organizationName, -1) : -1;
	     i >= 0 && !found; i = X509_NAME_get_index_by_NID(subject, NID_organizationName, i)) {
		unsigned char *text = NULL;
		int size =
		    ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
		found = size == (int)strlen(GROUP_MASTERS) && memcmp(text, GROUP_MASTERS, (size_t)size) == 0;
		OPENSSL_free(text);
	}
	X509_REQ_free(csr);
	BIO_free(bio);
	return found;
}

static int check(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	const CertificatesV1__CertificateSigningRequest *csr = csr_of(obj);

	(void)old;
	if (!csr || is_subresource(req) ||
	    !str_eq(csr->spec->signer_name, "kubernetes.io/kube-apiserver-client"))
		return API_NEXT;
	if (names_masters(&csr->spec->request))
		return admission_forbid(req, obj, err,
		    "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not "
		    "allowed");
	return API_NEXT;
}

const struct admission_plugin admission_certificate_subject_restriction = {
    .name = "CertificateSubjectRestriction",
    .operations = ADMIT_CREATE,
    .validate = check,
};
