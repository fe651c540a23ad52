/*
 * MutatingAdmissionWebhook: hooks that may change the object, one after another. When one has, the plugins
 * before run once more (admission.c), and then those hooks that ask for it (reinvocationPolicy IfNeeded).
 */
#include "apiserver/admission/webhook.h"

#include "apiserver/audit/audit.h"
#include "apiserver/patch/patch.h"
#include "lib/api/json.h"
#include "lib/base/buf.h"
#include "lib/loop/loop.h"

struct mutation { /* the plugin's state while hooks are called */
	struct webhook_list hooks;
	size_t next;
	bool has_answer;
	struct webhook_answer answer;
};

static void on_answer(void *arg, const struct webhook *hook, const struct webhook_answer *answer)
{
	struct api_request *req = arg;
	struct mutation *m = req->stage_state;

	(void)hook;
	m->answer = *answer;
	m->has_answer = true;
	api_request_resume(req);
}

/* Defaults are applied again: what the hook added is as bare as what clients send. */
static int apply_patch(struct api_request *req, struct json *patch, bool *ret_changed, struct error *err)
{
	struct object *changed;
	const struct resource_context ctx = {.arena = req->arena,
	    .now_s = clock_wall_s(loop_clock(req->server->loop)),
	    .subresource = str_or(req->info.subresource, "")};

	if (patch_apply(req, PATCH_JSON, req->object, patch, &changed, err) < 0)
		return -1;
	resource_apply_defaults(
	    req->type, changed, &(struct resource_context){changed->arena, ctx.now_s, ctx.subresource});
	*ret_changed = !object_equal(changed, req->object);
	if (*ret_changed)
		((struct admission_run *)req->admission_state)->is_changed_by_hook = true;
	object_unref(req->object);
	req->object = changed;
	return 0;
}

/* For the audit log: whether the hook has changed the object, and by what. */
static void note_mutation(struct api_request *req, const struct webhook *hook, size_t index,
    const struct json *patch, bool is_changed)
{
	struct buf text = BUF_INIT;
	if (!req->audit)
		return;
	struct json *note = json_new_object(req->arena);
	json_set(req->arena, note, "configuration", json_new_string(req->arena, hook->configuration));
	json_set(req->arena, note, "webhook", json_new_string(req->arena, hook->name));
	json_set(req->arena, note, "mutated", json_new_bool(req->arena, is_changed));
	json_write(&text, note, 0);
	webhook_annotate(req, "mutation", index, buf_str(&text));
	if (patch && is_changed && audit_wants_request_body(req)) {
		json_remove(note, "mutated");
		json_set(req->arena, note, "patch", json_clone(req->arena, patch));
		json_set(req->arena, note, "patchType", json_new_string(req->arena, "JSONPatch"));
		buf_reset(&text);
		json_write(&text, note, 0);
		webhook_annotate(req, "patch", index, buf_str(&text));
	}
	buf_done(&text);
}

static int take_answer(struct api_request *req, struct mutation *m, struct error *err)
{
	size_t index = m->next++;
	const struct webhook *hook = &m->hooks.items[index];
	struct error why = ERROR_INIT;
	bool is_changed = false;

	m->has_answer = false;
	if (m->answer.failure && str_eq(hook->failure_policy, "Ignore"))
		webhook_annotate(req, "failed-open.mutating", index, hook->name);
	if (webhook_judge(req, hook, &m->answer, err) < 0)
		return API_FAIL;
	if (!m->answer.is_allowed || m->answer.failure)
		return API_NEXT;
	if (m->answer.patch && req->object && apply_patch(req, m->answer.patch, &is_changed, &why) < 0)
		return error_set(err, ERR_INTERNAL, "Internal error occurred: webhook \"%s\": %s", hook->name,
		    why.message);
	note_mutation(req, hook, index, m->answer.patch, is_changed);
	return API_NEXT;
}

static bool skips(const struct api_request *req, const struct webhook *hook)
{
	const struct admission_run *run = req->admission_state;
	return run->is_second_round && !str_eq(hook->reinvocation_policy, "IfNeeded");
}

static int check_dry_run(const struct api_request *req, const struct webhook *hook, struct error *err)
{
	if (!req->options.dry_run || str_eq(hook->side_effects, "None") ||
	    str_eq(hook->side_effects, "NoneOnDryRun"))
		return 0;
	return error_set(
	    err, ERR_BAD_REQUEST, "admission webhook \"%s\" does not support dry run", hook->name);
}

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	struct mutation *m = req->stage_state;

	if (!m) {
		struct webhook_list hooks =
		    webhook_collect(req, resource_mutatingwebhookconfigurations, obj, old);
		if (hooks.len == 0)
			return API_NEXT;
		req->stage_state = m = ARENA_NEW(req->arena, struct mutation);
		m->hooks = hooks;
	}
	if (m->has_answer && take_answer(req, m, err) < 0)
		return API_FAIL;
	while (m->next < m->hooks.len && skips(req, &m->hooks.items[m->next]))
		m->next++;
	if (m->next == m->hooks.len)
		return API_NEXT;
	if (check_dry_run(req, &m->hooks.items[m->next], err) < 0)
		return API_FAIL;
	webhook_call(req, &m->hooks.items[m->next], req->object, old, on_answer, req);
	return API_PENDING;
}

const struct admission_plugin admission_mutating_webhook = {
    .name = "MutatingAdmissionWebhook",
    .operations = ADMIT_CREATE | ADMIT_UPDATE | ADMIT_DELETE,
    .mutate = admit,
};
