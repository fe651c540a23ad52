/* CertificateRequester: who asks for a certificate is written into the request by the server, never by the
 * client. */
#include "apiserver/admission/signer.h"

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	CertificatesV1__CertificateSigningRequest *csr = (void *)csr_of(obj);

	(void)old, (void)err;
	if (!csr || is_subresource(req))
		return API_NEXT;
	CertificatesV1__CertificateSigningRequestSpec *spec = csr->spec;
	AuthenticationV1__UserInfo *user = user_to_info(obj->arena, &req->user);
	spec->username = user->username;
	spec->uid = user->uid;
	spec->n_groups = user->n_groups;
	spec->groups = user->groups;
	spec->n_extra = 0;
	for (size_t i = 0; i < user->n_extra; i++) {
		CertificatesV1__CertificateSigningRequestSpec__ExtraEntry *entry = api_new_descriptor(
		    obj->arena, &certificates_v1__certificate_signing_request_spec__extra_entry__descriptor);
		entry->key = user->extra[i]->key;
		entry->value = api_new_descriptor(obj->arena, &certificates_v1__extra_value__descriptor);
		entry->value->n_items = user->extra[i]->value->n_items;
		entry->value->items = user->extra[i]->value->items;
		api_append(obj->arena, spec, extra, entry);
	}
	return API_NEXT;
}

const struct admission_plugin admission_certificate_requester = {
    .name = "CertificateRequester",
    .operations = ADMIT_CREATE,
    .mutate = admit,
};
