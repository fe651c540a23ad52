/*
 * Component test: two kube-apiserver processes on one etcd. Eight writers at each do what races: addresses
 * from a range that is too small, one object, one quota; and what one server does, the other one tells.
 */
#include "apiserver/testing/two_servers.h"

enum { WRITERS = 8, THREADS = WRITERS * SERVERS };

#define DEFAULT "/api/v1/namespaces/default"
#define ENDPOINTS DEFAULT "/endpoints/kubernetes"
#define SLICE                                                                                                \
	"/apis/discovery.k8s.io/v1"                                                                          \
	"/namespaces/default/endpointslices/kubernetes"

/* 10.96.0.1 and 10.96.0.9, as upstream stores them: a bitmap that is there before the first server is. */
static const char old_range[] = "k8s\0\x0a\x15\x0a\x02v1\x12\x0fRangeAllocation\x12\x24"
				"\x0a\x10\x0a\0\x12\0\x1a\0\x22\0\x2a\0\x32\0\x38\0\x42\0"
				"\x12\x0c"
				"10.96.0.0/28"
				"\x1a\x02\x01\x01"
				"\x1a\0\x22\0";
enum { FREE_IPS = 14 - 2 };

struct writer {
	pthread_t thread;
	int server, number;
	size_t done, refused, others;
	char ips[FREE_IPS][64];
};

