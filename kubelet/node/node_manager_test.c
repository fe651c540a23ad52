/* Registration, lease and status against a server that keeps one node, over the runtime without containers.
 */
#include "kubelet/node/node.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kubelet/config.h"
#include "kubelet/runtime/runtime.h"
#include "lib/api/object.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/test.h"
#include "lib/client/events.h"
#include "lib/client/fake_server.h"
#include "lib/client/kubeconfig.h"
#include "lib/client/rest.h"
#include "lib/client/test_objects.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

#define NODE "/api/v1/nodes/n1"
#define NODE_FORMAT                                                                                          \
	"{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n1\",\"uid\":\"u1\","             \
	"\"resourceVersion\":\"%d\"}}"

static struct kubelet_config config;
static struct loop *loop;
static struct fake_server *server;
static struct rest_client *client;
static struct event_recorder *events;
static struct runtime *rt;
static struct node_manager *nm;

/* What the server keeps, and what it was asked for. */
static bool has_node, is_down, loses_node;
static int refused, reads, creates, label_patches, status_patches, lease_writes;
static char last_labels[4096];

static void answer_node(struct fake_conn *conn, int status)
{
	char text[256];
	snprintf(text, sizeof text, NODE_FORMAT, 7);
	fake_reply(conn, status, "", text);
}

static void answer_missing(struct fake_conn *conn)
{
	fake_reply(conn, 404, "", "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"code\":404}");
}

static void on_request(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	if (is_down) {
		refused++;
		fake_close(conn);
	} else if (strstr(target, "/leases")) {
		bool is_read = str_eq(method, "GET");
		lease_writes += !is_read;
		if (is_read)
			answer_missing(conn);
		else
			fake_reply(conn, 200, "", body);
	} else if (str_has_prefix(target, NODE "/status")) {
		status_patches++;
		if (loses_node)
			has_node = loses_node = false;
		if (has_node)
			answer_node(conn, 200);
		else
			answer_missing(conn);
	} else if (str_has_prefix(target, NODE) && str_eq(method, "PATCH")) {
		label_patches++;
		snprintf(last_labels, sizeof last_labels, "%s", body);
		answer_node(conn, 200);
	} else if (str_has_prefix(target, NODE)) {
		reads++;
		if (has_node)
			answer_node(conn, 200);
		else
			answer_missing(conn);
	} else if (str_has_prefix(target, "/api/v1/nodes")) {
		creates++;
		has_node = true;
		answer_node(conn, 201);
	} else { /* events */
		fake_reply(conn, 201, "", body);
	}
}

static void on_network(void *arg, bool ready, const char *message)
{
}

static int setup(void **state)
{
	struct error err = ERROR_INIT;
	char url[64];
	config = (struct kubelet_config){.node_name = "n1",
	    .node_ip = "127.0.0.1",
	    .root_dir = "/tmp",
	    .register_node = true,
	    .max_pods = 110,
	    .status_update_ms = 300000,
	    .lease_duration_s = 40,
	    .sync_ms = 60000};
	has_node = is_down = loses_node = false;
	refused = reads = creates = label_patches = status_patches = lease_writes = 0;
	last_labels[0] = '\0';
	loop = loop_new(NULL);
	server = fake_server_new(loop, 0, on_request, NULL);
	snprintf(url, sizeof url, "http://127.0.0.1:%d", fake_server_port(server));
	client = rest_client_new(loop, &(struct rest_config){.server = url}, &err);
	assert_non_null(client);
	events = event_recorder_new(client, "kubelet", NULL);
	rt = hollow_runtime_new(loop);
	nm = node_manager_new(&config, loop, client, events, rt);
	return 0;
}

static int teardown(void **state)
{
	node_manager_free(nm);
	runtime_free(rt);
	event_recorder_free(events);
	rest_client_free(client);
	fake_server_free(server);
	loop_free(loop);
	return 0;
}

#define WAIT_FOR(condition)                                                                                  \
	do {                                                                                                 \
		for (int tries_ = 0; tries_ < 60000 && !(condition); tries_++) {                             \
			loop_poll(loop);                                                                     \
			usleep(1000);                                                                        \
		}                                                                                            \
		assert_true(condition);                                                                      \
	} while (0)

static void take(int revision)
{
	struct object *node = test_object(NODE_FORMAT, revision);
	node_manager_take(nm, node);
	object_unref(node);
}

static void test_node_is_created(void **state)
{
	assert_null(node_manager_node(nm));
	node_manager_start(nm, 10250, on_network, NULL);
	WAIT_FOR(creates == 1 && lease_writes && status_patches);
	assert_string_equal(object_name(node_manager_node(nm)), "n1");
	assert_int_equal(label_patches, 0);
}

/* The server comes up late, and the watch delivers the node before the kubelet has asked for it again. */
static void test_node_known_before_it_is_registered(void **state)
{
	has_node = is_down = true;
	node_manager_start(nm, 10250, on_network, NULL);
	WAIT_FOR(refused);
	take(5);
	assert_int_equal(node_manager_node(nm)->revision, 5);
	is_down = false;
	WAIT_FOR(lease_writes && status_patches);
	assert_true(reads > 0);
	assert_int_equal(creates, 0);
}

static void test_labels_of_an_earlier_run_are_renewed(void **state)
{
	has_node = true;
	node_manager_start(nm, 10250, on_network, NULL);
	WAIT_FOR(label_patches == 1 && lease_writes && status_patches);
	assert_non_null(strstr(last_labels, "\"kubernetes.io/hostname\":\"n1\""));
	assert_int_equal(creates, 0);
}

static void test_deleted_node_comes_back(void **state)
{
	node_manager_start(nm, 10250, on_network, NULL);
	loses_node = true;
	WAIT_FOR(creates == 2 && status_patches > 1);
	assert_non_null(node_manager_node(nm));
}

/* --register-node=false: somebody else makes the node; lease and status begin when the watch shows it. */
static void test_node_of_others(void **state)
{
	config.register_node = false;
	has_node = true;
	node_manager_start(nm, 10250, on_network, NULL);
	for (int i = 0; i < 50; i++)
		loop_poll(loop);
	assert_int_equal(lease_writes + status_patches, 0);
	take(5);
	WAIT_FOR(lease_writes && status_patches);
	assert_int_equal(reads + creates + label_patches, 0);
}

static void test_older_object_is_not_taken(void **state)
{
	node_manager_start(nm, 10250, on_network, NULL);
	WAIT_FOR(creates == 1 && status_patches);
	take(3);
	assert_int_equal(node_manager_node(nm)->revision, 7);
	take(9);
	assert_int_equal(node_manager_node(nm)->revision, 9);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_node_is_created),
	    TEST(test_node_known_before_it_is_registered),
	    TEST(test_labels_of_an_earlier_run_are_renewed),
	    TEST(test_deleted_node_comes_back),
	    TEST(test_node_of_others),
	    TEST(test_older_object_is_not_taken),
	};
	log_init("test", LOG_ERROR);
	resources_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
