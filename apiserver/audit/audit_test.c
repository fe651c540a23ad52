/* Component test: what the real server writes into its audit log. */
#include "apiserver/testing/server_process.h"

#define CONFIGMAPS "/api/v1/namespaces/default/configmaps"

static const char policy[] = "apiVersion: audit.k8s.io/v1\n"
			     "kind: Policy\n"
			     "omitStages: [RequestReceived]\n"
			     "rules:\n"
			     "- {level: None, nonResourceURLs: [/readyz, /metrics]}\n"
			     "- {level: RequestResponse, omitManagedFields: true, resources: [{group: \"\", "
			     "resources: [configmaps]}]}\n"
			     "- {level: Request, resources: [{group: \"\", resources: [pods, services]}]}\n"
			     "- {level: Metadata}\n";

/* The line of the request with this Audit-ID at this stage, or NULL; lines before it are cut off in place. */
static char *find_event(const char *id, const char *stage)
{
	char wanted_id[80], wanted_stage[80];
	snprintf(wanted_id, sizeof wanted_id, "\"auditID\":\"%s\"", id);
	snprintf(wanted_stage, sizeof wanted_stage, "\"stage\":\"%s\"", stage);
	for (char *line = read_text("audit.log"), *next; *line; line = next) {
		next = strchr(line, '\n');
		if (!next)
			return NULL; /* not whole yet */
		*next++ = '\0';
		if (strstr(line, wanted_id) && strstr(line, wanted_stage))
			return line;
	}
	return NULL;
}

static char *await_event(const char *id, const char *stage)
{
	for (int i = 0; i < PATIENCE_S * 50; i++, nap()) {
		char *line = find_event(id, stage);
		if (line)
			return line;
	}
	fail_msg("no event %s of %s: %s", stage, id, read_text("audit.log"));
	return NULL;
}

#define complete(id) await_event((id), "ResponseComplete")
#define assert_lacks(text, part)                                                                             \
	do {                                                                                                 \
		if (strstr((text), (part)))                                                                  \
			fail_msg("\"%s\" is in: %.4000s", (part), (text));                                   \
	} while (0)

static void test_bodies_as_the_level_says(void **state)
{
	static const char body[] = "{\n \"metadata\": {\"name\": \"a\"},\n \"data\": {\"k\": \"v\"}}";
	assert_int_equal(
	    call("POST", CONFIGMAPS, ADMIN JSON_BODY "Audit-ID: create\r\nUser-Agent: me/1\r\n", body), 201);
	assert_has(answer, "Audit-Id: create\r\n");
	assert_has(answer, "managedFields");
	const char *line = complete("create");
	assert_has(
	    line, "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"RequestResponse\",");
	assert_has(
	    line, "\"requestURI\":\"" CONFIGMAPS "\",\"verb\":\"create\",\"user\":{\"username\":\"admin\",");
	assert_has(line, "\"sourceIPs\":[\"127.0.0.1\"],\"userAgent\":\"me/1\",\"objectRef\":{\"resource\":"
			 "\"configmaps\",\"namespace\":\"default\",\"name\":\"a\",\"apiVersion\":\"v1\"}");
	assert_has(line, "\"responseStatus\":{\"metadata\":{},\"code\":201}");
	assert_has(line, "\"requestObject\":{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}");
	assert_has(line, "\"responseObject\":{\"kind\":\"ConfigMap\"");
	assert_lacks(line, "managedFields");
	assert_has(line, "\"annotations\":{\"authorization.k8s.io/decision\":\"allow\"");
	assert_null(find_event("create", "RequestReceived"));

	static const char secret[] = "{\"metadata\":{\"name\":\"s\"},\"data\":{\"password\":\"aHVzaA==\"}}";
	assert_int_equal(call("POST", "/api/v1/namespaces/default/secrets",
			     ADMIN JSON_BODY "Audit-ID: secret\r\n", secret),
	    201);
	line = complete("secret");
	assert_has(line, "\"level\":\"Metadata\"");
	assert_has(line, "\"name\":\"s\"");
	assert_lacks(line, "aHVzaA==");
	assert_lacks(line, "requestObject");
}

