/*
 * csr_request: the PKCS#10 request inside a CertificateSigningRequest, as validation and admission read it:
 * one reading, so that no text means one thing to the one and something else to the other.
 */
#ifndef CUBE_RESOURCES_CSR_REQUEST_H
#define CUBE_RESOURCES_CSR_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

struct csr_request;

/*
 * Reads `pem`, which must hold one PEM block of the type CERTIFICATE REQUEST (text before and behind it is
 * let be) with one request in it. NULL when it does not; *ret_why, a constant, says why.
 */
struct csr_request *csr_request_parse(const void *pem, size_t size, const char **ret_why);
void csr_request_free(struct csr_request *request); /* NULL is accepted */
/* True when the subject's organizations, which become groups, have this one. */
bool csr_request_has_organization(const struct csr_request *request, const char *organization);

#endif
