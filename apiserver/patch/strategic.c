/* Strategic merge of maps: directives, then member by member. */
#include "apiserver/patch/strategic.h"

#include <string.h>

#include "apiserver/patch/members.h"
#include "apiserver/patch/strategic_internal.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

int strategic_apply(struct arena *arena, const struct schema *schema, struct json *target,
    const struct json *patch, struct json **ret, struct error *err)
{
	struct strategic_run run = {arena, err};
	if (patch->type != JSON_OBJECT)
		return error_set(
		    err, ERR_BAD_REQUEST, "error decoding patch: a strategic merge patch is an object");
	*ret = strategic_map(&run, schema, target, patch);
	return *ret ? 0 : -1;
}

/* Maps have keys where messages have fields; what the keys hold is plain or replaced. */
static const struct schema *schema_below(const struct schema_field *field)
{
	return field && field->kind == SCHEMA_MESSAGE && field->shape != SCHEMA_MAP ? field->message : NULL;
}

static const struct schema_field *field_of(const struct schema *schema, const char *key)
{
	return schema ? schema_find(schema, key) : NULL;
}

static bool is_merged_list(const struct schema_field *field)
{
	return field && field->shape == SCHEMA_LIST && (field->flags & SCHEMA_PATCH_MERGE);
}

static struct strategic_list list_of(const struct schema_field *field)
{
	bool has_key = field->patch_merge_key && *field->patch_merge_key;
	return (struct strategic_list){
	    field->json, has_key ? field->patch_merge_key : NULL, schema_below(field)};
}

static bool is_directive(const char *key)
{
	return !strcmp(key, STRATEGIC_DIRECTIVE) || !strcmp(key, STRATEGIC_RETAIN_KEYS) ||
	       str_has_prefix(key, STRATEGIC_DELETE_PREFIX) || str_has_prefix(key, STRATEGIC_ORDER_PREFIX);
}

static struct json *without_directives(struct strategic_run *run, const struct json *patch)
{
	struct json *out = json_new_object(run->arena);
	for (size_t i = 0; i < patch->len; i++)
		if (!is_directive(patch->members[i].key))
			json_set(run->arena, out, patch->members[i].key,
			    json_clone(run->arena, patch->members[i].value));
	return out;
}

/* Where there is nothing yet, what a directive is about is left out as a whole, since v1.27. */
static bool has_directive(const struct json *v)
{
	return v->type == JSON_OBJECT && json_get(v, STRATEGIC_DIRECTIVE);
}

static struct json *new_list(
    struct strategic_run *run, const struct schema_field *field, const struct json *patch)
{
	struct json *out = json_new_array(run->arena);
	for (size_t i = 0; i < patch->len; i++) {
		const struct json *item = patch->items[i];
		if (has_directive(item))
			continue;
		json_push(run->arena, out,
		    item->type == JSON_OBJECT ? strategic_new(run, schema_below(field), NULL, item)
					      : json_clone(run->arena, item));
	}
	return out;
}

struct json *strategic_new(struct strategic_run *run, const struct schema *schema,
    const struct schema_field *field, const struct json *patch)
{
	if (patch->type == JSON_ARRAY)
		return new_list(run, field, patch);
	if (patch->type != JSON_OBJECT)
		return json_clone(run->arena, patch);
	struct json *out = json_new_object(run->arena);
	for (size_t i = 0; i < patch->len; i++) {
		const struct json_member *m = &patch->members[i];
		const struct schema_field *f = field_of(schema, m->key);
		if (!is_directive(m->key) && m->value->type != JSON_NULL && !has_directive(m->value))
			json_set(run->arena, out, m->key, strategic_new(run, schema_below(f), f, m->value));
	}
	return out;
}

static struct json *follow_directive(
    struct strategic_run *run, const struct json *patch, const struct json *directive)
{
	const char *what = directive->type == JSON_STRING ? directive->text : "";
	if (!strcmp(what, "replace"))
		return without_directives(run, patch);
	if (!strcmp(what, "delete"))
		return json_new_object(run->arena);
	error_set(run->err, ERR_BAD_REQUEST, "unknown patch type found: \"%s\"", what);
	return NULL;
}

static bool list_has(const struct json *list, const char *text)
{
	for (size_t i = 0; i < list->len; i++)
		if (list->items[i]->type == JSON_STRING && !strcmp(list->items[i]->text, text))
			return true;
	return false;
}

/* $retainKeys: members of the target that it does not name go, and it must name all that the patch sets. */
static int retain_keys(struct strategic_run *run, struct json *target, const struct json *patch)
{
	const struct json *kept = json_get(patch, STRATEGIC_RETAIN_KEYS);
	if (!kept)
		return 0;
	if (kept->type != JSON_ARRAY)
		return error_set(
		    run->err, ERR_BAD_REQUEST, "invalid patch format of retainKeys: it is no list");
	for (size_t i = 0; i < patch->len; i++) {
		const struct json_member *m = &patch->members[i];
		if (!is_directive(m->key) && m->value->type != JSON_NULL && !list_has(kept, m->key))
			return error_set(run->err, ERR_BAD_REQUEST,
			    "invalid patch format of retainKeys: %s is set but not among them", m->key);
	}
	for (size_t i = target->len; i-- > 0;)
		if (!list_has(kept, target->members[i].key))
			json_remove(target, target->members[i].key);
	return 0;
}

