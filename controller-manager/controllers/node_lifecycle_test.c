/* Silent nodes, taints, and what the NoExecute ones do to pods; facts from traces of upstream: scenarios
 * node-*. */
#include <string.h>

#include "controller-manager/testing/bench.h"
#include "lib/api/object.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"

static const struct controller_manager_options options = {.node_monitor_grace_period_ms = 40000};

static int setup(void **state)
{
	bench_start(&controller_node_lifecycle, &options);
	return 0;
}

static int setup_eviction(void **state)
{
	bench_start(&controller_taint_eviction, &options);
	return 0;
}

static int teardown(void **state)
{
	bench_stop();
	return 0;
}

static void expect_only_requeue(const char *key, int64_t ms)
{
	const struct plan *plan = bench_reconcile(key);

	assert_int_equal(plan_ops_len(plan), 0);
	assert_int_equal(plan_requeue_ms(plan), ms);
}

static void put_node(const char *ready, const char *spec)
{
	bench_put("apiVersion: v1\nkind: Node\nmetadata: {name: n1, uid: u1}\nspec: {%s}\n"
		  "status: {conditions: [{type: Ready, status: '%s', lastHeartbeatTime: "
		  "'2023-11-14T22:13:00Z'}]}\n",
	    spec, ready);
}

static void test_a_well_node_has_nothing_to_fear(void **state)
{
	put_node("True", "");
	expect_only_requeue("n1", 40100);
}

static void test_silence_makes_a_node_unknown_then_tainted(void **state)
{
	put_node("True", "");
	bench_describe("n1");
	bench_pass(41);
	assert_non_null(strstr(bench_describe("n1"), "update-status v1 nodes n1"));
	bench_json_has(0, "\"type\":\"Ready\",\"status\":\"Unknown\"");
	bench_json_has(0, "\"reason\":\"NodeStatusUnknown\"");
	bench_json_has(0, "\"type\":\"DiskPressure\",\"status\":\"Unknown\"");
	bench_apply();
	assert_non_null(strstr(bench_describe("n1"), "update v1 nodes n1"));
	bench_json_has(0, "{\"key\":\"node.kubernetes.io/unreachable\",\"effect\":\"NoSchedule\"");
	bench_json_has(0, "{\"key\":\"node.kubernetes.io/unreachable\",\"effect\":\"NoExecute\"");
	bench_apply();
	bench_expect("n1", "");
}

static void test_a_lease_is_a_sign_of_life(void **state)
{
	put_node("True", "");
	bench_describe("n1");
	bench_pass(30);
	bench_put("apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: n1, namespace: "
		  "kube-node-lease, resourceVersion: '99'}\n");
	assert_non_null(strstr(bench_enqueued(), "n1 "));
	expect_only_requeue("n1", 40100);
	bench_pass(30);
	expect_only_requeue("n1", 10100);
}

static void test_taints_go_when_the_node_is_well(void **state)
{
	put_node("True", "taints: [{key: mine, effect: NoSchedule}, {key: node.kubernetes.io/not-ready, "
			 "effect: NoSchedule}]");
	assert_non_null(strstr(bench_describe("n1"), "update v1 nodes n1"));
	assert_null(strstr(bench_json(0), "not-ready"));
	bench_json_has(0, "{\"key\":\"mine\",\"effect\":\"NoSchedule\"}");
}

static void test_a_cordoned_node_is_tainted(void **state)
{
	put_node("True", "unschedulable: true");
	assert_non_null(strstr(bench_describe("n1"), "update v1 nodes n1"));
	bench_json_has(0, "{\"key\":\"node.kubernetes.io/unschedulable\",\"effect\":\"NoSchedule\"");
}

static void test_pods_of_a_silent_node_are_not_ready(void **state)
{
	put_node("False", "taints: [{key: node.kubernetes.io/not-ready, effect: NoSchedule}, {key: "
			  "node.kubernetes.io/not-ready, effect: NoExecute}]");
	bench_put("apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: w}\nspec: {nodeName: n1, "
		  "containers: []}\n"
		  "status: {conditions: [{type: Ready, status: 'True'}]}\n");
	assert_non_null(strstr(bench_describe("n1"), "update-status v1 pods w/p"));
	bench_json_has(0, "\"type\":\"Ready\",\"status\":\"False\"");
}

static void put_pod(const char *tolerations)
{
	bench_put("apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: w, uid: up}\nspec: {nodeName: "
		  "n1, containers: [], tolerations: [%s]}\n",
	    tolerations);
}

static void test_evicts_what_does_not_tolerate(void **state)
{
	put_node(
	    "True", "taints: [{key: k, value: v, effect: NoExecute, timeAdded: '2023-11-14T22:13:20Z'}]");
	put_pod("");
	assert_non_null(strstr(bench_describe("w/p"), "then\ndelete v1 pods w/p"));
	bench_json_has(0, "\"type\":\"DisruptionTarget\",\"status\":\"True\"");
	assert_non_null(strstr(bench_events(), "Normal TaintManagerEviction"));
	put_pod("{key: k, operator: Exists}");
	bench_expect("w/p", "");
	put_pod("{key: k, operator: Exists, tolerationSeconds: 300}");
	expect_only_requeue("w/p", 300000);
	bench_pass(301);
	assert_non_null(strstr(bench_describe("w/p"), "delete v1 pods w/p"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_a_well_node_has_nothing_to_fear),
	    TEST(test_silence_makes_a_node_unknown_then_tainted),
	    TEST(test_a_lease_is_a_sign_of_life),
	    TEST(test_taints_go_when_the_node_is_well),
	    TEST(test_a_cordoned_node_is_tainted),
	    TEST(test_pods_of_a_silent_node_are_not_ready),
	    cmocka_unit_test_setup_teardown(test_evicts_what_does_not_tolerate, setup_eviction, teardown),
	};

	resources_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
