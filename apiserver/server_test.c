/* Component test: create to delete, watches, paging, Services and Pods, over memory and over a real etcd. */
#include "apiserver/testing/raw_client.h"

static void crud_client(struct cluster *c)
{
	static const char path[] = "/api/v1/namespaces/crud/configmaps/a";
	char rv[32], body[300];
	make_namespace(c, "crud");
	expect(404, "GET", path, "");
	expect(201, "POST", "/api/v1/namespaces/crud/configmaps",
	    "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}");
	value_of("resourceVersion", rv, sizeof rv);
	expect(409, "POST", "/api/v1/namespaces/crud/configmaps", "{\"metadata\":{\"name\":\"a\"}}");
	has(text, "\"reason\":\"AlreadyExists\"");
	expect(200, "GET", path, "");
	has(text, "\"data\":{\"k\":\"v\"}");
	snprintf(body, sizeof body,
	    "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"%s\"},\"data\":{\"k\":\"w\"}}", rv);
	expect(200, "PUT", path, body);
	expect(409, "PUT", path, body);
	has(text, "\"reason\":\"Conflict\"");
	expect(200, "GET", path, "");
	value_of("resourceVersion", rv, sizeof rv);
	expect(200, "PUT", path, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"w\"}}");
	has(text, rv); /* nothing changed, nothing was written */
	expect(200, "PATCH", path, "{\"metadata\":{\"finalizers\":[\"test/hold\"]}}");
	expect(200, "DELETE", path, "");
	has(text, "\"deletionTimestamp\":");
	expect(422, "PATCH", path, "{\"metadata\":{\"finalizers\":[\"test/hold\",\"test/more\"]}}");
	expect(200, "PATCH", path, "{\"metadata\":{\"finalizers\":null}}");
	expect(404, "GET", path, "");
	expect(400, "POST", "/api/v1/namespaces/crud/configmaps", "{");
	expect(405, "POST", "/api/v1/configmaps", "{}");
	expect(404, "GET", "/api/v1/namespaces/crud/widgets", "");
}

