#include "apiserver/patch/ownership.h"

#include <string.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"

void ownership_compare(struct ownership *o, struct ownership_view *view)
{
	struct typed_difference d = typed_compare(o->arena, view->type, view->before, view->after);
	if (o->ignored) {
		d.added = fieldset_without(o->arena, d.added, o->ignored);
		d.removed = fieldset_without(o->arena, d.removed, o->ignored);
		d.modified = fieldset_without(o->arena, d.modified, o->ignored);
	}
	view->difference = d;
}

static const struct ownership_view *view_for(struct ownership *o, const struct manager *m)
{
	if (!strcmp(m->api_version, o->view.api_version) || !o->other_view)
		return &o->view;
	return o->other_view(o->arg, m->api_version);
}

struct ownership_conflict *ownership_settle(
    struct ownership *o, struct managers *managers, const struct manager *self, bool force, size_t *ret_len)
{
	struct ownership_conflict *conflicts =
	    ARENA_ARRAY(o->arena, struct ownership_conflict, managers->len + 1);
	struct fieldset **left = ARENA_ARRAY(o->arena, struct fieldset *, managers->len + 1);
	*ret_len = 0;
	for (size_t i = 0; i < managers->len; i++) {
		const struct manager *m = &managers->items[i];
		left[i] = m->set;
		if (m == self)
			continue;
		const struct ownership_view *view = view_for(o, m);
		if (!view) {
			left[i] = fieldset_new(o->arena, "");
			continue;
		}
		const struct typed_difference *d = &view->difference;
		struct fieldset *taken =
		    fieldset_intersection(o->arena, m->set, fieldset_union(o->arena, d->modified, d->added));
		if (!fieldset_is_empty(taken))
			conflicts[(*ret_len)++] = (struct ownership_conflict){m, taken};
		left[i] =
		    fieldset_difference(o->arena, fieldset_difference(o->arena, m->set, taken), d->removed);
	}
	if (*ret_len && !force)
		return conflicts;
	for (size_t i = 0; i < managers->len; i++)
		managers->items[i].set = left[i];
	managers_drop_empty(managers);
	return conflicts;
}

/* What upstream never counts as owned; made once, for the life of the process. */
static const struct fieldset *never_owned(void)
{
	static const char text[] =
	    "{\"f:apiVersion\":{},\"f:kind\":{},\"f:metadata\":{\".\":{},\"f:name\":{},\"f:namespace\":{},"
	    "\"f:creationTimestamp\":{},\"f:selfLink\":{},\"f:uid\":{},\"f:clusterName\":{},\"f:generation\":"
	    "{},"
	    "\"f:managedFields\":{},\"f:resourceVersion\":{}}}";
	static struct fieldset *set;
	if (!set)
		fieldset_parse(arena_new(), text, sizeof text - 1, &set, NULL);
	return set;
}

struct fieldset *ownership_strip(struct arena *arena, const struct fieldset *set)
{
	return fieldset_difference(arena, set, never_owned());
}

void ownership_update(
    struct ownership *o, struct managers *managers, const struct manager *self, int64_t now_s)
{
	const struct typed_difference *d = &o->view.difference;
	size_t conflicts_len = 0;
	ownership_settle(o, managers, NULL, true, &conflicts_len);
	struct fieldset *taken = ownership_strip(o->arena, fieldset_union(o->arena, d->modified, d->added));
	if (fieldset_is_empty(taken)) {
		managers_cap(managers);
		return;
	}
	struct manager *m = managers_find(managers, self);
	if (!m)
		m = managers_add(managers, self);
	m->set = fieldset_union(o->arena, m->set, taken);
	m->has_time = true;
	m->time_s = now_s;
	managers_cap(managers);
}

/* What all managers own, the one that applies now included. */
static struct fieldset *owned_by_anybody(struct arena *arena, const struct managers *managers)
{
	struct fieldset *out = fieldset_new(arena, "");
	for (size_t i = 0; i < managers->len; i++)
		out = fieldset_union(arena, out, managers->items[i].set);
	return out;
}

struct json *ownership_prune(struct arena *arena, struct typed type, struct json *merged,
    const struct managers *managers, const struct fieldset *last)
{
	if (fieldset_is_empty(last))
		return merged;
	const struct fieldset *mine = typed_with_parents(arena, type, last);
	const struct fieldset *all = typed_with_parents(arena, type, typed_fields(arena, type, merged));
	const struct fieldset *claimed = typed_with_parents(arena, type, owned_by_anybody(arena, managers));
	struct json *pruned = typed_remove(arena, type, merged, mine);
	/* Back comes what some manager owns, be it by updates ... */
	const struct fieldset *rest = typed_with_parents(arena, type, typed_fields(arena, type, pruned));
	const struct fieldset *gone = fieldset_difference(arena, all, fieldset_union(arena, rest, claimed));
	pruned = typed_remove(arena, type, merged, gone);
	/* ... and what was never applied by this manager. */
	rest = typed_with_parents(arena, type, typed_fields(arena, type, pruned));
	gone = fieldset_intersection(arena, fieldset_difference(arena, all, rest), mine);
	return typed_remove(arena, type, merged, gone);
}
