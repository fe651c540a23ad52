/* Component test: time-outs and the orderly end of the real server, with an etcd that is stopped and goes on.
 */
#include "apiserver/testing/server_process.h"

#define CONFIGMAPS "/api/v1/namespaces/default/configmaps"
#define HOOKS "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
#define TIMED_OUT "Timeout: request did not complete within the allotted timeout"
/* Counters of /metrics. */
#define IN_FLIGHT(kind, n) "\napiserver_current_inflight_requests{request_kind=\"" kind "\"} " n "\n"
#define ANSWERED(verb, scope, code, n)                                                                       \
	"\napiserver_request_total{verb=\"" verb                                                             \
	"\",dry_run=\"\",group=\"\",version=\"v1\",resource=\"configmaps\","                                 \
	"subresource=\"\",scope=\"" scope "\",component=\"apiserver\",code=\"" code "\"} " n "\n"

static void create_configmap_at(const char *name, int want, int line)
{
	char body[200];
	snprintf(body, sizeof body, "{\"metadata\":{\"name\":\"%s\"}}", name);
	int status = call("POST", CONFIGMAPS, ADMIN JSON_BODY, body);
	if (status != want)
		fail_msg("line %d: %s", line, answer);
}
#define create_configmap(name, want) create_configmap_at((name), (want), __LINE__)

static void stop_etcd(void)
{
	assert_int_equal(kill(etcd_pid, SIGSTOP), 0);
}

static void resume_etcd(void)
{
	assert_int_equal(kill(etcd_pid, SIGCONT), 0);
}

/* Waits until /metrics, which is itself a request, says that nothing else is under way. */
static void await_quiet(void)
{
	for (int i = 0; i < PATIENCE_S * 50; i++, nap()) {
		assert_int_equal(call("GET", "/metrics", ADMIN, NULL), 200);
		if (strstr(answer, IN_FLIGHT("readOnly", "1")) && strstr(answer, IN_FLIGHT("mutating", "0")))
			return;
	}
	fail_msg("requests do not end: %s", answer);
}

static void await_exists(const char *target, int want)
{
	for (int i = 0; i < PATIENCE_S * 50; i++, nap())
		if (call("GET", target, ADMIN, NULL) == want)
			return;
	fail_msg("%s: %s", target, answer);
}

static void test_timeout_parameter(void **state)
{
	assert_int_equal(call("GET", "/api?timeout=abc", ADMIN, NULL), 400);
	assert_has(answer, "invalid timeout specified in the request URL - ");
	assert_has(answer, "\"reason\":\"BadRequest\"");
	/* Before it is known who asks. */
	assert_int_equal(call("GET", CONFIGMAPS "?timeout=3x", "", NULL), 400);
	assert_int_equal(call("GET", CONFIGMAPS "?timeout=0s", ADMIN, NULL), 200);
	assert_int_equal(call("GET", CONFIGMAPS "?timeout=-5s", ADMIN, NULL), 200);
	assert_int_equal(call("GET", CONFIGMAPS "?timeout=24h", ADMIN, NULL), 200);
	/* It is none of a watch's. */
	assert_int_equal(call("GET", CONFIGMAPS "?watch=1&timeoutSeconds=1&timeout=abc", ADMIN, NULL), 200);
}

static void test_store_that_does_not_answer(void **state)
{
	create_configmap("there", 201);
	stop_etcd();
	int read = send_request("GET", CONFIGMAPS "?timeout=1s", ADMIN, NULL);
	int missing = send_request("GET", CONFIGMAPS "/nothing?timeout=1s", ADMIN, NULL);
	int write = send_request(
	    "POST", CONFIGMAPS "?timeout=1s", ADMIN JSON_BODY, "{\"metadata\":{\"name\":\"late\"}}");
	int delete = send_request("DELETE", CONFIGMAPS "/there?timeout=1s", ADMIN, NULL);
	int all = send_request("DELETE", CONFIGMAPS "?timeout=1s", ADMIN, NULL);
	const int fds[] = {read, missing, write, delete, all};
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(await_answer(fds[i]), 504);
		assert_has(answer, "\"reason\":\"Timeout\"");
		assert_has(answer, "\"message\":\"" TIMED_OUT "\"");
	}
	/* Nobody waits for these: their outcome is dropped. */
	close(send_request(
	    "POST", CONFIGMAPS "?timeout=1s", ADMIN JSON_BODY, "{\"metadata\":{\"name\":\"left\"}}"));
	/* What is cached is served all the while. */
	assert_int_equal(call("GET", CONFIGMAPS "?resourceVersion=0", ADMIN, NULL), 200);
	resume_etcd();
	await_quiet();
	/* Answered once: the write that came through after all is counted as what was answered. */
	assert_has(answer, ANSWERED("POST", "resource", "504", "1"));
	assert_has(answer, ANSWERED("LIST", "namespace", "504", "1"));
	await_exists(CONFIGMAPS "/late", 200);
	create_configmap("late", 409);
	create_configmap("after", 201);
}

