/* Facts from traces of upstream: scenarios dep-*. A small ReplicaSet controller and kubelet are played by
 * settle(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller-manager/testing/bench.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"
#include "proto/apps_v1.pb-c.h"

static struct buf sizes; /* the sizes of all ReplicaSets after each step that changed one */

static int setup(void **state)
{
	bench_start(&controller_deployment, NULL);
	return 0;
}

static int teardown(void **state)
{
	bench_stop();
	buf_done(&sizes);
	return 0;
}

static int generation;

/* Keeps status and annotations of what is there. */
static void put(int replicas, int image, const char *spec)
{
	const struct object *old =
	    informer_lookup(informer_get(bench_context()->informers, resource_deployments), "w", "web");
	const char *revision =
	    old ? str_or(api_map_get(old->meta, annotations, "deployment.kubernetes.io/revision"), "") : "";
	struct object *before = old ? object_ref(old) : NULL;
	generation = old ? (int)old->meta->generation + 1 : 1;
	const struct object *obj = bench_put("apiVersion: apps/v1\nkind: Deployment\n"
					     "metadata: {name: web, namespace: w, generation: %d, "
					     "annotations: {deployment.kubernetes.io/revision: '%s'}}\n"
					     "spec:\n  replicas: %d\n  selector: {matchLabels: {app: web}}\n"
					     "  template: {metadata: {labels: {app: web}}, spec: "
					     "{containers: [{name: c, image: 'pause:%d'}]}}\n%s",
	    generation, revision, replicas, image, spec);
	if (before) /* the test owns what it just put */
		((AppsV1__Deployment *)obj->msg)->status =
		    api_clone_message(obj->arena, &((AppsV1__Deployment *)before->msg)->status->base);
	object_unref(before);
}

static AppsV1__Deployment *deployment(void)
{
	return (AppsV1__Deployment *)informer_lookup(
	    informer_get(bench_context()->informers, resource_deployments), "w", "web")
	    ->msg;
}

static int compare_creation(const void *a, const void *b)
{
	const struct object *left = *(const struct object *const *)a,
			    *right = *(const struct object *const *)b;
	const char *l = api_map_get(left->meta, annotations, "deployment.kubernetes.io/revision");
	const char *r = api_map_get(right->meta, annotations, "deployment.kubernetes.io/revision");
	return atoi(str_or(l, "0")) - atoi(str_or(r, "0"));
}

static size_t replica_sets(const struct object *list[8])
{
	size_t len = 0;
	informer_for_each (obj, informer_all(informer_get(bench_context()->informers, resource_replicasets)))
		list[len++] = obj;
	qsort(list, len, sizeof(*list), compare_creation);
	return len;
}

/* "4+1 " by revision. */
static void note_sizes(void)
{
	const struct object *list[8];
	size_t len = replica_sets(list);
	char text[64] = "";
	for (size_t i = 0; i < len; i++)
		sprintf(text + strlen(text), "%s%d", i ? "+" : "",
		    ((AppsV1__ReplicaSet *)list[i]->msg)->spec->replicas);
	strcat(text, " ");
	if (!str_has_suffix(buf_str(&sizes), text))
		buf_puts(&sizes, text);
}

/* Every ReplicaSet reaches its size; pods of `stuck` images never get ready. */
static bool settle(const char *stuck)
{
	const struct object *list[8];
	size_t len = replica_sets(list);
	bool changed = false;
	for (size_t i = 0; i < len; i++) {
		const AppsV1__ReplicaSet *rs = (const AppsV1__ReplicaSet *)list[i]->msg;
		int ready = stuck && str_eq(rs->spec->template_->spec->containers[0]->image, stuck)
				? 0
				: rs->spec->replicas;
		if (rs->status->replicas == rs->spec->replicas && rs->status->available_replicas == ready)
			continue;
		struct object *clone = object_clone(list[i]);
		AppsV1__ReplicaSetStatus *status = ((AppsV1__ReplicaSet *)clone->msg)->status;
		status->replicas = rs->spec->replicas;
		status->ready_replicas = status->available_replicas = ready;
		status->observed_generation = clone->meta->generation;
		bench_store(clone);
		changed = true;
	}
	return changed;
}

static void run(const char *stuck)
{
	for (int i = 0; i < 60; i++) {
		bool idle = plan_ops_len(bench_reconcile("w/web")) == 0;
		bench_apply();
		note_sizes();
		if (!settle(stuck) && idle)
			return;
	}
	fail_msg("never comes to rest: %s", buf_str(&sizes));
}

