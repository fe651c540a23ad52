/* CertificateApproval: only who may "approve" for a signer approves or denies its requests. */
#include "apiserver/admission/signer.h"

static int check(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	const CertificatesV1__CertificateSigningRequest *csr = csr_of(old);

	if (!csr || !str_eq(req->info.subresource, "approval"))
		return API_NEXT;
	if (!user_may_for_signer(req, "approve", csr->spec->signer_name))
		return admission_forbid(req, obj, err,
		    "user not permitted to approve requests with signerName \"%s\"", csr->spec->signer_name);
	return API_NEXT;
}

const struct admission_plugin admission_certificate_approval = {
    .name = "CertificateApproval",
    .operations = ADMIT_UPDATE,
    .validate = check,
};
