/*
 * Objects of any built-in kind, as JSON: defaults, what a client may not set, validation, table cells. Doing
 * it again changes nothing, and an object that is valid may be written once more as it is.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/api/codec.h"
#include "lib/api/field_errors.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/resources/resource.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_S = 1700000000 };

static void check_cells(const struct resource_type *type, const struct object *obj, struct arena *arena)
{
	const struct resource_context ctx = {.arena = arena, .now_s = NOW_S, .subresource = ""};
	const struct table_column *columns;
	struct buf text = BUF_INIT;
	struct json *tree;
	size_t len;
	resource_columns(type, &columns, &len);
	struct json **cells = ARENA_ARRAY(arena, struct json *, len + 1);
	resource_cells(type, obj, &ctx, cells);
	for (size_t i = 0; i < len; i++) {
		if (!cells[i])
			continue;
		buf_reset(&text);
		json_write(&text, cells[i], 0);
		assert(json_parse(arena, text.data, text.size, &(struct json_limits){.size_max = SIZE_MAX},
			   &tree, NULL) == 0);
	}
	for (size_t i = 0; type->field_selectors && type->field_selectors[i]; i++)
		resource_field(type, obj, type->field_selectors[i], arena);
	buf_done(&text);
}

/* The server fills these in before it validates. */
static void fill_in(struct object *obj)
{
	obj->meta->uid = "u";
	obj->meta->resource_version = "1";
	obj->meta->creation_timestamp = NULL;
}

static void check(const struct resource_type *type, struct object *obj, struct arena *arena)
{
	struct resource_context ctx = {.arena = arena, .now_s = NOW_S, .subresource = ""};
	struct field_errors errors;
	fill_in(obj);
	resource_apply_defaults(type, obj, &ctx);
	struct object *again = object_clone(obj);
	resource_apply_defaults(type, again, &ctx);
	assert(object_equal(obj, again));
	object_unref(again);
	resource_prepare_create(type, obj, &ctx);
	again = object_clone(obj);
	field_errors_init(&errors, arena);
	resource_validate(type, obj, &ctx, &errors);
	bool is_valid = errors.len == 0;
	check_cells(type, obj, arena);
	ctx.is_update = true;
	resource_prepare_update(type, again, obj, &ctx);
	field_errors_init(&errors, arena);
	resource_validate_update(type, again, obj, &ctx, &errors);
	assert(!is_valid || errors.len == 0);
	field_errors_init(&errors, arena);
	resource_validate_status_update(type, again, obj, &ctx, &errors);
	object_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool is_ready;
	struct object *obj;
	if (!is_ready)
		resources_init();
	is_ready = true;
	if (object_decode(data, size, &obj, NULL))
		return 0;
	const struct resource_type *type = resource_of(obj);
	if (type && obj->msg) {
		struct arena *arena = arena_new();
		check(type, obj, arena);
		arena_free(arena);
	}
	object_unref(obj);
	return 0;
}