static int send_part(const char *text)
{
	int fd = dial();
	assert_true(fd >= 0);
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	return fd;
}

static void test_slow_body(void **state)
{
#define HALF_A_CREATE(user)                                                                                  \
	"POST " CONFIGMAPS " HTTP/1.1\r\nHost: test\r\n" user JSON_BODY                                      \
	"Content-Length: 1000\r\n\r\n{\"metadata\":"
	int fd = send_part(HALF_A_CREATE(ADMIN)), strange = send_part(HALF_A_CREATE(ALICE));
	assert_int_equal(await_answer(fd), 504);
	assert_has(answer, "\"reason\":\"Timeout\"");
	assert_has(answer, TIMED_OUT);
	assert_has(answer, "Connection: close\r\n");
	assert_has(answer, "Audit-Id: "); /* of every answer, though nothing is audited here */
	/* Who may not do it learns that: the body does not matter. */
	assert_int_equal(await_answer(strange), 403);
	assert_int_equal(call("GET", "/metrics", ADMIN, NULL), 200);
	assert_has(answer, "scope=\"resource\",component=\"apiserver\",code=\"504\"} ");
}

/* A hook that accepts connections and is silent. */
static int silent_hook(int *ret_port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa) || listen(fd, 8), 0);
	getsockname(fd, (struct sockaddr *)&sa, &len);
	*ret_port = ntohs(sa.sin_port);
	return fd;
}

/* A configuration that asks such a hook about every ConfigMap, and lets it pass when the hook fails. */
static int add_silent_hook(void)
{
	char body[1000];
	int port, fd = silent_hook(&port);
	snprintf(body, sizeof body,
	    "{\"metadata\":{\"name\":\"slow\"},\"webhooks\":[{\"name\":\"slow.example.com\",\"sideEffects\":"
	    "\"None\",\"failurePolicy\":\"Ignore\",\"timeoutSeconds\":30,\"admissionReviewVersions\":[\"v1\"]"
	    ","
	    "\"clientConfig\":{\"url\":\"https://127.0.0.1:%d/\"},\"rules\":[{\"apiGroups\":[\"\"],"
	    "\"apiVersions\":[\"v1\"],\"resources\":[\"configmaps\"],\"operations\":[\"CREATE\"]}]}]}",
	    port);
	assert_int_equal(call("POST", HOOKS, ADMIN JSON_BODY, body), 201);
	return fd;
}

/* Who waits for the hook goes on. */
static void release_hook(int fd)
{
	int conn = accept(fd, NULL, NULL);
	assert_true(conn >= 0);
	close(conn);
	close(fd);
}

/* The hook fails after the answer was given, and would let the object pass: it must not be stored then. */
static void test_hook_that_answers_late(void **state)
{
	int hook = add_silent_hook();
	assert_int_equal(
	    call("POST", CONFIGMAPS "?timeout=1s", ADMIN JSON_BODY, "{\"metadata\":{\"name\":\"hooked\"}}"),
	    504);
	assert_has(answer, TIMED_OUT);
	release_hook(hook);
	assert_int_equal(call("DELETE", HOOKS "/slow", ADMIN, NULL), 200);
	await_quiet();
	assert_int_equal(call("GET", CONFIGMAPS "/hooked", ADMIN, NULL), 404);
}

