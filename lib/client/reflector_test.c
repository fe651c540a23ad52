/* Watch, reflector and informer against a scripted server: what a broken stream, an expired revision, a half
 * line and a restart of the server do to the local replica. Time is a fake clock, so that back-off takes no
 * time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/api/object.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/test.h"
#include "lib/client/fake_server.h"
#include "lib/client/informer.h"
#include "lib/client/kubeconfig.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

static struct clock_fake fake;
static struct loop *loop;
static struct fake_server *server;
static struct rest_client *client;
static struct informer_set *set;
static struct informer *inf;
static struct buf seen, requests;
static struct fake_conn *watch_conn; /* the open watch */
static const char *list_body;
static int lists, watches, watch_status;

static void on_request(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	buf_printf(&requests, "%s\n", target);
	if (!strstr(target, "watch=true")) {
		lists++;
		fake_reply(conn, 200, "", list_body);
		return;
	}
	watches++;
	if (watch_status != 200) {
		fake_reply(conn, watch_status, "",
		    "{\"kind\":\"Status\",\"reason\":\"Expired\",\"message\":\"too old\",\"code\":410}");
		return;
	}
	watch_conn = conn;
	fake_stream_start(conn);
}

static void on_change(void *arg, const struct object *old, const struct object *new_)
{
	buf_printf(&seen, "%s%s ", !old ? "+" : !new_ ? "-" : "~", object_name(new_ ? new_ : old));
}

