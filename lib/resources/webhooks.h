/* webhooks: rules of admission webhooks of both kinds, and of the clients they are called with. */
#ifndef CUBE_RESOURCES_WEBHOOKS_H
#define CUBE_RESOURCES_WEBHOOKS_H

#include "lib/resources/rules.h"
#include "proto/admissionregistration_v1.pb-c.h"

struct arena;

/* A mutating webhook is a validating one and more: their common fields lie alike. */
void webhook_defaults(AdmissionregistrationV1__ValidatingWebhook *hook, struct arena *arena);
void webhook_validate(const AdmissionregistrationV1__ValidatingWebhook *hook, const struct field_path *path,
    struct field_errors *errors);
void webhook_validate_url(const char *url, const struct field_path *path, struct field_errors *errors);
/* A path of a service: segments of DNS subdomains. */
/* Conditions on requests: named, one of each name. Their expressions are not compiled here. */
void webhook_validate_conditions(size_t len, AdmissionregistrationV1__MatchCondition *const *conditions,
    const struct field_path *path, struct field_errors *errors);
void webhook_validate_service(const char *ns, const char *name, const char *path, int32_t port,
    const struct field_path *p, struct field_errors *errors);

#endif
