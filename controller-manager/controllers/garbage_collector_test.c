/* Facts from traces of upstream: scenarios gc-*. */
#include <string.h>

#include "controller-manager/testing/bench.h"
#include "lib/api/object.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"

static int setup(void **state)
{
	bench_start(&controller_garbage_collector, NULL);
	return 0;
}

static int teardown(void **state)
{
	bench_stop();
	return 0;
}

static void put_owner(const char *meta)
{
	bench_put("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: owner, namespace: w, uid: u1, "
		  "resourceVersion: '1'%s}\n",
	    meta);
}

static void put_child(const char *ref, const char *meta)
{
	bench_put("apiVersion: v1\nkind: Secret\nmetadata: {name: child, namespace: w, uid: u2, "
		  "resourceVersion: '20', ownerReferences: "
		  "[{apiVersion: v1, kind: ConfigMap, name: owner, uid: %s}]%s}\n",
	    ref, meta);
}

#define CHILD "secrets.v1./w/child"
#define OWNER "configmaps.v1./w/owner"

static void test_leaves_a_child_with_a_living_owner(void **state)
{
	put_owner("");
	put_child("u1", "");
	bench_expect(CHILD, "");
}

static void test_deletes_the_child_of_a_deleted_owner(void **state)
{
	put_owner("");
	put_child("u1", "");
	bench_remove(resource_configmaps, "w", "owner");
	bench_expect(CHILD, "delete v1 secrets w/child");
	assert_string_equal(plan_op_at(bench_reconcile(CHILD), 0)->propagation, "Background");
	assert_string_equal(plan_op_at(bench_reconcile(CHILD), 0)->uid, "u2");
}

static void test_waits_for_a_cache_that_may_be_behind(void **state)
{
	/* Nothing newer than the child was seen of its owner's kind: the owner may just not have arrived. */
	put_child("u1", "");
	assert_int_equal(plan_requeue_ms(bench_reconcile(CHILD)), 2000);
	assert_int_equal(plan_ops_len(bench_reconcile(CHILD)), 0);
	bench_put("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other, namespace: w, resourceVersion: "
		  "'21'}\n");
	bench_expect(CHILD, "delete v1 secrets w/child");
}

static void test_an_owner_of_the_same_name_with_another_uid_is_absent(void **state)
{
	put_owner("");
	put_child("another", "");
	bench_expect(CHILD, "delete v1 secrets w/child");
}

static void test_an_owner_of_unknown_kind_leaves_the_child_alone(void **state)
{
	bench_put(
	    "apiVersion: v1\nkind: Secret\nmetadata: {name: child, namespace: w, uid: u2, ownerReferences: "
	    "[{apiVersion: example.com/v1, kind: Thing, name: t, uid: u9}]}\n");
	bench_expect(CHILD, "");
}

static void test_foreground_waits_for_those_that_block(void **state)
{
	put_owner(", deletionTimestamp: '2023-11-14T22:13:00Z', finalizers: [foregroundDeletion]");
	bench_put("apiVersion: v1\nkind: Secret\nmetadata: {name: child, namespace: w, uid: u2, "
		  "resourceVersion: '20', ownerReferences: "
		  "[{apiVersion: v1, kind: ConfigMap, name: owner, uid: u1, blockOwnerDeletion: true}]}\n");
	bench_expect(OWNER, "");
	bench_expect(CHILD, "delete v1 secrets w/child");
	bench_remove(resource_secrets, "w", "child");
	assert_non_null(strstr(bench_describe(OWNER), "patch v1 configmaps w/owner"));
	assert_non_null(strstr(bench_describe(OWNER), "\"finalizers\":[]"));
}

static void test_orphan_cuts_references_first(void **state)
{
	const char *text;

	put_owner(", deletionTimestamp: '2023-11-14T22:13:00Z', finalizers: [orphan]");
	put_child("u1", "");
	text = bench_describe(OWNER);
	assert_non_null(strstr(text, "\"ownerReferences\":[]"));
	assert_non_null(strstr(strstr(text, "then"), "\"finalizers\":[]"));
	bench_expect(CHILD, "");
}

static void test_one_living_owner_of_two_keeps_the_child(void **state)
{
	put_owner("");
	bench_put("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: second, namespace: w, uid: u3, "
		  "resourceVersion: '2'}\n");
	bench_put("apiVersion: v1\nkind: Secret\nmetadata: {name: child, namespace: w, uid: u2, "
		  "resourceVersion: '20', ownerReferences: "
		  "[{apiVersion: v1, kind: ConfigMap, name: owner, uid: u1}, {apiVersion: v1, kind: "
		  "ConfigMap, name: second, uid: u3}]}\n");
	bench_remove(resource_configmaps, "w", "second");
	assert_non_null(strstr(bench_describe(CHILD), "patch v1 secrets w/child"));
	assert_non_null(strstr(bench_describe(CHILD), "\"name\":\"owner\""));
	assert_null(strstr(bench_describe(CHILD), "\"name\":\"second\""));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_leaves_a_child_with_a_living_owner),
	    TEST(test_deletes_the_child_of_a_deleted_owner),
	    TEST(test_waits_for_a_cache_that_may_be_behind),
	    TEST(test_an_owner_of_the_same_name_with_another_uid_is_absent),
	    TEST(test_an_owner_of_unknown_kind_leaves_the_child_alone),
	    TEST(test_foreground_waits_for_those_that_block),
	    TEST(test_orphan_cuts_references_first),
	    TEST(test_one_living_owner_of_two_keeps_the_child),
	};

	resources_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
