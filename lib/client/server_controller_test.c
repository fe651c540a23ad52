/* Component test: what controllers are made of, against the real API server: runner, events, election. */
#include "lib/client/server_fixture.h"

#include "lib/client/controller.h"
#include "lib/client/events.h"
#include "lib/client/lease.h"
#include "lib/client/plan.h"
#include "proto/core_v1.pb-c.h"

/* A controller: as many children as the label of the parent says. */

static int most_children;

static void map_child(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	enqueue->key(enqueue, "default/parent");
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct informer *inf = controller_informer(ctx, resource_configmaps);
	const struct object *parent = informer_lookup(inf, "default", "parent");
	int wanted = parent ? atoi(api_map_get(parent->meta, labels, "app")) : 0, have = 0;
	informer_for_each (obj, informer_in_namespace(inf, "default")) {
		if (!str_has_prefix(object_name(obj), "child-"))
			continue;
		if (++have > wanted)
			plan_delete(plan, obj);
	}
	if (have > most_children)
		most_children = have;
	for (; have < wanted; have++) {
		struct object *child = object_new(resource_configmaps->schema);
		child->meta->namespace_ = arena_strdup(child->arena, "default");
		child->meta->generate_name = arena_strdup(child->arena, "child-");
		plan_create(plan, resource_configmaps, child);
	}
}

static const struct controller_watch watches[] = {{&resource_configmaps, map_child}, {NULL, NULL}};
static const struct controller controller = {
    .name = "family", .event_component = "family-controller", .watches = watches, .reconcile = reconcile};

static int children(const struct informer *inf)
{
	int n = 0;
	informer_for_each (obj, informer_all(inf))
		n += str_has_prefix(object_name(obj), "child-");
	return n;
}

static void test_runner_never_acts_on_its_own_past(void **state)
{
	struct informer_set *set = informer_set_new(client);
	struct informer *inf = informer_get(set, resource_configmaps);
	struct controller_runner *runner = controller_runner_new(loop, client, set, NULL, NULL);
	most_children = 0;
	controller_runner_add(runner, &controller);
	controller_runner_start(runner);
	create(client, "parent", "30");
	WAIT_FOR(children(inf) == 30);
	relabel(client, "parent", "45");
	WAIT_FOR(children(inf) == 45);
	for (int i = 0; i < 300; i++) { /* late surplus would show now */
		loop_poll(loop);
		usleep(1000);
	}
	assert_int_equal(most_children, 45);
	relabel(client, "parent", "0");
	WAIT_FOR(children(inf) == 0);
	controller_runner_free(runner);
	informer_set_free(set);
}

static void test_runner_converges_after_a_kill(void **state)
{
	struct informer_set *set = informer_set_new(client);
	struct informer *inf = informer_get(set, resource_configmaps);
	struct controller_runner *runner = controller_runner_new(loop, client, set, NULL, NULL);
	controller_runner_add(runner, &controller);
	controller_runner_start(runner);
	create(client, "parent", "60");
	WAIT_FOR(children(inf) > 5);
	end(&first.pid, SIGKILL);
	for (int i = 0; i < 50; i++) {
		loop_poll(loop);
		usleep(1000);
	}
	start_server(&first, "first.log", first.port);
	WAIT_FOR(children(inf) == 60 && is_as_listed(client, inf));
	controller_runner_free(runner);
	informer_set_free(set);
}

/* Events, leases. */

static void test_events_are_counted(void **state)
{
	struct event_recorder *events = event_recorder_new(client, "tester", NULL);
	struct object *about = test_object("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
					   "\"name\":\"about\",\"namespace\":\"default\",\"uid\":\"u\"}}");
	for (int i = 0; i < 3; i++)
		event_record(events, about, true, "Counted", "again");
	struct object **items = NULL;
	size_t len = 0;
	int32_t count = 0;
	for (int i = 0; i < 200 && count < 3; i++) {
		struct error err = ERROR_INIT;
		must(rest_list(client,
			 REST_REQUEST(.verb = REST_LIST, .type = resource_events, .ns = "default",
			     .field_selector = "involvedObject.name=about,reason=Counted"),
			 &items, &len, NULL, &err),
		    &err);
		assert_true(len <= 1);
		count = len ? ((CoreV1__Event *)items[0]->msg)->count : 0;
		rest_items_free(items, len);
		usleep(10000);
	}
	assert_int_equal(count, 3);
	object_unref(about);
	event_recorder_free(events);
}

static int led;

static void on_lead(void *arg)
{
	led++;
}

static void on_lost(void *arg)
{
	fail();
}

static void released(void *arg)
{
	*(bool *)arg = true;
}

static void test_election(void **state)
{
	struct lease_election *one =
	    lease_election_new(client, "default", "test-lease", "one", on_lead, on_lost, NULL);
	WAIT_FOR(led == 1);
	struct lease_election *two =
	    lease_election_new(client, "default", "test-lease", "two", on_lead, on_lost, NULL);
	bool is_released = false;
	lease_election_release(one, released, &is_released);
	WAIT_FOR(is_released && led == 2);
	lease_election_free(one);
	lease_election_free(two);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_runner_never_acts_on_its_own_past),
	    TEST(test_runner_converges_after_a_kill),
	    TEST(test_events_are_counted),
	    TEST(test_election),
	};
	return server_run(argc, argv, tests);
}
