/* signer: the right to approve or sign requests of one signer, shared by the certificate plugins. */
#ifndef CUBE_APISERVER_ADMISSION_SIGNER_H
#define CUBE_APISERVER_ADMISSION_SIGNER_H

#include <string.h>

#include "apiserver/admission/plugin.h"
#include "proto/certificates_v1.pb-c.h"

/* May the user do `verb` for this signer, by its name or by "DOMAIN/" and a star? */
static inline bool user_may_for_signer(struct api_request *req, const char *verb, const char *signer)
{
	const char *slash = strchr(signer, '/');

	if (auth_user_may(req, verb, "certificates.k8s.io", "signers", "", "", signer))
		return true;
	return slash && auth_user_may(req, verb, "certificates.k8s.io", "signers", "", "",
			    arena_printf(req->arena, "%.*s/*", (int)(slash - signer), signer));
}

static inline const CertificatesV1__CertificateSigningRequest *csr_of(const struct object *obj)
{
	return OBJECT_AS(
	    obj, CertificatesV1__CertificateSigningRequest, certificates_v1__certificate_signing_request);
}

#endif