static void test_watch_has_an_end(void **state)
{
	/* --min-request-timeout=1: between one and two seconds */
	int fd = send_request("GET", CONFIGMAPS "?watch=1", ADMIN, NULL);
	assert_int_equal(await_answer(fd), 200);
	assert_has(answer, "\r\n0\r\n\r\n");
}

static void test_health_says_why(void **state)
{
	assert_int_equal(call("GET", "/readyz?verbose", "", NULL), 200);
	assert_has(answer, "[+]etcd ok\n");
	assert_has(answer, "[+]informer-sync ok\n");
	assert_has(answer, "[+]poststarthook/rbac/bootstrap-roles ok\n");
	assert_has(answer, "readyz check passed\n");
	assert_int_equal(call("GET", "/healthz?verbose&exclude=etcd&exclude=nonsense", ADMIN, NULL), 200);
	assert_has(answer, "[+]etcd excluded: ok\n");
	assert_has(answer, "warn: some health checks cannot be excluded: no matches for \"nonsense\"\n");
	assert_null(strstr(answer, "shutdown"));
	assert_int_equal(call("GET", "/livez/shutdown", ADMIN, NULL), 404);
	assert_int_equal(call("GET", "/readyz/informer-sync", ADMIN, NULL), 200);
	assert_int_equal(call("GET", "/readyz/informer-sync", ALICE, NULL), 403);
	stop_etcd();
	assert_int_equal(call("GET", "/readyz", "", NULL), 500);
	assert_has(answer, "[-]etcd failed: reason withheld\n");
	assert_has(answer, "readyz check failed\n");
	assert_int_equal(call("GET", "/readyz", ADMIN, NULL), 500);
	assert_has(answer, "[-]etcd failed: etcd does not answer within 2 s");
	assert_int_equal(call("GET", "/readyz/etcd", ADMIN, NULL), 500);
	assert_has(answer, "internal server error: etcd does not answer within 2 s");
	/* Alice may see the page, not the check's own path: she is told no more here. */
	assert_int_equal(call("GET", "/readyz", ALICE, NULL), 500);
	assert_has(answer, "[-]etcd failed: reason withheld\n");
	assert_int_equal(call("GET", "/readyz/etcd", ALICE, NULL), 403);
	/* It is not the server's fault: that goes on. */
	assert_int_equal(call("GET", "/livez", "", NULL), 200);
	assert_int_equal(call("GET", "/healthz?exclude=etcd", ADMIN, NULL), 200);
	resume_etcd();
	await_exists("/readyz", 200);
}

static int start_impatient(void **state)
{
	static const char *const flags[] = {"--request-timeout=15s", "--min-request-timeout=1", NULL};
	make_cluster(state);
	start_server(flags);
	return 0;
}

/* The server ends well and lets go of everything: sanitizers would say otherwise by its code. */
static int end_impatient(void **state)
{
	kill(server_pid, SIGTERM);
	int status = await_end(&server_pid);
	if (status)
		print_error("%s", read_text("server.log"));
	return remove_cluster(state) || status;
}

/* The end */

static void await_log(const char *text)
{
	for (int i = 0; i < PATIENCE_S * 50; i++, nap())
		if (strstr(read_text("server.log"), text))
			return;
	fail_msg("not in the log: %s", text);
}

/* Whether nobody listens any more. */
static void await_closed(void)
{
	for (int i = 0; i < PATIENCE_S * 50; i++, nap()) {
		int fd = dial();
		if (fd < 0)
			return;
		close(fd);
	}
	fail_msg("the listener stays open");
}

static void assert_ends_well(void)
{
	int status = await_end(&server_pid);
	if (status)
		fail_msg("status %d: %s", status, read_text("server.log"));
}

/* A create that waits for its hook: sent, and known to be with the server. */
static int waiting_create(void)
{
	int fd = send_request("POST", CONFIGMAPS, ADMIN JSON_BODY, "{\"metadata\":{\"name\":\"waiting\"}}");
	for (int i = 0; i < PATIENCE_S * 50; i++, nap()) {
		assert_int_equal(call("GET", "/metrics", ADMIN, NULL), 200);
		if (strstr(answer, IN_FLIGHT("mutating", "1")))
			return fd;
	}
	fail_msg("the request does not arrive");
	return -1;
}

