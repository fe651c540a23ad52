#include "lib/api/schema.h"

#include <stdlib.h>
#include <string.h>

#include "proto/schema_index.h"

struct gvk {
	const char *group, *version, *kind;
};

static int compare_descriptor(const void *key, const void *item);
static int compare_name(const void *key, const void *item);
static int compare_gvk(const void *key, const void *item);

const struct schema *schema_of(const ProtobufCMessageDescriptor *descriptor)
{
	const struct schema *const *found = bsearch(descriptor->name, schema_index_by_descriptor,
	    schema_index_by_descriptor_len, sizeof(*found), compare_descriptor);

	return found && (*found)->descriptor == descriptor ? *found : NULL;
}

const struct schema *schema_by_name(const char *openapi_name)
{
	const struct schema *const *found = bsearch(
	    openapi_name, schema_index_by_name, schema_index_by_name_len, sizeof(*found), compare_name);

	return found ? *found : NULL;
}

const struct schema *schema_by_gvk(const char *group, const char *version, const char *kind)
{
	struct gvk key = {group, version, kind};
	const struct schema *const *found =
	    bsearch(&key, schema_index_kinds, schema_index_kinds_len, sizeof(*found), compare_gvk);

	return found ? *found : NULL;
}

const struct schema_field *schema_find(const struct schema *schema, const char *json_name)
{
	size_t low = 0, high = schema->by_name_len;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct schema_field *f = &schema->fields[schema->by_name[middle]];
		int order = strcmp(json_name, f->json);

		if (order == 0)
			return f;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	for (size_t i = 0; schema->by_name_len < schema->fields_len && i < schema->fields_len; i++) {
		const struct schema_field *f = &schema->fields[i];

		if (f->flags & SCHEMA_INLINE) {
			const struct schema_field *found = schema_find(f->message, json_name);

			if (found)
				return found;
		}
	}
	return NULL;
}

const struct schema_field *schema_find_path(const struct schema *schema, const char *path)
{
	const struct schema_field *f = NULL;
	char name[128];

	while (*path) {
		size_t len = strcspn(path, ".");

		if (!schema || len >= sizeof(name))
			return NULL;
		memcpy(name, path, len);
		name[len] = '\0';
		f = schema_find(schema, name);
		if (!f)
			return NULL;
		schema = f->message;
		path += len + (path[len] == '.');
	}
	return f;
}

size_t schema_count(void)
{
	return schema_index_by_name_len;
}

const struct schema *schema_at(size_t i)
{
	return schema_index_by_name[i];
}

static int compare_descriptor(const void *key, const void *item)
{
	return strcmp(key, (*(const struct schema *const *)item)->descriptor->name);
}

static int compare_name(const void *key, const void *item)
{
	return strcmp(key, (*(const struct schema *const *)item)->name);
}

static int compare_gvk(const void *key, const void *item)
{
	const struct gvk *k = key;
	const struct schema *s = *(const struct schema *const *)item;
	int order = strcmp(k->kind, s->kind);

	if (order == 0)
		order = strcmp(k->group, s->group);
	return order != 0 ? order : strcmp(k->version, s->version);
}
