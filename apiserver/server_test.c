/*
 * Component test: the whole server in this process, over etcd (a fresh one on a free port) and over memory;
 * the client is a thread with blocking sockets. Every case makes a namespace of its own.
 */
#include "apiserver/server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "apiserver/options.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/loop/loop.h"

enum { TEXT_MAX = 1024 * 1024 };

struct cluster {
	struct loop *loop;
	struct api_server *server;
	struct api_options options;
	const char *servers[1];
	char url[64], directory[64];
	pid_t etcd;
	int etcd_port, port;
	bool is_ready;
	atomic_bool done;
	void (*client)(struct cluster *c);
};

static struct cluster cluster;

/* cmocka's asserts jump, which only the main thread may: the client's end the program. */
static void check_at(bool ok, int line, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "server_test.c:%d: failed: %.2000s\n", line, what);
	if (cluster.etcd > 0)
		kill(cluster.etcd, SIGKILL);
	abort();
}
#define check(condition) check_at((condition), __LINE__, #condition)
static void has_at(const char *text, const char *part, int line)
{
	check_at(strstr(text, part) != NULL, line, text);
}
#define has(text, part) has_at((text), (part), __LINE__)

/* The cluster */

static int free_port(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	getsockname(fd, (struct sockaddr *)&sa, &len);
	close(fd);
	return ntohs(sa.sin_port);
}

static void start_etcd(struct cluster *c)
{
	char peer[64], members[80];
	snprintf(c->url, sizeof c->url, "http://127.0.0.1:%d", c->etcd_port);
	snprintf(peer, sizeof peer, "http://127.0.0.1:%d", free_port());
	snprintf(members, sizeof members, "default=%s", peer);
	c->etcd = fork();
	if (c->etcd == 0) {
		if (!freopen("/dev/null", "w", stderr) || prctl(PR_SET_PDEATHSIG, SIGKILL))
			_exit(126);
		execlp("etcd", "etcd", "--unsafe-no-fsync", "--data-dir", c->directory,
		    "--listen-client-urls", c->url, "--advertise-client-urls", c->url, "--listen-peer-urls",
		    peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", members, (char *)NULL);
		_exit(127);
	}
}

static void stop_etcd(struct cluster *c)
{
	if (c->etcd <= 0)
		return;
	kill(c->etcd, SIGKILL);
	waitpid(c->etcd, NULL, 0);
	c->etcd = 0;
}

static void on_ready(void *arg, const struct error *err)
{
	struct cluster *c = arg;
	if (err)
		fprintf(stderr, "%s\n", err->message);
	assert_null(err);
	c->is_ready = true;
}

static void start_server(struct cluster *c, const char *storage)
{
	char *argv[] = {"kube-apiserver", "--secure-port=0", "--bind-address=127.0.0.1", "--insecure-http",
	    "--authorization-mode=AlwaysAllow", "--service-cluster-ip-range=10.96.0.0/16",
	    "--disable-admission-plugins=ServiceAccount", NULL};
	struct error err = ERROR_INIT;
	log_init("test", LOG_ERROR);
	resources_init();
	check(options_parse(&c->options, 7, argv, &err) == 0);
	c->servers[0] = storage;
	c->options.etcd_servers = (struct flag_list){c->servers, 1};
	c->loop = loop_new(NULL);
	c->server = api_server_new(c->loop, &c->options, &err);
	check_at(c->server != NULL, __LINE__, err.message);
	api_server_start(c->server, on_ready, c);
	for (int i = 0; i < 30000 && !c->is_ready; i++) {
		loop_poll(c->loop);
		usleep(1000);
	}
	check(c->is_ready);
	c->port = api_server_port(c->server);
}

static void stop_server(struct cluster *c)
{
	c->options.etcd_servers = (struct flag_list){0};
	api_server_free(c->server);
	loop_free(c->loop);
	options_done(&c->options);
}

static int setup_memory(void **state)
{
	start_server(&cluster, "memory:");
	return 0;
}

static int teardown_memory(void **state)
{
	stop_server(&cluster);
	memset(&cluster, 0, sizeof cluster);
	return 0;
}

static int setup_etcd(void **state)
{
	strcpy(cluster.directory, "/tmp/apiserver-test-XXXXXX");
	assert_non_null(mkdtemp(cluster.directory));
	cluster.etcd_port = free_port();
	start_etcd(&cluster);
	start_server(&cluster, cluster.url);
	return 0;
}

static int teardown_etcd(void **state)
{
	char command[128];
	stop_server(&cluster);
	stop_etcd(&cluster);
	snprintf(command, sizeof command, "rm -rf %s", cluster.directory);
	assert_int_equal(system(command), 0);
	memset(&cluster, 0, sizeof cluster);
	return 0;
}

static void *run_client(void *arg)
{
	struct cluster *c = arg;
	c->client(c);
	c->done = true;
	return NULL;
}

static void run(void (*client)(struct cluster *c))
{
	pthread_t thread;
	cluster.client = client;
	cluster.done = false;
	pthread_create(&thread, NULL, run_client, &cluster);
	while (!cluster.done) {
		loop_poll(cluster.loop);
		usleep(100);
	}
	pthread_join(thread, NULL);
}

/* The client */

static int dial(struct cluster *c)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)c->port)};
	struct timeval limit = {.tv_sec = 15};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	check(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	return fd;
}