static void watch_client(struct cluster *c)
{
	char rv[32], path[300];
	make_namespace(c, "watch");
	expect(200, "GET", "/api/v1/namespaces/watch/configmaps", "");
	value_of("resourceVersion", rv, sizeof rv);
	snprintf(path, sizeof path,
	    "/api/v1/namespaces/watch/"
	    "configmaps?watch=true&timeoutSeconds=30&labelSelector=x%%3D1&resourceVersion=%s",
	    rv);
	int fd = dial(c);
	send_request(fd, "GET", path, "application/json", "");
	hear(fd, "\r\n\r\n");
	expect(201, "POST", "/api/v1/namespaces/watch/configmaps", "{\"metadata\":{\"name\":\"other\"}}");
	expect(201, "POST", "/api/v1/namespaces/watch/configmaps",
	    "{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"1\"}}}");
	expect(200, "PATCH", "/api/v1/namespaces/watch/configmaps/a", "{\"data\":{\"k\":\"v\"}}");
	expect(200, "PATCH", "/api/v1/namespaces/watch/configmaps/a", "{\"metadata\":{\"labels\":null}}");
	hear(fd, "\"type\":\"DELETED\"");
	has(text, "{\"type\":\"ADDED\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"");
	has(text, "{\"type\":\"MODIFIED\"");
	check(!strstr(text, "other"));
	close(fd);
	/* The same again from the past, of what happened meanwhile. */
	fd = dial(c);
	send_request(fd, "GET", path, "application/json", "");
	hear(fd, "\"type\":\"DELETED\"");
	has(text, "\"type\":\"ADDED\"");
	close(fd);
}

static int ask_watch(struct cluster *c, const char *where, const char *query, const char *rv)
{
	char path[300];
	snprintf(path, sizeof path, "/api/v1/%sconfigmaps?watch=true&timeoutSeconds=30&%s&resourceVersion=%s",
	    where, query, rv);
	int fd = dial(c);
	send_request(fd, "GET", path, "application/json", "");
	return fd;
}

/* One that has begun. */
static int open_watch(struct cluster *c, const char *where, const char *query, const char *rv)
{
	int fd = ask_watch(c, where, query, rv);
	hear(fd, "\r\n\r\n");
	return fd;
}

/* What a watch has been sent up to the object `last`: the first letters of the events' types. */
static void expect_events(int fd, const char *types, const char *last)
{
	char seen[32] = "";
	size_t len = 0;
	hear(fd, last);
	for (const char *p = text; (p = strstr(p, "{\"type\":\"")) && len < sizeof seen - 1; p++)
		seen[len++] = p[strlen("{\"type\":\"")];
	has(seen, types);
	check(len == strlen(types));
	close(fd);
}

/* Watches that ask for the same share what they select; those that ask for something else do not. */
static void selections_client(struct cluster *c)
{
	static const char one[] = "namespaces/one/", two[] = "namespaces/two/", x1[] = "labelSelector=x%3D1";
	char rv[32];
	make_namespace(c, "one");
	make_namespace(c, "two");
	expect(200, "GET", "/api/v1/configmaps", "");
	value_of("resourceVersion", rv, sizeof rv);
	int same = open_watch(c, one, x1, rv), again = open_watch(c, one, x1, rv);
	int other = open_watch(c, one, "labelSelector=x%3D2", rv);
	int everywhere = open_watch(c, "", x1, rv), elsewhere = open_watch(c, two, x1, rv);
	int by_name = open_watch(c, one, "fieldSelector=metadata.name%3Da", rv);
	int short_lived = open_watch(c, one, "labelSelector=x%3D2", rv);
	expect(201, "POST", "/api/v1/namespaces/one/configmaps",
	    "{\"metadata\":{\"name\":\"a\",\"labels\":{\"x\":\"1\"}}}");
	close(short_lived);
	expect(200, "PATCH", "/api/v1/namespaces/one/configmaps/a", "{\"data\":{\"k\":\"v\"}}");
	expect(
	    200, "PATCH", "/api/v1/namespaces/one/configmaps/a", "{\"metadata\":{\"labels\":{\"x\":\"2\"}}}");
	expect(200, "DELETE", "/api/v1/namespaces/one/configmaps/a", "");
	expect(201, "POST", "/api/v1/namespaces/one/configmaps",
	    "{\"metadata\":{\"name\":\"end-1\",\"labels\":{\"x\":\"1\"}}}");
	expect(201, "POST", "/api/v1/namespaces/one/configmaps",
	    "{\"metadata\":{\"name\":\"end-2\",\"labels\":{\"x\":\"2\"}}}");
	expect(201, "POST", "/api/v1/namespaces/two/configmaps",
	    "{\"metadata\":{\"name\":\"end-3\",\"labels\":{\"x\":\"1\"}}}");
	expect_events(same, "AMDA", "end-1");
	expect_events(again, "AMDA", "end-1");
	expect_events(other, "ADA", "end-2");
	expect_events(everywhere, "AMDAA", "end-3");
	expect_events(elsewhere, "A", "end-3");
	expect_events(by_name, "AMMD", "\"type\":\"DELETED\"");
	/* The same from the past. */
	expect_events(ask_watch(c, one, x1, rv), "AMDA", "end-1");
}

/* Two changes of one revision, as a lease makes them whose objects expire together: watchers see both. */
static void one_revision_client(struct cluster *c)
{
	static const char txn[] =
	    "{\"success\":["
	    "{\"request_delete_range\":{\"key\":\"L3JlZ2lzdHJ5L2NvbmZpZ21hcHMvdG9nZXRoZXIvYQ==\"}},"
	    "{\"request_delete_range\":{\"key\":\"L3JlZ2lzdHJ5L2NvbmZpZ21hcHMvdG9nZXRoZXIvYg==\"}}]}";
	char rv[32], path[200];
	struct cluster store = {.port = c->etcd_port};
	make_namespace(c, "together");
	expect(201, "POST", "/api/v1/namespaces/together/configmaps", "{\"metadata\":{\"name\":\"a\"}}");
	expect(201, "POST", "/api/v1/namespaces/together/configmaps", "{\"metadata\":{\"name\":\"b\"}}");
	expect(200, "GET", "/api/v1/namespaces/together/configmaps/b", "");
	value_of("resourceVersion", rv, sizeof rv);
	snprintf(path, sizeof path,
	    "/api/v1/namespaces/together/configmaps?watch=true&timeoutSeconds=30&resourceVersion=%s", rv);
	int fd = dial(c);
	send_request(fd, "GET", path, "application/json", "");
	check_at(call(&store, "POST", "/v3/kv/txn", txn) == 200, __LINE__, text);
	for (int i = 0; i < 2; i++) { /* live, then from the past */
		hear(fd, "\"name\":\"b\"");
		has(text, "\"name\":\"a\"");
		has(text, "\"name\":\"b\"");
		close(fd);
		fd = dial(c);
		send_request(fd, "GET", path, "application/json", "");
	}
	close(fd);
}

static void paging_client(struct cluster *c)
{
	char token[400], path[600], body[100];
	make_namespace(c, "paging");
	for (int i = 0; i < 5; i++) {
		snprintf(body, sizeof body, "{\"metadata\":{\"name\":\"p%d\"}}", i);
		expect(201, "POST", "/api/v1/namespaces/paging/configmaps", body);
	}
	expect(200, "GET", "/api/v1/namespaces/paging/configmaps?limit=2", "");
	has(text, "\"remainingItemCount\":3");
	value_of("continue", token, sizeof token);
	/* What is deleted behind the first page is still in the second: pages show one moment. */
	expect(200, "DELETE", "/api/v1/namespaces/paging/configmaps/p2", "");
	snprintf(path, sizeof path, "/api/v1/namespaces/paging/configmaps?limit=2&continue=%s", token);
	expect(200, "GET", path, "");
	has(text, "\"name\":\"p2\"");
	has(text, "\"name\":\"p3\"");
	has(text, "\"remainingItemCount\":1");
	value_of("continue", token, sizeof token);
	snprintf(path, sizeof path, "/api/v1/namespaces/paging/configmaps?limit=2&continue=%s", token);
	expect(200, "GET", path, "");
	has(text, "\"name\":\"p4\"");
	check(!strstr(text, "\"continue\""));
	expect(400, "GET", "/api/v1/namespaces/paging/configmaps?continue=bad", "");
	expect(504, "GET", "/api/v1/namespaces/paging/configmaps?resourceVersion=99999999", "");
	has(text, "ResourceVersionTooLarge");
	expect(200, "DELETE", "/api/v1/namespaces/paging/configmaps?labelSelector=!none", "");
	expect(200, "GET", "/api/v1/namespaces/paging/configmaps", "");
	has(text, "\"items\":[]");
}

static void services_client(struct cluster *c)
{
	static const char format[] =
	    "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"type\":\"NodePort\",\"clusterIP\":\"%s\","
	    "\"ports\":[{\"port\":80,\"nodePort\":%d}]}}";
	char body[400];
	make_namespace(c, "services");
	snprintf(body, sizeof body, format, "a", "10.96.7.7", 31234);
	expect(201, "POST", "/api/v1/namespaces/services/services", body);
	has(text, "\"clusterIPs\":[\"10.96.7.7\"]");
	snprintf(body, sizeof body, format, "b", "10.96.7.7", 31235);
	expect(422, "POST", "/api/v1/namespaces/services/services", body);
	has(text, "spec.clusterIPs");
	snprintf(body, sizeof body, format, "b", "10.96.7.8", 31234);
	expect(422, "POST", "/api/v1/namespaces/services/services", body);
	has(text, "spec.ports[0].nodePort");
	expect(200, "DELETE", "/api/v1/namespaces/services/services/a", "");
	snprintf(body, sizeof body, format, "b", "10.96.7.7", 31234);
	expect(201, "POST", "/api/v1/namespaces/services/services", body);
	expect(201, "POST", "/api/v1/namespaces/services/services",
	    "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"ports\":[{\"port\":80}]}}");
	has(text, "\"clusterIP\":\"10.96.");
}

static void pods_client(struct cluster *c)
{
	static const char pod[] =
	    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}";
	static const char path[] = "/api/v1/namespaces/pods/pods/p";
	make_namespace(c, "pods");
	expect(201, "POST", "/api/v1/namespaces/pods/pods", pod);
	expect(201, "POST", "/api/v1/namespaces/pods/pods/p/binding",
	    "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\",\"name\":\"n1\"}}");
	expect(409, "POST", "/api/v1/namespaces/pods/pods/p/binding",
	    "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Node\",\"name\":\"n2\"}}");
	expect(200, "GET", path, "");
	has(text, "\"nodeName\":\"n1\"");
	expect(200, "DELETE", path, "");
	has(text, "\"deletionGracePeriodSeconds\":30");
	expect(200, "GET", path, "");
	expect(200, "DELETE", path, "{\"gracePeriodSeconds\":0}");
	expect(404, "GET", path, "");
	expect(201, "POST", "/api/v1/namespaces/pods/pods", pod);
	expect(201, "POST", "/api/v1/namespaces/pods/pods/p/eviction",
	    "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"p\"}}");
	expect(404, "GET", path, "");
}

