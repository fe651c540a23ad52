/* Facts from traces of upstream: scenarios rs-*. */
#include <stdio.h>
#include <string.h>

#include "controller-manager/testing/bench.h"
#include "lib/api/object.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"

static int setup(void **state)
{
	bench_start(&controller_replicaset, NULL);
	return 0;
}

static int teardown(void **state)
{
	bench_stop();
	return 0;
}

static void put_rs(int replicas, const char *more)
{
	bench_put("apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: r, namespace: w, generation: 1}\n"
		  "spec:\n  replicas: %d\n  selector: {matchLabels: {app: r}}\n"
		  "  template:\n    metadata: {labels: {app: r}, annotations: {a: b}}\n"
		  "    spec: {containers: [{name: c, image: 'pause:1'}]}\n%s",
	    replicas, more);
}

#define OWNED                                                                                                \
	", ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: r, uid: uid-r, controller: "      \
	"true}]"
#define READY                                                                                                \
	"status: {phase: Running, conditions: [{type: Ready, status: 'True', lastTransitionTime: "           \
	"'2023-11-14T22:13:10Z'}]}\n"

static void put_pod(const char *name, const char *meta, const char *rest)
{
	bench_put("apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: w, labels: {app: r}%s}\n%s",
	    name, meta, rest);
}

static void test_makes_pods_in_growing_groups(void **state)
{
	put_rs(4, "");
	bench_expect("w/r", "update-status apps/v1 replicasets w/r\n"
			    "create v1 pods w/r-*\n"
			    "then\n"
			    "create v1 pods w/r-*\n"
			    "create v1 pods w/r-*\n"
			    "then\n"
			    "create v1 pods w/r-*");
	bench_json_has(1, "\"generateName\":\"r-\",\"namespace\":\"w\"");
	bench_json_has(1, "\"labels\":{\"app\":\"r\"},\"annotations\":{\"a\":\"b\"},\"ownerReferences\":[{"
			  "\"apiVersion\":\"apps/v1\","
			  "\"kind\":\"ReplicaSet\",\"name\":\"r\",\"uid\":\"uid-r\",\"controller\":true,"
			  "\"blockOwnerDeletion\":true}]");
	bench_json_has(1, "\"image\":\"pause:1\"");
	assert_non_null(strstr(bench_events(), "?Normal SuccessfulCreate ReplicaSet/r: Created pod: %s\n"
					       "!Warning FailedCreate ReplicaSet/r: Error creating: %s\n"));
	bench_apply();
	bench_expect("w/r", "update-status apps/v1 replicasets w/r");
	bench_json_has(0, "\"status\":{\"replicas\":4,\"fullyLabeledReplicas\":4,\"observedGeneration\":1}");
	bench_apply();
	bench_expect("w/r", "");
}

static void test_adopts_orphans_and_removes_the_surplus(void **state)
{
	put_rs(1, "");
	put_pod("p1", "", READY);
	put_pod("p2", "", "status: {phase: Pending}\n");
	assert_non_null(strstr(bench_describe("w/r"),
	    "patch v1 pods w/p1 "
	    "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"apps/"
	    "v1\",\"kind\":\"ReplicaSet\",\"name\":\"r\","
	    "\"uid\":\"uid-r\",\"controller\":true,\"blockOwnerDeletion\":true}],\"uid\":\"uid-p1\"}}"));
	assert_non_null(strstr(bench_describe("w/r"), "delete v1 pods w/p2"));
	assert_null(strstr(bench_describe("w/r"), "delete v1 pods w/p1"));
}

static void test_releases_what_no_longer_matches(void **state)
{
	put_rs(1, "status: {replicas: 0, observedGeneration: 1}\n");
	bench_put(
	    "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: w, labels: {app: other}" OWNED "}\n");
	bench_expect("w/r", "patch v1 pods w/p "
			    "{\"metadata\":{\"ownerReferences\":[{\"$patch\":\"delete\",\"uid\":\"uid-r\"}],"
			    "\"uid\":\"uid-p\"}}\n"
			    "create v1 pods w/r-*");
}

static void test_leaves_strangers_alone(void **state)
{
	put_rs(0, "status: {replicas: 0, observedGeneration: 1}\n");
	put_pod("foreign",
	    ", ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: x, uid: uid-x, controller: true}]",
	    "");
	put_pod("dying", ", deletionTimestamp: '2023-11-14T22:13:10Z'", "");
	put_pod("done", "", "status: {phase: Succeeded}\n");
	bench_expect("w/r", "");
}

/* rs-failed-pod: a finished pod stays, does not count, and is replaced. */
static void test_finished_pods_are_replaced(void **state)
{
	put_rs(1, "status: {replicas: 0, observedGeneration: 1}\n");
	put_pod("p", OWNED, "status: {phase: Failed}\n");
	bench_expect("w/r", "create v1 pods w/r-*");
}

