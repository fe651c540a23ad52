/* The runner with hand-fed informers and a transport that keeps what it is given until the test answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/test.h"
#include "lib/client/controller.h"
#include "lib/client/controller_private.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/client/test_objects.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

#define CALLS_MAX 256

struct call {
	bool is_open;
	char text[128];
	void (*done)(void *arg, const struct error *err, const struct object *obj);
	void *arg;
};

static struct clock_fake fake;
static struct loop *loop;
static struct informer_set *set;
static struct informer *configmaps, *pods;
static struct controller_runner *runner;
static struct call calls[CALLS_MAX];
static size_t calls_len;
static bool answer_at_once;
static struct buf reconciled;
static void (*script)(struct controller_context *ctx, const char *key, struct plan *plan);

static void *fake_send(void *arg, const struct plan_op *op,
    void (*done)(void *done_arg, const struct error *err, const struct object *obj), void *done_arg)
{
	static const char *const verbs[] = {"create", "update", "status", "patch", "delete", "post"};
	assert_true(calls_len < CALLS_MAX);
	struct call *call = &calls[calls_len++];
	snprintf(call->text, sizeof(call->text), "%s %s", verbs[op->kind], op->name);
	call->done = done;
	call->arg = done_arg;
	if (answer_at_once) {
		done(done_arg, NULL, NULL);
		return NULL;
	}
	call->is_open = true;
	return call;
}

static void fake_cancel(void *arg, void *call)
{
	((struct call *)call)->is_open = false;
}

static void answer(size_t i, enum error_code code, const char *name, int revision)
{
	assert_true(calls[i].is_open);
	calls[i].is_open = false;
	struct error err = {.code = code, .message = "no"};
	struct object *obj = revision ? test_configmap("n", name, revision) : NULL;
	calls[i].done(calls[i].arg, code == ERR_NONE ? NULL : &err, obj);
	object_unref(obj);
}

static void poll_loop(void)
{
	for (int i = 0; i < 6; i++)
		loop_poll(loop);
}

static void pass(int64_t ms)
{
	clock_fake_advance(&fake, ms * 1000000);
	poll_loop();
}

static void inject(struct informer *inf, const char *name, int revision)
{
	struct object *obj = test_configmap("n", name, revision);
	informer_inject(inf, obj);
	object_unref(obj);
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	assert_string_equal(state, "state");
	buf_printf(&reconciled, "%s ", key);
	if (script)
		script(ctx, key, plan);
}

static void *init(struct controller_context *ctx)
{
	assert_ptr_equal(controller_informer(ctx, resource_configmaps), configmaps);
	return (void *)"state";
}

static void map_pod(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	enqueue->key(enqueue, "n/from-pod");
}

static const struct controller_watch watches[] = {
    {&resource_configmaps, NULL}, {&resource_pods, map_pod}, {NULL, NULL}};
static const struct controller controller = {.name = "test",
    .event_component = "test-controller",
    .watches = watches,
    .init = init,
    .reconcile = reconcile,
    .concurrency = 2};

static int setup(void **state)
{
	log_set_level(LOG_ERROR);
	clock_fake_init(&fake, 1700000000000000000LL);
	loop = loop_new(&fake.clock);
	set = informer_set_new(NULL);
	configmaps = informer_get(set, resource_configmaps);
	pods = informer_get(set, resource_pods);
	struct plan_transport transport = {fake_send, fake_cancel, NULL};
	runner = controller_runner_new_with(loop, &transport, set, NULL, NULL);
	controller_runner_add(runner, &controller);
	calls_len = 0;
	answer_at_once = false;
	script = NULL;
	return 0;
}

static int teardown(void **state)
{
	controller_runner_free(runner);
	informer_set_free(set);
	loop_free(loop);
	buf_done(&reconciled);
	return 0;
}

static void start(void)
{
	controller_runner_start(runner);
	poll_loop();
}

static void expect_reconciled(const char *text)
{
	assert_string_equal(buf_str(&reconciled), text);
	buf_reset(&reconciled);
}

static void test_nothing_before_the_start(void **state)
{
	inject(configmaps, "a", 1);
	poll_loop();
	expect_reconciled("");
	start();
	expect_reconciled("n/a ");
	inject(pods, "p", 2);
	poll_loop();
	expect_reconciled("n/from-pod ");
}

static void create_two(struct controller_context *ctx, const char *key, struct plan *plan)
{
	assert_int_equal(ctx->now_s, ctx->now_ms / 1000);
	plan_create(plan, resource_configmaps, test_configmap("n", "x", 0));
	plan_create(plan, resource_configmaps, test_configmap("n", "y", 0));
	plan_then(plan);
	plan_create(plan, resource_configmaps, test_configmap("n", "z", 0));
}

static void test_groups_run_one_after_the_other(void **state)
{
	script = create_two;
	start();
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	assert_int_equal(calls_len, 2);
	answer(1, ERR_NONE, "y", 11);
	assert_int_equal(calls_len, 2);
	answer(0, ERR_NONE, "x", 10);
	assert_int_equal(calls_len, 3);
	assert_string_equal(calls[2].text, "create z");
	answer(2, ERR_NONE, "z", 12);
}

static void test_failure_ends_the_plan_after_its_group(void **state)
{
	script = create_two;
	start();
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	answer(0, ERR_FORBIDDEN, NULL, 0);
	answer(1, ERR_NONE, "y", 0);
	assert_int_equal(calls_len, 2);
	expect_reconciled("n/a ");
	pass(5); /* and again with back-off */
	expect_reconciled("n/a ");
	assert_int_equal(calls_len, 4);
}

