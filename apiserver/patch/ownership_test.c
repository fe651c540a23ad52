/* Field sets, typed trees and who owns what after a change. */
#include "apiserver/patch/ownership.h"

#include "apiserver/patch/test_trees.h"
#include "lib/api/schema.h"

#define POD_SPEC "io.k8s.api.core.v1.PodSpec"
#define META_SCHEMA "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

static struct fieldset *parse_set(struct arena *arena, const char *text)
{
	struct fieldset *set = NULL;
	struct error err = ERROR_INIT;
	if (fieldset_parse(arena, text, strlen(text), &set, &err))
		fail_msg("%s: %s", text, err.message);
	return set;
}

static void assert_set(const char *what, const struct fieldset *set, const char *want)
{
	struct buf text = BUF_INIT;
	fieldset_write(&text, set);
	assert_text(what, buf_str(&text), want);
	buf_done(&text);
}

static struct json *sorted(struct arena *arena, const char *text)
{
	struct json *v = parse_tree(arena, text);
	json_sort(v);
	return v;
}

static void test_sets(void **state)
{
	struct arena *arena = arena_new();
	struct fieldset *a = parse_set(arena, "{\"f:a\":{\".\":{},\"f:x\":{}},\"f:b\":{}}");
	struct fieldset *b = parse_set(arena, "{\"f:a\":{},\"f:c\":{\"v:1\":{}}}");
	assert_set("a", a, "{\"f:a\":{\".\":{},\"f:x\":{}},\"f:b\":{}}");
	assert_set("union", fieldset_union(arena, a, b),
	    "{\"f:a\":{\".\":{},\"f:x\":{}},\"f:b\":{},\"f:c\":{\"v:1\":{}}}");
	assert_set("intersection", fieldset_intersection(arena, a, b), "{\"f:a\":{}}");
	assert_set("difference", fieldset_difference(arena, a, b), "{\"f:a\":{\"f:x\":{}},\"f:b\":{}}");
	assert_set("without", fieldset_without(arena, a, b), "{\"f:b\":{}}");
	assert_true(fieldset_is_empty(fieldset_difference(arena, a, a)));
	assert_true(fieldset_equal(a, fieldset_union(arena, a, a)));
	assert_false(fieldset_equal(a, b));
	struct fieldset *bad = NULL;
	/* equal children become one, as lists with an item twice have them */
	struct typed type = typed_root(schema_by_name(META_SCHEMA), NULL);
	struct json *twice = parse_tree(arena, "{\"finalizers\":[\"b\",\"a\",\"b\"]}");
	assert_set("twice", typed_fields(arena, type, twice),
	    "{\"f:finalizers\":{\"v:\\\"a\\\"\":{},\"v:\\\"b\\\"\":{}}}");
	assert_string_equal(typed_find_bad_item(arena, type, twice), "v:\"b\"");
	assert_null(typed_find_bad_item(arena, type, parse_tree(arena, "{\"finalizers\":[\"b\",\"a\"]}")));
	assert_true(fieldset_is_empty(parse_set(arena, "{\".\":{}}"))); /* no path */
	assert_int_equal(fieldset_parse(arena, "{\"x\":{}}", 8, &bad, NULL), -1);
	assert_int_equal(fieldset_parse(arena, "{\"f:x\":1}", 9, &bad, NULL), -1);
	assert_int_equal(fieldset_parse(arena, "[]", 2, &bad, NULL), -1);
	arena_free(arena);
}

static void collect(void *arg, const char *path)
{
	buf_printf(arg, "%s ", path);
}

