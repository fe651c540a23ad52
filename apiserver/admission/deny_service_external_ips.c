/* DenyServiceExternalIPs: services may keep external addresses that they have, but get no new ones. */
#include "apiserver/admission/plugin.h"

static bool has_ip(const CoreV1__Service *service, const char *ip)
{
	for (size_t i = 0; service && i < service->spec->n_external_ips; i++)
		if (str_eq(service->spec->external_ips[i], ip))
			return true;
	return false;
}

static int check(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	const CoreV1__Service *is =
	    is_subresource(req) ? NULL : OBJECT_AS(obj, CoreV1__Service, core_v1__service);
	const CoreV1__Service *was = OBJECT_AS(old, CoreV1__Service, core_v1__service);

	for (size_t i = 0; is && i < is->spec->n_external_ips; i++)
		if (!has_ip(was, is->spec->external_ips[i]))
			return admission_forbid(
			    req, obj, err, "Use of external IPs is denied by admission control.");
	return API_NEXT;
}

const struct admission_plugin admission_deny_service_external_ips = {
    .name = "DenyServiceExternalIPs",
    .operations = ADMIT_CREATE | ADMIT_UPDATE,
    .is_off_by_default = true,
    .validate = check,
};