static void run_writers(struct writer writers[THREADS], void *(*fn)(void *arg))
{
	for (int i = 0; i < THREADS; i++) {
		writers[i] = (struct writer){.server = i % SERVERS, .number = i};
		check(!pthread_create(&writers[i].thread, NULL, fn, &writers[i]));
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(writers[i].thread, NULL);
}

static void make_namespace(const char *name)
{
	char body[128];
	snprintf(body, sizeof body, "{\"metadata\":{\"name\":\"%s\"}}", name);
	expect(201, A, "POST", "/api/v1/namespaces", body);
	snprintf(body, sizeof body, "/api/v1/namespaces/%s", name);
	expect(200, B, "GET", body, "");
	/* Admission looks at the cache, as upstream's does: now it has it. */
}

static void both_are_ready_and_agree(void **state)
{
	char *a = answer(200, A, "GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles", "");
	char *b = answer(200, B, "GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles", "");
	check(count_of(a, "\"uid\":") > 50);
	check(count_of(a, "\"uid\":") == count_of(b, "\"uid\":"));
	free(a);
	free(b);
	char *services = answer(200, B, "GET", DEFAULT "/services", "");
	check(count_of(services, "\"clusterIP\":") == 1);
	check(strstr(services, "\"clusterIP\":\"10.96.0.1\""));
	free(services);
}

/* What a server asks etcd for is counted by operation and type. */
static void etcd_is_counted(void **state)
{
	expect(201, A, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"counted\"}}");
	char *text = answer(200, A, "GET", "/metrics", "");
	check(strstr(text, "\netcd_requests_total{operation=\"create\",type=\"namespaces\"} "));
	check(
	    strstr(text, "\netcd_request_duration_seconds_count{operation=\"create\",type=\"namespaces\"} "));
	check(!strstr(text, "etcd_request_errors_total{operation=\"create\",type=\"namespaces\"}"));
	free(text);
}

/* --- addresses --- */

static void old_bitmap_is_honoured(void **state)
{
	static const char body[] = "{\"metadata\":{\"name\":\"nine\"},\"spec\":{\"clusterIP\":\"10.96.0.9\","
				   "\"ports\":[{\"port\":80}]}}";
	expect(422, A, "POST", DEFAULT "/services", body);
	expect(422, B, "POST", DEFAULT "/services", body);
}

static void *create_services(void *arg)
{
	struct writer *w = arg;
	char body[256];
	while (w->refused == 0 && w->others == 0) {
		snprintf(body, sizeof body,
		    "{\"metadata\":{\"name\":\"s-%d-%zu\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{"
		    "\"port\":80}]}}",
		    w->number, w->done);
		struct reply r = call(w->server, "POST", DEFAULT "/services", body);
		if (r.status == 201)
			w->done++;
		else if (r.status == 422 && strstr(r.text, "range is full"))
			w->refused++;
		else
			w->others++;
		free(r.text);
	}
	return NULL;
}

static void check_distinct(const char *key, size_t want)
{
	char *list = answer(200, A, "GET", DEFAULT "/services", ""), pattern[64];
	char seen[64][32];
	size_t len = 0;
	snprintf(pattern, sizeof pattern, "\"%s\":", key);
	for (const char *p = list; (p = strstr(p, pattern)); p += strlen(pattern)) {
		char value[256];
		value_of(p, key, value);
		for (size_t i = 0; i < len; i++)
			check_at(
			    strcmp(seen[i], value) != 0, __LINE__, "two services have %s %s", key, value);
		check(len < 64);
		snprintf(seen[len++], sizeof seen[0], "%s", value);
	}
	check_at(len == want, __LINE__, "%zu instead of %zu services have a %s", len, want, key);
	free(list);
}

static void *delete_services(void *arg)
{
	struct writer *w = arg;
	char path[128];
	for (size_t i = 0; i < FREE_IPS; i++) {
		snprintf(path, sizeof path, DEFAULT "/services/s-%d-%zu", w->number, i);
		int status = status_of(!w->server, "DELETE", path, ""); /* at the other server */
		w->done += status == 200;
		w->others += status != 200 && status != 404;
	}
	return NULL;
}

static void no_two_services_share_an_address(void **state)
{
	static struct writer writers[THREADS];
	for (int round = 0; round < 3; round++) {
		size_t done = 0;
		run_writers(writers, create_services);
		for (int i = 0; i < THREADS; i++) {
			check_at(
			    !writers[i].others, __LINE__, "a create was answered by neither 201 nor 422");
			done += writers[i].done;
		}
		check_at(done == FREE_IPS, __LINE__, "%zu services of %d were created", done, FREE_IPS);
		check_distinct("clusterIP", FREE_IPS + 1);
		check_distinct("nodePort", FREE_IPS);
		run_writers(writers, delete_services);
		done = 0;
		for (int i = 0; i < THREADS; i++) {
			check(!writers[i].others);
			done += writers[i].done;
		}
		check(done == FREE_IPS);
	}
}

/* --- one object --- */

enum { INCREMENTS = 10 };

static void *increment(void *arg)
{
	struct writer *w = arg;
	char n[256], rv[256], body[512];
	while (w->done < INCREMENTS) {
		/* Read at one server and written at the other, every second time. */
		char *text = answer(200, w->server, "GET", DEFAULT "/configmaps/counter", "");
		value_of(text, "n", n);
		value_of(text, "resourceVersion", rv);
		free(text);
		snprintf(body, sizeof body,
		    "{\"metadata\":{\"name\":\"counter\",\"resourceVersion\":\"%s\"},\"data\":{\"n\":\"%d\"}"
		    "}",
		    rv, atoi(n) + 1);
		int status = status_of(
		    w->done % 2 ? w->server : !w->server, "PUT", DEFAULT "/configmaps/counter", body);
		check_at(status == 200 || status == 409, __LINE__, "PUT: %d", status);
		w->done += status == 200;
	}
	return NULL;
}

static void a_counter_ends_exact(void **state)
{
	static struct writer writers[THREADS];
	char n[256];
	expect(201, A, "POST", DEFAULT "/configmaps",
	    "{\"metadata\":{\"name\":\"counter\"},\"data\":{\"n\":\"0\"}}");
	run_writers(writers, increment);
	char *text = answer(200, B, "GET", DEFAULT "/configmaps/counter", "");
	check(atoi(value_of(text, "n", n)) == THREADS * INCREMENTS);
	free(text);
}

static void reads_and_writes_are_current(void **state)
{
	char path[128], body[256], rv[256];
	for (int i = 0; i < 50; i++) {
		int here = i % SERVERS, there = !here;
		snprintf(path, sizeof path, DEFAULT "/configmaps/fresh-%d", i);
		snprintf(body, sizeof body, "{\"metadata\":{\"name\":\"fresh-%d\"}}", i);
		expect(201, here, "POST", DEFAULT "/configmaps", body);
		expect(200, there, "GET", path, "");
		char *text = answer(200, here, "PATCH", path, "{\"data\":{\"k\":\"v\"}}");
		value_of(text, "resourceVersion", rv);
		free(text);
		/* The version of the one server, named at the other. */
		snprintf(body, sizeof body,
		    "{\"metadata\":{\"name\":\"fresh-%d\",\"resourceVersion\":\"%s\"},\"data\":{\"k\":\"w\"}"
		    "}",
		    i, rv);
		text = answer(200, there, "PUT", path, body);
		value_of(text, "resourceVersion", rv);
		free(text);
		snprintf(body, sizeof body, DEFAULT "/configmaps?resourceVersion=%s", rv);
		text = answer(200, here, "GET", body, "");
		check(strstr(text, "\"k\":\"w\"") != NULL);
		free(text);
		snprintf(body, sizeof body, "{\"preconditions\":{\"resourceVersion\":\"%s\"}}", rv);
		expect(200, here, "DELETE", path, body);
		expect(404, there, "GET", path, "");
		/* A namespace that the other server has made a moment ago. */
		snprintf(body, sizeof body, "{\"metadata\":{\"name\":\"ns-%d\"}}", i);
		expect(201, here, "POST", "/api/v1/namespaces", body);
		snprintf(path, sizeof path, "/api/v1/namespaces/ns-%d/configmaps", i);
		expect(201, there, "POST", path, "{\"metadata\":{\"name\":\"first\"}}");
	}
	expect(404, A, "POST", "/api/v1/namespaces/none/configmaps", "{\"metadata\":{\"name\":\"first\"}}");
	expect(504, A, "GET", DEFAULT "/configmaps?resourceVersion=99999999", "");
}

/* --- quota --- */

enum { PODS = 10 };

static void *create_pods(void *arg)
{
	struct writer *w = arg;
	char body[256];
	for (int i = 0; i < 4 * PODS / THREADS + 1; i++) {
		snprintf(body, sizeof body,
		    "{\"metadata\":{\"name\":\"p-%d-%d\"},\"spec\":{\"containers\":[{\"name\":\"c\","
		    "\"image\":\"i\"}]}}",
		    w->number, i);
		int status = status_of(w->server, "POST", "/api/v1/namespaces/quota/pods", body);
		w->done += status == 201;
		w->refused += status == 403;
		w->others += status != 201 && status != 403;
	}
	return NULL;
}

static void quota_is_exact(void **state)
{
	static struct writer writers[THREADS];
	size_t done = 0, refused = 0;
	char used[256];
	make_namespace("quota");
	expect(201, A, "POST", "/api/v1/namespaces/quota/resourcequotas",
	    "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{\"pods\":\"10\"}}}");
	/* What the controller would write. */
	expect(200, A, "PATCH", "/api/v1/namespaces/quota/resourcequotas/q/status",
	    "{\"status\":{\"hard\":{\"pods\":\"10\"},\"used\":{\"pods\":\"0\"}}}");
	wait_for(B, "/api/v1/namespaces/quota/resourcequotas/q?resourceVersion=0", "\"used\":");
	run_writers(writers, create_pods);
	for (int i = 0; i < THREADS; i++) {
		check_at(!writers[i].others, __LINE__, "a create was answered by neither 201 nor 403");
		done += writers[i].done;
		refused += writers[i].refused;
	}
	check_at(done == PODS, __LINE__, "%zu pods instead of %d", done, PODS);
	check(done + refused >= 4 * PODS);
	char *text = answer(200, B, "GET", "/api/v1/namespaces/quota/resourcequotas/q/status", "");
	check(strstr(text, "\"used\":") && atoi(value_of(strstr(text, "\"used\":"), "pods", used)) == PODS);
	free(text);
	text = answer(200, A, "GET", "/api/v1/namespaces/quota/pods", "");
	check(count_of(text, "\"name\":\"p-") == PODS);
	free(text);
}

/* --- watches --- */

enum { WATCHED = 10 };

static void *write_watched(void *arg)
{
	struct writer *w = arg;
	char path[128], body[128];
	for (int i = 0; i < WATCHED; i++) {
		snprintf(path, sizeof path, "/api/v1/namespaces/watched/configmaps/w-%d-%d", w->number, i);
		snprintf(body, sizeof body, "{\"metadata\":{\"name\":\"w-%d-%d\"}}", w->number, i);
		expect(201, w->server, "POST", "/api/v1/namespaces/watched/configmaps", body);
		expect(200, !w->server, "PATCH", path, "{\"data\":{\"k\":\"v\"}}");
		expect(200, w->server, "DELETE", path, "");
	}
	return NULL;
}

/* "ADDED w-3-7 1234" of each line of the stream, in order; the revisions must grow. */
static char *events_of(const char *stream, size_t *ret_len)
{
	char *out = calloc(1, strlen(stream) + 1), *at = out;
	long long last = 0;
	*ret_len = 0;
	for (const char *p = stream; (p = strstr(p, "{\"type\":\"")); p++) {
		char type[256], name[256], rv[256];
		value_of(p, "type", type);
		value_of(p, "name", name);
		value_of(p, "resourceVersion", rv);
		check_at(atoll(rv) > last, __LINE__, "%s %s: %s comes behind %lld", type, name, rv, last);
		last = atoll(rv);
		at += sprintf(at, "%s %s %s\n", type, name, rv);
		if (!strcmp(name, "end"))
			break;
		++*ret_len;
	}
	return out;
}

static void watches_agree(void **state)
{
	static struct writer writers[THREADS];
	char rv[256], path[256], *streams[SERVERS], *events[SERVERS];
	size_t len[SERVERS];
	int fds[SERVERS];
	make_namespace("watched");
	char *text = answer(200, A, "GET", "/api/v1/namespaces/watched/configmaps", "");
	value_of(text, "resourceVersion", rv);
	free(text);
	snprintf(path, sizeof path,
	    "/api/v1/namespaces/watched/configmaps?watch=true&resourceVersion=%s&timeoutSeconds=%d", rv,
	    PATIENCE_S);
	for (int i = 0; i < SERVERS; i++) {
		fds[i] = dial(i);
		check(fds[i] >= 0);
		send_request(fds[i], "GET", path, "");
	}
	run_writers(writers, write_watched);
	expect(201, A, "POST", "/api/v1/namespaces/watched/configmaps", "{\"metadata\":{\"name\":\"end\"}}");
	for (int i = 0; i < SERVERS; i++) {
		streams[i] = hear(fds[i], "\"name\":\"end\"");
		close(fds[i]);
		events[i] = events_of(streams[i], &len[i]);
		check_at(len[i] == THREADS * WATCHED * 3, __LINE__, "%zu events at %c", len[i], 'A' + i);
	}
	check_at(!strcmp(events[A], events[B]), __LINE__, "A says\n%.2000s\nB says\n%.2000s", events[A],
	    events[B]);
	for (int i = 0; i < SERVERS; i++) {
		free(streams[i]);
		free(events[i]);
	}
}

/* --- types that are added at run time --- */

static void definitions_reach_the_other_server(void **state)
{
	static const char crd[] =
	    "{\"metadata\":{\"name\":\"things.two.example.com\"},\"spec\":{\"group\":\"two.example.com\","
	    "\"scope\":\"Cluster\",\"names\":{\"plural\":\"things\",\"kind\":\"Thing\"},\"versions\":[{"
	    "\"name\":"
	    "\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]"
	    "}}";
	static const char service[] =
	    "{\"metadata\":{\"name\":\"v1.far.example.com\"},\"spec\":{\"group\":\"far.example.com\","
	    "\"version\":"
	    "\"v1\",\"groupPriorityMinimum\":100,\"versionPriority\":10,\"insecureSkipTLSVerify\":true,"
	    "\"service\":{\"name\":\"none\",\"namespace\":\"default\"}}}";
	expect(201, A, "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd);
	wait_for(B, "/apis/two.example.com/v1/things", "\"items\":[]");
	expect(201, B, "POST", "/apis/two.example.com/v1/things",
	    "{\"apiVersion\":\"two.example.com/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":\"t\"}}");
	wait_for(A, "/apis/two.example.com/v1/things/t", "\"name\":\"t\"");
	expect(404, B, "GET", "/apis/far.example.com/v1/any", "");
	expect(201, A, "POST", "/apis/apiregistration.k8s.io/v1/apiservices", service);
	for (time_t end = time(NULL) + PATIENCE_S;
	     status_of(B, "GET", "/apis/far.example.com/v1/any", "") != 503; nap())
		check(time(NULL) < end);
}

/* --- compaction --- */

static void history_goes_and_both_go_on(void **state)
{
	char *text = answer(200, A, "GET", DEFAULT "/configmaps", ""), rv[256], path[256], body[128];
	value_of(text, "resourceVersion", rv);
	free(text);
	/* Something must be written for a compaction to be worth it. */
	snprintf(path, sizeof path, DEFAULT "/configmaps?resourceVersion=%s&resourceVersionMatch=Exact", rv);
	time_t end = time(NULL) + PATIENCE_S;
	for (int i = 0; status_of(A, "GET", path, "") != 410; i++, nap()) {
		check(time(NULL) < end);
		snprintf(body, sizeof body, "{\"data\":{\"n\":\"%d\"}}", i);
		expect(200, i % SERVERS, "PATCH", DEFAULT "/configmaps/counter", body);
	}
	expect(410, B, "GET", path, "");
	for (int i = 0; i < SERVERS; i++) {
		/* The watch cache may hold what the store has dropped: 410, or all of it. */
		text = answer(
		    200, i, "GET", DEFAULT "/configmaps?watch=true&timeoutSeconds=1&resourceVersion=1", "");
		check(strstr(text, "\"code\":410")
			  ? strstr(text, "\"type\":\"ERROR\"") != NULL
			  : strstr(text, "\"type\":\"ADDED\"") && strstr(text, "\"name\":\"counter\""));
		free(text);
		expect(200, i, "GET", DEFAULT "/configmaps/counter", "");
	}
	text = etcdctl("get --print-value-only compact_rev_key", NULL, 0);
	check(atoll(text) >= atoll(rv));
	free(text);
}

/* --- servers that come and go --- */

static void *churn_services(void *arg)
{
	struct writer *w = arg;
	char body[256], path[128];
	for (w->done = 0; w->done < 100000; w->done++) {
		snprintf(body, sizeof body,
		    "{\"metadata\":{\"name\":\"k-%d\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":"
		    "80}]}}",
		    w->number);
		snprintf(path, sizeof path, DEFAULT "/services/k-%d", w->number);
		if (!status_of(B, "POST", DEFAULT "/services", body) || !status_of(B, "DELETE", path, ""))
			return NULL; /* the server is gone */
	}
	return NULL;
}

static void killed_server_leaves_the_endpoints(void **state)
{
	static struct writer writers[THREADS];
	wait_for(A, ENDPOINTS, "192.0.2.1");
	wait_for(A, ENDPOINTS, "192.0.2.2");
	wait_for(B, SLICE, "192.0.2.1");
	wait_for(B, SLICE, "192.0.2.2");
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.number = i};
		check(!pthread_create(&writers[i].thread, NULL, churn_services, &writers[i]));
	}
	usleep(500000);
	reap(&servers[B], SIGKILL);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i].thread, NULL);
	/* What it left half done costs addresses until repair, but none has two owners. */
	static struct writer at_a;
	at_a = (struct writer){.server = A, .number = 99};
	create_services(&at_a);
	check(!at_a.others);
	char *list = answer(200, A, "GET", DEFAULT "/services", "");
	check_distinct("clusterIP", count_of(list, "\"clusterIP\":"));
	check_distinct("nodePort", count_of(list, "\"nodePort\":"));
	free(list);
	wait_until_gone(A, ENDPOINTS, "192.0.2.2");
	wait_until_gone(A, SLICE, "192.0.2.2");
	wait_for(A, ENDPOINTS, "192.0.2.1");
}