static void expect_sizes(const char *text)
{
	assert_string_equal(buf_str(&sizes), text);
	buf_reset(&sizes);
}

static void expect_condition(const char *type, const char *status, const char *reason)
{
	const AppsV1__DeploymentStatus *s = deployment()->status;
	for (size_t i = 0; i < s->n_conditions; i++) {
		if (!str_eq(s->conditions[i]->type, type))
			continue;
		assert_string_equal(s->conditions[i]->status, status);
		assert_string_equal(s->conditions[i]->reason, reason);
		return;
	}
	fail_msg("no condition %s", type);
}

static void test_create(void **state)
{
	put(3, 1, "");
	const char *text = bench_describe("w/web");
	assert_true(str_has_prefix(text, "create apps/v1 replicasets w/web-"));
	assert_non_null(strstr(text, "\nthen\nupdate-status apps/v1 deployments w/web"));
	bench_json_has(0,
	    "\"annotations\":{\"deployment.kubernetes.io/desired-replicas\":\"3\",\"deployment.kubernetes.io/"
	    "max-replicas\":\"4\",\"deployment.kubernetes.io/revision\":\"1\"}");
	bench_json_has(0, "\"ownerReferences\":[{\"apiVersion\":\"apps/"
			  "v1\",\"kind\":\"Deployment\",\"name\":\"web\",\"uid\":\"uid-web\",\"controller\":"
			  "true,\"blockOwnerDeletion\":true}]");
	bench_json_has(0, "\"selector\":{\"matchLabels\":{\"app\":\"web\",\"pod-template-hash\":\"");
	bench_json_has(1, "\"type\":\"Progressing\",\"status\":\"True\"");
	bench_json_has(
	    1, "\"reason\":\"NewReplicaSetCreated\",\"message\":\"Created new replica set \\\"web-");
	assert_non_null(
	    strstr(bench_events(), "?Normal ScalingReplicaSet Deployment/web: Scaled up replica set web-"));
	assert_non_null(strstr(bench_events(), " from 0 to 3\n"));
	bench_apply();
	/* The same name for the same template, whenever it is asked for. */
	bench_expect("w/web",
	    "patch apps/v1 deployments w/web "
	    "{\"metadata\":{\"annotations\":{\"deployment.kubernetes.io/revision\":\"1\"}}}\n"
	    "update-status apps/v1 deployments w/web");
	run(NULL);
	expect_condition("Available", "True", "MinimumReplicasAvailable");
	expect_condition("Progressing", "True", "NewReplicaSetAvailable");
	assert_int_equal(deployment()->status->updated_replicas, 3);
	assert_int_equal(deployment()->status->unavailable_replicas, 0);
}

/* With pods that get ready between all steps the sizes are those of dep-rollout-*. */
static void check_rollout(int replicas, const char *spec, const char *expected)
{
	put(replicas, 1, spec);
	run(NULL);
	buf_reset(&sizes);
	put(replicas, 2, spec);
	run(NULL);
	expect_sizes(expected);
	assert_int_equal(deployment()->status->updated_replicas, replicas);
	expect_condition("Progressing", "True", "NewReplicaSetAvailable");
	assert_string_equal(
	    api_map_get(
		informer_lookup(informer_get(bench_context()->informers, resource_deployments), "w", "web")
		    ->meta,
		annotations, "deployment.kubernetes.io/revision"),
	    "2");
}

#define ROLLING(surge, unavailable)                                                                          \
	"  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: " surge                                 \
	", maxUnavailable: " unavailable "}}\n"

static void test_rollout_default(void **state)
{
	check_rollout(4, "", "4+1 2+1 2+3 0+3 0+4 ");
}

static void test_rollout_one_by_one(void **state)
{
	check_rollout(3, ROLLING("0", "1"), "3+0 2+0 2+1 1+1 1+2 0+2 0+3 ");
}

static void test_rollout_all_at_once(void **state)
{
	check_rollout(2, ROLLING("100%", "0"), "2+2 0+2 ");
}

/* Both round to nothing: one at a time. */
static void test_rollout_of_zero_percent(void **state)
{
	check_rollout(3, ROLLING("0%", "10%"), "3+0 2+0 2+1 1+1 1+2 0+2 0+3 ");
}

