#include "kubelet/tests/bench.h"

#define ALWAYS "{\"restartPolicy\":\"Always\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}"
#define NEVER "{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}"

static void volumes_come_before_the_sandbox(void **state)
{
	struct bench b;
	bench_init(&b, ALWAYS);
	b.memory.volumes_ready = false;
	assert_string_equal(bench_actions(&b), "prepare");
	b.memory.volumes_busy = true;
	assert_string_equal(bench_actions(&b), "");
	b.memory.volumes_busy = false;
	b.memory.volumes_ready = true;
	assert_string_equal(bench_actions(&b), "run-sandbox");
	bench_sandbox(&b);
	assert_string_equal(bench_actions(&b), "start c");
	b.containers[0].starting = true;
	assert_string_equal(bench_actions(&b), "");
	bench_done(&b);
}

static void no_sandbox_without_network_but_on_the_hosts(void **state)
{
	struct bench b;
	bench_init(&b, ALWAYS);
	b.memory.network_ready = false;
	assert_string_equal(bench_actions(&b), "");
	bench_done(&b);
	bench_init(&b, "{\"hostNetwork\":true,\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}");
	b.memory.network_ready = false;
	assert_string_equal(bench_actions(&b), "run-sandbox");
	bench_done(&b);
}

static void first_restart_is_immediate_then_it_backs_off(void **state)
{
	struct bench b;
	bench_init(&b, ALWAYS);
	bench_sandbox(&b);
	bench_container(&b, "c", "c1", RT_EXITED, 1);
	assert_string_equal(bench_actions(&b), "start c");
	backoff_next(&b.containers[0].crash, NOW_MS - 2000, NOW_MS - 2000, BACKOFF_MAX_MS);
	assert_string_equal(bench_actions(&b), "back-off c");
	struct pod_decision d = bench_decide(&b);
	assert_string_equal(d.wait[0], "CrashLoopBackOff");
	assert_int_equal(d.wake_at_ms, NOW_MS - 2000 + 10000);
	b.memory.now_ms = NOW_MS + 8000;
	assert_string_equal(bench_actions(&b), "start c");
	bench_done(&b);
}

static void never_ends_the_pod(void **state)
{
	struct bench b;
	bench_init(&b, NEVER);
	struct rt_sandbox *s = bench_sandbox(&b);
	bench_container(&b, "c", "c1", RT_EXITED, 1);
	assert_string_equal(bench_actions(&b), "clean-up");
	/* The sandbox has stopped: no new one is made. */
	s->ready = false;
	b.memory.cleaned = true;
	assert_string_equal(bench_actions(&b), "");
	assert_int_equal(bench_decide(&b).stage, POD_TERMINATED);
	bench_done(&b);
}

static void init_containers_run_one_after_the_other(void **state)
{
	struct bench b;
	bench_init(&b, "{\"restartPolicy\":\"Always\",\"initContainers\":[{\"name\":\"i1\",\"image\":\"i\"},{"
		       "\"name\":\"side\",\"image\":\"i\","
		       "\"restartPolicy\":\"Always\"},{\"name\":\"i2\",\"image\":\"i\"}],\"containers\":[{"
		       "\"name\":\"c\",\"image\":\"i\"}]}");
	bench_sandbox(&b);
	assert_string_equal(bench_actions(&b), "start i1");
	struct rt_container *i1 = bench_container(&b, "i1", "1", RT_RUNNING, 0);
	assert_string_equal(bench_actions(&b), "");
	i1->state = RT_EXITED;
	assert_string_equal(bench_actions(&b), "start side");
	bench_container(&b, "side", "2", RT_RUNNING, 0);
	assert_string_equal(bench_actions(&b), "start i2");
	bench_container(&b, "i2", "3", RT_EXITED, 0);
	assert_string_equal(bench_actions(&b), "start c");
	bench_done(&b);
}

static void a_new_sandbox_runs_init_containers_again(void **state)
{
	struct bench b;
	bench_init(&b, "{\"restartPolicy\":\"Always\",\"initContainers\":[{\"name\":\"i1\",\"image\":\"i\"}],"
		       "\"containers\":[{\"name\":\"c\","
		       "\"image\":\"i\"}]}");
	bench_container(&b, "i1", "1", RT_EXITED, 0);
	bench_container(&b, "c", "2", RT_EXITED, 137);
	bench_sandbox(&b)->created_ns = 99999;
	assert_string_equal(bench_actions(&b), "start i1");
	bench_done(&b);
}

static void a_lost_sandbox_is_replaced(void **state)
{
	struct bench b;
	bench_init(&b, ALWAYS);
	struct rt_sandbox *s = bench_sandbox(&b);
	struct rt_container *c = bench_container(&b, "c", "1", RT_RUNNING, 0);
	s->ready = false;
	assert_string_equal(bench_actions(&b), "stop-sandbox");
	c->state = RT_EXITED;
	assert_string_equal(bench_actions(&b), "run-sandbox");
	assert_int_equal(bench_decide(&b).actions[0].attempt, 1);
	bench_done(&b);
}

