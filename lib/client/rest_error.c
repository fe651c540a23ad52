#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/api/field_errors.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/rest_private.h"

/*
 * Causes outlive the call that read them, but an error owns nothing: they live here until the next Status
 * with causes is read. That is long enough for a callback, and for a command that prints its error and ends.
 */
static struct arena *causes_arena;

static const struct field_errors *read_causes(const struct json *details)
{
	static const char *const reasons[] = {[FIELD_INVALID] = "FieldValueInvalid",
	    [FIELD_REQUIRED] = "FieldValueRequired",
	    [FIELD_FORBIDDEN] = "FieldValueForbidden",
	    [FIELD_NOT_SUPPORTED] = "FieldValueNotSupported",
	    [FIELD_DUPLICATE] = "FieldValueDuplicate",
	    [FIELD_NOT_FOUND] = "FieldValueNotFound",
	    [FIELD_TOO_LONG] = "FieldValueTooLong",
	    [FIELD_TOO_MANY] = "FieldValueTooMany",
	    [FIELD_INTERNAL] = "InternalError",
	    [FIELD_TYPE_INVALID] = "FieldValueTypeInvalid"};
	const struct json *causes = json_get(details, "causes");
	if (!causes || causes->type != JSON_ARRAY || causes->len == 0)
		return NULL;
	if (causes_arena)
		arena_reset(causes_arena);
	else
		causes_arena = arena_new();
	struct field_errors *list = ARENA_NEW(causes_arena, struct field_errors);
	list->arena = causes_arena;
	list->items = ARENA_ARRAY(causes_arena, struct field_error, causes->len);
	for (size_t i = 0; i < causes->len; i++) {
		const struct json *cause = causes->items[i];
		struct field_error *e = &list->items[list->len++];
		const char *reason = json_get_string(cause, "reason", "");
		for (size_t type = 0; type < sizeof(reasons) / sizeof(*reasons); type++)
			if (str_eq(reason, reasons[type]))
				e->type = (enum field_error_type)type;
		e->field = arena_strdup(causes_arena, json_get_string(cause, "field", ""));
		/* Already worded by the server: the value is part of the text. */
		e->value = "";
		e->detail = arena_strdup(causes_arena, json_get_string(cause, "message", ""));
	}
	list->capacity = list->len;
	return list;
}

static void copy_text(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);
	memcpy(out, text, len);
	out[len] = '\0';
}

int rest_status_error(const char *body, size_t size, int http_status, struct error *err)
{
	struct arena *arena = arena_new();
	struct json *tree = NULL;
	struct error ignored = ERROR_INIT;
	bool is_status = size > 0 && body[0] == '{' &&
			 json_parse(arena, body, size, NULL, &tree, &ignored) == 0 &&
			 str_eq(json_get_string(tree, "kind", ""), "Status");
	if (!is_status) {
		error_set(err, error_from_reason("", http_status), "the server answered %d: %.*s",
		    http_status, (int)(size < 300 ? size : 300), body ? body : "");
		arena_free(arena);
		return -1;
	}
	if (http_status == 0 || http_status == 200) /* inside a watch */
		http_status = (int)json_get_int(tree, "code", 500);
	const struct json *details = json_get(tree, "details");
	bool is_first = err && err->code == ERR_NONE;
	error_set(err, error_from_reason(json_get_string(tree, "reason", ""), http_status), "%s",
	    json_get_string(tree, "message", "unknown"));
	if (is_first && details) {
		copy_text(err->group, sizeof(err->group), json_get_string(details, "group", ""));
		copy_text(err->kind, sizeof(err->kind), json_get_string(details, "kind", ""));
		copy_text(err->name, sizeof(err->name), json_get_string(details, "name", ""));
		copy_text(err->uid, sizeof(err->uid), json_get_string(details, "uid", ""));
		err->retry_after_s = (int)json_get_int(details, "retryAfterSeconds", 0);
		err->causes = read_causes(details);
	}
	arena_free(arena);
	return -1;
}

int rest_error(const struct http_response *response, struct error *err)
{
	if (response->error) {
		error_set(err, response->error->code, "%s", response->error->message);
		return -1;
	}
	bool is_first = err && err->code == ERR_NONE;
	rest_status_error(response->body, response->body_size, response->status, err);
	const char *after = response->header ? response->header(response, "Retry-After") : NULL;
	int64_t seconds;
	if (is_first && err->retry_after_s == 0 && after && str_to_int64(after, &seconds) && seconds > 0 &&
	    seconds < 86400)
		err->retry_after_s = (int)seconds;
	return -1;
}
