/* Configuration of flow control in the whole server: what is refused, what is restored, what is shown. */
#include "apiserver/flowcontrol/slow_server.h"

static bool has_cause(const struct answer *a, const char *field)
{
	const struct json *causes = json_get(json_get(a->body, "details"), "causes");

	for (size_t i = 0; causes && i < causes->len; i++)
		if (str_eq(json_get_string(causes->items[i], "field", ""), field))
			return true;
	return false;
}

static void assert_refused(const char *path, const char *body, const char *field)
{
	struct answer a = call(ADMIN, "PUT", path, body);

	if (a.status != 422 || !has_cause(&a, field))
		fail_msg("%s: %d, expected 422 about %s: %s", path, a.status, field, a.text);
}

#define QUEUING "spec.limited.limitResponse.queuing"

static void test_bad_configuration(void **state)
{
	static const struct {
		const char *response, *field;
	} bad[] = {
	    {"{\"type\":\"Queue\",\"queuing\":{\"queues\":4,\"handSize\":5,\"queueLengthLimit\":1}}",
		QUEUING ".handSize"},
	    {"{\"type\":\"Queue\",\"queuing\":{\"queues\":1024,\"handSize\":7,\"queueLengthLimit\":1}}",
		QUEUING ".handSize"}, /* 70 bits */
	    {"{\"type\":\"Queue\",\"queuing\":{\"queues\":-1,\"handSize\":1,\"queueLengthLimit\":1}}",
		QUEUING ".queues"},
	    {"{\"type\":\"Queue\",\"queuing\":{\"queues\":10000001,\"handSize\":1,\"queueLengthLimit\":1}}",
		QUEUING ".queues"},
	    {"{\"type\":\"Queue\",\"queuing\":{\"queues\":8,\"handSize\":1,\"queueLengthLimit\":-1}}",
		QUEUING ".queueLengthLimit"},
	    {"{\"type\":\"Queue\"}", QUEUING},
	    {"{\"type\":\"Reject\",\"queuing\":{\"queues\":8}}", QUEUING},
	    {"{\"type\":\"Delay\"}", "spec.limited.limitResponse.type"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(LEVELS "/tiny", tiny_level(1, bad[i].response), bad[i].field);
	assert_refused(LEVELS "/tiny", tiny_level(-1, REJECT), "spec.limited.nominalConcurrencyShares");
	assert_refused(LEVELS "/catch-all",
	    "{\"apiVersion\":\"flowcontrol.apiserver.k8s.io/v1\",\"kind\":\"PriorityLevelConfiguration\","
	    "\"metadata\":{\"name\":\"catch-all\"},\"spec\":{\"type\":\"Limited\",\"limited\":{"
	    "\"nominalConcurrencyShares\":50,\"limitResponse\":{\"type\":\"Reject\"}}}}",
	    "spec");
	static const char *const faults[][2] = {
	    {"\"matchingPrecedence\":50", "\"matchingPrecedence\":1"},
	    {"\"matchingPrecedence\":50", "\"matchingPrecedence\":10001"},
	    {"\"verbs\":[\"*\"]", "\"verbs\":[\"get\",\"*\"]"},
	    {"\"verbs\":[\"*\"]", "\"verbs\":[\"fetch\"]"},
	    {"\"namespaces\":[\"*\"]", "\"namespaces\":[]"},
	    {"\"kind\":\"User\",\"user\":{\"name\":\"greedy\"}", "\"kind\":\"User\""},
	    {"\"kind\":\"User\",\"user\":{\"name\":\"greedy\"}",
		"\"kind\":\"Group\",\"user\":{\"name\":\"x\"}"},
	};
	static const char *const fields[] = {"spec.matchingPrecedence", "spec.matchingPrecedence",
	    "spec.rules[0].resourceRules[0].verbs", "spec.rules[0].resourceRules[0].verbs",
	    "spec.rules[0].resourceRules[0].namespaces", "spec.rules[0].subjects[0].user",
	    "spec.rules[0].subjects[0].user"};
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const char *at = strstr(TINY_SCHEMA, faults[i][0]);
		assert_refused(SCHEMAS "/tiny",
		    arena_printf(arena, "%.*s%s%s", (int)(at - TINY_SCHEMA), TINY_SCHEMA, faults[i][1],
			at + strlen(faults[i][0])),
		    fields[i]);
	}
}

static struct json *get(const char *path)
{
	struct answer a = call(ADMIN, "GET", path, NULL);
	return a.status == 200 ? a.body : NULL;
}

static int64_t shares(const char *name)
{
	const struct json *limited =
	    json_get(json_get(get(arena_printf(arena, LEVELS "/%s", name)), "spec"), "limited");
	return limited ? json_get_int(limited, "nominalConcurrencyShares", -1) : -1;
}

static const char *autoupdate(const char *name)
{
	const struct json *meta = json_get(get(arena_printf(arena, LEVELS "/%s", name)), "metadata");
	const struct json *annotations = meta ? json_get(meta, "annotations") : NULL;
	return annotations ? json_get_string(annotations, FLOWCONTROL_AUTOUPDATE, "") : "";
}

static void put_suggested(const char *name, int n, const char *annotations)
{
	struct answer a = call(ADMIN, "PUT", arena_printf(arena, LEVELS "/%s", name),
	    arena_printf(arena,
		"{\"apiVersion\":\"flowcontrol.apiserver.k8s.io/v1\",\"kind\":\"PriorityLevelConfiguration\","
		"\"metadata\":{\"name\":\"%s\",\"annotations\":{%s}},\"spec\":{\"type\":\"Limited\","
		"\"limited\":{\"nominalConcurrencyShares\":%d,\"limitResponse\":{\"type\":\"Reject\"}}}}",
		name, annotations, n));
	if (a.status != 200)
		fail_msg("%d %s", a.status, a.text);
}

/* What every cluster has comes back; what an administrator has taken over stays as it is. */
static void test_restores(void **state)
{
	assert_string_equal(autoupdate("workload-low"), "true");
	put_suggested("workload-low", 7, "\"" FLOWCONTROL_AUTOUPDATE "\":\"true\"");
	put_suggested("workload-high", 8, "\"" FLOWCONTROL_AUTOUPDATE "\":\"false\"");
	put_suggested("node-high", 9, "");
	assert_int_equal(call(ADMIN, "DELETE", SCHEMAS "/probes", NULL).status, 200);
	assert_int_equal(call(ADMIN, "DELETE", SCHEMAS "/catch-all", NULL).status, 200);
	flow_restore(server->flowcontrol); /* as its timer does once a minute */
	WAIT_FOR(shares("workload-low") == 100);
	WAIT_FOR(str_eq(autoupdate("node-high"), "false"));
	assert_int_equal(shares("node-high"), 9);
	assert_int_equal(shares("workload-high"), 8);
	WAIT_FOR(get(SCHEMAS "/probes") != NULL);
	WAIT_FOR(get(SCHEMAS "/catch-all") != NULL);
	put_suggested("workload-high", 40, "\"" FLOWCONTROL_AUTOUPDATE "\":\"true\"");
	put_suggested("node-high", 40, "\"" FLOWCONTROL_AUTOUPDATE "\":\"true\"");
	flow_restore(server->flowcontrol);
	WAIT_FOR(level("node-high")->fair.config.queues == 64);
	WAIT_FOR(level("workload-high")->fair.config.queues == 128);
	WAIT_FOR(level("tiny")->fair.seats == SEATS);
}

static void test_dumps(void **state)
{
#define DUMP "/debug/api_priority_and_fairness/dump_"
	struct exchange x[5];

	for (size_t i = 0; i < 5; i++)
		write_held(&x[i], "greedy");
	WAIT_FOR(level("tiny")->fair.waiting == 2);
	struct answer a = call(ADMIN, "GET", DUMP "priority_levels", NULL);
	assert_non_null(strstr(a.text, "PriorityLevelName, ActiveQueues, IsIdle, "));
	assert_non_null(strstr(a.text, "\ntiny, "));
	a = call(ADMIN, "GET", DUMP "queues", NULL);
	assert_non_null(strstr(a.text, "PriorityLevelName, Index, "));
	a = call(ADMIN, "GET", DUMP "requests?includeRequestDetails=1", NULL);
	size_t rows = 0;
	for (const char *p = a.text; (p = strstr(p, "\ntiny, ")); p++)
		rows++;
	assert_int_equal(rows, 5);
	assert_non_null(strstr(a.text, "greedy"));
	assert_non_null(strstr(a.text, "/api/v1/namespaces/default/configmaps"));
	assert_int_equal(call(ALICE, "GET", DUMP "requests", NULL).status, 403);
	release_all();
}

/* --enable-priority-and-fairness=false: nothing is classified. */
static void test_switched_off(void **state)
{
	struct exchange x;

	send_as(&x, "modest", "GET", "/api/v1/namespaces/default/configmaps", NULL);
	WAIT_FOR(x.status);
	assert_true(x.level_uid[0]);
	options.enable_priority_and_fairness = false;
	send_as(&x, "modest", "GET", "/api/v1/namespaces/default/configmaps", NULL);
	WAIT_FOR(x.status);
	assert_int_equal(x.status, 200);
	assert_string_equal(x.level_uid, "");
	options.enable_priority_and_fairness = true;
}

/* The server answers before it has written its first objects: what is mandatory counts all the same. */
static void test_before_first_objects(void **state)
{
	struct error err = ERROR_INIT;
	struct api_server *early = api_server_new(loop, &options, &err), *was = server;
	struct exchange x;

	assert_non_null(early);
	early->storage->functions = &slow;
	hold_all = true;
	api_server_start(early, NULL, NULL);
	WAIT_FOR(held_len > 0 && api_server_port(early) > 0);
	server = early; /* for the address */
	send_as(&x, NULL, "GET", "/api/v1/namespaces/default", NULL);
	server = was;
	WAIT_FOR(x.status);
	assert_int_equal(x.status, 404);
	assert_false(early->is_bootstrapped);
	hold_all = false;
	while (held_len > 0)
		release_one();
	WAIT_FOR(early->is_bootstrapped);
	early->storage->functions = fast;
	api_server_free(early);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_configuration),
	    cmocka_unit_test(test_restores),
	    cmocka_unit_test(test_dumps),
	    cmocka_unit_test(test_switched_off),
	    cmocka_unit_test(test_before_first_objects),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
