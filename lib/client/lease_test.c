/* The election against a server that keeps one lease. */
#include "lib/client/lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/test.h"
#include "lib/client/fake_server.h"
#include "lib/client/kubeconfig.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

static struct clock_fake fake;
static struct loop *loop;
static struct fake_server *server;
static struct rest_client *client;
static char stored[4096]; /* the lease as JSON; "" when there is none */
static int revision, writes, led, lost;
static bool is_down;

/* The member of the stored text, without quotes. */
static void member(const char *name, char out[64])
{
	char key[64];
	snprintf(key, sizeof(key), "\"%s\":\"", name);
	const char *start = strstr(stored, key);
	snprintf(out, 64, "%.*s", start ? (int)strcspn(start + strlen(key), "\"") : 0,
	    start ? start + strlen(key) : "");
}

static void store(const char *body)
{
	/* Only the revision changes: it stands behind the name. */
	char rv[64];
	snprintf(rv, sizeof(rv), "\"resourceVersion\":\"%d\",\"namespace\"", ++revision);
	const char *ns = strstr(body, "\"namespace\"");
	snprintf(
	    stored, sizeof(stored), "%.*s%s%s", (int)(ns - body), body, rv, ns + strlen("\"namespace\""));
	writes++;
}

static void on_request(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	char sent[64] = "";
	const char *rv = strstr(body, "\"resourceVersion\":\"");
	if (rv)
		snprintf(sent, sizeof(sent), "%.*s", (int)strcspn(rv + 19, "\""), rv + 19);
	if (is_down) {
		fake_close(conn);
	} else if (str_eq(method, "GET")) {
		fake_reply(conn, stored[0] ? 200 : 404, "",
		    stored[0] ? stored : "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"code\":404}");
	} else if (str_eq(method, "PUT") && atoi(sent) != revision) {
		fake_reply(conn, 409, "", "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"code\":409}");
	} else {
		char clean[4096];
		snprintf(clean, sizeof(clean), "%s", body);
		char *old = strstr(clean, "\"resourceVersion\":\"");
		if (old) { /* drop the old one */
			char *end = strchr(old + 19, '"') + 2;
			memmove(old, end, strlen(end) + 1);
		}
		store(clean);
		fake_reply(conn, 200, "", stored);
	}
}

static void on_lead(void *arg)
{
	led++;
}

static void on_lost(void *arg)
{
	lost++;
}

static int setup(void **state)
{
	log_set_level(LOG_ERROR - 1);
	clock_fake_init(&fake, 1700000000000000000LL);
	loop = loop_new(&fake.clock);
	server = fake_server_new(loop, 0, on_request, NULL);
	char url[64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", fake_server_port(server));
	struct error err = ERROR_INIT;
	client = rest_client_new(loop, &(struct rest_config){.server = url}, &err);
	stored[0] = '\0';
	revision = writes = led = lost = 0;
	is_down = false;
	return 0;
}

static int teardown(void **state)
{
	rest_client_free(client);
	fake_server_free(server);
	loop_free(loop);
	return 0;
}

static void settle(void)
{
	for (int i = 0; i < 40; i++, usleep(200))
		loop_poll(loop);
}

static void pass(int seconds)
{
	for (int i = 0; i < seconds; i++) {
		clock_fake_advance(&fake, 1000000000LL);
		settle();
	}
}

static void test_takes_a_free_lease_and_renews(void **state)
{
	struct lease_election *election =
	    lease_election_new(client, "kube-system", "x", "me", on_lead, on_lost, NULL);
	settle();
	assert_int_equal(led, 1);
	char text[64], acquired[64];
	member("holderIdentity", text);
	assert_string_equal(text, "me");
	assert_non_null(strstr(stored, "\"leaseDurationSeconds\":15"));
	member("acquireTime", acquired);
	int before = writes;
	pass(20);
	assert_true(writes - before >= 3 && writes - before <= 4); /* every 5 to 6 s */
	member("acquireTime", text);
	assert_string_equal(text, acquired);
	assert_int_equal(led, 1);
	assert_int_equal(lost, 0);
	lease_election_free(election);
}

static void test_waits_for_another_to_die(void **state)
{
	struct lease_election *first =
	    lease_election_new(client, "kube-system", "x", "first", on_lead, on_lost, NULL);
	settle();
	struct lease_election *second =
	    lease_election_new(client, "kube-system", "x", "second", on_lead, on_lost, NULL);
	pass(30);
	assert_int_equal(led, 1);
	lease_election_free(first); /* dies without a word */
	pass(13);
	assert_int_equal(led, 1);
	pass(12);
	assert_int_equal(led, 2);
	char text[64];
	member("holderIdentity", text);
	assert_string_equal(text, "second");
	assert_non_null(strstr(stored, "\"leaseTransitions\":1"));
	lease_election_free(second);
}

static void released(void *arg)
{
	*(bool *)arg = true;
}

static void test_released_lease_is_taken_at_once(void **state)
{
	struct lease_election *first =
	    lease_election_new(client, "kube-system", "x", "first", on_lead, on_lost, NULL);
	settle();
	struct lease_election *second =
	    lease_election_new(client, "kube-system", "x", "second", on_lead, on_lost, NULL);
	settle();
	bool is_released = false;
	lease_election_release(first, released, &is_released);
	settle();
	assert_true(is_released);
	pass(3);
	assert_int_equal(led, 2);
	assert_int_equal(lost, 0);
	lease_election_free(first);
	lease_election_free(second);
}

static void test_leader_that_cannot_renew_knows_in_time(void **state)
{
	struct lease_election *election =
	    lease_election_new(client, "kube-system", "x", "me", on_lead, on_lost, NULL);
	settle();
	is_down = true;
	pass(9);
	assert_int_equal(lost, 0);
	pass(7); /* 10 s behind the last renewal, which was up to 6 s ago */
	assert_int_equal(lost, 1);
	lease_election_free(election);
}

static void test_short_outage_is_survived(void **state)
{
	struct lease_election *election =
	    lease_election_new(client, "kube-system", "x", "me", on_lead, on_lost, NULL);
	settle();
	is_down = true;
	pass(7);
	is_down = false;
	pass(20);
	assert_int_equal(lost, 0);
	lease_election_free(election);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	resources_init();
	const struct CMUnitTest tests[] = {
	    TEST(test_takes_a_free_lease_and_renews),
	    TEST(test_waits_for_another_to_die),
	    TEST(test_released_lease_is_taken_at_once),
	    TEST(test_leader_that_cannot_renew_knows_in_time),
	    TEST(test_short_outage_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