static void restart_client(struct cluster *c)
{
	char rv[32], path[200];
	make_namespace(c, "restart");
	expect(200, "GET", "/api/v1/namespaces/restart/configmaps", "");
	value_of("resourceVersion", rv, sizeof rv);
	snprintf(
	    path, sizeof path, "/api/v1/namespaces/restart/configmaps?watch=true&resourceVersion=%s", rv);
	int fd = dial(c);
	send_request(fd, "GET", path, "application/json", "");
	hear(fd, "\r\n\r\n");
	stop_etcd(c);
	expect(503, "POST", "/api/v1/namespaces/restart/configmaps", "{\"metadata\":{\"name\":\"lost\"}}");
	expect(500, "GET", "/readyz", "");
	expect(200, "GET", "/api/v1/namespaces/restart/configmaps?resourceVersion=0", "");
	start_etcd(c);
	int status = 0;
	for (int i = 0; i < 100 && status != 201; i++) {
		usleep(100000);
		status = call(c, "POST", "/api/v1/namespaces/restart/configmaps",
		    "{\"metadata\":{\"name\":\"after\"}}");
	}
	check(status == 201);
	hear(fd, "\"name\":\"after\""); /* the watch of before goes on */
	has(text, "\"type\":\"ADDED\"");
	close(fd);
	expect(200, "GET", "/readyz", "");
}

