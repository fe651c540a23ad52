/* field_errors: what validation finds; every rule adds one, the list becomes the causes of a 422 Status. */
#ifndef CUBE_API_FIELD_ERRORS_H
#define CUBE_API_FIELD_ERRORS_H

#include <stddef.h>

struct arena;
struct error;

enum field_error_type {
	FIELD_INVALID,
	FIELD_REQUIRED,
	FIELD_FORBIDDEN,
	FIELD_NOT_SUPPORTED,
	FIELD_DUPLICATE,
	FIELD_NOT_FOUND,
	FIELD_TOO_LONG,
	FIELD_TOO_MANY,
	FIELD_INTERNAL,
	FIELD_TYPE_INVALID,
	/* causes of other errors than 422 */
	FIELD_NAMESPACE_TERMINATING,      /* 403 */
	FIELD_RESOURCE_VERSION_TOO_LARGE, /* 504: the client is ahead of the server */
	FIELD_DISRUPTION_BUDGET,          /* 429: an eviction that a budget forbids */
	FIELD_MANAGER_CONFLICT            /* 409: an apply of what another manager owns */
};

struct field_error {
	enum field_error_type type;
	const char *field; /* spec.containers[0].name */
	const char *value; /* the bad value as text ("" when there is none to show) */
	const char *detail;
};

/* What is told of an object; more are not kept: a body of 3 MB can hold hundreds of thousands of faults. */
enum { FIELD_ERRORS_MAX = 1000 };

struct field_errors {
	struct arena *arena;
	struct field_error *items;
	size_t len, capacity;
};

void field_errors_init(struct field_errors *list, struct arena *arena);
/* path is copied. `value` may be NULL. */
void field_errors_add(struct field_errors *list, enum field_error_type type, const char *path,
    const char *value, const char *detail_fmt, ...) __attribute__((format(printf, 5, 6)));
/* Convenience: FIELD_NOT_SUPPORTED listing the supported values (NULL-terminated). */
void field_errors_not_supported(
    struct field_errors *list, const char *path, const char *value, const char *const *supported);
const char *field_error_reason(enum field_error_type type); /* FieldValueInvalid, ... */
/* One error as upstream words it: `spec.x: Invalid value: "v": detail`. */
const char *field_error_message(struct arena *arena, const struct field_error *e);
/* Fills a 422 for Kind/name with all causes: `Kind.group "name" is invalid: [..., ...]`. Returns -1. */
int field_errors_to_error(const struct field_errors *list, const char *group, const char *kind,
    const char *name, struct error *err);

/* Paths: made on the stack of the validator, printed only when an error is added. */
struct field_path {
	const struct field_path *parent;
	const char *name;
	const char *key;
	int index;
};
#define PATH_ROOT(n) (&(const struct field_path){NULL, (n), NULL, -1})
#define PATH_CHILD(p, n) (&(const struct field_path){(p), (n), NULL, -1})
#define PATH_INDEX(p, i) (&(const struct field_path){(p), NULL, NULL, (int)(i)})
#define PATH_KEY(p, k) (&(const struct field_path){(p), NULL, (k), -1})
const char *field_path_text(struct arena *arena, const struct field_path *path);
void field_errors_at(struct field_errors *list, enum field_error_type type, const struct field_path *path,
    const char *value, const char *detail_fmt, ...) __attribute__((format(printf, 5, 6)));

#endif