static void test_paths(void **state)
{
	struct arena *arena = arena_new();
	struct buf text = BUF_INIT;
	fieldset_for_each(
	    parse_set(arena,
		"{\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"main\\\"}\":{\".\":{},\"f:image\":{}}},"
		"\"f:ports\":{\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{}}},"
		"\"f:z\":{\"v:\\\"x\\\"\":{}}}"),
	    collect, &text);
	assert_text("paths", buf_str(&text),
	    ".spec.containers[name=\"main\"] .spec.containers[name=\"main\"].image "
	    ".spec.ports[port=80,protocol=\"TCP\"] .z[=\"x\"] ");
	buf_reset(&text);
	/* members of an object before what lies below them */
	fieldset_for_each(parse_set(arena, "{\"f:a\":{\".\":{},\"f:x\":{}},\"f:b\":{\"f:y\":{}},\"f:c\":{}}"),
	    collect, &text);
	assert_text("order", buf_str(&text), ".a .c .a.x .b.y ");
	buf_done(&text);
	arena_free(arena);
}

static void test_fields_of_a_tree(void **state)
{
	static const char *const cases[][3] = {
	    {POD_SPEC,
		"{\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"args\":[\"x\"]}],\"nodeSelector\":{\"k\":"
		"\"v\"}}",
		"{\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:args\":{},\"f:image\":{},"
		"\"f:name\":{}}},"
		"\"f:nodeSelector\":{}}"},
	    {POD_SPEC, "{\"containers\":[{\"name\":\"a\",\"ports\":[{\"containerPort\":53}]}]}",
		"{\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:name\":{},\"f:ports\":{"
		"\"k:{\\\"containerPort\\\":53,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:containerPort\":"
		"{}}}}}}"},
	    {META_SCHEMA, "{\"labels\":{\"a\":\"1\"},\"finalizers\":[\"f\"],\"annotations\":{}}",
		"{\"f:finalizers\":{\"v:\\\"f\\\"\":{}},\"f:labels\":{\"f:a\":{}}}"},
	    {"", "{\"spec\":{\"a\":{\"b\":[1]}},\"metadata\":{\"labels\":{\"x\":\"y\"}}}",
		"{\"f:metadata\":{\"f:labels\":{\"f:x\":{}}},\"f:spec\":{\".\":{},\"f:a\":{\".\":{},\"f:b\":{"
		"}}}}"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena *arena = arena_new();
		struct typed type = typed_root(schema_by_name(cases[i][0]), NULL);
		assert_set(cases[i][1], typed_fields(arena, type, sorted(arena, cases[i][1])), cases[i][2]);
		arena_free(arena);
	}
}

/* What a CustomResourceDefinition says about lists and maps. */
static void test_custom(void **state)
{
	static const char schema[] =
	    "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{"
	    "\"ports\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":"
	    "[\"port\","
	    "\"proto\"],\"items\":{\"type\":\"object\",\"properties\":{\"port\":{\"type\":\"integer\"},"
	    "\"proto\":{\"type\":"
	    "\"string\",\"default\":\"TCP\"}}}},\"tags\":{\"type\":\"array\",\"x-kubernetes-list-type\":"
	    "\"set\"},"
	    "\"whole\":{\"type\":\"object\",\"x-kubernetes-map-type\":\"atomic\"},\"any\":{\"type\":"
	    "\"object\","
	    "\"additionalProperties\":{\"type\":\"string\"}},\"list\":{\"type\":\"array\"}}}}}";
	struct arena *arena = arena_new();
	struct typed type = typed_root(NULL, parse_tree(arena, schema));
	assert_set("custom",
	    typed_fields(arena, type,
		sorted(arena, "{\"metadata\":{\"finalizers\":[\"f\"]},\"spec\":{\"ports\":[{\"port\":1},{"
			      "\"port\":1,\"proto\":\"UDP\"}],"
			      "\"tags\":[\"a\"],"
			      "\"whole\":{\"x\":1},\"any\":{\"k\":\"v\"},\"list\":[1]}}")),
	    "{\"f:metadata\":{\"f:finalizers\":{\"v:\\\"f\\\"\":{}}},\"f:spec\":{\"f:any\":{\"f:k\":{}},\"f:"
	    "list\":{},"
	    "\"f:ports\":{\"k:{\\\"port\\\":1,\\\"proto\\\":\\\"TCP\\\"}\":{\".\":{},\"f:port\":{}},\"k:{"
	    "\\\"port\\\":1,\\\"proto\\\":\\\"UDP\\\"}\":{\".\":{},\"f:port\":{},\"f:proto\":{}}},"
	    "\"f:tags\":{\"v:\\\"a\\\"\":{}},\"f:whole\":{}}}");
	static const char *const broken[] = {"{\"ports\":[{\"proto\":\"UDP\"}]}", "{\"ports\":[null]}",
	    "{\"ports\":[1]}", "{\"tags\":[null]}", "{\"tags\":[\"a\",[]]}", "{\"tags\":[{}]}"};
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		struct json *tree = parse_tree(arena, arena_printf(arena, "{\"spec\":%s}", broken[i]));
		assert_true(typed_is_broken(arena, type, tree));
		assert_string_equal(typed_find_bad_item(arena, type, tree), "?");
	}
	assert_false(typed_is_broken(arena, type,
	    parse_tree(
		arena, "{\"spec\":{\"tags\":[\"a\",\"a\"],\"ports\":[{\"port\":2}],\"list\":[null]}}")));
	arena_free(arena);
}