static void test_every_format(void **state)
{
	static const char yaml[] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {k: yaml}\n";
	assert_int_equal(call("PATCH", CONFIGMAPS "/b?fieldManager=me",
			     ADMIN "Content-Type: application/apply-patch+yaml\r\nAudit-ID: apply\r\n"
				   "Accept: application/yaml\r\n",
			     yaml),
	    201);
	const char *line = complete("apply");
	assert_has(line, "\"verb\":\"patch\"");
	assert_has(line, "\"requestObject\":{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"");
	assert_has(line, "\"responseObject\":{");
	assert_has(line, "\"k\":\"yaml\"");

	static const char *const accepts[] = {"application/json", "application/vnd.kubernetes.protobuf",
	    "application/json;as=Table;v=v1;g=meta.k8s.io", "application/yaml"};
	for (size_t i = 0; i < 4; i++) {
		char headers[300], id[20];
		snprintf(id, sizeof id, "list-%zu", i);
		snprintf(headers, sizeof headers, ADMIN "Accept: %s\r\nAudit-ID: %s\r\n", accepts[i], id);
		assert_int_equal(call("GET", CONFIGMAPS, headers, NULL), 200);
		line = complete(id);
		assert_has(line, "\"verb\":\"list\"");
		assert_has(line, "\"responseObject\":{\"");
		assert_has(line, "\"name\":\"b\"");
		assert_lacks(line, "managedFields");
	}
	assert_int_equal(call("DELETE", CONFIGMAPS "/b", ADMIN JSON_BODY "Audit-ID: delete\r\n",
			     "{\"propagationPolicy\":\"Background\"}"),
	    200);
	line = complete("delete");
	assert_has(line, "\"requestObject\":{\"propagationPolicy\":\"Background\"}");
	assert_has(line, "\"status\":\"Success\",\"details\":{\"name\":\"b\"");
}

static void test_who_and_whether(void **state)
{
	assert_int_equal(call("GET", CONFIGMAPS "/a", ALICE "Audit-ID: denied\r\n", NULL), 403);
	const char *line = complete("denied");
	assert_has(line, "\"username\":\"alice\"");
	assert_has(line,
	    "\"reason\":\"Forbidden\",\"details\":{\"name\":\"a\",\"kind\":\"configmaps\"},\"code\":403}");
	assert_has(line, "\"authorization.k8s.io/decision\":\"forbid\"");

	assert_int_equal(
	    call("GET", CONFIGMAPS, "Authorization: Bearer wrong\r\nAudit-ID: unknown\r\n", NULL), 401);
	line = await_event("unknown", "ResponseStarted");
	assert_has(line, "\"user\":{},");
	assert_has(line, "\"message\":\"Authentication failed, attempted: bearer\",\"code\":401");
	assert_null(find_event("unknown", "ResponseComplete"));

	assert_int_equal(call("GET", "/api",
			     ADMIN "Impersonate-User: bob\r\nAudit-ID: bob\r\n"
				   "X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n",
			     NULL),
	    200);
	line = complete("bob");
	assert_has(line, "\"user\":{\"username\":\"admin\"");
	assert_has(line, "\"impersonatedUser\":{\"username\":\"bob\",\"groups\":[\"system:authenticated\"]}");
	assert_has(line, "\"sourceIPs\":[\"10.0.0.1\",\"10.0.0.2\",\"127.0.0.1\"]");
	assert_has(line,
	    "\"authorization.k8s.io/reason\":\"RBAC: allowed by ClusterRoleBinding \\\"system:discovery\\\"");

	assert_int_equal(call("GET", "/api?timeout=x", ADMIN "Audit-ID: bad\r\n", NULL), 400);
	assert_has(await_event("bad", "ResponseStarted"), "invalid timeout specified in the request URL");
	/* Rules can be silent, and what the client does not name gets a name. */
	assert_int_equal(call("GET", "/readyz", ADMIN "Audit-ID: silent\r\n", NULL), 200);
	assert_int_equal(call("GET", "/apis", ADMIN, NULL), 200);
	const char *id = strstr(answer, "Audit-Id: ");
	assert_non_null(id);
	char uuid[37];
	snprintf(uuid, sizeof uuid, "%s", id + strlen("Audit-Id: "));
	assert_has(complete(uuid), "\"requestURI\":\"/apis\"");
	assert_null(find_event("silent", "ResponseComplete"));
}

/* There is no object to log, but who wanted what, and what came of it. */
static void test_body_that_does_not_come(void **state)
{
	static const char head[] = "POST " CONFIGMAPS " HTTP/1.1\r\nHost: test\r\n" ADMIN JSON_BODY
				   "Audit-ID: slow\r\nContent-Length: 1000\r\n\r\n{\"metadata\":";
	int fd = dial();
	assert_true(fd >= 0);
	assert_int_equal(send(fd, head, sizeof head - 1, MSG_NOSIGNAL), (ssize_t)sizeof head - 1);
	assert_int_equal(await_answer(fd), 504);
	assert_has(answer, "Audit-Id: slow\r\n");
	const char *line = complete("slow");
	assert_has(line, "\"verb\":\"create\",\"user\":{\"username\":\"admin\",");
	assert_has(line, "\"reason\":\"Timeout\"");
	assert_has(line, "\"code\":504}");
	assert_lacks(line, "requestObject");
	assert_has(line, "\"responseObject\":{\"kind\":\"Status\"");
}

static void test_watch_has_a_start_and_an_end(void **state)
{
	int fd =
	    send_request("GET", CONFIGMAPS "?watch=1&resourceVersion=0", ADMIN "Audit-ID: watch\r\n", NULL);
	assert_true(hear(fd, "\"name\":\"a\""));
	const char *line = await_event("watch", "ResponseStarted");
	assert_has(line, "\"responseStatus\":{\"metadata\":{},\"code\":200}");
	assert_lacks(line, "responseObject");
	assert_null(find_event("watch", "ResponseComplete"));
	close(fd);
	line = complete("watch");
	assert_has(line, "\"verb\":\"watch\"");
	assert_lacks(line, "responseObject");
}

/* A proxied answer runs through the server after the request has been handed over. */
static void test_tunnel_has_a_start_and_an_end(void **state)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sa;
	int backend = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char target[200];
	assert_int_equal(bind(backend, (struct sockaddr *)&sa, sizeof sa) || listen(backend, 8), 0);
	getsockname(backend, (struct sockaddr *)&sa, &len);
	assert_int_equal(
	    call("POST", "/api/v1/nodes", ADMIN JSON_BODY, "{\"metadata\":{\"name\":\"n\"}}"), 201);
	assert_int_equal(
	    call("PATCH", "/api/v1/nodes/n/status", ADMIN "Content-Type: application/merge-patch+json\r\n",
		"{\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"127.0.0.1\"}]}}"),
	    200);
	snprintf(target, sizeof target, "/api/v1/nodes/http:n:%d/proxy/page", ntohs(sa.sin_port));
	int fd = send_request("GET", target, ADMIN "Audit-ID: tunnel\r\n", NULL);
	int conn = accept(backend, NULL, NULL);
	assert_true(conn >= 0);
	char head[2000];
	assert_true(recv(conn, head, sizeof head, 0) > 0);
	static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello";
	assert_int_equal(send(conn, reply, sizeof reply - 1, MSG_NOSIGNAL), (ssize_t)sizeof reply - 1);
	assert_true(hear(fd, "hello"));
	assert_has(await_event("tunnel", "ResponseStarted"), "\"subresource\":\"proxy\"");
	assert_null(find_event("tunnel", "ResponseComplete"));
	close(conn);
	assert_int_not_equal(await_answer(fd), 500);
	assert_has(complete("tunnel"), "\"responseStatus\":{\"metadata\":{},\"code\":200}");
	close(backend);
}

