/* CertificateSubjectRestriction: the API server's client signer gives nobody a certificate for
 * system:masters. */
#include "apiserver/admission/signer.h"
#include "lib/resources/csr_request.h"

static int check(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	const CertificatesV1__CertificateSigningRequest *csr = csr_of(obj);

	(void)old;
	if (!csr || is_subresource(req) ||
	    !str_eq(csr->spec->signer_name, "kubernetes.io/kube-apiserver-client"))
		return API_NEXT;
	const char *why = NULL;
	struct csr_request *request =
	    csr_request_parse(csr->spec->request.data, csr->spec->request.len, &why);
	if (!request)
		return admission_forbid(req, obj, err, "spec.request cannot be read: %s", why);
	bool names_masters = csr_request_has_organization(request, GROUP_MASTERS);
	csr_request_free(request);
	if (names_masters)
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
