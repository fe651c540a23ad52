#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/api/labels.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

static bool matches(const char *text, const char *key, const char *value)
{
	struct arena *arena = arena_new();
	MetaV1__ObjectMeta *meta = API_NEW(arena, meta_v1__object_meta);
	struct error err = ERROR_INIT;
	struct selector *sel;
	bool result;

	if (key)
		api_map_set(arena, meta, labels, meta_v1__object_meta__labels_entry, key, value);
	api_map_set(arena, meta, labels, meta_v1__object_meta__labels_entry, "zone", "z");
	if (selector_parse(arena, text, &sel, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	result = selector_matches(sel, meta);
	arena_free(arena);
	return result;
}

static void test_matching(void **state)
{
	assert_true(matches("", NULL, NULL));
	assert_true(matches("a=b", "a", "b"));
	assert_true(matches("a==b", "a", "b"));
	assert_true(matches(" a = b , zone in ( y , z ) ", "a", "b"));
	assert_false(matches("a=b", "a", "c"));
	assert_false(matches("a=b", NULL, NULL));
	assert_true(matches("a!=b", NULL, NULL));
	assert_true(matches("a!=b", "a", "c"));
	assert_false(matches("a!=b", "a", "b"));
	assert_true(matches("a", "a", ""));
	assert_false(matches("a", NULL, NULL));
	assert_true(matches("!a", NULL, NULL));
	assert_true(matches("a notin (b,c)", NULL, NULL));
	assert_false(matches("a notin (b,c)", "a", "c"));
	assert_true(matches("a=", "a", ""));
	assert_true(matches("a in (,b)", "a", ""));
	assert_true(matches("a>1", "a", "2"));
	assert_false(matches("a>1", "a", "1"));
	assert_false(matches("a>1", "a", "x"));
	assert_true(matches("a<10,a>5", "a", "7"));
	assert_true(matches("in=x", "in", "x"));
	assert_true(matches("example.com/app_name=web-1.2", "example.com/app_name", "web-1.2"));
}

static void test_malformed(void **state)
{
	static const char *const table[] = {"a b", "a=b,", ",a=b", "a in b", "a in (b", "=b", "a=b c", "!a=b",
	    "a>x", "a=-b", "/a=b", "a/=b", "A_B/c=d", "a/b/c=d", "a=b=c", "a in (b,c", "!", "a notin", "-a",
	    "a.", "x y=z", "a=b,,c=d", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=b"};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct arena *arena = arena_new();
		struct error err = ERROR_INIT;
		struct selector *sel;

		if (selector_parse(arena, table[i], &sel, &err) == 0)
			fail_msg("\"%s\" was taken", table[i]);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		arena_free(arena);
	}
}

static void test_format(void **state)
{
	static const struct {
		const char *in, *out;
	} table[] = {{"", ""}, {"b=c,a!=d", "a!=d,b=c"}, {"x in (b,a),!y,z", "x in (a,b),!y,z"},
	    {"x notin (b),n>1,m<2", "m<2,n>1,x notin (b)"}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct arena *arena = arena_new();
		struct selector *sel;

		assert_int_equal(selector_parse(arena, table[i].in, &sel, NULL), 0);
		assert_string_equal(selector_format(arena, sel), table[i].out);
		arena_free(arena);
	}
}

static void test_objects(void **state)
{
	struct arena *arena = arena_new();
	MetaV1__LabelSelector *ls = API_NEW(arena, meta_v1__label_selector);
	MetaV1__LabelSelectorRequirement *e = API_NEW(arena, meta_v1__label_selector_requirement);
	MetaV1__ObjectMeta *meta = API_NEW(arena, meta_v1__object_meta);
	struct error err = ERROR_INIT;
	struct selector *sel;

	assert_int_equal(selector_from_object(arena, NULL, &sel, NULL), 0);
	assert_false(selector_matches(sel, meta));
	assert_false(selector_is_everything(sel));
	assert_int_equal(selector_from_object(arena, ls, &sel, NULL), 0);
	assert_true(selector_matches(sel, meta));
	assert_true(selector_is_everything(sel));
	api_map_set(arena, ls, match_labels, meta_v1__label_selector__match_labels_entry, "app", "web");
	e->key = "tier";
	e->operator_ = "NotIn";
	api_append(arena, e, values, "db");
	api_append(arena, ls, match_expressions, e);
	assert_int_equal(selector_from_object(arena, ls, &sel, NULL), 0);
	assert_string_equal(selector_format(arena, sel), "app=web,tier notin (db)");
	assert_string_equal(selector_requires(sel, "app"), "web");
	assert_null(selector_requires(sel, "tier"));
	api_map_set(arena, meta, labels, meta_v1__object_meta__labels_entry, "app", "web");
	assert_true(selector_matches(sel, meta));
	e->operator_ = "Like";
	assert_int_equal(selector_from_object(arena, ls, &sel, &err), -1);
	assert_string_equal(err.message, "\"Like\" is not a valid label selector operator");
	assert_false(selector_matches(selector_from_map(arena, 0, NULL), meta));
	assert_true(selector_matches(selector_from_map(arena, meta->n_labels, meta->labels), meta));
	arena_free(arena);
}

static void test_field_selectors(void **state)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct field_selector *sel;

	assert_int_equal(field_selector_parse(arena, "", &sel, NULL), 0);
	assert_int_equal(sel->len, 0);
	assert_int_equal(
	    field_selector_parse(arena, "metadata.name=a,spec.nodeName!=b\\,c\\=,x==y", &sel, NULL), 0);
	assert_int_equal(sel->len, 3);
	assert_string_equal(sel->terms[0].field, "metadata.name");
	assert_string_equal(sel->terms[0].value, "a");
	assert_true(sel->terms[0].equal);
	assert_string_equal(sel->terms[1].value, "b,c=");
	assert_false(sel->terms[1].equal);
	assert_string_equal(sel->terms[2].value, "y");
	assert_true(sel->terms[2].equal);
	assert_int_equal(field_selector_parse(arena, "=,!=,a=b,==", &sel, NULL), 0);
	assert_int_equal(sel->len, 1);
	assert_string_equal(sel->terms[0].field, "a");
	assert_int_equal(field_selector_parse(arena, "abc", &sel, &err), -1);
	assert_int_equal(field_selector_parse(arena, "a=b\\", &sel, NULL), -1);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_matching),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_format),
	    cmocka_unit_test(test_objects),
	    cmocka_unit_test(test_field_selectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
