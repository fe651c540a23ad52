#include "apiserver/patch/scale_owners.h"

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

struct fieldset *scale_owners_path(struct arena *arena, const char *path)
{
	size_t len = 0;
	char **keys = str_split(arena, *path == '.' ? path + 1 : path, '.', &len);
	struct fieldset *below = NULL;
	for (size_t i = len; i-- > 0;) {
		struct fieldset *node = fieldset_new(arena, arena_printf(arena, "f:%s", keys[i]));
		if (below)
			fieldset_attach(arena, node, below);
		else
			node->is_member = true;
		below = node;
	}
	struct fieldset *root = fieldset_new(arena, "");
	fieldset_attach(arena, root, below);
	return root;
}

int64_t scale_owners_count(const struct json *tree, const char *path)
{
	const struct json *v = json_get_path(tree, *path == '.' ? path + 1 : path);
	int64_t n = 0;
	return v && json_is_int(v, &n) ? n : 0;
}

static bool owns(const struct managers *managers, const struct manager *m, const struct fieldset *field)
{
	return !fieldset_is_empty(fieldset_intersection(managers->arena, m->set, field));
}

bool scale_owners_exist(const struct managers *managers, const struct fieldset *field)
{
	for (size_t i = 0; i < managers->len; i++)
		if (owns(managers, &managers->items[i], field))
			return true;
	return false;
}

void scale_owners_update(struct managers *managers, const struct fieldset *field, const struct manager *self,
    int64_t before, int64_t after, int64_t now_s)
{
	if (before == after || !scale_owners_exist(managers, field))
		return;
	for (size_t i = 0; i < managers->len; i++) {
		struct manager *m = &managers->items[i];
		m->set = fieldset_difference(managers->arena, m->set, field);
	}
	managers_drop_empty(managers);
	if (!after)
		return;
	struct manager *m = managers_find(managers, self);
	if (!m)
		m = managers_add(managers, self);
	m->set = fieldset_union(managers->arena, m->set, field);
	m->has_time = true;
	m->time_s = now_s;
	managers_cap(managers);
}
