/* Who runs, who waits and who is refused, in the whole server. */
#include "apiserver/flowcontrol/slow_server.h"

/* One user asks for more than there is; another one is served all the same, and soon. */
static void test_flood_does_not_starve(void **state)
{
	struct exchange greedy[40], modest;

	for (size_t i = 0; i < 40; i++)
		write_held(&greedy[i], "greedy");
	WAIT_FOR(count(greedy, 40, 429) == 40 - SEATS - 4 * 3); /* four queues of three */
	assert_int_equal(held_len, SEATS);
	for (size_t i = 0; i < 40; i++) {
		if (!greedy[i].status)
			continue;
		/* 1, or more when the refusals went on for more than a second: see test_retry_after. */
		assert_in_range(greedy[i].retry_after_s, 1, RETRY_MAX_S);
		assert_string_equal(greedy[i].text, "Too many requests, please try again later.\n");
		assert_string_equal(greedy[i].level_uid, level("tiny")->uid);
		assert_true(greedy[i].schema_uid[0]);
	}
	write_held(&modest, "modest");
	const char *key = arena_printf(arena, "/held-%d", names);
	WAIT_FOR(level("tiny")->fair.waiting == 13);
	int turns = 0;
	for (; !is_held(key); turns++) { /* those in front of it */
		release_one();
		WAIT_FOR(held_len == SEATS);
	}
	assert_in_range(
	    turns, 1, 4 + 1); /* at most one of each of the greedy one's queues, and its own turn */
	while (is_held(key))
		release_one();
	WAIT_FOR(modest.status);
	assert_int_equal(modest.status, 201);
	release_all();
	WAIT_FOR(count(greedy, 40, 201) == SEATS + 12);
}

/* Administrators pass, and so does what belongs to other levels. */
static void test_others_are_not_held_up(void **state)
{
	struct exchange greedy[20];

	for (size_t i = 0; i < 20; i++)
		write_held(&greedy[i], "greedy");
	WAIT_FOR(level("tiny")->fair.waiting == 12);
	create("/api/v1/namespaces/default/configmaps",
	    arena_printf(arena,
		"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"free-%d\"}}",
		++names));
	struct exchange other;
	send_as(&other, "greedy", "GET", "/api/v1/namespaces/default/secrets", NULL);
	WAIT_FOR(other.status);
	assert_int_equal(other.status, 200);
	release_all();
	WAIT_FOR(count(greedy, 20, 201) == SEATS + 12);
}

static void test_live_edit(void **state)
{
	struct exchange x[15], late;

	for (size_t i = 0; i < 15; i++)
		write_held(&x[i], "greedy");
	WAIT_FOR(level("tiny")->fair.waiting == 12);
	assert_int_equal(put_level(4, QUEUE), 200); /* 4 shares of 249 */
	WAIT_FOR(held_len == 10);
	assert_int_equal(level("tiny")->fair.waiting, 5);
	assert_int_equal(put_level(4, REJECT), 200);
	WAIT_FOR(level("tiny")->fair.config.queues == 0);
	write_held(&late, "greedy");
	WAIT_FOR(late.status);
	assert_int_equal(late.status, 429);
	release_all();
	WAIT_FOR(count(x, 15, 201) == 15); /* those that waited were served */
	assert_int_equal(put_level(1, QUEUE), 200);
	WAIT_FOR(level("tiny")->fair.seats == SEATS);
}

static void test_client_leaves(void **state)
{
	struct exchange x[10];
	uint64_t cancelled = level("tiny")->cancelled;

	for (size_t i = 0; i < 10; i++)
		write_held(&x[i], "greedy");
	WAIT_FOR(level("tiny")->fair.waiting == 7);
	for (size_t i = 0; i < 10; i++) /* those that run end all the same: they are being written */
		http_call_cancel(x[i].call);
	WAIT_FOR(level("tiny")->fair.waiting == 0);
	assert_int_equal(level("tiny")->cancelled - cancelled, 7);
	release_all();
	assert_int_equal(level("tiny")->fair.seats_in_use, 0);
}

