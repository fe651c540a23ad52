#include "lib/resources/cells.h"

#include <stdarg.h>

#include "lib/api/labels.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

struct json *cell_text(const struct resource_context *ctx, const char *s)
{
	return json_new_string(ctx->arena, s ? s : "");
}

struct json *cell_or(const struct resource_context *ctx, const char *s, const char *fallback)
{
	return json_new_string(ctx->arena, str_or(s, fallback));
}

struct json *cell_or_none(const struct resource_context *ctx, const char *s)
{
	return cell_or(ctx, s, "<none>");
}

struct json *cell_int(const struct resource_context *ctx, int64_t n)
{
	return json_new_int(ctx->arena, n);
}

struct json *cell_bool(const struct resource_context *ctx, bool b)
{
	return json_new_bool(ctx->arena, b);
}

struct json *cell_printf(const struct resource_context *ctx, const char *fmt, ...)
{
	struct json *v;
	va_list ap;

	va_start(ap, fmt);
	v = json_new_string(ctx->arena, arena_vprintf(ctx->arena, fmt, ap));
	va_end(ap);
	return v;
}

const char *cell_since(const struct resource_context *ctx, int64_t seconds)
{
	char text[TIME_TEXT_MAX];

	return arena_strdup(ctx->arena, time_human_duration(seconds, text));
}

struct json *cell_age(const struct resource_context *ctx, const MetaV1__Time *t)
{
	return cell_text(ctx, t ? cell_since(ctx, ctx->now_s - time_seconds(t)) : "<unknown>");
}

struct json *cell_time(const struct resource_context *ctx, const MetaV1__Time *t)
{
	char text[TIME_TEXT_MAX];

	return t ? cell_text(ctx, time_format(time_seconds(t), text)) : json_new_null(ctx->arena);
}

const char *cell_join(const struct resource_context *ctx, size_t len, char *const *items, const char *sep)
{
	return len ? str_join(ctx->arena, (const char *const *)items, len, sep) : "<none>";
}

const char *cell_labels(const struct resource_context *ctx, size_t len, void *entries)
{
	struct api_string_entry **map = entries;
	struct buf out = BUF_INIT;
	const char *text;

	for (size_t i = 0; i < len; i++)
		buf_printf(&out, "%s%s=%s", i ? "," : "", map[i]->key, map[i]->value);
	text = len ? arena_strdup(ctx->arena, buf_str(&out)) : "<none>";
	buf_done(&out);
	return text;
}

const char *cell_selector(const struct resource_context *ctx, const MetaV1__LabelSelector *selector)
{
	struct selector *sel;

	if (!selector || selector_from_object(ctx->arena, selector, &sel, NULL) < 0)
		return selector ? "<error>" : "<none>";
	return selector_is_everything(sel) ? "<none>" : selector_format(ctx->arena, sel);
}
