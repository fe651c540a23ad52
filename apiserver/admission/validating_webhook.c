/* ValidatingAdmissionWebhook: hooks that may refuse, all called at once; the first refusal in their order is
 * the answer. */
#include "apiserver/admission/webhook.h"

struct validation { /* the plugin's state while hooks are called */
	struct webhook_list hooks;
	struct webhook_answer *answers; /* one for each hook */
	size_t outstanding;
	struct api_request *req;
};

static void on_answer(void *arg, const struct webhook *hook, const struct webhook_answer *answer)
{
	struct validation *v = arg;

	v->answers[hook - v->hooks.items] = *answer;
	if (--v->outstanding == 0)
		api_request_resume(v->req);
}

static int judge_all(struct validation *v, struct error *err)
{
	for (size_t i = 0; i < v->hooks.len; i++) {
		if (v->answers[i].failure && str_eq(v->hooks.items[i].failure_policy, "Ignore"))
			webhook_annotate(v->req, "failed-open.validating", i, v->hooks.items[i].name);
		if (webhook_judge(v->req, &v->hooks.items[i], &v->answers[i], err) < 0)
			return API_FAIL;
	}
	return API_NEXT;
}

static int check_dry_run(const struct api_request *req, const struct webhook_list *hooks, struct error *err)
{
	for (size_t i = 0; req->options.dry_run && i < hooks->len; i++)
		if (!str_eq(hooks->items[i].side_effects, "None") &&
		    !str_eq(hooks->items[i].side_effects, "NoneOnDryRun"))
			return error_set(err, ERR_BAD_REQUEST,
			    "admission webhook \"%s\" does not support dry run", hooks->items[i].name);
	return 0;
}

static int check(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	struct validation *v = req->stage_state;

	if (v)
		return judge_all(v, err);
	struct webhook_list hooks = webhook_collect(req, resource_validatingwebhookconfigurations, obj, old);
	if (hooks.len == 0)
		return API_NEXT;
	if (check_dry_run(req, &hooks, err) < 0)
		return API_FAIL;
	req->stage_state = v = ARENA_NEW(req->arena, struct validation);
	*v = (struct validation){.hooks = hooks,
	    .answers = ARENA_ARRAY(req->arena, struct webhook_answer, hooks.len),
	    .outstanding = hooks.len,
	    .req = req};
	for (size_t i = 0; i < hooks.len; i++)
		webhook_call(req, &v->hooks.items[i], obj, old, on_answer, v);
	return API_PENDING;
}

const struct admission_plugin admission_validating_webhook = {
    .name = "ValidatingAdmissionWebhook",
    .operations = ADMIT_CREATE | ADMIT_UPDATE | ADMIT_DELETE,
    .validate = check,
};