/* rs-down-preference */
static void test_order_of_deletion(void **state)
{
	static const char *const order[] = {
	    "unsched", "pending", "notready", "cheap", "readynew", "restarted", "readyold"};
	put_pod("readyold", OWNED,
	    "spec: {nodeName: n1}\nstatus: {phase: Running, conditions: [{type: Ready, status: 'True', "
	    "lastTransitionTime: '2023-11-14T21:00:00Z'}]}\n");
	put_pod("restarted", OWNED,
	    "spec: {nodeName: n1}\nstatus: {phase: Running, containerStatuses: [{name: c, restartCount: 3, "
	    "image: i, imageID: i}], conditions: [{type: Ready, status: 'True', lastTransitionTime: "
	    "'2023-11-14T21:00:00Z'}]}\n");
	put_pod("readynew", OWNED, "spec: {nodeName: n1}\n" READY);
	put_pod("cheap", OWNED ", annotations: {controller.kubernetes.io/pod-deletion-cost: '-5'}",
	    "spec: {nodeName: n1}\n" READY);
	put_pod("notready", OWNED, "spec: {nodeName: n1}\nstatus: {phase: Running}\n");
	put_pod("pending", OWNED, "spec: {nodeName: n1}\nstatus: {phase: Pending}\n");
	put_pod("unsched", OWNED, "status: {phase: Pending}\n");
	for (int replicas = 6; replicas >= 0; replicas--) {
		put_rs(replicas, "");
		const struct plan *plan = bench_reconcile("w/r");
		const struct plan_op *last = plan_op_at(plan, plan_ops_len(plan) - 1);
		assert_int_equal(last->kind, PLAN_DELETE);
		if (replicas > 0) /* all of them: in no order */
			assert_string_equal(last->name, order[6 - replicas]);
	}
}

/* Of two nodes the one that carries more pods of the same Deployment loses one. */
static void test_crowded_nodes_first(void **state)
{
	put_rs(1, "");
	put_pod("a", OWNED, "spec: {nodeName: one}\n" READY);
	put_pod("b", OWNED, "spec: {nodeName: two}\n" READY);
	put_pod("c", OWNED, "spec: {nodeName: two}\n" READY);
	const char *text = bench_describe("w/r");
	assert_null(strstr(text, "delete v1 pods w/a"));
}

static void test_min_ready_seconds(void **state)
{
	put_rs(1, "");
	bench_put("apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: r, namespace: w, generation: 1}\n"
		  "spec: {replicas: 1, minReadySeconds: 30, selector: {matchLabels: {app: r}}, template: "
		  "{metadata: {labels: {app: r}}, spec: {containers: [{name: c, image: i}]}}}\n");
	put_pod("p", OWNED, "spec: {nodeName: one}\n" READY); /* for 10 s */
	bench_expect("w/r", "update-status apps/v1 replicasets w/r");
	bench_json_has(0, "\"status\":{\"replicas\":1,\"fullyLabeledReplicas\":1,\"readyReplicas\":1,"
			  "\"observedGeneration\":1}");
	assert_int_equal(plan_requeue_ms(bench_reconcile("w/r")), 20000);
	bench_pass(20);
	bench_reconcile("w/r");
	bench_json_has(0, "\"availableReplicas\":1");
}

/* rs-quota */
static void test_failure_becomes_a_condition(void **state)
{
	put_rs(1, "status: {replicas: 0, observedGeneration: 1}\n");
	bench_expect("w/r", "create v1 pods w/r-*");
	bench_set_last_error("exceeded quota: q");
	bench_expect("w/r", "update-status apps/v1 replicasets w/r\ncreate v1 pods w/r-*");
	bench_json_has(0, "\"conditions\":[{\"type\":\"ReplicaFailure\",\"status\":\"True\","
			  "\"lastTransitionTime\":\"2023-11-14T22:13:20Z\","
			  "\"reason\":\"FailedCreate\",\"message\":\"exceeded quota: q\"}]");
	put_rs(1, "status: {replicas: 0, observedGeneration: 1, conditions: [{type: ReplicaFailure, status: "
		  "'True', reason: FailedCreate, message: x}]}\n");
	bench_expect("w/r", "create v1 pods w/r-*"); /* still failing: it stays */
	bench_set_last_error(NULL);
	assert_non_null(strstr(bench_describe("w/r"), "update-status"));
	assert_null(strstr(bench_json(0), "conditions"));
}

static void test_deleted_one_does_nothing_but_count(void **state)
{
	bench_put("apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: r, namespace: w, generation: 2, "
		  "deletionTimestamp: '2023-11-14T22:13:10Z', finalizers: [x]}\n"
		  "spec: {replicas: 1, selector: {matchLabels: {app: r}}, template: {metadata: {labels: "
		  "{app: r}}, spec: {containers: [{name: c, image: i}]}}}\n"
		  "status: {replicas: 0, observedGeneration: 2}\n");
	put_pod("orphan", "", READY);
	bench_expect("w/r", "");
	bench_expect("w/absent", "");
}

static void test_pods_wake_their_owner(void **state)
{
	put_rs(1, "");
	bench_put("apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: other, namespace: w}\n"
		  "spec: {selector: {matchLabels: {app: r}}, template: {metadata: {labels: {app: r}}}}\n");
	bench_enqueued();
	put_pod("p", OWNED, "");
	assert_string_equal(bench_enqueued(), "w/r ");
	put_pod("q", "", "");
	assert_string_equal(bench_enqueued(), "w/other w/r "); /* both would take it */
	put_pod("q", "", READY);
	assert_string_equal(bench_enqueued(), "");
	put_pod("p", "", "");
	assert_string_equal(bench_enqueued(), "w/r w/other w/r "); /* released: its owner and the takers */
	put_pod("x",
	    ", ownerReferences: [{apiVersion: batch/v1, kind: Job, name: r, uid: u, controller: true}]", "");
	assert_string_equal(bench_enqueued(), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_makes_pods_in_growing_groups),
	    TEST(test_adopts_orphans_and_removes_the_surplus),
	    TEST(test_releases_what_no_longer_matches),
	    TEST(test_leaves_strangers_alone),
	    TEST(test_finished_pods_are_replaced),
	    TEST(test_order_of_deletion),
	    TEST(test_crowded_nodes_first),
	    TEST(test_min_ready_seconds),
	    TEST(test_failure_becomes_a_condition),
	    TEST(test_deleted_one_does_nothing_but_count),
	    TEST(test_pods_wake_their_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
