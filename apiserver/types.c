/* Which types are served: the table of lib/resources and those added at run time. */
#include "apiserver/types.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/watchcache/watchcache.h"

struct types {
	const struct resource_type **added;
	size_t added_len;
	uint64_t generation; /* counts changes */
};

struct types *types_new(void)
{
	struct types *types = calloc(1, sizeof *types);
	if (!types)
		abort();
	return types;
}

void types_free(struct types *types)
{
	if (!types)
		return;
	free(types->added);
	free(types);
}

const struct resource_type *api_find_type(
    struct api_server *server, const char *group, const char *version, const char *plural)
{
	const struct resource_type *type = resource_by_plural(group, version, plural);
	for (size_t i = 0; !type && i < server->types->added_len; i++) {
		const struct resource_type *t = server->types->added[i];
		if (!strcmp(t->plural, plural) && !strcmp(t->group, group) && !strcmp(t->version, version))
			type = t;
	}
	return type;
}

size_t api_types_count(const struct api_server *server)
{
	return resources_count() + server->types->added_len;
}

const struct resource_type *api_types_at(const struct api_server *server, size_t i)
{
	return i < resources_count() ? resources_at(i) : server->types->added[i - resources_count()];
}

uint64_t api_types_generation(const struct api_server *server)
{
	return server->types->generation;
}

void api_add_type(struct api_server *server, const struct resource_type *type)
{
	struct types *types = server->types;
	types->added = realloc(types->added, (types->added_len + 1) * sizeof(void *));
	if (!types->added)
		abort();
	types->added[types->added_len++] = type;
	types->generation++;
	watchcache_add_type(server->cache, type);
}

void api_remove_type(struct api_server *server, const struct resource_type *type)
{
	struct types *types = server->types;
	for (size_t i = 0; i < types->added_len; i++) {
		if (types->added[i] != type)
			continue;
		memmove(&types->added[i], &types->added[i + 1], (types->added_len - i - 1) * sizeof(void *));
		types->added_len--;
		types->generation++;
		break;
	}
	watchcache_remove_type(server->cache, type);
}