static void send_request(int fd, const char *method, const char *path, const char *type, const char *body)
{
	char *head = malloc(TEXT_MAX);
	int n = snprintf(head, TEXT_MAX,
	    "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: "
	    "%zu\r\n\r\n%s",
	    method, path, type, strlen(body), body);
	check(send(fd, head, (size_t)n, MSG_NOSIGNAL) == n);
	free(head);
}

static char text[TEXT_MAX];

static void hear(int fd, const char *until)
{
	size_t size = 0;
	text[0] = '\0';
	while (size < TEXT_MAX - 1 && (!until || !strstr(text, until))) {
		ssize_t n = recv(fd, text + size, TEXT_MAX - 1 - size, 0);
		if (n <= 0)
			break;
		size += (size_t)n;
		text[size] = '\0';
	}
}

/* The HTTP status; the answer, with its head, is in `text`. */
static int call(struct cluster *c, const char *method, const char *path, const char *body)
{
	int fd = dial(c), status = 0;
	bool is_patch = !strcmp(method, "PATCH");
	send_request(fd, method, path, is_patch ? "application/merge-patch+json" : "application/json", body);
	hear(fd, NULL);
	close(fd);
	sscanf(text, "HTTP/1.1 %d", &status);
	return status;
}

static void expect_at(
    struct cluster *c, int want, const char *method, const char *path, const char *body, int line)
{
	int status = call(c, method, path, body);
	check_at(status == want, line, text);
}
#define expect(want, method, path, body) expect_at(c, (want), (method), (path), (body), __LINE__)

static void make_namespace(struct cluster *c, const char *name)
{
	char body[200];
	snprintf(body, sizeof body, "{\"metadata\":{\"name\":\"%s\"}}", name);
	expect(201, "POST", "/api/v1/namespaces", body);
}

/* The value behind "key":" in text, copied to out. */
static const char *value_of(const char *key, char *out, size_t size)
{
	char pattern[64];
	snprintf(pattern, sizeof pattern, "\"%s\":\"", key);
	const char *p = strstr(text, pattern);
	check_at(p != NULL, __LINE__, text);
	p += strlen(pattern);
	snprintf(out, size, "%.*s", (int)strcspn(p, "\""), p);
	return out;
}

/* The cases */

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

static void get_with(struct cluster *c, const char *path, const char *header)
{
	int fd = dial(c);
	send_request(fd, "GET", path, header, "");
	hear(fd, NULL);
	close(fd);
}

