/* Certificate requests: any bytes as a CertificateSigningRequest's PEM. What is taken holds one request. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/resources/csr_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char begin[] = "-----BEGIN CERTIFICATE REQUEST-----";
	const char *why = NULL;
	struct csr_request *req = csr_request_parse(data, size, &why);
	if (req) {
		const uint8_t *at = memmem(data, size, begin, sizeof begin - 1);
		assert(at && !memmem(at + 1, size - (size_t)(at + 1 - data), "-----BEGIN ", 11));
		csr_request_has_organization(req, "system:masters");
	} else {
		assert(why && *why);
	}
	csr_request_free(req);
	return 0;
}
