/* Strategic merge of lists: by merge key, or as sets of plain values; and the order that comes out. */
#include <string.h>

#include "apiserver/patch/strategic_internal.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

/* What identifies an element: its merge key's value, or the plain value itself. NULL when the key is missing.
 */
static const struct json *identity(const struct strategic_list *list, const struct json *item)
{
	if (!list->merge_key)
		return item;
	return item->type == JSON_OBJECT ? json_get(item, list->merge_key) : NULL;
}

static size_t find_item(const struct strategic_list *list, const struct json *items, const struct json *id)
{
	for (size_t i = 0; i < items->len; i++) {
		const struct json *other = identity(list, items->items[i]);
		if (other && json_equal(other, id))
			return i;
	}
	return items->len;
}

static int no_key(struct strategic_run *run, const struct strategic_list *list)
{
	return error_set(run->err, ERR_INVALID,
	    "map: an element of %s does not contain declared merge key: %s", list->name,
	    list->merge_key ? list->merge_key : "");
}

static const char *directive_of(const struct json *item)
{
	const struct json *d = item->type == JSON_OBJECT ? json_get(item, STRATEGIC_DIRECTIVE) : NULL;
	return d ? (d->type == JSON_STRING ? d->text : "?") : NULL;
}

static int delete_item(struct strategic_run *run, const struct strategic_list *list, struct json *target,
    const struct json *item)
{
	const struct json *id = identity(list, item);
	if (!id)
		return no_key(run, list);
	for (size_t i; (i = find_item(list, target, id)) < target->len;)
		json_array_remove(target, i);
	return 0;
}

/* Elements with $patch act at once; the others are returned. *ret_replace: the list as it was is to go. */
static struct json *follow_directives(struct strategic_run *run, const struct strategic_list *list,
    struct json *target, const struct json *patch, bool *ret_replace)
{
	struct json *rest = json_new_array(run->arena);
	for (size_t i = 0; i < patch->len; i++) {
		struct json *item = patch->items[i];
		const char *what = directive_of(item);
		if (!what) {
			json_push(run->arena, rest, item);
		} else if (!strcmp(what, "delete")) {
			if (delete_item(run, list, target, item))
				return NULL;
		} else if (!strcmp(what, "replace")) {
			*ret_replace = true;
		} else {
			error_set(run->err, ERR_BAD_REQUEST, "%s: the patch type \"%s\" is not known",
			    list->name, what);
			return NULL;
		}
	}
	return rest;
}

static int merge_item(struct strategic_run *run, const struct strategic_list *list, struct json *target,
    const struct json *item)
{
	const struct json *id = identity(list, item);
	if (!id || (!list->merge_key && item->type == JSON_OBJECT))
		return no_key(run, list);
	size_t at = find_item(list, target, id);
	struct json *merged;
	if (at == target->len) {
		merged = strategic_new(run, list->schema, NULL, item);
		json_push(run->arena, target, merged);
		return 0;
	}
	if (!list->merge_key)
		return 0;
	merged = strategic_map(run, list->schema, target->items[at], item);
	if (!merged)
		return -1;
	target->items[at] = merged;
	return 0;
}

struct json *strategic_list_merge(struct strategic_run *run, const struct strategic_list *list,
    struct json *target, const struct json *patch)
{
	bool replace = false;
	if (target->len > STRATEGIC_LIST_MAX || patch->len > STRATEGIC_LIST_MAX) {
		error_set(run->err, ERR_TOO_LARGE, "%s is too long to be merged", list->name);
		return NULL;
	}
	const struct json *before = json_clone(run->arena, target);
	const struct json *rest = follow_directives(run, list, target, patch, &replace);
	if (!rest)
		return NULL;
	if (replace)
		target = json_new_array(run->arena);
	for (size_t i = 0; i < rest->len; i++)
		if (merge_item(run, list, target, rest->items[i]))
			return NULL;
	return replace ? target : strategic_list_order(run, list, target, rest, before);
}

void strategic_list_delete(struct json *target, const struct json *values)
{
	for (size_t i = target->len; i-- > 0;)
		for (size_t j = 0; j < values->len; j++)
			if (json_equal(target->items[i], values->items[j])) {
				json_array_remove(target, i);
				break;
			}
}

static bool is_before(
    const struct strategic_list *list, const struct json *before, const struct json *a, const struct json *b)
{
	const struct json *id_a = identity(list, a), *id_b = identity(list, b);
	size_t at_a = id_a ? find_item(list, before, id_a) : before->len;
	size_t at_b = id_b ? find_item(list, before, id_b) : before->len;
	return at_a < before->len && at_b < before->len && at_a < at_b;
}

struct json *strategic_list_order(struct strategic_run *run, const struct strategic_list *list,
    const struct json *merged, const struct json *order, const struct json *before)
{
	struct json *named = json_new_array(run->arena), *others = json_new_array(run->arena);
	struct json *out = json_new_array(run->arena);
	if (order->len > STRATEGIC_LIST_MAX) {
		error_set(run->err, ERR_TOO_LARGE, "%s is too long to be merged", list->name);
		return NULL;
	}
	for (size_t i = 0; i < order->len; i++) {
		const struct json *id = identity(list, order->items[i]);
		if (!id) {
			no_key(run, list);
			return NULL;
		}
		size_t at = find_item(list, merged, id);
		if (at < merged->len && find_item(list, named, id) == named->len)
			json_push(run->arena, named, merged->items[at]);
	}
	for (size_t i = 0; i < merged->len; i++) {
		const struct json *id = identity(list, merged->items[i]);
		if (!id || find_item(list, named, id) == named->len)
			json_push(run->arena, others, merged->items[i]);
	}
	/* Those that the order leaves out keep their place relative to the named ones as far as it is known.
	 */
	size_t i = 0, j = 0;
	while (i < others->len || j < named->len) {
		bool take_other =
		    j >= named->len ||
		    (i < others->len && is_before(list, before, others->items[i], named->items[j]));
		json_push(run->arena, out, take_other ? others->items[i++] : named->items[j++]);
	}
	return out;
}

int strategic_list_check_order(struct strategic_run *run, const struct strategic_list *list,
    const struct json *patch, const struct json *order)
{
	size_t at = 0;
	for (size_t i = 0; i < patch->len; i++) {
		if (directive_of(patch->items[i]))
			continue;
		const struct json *id = identity(list, patch->items[i]);
		if (!id)
			return no_key(run, list);
		for (; at < order->len; at++) {
			const struct json *other = identity(list, order->items[at]);
			if (other && json_equal(other, id))
				break;
		}
		if (at++ >= order->len)
			return error_set(run->err, ERR_BAD_REQUEST,
			    "the order in patch list of %s does not match its $setElementOrder list",
			    list->name);
	}
	return 0;
}
