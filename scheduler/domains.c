#include "scheduler/domains.h"

#include <stdint.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/strmap.h"

struct domain {
	int64_t count;
};

struct domains {
	struct arena *arena;
	struct strmap *map; /* "key\nvalue" -> struct domain; label keys and values hold no newline */
};

static void free_map(void *arg)
{
	strmap_free(arg, NULL);
}

struct domains *domains_new(struct arena *arena)
{
	struct domains *d = ARENA_NEW(arena, struct domains);

	d->arena = arena;
	d->map = strmap_new();
	arena_on_free(arena, free_map, d->map);
	return d;
}

int64_t domains_add(struct domains *d, const char *key, const char *value, int64_t amount)
{
	char *name = arena_printf(d->arena, "%s\n%s", key, value);
	struct domain *domain = strmap_get(d->map, name);

	if (!domain) {
		domain = ARENA_NEW(d->arena, struct domain);
		strmap_put(d->map, name, domain);
	}
	return domain->count += amount;
}

int64_t domains_get(const struct domains *d, const char *key, const char *value)
{
	const struct domain *domain = strmap_get(d->map, arena_printf(d->arena, "%s\n%s", key, value));

	return domain ? domain->count : 0;
}

size_t domains_len(const struct domains *d)
{
	return strmap_len(d->map);
}

int64_t domains_min(const struct domains *d)
{
	int64_t min = INT64_MAX;

	strmap_for_each (d->map, e) {
		const struct domain *domain = strmap_value(e);

		if (domain->count < min)
			min = domain->count;
	}
	return min == INT64_MAX ? 0 : min;
}