static void test_pod_security_notes(void **state)
{
	static const char ns[] = "{\"metadata\":{\"name\":\"guarded\",\"labels\":{"
				 "\"pod-security.kubernetes.io/enforce\":\"baseline\","
				 "\"pod-security.kubernetes.io/audit\":\"restricted\"}}}";
	static const char pod[] =
	    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}";
	assert_int_equal(call("POST", "/api/v1/namespaces", ADMIN JSON_BODY, ns), 201);
	assert_int_equal(
	    call("POST", "/api/v1/namespaces/guarded/pods", ADMIN JSON_BODY "Audit-ID: pod\r\n", pod), 201);
	const char *line = complete("pod");
	assert_has(line, "\"pod-security.kubernetes.io/enforce-policy\":\"baseline:latest\"");
	assert_has(line, "\"pod-security.kubernetes.io/audit-violations\":\"would violate PodSecurity "
			 "\\\"restricted:latest\\\": ");
	assert_has(line, "\"requestObject\":");
	assert_lacks(line, "\"responseObject\":");
}

static void test_hook_notes(void **state)
{
	static const char hook[] =
	    "{\"metadata\":{\"name\":\"broken\"},\"webhooks\":[{\"name\":\"broken.example.com\","
	    "\"sideEffects\":\"None\","
	    "\"failurePolicy\":\"Ignore\",\"admissionReviewVersions\":[\"v1\"],\"clientConfig\":{\"url\":"
	    "\"https://127.0.0.1:1/"
	    "\"},\"rules\":[{\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],\"resources\":["
	    "\"configmaps\"],\"operations\":[\"CREATE\"]}]}]}";
	static const char configurations[] =
	    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
	assert_int_equal(call("POST", configurations, ADMIN JSON_BODY, hook), 201);
	assert_int_equal(
	    call("POST", CONFIGMAPS, ADMIN JSON_BODY "Audit-ID: hook\r\n", "{\"metadata\":{\"name\":\"h\"}}"),
	    201);
	assert_has(complete("hook"),
	    "\"failed-open.mutating.webhook.admission.k8s.io/round_0_index_0\":\"broken.example.com\"");
	assert_int_equal(
	    call("DELETE", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/broken",
		ADMIN, NULL),
	    200);
}