static void test_end_with_watches_and_write(void **state)
{
	static const char *const flags[] = {"--shutdown-delay-duration=8s", NULL};
	int watches[3];
	start_server(flags);
	create_configmap("seen", 201);
	int hook = add_silent_hook();
	for (size_t i = 0; i < 3; i++) {
		watches[i] = send_request("GET", CONFIGMAPS "?watch=1&resourceVersion=0", ADMIN, NULL);
		assert_true(hear(watches[i], "\"name\":\"seen\""));
	}
	int write = waiting_create();
	kill(server_pid, SIGTERM);
	await_log("stopping on signal");
	/* Within the delay it is not ready, alive, and serves. */
	assert_int_equal(call("GET", "/readyz?verbose", ADMIN, NULL), 500);
	assert_has(answer, "[-]shutdown failed: process is shutting down\n");
	assert_int_equal(call("GET", "/livez", ADMIN, NULL), 200);
	await_closed();
	for (size_t i = 0; i < 3; i++) {
		assert_true(hear(watches[i], NULL));
		assert_has(answer, "0\r\n\r\n");
		close(watches[i]);
	}
	release_hook(hook);
	assert_int_equal(await_answer(write), 201);
	assert_has(answer, "Connection: close");
	assert_ends_well();
	/* What was acknowledged is there for the next server. */
	start_server(NULL);
	assert_int_equal(call("GET", CONFIGMAPS "/waiting", ADMIN, NULL), 200);
}

static void test_end_with_retry_after(void **state)
{
	static const char *const flags[] = {"--shutdown-send-retry-after", NULL};
	start_server(flags);
	int hook = add_silent_hook(), write = waiting_create();
	kill(server_pid, SIGTERM);
	await_log("stopping on signal");
	for (int i = 0; i < PATIENCE_S * 50 && call("GET", CONFIGMAPS, ADMIN, NULL) == 200; i++)
		nap();
	assert_has(answer, "HTTP/1.1 429 ");
	assert_has(answer, "Retry-After: 5\r\n");
	assert_has(answer, "Connection: close\r\n");
	assert_has(answer, "The apiserver is shutting down, please try again later.\n");
	/* Who looks after it is served to the end. */
	assert_int_equal(call("GET", "/livez", ADMIN, NULL), 200);
	release_hook(hook);
	assert_int_equal(await_answer(write), 201);
	assert_ends_well();
}

static void test_second_signal_ends_at_once(void **state)
{
	start_server(NULL);
	int hook = add_silent_hook(), write = waiting_create();
	kill(server_pid, SIGTERM);
	await_closed();
	kill(server_pid, SIGTERM);
	assert_int_equal(await_end(&server_pid), 1);
	assert_int_not_equal(await_answer(write), 201);
	close(hook);
}

/* Nobody can be told that this server leaves: it does not wait for that for ever. */
static void test_end_without_store(void **state)
{
	start_server(NULL);
	stop_etcd();
	kill(server_pid, SIGTERM);
	assert_ends_well();
	assert_has(
	    read_text("server.log"), "the own address stays among the endpoints of the service kubernetes");
	resume_etcd();
}

static void test_end_without_requests(void **state)
{
	start_server(NULL);
	int idle = dial(); /* says nothing and does not close its side */
	assert_true(idle >= 0);
	kill(server_pid, SIGTERM);
	assert_ends_well();
	close(idle);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest limits[] = {cmocka_unit_test(test_timeout_parameter),
	    cmocka_unit_test(test_store_that_does_not_answer), cmocka_unit_test(test_slow_body),
	    cmocka_unit_test(test_hook_that_answers_late), cmocka_unit_test(test_watch_has_an_end),
	    cmocka_unit_test(test_health_says_why)};
#define ENDING(name) cmocka_unit_test_setup_teardown(name, make_cluster, remove_cluster)
	const struct CMUnitTest endings[] = {ENDING(test_end_with_watches_and_write),
	    ENDING(test_end_with_retry_after), ENDING(test_second_signal_ends_at_once),
	    ENDING(test_end_without_store), ENDING(test_end_without_requests)};
	server_path = argv[1];
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("limits", limits, start_impatient, end_impatient) +
	       cmocka_run_group_tests_name("endings", endings, NULL, NULL);
}