static void test_compare(void **state)
{
	struct arena *arena = arena_new();
	struct typed type = typed_root(schema_by_name(POD_SPEC), NULL);
	struct typed_difference d = typed_compare(arena, type,
	    sorted(arena,
		"{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\"}],\"hostNetwork\":true}"),
	    sorted(arena, "{\"containers\":[{\"name\":\"c\"},{\"name\":\"a\",\"image\":\"2\",\"env\":[{"
			  "\"name\":\"E\"}]}]}"));
	assert_set("added", d.added,
	    "{\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\"f:env\":{\".\":{},"
	    "\"k:{\\\"name\\\":\\\"E\\\"}\":{\".\":{},\"f:name\":{}}}},"
	    "\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},\"f:name\":{}}}}");
	assert_set("removed", d.removed,
	    "{\"f:containers\":{\"k:{\\\"name\\\":\\\"b\\\"}\":{\".\":{},\"f:name\":{}}},\"f:hostNetwork\":{}"
	    "}");
	assert_set(
	    "modified", d.modified, "{\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\"f:image\":{}}}}");
	/* null takes the form of the other side: the list itself is not added, as it was there */
	d = typed_compare(arena, type, sorted(arena, "{\"containers\":null}"),
	    sorted(arena, "{\"containers\":[{\"name\":\"a\"}]}"));
	assert_set(
	    "null", d.added, "{\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:name\":{}}}}");
	arena_free(arena);
}