static void test_counters(void **state)
{
	assert_int_equal(call("GET", "/metrics", ADMIN, NULL), 200);
	assert_has(answer, "\napiserver_audit_error_total{plugin=\"log\"} 0\n");
	assert_lacks(answer, "\napiserver_audit_event_total 0\n");
	assert_lacks(answer, "\napiserver_audit_level_total{level=\"RequestResponse\"} 0\n");
	assert_has(answer, "\napiserver_audit_requests_rejected_total 0\n");
}

static void assert_every_line_is_whole(void)
{
	char *line = read_text("audit.log");
	assert_int_not_equal(*line, '\0');
	for (char *next; *line; line = next) {
		next = strchr(line, '\n');
		assert_non_null(next);
		*next++ = '\0';
		assert_int_equal(strncmp(line, "{\"kind\":\"Event\",", 16), 0);
		assert_int_equal(line[strlen(line) - 1], '}');
	}
}

static int start_audited(void **state)
{
	static const char *const flags[] = {
	    "--audit-policy-file=policy.yaml", "--audit-log-path=audit.log", "--request-timeout=15s", NULL};
	make_cluster(state);
	write_text("policy.yaml", policy);
	start_server(flags);
	return 0;
}

static int end_audited(void **state)
{
	kill(server_pid, SIGTERM);
	int status = await_end(&server_pid);
	if (status)
		print_error("%s", read_text("server.log"));
	assert_every_line_is_whole();
	return remove_cluster(state) || status;
}

/* Servers that have something to complain about */

static void assert_start_fails(const char *flag, const char *other, const char *why)
{
	char storage[] = "--etcd-servers=memory:";
	char *argv[] = {(char *)server_path, storage, "--secure-port=0", "--bind-address=127.0.0.1",
	    "--insecure-http", (char *)flag, (char *)other, NULL};
	server_pid = spawn(argv, "server.log");
	assert_int_equal(await_end(&server_pid), 1);
	assert_has(read_text("server.log"), why);
}