static void stopped_server_leaves_at_once(void **state)
{
	start_server(B);
	wait_for(A, ENDPOINTS, "192.0.2.2");
	wait_for(A, SLICE, "192.0.2.2");
	check(reap(&servers[B], SIGTERM) == 0);
	char *text = answer(200, A, "GET", ENDPOINTS, "");
	check(!strstr(text, "192.0.2.2") && strstr(text, "192.0.2.1"));
	free(text);
	text = answer(200, A, "GET", SLICE, "");
	check(!strstr(text, "192.0.2.2") && strstr(text, "192.0.2.1"));
	free(text);
	/* The last one stays: nobody is there who could say where to go instead. */
	check(reap(&servers[A], SIGTERM) == 0);
	text = etcdctl("get --prefix --keys-only /registry/masterleases/", NULL, 0);
	check(!strstr(text, "masterleases"));
	free(text);
	start_server(B);
	wait_for(B, ENDPOINTS, "192.0.2.2");
	wait_until_gone(B, ENDPOINTS, "192.0.2.1");
	/* Both are of this host: one Lease, with the label and the host's name. */
	text = answer(200, B, "GET",
	    "/apis/coordination.k8s.io/v1/namespaces/kube-system/"
	    "leases?labelSelector=apiserver.kubernetes.io/identity=kube-apiserver,kubernetes.io/hostname",
	    "");
	check(count_of(text, "\"name\":\"apiserver-") == 1);
	free(text);
}

