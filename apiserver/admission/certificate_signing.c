/* CertificateSigning: only who may "sign" for a signer sets a request's certificate or its conditions. */
#include "apiserver/admission/signer.h"

static bool same_conditions(const CertificatesV1__CertificateSigningRequestStatus *x,
    const CertificatesV1__CertificateSigningRequestStatus *y)
{
	if (x->n_conditions != y->n_conditions)
		return false;
	for (size_t i = 0; i < x->n_conditions; i++)
		if (!api_equal(x->conditions[i], y->conditions[i]))
			return false;
	return true;
}

static int check(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	const CertificatesV1__CertificateSigningRequest *is = csr_of(obj), *was = csr_of(old);

	if (!is || !was || !str_eq(req->info.subresource, "status"))
		return API_NEXT;
	const ProtobufCBinaryData *a = &is->status->certificate, *b = &was->status->certificate;
	if (a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0) &&
	    same_conditions(is->status, was->status))
		return API_NEXT;
	if (!user_may_for_signer(req, "sign", was->spec->signer_name))
		return admission_forbid(req, obj, err,
		    "user not permitted to sign requests with signerName \"%s\"", was->spec->signer_name);
	return API_NEXT;
}

const struct admission_plugin admission_certificate_signing = {
    .name = "CertificateSigning",
    .operations = ADMIT_UPDATE,
    .validate = check,
};
