#include "lib/resources/schema_defaults.h"

#include <stdlib.h>
#include <string.h>

#include "lib/api/schema.h"
#include "lib/base/arena.h"

/* Default values are JSON text; the strings among them need no unescaping. */
static char *string_default(struct arena *arena, const char *json)
{
	size_t len = strlen(json);

	return len >= 2 && json[0] == '"' ? arena_strndup(arena, json + 1, len - 2)
					  : arena_strdup(arena, json);
}

static void set_scalar(const struct schema_field *f, char *base)
{
	bool nullable = f->flags & SCHEMA_NULLABLE;
	protobuf_c_boolean *has = f->quantifier_offset ? (void *)(base + f->quantifier_offset) : NULL;

	if (nullable && has && *has)
		return;
	switch (f->kind) {
	case SCHEMA_BOOL:
		*(protobuf_c_boolean *)(base + f->offset) = !strcmp(f->default_value, "true");
		break;
	case SCHEMA_INT32:
		if (nullable || !*(int32_t *)(base + f->offset))
			*(int32_t *)(base + f->offset) = (int32_t)strtol(f->default_value, NULL, 10);
		break;
	case SCHEMA_INT64:
		if (nullable || !*(int64_t *)(base + f->offset))
			*(int64_t *)(base + f->offset) = strtoll(f->default_value, NULL, 10);
		break;
	default:
		return;
	}
	if (has)
		*has = true;
}

static void set_default(struct arena *arena, const struct schema_field *f, char *base)
{
	char **string;

	if (f->kind != SCHEMA_STRING) {
		set_scalar(f, base);
		return;
	}
	string = (char **)(base + f->offset);
	if (!*string || (!(f->flags & SCHEMA_NULLABLE) && !**string))
		*string = string_default(arena, f->default_value);
}

static void walk_map(struct arena *arena, const struct schema_field *f, char *base)
{
	size_t len = *(size_t *)(base + f->quantifier_offset);
	char **entries = *(char ***)(base + f->offset);

	for (size_t i = 0; i < len; i++)
		schema_apply_defaults(arena, f->entry, (ProtobufCMessage *)entries[i]);
}

void schema_apply_defaults(struct arena *arena, const struct schema *schema, ProtobufCMessage *msg)
{
	char *base = (char *)msg;

	for (size_t i = 0; i < schema->fields_len; i++) {
		const struct schema_field *f = &schema->fields[i];

		if (f->shape == SCHEMA_SINGLE && f->default_value)
			set_default(arena, f, base);
		if (f->kind != SCHEMA_MESSAGE)
			continue;
		if (f->shape == SCHEMA_MAP) {
			walk_map(arena, f, base);
		} else if (f->shape == SCHEMA_LIST) {
			size_t len = *(size_t *)(base + f->quantifier_offset);
			ProtobufCMessage **items = *(ProtobufCMessage ***)(base + f->offset);

			for (size_t j = 0; j < len; j++)
				schema_apply_defaults(arena, f->message, items[j]);
		} else if (*(ProtobufCMessage **)(base + f->offset)) {
			schema_apply_defaults(arena, f->message, *(ProtobufCMessage **)(base + f->offset));
		}
	}
}

void schema_drop_empty_lists(const struct schema *schema, ProtobufCMessage *msg)
{
	char *base = (char *)msg;

	for (size_t i = 0; i < schema->fields_len; i++) {
		const struct schema_field *f = &schema->fields[i];
		if (f->shape == SCHEMA_SINGLE && f->kind != SCHEMA_MESSAGE)
			continue; /* no pointer stands there */
		ProtobufCMessage **items = *(ProtobufCMessage ***)(base + f->offset);
		size_t len = f->shape == SCHEMA_SINGLE ? 0 : *(size_t *)(base + f->quantifier_offset);

		if (f->shape != SCHEMA_SINGLE && !len)
			*(void **)(base + f->offset) = NULL;
		if (f->kind != SCHEMA_MESSAGE)
			continue;
		if (f->shape == SCHEMA_SINGLE && items)
			schema_drop_empty_lists(f->message, (ProtobufCMessage *)items);
		for (size_t j = 0; j < len; j++)
			schema_drop_empty_lists(f->shape == SCHEMA_MAP ? f->entry : f->message, items[j]);
	}
}
