/* namespace, serviceaccount and root_ca: what a namespace gets at its start and loses at its end. */
#include <string.h>

#include "controller-manager/testing/bench.h"
#include "lib/api/object.h"
#include "lib/base/str.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"

static void put_namespace(const char *meta, const char *rest)
{
	bench_put(
	    "apiVersion: v1\nkind: Namespace\nmetadata: {name: w%s}\nspec: {finalizers: [kubernetes]}\n%s",
	    meta, rest);
}

#define DYING ", deletionTimestamp: '2023-11-14T22:13:10Z'"

static int teardown(void **state)
{
	bench_stop();
	return 0;
}

static void test_default_service_account(void **state)
{
	bench_start(&controller_serviceaccount, NULL);
	put_namespace("", "");
	assert_string_equal(bench_enqueued(), "w ");
	bench_expect("w", "create v1 serviceaccounts w/default");
	assert_true(plan_op_at(bench_reconcile("w"), 0)->ignore_exists);
	bench_apply();
	bench_expect("w", "");
	bench_enqueued();
	bench_remove(resource_serviceaccounts, "w", "default");
	assert_string_equal(bench_enqueued(), "w ");
	put_namespace(DYING, "");
	bench_expect("w", "");
	bench_expect("absent", "");
}

static void test_root_ca(void **state)
{
	struct controller_manager_options options = {.root_ca = "PEM\n"};
	bench_start(&controller_root_ca, &options);
	put_namespace("", "");
	bench_expect("w", "create v1 configmaps w/kube-root-ca.crt");
	bench_json_has(0, "\"data\":{\"ca.crt\":\"PEM\\n\"}");
	bench_apply();
	bench_expect("w", "");
	bench_enqueued();
	bench_put("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-root-ca.crt, namespace: w}\ndata: "
		  "{ca.crt: x, more: z}\n");
	assert_string_equal(bench_enqueued(), "w ");
	bench_expect("w", "update v1 configmaps w/kube-root-ca.crt");
	bench_json_has(0, "\"data\":{\"ca.crt\":\"PEM\\n\"}");
	bench_put("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other, namespace: w}\n");
	assert_string_equal(bench_enqueued(), "");
}

static void test_nothing_without_a_ca(void **state)
{
	bench_start(&controller_root_ca, NULL);
	put_namespace("", "");
	bench_expect("w", "");
}

static void test_living_namespace_is_left_alone(void **state)
{
	bench_start(&controller_namespace, NULL);
	put_namespace("", "");
	bench_put("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: w}\n");
	bench_expect("w", "");
}

static void test_contents_go_before_the_namespace(void **state)
{
	bench_start(&controller_namespace, NULL);
	put_namespace(DYING, "");
	bench_put("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: w}\n");
	bench_put("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: elsewhere}\n");
	bench_put("apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: w}\n");
	bench_expect("w", "delete-all v1 configmaps w/*\ndelete-all v1 pods w/*");
	assert_true(plan_requeue_ms(bench_reconcile("w")) > 0);
	bench_remove(resource_configmaps, "w", "c");
	bench_put("apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: w" DYING "}\n");
	/* ns-stuck: what stays is told. */
	bench_expect("w", "update-status v1 namespaces w");
	bench_json_has(0, "\"type\":\"NamespaceContentRemaining\",\"status\":\"True\",\"lastTransitionTime\":"
			  "\"2023-11-14T22:13:20Z\",\"reason\":\"SomeResourcesRemain\","
			  "\"message\":\"Some resources are remaining: pods. has 1 resource instances\"");
	bench_json_has(0, "\"type\":\"NamespaceFinalizersRemaining\",\"status\":\"False\"");
	bench_apply();
	bench_expect("w", "");
	bench_remove(resource_pods, "w", "p");
	bench_expect("w", "update-status v1 namespaces w");
	bench_json_has(0, "\"reason\":\"ContentRemoved\"");
	bench_apply();
	assert_true(str_has_suffix(bench_describe("w"), "\nthen\npost v1 namespaces/finalize w"));
}

static void test_server_has_the_last_word(void **state)
{
	bench_start(&controller_namespace, NULL);
	put_namespace(DYING, "");
	bench_put("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: "
		  "foos.example.com}\n"
		  "spec: {group: example.com, scope: Namespaced, names: {plural: foos, kind: Foo},\n"
		  "  versions: [{name: v1, served: true, storage: false}, {name: v2, served: true, storage: "
		  "true}]}\n");
	const char *text = bench_describe("w");
	assert_non_null(strstr(text, "delete-all v1 pods w/*\n"));
	assert_non_null(strstr(text, "delete-all example.com/v2 foos w/*\nthen\nexpect-none "));
	assert_non_null(strstr(text, "delete-all v1 events w/*"));
	assert_null(strstr(text, "events.k8s.io"));
	assert_null(strstr(text, "nodes"));
	assert_non_null(
	    strstr(text, "expect-none example.com/v2 foos w/*\nthen\npost v1 namespaces/finalize w"));
	size_t last = plan_ops_len(bench_reconcile("w")) - 1;
	assert_null(strstr(bench_json(last), "finalizers"));
}

static void test_other_finalizers_are_not_ours(void **state)
{
	bench_start(&controller_namespace, NULL);
	bench_put(
	    "apiVersion: v1\nkind: Namespace\nmetadata: {name: w" DYING "}\nspec: {finalizers: [other]}\n");
	bench_expect("w", "");
}

static void test_stuck_finalizer_is_named(void **state)
{
	bench_start(&controller_namespace, NULL);
	put_namespace(DYING, "");
	bench_put("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: w, finalizers: "
		  "[example.com/f]" DYING "}\n");
	bench_reconcile("w");
	bench_json_has(0, "finalizers remaining: example.com/f in 1 resource instances");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_default_service_account),
	    TEST(test_root_ca),
	    TEST(test_nothing_without_a_ca),
	    TEST(test_living_namespace_is_left_alone),
	    TEST(test_contents_go_before_the_namespace),
	    TEST(test_server_has_the_last_word),
	    TEST(test_other_finalizers_are_not_ours),
	    TEST(test_stuck_finalizer_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