static void create_one(struct controller_context *ctx, const char *key, struct plan *plan)
{
	plan_create(plan, resource_configmaps, test_configmap("n", "x", 0));
	script = NULL;
}

static void test_key_is_held_until_the_write_is_seen(void **state)
{
	script = create_one;
	start();
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	answer(0, ERR_NONE, "x", 20);
	expect_reconciled("n/a ");
	controller_runner_enqueue(runner, "test", "n/a");
	inject(configmaps, "other", 19);
	poll_loop();
	expect_reconciled("n/other "); /* others go on */
	inject(configmaps, "x", 20);
	poll_loop();
	expect_reconciled("n/x n/a ");
}

static void test_key_is_not_held_for_ever(void **state)
{
	script = create_one;
	start();
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	answer(0, ERR_NONE, "x", 20);
	controller_runner_enqueue(runner, "test", "n/a");
	expect_reconciled("n/a ");
	pass(29000);
	expect_reconciled("");
	pass(1000);
	expect_reconciled("n/a ");
}

static void test_already_seen_is_not_held(void **state)
{
	script = create_one;
	start();
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	inject(configmaps, "x", 20);
	answer(0, ERR_NONE, "x", 20);
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	expect_reconciled("n/a n/x n/a ");
}

static void delete_one(struct controller_context *ctx, const char *key, struct plan *plan)
{
	plan_delete(plan, informer_lookup(configmaps, "n", "victim"));
	script = NULL;
}

static void test_deletion_is_seen_by_its_object(void **state)
{
	inject(configmaps, "victim", 5);
	start();
	expect_reconciled("n/victim ");
	script = delete_one;
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	answer(0, ERR_NONE, NULL, 0);
	controller_runner_enqueue(runner, "test", "n/a");
	inject(configmaps, "other", 50);
	poll_loop();
	expect_reconciled("n/a n/other ");
	informer_inject_delete(configmaps, "n", "victim");
	poll_loop();
	expect_reconciled("n/victim n/a ");
}

/* Gone already is what was wanted. */
static void test_not_found_on_delete_is_success(void **state)
{
	inject(configmaps, "victim", 5);
	start();
	script = delete_one;
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	informer_inject_delete(configmaps, "n", "victim");
	answer(0, ERR_NOT_FOUND, NULL, 0);
	poll_loop();
	buf_reset(&reconciled);
	pass(100000);
	expect_reconciled("");
}

static void requeue(struct controller_context *ctx, const char *key, struct plan *plan)
{
	plan_requeue_after(plan, 5000);
	plan_requeue_after(plan, 3000);
	plan_requeue_after(plan, 9000);
	script = NULL;
}

static void test_requeue_after(void **state)
{
	start();
	script = requeue;
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	expect_reconciled("n/a ");
	pass(2999);
	expect_reconciled("");
	pass(1);
	expect_reconciled("n/a ");
	pass(100000);
	expect_reconciled("");
}

static void fail_it(struct controller_context *ctx, const char *key, struct plan *plan)
{
	plan_fail(plan, "cannot %s", "now");
	plan_fail(plan, "second");
	assert_string_equal(plan_failure(plan), "cannot now");
}

static void test_plan_fail_backs_off(void **state)
{
	start();
	log_set_level(LOG_ERROR);
	script = fail_it;
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	expect_reconciled("n/a ");
	pass(5);
	expect_reconciled("n/a ");
	pass(5);
	expect_reconciled("");
	pass(5);
	expect_reconciled("n/a ");
}