static int start_all(void **state)
{
	strcpy(directory, "/tmp/cube-two-servers-XXXXXX");
	check(mkdtemp(directory) != NULL);
	start_etcd();
	free(etcdctl("--dial-timeout=60s --command-timeout=60s get /registry", NULL, 0));
	free(etcdctl("put /registry/ranges/serviceips", old_range, sizeof old_range - 1));
	ports[A] = free_port();
	ports[B] = free_port();
	start_server(A);
	start_server(B);
	time_t end = time(NULL) + PATIENCE_S;
	for (int i = 0; i < SERVERS; i++)
		for (; status_of(i, "GET", "/readyz", "") != 200; nap())
			check(time(NULL) < end);
	return 0;
}

static int stop(void **state)
{
	stop_all();
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(both_are_ready_and_agree),
	    cmocka_unit_test(etcd_is_counted), cmocka_unit_test(old_bitmap_is_honoured),
	    cmocka_unit_test(no_two_services_share_an_address), cmocka_unit_test(a_counter_ends_exact),
	    cmocka_unit_test(reads_and_writes_are_current), cmocka_unit_test(quota_is_exact),
	    cmocka_unit_test(watches_agree), cmocka_unit_test(definitions_reach_the_other_server),
	    cmocka_unit_test(history_goes_and_both_go_on),
	    cmocka_unit_test(killed_server_leaves_the_endpoints),
	    cmocka_unit_test(stopped_server_leaves_at_once)};
	if (argc != 2) {
		fprintf(stderr, "usage: %s KUBE-APISERVER\n", argv[0]);
		return 2;
	}
	snprintf(binary, sizeof binary, "%s", argv[1]);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, start_all, stop);
}