static void test_stuck_rollout_keeps_serving(void **state)
{
	put(4, 1, "");
	run(NULL);
	buf_reset(&sizes);
	put(4, 2, "");
	run("pause:2");
	expect_sizes("4+1 3+1 3+2 ");
	expect_condition("Available", "True", "MinimumReplicasAvailable");
	expect_condition("Progressing", "True", "ReplicaSetUpdated");
	assert_true(plan_requeue_ms(bench_reconcile("w/web")) > 0);
	bench_pass(602);
	run("pause:2");
	expect_condition("Progressing", "False", "ProgressDeadlineExceeded");
	/* Another template while it is stuck: the unavailable ones go first. */
	buf_reset(&sizes);
	put(4, 3, "");
	run("pause:2");
	assert_true(str_has_suffix(buf_str(&sizes), " 0+0+4 "));
	expect_condition("Progressing", "True", "NewReplicaSetAvailable");
}

static void test_rollback_reuses_the_replica_set(void **state)
{
	put(1, 1, "");
	run(NULL);
	put(1, 2, "");
	run(NULL);
	put(1, 1, "");
	run(NULL);
	const struct object *list[8];
	assert_int_equal(replica_sets(list), 2);
	assert_string_equal(
	    api_map_get(list[1]->meta, annotations, "deployment.kubernetes.io/revision"), "3");
	assert_string_equal(
	    api_map_get(list[1]->meta, annotations, "deployment.kubernetes.io/revision-history"), "1");
	put(1, 2, "");
	run(NULL);
	put(1, 1, "");
	run(NULL);
	replica_sets(list);
	assert_string_equal(
	    api_map_get(list[1]->meta, annotations, "deployment.kubernetes.io/revision-history"), "1,3");
}

static void test_recreate(void **state)
{
	const char *spec = "  strategy: {type: Recreate}\n";
	put(2, 1, spec);
	run(NULL);
	const struct object *list[8];
	replica_sets(list);
	bench_put("apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: w, deletionTimestamp: "
		  "'2023-11-14T22:13:20Z', ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: "
		  "x, uid: %s, controller: true}]}\n",
	    object_uid(list[0]));
	buf_reset(&sizes);
	put(2, 2, spec);
	run(NULL);
	expect_sizes("0 "); /* waits for the last pod to be gone */
	bench_enqueued();
	bench_remove(resource_pods, "w", "p");
	assert_string_equal(bench_enqueued(), "w/web ");
	run(NULL);
	expect_sizes("0+2 ");
}

/* dep-proportional: 10 with surge 3 and unavailable 2, stuck at 8 + 5; to 15: 11 + 7; to 5: 5 + 3. */
static void test_proportional_scaling(void **state)
{
	const char *spec = ROLLING("3", "2");
	put(10, 1, spec);
	run(NULL);
	put(10, 2, spec);
	run("pause:2");
	assert_true(str_has_suffix(buf_str(&sizes), " 8+5 "));
	put(15, 2, spec);
	bench_reconcile("w/web");
	bench_apply();
	note_sizes();
	assert_true(str_has_suffix(buf_str(&sizes), " 11+7 "));
	run("pause:2");
	put(5, 2, spec);
	bench_reconcile("w/web");
	bench_apply();
	note_sizes();
	assert_true(str_has_suffix(buf_str(&sizes), " 5+3 "));
}

static void test_pause(void **state)
{
	put(2, 1, "");
	run(NULL);
	buf_reset(&sizes);
	put(2, 2, "  paused: true\n");
	run(NULL);
	expect_sizes("2 ");
	expect_condition("Progressing", "Unknown", "DeploymentPaused");
	assert_int_equal(deployment()->status->updated_replicas, 0);
	put(3, 2, "  paused: true\n");
	run(NULL);
	expect_sizes("3 ");
	put(3, 2, "");
	bench_reconcile("w/web");
	bench_apply();
	expect_condition("Progressing", "Unknown", "DeploymentResumed");
	run(NULL);
	assert_true(str_has_suffix(buf_str(&sizes), " 0+3 "));
}

static void test_created_paused_makes_nothing(void **state)
{
	put(2, 1, "  paused: true\n");
	run(NULL);
	const struct object *list[8];
	assert_int_equal(replica_sets(list), 0);
}

static void test_history_limit(void **state)
{
	for (int image = 1; image <= 4; image++) {
		put(1, image, "  revisionHistoryLimit: 1\n");
		run(NULL);
		bench_pass(1);
	}
	const struct object *list[8];
	assert_int_equal(replica_sets(list), 2);
	put(1, 4, "  revisionHistoryLimit: 0\n");
	run(NULL);
	assert_int_equal(replica_sets(list), 1);
	assert_string_equal(
	    api_map_get(list[0]->meta, annotations, "deployment.kubernetes.io/revision"), "4");
}

