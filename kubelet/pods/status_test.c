#include "kubelet/tests/bench.h"

#include "lib/api/json.h"
#include "lib/base/buf.h"

static const CoreV1__PodCondition *condition(const CoreV1__PodStatus *s, const char *type)
{
	for (size_t i = 0; i < s->n_conditions; i++)
		if (str_eq(s->conditions[i]->type, type))
			return s->conditions[i];
	return NULL;
}

static void first_status(void **state)
{
	struct bench b;
	bench_init(&b, "{\"restartPolicy\":\"Always\",\"containers\":[{\"name\":\"c\",\"image\":\"img\"}]}");
	CoreV1__PodStatus *s = bench_status(&b);
	assert_string_equal(s->phase, "Pending");
	assert_string_equal(s->container_statuses[0]->state->waiting->reason, "ContainerCreating");
	assert_string_equal(s->container_statuses[0]->image, "img");
	assert_string_equal(s->host_ip, "192.168.0.1");
	assert_string_equal(s->pod_ip, "");
	assert_string_equal(s->conditions[0]->type, "PodReadyToStartContainers");
	assert_string_equal(condition(s, "Initialized")->status, "True");
	assert_string_equal(condition(s, "Ready")->reason, "ContainersNotReady");
	bench_done(&b);
}

static void running_and_ready(void **state)
{
	struct bench b;
	bench_init(&b, "{\"restartPolicy\":\"Always\",\"containers\":[{\"name\":\"c\",\"image\":\"img\","
		       "\"readinessProbe\":{\"exec\":{\"command\":"
		       "[\"x\"]}}}]}");
	bench_sandbox(&b);
	bench_container(&b, "c", "1", RT_RUNNING, 0);
	CoreV1__PodStatus *s = bench_status(&b);
	assert_string_equal(s->phase, "Running");
	assert_string_equal(s->pod_ip, "10.0.0.2");
	assert_true(s->container_statuses[0]->started);
	assert_false(s->container_statuses[0]->ready);
	b.containers[0].probed_id = "1";
	b.containers[0].readiness = PROBE_SUCCESS;
	s = bench_status(&b);
	assert_true(s->container_statuses[0]->ready);
	assert_string_equal(condition(s, "Ready")->status, "True");
	bench_done(&b);
}

static void ends(void **state)
{
	static const struct {
		const char *policy;
		int exit_code;
		const char *phase, *ready_reason;
	} cases[] = {{"Never", 0, "Succeeded", "PodCompleted"}, {"Never", 3, "Failed", "PodFailed"},
	    {"OnFailure", 0, "Succeeded", "PodCompleted"}, {"OnFailure", 3, "Running", "ContainersNotReady"},
	    {"Always", 0, "Running", "ContainersNotReady"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bench b;
		char spec[200];
		snprintf(spec, sizeof spec,
		    "{\"restartPolicy\":\"%s\",\"containers\":[{\"name\":\"c\",\"image\":\"img\"}]}",
		    cases[i].policy);
		bench_init(&b, spec);
		bench_sandbox(&b);
		bench_container(&b, "c", "1", RT_EXITED, cases[i].exit_code);
		CoreV1__PodStatus *s = bench_status(&b);
		assert_string_equal(s->phase, cases[i].phase);
		assert_string_equal(condition(s, "Ready")->reason, cases[i].ready_reason);
		bench_done(&b);
	}
}

static void crash_loop_waits_with_its_last_state(void **state)
{
	struct bench b;
	bench_init(&b, "{\"restartPolicy\":\"Always\",\"containers\":[{\"name\":\"c\",\"image\":\"img\"}]}");
	bench_sandbox(&b);
	bench_container(&b, "c", "1", RT_EXITED, 7)->restart_count = 2;
	backoff_next(&b.containers[0].crash, NOW_MS - 2000, NOW_MS - 2000, BACKOFF_MAX_MS);
	const CoreV1__ContainerStatus *c = bench_status(&b)->container_statuses[0];
	assert_string_equal(c->state->waiting->reason, "CrashLoopBackOff");
	assert_int_equal(c->last_state->terminated->exit_code, 7);
	assert_int_equal(c->restart_count, 2);
	bench_done(&b);
}

static void deleted_before_anything_ran(void **state)
{
	struct bench b;
	bench_init(&b, "{\"restartPolicy\":\"Always\",\"containers\":[{\"name\":\"c\",\"image\":\"img\"}]}");
	bench_delete(&b, 1);
	b.memory.cleaned = true;
	CoreV1__PodStatus *s = bench_status(&b);
	assert_string_equal(s->phase, "Failed");
	assert_int_equal(s->container_statuses[0]->state->terminated->exit_code, 137);
	bench_done(&b);
}

static void sidecar_counts_for_readiness(void **state)
{
	struct bench b;
	bench_init(&b, "{\"restartPolicy\":\"Always\",\"initContainers\":[{\"name\":\"s\",\"image\":\"i\","
		       "\"restartPolicy\":\"Always\"}],"
		       "\"containers\":[{\"name\":\"c\",\"image\":\"img\"}]}");
	bench_sandbox(&b);
	struct rt_container *side = bench_container(&b, "s", "1", RT_RUNNING, 0);
	bench_container(&b, "c", "2", RT_RUNNING, 0);
	assert_string_equal(condition(bench_status(&b), "Ready")->status, "True");
	side->state = RT_EXITED;
	CoreV1__PodStatus *s = bench_status(&b);
	assert_string_equal(condition(s, "Ready")->status, "False");
	assert_string_equal(condition(s, "Initialized")->status, "True");
	assert_string_equal(s->phase, "Running");
	bench_done(&b);
}

static void patch_says_only_what_changed(void **state)
{
	struct bench b;
	bench_init(&b, "{\"restartPolicy\":\"Always\",\"containers\":[{\"name\":\"c\",\"image\":\"img\"}]}");
	CoreV1__PodStatus *before = bench_status(&b);
	assert_null(status_patch(b.arena, "u1", before, before));
	bench_sandbox(&b);
	bench_container(&b, "c", "1", RT_RUNNING, 0);
	CoreV1__PodStatus *after = bench_status(&b);
	struct json *patch = status_patch(b.arena, "u1", before, after);
	assert_non_null(json_get_path(patch, "status.containerStatuses"));
	assert_null(json_get_path(patch, "status.hostIP"));
	const struct json *conditions = json_get_path(patch, "status.conditions");
	assert_int_equal(conditions->len, 3); /* PodReadyToStartContainers, Ready, ContainersReady */
	/* What they no longer have is named, so that it goes away. */
	assert_int_equal(json_get(conditions->items[1], "reason")->type, JSON_NULL);
	bench_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(first_status),
	    cmocka_unit_test(running_and_ready), cmocka_unit_test(ends),
	    cmocka_unit_test(crash_loop_waits_with_its_last_state),
	    cmocka_unit_test(deleted_before_anything_ran), cmocka_unit_test(sidecar_counts_for_readiness),
	    cmocka_unit_test(patch_says_only_what_changed)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
