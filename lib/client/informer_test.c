#include "lib/client/informer.h"

#include <stdio.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/base/buf.h"
#include "lib/base/test.h"
#include "lib/client/informer_private.h"
#include "lib/client/test_objects.h"
#include "lib/resources/resource.h"

static struct informer_set *set;
static struct informer *inf;
static struct buf seen;

static void on_change(void *arg, const struct object *old, const struct object *new_)
{
	buf_printf(&seen, "%s%s%s ",
	    !old    ? "+"
	    : !new_ ? "-"
		    : "~",
	    object_name(new_ ? new_ : old), (const char *)arg);
}

static int setup(void **state)
{
	set = informer_set_new(NULL);
	inf = informer_get(set, resource_configmaps);
	seen = BUF_INIT;
	return 0;
}

static int teardown(void **state)
{
	informer_set_free(set);
	buf_done(&seen);
	return 0;
}

static void put(const char *ns, const char *name, int revision)
{
	struct object *obj = test_configmap(ns, name, revision);
	informer_inject(inf, obj);
	object_unref(obj);
}

static void expect_seen(const char *text)
{
	assert_string_equal(buf_str(&seen), text);
	buf_reset(&seen);
}

static size_t count(struct informer_iter iter)
{
	size_t n = 0;
	informer_for_each (obj, iter)
		n++;
	return n;
}

static void test_same_question_same_informer(void **state)
{
	assert_ptr_equal(informer_get(set, resource_configmaps), inf);
	assert_ptr_equal(informer_get_filtered(set, resource_configmaps, "", NULL, ""), inf);
	assert_ptr_not_equal(informer_get_filtered(set, resource_configmaps, "x", NULL, NULL), inf);
	assert_ptr_not_equal(informer_get(set, resource_pods), inf);
	assert_ptr_equal(informer_find(set, resource_configmaps), inf);
	assert_null(informer_find(set, resource_services));
}

static void test_handlers_see_changes(void **state)
{
	put("a", "before", 1);
	informer_add_handler(inf, on_change, "");
	expect_seen("+before ");
	put("a", "x", 2);
	put("a", "x", 3);
	put("a", "x", 3); /* nothing new */
	put("a", "x", 2); /* older than what is known */
	expect_seen("+x ~x ");
	informer_inject_delete(inf, "a", "x");
	informer_inject_delete(inf, "a", "x");
	expect_seen("-x ");
	assert_int_equal(informer_len(inf), 1);
	assert_int_equal(informer_revision(inf), 3);
}

static void test_lookup(void **state)
{
	put("a", "x", 1);
	put("b", "x", 2);
	assert_string_equal(object_namespace(informer_lookup(inf, "b", "x")), "b");
	assert_ptr_equal(informer_lookup_key(inf, "a/x"), informer_lookup(inf, "a", "x"));
	assert_null(informer_lookup(inf, "c", "x"));
	assert_null(informer_lookup(inf, NULL, "x"));
	assert_string_equal(object_namespace(informer_lookup_uid(inf, "uid-b-x")), "b");
	assert_null(informer_lookup_uid(inf, "uid-c-x"));
	put("b", "y", 3); /* the uid index is up to date although it was built before */
	assert_non_null(informer_lookup_uid(inf, "uid-b-y"));
	informer_inject_delete(inf, "b", "y");
	assert_null(informer_lookup_uid(inf, "uid-b-y"));
}

static void test_iteration(void **state)
{
	put("a", "x", 1);
	put("a", "y", 2);
	put("b", "x", 3);
	assert_int_equal(count(informer_all(inf)), 3);
	assert_int_equal(count(informer_in_namespace(inf, "a")), 2);
	assert_int_equal(count(informer_in_namespace(inf, "")), 3);
	assert_int_equal(count(informer_in_namespace(inf, "c")), 0);
	informer_inject_delete(inf, "a", "x");
	assert_int_equal(count(informer_in_namespace(inf, "a")), 1);
}

