/*
 * error: what went wrong, in a form that both a log line and an API Status can be made of.
 *
 * A fallible function takes a caller-owned `struct error *` as its last parameter, returns 0 on success and a
 * negative value on failure, and fills the error only on failure. The object lives on the caller's stack and
 * owns nothing, so it cannot leak. The first error wins: error_set() on an error that is already set is
 * ignored, and context is added on the way up with error_prefix(). NULL is accepted where the caller does not
 * care. One table maps code, API `reason` and HTTP status (error_reason, error_http_status, error_from_http).
 */
#ifndef CUBE_BASE_ERROR_H
#define CUBE_BASE_ERROR_H

#include <stdbool.h>

enum error_code {
	ERR_NONE = 0,
	ERR_BAD_REQUEST,        /* 400 BadRequest */
	ERR_UNAUTHORIZED,       /* 401 Unauthorized */
	ERR_FORBIDDEN,          /* 403 Forbidden */
	ERR_NOT_FOUND,          /* 404 NotFound */
	ERR_METHOD_NOT_ALLOWED, /* 405 MethodNotAllowed */
	ERR_NOT_ACCEPTABLE,     /* 406 NotAcceptable */
	ERR_ALREADY_EXISTS,     /* 409 AlreadyExists */
	ERR_CONFLICT,           /* 409 Conflict */
	ERR_GONE,               /* 410 Gone */
	ERR_EXPIRED,            /* 410 Expired */
	ERR_TOO_LARGE,          /* 413 RequestEntityTooLarge */
	ERR_UNSUPPORTED_MEDIA,  /* 415 UnsupportedMediaType */
	ERR_INVALID,            /* 422 Invalid */
	ERR_TOO_MANY_REQUESTS,  /* 429 TooManyRequests */
	ERR_INTERNAL,           /* 500 InternalError */
	ERR_SERVER_TIMEOUT,     /* 500 ServerTimeout */
	ERR_UNAVAILABLE,        /* 503 ServiceUnavailable */
	ERR_TIMEOUT,            /* 504 Timeout */
	ERR_NOT_IMPLEMENTED,    /* 501, no API reason */
	ERR_IO,                 /* local: a system call or a connection failed; becomes 500 */
	ERR_PARSE,              /* local: text that cannot be read; becomes 400 */
	ERR_CANCELLED,          /* local: the caller cancelled */
	ERR_COUNT
};

struct field_errors; /* lib/api/field_errors.h */

struct error {
	enum error_code code;
	int retry_after_s; /* 0: no hint; else Status.details.retryAfterSeconds */
	char message[768];
	/* What a Status' details carry; empty strings where unknown. */
	char group[64], kind[96], name[256], uid[40];
	const struct field_errors *causes; /* borrowed: lives in the request's arena; may be NULL */
};

#define ERROR_INIT ((struct error){0})

/* Fills *err unless it is set already. Returns -1 always, so that `return error_set(...)` reads well. */
int error_set(struct error *err, enum error_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Like error_set with ERR_IO and ": strerror(errno)" appended. */
int error_set_errno(struct error *err, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts context in front of the message: "fmt: message". Returns -1. */
int error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Names the object that the error is about. `kind` is the resource for 404 and 409, the Kind for 422. */
void error_about(struct error *err, const char *group, const char *kind, const char *name);
void error_clear(struct error *err);
bool error_is(const struct error *err, enum error_code code);

int error_http_status(enum error_code code);
const char *error_reason(enum error_code code); /* "" for codes that the API has no reason for */
enum error_code error_from_reason(const char *reason, int http_status);

#endif
