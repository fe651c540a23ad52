#include "kubectl/kubectl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Codes below ERR_NOT_IMPLEMENTED come from a Status; local ones print as "error: ...". */
bool report_is_server(const struct error *err)
{
	return err->code != ERR_NONE && err->code < ERR_IO;
}

/* The Status' own message: struct error holds its beginning only. */
static const char *full_message(const struct json *status, const struct error *err)
{
	const char *whole = json_get_string(status, "message", NULL);
	if (whole && strlen(err->message) >= sizeof(err->message) - 1) {
		size_t len = strlen(whole);
		for (size_t skip = 0; skip < 256 && skip + 200 < len; skip++)
			if (strncmp(whole, err->message + skip, 200) == 0)
				return whole;
	}
	return err->message;
}

static void cause_lines(struct buf *out, const struct json *causes)
{
	const char *seen[256];
	size_t len = 0;
	for (size_t i = 0; i < causes->len && len < 256; i++) {
		struct buf line = BUF_INIT;
		const char *field = json_get_string(causes->items[i], "field", "");
		const char *message = json_get_string(causes->items[i], "message", "");
		buf_printf(&line, *field ? "%s: %s" : "%s%s", field, message);
		bool repeated = false;
		for (size_t j = 0; j < len; j++)
			repeated = repeated || strcmp(seen[j], buf_str(&line)) == 0;
		if (!repeated)
			seen[len++] = strdup(buf_str(&line));
		buf_done(&line);
	}
	if (len == 1)
		buf_printf(out, "%s", seen[0]);
	for (size_t i = 0; i < len; i++) {
		if (len > 1)
			buf_printf(out, "\n* %s", seen[i]);
		free((char *)seen[i]);
	}
}

static int report_invalid(const struct json *status, const struct error *err)
{
	const struct json *details = json_get(status, "details");
	const struct json *causes = json_get(details, "causes");
	struct buf out = BUF_INIT;
	const char *kind = json_get_string(details, "kind", ""), *name = json_get_string(details, "name", "");
	if (*kind || *name)
		buf_printf(&out, "The %s \"%s\" is invalid", kind, name);
	else
		buf_puts(&out, "The request is invalid");
	if (causes && causes->type == JSON_ARRAY && causes->len) {
		buf_puts(&out, ": ");
		cause_lines(&out, causes);
	} else if (!*kind && !*name) {
		buf_printf(&out, ": %s", full_message(status, err));
	}
	fprintf(stderr, "%s\n", buf_str(&out));
	buf_done(&out);
	return 1;
}

static const char *server_text(struct arena *arena, const struct json *status, const struct error *err)
{
	const char *reason = json_get_string(status, "reason", NULL);
	if (!reason)
		reason = error_reason(err->code);
	const char *message = full_message(status, err);
	if (err->code == ERR_UNAUTHORIZED)
		return arena_printf(arena, "error: You must be logged in to the server (%s)", message);
	if (*reason)
		return arena_printf(arena, "Error from server (%s): %s", reason, message);
	return arena_printf(arena, "Error from server: %s", message);
}

const char *report_text(const struct kubectl *k, const struct error *err)
{
	return report_is_server(err) ? server_text(k->arena, k->status, err) : err->message;
}

int report_error(const struct kubectl *k, const struct error *err)
{
	if (!err->message[0])
		return 1;
	if (err->code == ERR_INVALID && k->status)
		return report_invalid(k->status, err);
	if (report_is_server(err))
		fprintf(stderr, "%s\n", server_text(k->arena, k->status, err));
	else if (str_has_prefix(err->message, "error: ") ||
		 str_has_prefix(err->message, "The connection to ") ||
		 str_has_prefix(err->message, "Unable to connect ") ||
		 str_has_prefix(err->message, "Error in config"))
		fprintf(stderr, "%s\n", err->message);
	else
		fprintf(stderr, "error: %s\n", err->message);
	return 1;
}

void report_add_source(struct kubectl *k, struct error *err, const char *verb, const char *source)
{
	if (!report_is_server(err))
		return;
	const char *whole = full_message(k->status, err);
	const char *text = arena_printf(k->arena, "error when %s \"%s\": %s", verb, source, whole);
	if (k->status)
		json_set(k->arena, k->status, "message", json_new_string(k->arena, text));
	snprintf(err->message, sizeof(err->message), "%s", text);
}

void report_warning(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("Warning: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

void failures_add(struct kubectl *k, struct failures *list, struct error *err)
{
	if (list->len == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 8;
		list->items = arena_grow(
		    k->arena, list->items, list->cap * sizeof(*list->items), cap * sizeof(*list->items));
		list->cap = cap;
	}
	list->items[list->len++] = (struct failure){*err, report_is_server(err) ? k->status : NULL};
	error_clear(err);
}

int failures_result(struct kubectl *k, const struct failures *list, struct error *err)
{
	if (!list->len)
		return 0;
	fflush(stdout);
	if (list->len == 1) {
		k->status = list->items[0].status;
		*err = list->items[0].err;
		return -1;
	}
	for (size_t i = 0; i < list->len; i++) {
		k->status = list->items[i].status;
		if (list->items[i].err.message[0])
			fprintf(stderr, "%s\n", report_text(k, &list->items[i].err));
	}
	return report_done(err);
}

int report_done(struct error *err)
{
	error_clear(err);
	err->code = ERR_CANCELLED;
	return -1;
}
