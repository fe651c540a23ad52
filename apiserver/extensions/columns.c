#include "apiserver/extensions/columns.h"

#include <math.h>
#include <string.h>

#include "apiserver/extensions/json_path.h"
#include "lib/api/json.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/resources/cells.h"

typedef ApiextensionsV1__CustomResourceColumnDefinition Column;

static const char age_doc[] =
    "When the object was created, as the server's clock has it; shown as the time since then.";

void custom_columns(struct arena *arena, const ApiextensionsV1__CustomResourceDefinitionVersion *version,
    struct resource_type *type)
{
	size_t len = version->n_additional_printer_columns;
	struct table_column *out = ARENA_ARRAY(arena, struct table_column, len + 2);
	out[0] = (struct table_column)COLUMN_NAME;
	for (size_t i = 0; i < len; i++) {
		const Column *c = version->additional_printer_columns[i];
		out[1 + i] = (struct table_column){c->name, c->type, str_or(c->format, ""),
		    str_or(c->description,
			arena_printf(arena, "Custom resource definition column (in JSONPath format): %s",
			    str_or(c->json_path, ""))),
		    c->priority};
	}
	if (!len)
		out[1] = (struct table_column){"Age", "date", "", age_doc, 0};
	type->columns = out;
	type->columns_len = 1 + (len ? len : 1);
}

static struct json *since(const char *text, const struct resource_context *ctx)
{
	int64_t s = 0;
	int32_t nanos = 0;
	return cell_text(ctx, time_parse(text, &s, &nanos) ? cell_since(ctx, ctx->now_s - s) : "<invalid>");
}

static struct json *as_text(const struct json *v, const struct resource_context *ctx)
{
	struct buf out = BUF_INIT;
	if (v->type == JSON_STRING)
		return cell_text(ctx, v->text);
	json_write(&out, v, 0);
	struct json *cell = cell_text(ctx, buf_str(&out));
	buf_done(&out);
	return cell;
}

/* Fractions are cut off; what no integer can hold is not shown. */
static struct json *integer_of(const struct json *v, double n, const struct resource_context *ctx)
{
	int64_t whole;
	if (json_is_int(v, &whole))
		return json_new_int(ctx->arena, whole);
	return fabs(n) < 0x1p63 ? json_new_int(ctx->arena, (int64_t)n) : NULL;
}

/* A value of another type than the column's is shown as nothing. */
static struct json *cell_of(const char *type, const struct json *v, const struct resource_context *ctx)
{
	double n = 0;
	if (!v || v->type == JSON_NULL)
		return NULL;
	if (!strcmp(type, "string"))
		return as_text(v, ctx);
	if (!strcmp(type, "date"))
		return v->type == JSON_STRING ? since(v->text, ctx) : NULL;
	if (!strcmp(type, "boolean"))
		return v->type == JSON_BOOL ? json_clone(ctx->arena, v) : NULL;
	if (v->type != JSON_NUMBER || !json_number(v, &n))
		return NULL;
	return !strcmp(type, "integer") ? integer_of(v, n, ctx) : json_clone(ctx->arena, v);
}

void custom_cells(const ApiextensionsV1__CustomResourceDefinitionVersion *version, const struct object *obj,
    const struct resource_context *ctx, struct json **cells)
{
	size_t len = version->n_additional_printer_columns;
	struct json *tree = len ? object_to_json(ctx->arena, obj) : NULL;
	cells[0] = cell_text(ctx, obj->meta->name);
	for (size_t i = 0; i < len; i++) {
		const Column *c = version->additional_printer_columns[i];
		cells[1 + i] = cell_of(c->type, json_path_first(tree, c->json_path), ctx);
	}
	if (!len)
		cells[1] = cell_age(ctx, obj->meta->creation_timestamp);
}
