/* managedFields as a list of managers, and the owners of the number of replicas. */
#include "apiserver/patch/managers.h"

#include "apiserver/patch/scale_owners.h"
#include "apiserver/patch/test_trees.h"
#include "lib/api/values.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_scale)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