/* Large answers are compressed for who reads that; that the bytes are right is lib/http/gzip_test.c's matter.
 */
static void compression_client(struct cluster *c)
{
	enum { LARGE = 150 * 1024 };
	char *body = malloc(LARGE + 200);
	int n = sprintf(body, "{\"metadata\":{\"name\":\"large\"},\"data\":{\"k\":\"");
	memset(body + n, 'x', LARGE);
	strcpy(body + n + LARGE, "\"}}");
	expect(201, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"zip\"}}");
	expect(201, "POST", "/api/v1/namespaces/zip/configmaps", body);
	free(body);
	static const char *const paths[] = {"/api/v1/namespaces/zip/configmaps/large",
	    "/api/v1/namespaces/zip/configmaps", "/api/v1/namespaces/zip/configmaps?pretty=true",
	    "/openapi/v2"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		get_with(c, paths[i], "application/json\r\nAccept-Encoding: deflate, gzip");
		has(text, "Transfer-Encoding: chunked\r\n");
		has(text, "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n");
		check(!strstr(text, "Content-Length"));
		has(text, "\x1f\x8b");
		get_with(c, paths[i], "application/json");
		check(!strstr(text, "gzip"));
		has(text, "Content-Length: ");
	}
	get_with(c, "/api/v1/namespaces/zip", "application/json\r\nAccept-Encoding: gzip");
	check(!strstr(text, "Content-Encoding")); /* too small */
	expect(200, "DELETE", "/api/v1/namespaces/zip/configmaps/large", "");
}

static void list_options_client(struct cluster *c)
{
	static const char path[] = "/api/v1/namespaces/default/configmaps";
	char url[256];
	const struct {
		const char *query, *want;
	} wrong[] = {
	    {"watch=1&sendInitialEvents=true", "requires setting resourceVersionMatch to NotOlderThan"},
	    {"watch=1&resourceVersionMatch=NotOlderThan", "is forbidden for watch unless sendInitialEvents"},
	    {"sendInitialEvents=true", "sendInitialEvents is forbidden for list"},
	    {"resourceVersionMatch=Exact", "is forbidden unless resourceVersion is provided"},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		snprintf(url, sizeof url, "%s?%s", path, wrong[i].query);
		expect(422, "GET", url, "");
		has(text, wrong[i].want);
	}
	snprintf(url, sizeof url,
	    "%s?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1&"
	    "timeoutSeconds=1",
	    path);
	expect(200, "GET", url, "");
	has(text, "k8s.io/initial-events-end");
}

#define CASE(name)                                                                                           \
	static void test_##name(void **state)                                                                \
	{                                                                                                    \
		run(name##_client);                                                                          \
	}
CASE(crud)
CASE(watch)
CASE(one_revision)
CASE(paging)
CASE(services)
CASE(pods)
CASE(compression)
CASE(list_options)
CASE(restart)

int main(void)
{
	const struct CMUnitTest memory[] = {cmocka_unit_test(test_crud), cmocka_unit_test(test_watch),
	    cmocka_unit_test(test_paging), cmocka_unit_test(test_services), cmocka_unit_test(test_pods),
	    cmocka_unit_test(test_compression), cmocka_unit_test(test_list_options)};
	const struct CMUnitTest etcd[] = {cmocka_unit_test(test_crud), cmocka_unit_test(test_watch),
	    cmocka_unit_test(test_one_revision), cmocka_unit_test(test_paging),
	    cmocka_unit_test(test_services), cmocka_unit_test(test_pods), cmocka_unit_test(test_compression),
	    cmocka_unit_test(test_list_options), cmocka_unit_test(test_restart)};
	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("memory", memory, setup_memory, teardown_memory) +
	       cmocka_run_group_tests_name("etcd", etcd, setup_etcd, teardown_etcd);
}
