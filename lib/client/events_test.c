#include "lib/client/events.h"

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
#include "lib/client/kubeconfig.h"
#include "lib/client/rest.h"
#include "lib/client/test_objects.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

static struct clock_fake fake;
static struct loop *loop;
static struct fake_server *server;
static struct rest_client *client;
static struct event_recorder *recorder;
static struct object *pod;
static struct buf requests;
static int requests_len, answer_status, patch_status;

static void on_request(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	requests_len++;
	buf_printf(&requests, "%s %s %s\n", method, target, body);
	bool is_patch = str_eq(method, "PATCH");
	fake_reply(conn, is_patch ? patch_status : answer_status, "",
	    "{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"e\",\"namespace\":\"n\"}}");
}

static int setup(void **state)
{
	log_set_level(LOG_ERROR);
	clock_fake_init(&fake, 1700000000000000000LL);
	loop = loop_new(&fake.clock);
	server = fake_server_new(loop, 0, on_request, NULL);
	char url[64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", fake_server_port(server));
	struct error err = ERROR_INIT;
	client = rest_client_new(loop, &(struct rest_config){.server = url}, &err);
	recorder = event_recorder_new(client, "kubelet", "node1");
	pod = test_object("{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"web\","
			  "\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"5\"}}");
	requests_len = 0;
	answer_status = 201;
	patch_status = 200;
	return 0;
}

static int teardown(void **state)
{
	object_unref(pod);
	event_recorder_free(recorder);
	rest_client_free(client);
	fake_server_free(server);
	loop_free(loop);
	buf_done(&requests);
	return 0;
}

static void wait_for(int len)
{
	for (int i = 0; i < 2000 && requests_len < len; i++, usleep(200))
		loop_poll(loop);
	for (int i = 0; i < 20; i++, usleep(200))
		loop_poll(loop);
	assert_int_equal(requests_len, len);
}

static void test_fields(void **state)
{
	event_record_at(recorder, NULL, pod, "spec.containers{c}", true, "Failed", "it \"broke\"");
	wait_for(1);
	const char *text = buf_str(&requests);
	assert_true(str_has_prefix(text,
	    "POST /api/v1/namespaces/n/events "
	    "{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"web.17979cfe362a0000\""));
	static const char *const parts[] = {
	    "\"involvedObject\":{\"kind\":\"Pod\",\"namespace\":\"n\",\"name\":\"web\",\"uid\":\"u\","
	    "\"apiVersion\":\"v1\",\"resourceVersion\":\"5\",\"fieldPath\":\"spec.containers{c}\"}",
	    "\"reason\":\"Failed\"", "\"message\":\"it \\\"broke\\\"\"",
	    "\"source\":{\"component\":\"kubelet\",\"host\":\"node1\"}",
	    "\"firstTimestamp\":\"2023-11-14T22:13:20Z\",\"lastTimestamp\":\"2023-11-14T22:13:20Z\","
	    "\"count\":1,\"type\":\"Warning\"",
	    "\"eventTime\":null", "\"reportingComponent\":\"kubelet\",\"reportingInstance\":\"node1\""};
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (!strstr(text, parts[i]))
			fail_msg("%s is not in %s", parts[i], text);
}

static void test_cluster_scoped_objects_go_to_default(void **state)
{
	struct object *node =
	    test_object("{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n1\"}}");
	event_record(recorder, node, false, "Ready", "node %s", "n1");
	object_unref(node);
	wait_for(1);
	assert_true(str_has_prefix(buf_str(&requests), "POST /api/v1/namespaces/default/events "));
}

static void test_equal_events_raise_the_count(void **state)
{
	event_record(recorder, pod, false, "Pulled", "image");
	event_record(recorder, pod, false, "Pulled", "image");
	wait_for(2);
	assert_non_null(strstr(buf_str(&requests),
	    "PATCH /api/v1/namespaces/n/events/web.17979cfe362a0000 "
	    "{\"count\":2,\"lastTimestamp\":\"2023-11-14T22:13:20Z\",\"message\":\"image\"}"));
}

/* Events live an hour: what was to be patched may be gone. */
static void test_patch_of_a_gone_event_creates(void **state)
{
	patch_status = 404;
	event_record(recorder, pod, false, "Pulled", "image");
	event_record(recorder, pod, false, "Pulled", "image");
	wait_for(3);
	assert_non_null(strstr(buf_str(&requests), "\"count\":2,\"type\""));
	patch_status = 200;
	buf_reset(&requests);
	event_record(recorder, pod, false, "Pulled", "image");
	wait_for(4);
	assert_true(str_has_prefix(
	    buf_str(&requests), "PATCH /api/v1/namespaces/n/events/web.17979cfe362a0001 {\"count\":3"));
}

static void test_similar_events_are_combined(void **state)
{
	for (int i = 0; i < 12; i++)
		event_record(recorder, pod, false, "Probe", "message %d", i);
	wait_for(12);
	const char *first = strstr(buf_str(&requests), "(combined from similar events): message 9");
	assert_non_null(first);
	assert_non_null(strstr(first, "PATCH"));
	assert_null(strstr(buf_str(&requests), "combined from similar events): message 8"));
	/* A quiet while later they are told apart again. */
	clock_fake_advance(&fake, 601 * 1000000000LL);
	buf_reset(&requests);
	event_record(recorder, pod, false, "Probe", "message 50");
	wait_for(13);
	assert_null(strstr(buf_str(&requests), "combined"));
}

static void test_floods_stop(void **state)
{
	for (int i = 0; i < 60; i++)
		event_record(recorder, pod, false, "Pulled", "image");
	wait_for(25);
	clock_fake_advance(&fake, 301 * 1000000000LL);
	event_record(recorder, pod, false, "Pulled", "image");
	event_record(recorder, pod, false, "Pulled", "image");
	wait_for(26);
	assert_non_null(strstr(buf_str(&requests), "{\"count\":61,")); /* dropped ones are counted */
}

static void test_server_away_is_tried_again(void **state)
{
	answer_status = 500;
	event_record(recorder, pod, false, "Pulled", "image");
	wait_for(1);
	answer_status = 201;
	clock_fake_advance(&fake, 10 * 1000000000LL);
	wait_for(2);
	/* and a refusal is final */
	answer_status = 403;
	event_record(recorder, pod, false, "Other", "image");
	wait_for(3);
	clock_fake_advance(&fake, 10 * 1000000000LL);
	wait_for(3);
}

static void test_without_client_nothing_happens(void **state)
{
	struct event_recorder *none = event_recorder_new(NULL, "x", NULL);
	event_record(none, pod, false, "A", "b");
	event_recorder_free(none);
	event_record(NULL, pod, false, "A", "b");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	resources_init();
	const struct CMUnitTest tests[] = {
	    TEST(test_fields),
	    TEST(test_cluster_scoped_objects_go_to_default),
	    TEST(test_equal_events_raise_the_count),
	    TEST(test_patch_of_a_gone_event_creates),
	    TEST(test_similar_events_are_combined),
	    TEST(test_floods_stop),
	    TEST(test_server_away_is_tried_again),
	    TEST(test_without_client_nothing_happens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