static void probes_kill(void **state)
{
	struct bench b;
	bench_init(&b,
	    "{\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":7,\"containers\":[{\"name\":"
	    "\"c\",\"image\":\"i\","
	    "\"livenessProbe\":{\"exec\":{\"command\":[\"x\"]},\"terminationGracePeriodSeconds\":3}}]}");
	bench_sandbox(&b);
	bench_container(&b, "c", "1", RT_RUNNING, 0);
	assert_string_equal(bench_actions(&b), "");
	b.containers[0].probed_id = "1";
	b.containers[0].liveness = PROBE_FAILURE;
	assert_string_equal(bench_actions(&b), "kill c(3)");
	b.containers[0].killing_id = "1";
	b.containers[0].killing_grace_s = 3;
	assert_string_equal(bench_actions(&b), "");
	bench_done(&b);
}

static void deletion_stops_sidecars_last(void **state)
{
	struct bench b;
	bench_init(&b, "{\"terminationGracePeriodSeconds\":30,\"initContainers\":[{\"name\":\"s1\",\"image\":"
		       "\"i\",\"restartPolicy\":\"Always\"},"
		       "{\"name\":\"s2\",\"image\":\"i\",\"restartPolicy\":\"Always\"}],\"containers\":[{"
		       "\"name\":\"c\",\"image\":\"i\"}]}");
	bench_sandbox(&b);
	struct rt_container *s1 = bench_container(&b, "s1", "1", RT_RUNNING, 0),
			    *s2 = bench_container(&b, "s2", "2", RT_RUNNING, 0);
	struct rt_container *c = bench_container(&b, "c", "3", RT_RUNNING, 0);
	bench_delete(&b, 10);
	assert_string_equal(bench_actions(&b), "kill c(10)");
	c->state = RT_EXITED;
	b.memory.end_started_ms = NOW_MS - 4000;
	assert_string_equal(bench_actions(&b), "kill s2(6)");
	s2->state = RT_EXITED;
	assert_string_equal(bench_actions(&b), "kill s1(6)");
	s1->state = RT_EXITED;
	assert_string_equal(bench_actions(&b), "clean-up");
	b.memory.cleaned = true;
	assert_int_equal(bench_decide(&b).stage, POD_TERMINATED);
	bench_done(&b);
}

static void a_shorter_grace_kills_again(void **state)
{
	struct bench b;
	bench_init(&b, ALWAYS);
	bench_sandbox(&b);
	bench_container(&b, "c", "1", RT_RUNNING, 0);
	bench_delete(&b, 30);
	b.containers[0].killing_id = "1";
	b.containers[0].killing_grace_s = 30;
	assert_string_equal(bench_actions(&b), "");
	b.pod->meta->deletion_grace_period_seconds = 1;
	assert_string_equal(bench_actions(&b), "kill c(1)");
	bench_done(&b);
}

static void the_deadline_ends_it(void **state)
{
	struct bench b;
	bench_init(&b, "{\"activeDeadlineSeconds\":6,\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}");
	bench_sandbox(&b);
	bench_container(&b, "c", "1", RT_RUNNING, 0);
	assert_string_equal(bench_actions(&b), "");
	assert_int_equal(bench_decide(&b).wake_at_ms, NOW_MS + 1000);
	b.memory.now_ms = NOW_MS + 1000;
	assert_string_equal(bench_actions(&b), "deadline");
	bench_done(&b);
}

static void old_instances_go(void **state)
{
	struct bench b;
	bench_init(&b, ALWAYS);
	bench_sandbox(&b);
	bench_container(&b, "c", "old", RT_EXITED, 1);
	bench_container(&b, "c", "last", RT_EXITED, 1);
	bench_container(&b, "c", "now", RT_RUNNING, 0);
	assert_string_equal(bench_actions(&b), "remove old");
	bench_done(&b);
}

static void backoff_doubles_and_forgets(void **state)
{
	struct backoff b = {0};
	int64_t t = NOW_MS, until;
	assert_false(backoff_active(&b, t, t, BACKOFF_MAX_MS, NULL));
	for (int64_t delay = 10000; delay <= 160000; delay *= 2) {
		backoff_next(&b, t, t, BACKOFF_MAX_MS);
		assert_true(backoff_active(&b, t + 1000, t + 2000, BACKOFF_MAX_MS, &until));
		assert_int_equal(until, t + 1000 + delay);
	}
	backoff_next(&b, t, t, BACKOFF_MAX_MS);
	assert_int_equal(b.delay_ms, BACKOFF_MAX_MS);
	t += 11 * 60000;
	assert_false(backoff_active(&b, t, t, BACKOFF_MAX_MS, NULL));
	backoff_next(&b, t, t, BACKOFF_MAX_MS);
	assert_int_equal(b.delay_ms, BACKOFF_INITIAL_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(volumes_come_before_the_sandbox),
	    cmocka_unit_test(no_sandbox_without_network_but_on_the_hosts),
	    cmocka_unit_test(first_restart_is_immediate_then_it_backs_off),
	    cmocka_unit_test(never_ends_the_pod), cmocka_unit_test(init_containers_run_one_after_the_other),
	    cmocka_unit_test(a_new_sandbox_runs_init_containers_again),
	    cmocka_unit_test(a_lost_sandbox_is_replaced), cmocka_unit_test(probes_kill),
	    cmocka_unit_test(deletion_stops_sidecars_last), cmocka_unit_test(a_shorter_grace_kills_again),
	    cmocka_unit_test(the_deadline_ends_it), cmocka_unit_test(old_instances_go),
	    cmocka_unit_test(backoff_doubles_and_forgets)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
