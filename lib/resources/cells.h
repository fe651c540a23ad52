/* cells: makers of table cells, for the `cells` hooks. Everything lives in ctx->arena. */
#ifndef CUBE_RESOURCES_CELLS_H
#define CUBE_RESOURCES_CELLS_H

#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/values.h"
#include "lib/resources/resource.h"

#define COLUMN_NAME                                                                                          \
	{                                                                                                    \
		"Name", "string", "name", "Name must be unique within a namespace.", 0                       \
	}
#define COLUMN_AGE                                                                                           \
	{                                                                                                    \
		"Age", "string", "", "Time since the object was created.", 0                                 \
	}
#define COLUMN(name)                                                                                         \
	{                                                                                                    \
		name, "string", "", "", 0                                                                    \
	}
#define COLUMN_INT(name)                                                                                     \
	{                                                                                                    \
		name, "integer", "", "", 0                                                                   \
	}
#define COLUMN_BOOL(name)                                                                                    \
	{                                                                                                    \
		name, "boolean", "", "", 0                                                                   \
	}
#define COLUMN_WIDE(name)                                                                                    \
	{                                                                                                    \
		name, "string", "", "", 1                                                                    \
	} /* shown with -o wide only */
#define COLUMNS(array) .columns = array, .columns_len = sizeof array / sizeof array[0]

struct json *cell_text(const struct resource_context *ctx, const char *s);    /* NULL: "" */
struct json *cell_or_none(const struct resource_context *ctx, const char *s); /* empty: <none> */
struct json *cell_or(const struct resource_context *ctx, const char *s, const char *fallback);
struct json *cell_int(const struct resource_context *ctx, int64_t n);
struct json *cell_bool(const struct resource_context *ctx, bool b);
struct json *cell_printf(const struct resource_context *ctx, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
struct json *cell_age(const struct resource_context *ctx, const MetaV1__Time *t);  /* 5m, <unknown> */
struct json *cell_time(const struct resource_context *ctx, const MetaV1__Time *t); /* RFC 3339 */
const char *cell_since(const struct resource_context *ctx, int64_t seconds);       /* duration text */
/* "a,b" from strings, "k=v,k2=v2" from a map; "<none>" when empty. */
const char *cell_join(const struct resource_context *ctx, size_t len, char *const *items, const char *sep);
const char *cell_labels(const struct resource_context *ctx, size_t len, void *entries);
/* As upstream prints label selectors in tables; "<none>" when it selects nothing in particular. */
const char *cell_selector(const struct resource_context *ctx, const MetaV1__LabelSelector *selector);

#endif