/* A quarter of the time that a request may take. */
static void test_waiting_is_limited(void **state)
{
	struct exchange x[SEATS], late;
	int64_t was = options.request_timeout_ms;

	for (size_t i = 0; i < SEATS; i++)
		write_held(&x[i], "greedy");
	WAIT_FOR(held_len == SEATS);
	options.request_timeout_ms = 400;
	write_held(&late, "modest");
	WAIT_FOR(late.status);
	assert_int_equal(late.status, 429);
	assert_int_equal(held_len, SEATS);
	options.request_timeout_ms = was;
	struct answer metrics = call(ADMIN, "GET", "/metrics", NULL);
	assert_non_null(strstr(metrics.text, "apiserver_flowcontrol_rejected_requests_total{flow_schema="
					     "\"tiny\",priority_level=\"tiny\",reason="
					     "\"time-out\"} 1\n"));
	assert_non_null(strstr(metrics.text, "apiserver_flowcontrol_current_executing_requests{flow_schema="
					     "\"tiny\",priority_level=\"tiny\"} 3\n"));
	assert_non_null(
	    strstr(metrics.text, "apiserver_flowcontrol_nominal_limit_seats{priority_level=\"tiny\"} 3\n"));
	release_all();
}

static size_t opened;

static void on_open(void *arg, int status)
{
	assert_int_equal(status, 200);
	opened++;
}

static void on_data(void *arg, const char *data, size_t size)
{
}

static void on_watch_end(void *arg, const struct http_response *response)
{
}

/* Watches take a seat while they begin, and none while they last. */
static void test_watches_hold_no_seats(void **state)
{
	const char *headers[] = {"Authorization: Bearer " ADMIN, "Impersonate-User: greedy", NULL};
	const struct http_request request = {
	    .url = arena_printf(arena, "http://127.0.0.1:%d/api/v1/namespaces/default/configmaps?watch=1",
		api_server_port(server)),
	    .headers = headers,
	    .timeout_ms = -1};
	struct http_call *calls[10];
	uint64_t before = level("tiny")->dispatched;

	opened = 0;
	for (size_t i = 0; i < 10; i++)
		calls[i] = http_client_stream(client, &request, on_open, on_data, on_watch_end, NULL);
	WAIT_FOR(opened == 10);
	assert_int_equal(level("tiny")->dispatched - before, 10);
	assert_true(fair_is_idle(&level("tiny")->fair));
	assert_true(server->streams_running >= 10);
	for (size_t i = 0; i < 10; i++)
		http_call_cancel(calls[i]);
}

static const char *dangling(const char *schema)
{
	struct answer a = call(ADMIN, "GET", arena_printf(arena, SCHEMAS "/%s", schema), NULL);
	const struct json *conditions = json_get(json_get(a.body, "status"), "conditions");

	for (size_t i = 0; conditions && i < conditions->len; i++)
		if (str_eq(json_get_string(conditions->items[i], "type", ""), "Dangling"))
			return json_get_string(conditions->items[i], "status", "");
	return "";
}

/* A level that is deleted while requests wait in it serves them to the end; its schema dangles meanwhile. */
static void test_deleted_level(void **state)
{
	struct exchange x[6];

	WAIT_FOR(str_eq(dangling("tiny"), "False"));
	for (size_t i = 0; i < 6; i++)
		write_held(&x[i], "greedy");
	WAIT_FOR(level("tiny")->fair.waiting == 3);
	assert_int_equal(call(ADMIN, "DELETE", LEVELS "/tiny", NULL).status, 200);
	WAIT_FOR(str_eq(dangling("tiny"), "True"));
	assert_true(level("tiny")->is_quiescing);
	while (flow_level_find(server->flowcontrol, "tiny")) {
		WAIT_FOR(held_len > 0 || !flow_level_find(server->flowcontrol, "tiny"));
		while (held_len > 0)
			release_one();
	}
	WAIT_FOR(count(x, 6, 201) == 6);
	create(LEVELS, tiny_level(1, QUEUE));
	WAIT_FOR(str_eq(dangling("tiny"), "False"));
	WAIT_FOR(level("tiny")->fair.seats == SEATS);
}

/* Last: the server ends while requests wait, and some have a seat but have not been resumed. */
static void test_server_ends_meanwhile(void **state)
{
	static struct exchange x[9]; /* outlives the client, which goes first */
	struct flow_level *tiny = (struct flow_level *)level("tiny");

	assert_int_equal(put_level(0, QUEUE), 200);
	WAIT_FOR(tiny->fair.seats == 0);
	for (size_t i = 0; i < 9; i++)
		write_held(&x[i], "greedy");
	WAIT_FOR(tiny->fair.waiting == 9);
	fair_set_seats(&tiny->fair, 2, flow_now_ns(server->flowcontrol));
	assert_int_equal(tiny->fair.running, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_flood_does_not_starve),
	    cmocka_unit_test(test_others_are_not_held_up),
	    cmocka_unit_test(test_live_edit),
	    cmocka_unit_test(test_client_leaves),
	    cmocka_unit_test(test_waiting_is_limited),
	    cmocka_unit_test(test_watches_hold_no_seats),
	    cmocka_unit_test(test_deleted_level),
	    cmocka_unit_test(test_server_ends_meanwhile),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
