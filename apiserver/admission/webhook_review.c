/* The AdmissionReview that hooks get, and what their answer means; see webhook.h. */
#include "apiserver/admission/webhook.h"

#include <string.h>

#include "apiserver/audit/audit.h"
#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/base/buf.h"

static void write_text(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, "\"%s\":", key);
	json_write_string(out, str_or(value, ""), strlen(str_or(value, "")));
}

static void write_kind(struct buf *out, const char *key, const struct object *shown)
{
	const char *slash = strchr(shown->api_version, '/');

	buf_printf(out, "\"%s\":{\"group\":\"%.*s\",", key, slash ? (int)(slash - shown->api_version) : 0,
	    shown->api_version);
	write_text(out, "version", slash ? slash + 1 : shown->api_version);
	buf_putc(out, ',');
	write_text(out, "kind", shown->kind);
	buf_puts(out, "},");
}

static void write_resource(struct buf *out, const char *key, const struct api_request_info *info)
{
	buf_printf(out, "\"%s\":{", key);
	write_text(out, "group", info->group);
	buf_putc(out, ',');
	write_text(out, "version", info->version);
	buf_putc(out, ',');
	write_text(out, "resource", info->resource);
	buf_puts(out, "},");
}

static void write_object(struct buf *out, const char *key, const struct object *obj)
{
	buf_printf(out, "\"%s\":", key);
	if (obj)
		object_encode_json(out, obj);
	else
		buf_puts(out, "null");
}

static void write_user(struct buf *out, struct api_request *req)
{
	AuthenticationV1__UserInfo *user = user_to_info(req->arena, &req->user);

	buf_puts(out, "\"userInfo\":");
	codec_to_json_text(out, schema_of(user->base.descriptor), &user->base);
}

const char *webhook_write_review(struct api_request *req, const struct object *obj, const struct object *old,
    const char **ret_uid, size_t *ret_size)
{
	const struct object *shown = obj ? obj : old;
	const char *operation = admission_operation_name(req);
	struct buf out = BUF_INIT;
	char uid[37];

	str_uuid(uid);
	buf_printf(&out,
	    "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/"
	    "v1\",\"request\":{\"uid\":\"%s\",",
	    uid);
	write_kind(&out, "kind", shown);
	write_resource(&out, "resource", &req->info);
	write_kind(&out, "requestKind", shown);
	write_resource(&out, "requestResource", &req->info);
	if (!str_empty(req->info.subresource)) {
		write_text(&out, "subResource", req->info.subresource);
		buf_putc(&out, ',');
		write_text(&out, "requestSubResource", req->info.subresource);
		buf_putc(&out, ',');
	}
	write_text(&out, "name", admission_name(req, shown));
	buf_putc(&out, ',');
	if (!str_empty(req->info.ns)) {
		write_text(&out, "namespace", req->info.ns);
		buf_putc(&out, ',');
	}
	write_text(&out, "operation", operation);
	buf_putc(&out, ',');
	write_user(&out, req);
	buf_putc(&out, ',');
	write_object(&out, "object", obj);
	buf_putc(&out, ',');
	write_object(&out, "oldObject", old);
	buf_printf(&out,
	    ",\"dryRun\":%s,\"options\":{\"kind\":\"%c%sOptions\",\"apiVersion\":\"meta.k8s.io/v1\"}}}",
	    req->options.dry_run ? "true" : "false", operation[0],
	    str_eq(operation, "CREATE")   ? "reate"
	    : str_eq(operation, "UPDATE") ? "pdate"
					  : "elete");
	const char *text = arena_memdup(req->arena, buf_str(&out), out.size + 1);
	*ret_size = out.size;
	*ret_uid = arena_strdup(req->arena, uid);
	buf_done(&out);
	return text;
}

static void read_denial(
    struct api_request *req, const struct webhook *hook, const struct json *status, struct error *ret)
{
	int code = (int)json_get_int(status, "code", 0);
	const char *message = json_get_string(status, "message", ""),
		   *reason = json_get_string(status, "reason", "");
	const char *text = str_or(message, reason);

