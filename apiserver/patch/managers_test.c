/* managedFields as a list of managers, and the owners of the number of replicas. */
#include "apiserver/patch/managers.h"

#include "apiserver/patch/scale_owners.h"
#include "apiserver/patch/test_trees.h"
#include "lib/api/schema.h"

static struct manager *add(struct managers *managers, const char *name, bool is_apply, const char *set)
{
	struct manager like = {
	    .name = name, .api_version = "v1", .subresource = "", .is_apply = is_apply, .time_s = 1};
	struct manager *m = managers_add(managers, &like);
	struct error err = ERROR_INIT;
	if (fieldset_parse(managers->arena, set, strlen(set), &m->set, &err))
		fail_msg("%s: %s", set, err.message);
	return m;
}

static void assert_fields(const struct managers *managers, const char *name, const char *want)
{
	for (size_t i = 0; i < managers->len; i++) {
		if (strcmp(managers->items[i].name, name) != 0)
			continue;
		struct buf text = BUF_INIT;
		fieldset_write(&text, managers->items[i].set);
		assert_text(name, buf_str(&text), want);
		buf_done(&text);
		return;
	}
	assert_text(name, "nothing", want);
}

static void test_scale(void **state)
{
	struct arena *arena = arena_new();
	struct managers managers = {.arena = arena};
	const struct fieldset *field = scale_owners_path(arena, ".spec.replicas");
	struct manager self = {.name = "scaler", .api_version = "v1", .subresource = "scale"};
	add(&managers, "other", true, "{\"f:spec\":{\"f:paused\":{}}}");
	assert_false(scale_owners_exist(&managers, field));
	scale_owners_update(&managers, field, &self, 1, 5, 100); /* nobody owns it: not tracked */
	assert_int_equal(managers.len, 1);
	add(&managers, "alpha", true, "{\"f:spec\":{\"f:replicas\":{}}}");
	add(&managers, "beta", true, "{\"f:spec\":{\"f:paused\":{},\"f:replicas\":{}}}");
	scale_owners_update(&managers, field, &self, 5, 5, 100); /* no change */
	assert_int_equal(managers.len, 3);
	scale_owners_update(&managers, field, &self, 5, 6, 100);
	assert_fields(&managers, "alpha", "nothing");
	assert_fields(&managers, "beta", "{\"f:spec\":{\"f:paused\":{}}}");
	assert_fields(&managers, "scaler", "{\"f:spec\":{\"f:replicas\":{}}}");
	scale_owners_update(&managers, field, &self, 6, 0, 101); /* a 0 is left out of a Scale */
	assert_fields(&managers, "scaler", "nothing");
	assert_int_equal(
	    scale_owners_count(parse_tree(arena, "{\"spec\":{\"replicas\":3}}"), ".spec.replicas"), 3);
	assert_int_equal(scale_owners_count(parse_tree(arena, "{\"spec\":{}}"), "spec.replicas"), 0);
	arena_free(arena);
}

static void assert_names(const struct managers *managers, const char *want)
{
	struct buf text = BUF_INIT;
	for (size_t i = 0; i < managers->len; i++)
		buf_printf(&text, "%s@%s ", managers->items[i].name, managers->items[i].api_version);
	assert_text("managers", buf_str(&text), want);
	buf_done(&text);
}

/* The oldest of a version stays until a second one of that version joins it. */
static void test_cap(void **state)
{
	struct arena *arena = arena_new();
	struct managers managers = {.arena = arena};
	for (int i = 0; i < 12; i++) {
		struct manager *m = add(&managers, arena_printf(arena, "m%02d", i), false,
		    arena_printf(arena, "{\"f:data\":{\"f:%02d\":{}}}", i));
		m->has_time = true;
		m->time_s = 100 + i;
		if (!i)
			m->api_version = "v1beta1";
	}
	managers_cap(&managers);
	assert_names(&managers,
	    "m00@v1beta1 ancient-changes@v1 m04@v1 m05@v1 m06@v1 m07@v1 m08@v1 m09@v1 m10@v1 m11@v1 ");
	assert_fields(&managers, "ancient-changes", "{\"f:data\":{\"f:01\":{},\"f:02\":{},\"f:03\":{}}}");
	assert_int_equal(managers.items[1].time_s, 103);
	add(&managers, "next", false, "{\"f:data\":{\"f:n\":{}}}")->time_s = 200;
	managers.items[managers.len - 1].has_time = true;
	managers_cap(&managers); /* the lump is the first of its version */
	assert_fields(
	    &managers, "ancient-changes", "{\"f:data\":{\"f:01\":{},\"f:02\":{},\"f:03\":{},\"f:04\":{}}}");
	assert_int_equal(managers.len, MANAGERS_UPDATES_MAX);
	arena_free(arena);
}

static MetaV1__ManagedFieldsEntry *entry(struct arena *arena, const char *fields)
{
	MetaV1__ManagedFieldsEntry *e = API_NEW(arena, meta_v1__managed_fields_entry);
	e->manager = "m";
	e->operation = "Update";
	e->api_version = "v1";
	e->fields_type = "FieldsV1";
	if (fields) {
		e->fields_v1 = API_NEW(arena, meta_v1__fields_v1);
		e->fields_v1->raw.data = (uint8_t *)arena_strdup(arena, fields);
		e->fields_v1->raw.len = strlen(fields);
	}
	return e;
}

static void test_read(void **state)
{
	struct arena *arena = arena_new();
	struct managers managers;
	MetaV1__ManagedFieldsEntry *entries[] = {entry(arena, "{\"f:a\":{}}"), entry(arena, "{\"f:b\":{}}")};
	MetaV1__ObjectMeta *meta = API_NEW(arena, meta_v1__object_meta);
	meta->managed_fields = entries;
	meta->n_managed_fields = 2;
	assert_int_equal(managers_read(&managers, arena, meta, NULL), 0);
	assert_names(&managers, "m@v1 ");
	assert_fields(&managers, "m", "{\"f:b\":{}}");
	entries[1] = entry(arena, NULL); /* no fields: an empty set */
	assert_int_equal(managers_read(&managers, arena, meta, NULL), 0);
	assert_fields(&managers, "m", "{}");
	entries[1]->api_version = "";
	assert_int_equal(managers_read(&managers, arena, meta, NULL), -1);
	entries[1]->api_version = "v1";
	entries[1]->fields_type = "";
	assert_int_equal(managers_read(&managers, arena, meta, NULL), -1);
	assert_false(managers_is_reset(meta));
	meta->n_managed_fields = 0;
	assert_true(managers_is_reset(meta)); /* [] */
	meta->managed_fields = NULL;
	assert_false(managers_is_reset(meta)); /* no list */
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scale), cmocka_unit_test(test_cap), cmocka_unit_test(test_read)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