static void test_scale(void **state)
{
	put(2, 1, "");
	run(NULL);
	buf_reset(&sizes);
	put(4, 1, "");
	run(NULL);
	put(0, 1, "");
	run(NULL);
	put(0, 2, "");
	run(NULL);
	expect_sizes("4 0 0+0 ");
}

static void test_edited_replica_set_is_put_back(void **state)
{
	put(2, 1, "");
	run(NULL);
	const struct object *list[8];
	replica_sets(list);
	struct object *clone = object_clone(list[0]);
	((AppsV1__ReplicaSet *)clone->msg)->spec->replicas = 5;
	bench_store(clone);
	buf_reset(&sizes);
	run(NULL);
	expect_sizes("2 ");
}

static void test_hash_collision(void **state)
{
	put(1, 1, "");
	bench_reconcile("w/web");
	char name[64];
	snprintf(name, sizeof(name), "%s", plan_op_at(bench_reconcile("w/web"), 0)->name);
	bench_put(
	    "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: %s, namespace: w}\n"
	    "spec: {selector: {matchLabels: {other: one}}, template: {metadata: {labels: {other: one}}}}\n",
	    name);
	bench_expect("w/web", "update-status apps/v1 deployments w/web");
	bench_json_has(0, "\"collisionCount\":1");
	bench_apply();
	assert_true(str_has_prefix(bench_describe("w/web"), "create apps/v1 replicasets w/web-"));
	assert_null(strstr(bench_describe("w/web"), name));
}

/* dep-adopt-rs */
static void test_adopts_a_fitting_replica_set(void **state)
{
	put(1, 1, "");
	bench_put("apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: orphan, namespace: w, labels: "
		  "{app: web}, generation: 1}\n"
		  "spec: {replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: "
		  "{app: web}}, spec: {containers: [{name: c, image: 'pause:1'}]}}}\n");
	const char *text = bench_describe("w/web");
	assert_non_null(
	    strstr(text, "patch apps/v1 replicasets w/orphan {\"metadata\":{\"ownerReferences\":"));
	assert_null(strstr(text, "create"));
}

static void test_annotations_are_copied(void **state)
{
	bench_put("apiVersion: apps/v1\nkind: Deployment\n"
		  "metadata: {name: web, namespace: w, annotations: {team: red, "
		  "kubectl.kubernetes.io/last-applied-configuration: x}}\n"
		  "spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, "
		  "spec: {containers: [{name: c, image: i}]}}}\n");
	bench_reconcile("w/web");
	bench_json_has(0, "\"deployment.kubernetes.io/revision\":\"1\",\"team\":\"red\"}");
}

/* dep-quota */
static void test_failures_are_told(void **state)
{
	put(1, 1, "");
	run(NULL);
	const struct object *list[8];
	replica_sets(list);
	struct object *clone = object_clone(list[0]);
	AppsV1__ReplicaSetCondition *failure = API_NEW(clone->arena, apps_v1__replica_set_condition);
	failure->type = "ReplicaFailure";
	failure->status = "True";
	failure->reason = "FailedCreate";
	failure->message = "quota";
	api_append(clone->arena, ((AppsV1__ReplicaSet *)clone->msg)->status, conditions, failure);
	bench_store(clone);
	bench_reconcile("w/web");
	bench_apply();
	expect_condition("ReplicaFailure", "True", "FailedCreate");
	put(1, 2, "");
	bench_set_last_error("exceeded quota");
	bench_reconcile("w/web");
	bench_json_has(1, "\"status\":\"False\"");
	bench_json_has(1, "\"reason\":\"ReplicaSetCreateError\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_create),
	    TEST(test_rollout_default),
	    TEST(test_rollout_one_by_one),
	    TEST(test_rollout_all_at_once),
	    TEST(test_rollout_of_zero_percent),
	    TEST(test_stuck_rollout_keeps_serving),
	    TEST(test_rollback_reuses_the_replica_set),
	    TEST(test_recreate),
	    TEST(test_proportional_scaling),
	    TEST(test_pause),
	    TEST(test_created_paused_makes_nothing),
	    TEST(test_history_limit),
	    TEST(test_scale),
	    TEST(test_edited_replica_set_is_put_back),
	    TEST(test_hash_collision),
	    TEST(test_adopts_a_fitting_replica_set),
	    TEST(test_annotations_are_copied),
	    TEST(test_failures_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
