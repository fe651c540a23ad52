/* Groups, versions and subresources as the documents want them: each once, in order. */
#include <stdlib.h>
#include <string.h>

#include "apiserver/discovery/internal.h"
#include "apiserver/extensions/aggregation.h"
#include "apiserver/extensions/definition.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

static bool is_first_of_group(const struct api_server *server, size_t at)
{
	const char *group = api_types_at(server, at)->group;
	for (size_t i = 0; i < at; i++)
		if (!strcmp(api_types_at(server, i)->group, group))
			return false;
	return true;
}

/* Of another server's groups: those that are not ours, each once. */
static bool is_new_group(const struct api_server *server, size_t at, const char *group)
{
	struct aggregated_version other;
	for (size_t i = 0; i < api_types_count(server); i++)
		if (!strcmp(api_types_at(server, i)->group, group))
			return false;
	for (size_t i = 0; i < at && aggregation_at(server, i, &other); i++)
		if (!strcmp(other.group, group))
			return false;
	return true;
}

void discovery_groups(const struct api_server *server, bool (*fn)(void *arg, const char *group), void *arg)
{
	struct aggregated_version other;
	for (size_t i = 0; i < api_types_count(server); i++)
		if (is_first_of_group(server, i) && !fn(arg, api_types_at(server, i)->group))
			return;
	for (size_t i = 0; aggregation_at(server, i, &other); i++)
		if (is_new_group(server, i, other.group) && !fn(arg, other.group))
			return;
}

static int by_priority(const void *a, const void *b)
{
	return definition_compare_versions(*(const char *const *)a, *(const char *const *)b);
}

const char *const *discovery_versions(const struct api_server *server, struct arena *arena, const char *group)
{
	size_t len = 0;
	bool is_custom = false;
	size_t others_len = 0;
	struct aggregated_version other;
	while (aggregation_at(server, others_len, &other))
		others_len++;
	const char **out = ARENA_ARRAY(arena, const char *, api_types_count(server) + others_len + 1);
	for (size_t i = 0; i < api_types_count(server); i++) {
		const struct resource_type *type = api_types_at(server, i);
		if (strcmp(type->group, group) != 0 || str_in(type->version, out))
			continue;
		out[len++] = type->version;
		is_custom = is_custom || type->dynamic;
	}
	for (size_t i = 0; aggregation_at(server, i, &other); i++) {
		if (strcmp(other.group, group) != 0 || str_in(other.version, out))
			continue;
		out[len++] = arena_strdup(arena, other.version);
		is_custom = true;
	}
	/* The table is in order; definitions of one group come in any. */
	if (is_custom)
		qsort(out, len, sizeof *out, by_priority);
	return out;
}

struct json *discovery_verbs(struct arena *arena, uint32_t verbs)
{
	/* The bits are in the order of the alphabet. */
	static const char *const names[] = {
	    "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
	struct json *out = json_new_array(arena);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (verbs & (1u << i))
			json_push(arena, out, json_new_string(arena, names[i]));
	return out;
}

static int by_name(const void *a, const void *b)
{
	const struct discovery_subresource *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static struct discovery_subresource describe(
    const struct resource_type *type, const struct subresource_type *sub)
{
	bool is_own = !*sub->group && !*sub->version;
	return (struct discovery_subresource){.name = sub->name,
	    .group = is_own ? type->group : sub->group,
	    .version = *sub->version ? sub->version : type->version,
	    .kind = sub->kind,
	    .verbs = sub->verbs,
	    .is_own_kind = is_own};
}

const struct discovery_subresource *discovery_subresources(
    struct arena *arena, const struct resource_type *type)
{
	const uint32_t change = VERB_GET | VERB_PATCH | VERB_UPDATE;
	size_t len = 0;
	struct discovery_subresource *out =
	    ARENA_ARRAY(arena, struct discovery_subresource, subresources_count() + 3);
	for (size_t i = 0; i < subresources_count(); i++)
		if (subresources_at(i)->parent == type)
			out[len++] = describe(type, subresources_at(i));
	if (type->flags & RESOURCE_STATUS)
		out[len++] = (struct discovery_subresource){
		    "status", type->group, type->version, type->kind, change, true};
	if (type->flags & RESOURCE_SCALE)
		out[len++] =
		    (struct discovery_subresource){"scale", "autoscaling", "v1", "Scale", change, false};
	qsort(out, len, sizeof *out, by_name);
	return out;
}
