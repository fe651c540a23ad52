#include "controller-manager/testing/bench.h"
#include "lib/resources/resource.h"

#define QUOTA(hard)                                                                                          \
	"apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: w}\nspec: {hard: {" hard "}}\n"

static void put_pod(const char *name, const char *phase)
{
	bench_put(
	    "apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: w}\n"
	    "spec: {containers: [{name: c, resources: {requests: {cpu: 500m}, limits: {memory: 100Mi}}}]}\n"
	    "status: {phase: %s}\n",
	    name, phase);
}

static int teardown(void **state)
{
	(void)state;
	bench_stop();
	return 0;
}

static void test_counts(void **state)
{
	(void)state;
	bench_start(&controller_resource_quota, NULL);
	bench_put(QUOTA(
	    "pods: '2', requests.cpu: '1', limits.memory: 1Gi, count/deployments.apps: '1', secrets: '3'"));
	bench_put("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: w}\n");
	bench_put("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: elsewhere}\n");
	put_pod("a", "Running");
	put_pod("b", "Succeeded");
	bench_expect("w/q", "update-status v1 resourcequotas w/q");
	bench_json_has(0,
	    "\"hard\":{\"count/deployments.apps\":\"1\",\"limits.memory\":\"1Gi\",\"pods\":\"2\","
	    "\"requests.cpu\":\"1\",\"secrets\":\"3\"}");
	bench_json_has(0,
	    "\"used\":{\"count/deployments.apps\":\"1\",\"limits.memory\":\"100Mi\",\"pods\":\"1\","
	    "\"requests.cpu\":\"500m\",\"secrets\":\"0\"}");
	bench_apply();
	bench_expect("w/q", "");
	bench_remove(resource_pods, "w", "a");
	bench_reconcile("w/q");
	bench_json_has(0, "\"pods\":\"0\"");
}

/* What admission writes is no reason to count: the object that it charged may not have been seen yet. */
static void test_status_is_no_reason(void **state)
{
	(void)state;
	bench_start(&controller_resource_quota, NULL);
	bench_put(QUOTA("pods: '2'"));
	assert_string_equal(bench_enqueued(), "w/q ");
	bench_put(QUOTA("pods: '2'") "status: {hard: {pods: '2'}, used: {pods: '1'}}\n");
	assert_string_equal(bench_enqueued(), "");
	bench_put(QUOTA("pods: '3'") "status: {hard: {pods: '2'}, used: {pods: '1'}}\n");
	assert_string_equal(bench_enqueued(), "w/q ");
}

static void test_scopes(void **state)
{
	(void)state;
	bench_start(&controller_resource_quota, NULL);
	bench_put("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: w}\n"
		  "spec: {hard: {pods: '5'}, scopes: [BestEffort]}\n");
	put_pod("a", "Running");
	bench_put("apiVersion: v1\nkind: Pod\nmetadata: {name: be, namespace: w}\nspec: {containers: [{name: "
		  "c}]}\n");
	bench_reconcile("w/q");
	bench_json_has(0, "\"used\":{\"pods\":\"1\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_counts, teardown),
	    cmocka_unit_test_teardown(test_status_is_no_reason, teardown),
	    cmocka_unit_test_teardown(test_scopes, teardown)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