static void show_error(struct controller_context *ctx, const char *key, struct plan *plan)
{
	buf_printf(&reconciled, "(%s) ", ctx->last_error ? ctx->last_error->message : "fine");
	plan_create(plan, resource_configmaps, test_configmap("n", "x", 0));
}

static void test_reconcile_knows_why_it_failed(void **state)
{
	start();
	script = show_error;
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	answer(0, ERR_FORBIDDEN, NULL, 0);
	pass(5);
	answer(1, ERR_NONE, NULL, 0);
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	expect_reconciled("n/a (fine) n/a (no) n/a (fine) ");
}

static void test_concurrency(void **state)
{
	start();
	script = create_two;
	controller_runner_enqueue(runner, "test", "n/a");
	controller_runner_enqueue(runner, "test", "n/b");
	controller_runner_enqueue(runner, "test", "n/c");
	poll_loop();
	expect_reconciled("n/a n/b ");
	for (size_t i = 0; i < 4; i++)
		answer(i, ERR_FORBIDDEN, NULL, 0);
	poll_loop();
	expect_reconciled("n/c ");
}

static void create_many(struct controller_context *ctx, const char *key, struct plan *plan)
{
	char name[16];
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "%d", i);
		plan_create(plan, resource_configmaps, test_configmap("n", name, 0));
	}
	script = NULL;
}

static void test_large_plan_has_a_window(void **state)
{
	start();
	script = create_many;
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	assert_int_equal(calls_len, 64);
	answer(3, ERR_NONE, "x", 100);
	assert_int_equal(calls_len, 65);
	for (size_t i = 0; i < 200; i++)
		if (calls[i].is_open)
			answer(i, ERR_NONE, "x", 100 + (int)i);
	assert_int_equal(calls_len, 200);
}

static void test_transport_that_answers_at_once(void **state)
{
	answer_at_once = true;
	start();
	script = create_many;
	controller_runner_enqueue(runner, "test", "n/a");
	controller_runner_enqueue(runner, "test", "n/b");
	poll_loop();
	assert_int_equal(calls_len, 200);
	expect_reconciled("n/a n/b ");
}

static void test_freed_while_calls_are_under_way(void **state)
{
	start();
	script = create_two;
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	controller_runner_free(runner);
	runner = NULL;
	assert_false(calls[0].is_open);
}

static void test_metrics(void **state)
{
	start();
	controller_runner_enqueue(runner, "test", "n/a");
	poll_loop();
	struct buf out = BUF_INIT;
	controller_runner_metrics(runner, &out);
	assert_non_null(strstr(buf_str(&out), "workqueue_depth{name=\"test\"} 0\n"));
	assert_non_null(strstr(buf_str(&out), "reconcile_total{controller=\"test\",result=\"success\"} 1\n"));
	buf_done(&out);
}

static void test_describe(void **state)
{
	struct plan *plan = plan_new();
	struct arena *arena = arena_new();
	create_two(&(struct controller_context){0}, "n/a", plan);
	struct object *obj = test_configmap("n", "gone", 3);
	plan_delete(plan, obj);
	plan_event(plan, obj, true, "Why", "because %d", 5);
	object_unref(obj);
	assert_string_equal(plan_describe(arena, plan),
	    "create v1 configmaps n/x\ncreate v1 configmaps n/y\nthen\ncreate v1 "
	    "configmaps n/z\ndelete v1 configmaps n/gone");
	assert_string_equal(plan_event_at(plan, 0)->message, "because 5");
	assert_int_equal(plan_requeue_ms(plan), -1);
	plan_free(plan);
	arena_free(arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	resources_init();
	const struct CMUnitTest tests[] = {
	    TEST(test_nothing_before_the_start),
	    TEST(test_groups_run_one_after_the_other),
	    TEST(test_failure_ends_the_plan_after_its_group),
	    TEST(test_key_is_held_until_the_write_is_seen),
	    TEST(test_key_is_not_held_for_ever),
	    TEST(test_already_seen_is_not_held),
	    TEST(test_deletion_is_seen_by_its_object),
	    TEST(test_not_found_on_delete_is_success),
	    TEST(test_requeue_after),
	    TEST(test_plan_fail_backs_off),
	    TEST(test_reconcile_knows_why_it_failed),
	    TEST(test_concurrency),
	    TEST(test_large_plan_has_a_window),
	    TEST(test_transport_that_answers_at_once),
	    TEST(test_freed_while_calls_are_under_way),
	    TEST(test_metrics),
	    TEST(test_describe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