static void test_what_does_not_start(void **state)
{
	static const char good[] = "--audit-policy-file=policy.yaml";
	write_text("policy.yaml", policy);
	write_text(
	    "bad.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Al, userz: []}]\n");
	assert_start_fails("--audit-policy-file=bad.yaml", "--audit-log-path=audit.log",
	    "audit policy bad.yaml: unknown field \"rules[0].userz\"");
	assert_has(read_text("server.log"), "rules[0].level: Unsupported value: \"Al\"");
	assert_start_fails("--audit-policy-file=none.yaml", "--audit-log-path=audit.log",
	    "audit policy none.yaml: cannot be read: No such file or directory");
	assert_start_fails(good, "--audit-log-path=none/audit.log",
	    "cannot open the audit log none/audit.log: No such file or directory");
	assert_start_fails(
	    good, "--audit-log-format=legacy", "--audit-log-format=legacy is not supported: use json");
	assert_start_fails(good, "--audit-log-mode=batch",
	    "--audit-log-mode=batch is not supported: use blocking or blocking-strict");
	assert_start_fails(good, "--audit-log-maxage=-1", "must not be negative");
}

static void test_full_disk_is_counted(void **state)
{
	static const char *const flags[] = {
	    "--audit-policy-file=policy.yaml", "--audit-log-path=/dev/full", NULL};
	write_text("policy.yaml", policy);
	start_server(flags);
	assert_int_equal(call("GET", "/version", ADMIN, NULL), 200);
	assert_int_equal(call("GET", "/version", ADMIN, NULL), 200);
	assert_int_equal(call("GET", "/metrics", ADMIN, NULL), 200);
	assert_has(answer, "\napiserver_audit_event_total 2\n");
	assert_has(answer, "\napiserver_audit_error_total{plugin=\"log\"} 2\n");
	const char *log =
	    strstr(read_text("server.log"), "audit events are lost: cannot write the audit log");
	assert_non_null(log);
	assert_null(strstr(log + 1, "audit events are lost")); /* not with every request */
}

static void test_strict_mode_refuses(void **state)
{
	static const char *const flags[] = {"--audit-policy-file=policy.yaml", "--audit-log-path=/dev/full",
	    "--audit-log-mode=blocking-strict", NULL};
	write_text("policy.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n"
				  "- {level: None, nonResourceURLs: [/metrics]}\n- {level: Metadata}\n");
	start_server(flags);
	assert_int_equal(
	    call("POST", CONFIGMAPS, ADMIN JSON_BODY, "{\"metadata\":{\"name\":\"strict\"}}"), 500);
	assert_has(answer, "failed to store audit event");
	assert_int_equal(call("GET", "/metrics", ADMIN, NULL), 200);
	assert_has(answer, "\napiserver_audit_requests_rejected_total 1\n");
}

static void test_standard_output(void **state)
{
	static const char *const flags[] = {"--audit-policy-file=policy.yaml", "--audit-log-path=-", NULL};
	write_text("policy.yaml", policy);
	fflush(stdout);
	int out = dup(STDOUT_FILENO);
	assert_non_null(freopen(in_dir("audit.log"), "w", stdout));
	start_server(flags);
	dup2(out, STDOUT_FILENO);
	close(out);
	assert_int_equal(call("GET", "/version", ADMIN "Audit-ID: out\r\n", NULL), 200);
	complete("out");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest events[] = {cmocka_unit_test(test_bodies_as_the_level_says),
	    cmocka_unit_test(test_every_format), cmocka_unit_test(test_who_and_whether),
	    cmocka_unit_test(test_body_that_does_not_come),
	    cmocka_unit_test(test_watch_has_a_start_and_an_end),
	    cmocka_unit_test(test_tunnel_has_a_start_and_an_end), cmocka_unit_test(test_pod_security_notes),
	    cmocka_unit_test(test_hook_notes), cmocka_unit_test(test_counters)};
#define OWN_CLUSTER(name) cmocka_unit_test_setup_teardown(name, make_cluster, remove_cluster)
	const struct CMUnitTest trouble[] = {OWN_CLUSTER(test_what_does_not_start),
	    OWN_CLUSTER(test_full_disk_is_counted), OWN_CLUSTER(test_strict_mode_refuses),
	    OWN_CLUSTER(test_standard_output)};
	server_path = argv[1];
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("events", events, start_audited, end_audited) +
	       cmocka_run_group_tests_name("trouble", trouble, NULL, NULL);
}