static struct rest_client *new_client(int port)
{
	char url[64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
	struct error err = ERROR_INIT;
	return rest_client_new(loop, &(struct rest_config){.server = url}, &err);
}

#define CM(name, rv)                                                                                         \
	"{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"" name                       \
	"\",\"namespace\":\"n\",\"resourceVersion\":\"" rv "\"}}"
#define LIST(rv, items)                                                                                      \
	"{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"" rv          \
	"\"},\"items\":[" items "]}"
#define EVENT(type, name, rv) "{\"type\":\"" type "\",\"object\":" CM(name, rv) "}\n"

static int setup(void **state)
{
	log_set_level(LOG_ERROR);
	clock_fake_init(&fake, 1700000000000000000LL);
	loop = loop_new(&fake.clock);
	server = fake_server_new(loop, 0, on_request, NULL);
	client = new_client(fake_server_port(server));
	set = informer_set_new(client);
	inf = informer_get(set, resource_configmaps);
	informer_add_handler(inf, on_change, NULL);
	lists = watches = 0;
	watch_status = 200;
	watch_conn = NULL;
	list_body = LIST("5", CM("a", "3") "," CM("b", "5"));
	return 0;
}

static int teardown(void **state)
{
	informer_set_free(set);
	rest_client_free(client);
	fake_server_free(server);
	loop_free(loop);
	buf_done(&seen);
	buf_done(&requests);
	return 0;
}

/* Polls until the condition holds; network takes real time, so a few milliseconds are waited for it. */
#define WAIT_FOR(condition)                                                                                  \
	do {                                                                                                 \
		for (int tries_ = 0; tries_ < 2000 && !(condition); tries_++) {                              \
			loop_poll(loop);                                                                     \
			usleep(500);                                                                         \
		}                                                                                            \
		assert_true(condition);                                                                      \
	} while (0)

static void settle(void)
{
	for (int i = 0; i < 30; i++) {
		loop_poll(loop);
		usleep(500);
	}
}

static void pass(int64_t ms)
{
	clock_fake_advance(&fake, ms * 1000000);
}

static void start(void)
{
	informer_set_start(set);
	WAIT_FOR(watch_conn);
	assert_true(informer_set_synced(set));
	assert_string_equal(buf_str(&seen), "+a +b ");
	buf_reset(&seen);
	buf_reset(&requests);
}

static void expect_seen(const char *text)
{
	WAIT_FOR(seen.size >= strlen(text));
	assert_string_equal(buf_str(&seen), text);
	buf_reset(&seen);
}

static void test_lists_then_watches(void **state)
{
	informer_set_start(set);
	WAIT_FOR(watch_conn);
	assert_true(str_has_prefix(buf_str(&requests),
	    "/api/v1/configmaps?resourceVersion=0\n"
	    "/api/v1/configmaps?resourceVersion=5&watch=true&allowWatchBookmarks=true&timeoutSeconds="));
	assert_int_equal(informer_revision(inf), 5);
}

static void test_follows_events(void **state)
{
	start();
	fake_stream_send(
	    watch_conn, EVENT("ADDED", "c", "6") EVENT("MODIFIED", "a", "7") EVENT("DELETED", "b", "8"));
	expect_seen("+c ~a -b ");
	assert_int_equal(informer_revision(inf), 8);
	assert_int_equal(informer_len(inf), 2);
}

static void test_lines_come_in_pieces(void **state)
{
	start();
	const char *text = EVENT("ADDED", "c", "6") "\r\n" EVENT("DELETED", "c", "7");
	for (const char *p = text; *p; p++) {
		char piece[2] = {*p, 0};
		fake_stream_send(watch_conn, piece);
		loop_poll(loop);
	}
	expect_seen("+c -c ");
}

static void test_other_member_order_is_read_too(void **state)
{
	start();
	fake_stream_send(watch_conn, "{ \"object\": " CM("c", "6") ", \"type\": \"ADDED\" }\n");
	expect_seen("+c ");
}

static void test_bookmark_moves_the_revision(void **state)
{
	start();
	fake_stream_send(watch_conn, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"ConfigMap\","
				     "\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"40\"}}}\n");
	WAIT_FOR(informer_revision(inf) == 40);
	assert_string_equal(buf_str(&seen), "");
	fake_stream_end(watch_conn);
	watch_conn = NULL;
	settle();
	pass(2000);
	WAIT_FOR(watch_conn);
	assert_non_null(strstr(buf_str(&requests), "resourceVersion=40&"));
}

static void test_broken_stream_resumes_from_the_last_revision(void **state)
{
	start();
	fake_stream_send(watch_conn, EVENT("ADDED", "c", "6") "{\"type\":\"ADDED\",\"object\":{\"half");
	expect_seen("+c ");
	fake_close(watch_conn);
	watch_conn = NULL;
	settle();
	assert_int_equal(watches, 1); /* not at once */
	pass(1300);
	WAIT_FOR(watch_conn);
	assert_int_equal(lists, 1);
	assert_non_null(strstr(buf_str(&requests), "resourceVersion=6&"));
	fake_stream_send(watch_conn, EVENT("ADDED", "d", "7"));
	expect_seen("+d ");
}

/* A stream that lived is resumed without a pause. */
static void test_orderly_end_after_a_while(void **state)
{
	start();
	pass(60000);
	fake_stream_end(watch_conn);
	watch_conn = NULL;
	WAIT_FOR(watch_conn);
	assert_int_equal(lists, 1);
}

static const char *const gone =
    "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\","
    "\"message\":\"too old resource version\",\"reason\":\"Expired\",\"code\":410}}\n";

static void test_expired_in_the_stream_lists_again(void **state)
{
	start();
	list_body = LIST("20", CM("a", "15"));
	fake_stream_send(watch_conn, gone);
	watch_conn = NULL;
	WAIT_FOR(watch_conn);
	expect_seen("~a -b ");
	assert_int_equal(lists, 2);
	assert_true(str_has_prefix(buf_str(&requests), "/api/v1/configmaps\n")); /* from the store itself */
	assert_int_equal(informer_revision(inf), 20);
}

/* A server that calls every revision expired must not keep us busy. */
static void test_expired_again_and_again_backs_off(void **state)
{
	watch_status = 410;
	informer_set_start(set);
	settle();
	assert_true(lists <= 3);
	int before = lists;
	pass(60000);
	settle();
	assert_true(lists > before && lists <= before + 2);
}

static void test_server_away_and_back(void **state)
{
	start();
	int port = fake_server_port(server);
	fake_server_free(server);
	server = NULL;
	watch_conn = NULL;
	for (int i = 0; i < 5; i++) {
		settle();
		pass(40000);
	}
	settle();
	server = fake_server_new(loop, port, on_request, NULL);
	pass(40000);
	WAIT_FOR(watch_conn);
	assert_int_equal(lists, 1); /* resumed, not listed */
	fake_stream_send(watch_conn, EVENT("MODIFIED", "b", "9"));
	expect_seen("~b ");
}

static void test_server_comes_late(void **state)
{
	int port = fake_server_port(server);
	fake_server_free(server);
	server = NULL;
	informer_set_start(set);
	settle();
	assert_false(informer_set_synced(set));
	server = fake_server_new(loop, port, on_request, NULL);
	pass(1300);
	WAIT_FOR(watch_conn);
	assert_true(informer_set_synced(set));
}

/* Neither data nor an end: the deadline of the stream gives it up. */
static void test_silent_stream_is_given_up(void **state)
{
	start();
	watch_conn = NULL;
	pass(700000);
	settle();
	pass(2000);
	WAIT_FOR(watch_conn);
	assert_int_equal(watches, 2);
}

static void test_garbage_in_the_stream(void **state)
{
	start();
	fake_stream_send(watch_conn, "{\"type\":\"ADDED\",\"object\":]}\n");
	watch_conn = NULL;
	settle();
	pass(2000);
	WAIT_FOR(watch_conn);
	fake_stream_send(watch_conn, "{\"type\":\"PURPLE\",\"object\":{}}\n");
	watch_conn = NULL;
	settle();
	pass(4000);
	WAIT_FOR(watch_conn);
	fake_stream_send(watch_conn, EVENT("ADDED", "c", "6"));
	expect_seen("+c ");
}

static void test_filtered_informer_asks_for_less(void **state)
{
	informer_get_filtered(set, resource_configmaps, "n", "app=x", "metadata.name=y");
	informer_set_start(set);
	WAIT_FOR(watches == 2);
	assert_non_null(strstr(buf_str(&requests),
	    "/api/v1/namespaces/n/"
	    "configmaps?labelSelector=app%3Dx&fieldSelector=metadata.name%3Dy&resourceVersion=0\n"));
}

static int events_seen, ends_seen;
static struct rest_watch *watch_to_cancel;

static void cancel_in_event(void *arg, enum watch_event_type type, struct object *obj)
{
	if (++events_seen == 2)
		rest_watch_cancel(watch_to_cancel);
}

static void on_end(void *arg, const struct error *err)
{
	ends_seen++;
}

static void test_watch_cancelled_from_within(void **state)
{
	events_seen = ends_seen = 0;
	watch_to_cancel = rest_watch(client, REST_REQUEST(.verb = REST_LIST, .type = resource_configmaps),
	    cancel_in_event, on_end, NULL);
	WAIT_FOR(watch_conn);
	fake_stream_send(
	    watch_conn, EVENT("ADDED", "c", "6") EVENT("ADDED", "d", "7") EVENT("ADDED", "e", "8"));
	WAIT_FOR(events_seen == 2);
	settle();
	assert_int_equal(events_seen, 2);
	assert_int_equal(ends_seen, 0);
}

static void test_watch_end_tells_why(void **state)
{
	ends_seen = 0;
	events_seen = 10;
	watch_status = 410;
	rest_watch(client, REST_REQUEST(.verb = REST_LIST, .type = resource_configmaps), cancel_in_event,
	    on_end, NULL);
	WAIT_FOR(ends_seen == 1);
	settle();
	assert_int_equal(ends_seen, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	resources_init();
	const struct CMUnitTest tests[] = {
	    TEST(test_lists_then_watches),
	    TEST(test_follows_events),
	    TEST(test_lines_come_in_pieces),
	    TEST(test_other_member_order_is_read_too),
	    TEST(test_bookmark_moves_the_revision),
	    TEST(test_broken_stream_resumes_from_the_last_revision),
	    TEST(test_orderly_end_after_a_while),
	    TEST(test_expired_in_the_stream_lists_again),
	    TEST(test_expired_again_and_again_backs_off),
	    TEST(test_server_away_and_back),
	    TEST(test_server_comes_late),
	    TEST(test_silent_stream_is_given_up),
	    TEST(test_garbage_in_the_stream),
	    TEST(test_filtered_informer_asks_for_less),
	    TEST(test_watch_cancelled_from_within),
	    TEST(test_watch_end_tells_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