static void index_first_letter(
    const struct object *obj, void (*emit)(void *ctx, const char *value), void *ctx)
{
	char value[2] = {object_name(obj)[0], 0};
	emit(ctx, value);
	emit(ctx, value); /* twice is once */
	emit(ctx, "all");
}

static void test_own_index(void **state)
{
	informer_add_index(inf, "letter", index_first_letter);
	informer_add_index(inf, "letter", index_first_letter);
	put("a", "xx", 1);
	assert_int_equal(count(informer_by_index(inf, "letter", "x")), 1);
	put("a", "xy", 2);
	put("a", "zz", 3);
	put("a", "xx", 4);
	assert_int_equal(count(informer_by_index(inf, "letter", "x")), 2);
	assert_int_equal(count(informer_by_index(inf, "letter", "all")), 3);
	informer_inject_delete(inf, "a", "xx");
	informer_inject_delete(inf, "a", "xy");
	assert_int_equal(count(informer_by_index(inf, "letter", "x")), 0);
	assert_int_equal(count(informer_by_index(inf, "letter", "all")), 1);
}

static void test_controller_index(void **state)
{
	struct object *obj =
	    test_object("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: owned\n  namespace: a\n"
			"  ownerReferences:\n  - {apiVersion: v1, kind: Pod, name: p, uid: other}\n"
			"  - {apiVersion: v1, kind: Pod, name: p, uid: boss, controller: true}\n");
	informer_inject(inf, obj);
	object_unref(obj);
	put("a", "free", 1);
	assert_int_equal(count(informer_by_index(inf, "controller", "boss")), 1);
	assert_int_equal(count(informer_by_index(inf, "controller", "other")), 0);
}

static void list_item(const char *name, int revision, bool force)
{
	struct object *obj = test_configmap("a", name, revision);
	informer_replace_item(inf, obj, force);
	object_unref(obj);
}

static void test_list_replaces(void **state)
{
	put("a", "stays", 1);
	put("a", "changes", 2);
	put("a", "goes", 3);
	informer_add_handler(inf, on_change, "");
	buf_reset(&seen);
	informer_replace_begin(inf);
	list_item("stays", 1, false);
	list_item("changes", 5, false);
	list_item("comes", 6, false);
	informer_replace_end(inf, 7);
	expect_seen("~changes +comes -goes ");
	assert_int_equal(informer_revision(inf), 7);
	assert_true(informer_synced(inf));
}

/* The store was restored from a backup: what we know is from a future that never comes. */
static void test_forced_list_goes_back(void **state)
{
	put("a", "x", 90);
	informer_add_handler(inf, on_change, "");
	buf_reset(&seen);
	informer_replace_begin(inf);
	list_item("x", 10, true);
	informer_replace_end(inf, 12);
	expect_seen("~x ");
	assert_int_equal(informer_revision(inf), 12);
}

static void test_late_delete_does_not_remove_the_new_one(void **state)
{
	put("a", "x", 9);
	struct object *old = test_configmap("a", "x", 5);
	informer_apply(inf, old, true);
	object_unref(old);
	assert_int_equal(informer_len(inf), 1);
}

static int synced_calls;

static void on_synced(void *arg)
{
	synced_calls++;
}

static void test_synced(void **state)
{
	assert_false(informer_set_synced(set));
	informer_set_on_synced(set, on_synced, NULL);
	assert_int_equal(synced_calls, 0);
	informer_set_start(set);
	assert_int_equal(synced_calls, 1);
	assert_true(informer_set_synced(set));
	informer_set_start(set);
	assert_int_equal(synced_calls, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	resources_init();
	const struct CMUnitTest tests[] = {
	    TEST(test_same_question_same_informer),
	    TEST(test_handlers_see_changes),
	    TEST(test_lookup),
	    TEST(test_iteration),
	    TEST(test_own_index),
	    TEST(test_controller_index),
	    TEST(test_list_replaces),
	    TEST(test_forced_list_goes_back),
	    TEST(test_late_delete_does_not_remove_the_new_one),
	    TEST(test_synced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
