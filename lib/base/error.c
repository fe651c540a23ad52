#include "lib/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct error_row {
	int http_status;
	const char *reason;
};

static const struct error_row rows[ERR_COUNT] = {
    [ERR_NONE] = {200, ""},
    [ERR_BAD_REQUEST] = {400, "BadRequest"},
    [ERR_UNAUTHORIZED] = {401, "Unauthorized"},
    [ERR_FORBIDDEN] = {403, "Forbidden"},
    [ERR_NOT_FOUND] = {404, "NotFound"},
    [ERR_METHOD_NOT_ALLOWED] = {405, "MethodNotAllowed"},
    [ERR_NOT_ACCEPTABLE] = {406, "NotAcceptable"},
    [ERR_ALREADY_EXISTS] = {409, "AlreadyExists"},
    [ERR_CONFLICT] = {409, "Conflict"},
    [ERR_GONE] = {410, "Gone"},
    [ERR_EXPIRED] = {410, "Expired"},
    [ERR_TOO_LARGE] = {413, "RequestEntityTooLarge"},
    [ERR_UNSUPPORTED_MEDIA] = {415, "UnsupportedMediaType"},
    [ERR_INVALID] = {422, "Invalid"},
    [ERR_TOO_MANY_REQUESTS] = {429, "TooManyRequests"},
    [ERR_INTERNAL] = {500, "InternalError"},
    [ERR_SERVER_TIMEOUT] = {500, "ServerTimeout"},
    [ERR_UNAVAILABLE] = {503, "ServiceUnavailable"},
    [ERR_TIMEOUT] = {504, "Timeout"},
    [ERR_NOT_IMPLEMENTED] = {501, ""},
    [ERR_IO] = {500, ""},
    [ERR_PARSE] = {400, ""},
    [ERR_CANCELLED] = {500, ""},
};

static void set_v(struct error *err, enum error_code code, const char *fmt, va_list ap)
{
	err->code = code;
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
}

int error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
	if (err && err->code == ERR_NONE) {
		va_list ap;
		va_start(ap, fmt);
		set_v(err, code, fmt, ap);
		va_end(ap);
	}
	return -1;
}

int error_set_errno(struct error *err, int errnum, const char *fmt, ...)
{
	if (!err || err->code != ERR_NONE)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	set_v(err, ERR_IO, fmt, ap);
	va_end(ap);
	size_t used = strlen(err->message);
	char text[128];
	/* The GNU strerror_r returns the text, which need not be in the buffer. */
	snprintf(
	    err->message + used, sizeof(err->message) - used, ": %s", strerror_r(errnum, text, sizeof(text)));
	return -1;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
	if (!err)
		return -1;
	char old[sizeof(err->message)];
	memcpy(old, err->message, sizeof(old));
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	size_t used = strlen(err->message);
	snprintf(err->message + used, sizeof(err->message) - used, ": %s", old);
	return -1;
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

void error_about(struct error *err, const char *group, const char *kind, const char *name)
{
	if (!err)
		return;
	copy(err->group, sizeof(err->group), group);
	copy(err->kind, sizeof(err->kind), kind);
	copy(err->name, sizeof(err->name), name);
}

void error_clear(struct error *err)
{
	if (err)
		*err = ERROR_INIT;
}

bool error_is(const struct error *err, enum error_code code)
{
	return err && err->code == code;
}

int error_http_status(enum error_code code)
{
	return (unsigned)code < ERR_COUNT ? rows[code].http_status : 500;
}

const char *error_reason(enum error_code code)
{
	return (unsigned)code < ERR_COUNT ? rows[code].reason : "";
}

/* The code that stands for a status when a server named no reason, or one that is not ours. */
static enum error_code from_status(int status)
{
	switch (status) {
	case 409:
		return ERR_CONFLICT;
	case 410:
		return ERR_GONE;
	case 500:
		return ERR_INTERNAL;
	}
	for (int code = ERR_NONE + 1; code < ERR_IO; code++)
		if (rows[code].http_status == status)
			return code;
	return status >= 400 && status < 500 ? ERR_BAD_REQUEST : ERR_INTERNAL;
}

enum error_code error_from_reason(const char *reason, int http_status)
{
	if (reason && *reason)
		for (int code = ERR_NONE + 1; code < ERR_COUNT; code++)
			if (strcmp(rows[code].reason, reason) == 0)
				return code;
	return from_status(http_status);
}