	if (code < 400)
		code = 400;
	error_set(ret, error_from_reason(reason, code), "admission webhook \"%s\" denied the request%s%s",
	    hook->name, str_empty(text) ? " without explanation" : ": ", text);
}

static struct json *read_patch(struct api_request *req, const struct json *response, const char **ret_failure)
{
	const char *encoded = json_get_string(response, "patch", "");
	struct json *patch = NULL;
	struct error err = ERROR_INIT;
	size_t size;

	if (!encoded[0])
		return NULL;
	if (!str_eq(json_get_string(response, "patchType", ""), "JSONPatch")) {
		*ret_failure = "webhook returned a patch of a type other than JSONPatch";
		return NULL;
	}
	const char *text = str_unbase64(req->arena, encoded, strlen(encoded), &size);
	if (!text || json_parse(req->arena, text, size, NULL, &patch, &err) < 0)
		*ret_failure = "webhook returned a patch that cannot be read";
	return patch;
}

static void read_annotations(
    struct api_request *req, const struct webhook *hook, const struct json *annotations)
{
	for (size_t i = 0; annotations && annotations->type == JSON_OBJECT && i < annotations->len; i++)
		if (annotations->members[i].value->type == JSON_STRING)
			audit_annotate(req,
			    arena_printf(req->arena, "%s/%s", hook->name, annotations->members[i].key), "%s",
			    annotations->members[i].value->text);
}

void webhook_annotate(struct api_request *req, const char *prefix, size_t index, const char *value)
{
	const struct admission_run *run = req->admission_state;
	if (req->audit)
		audit_annotate(req,
		    arena_printf(req->arena, "%s.webhook.admission.k8s.io/round_%d_index_%zu", prefix,
			run->is_second_round ? 1 : 0, index),
		    "%s", value);
}

void webhook_read_answer(struct api_request *req, const struct webhook *hook, const char *uid,
    const char *body, size_t size, struct webhook_answer *ret)
{
	struct json *tree;
	struct error err = ERROR_INIT;

	*ret = (struct webhook_answer){0};
	if (json_parse(req->arena, body, size, NULL, &tree, &err) < 0) {
		ret->failure = arena_printf(req->arena, "the answer cannot be read: %s", err.message);
		return;
	}
	const struct json *response = json_get(tree, "response");
	if (!str_eq(json_get_string(tree, "kind", ""), "AdmissionReview") || !response) {
		ret->failure = "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview";
		return;
	}
	if (!str_eq(json_get_string(response, "uid", ""), uid)) {
		ret->failure = arena_printf(req->arena, "expected response.uid=\"%s\", got \"%s\"", uid,
		    json_get_string(response, "uid", ""));
		return;
	}
	const struct json *warnings = json_get(response, "warnings");
	for (size_t i = 0; warnings && warnings->type == JSON_ARRAY && i < warnings->len; i++)
		if (warnings->items[i]->type == JSON_STRING)
			api_warn(req, "%s", warnings->items[i]->text);
	read_annotations(req, hook, json_get(response, "auditAnnotations"));
	ret->is_allowed = json_get_bool(response, "allowed", false);
	if (ret->is_allowed)
		ret->patch = read_patch(req, response, &ret->failure);
	else
		read_denial(req, hook, json_get(response, "status"), &ret->denial);
}

static int judge(const struct webhook *hook, const struct webhook_answer *answer, struct error *err)
{
	if (answer->failure) {
		if (str_eq(hook->failure_policy, "Ignore"))
			return API_NEXT;
		return error_set(err, ERR_INTERNAL,
		    "Internal error occurred: failed calling webhook \"%s\": %s", hook->name,
		    answer->failure);
	}
	if (answer->is_allowed)
		return API_NEXT;
	*err = answer->denial;
	return API_FAIL;
}

int webhook_judge(struct api_request *req, const struct webhook *hook, const struct webhook_answer *answer,
    struct error *err)
{
	int result = judge(hook, answer, err);

	webhook_count(req, hook, answer, result != API_NEXT);
	return result;
}
