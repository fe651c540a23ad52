/*
 * webhook: what the mutating and the validating webhooks share: which hooks a request is for
 * (webhook_match.c), the AdmissionReview that is sent and what its answer means (webhook_review.c), and the
 * call (webhook_call.c).
 */
#ifndef CUBE_APISERVER_ADMISSION_WEBHOOK_H
#define CUBE_APISERVER_ADMISSION_WEBHOOK_H

#include "apiserver/admission/plugin.h"
#include "proto/admissionregistration_v1.pb-c.h"

struct webhook { /* one hook of either kind; borrowed from its configuration, which the list holds a reference
		    to */
	const char *configuration, *name;
	const AdmissionregistrationV1__WebhookClientConfig *client;
	size_t rules_len;
	AdmissionregistrationV1__RuleWithOperations *const *rules;
	const char *failure_policy, *match_policy, *side_effects, *reinvocation_policy;
	const MetaV1__LabelSelector *namespace_selector, *object_selector;
	int timeout_s;
	bool has_v1; /* speaks admission.k8s.io/v1 */
};

struct webhook_list {
	struct webhook *items;
	size_t len;
};
/* The hooks for this request, in order of their configurations' names; in the request's arena, valid as long
 * as it. */
struct webhook_list webhook_collect(struct api_request *req, const struct resource_type *configurations,
    const struct object *obj, const struct object *old);

/* What a hook said. Everything lives in the request's arena. */
struct webhook_answer {
	bool is_allowed;
	struct json *patch;  /* JSON patch, or NULL */
	struct error denial; /* when not allowed */
	const char *failure; /* why there is no answer, or NULL */
	double seconds;      /* until it came */
};

/* The JSON body of the AdmissionReview; ret_uid receives the id that the answer must repeat. */
const char *webhook_write_review(struct api_request *req, const struct object *obj, const struct object *old,
    const char **ret_uid, size_t *ret_size);
void webhook_read_answer(struct api_request *req, const struct webhook *hook, const char *uid,
    const char *body, size_t size, struct webhook_answer *ret);

/* Calls the hook; done fires once, later. */
typedef void webhook_done_fn(void *arg, const struct webhook *hook, const struct webhook_answer *answer);
void webhook_call(struct api_request *req, const struct webhook *hook, const struct object *obj,
    const struct object *old, webhook_done_fn *done, void *arg);

/* Notes for the audit log, under `PREFIX.webhook.admission.k8s.io/round_R_index_I`: R is 1 in a second round.
 */
void webhook_annotate(struct api_request *req, const char *prefix, size_t index, const char *value);

/* API_NEXT to go on, or API_FAIL with err, after an answer: denials, and failures under failurePolicy Fail.
 */
int webhook_judge(struct api_request *req, const struct webhook *hook, const struct webhook_answer *answer,
    struct error *err);

/* webhook_metrics.c: counts an answer that has been judged. */
void webhook_count(struct api_request *req, const struct webhook *hook, const struct webhook_answer *answer,
    bool is_refused);

#endif