/* Sets that were written when a field was granular still. */
static void test_reconcile(void **state)
{
	static const char *const cases[][3] = {
	    {POD_SPEC, "{\"f:nodeSelector\":{\"f:a\":{}},\"f:tolerations\":{\".\":{},\"f:x\":{}}}",
		"{\"f:nodeSelector\":{},\"f:tolerations\":{}}"},
	    {POD_SPEC,
		"{\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:args\":{\"v:1\":{}}}}}",
		"{\"f:containers\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:args\":{}}}}"},
	    {POD_SPEC, "{\"f:nodeSelector\":{},\"f:new\":{\"f:x\":{}},\"f:containers\":{}}",
		"{\"f:containers\":{},\"f:new\":{\"f:x\":{}},\"f:nodeSelector\":{}}"},
	    {META_SCHEMA, "{\"f:labels\":{\".\":{},\"f:a\":{}}}", "{\"f:labels\":{\".\":{},\"f:a\":{}}}"},
	    {"", "{\"f:spec\":{\".\":{},\"f:a\":{\"f:b\":{}}}}",
		"{\"f:spec\":{\".\":{},\"f:a\":{\"f:b\":{}}}}"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena *arena = arena_new();
		struct typed type = typed_root(schema_by_name(cases[i][0]), NULL);
		assert_set(
		    cases[i][1], typed_reconcile(arena, type, parse_set(arena, cases[i][1])), cases[i][2]);
		arena_free(arena);
	}
}

/* Items that are there twice: in the set without what is in them, and compared as a whole. */
static void test_duplicates(void **state)
{
#define ONE(value) "{\"name\":\"E\",\"value\":\"" value "\"}"
#define MEMBER "{\"k:{\\\"name\\\":\\\"E\\\"}\":{}}"
#define ITEM "{\"k:{\\\"name\\\":\\\"E\\\"}\":{\".\":{},\"f:name\":{},\"f:value\":{}}}"
	static const struct {
		const char *before, *after, *added, *removed, *modified, *merged;
	} cases[] = {
	    {ONE("1") "," ONE("2"), ONE("1") "," ONE("2"), "", "", "", NULL},
	    {ONE("1") "," ONE("2"), ONE("2") "," ONE("1"), "", "", MEMBER, NULL},
	    {ONE("1") "," ONE("2"), ONE("1"), ITEM, MEMBER, "", ONE("1")},
	    {ONE("1") "," ONE("2"), "", "", MEMBER, "", ONE("1") "," ONE("2")},
	    {ONE("1"), ONE("1") "," ONE("2"), MEMBER, ITEM, "", NULL},
	    {"", ONE("1") "," ONE("2"), MEMBER, "", "", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena *arena = arena_new();
		struct typed type = typed_root(schema_by_name("io.k8s.api.core.v1.Container"), NULL);
		const char *form = "{\"env\":[%s],\"image\":\"i\"}";
		struct json *a = sorted(arena, arena_printf(arena, form, cases[i].before)),
			    *b = sorted(arena, arena_printf(arena, form, cases[i].after));
		struct typed_difference d = typed_compare(arena, type, a, b);
		const struct fieldset *sets[] = {d.added, d.removed, d.modified};
		const char *wants[] = {cases[i].added, cases[i].removed, cases[i].modified};
		for (size_t k = 0; k < 3; k++)
			assert_set(arena_printf(arena, "case %zu, set %zu", i, k), sets[k],
			    *wants[k] ? arena_printf(arena, "{\"f:env\":%s}", wants[k]) : "{}");
		if (cases[i].merged)
			assert_tree(arena, "merged", typed_merge(arena, type, a, b),
			    arena_printf(arena, form, cases[i].merged));
		assert_set("fields",
		    typed_fields(arena, type, sorted(arena, "{\"env\":[" ONE("1") "," ONE("2") "]}")),
		    "{\"f:env\":" MEMBER "}");
		arena_free(arena);
	}
}

static void test_merge_order(void **state)
{
	static const char *const cases[][3] = {
	    {"a b c", "b", "a b c"},
	    {"a b c", "c a", "b c a"},
	    {"a b", "c", "a b c"},
	    {"a b c d", "d x b", "a c d x b"},
	    {"", "a b", "a b"},
	    {"a b", "", "a b"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena *arena = arena_new();
		struct json *lists[2];
		struct buf text = BUF_INIT;
		for (size_t k = 0; k < 2; k++) {
			lists[k] = json_new_object(arena);
			json_set(arena, lists[k], "finalizers", json_new_array(arena));
			for (const char *p = cases[i][k]; *p; p += p[1] ? 2 : 1)
				json_push(arena, json_get(lists[k], "finalizers"),
				    json_new_string(arena, arena_strndup(arena, p, 1)));
		}
		struct json *out = json_get(
		    typed_merge(arena, typed_root(schema_by_name(META_SCHEMA), NULL), lists[0], lists[1]),
		    "finalizers");
		for (size_t k = 0; k < out->len; k++)
			buf_printf(&text, "%s%s", k ? " " : "", out->items[k]->text);
		assert_text(cases[i][1], buf_str(&text), cases[i][2]);
		buf_done(&text);
		arena_free(arena);
	}
}

static void set_of(struct managers *managers, const char *name, bool is_apply, const char *set)
{
	struct manager like = {.name = name, .api_version = "v1", .subresource = "", .is_apply = is_apply};
	managers_add(managers, &like)->set = parse_set(managers->arena, set);
}

static struct ownership change(struct arena *arena, const char *before, const char *after)
{
	struct ownership o = {.arena = arena,
	    .view = {.api_version = "v1",
		.type = typed_root(schema_by_name("io.k8s.api.core.v1.ConfigMap"), NULL),
		.before = sorted(arena, before),
		.after = sorted(arena, after)}};
	ownership_compare(&o, &o.view);
	return o;
}

static void test_update(void **state)
{
	struct arena *arena = arena_new();
	struct managers managers = {.arena = arena};
	struct manager self = {.name = "me", .api_version = "v1", .subresource = ""};
	set_of(&managers, "alpha", true, "{\"f:data\":{\"f:a\":{},\"f:b\":{},\"f:c\":{}}}");
	set_of(&managers, "beta", false, "{\"f:data\":{\"f:b\":{}}}");
	struct ownership o = change(arena, "{\"data\":{\"a\":\"1\",\"b\":\"1\",\"c\":\"1\"}}",
	    "{\"data\":{\"a\":\"1\",\"b\":\"2\",\"d\":\"1\"},\"metadata\":{\"name\":\"x\",\"generation\":1}"
	    "}");
	ownership_update(&o, &managers, &self, 77);
	assert_int_equal(managers.len, 2);
	assert_set("alpha", managers.items[0].set, "{\"f:data\":{\"f:a\":{}}}");
	assert_string_equal(managers.items[1].name, "me");
	assert_set("me", managers.items[1].set, "{\"f:data\":{\"f:b\":{},\"f:d\":{}}}");
	assert_int_equal(managers.items[1].time_s, 77);
	/* nothing changes: nobody comes in, no time moves */
	o = change(arena, "{\"data\":{\"a\":\"1\"}}", "{\"data\":{\"a\":\"1\"}}");
	ownership_update(&o, &managers, &self, 99);
	assert_int_equal(managers.items[1].time_s, 77);
	arena_free(arena);
}

static void test_conflicts(void **state)
{
	struct arena *arena = arena_new();
	struct managers managers = {.arena = arena};
	size_t len = 0;
	set_of(&managers, "alpha", true, "{\"f:data\":{\"f:a\":{},\"f:b\":{}}}");
	set_of(&managers, "me", true, "{\"f:data\":{\"f:a\":{}}}");
	struct ownership o = change(arena, "{\"data\":{\"a\":\"1\"}}", "{\"data\":{\"a\":\"2\"}}");
	struct ownership_conflict *conflicts =
	    ownership_settle(&o, &managers, &managers.items[1], false, &len);
	assert_int_equal(len, 1);
	assert_string_equal(conflicts[0].manager->name, "alpha");
	assert_set("conflict", conflicts[0].fields, "{\"f:data\":{\"f:a\":{}}}");
	assert_set("unchanged", managers.items[0].set, "{\"f:data\":{\"f:a\":{},\"f:b\":{}}}");
	ownership_settle(&o, &managers, &managers.items[1], true, &len);
	assert_set("forced", managers.items[0].set, "{\"f:data\":{\"f:b\":{}}}");
	/* the same value is shared, not fought over */
	o = change(arena, "{\"data\":{\"b\":\"1\"}}", "{\"data\":{\"b\":\"1\"}}");
	ownership_settle(&o, &managers, &managers.items[1], false, &len);
	assert_int_equal(len, 0);
	arena_free(arena);
}

static void test_prune(void **state)
{
	static const struct {
		const char *merged, *last, *now, *other, *want;
	} cases[] = {
	    {"{\"data\":{\"a\":\"1\",\"b\":\"2\"}}", "{\"f:data\":{\"f:a\":{},\"f:b\":{}}}",
		"{\"f:data\":{\"f:a\":{}}}", "{}", "{\"data\":{\"a\":\"1\"}}"},
	    /* somebody else applies it too */
	    {"{\"data\":{\"a\":\"1\",\"b\":\"2\"}}", "{\"f:data\":{\"f:a\":{},\"f:b\":{}}}",
		"{\"f:data\":{\"f:a\":{}}}", "{\"f:data\":{\"f:b\":{}}}",
		"{\"data\":{\"a\":\"1\",\"b\":\"2\"}}"},
	    /* never applied by this manager: stays */
	    {"{\"data\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}}", "{\"f:data\":{\"f:a\":{}}}",
		"{\"f:data\":{\"f:b\":{}}}", "{}", "{\"data\":{\"b\":\"2\",\"c\":\"3\"}}"},
	    {"{\"data\":{\"a\":\"1\"}}", "{\"f:data\":{\"f:a\":{}}}", "{}", "{}", "{}"},
	};
	static const bool is_apply[] = {true, false}; /* who owns by updates keeps fields as well */
	for (size_t k = 0; k < 2 * sizeof cases / sizeof cases[0]; k++) {
		size_t i = k / 2;
		struct arena *arena = arena_new();
		struct managers managers = {.arena = arena};
		set_of(&managers, "me", true, cases[i].now);
		set_of(&managers, "other", is_apply[k % 2], cases[i].other);
		struct json *out =
		    ownership_prune(arena, typed_root(schema_by_name("io.k8s.api.core.v1.ConfigMap"), NULL),
			sorted(arena, cases[i].merged), &managers, parse_set(arena, cases[i].last));
		/* null is as good as absent: the decoder drops it */
		if (out->type == JSON_OBJECT && json_get(out, "data") &&
		    json_get(out, "data")->type == JSON_NULL)
			json_remove(out, "data");
		assert_tree(arena, cases[i].last, out->type == JSON_NULL ? json_new_object(arena) : out,
		    cases[i].want);
		arena_free(arena);
	}
}

static void test_managed_fields(void **state)
{
	struct arena *arena = arena_new();
	struct managers managers = {.arena = arena}, again;
	MetaV1__ObjectMeta *meta = API_NEW(arena, meta_v1__object_meta);
	for (int i = 0; i < 14; i++) {
		struct manager like = {.name = arena_printf(arena, "m%02d", i),
		    .api_version = "v1",
		    .subresource = "",
		    .has_time = true,
		    .time_s = 100 + i};
		managers_add(&managers, &like)->set =
		    parse_set(arena, arena_printf(arena, "{\"f:data\":{\"f:%d\":{}}}", i));
	}
	set_of(&managers, "applier", true, "{\"f:data\":{}}");
	set_of(&managers, "nothing", false, "{}");
	managers_drop_empty(&managers);
	managers_cap(&managers);
	managers_write(&managers, arena, meta);
	assert_int_equal(meta->n_managed_fields, MANAGERS_UPDATES_MAX + 1);
	assert_string_equal(meta->managed_fields[0]->manager, "applier");
	assert_string_equal(meta->managed_fields[0]->operation, "Apply");
	assert_string_equal(meta->managed_fields[1]->manager, "ancient-changes");
	assert_string_equal(meta->managed_fields[10]->manager, "m13");
	assert_int_equal(managers_read(&again, arena, meta, NULL), 0);
	assert_int_equal(again.len, meta->n_managed_fields);
	meta->managed_fields[1]->operation = "Guess";
	assert_int_equal(managers_read(&again, arena, meta, NULL), -1);
	assert_false(managers_is_reset(meta));
	meta->n_managed_fields = 1;
	meta->managed_fields[0] = API_NEW(arena, meta_v1__managed_fields_entry);
	assert_true(managers_is_reset(meta));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_sets), cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_fields_of_a_tree), cmocka_unit_test(test_custom),
	    cmocka_unit_test(test_compare), cmocka_unit_test(test_duplicates),
	    cmocka_unit_test(test_reconcile), cmocka_unit_test(test_merge_order),
	    cmocka_unit_test(test_update), cmocka_unit_test(test_conflicts), cmocka_unit_test(test_prune),
	    cmocka_unit_test(test_managed_fields)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