static size_t waiting_posts(const struct api_server *server)
{
	size_t n = 0;
	for (const struct api_request *r = server->requests; r; r = r->next)
		n += !r->is_internal && r->is_pending && r->info.verb == API_CREATE;
	return n;
}

/* A server may be freed while writes wait for etcd: they are released with it (the leak checker looks). */
static void test_freed_with_writes_under_way(void **state)
{
	static const char *const requests[][2] = {
	    {"/api/v1/namespaces/default/configmaps", "{\"metadata\":{\"name\":\"a\"}}"},
	    {"/api/v1/namespaces/default/services",
		"{\"metadata\":{\"name\":\"a\"},\"spec\":{\"ports\":[{\"port\":80}]}}"},
	};
	struct api_server *server = cluster.server;
	int fds[2];
	kill(cluster.etcd, SIGSTOP);
	for (size_t i = 0; i < 2; i++) {
		fds[i] = dial(&cluster);
		send_request(fds[i], "POST", requests[i][0], "application/json", requests[i][1]);
	}
	for (int i = 0; i < 10000 && waiting_posts(server) < 2; i++) {
		loop_poll(cluster.loop);
		usleep(1000);
	}
	assert_int_equal(waiting_posts(server), 2);
	close(fds[0]); /* with the client there, and without */
	for (int i = 0; i < 100; i++)
		loop_poll(cluster.loop);
	assert_int_equal(waiting_posts(server), 2);
	teardown_etcd(NULL);
	close(fds[1]);
}

CASE(crud)
CASE(watch)
CASE(selections)
CASE(one_revision)
CASE(paging)
CASE(services)
CASE(pods)
CASE(restart)

int main(void)
{
	const struct CMUnitTest memory[] = {cmocka_unit_test(test_crud), cmocka_unit_test(test_watch),
	    cmocka_unit_test(test_selections), cmocka_unit_test(test_paging), cmocka_unit_test(test_services),
	    cmocka_unit_test(test_pods)};
	const struct CMUnitTest etcd[] = {cmocka_unit_test(test_crud), cmocka_unit_test(test_watch),
	    cmocka_unit_test(test_selections), cmocka_unit_test(test_one_revision),
	    cmocka_unit_test(test_paging), cmocka_unit_test(test_services), cmocka_unit_test(test_pods),
	    cmocka_unit_test(test_restart)};
	const struct CMUnitTest end[] = {
	    cmocka_unit_test_setup(test_freed_with_writes_under_way, setup_etcd)};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("memory", memory, setup_memory, teardown_memory) +
	       cmocka_run_group_tests_name("etcd", etcd, setup_etcd, teardown_etcd) +
	       cmocka_run_group_tests_name("end", end, NULL, NULL);
}