static int delete_from_lists(struct strategic_run *run, struct json *target, const struct json *patch)
{
	for (size_t i = 0; i < patch->len; i++) {
		const struct json_member *m = &patch->members[i];
		if (!str_has_prefix(m->key, STRATEGIC_DELETE_PREFIX))
			continue;
		if (m->value->type != JSON_ARRAY)
			return error_set(run->err, ERR_BAD_REQUEST, "%s: it is no list", m->key);
		struct json *list = json_get(target, m->key + strlen(STRATEGIC_DELETE_PREFIX));
		if (list && list->type == JSON_ARRAY)
			strategic_list_delete(list, m->value);
	}
	return 0;
}

/* Only where target and patch agree on what the member is can they be merged; else the patch has its way. */
static struct json *merge_member(
    struct strategic_run *run, const struct schema_field *field, struct json *old, const struct json *patch)
{
	const struct schema *below = schema_below(field);
	if (!old || old->type != patch->type)
		return strategic_new(run, below, field, patch);
	if (patch->type == JSON_OBJECT) {
		if (field && (field->flags & SCHEMA_PATCH_REPLACE))
			return json_clone(run->arena, patch);
		return strategic_map(run, below, old, patch);
	}
	if (patch->type == JSON_ARRAY && is_merged_list(field)) {
		struct strategic_list list = list_of(field);
		return strategic_list_merge(run, &list, old, patch);
	}
	return json_clone(run->arena, patch);
}

static int merge_members(
    struct strategic_run *run, const struct schema *schema, struct json *target, const struct json *patch)
{
	struct members members;
	int rc = 0;
	members_open(&members, run->arena, target, patch->len);
	for (size_t i = 0; i < patch->len && !rc; i++) {
		const struct json_member *m = &patch->members[i];
		if (is_directive(m->key))
			continue;
		if (m->value->type == JSON_NULL) {
			members_remove(&members, m->key);
			continue;
		}
		struct json *old = members_get(&members, m->key);
		if (has_directive(m->value) && (!old || old->type != JSON_OBJECT)) {
			members_remove(&members, m->key);
			continue;
		}
		struct json *merged = merge_member(run, field_of(schema, m->key), old, m->value);
		if (merged)
			members_set(&members, m->key, merged);
		else
			rc = -1;
	}
	members_close(&members);
	return rc;
}

/* $setElementOrder: after the merge, so that what the patch adds has its place too. */
static int set_orders(struct strategic_run *run, const struct schema *schema, struct json *target,
    const struct json *patch, const struct json *before)
{
	for (size_t i = 0; i < patch->len; i++) {
		const struct json_member *m = &patch->members[i];
		if (!str_has_prefix(m->key, STRATEGIC_ORDER_PREFIX))
			continue;
		const char *name = m->key + strlen(STRATEGIC_ORDER_PREFIX);
		const struct schema_field *field = field_of(schema, name);
		const struct json *values = json_get(patch, name), *old = json_get(before, name);
		struct json *now = json_get(target, name);
		if (m->value->type != JSON_ARRAY ||
		    (values && values->type != JSON_ARRAY && values->type != JSON_NULL))
			return error_set(run->err, ERR_BAD_REQUEST,
			    "invalid patch format of setElementOrder list: %s", name);
		if (!is_merged_list(field) || !now || now->type != JSON_ARRAY)
			continue;
		struct strategic_list list = list_of(field);
		if (values && values->type == JSON_ARRAY &&
		    strategic_list_check_order(run, &list, values, m->value))
			return -1;
		now = strategic_list_order(
		    run, &list, now, m->value, old && old->type == JSON_ARRAY ? old : now);
		if (!now)
			return -1;
		json_set(run->arena, target, name, now);
	}
	return 0;
}

/* The lists that $setElementOrder names as they were, or NULL when it names none. */
static struct json *lists_before(
    struct strategic_run *run, const struct json *target, const struct json *patch)
{
	struct json *out = NULL;
	for (size_t i = 0; i < patch->len; i++) {
		const char *key = patch->members[i].key;
		if (!str_has_prefix(key, STRATEGIC_ORDER_PREFIX))
			continue;
		const char *name = key + strlen(STRATEGIC_ORDER_PREFIX);
		const struct json *list = json_get(target, name);
		out = out ? out : json_new_object(run->arena);
		if (list)
			json_set(run->arena, out, name, json_clone(run->arena, list));
	}
	return out;
}

struct json *strategic_map(
    struct strategic_run *run, const struct schema *schema, struct json *target, const struct json *patch)
{
	const struct json *directive = json_get(patch, STRATEGIC_DIRECTIVE);
	if (directive)
		return follow_directive(run, patch, directive);
	const struct json *before = lists_before(run, target, patch);
	if (retain_keys(run, target, patch) || delete_from_lists(run, target, patch) ||
	    merge_members(run, schema, target, patch))
		return NULL;
	if (before && set_orders(run, schema, target, patch, before))
		return NULL;
	return target;
}
