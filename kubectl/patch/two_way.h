/* two_way: the difference of two objects as a strategic merge patch; three_way.c puts two of them together.
 */
#ifndef CUBE_KUBECTL_PATCH_TWO_WAY_H
#define CUBE_KUBECTL_PATCH_TWO_WAY_H

#include <stdbool.h>

struct arena;
struct json;
struct schema;
struct schema_field;

struct diff_options {
	struct arena *arena;
	bool ignore_deletions, ignore_changes; /* changes: additions too */
};
struct json *diff_maps(const struct diff_options *options, const struct schema *schema,
    const struct json *original, const struct json *modified, bool retain_keys);

/* How a member is patched, by its schema; a member that is unknown is replaced when a list, merged when an
 * object. */
struct patch_meta {
	const struct schema
	    *schema; /* of the value, the list's items or the map's values; NULL when they are scalars */
	const char *merge_key; /* "" for lists of scalars that merge */
	bool is_map;           /* members are map keys: the schema is that of every value */
	bool merges, retains_keys, replaces;
};
struct patch_meta patch_meta_of(const struct schema *schema, const char *name);

#endif
