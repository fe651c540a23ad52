/* Proxying through a whole API server to a server of the test's own that stands for a pod. */
#include "apiserver/testing/test_server.h"

#include "apiserver/metrics.h"
#include "apiserver/proxy/proxy.h"
#include "lib/base/buf.h"
#include "lib/base/metrics.h"
#include "lib/http/server.h"
#include "lib/loop/stream.h"

static struct http_server *backend;
static struct http_tunnel *echo;
static size_t smuggled; /* requests that the backend got without the API server having made them */

/* --- heads --- */

static void test_request_head(void **state)
{
	const struct http_peer peer = {.address = "10.0.0.9:4000"};
	const struct http_header headers[] = {{"Host", "api"}, {"Authorization", "Bearer x"},
	    {"Impersonate-User", "bob"}, {"X-Remote-User", "eve"}, {"X-Forwarded-For", "1.2.3.4"},
	    {"Accept", "text/plain"}, {"Connection", "keep-alive"},
	    {"Sec-WebSocket-Protocol", "base64url.bearer.authorization.k8s.io.dG9rZW4, v4.channel.k8s.io"}};
	const struct http_server_request http = {
	    .method = "GET", .headers = headers, .headers_len = 8, .peer = &peer};
	const struct relay_target target = {.host = "pod:80", .path = "/x?y=1"};
	struct buf out = BUF_INIT;

	(void)state;
	relay_write_head(&out, &http, &target);
	assert_string_equal(buf_str(&out), "GET /x?y=1 HTTP/1.1\r\nHost: pod:80\r\nAccept: text/plain\r\n"
					   "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n"
					   "X-Forwarded-For: 1.2.3.4, 10.0.0.9\r\nConnection: close\r\n\r\n");
	buf_done(&out);
}

static void test_answer_head(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nA: b\r\nKeep-Alive: 5";
	struct buf out = BUF_INIT;

	(void)state;
	relay_write_answer_head(&out, head, strlen(head));
	assert_string_equal(buf_str(&out), "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n");
	/* Nothing behind the head is looked at. */
	buf_reset(&out);
	relay_write_answer_head(&out, "Connection: x", 4);
	assert_string_equal(buf_str(&out), "Conn\r\nConnection: close\r\n\r\n");
	buf_done(&out);
}

/* --- the pod --- */

static void echo_data(void *arg, const char *data, size_t size)
{
	(void)arg;
	http_tunnel_write(echo, data, size);
}

static void echo_end(void *arg)
{
	(void)arg;
	http_tunnel_close(echo);
}

static void serve(void *arg, struct http_server_request *request)
{
	static const struct http_tunnel_callbacks callbacks = {.on_data = echo_data, .on_end = echo_end};
	static const char accepted[] =
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n";

	(void)arg;
	smuggled += str_has_prefix(request->path, "/smuggled");
	if (str_has_prefix(request->path, "/unasked")) {
		echo = http_tunnel(request, accepted, strlen(accepted), &callbacks, NULL);
		return;
	}
	if (request->is_upgrade && !str_has_prefix(request->path, "/refuse")) {
		echo = http_tunnel(request, accepted, strlen(accepted), &callbacks, NULL);
		return;
	}
	const char *text = arena_printf(request->arena, "%s %s %zu %s", request->method, request->target,
	    request->body_size, http_request_header(request, "Authorization") ? "leaked" : "clean");
	http_respond(request, str_has_prefix(request->path, "/teapot") ? 418 : 200, "text/plain", NULL, text,
	    strlen(text));
}

static int start_all(void **state)
{
	const struct http_server_options http = {.address = "127.0.0.1"};

	start(state);
	backend = http_server_new(loop, &http, serve, NULL, NULL);
	assert_non_null(backend);
	create("/api/v1/namespaces/default/serviceaccounts", "{\"metadata\":{\"name\":\"default\"}}");
	create("/api/v1/namespaces/default/pods",
	    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"name\":\"a\","
	    "\"image\":\"i\"},"
	    "{\"name\":\"b\",\"image\":\"i\"}],\"initContainers\":[{\"name\":\"first\",\"image\":\"i\"}]}}");
	create("/api/v1/namespaces/default/pods", "{\"metadata\":{\"name\":\"waiting\"},\"spec\":{"
						  "\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}}");
	struct answer a = call(ADMIN, "PUT", "/api/v1/namespaces/default/pods/p/status",
	    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]},"
	    "\"status\":{\"phase\":"
	    "\"Running\",\"podIP\":\"127.0.0.1\",\"podIPs\":[{\"ip\":\"127.0.0.1\"}]}}");
	assert_int_equal(a.status, 200);
	return 0;
}

static int stop_all(void **state)
{
	http_server_free(backend);
	return stop(state);
}

static const char *proxied(const char *rest)
{
	return arena_printf(
	    arena, "/api/v1/namespaces/default/pods/p:%d/proxy%s", http_server_port(backend), rest);
}

static void test_passes(void **state)
{
	(void)state;
	struct answer a = call(ADMIN, "GET", proxied("/some%2Fpath?q=1"), NULL);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.text, "GET /some%2Fpath?q=1 0 clean");
	a = call(ADMIN, "POST", proxied("/in"), "{\"some\":\"body\"}");
	assert_string_equal(a.text, "POST /in 15 clean");
	assert_int_equal(call(ADMIN, "GET", proxied("/teapot"), NULL).status, 418);
	assert_int_equal(call(ALICE, "GET", proxied("/"), NULL).status, 403);
}

static void test_refusals(void **state)
{
	struct answer a;

	(void)state;
	a = call(ADMIN, "GET", "/api/v1/namespaces/default/pods/p/log", NULL);
	assert_int_equal(a.status, 400);
	assert_string_equal(message(&a),
	    "a container name must be specified for pod p, choose one of: [a b] or one of the init "
	    "containers: [first]");
	a = call(ADMIN, "GET", "/api/v1/namespaces/default/pods/p/log?container=z", NULL);
	assert_string_equal(message(&a), "container z is not valid for pod p");
	a = call(ADMIN, "GET", "/api/v1/namespaces/default/pods/waiting/log", NULL);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.size, 0);
	assert_int_equal(call(ADMIN, "GET", "/api/v1/namespaces/default/pods/none/log", NULL).status, 404);
	a = call(ADMIN, "POST", "/api/v1/namespaces/default/pods/p/exec?container=a&command=ls", NULL);
	assert_int_equal(a.status, 400);
	assert_string_equal(message(&a), "Upgrade request required");
	a = call(ADMIN, "GET", "/api/v1/namespaces/default/services/none/proxy/", NULL);
	assert_int_equal(a.status, 404);
	a = call(ADMIN, "GET", "/api/v1/namespaces/default/pods/p:1/proxy/", NULL);
	assert_int_equal(a.status, 503);
}

/* --- upgrades: a raw client, since HTTP libraries do not tunnel --- */

#define SENT (4 * 1024 * 1024)

static struct {
	struct stream *stream;
	size_t received, wrong;
	struct buf head;
	bool is_open, has_ended;
	double counted; /* tunnels while this one was open */
	struct loop_timer *timer;
} raw;

static void raw_connected(void *arg)
{
	const char *head = arena_printf(arena,
	    "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " ADMIN
	    "\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
	    proxied("/echo"));
	(void)arg;
	stream_write(raw.stream, head, strlen(head));
}

/* How many tunnels are open to pods, by the metrics. */
static double open_tunnels(void)
{
	struct buf out = BUF_INIT;
	double sum = 0;

	metric_set_write(metrics_set(server), &out);
	for (const char *p = buf_str(&out); (p = strstr(p, "\napiserver_longrunning_requests{")); p++) {
		const char *value = strchr(p, '}');
		if (value && strstr(p, "subresource=\"proxy\"") && strstr(p, "subresource=\"proxy\"") < value)
			sum += strtod(value + 1, NULL);
	}
	buf_done(&out);
	return sum;
}

static void raw_data(void *arg, const char *data, size_t size)
{
	(void)arg;
	if (!raw.is_open) {
		buf_append(&raw.head, data, size);
		const char *end = strstr(buf_str(&raw.head), "\r\n\r\n");
		if (!end)
			return;
		raw.is_open = true;
		raw.counted = open_tunnels();
		char *block = arena_alloc(arena, SENT);
		for (size_t i = 0; i < SENT; i++)
			block[i] = (char)(i % 251);
		stream_write(raw.stream, block, SENT);
		return;
	}
	for (size_t i = 0; i < size; i++)
		raw.wrong += data[i] != (char)((raw.received + i) % 251);
	raw.received += size;
	if (raw.received == SENT)
		stream_shutdown(raw.stream); /* the far end closes when we are done */
}

static void raw_stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

/* The relay sees both ends close a moment after us. */
static void raw_end(void *arg, const struct error *err)
{
	(void)arg, (void)err;
	raw.has_ended = true;
	raw.timer = loop_timer_new(loop, raw_stop, NULL);
	loop_timer_start(raw.timer, 300, 0);
}

static void test_tunnel(void **state)
{
	static const struct stream_callbacks callbacks = {raw_connected, raw_data, NULL, raw_end};

	(void)state;
	raw.stream = stream_connect(
	    loop, arena_printf(arena, "127.0.0.1:%d", api_server_port(server)), NULL, 5000, &callbacks, NULL);
	loop_run(loop);
	assert_true(str_has_prefix(buf_str(&raw.head), "HTTP/1.1 101 "));
	assert_int_equal(raw.received, SENT);
	assert_int_equal(raw.wrong, 0);
	assert_true(raw.has_ended);
	assert_int_equal((int)raw.counted, 1);
	assert_int_equal((int)open_tunnels(), 0);
	loop_timer_free(raw.timer);
	stream_close(raw.stream);
	buf_done(&raw.head);
}

/* --- what a client sends behind a request that did not become a tunnel --- */

static struct {
	struct stream *stream;
	const char *head, *behind;
	struct buf answer;
	bool is_behind_sent;
} liar;

static void liar_connected(void *arg)
{
	(void)arg;
	stream_write(liar.stream, liar.head, strlen(liar.head));
}

static void liar_data(void *arg, const char *data, size_t size)
{
	(void)arg;
	buf_append(&liar.answer, data, size);
	if (liar.is_behind_sent || !strstr(buf_str(&liar.answer), "\r\n\r\n"))
		return;
	liar.is_behind_sent = true;
	stream_write(liar.stream, liar.behind, strlen(liar.behind));
}

static void liar_end(void *arg, const struct error *err)
{
	(void)arg, (void)err;
}

static void liar_stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

/* Sends a head, with `with_head` at once behind it and `behind` when the answer has begun. */
static void lie(const char *path, const char *headers, const char *with_head, const char *behind)
{
	static const struct stream_callbacks callbacks = {liar_connected, liar_data, NULL, liar_end};

	buf_reset(&liar.answer);
	liar.is_behind_sent = false;
	liar.behind = behind;
	liar.head =
	    arena_printf(arena, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " ADMIN "\r\n%s\r\n%s",
		proxied(path), headers, with_head);
	liar.stream = stream_connect(
	    loop, arena_printf(arena, "127.0.0.1:%d", api_server_port(server)), NULL, 5000, &callbacks, NULL);
	struct loop_timer *timer = loop_timer_new(loop, liar_stop, NULL);
	loop_timer_start(timer, 300, 0);
	loop_run(loop);
	loop_timer_free(timer);
	stream_close(liar.stream);
	/* The relay sees both ends close a moment after us. */
	timer = loop_timer_new(loop, liar_stop, NULL);
	loop_timer_start(timer, 50, 0);
	loop_run(loop);
	loop_timer_free(timer);
}

/* A backend trusts the API server's connection: no bytes of the client's own get there unless the backend has
 * agreed to another protocol. */
static void test_no_requests_behind_a_request(void **state)
{
	static const char more[] = "GET /smuggled HTTP/1.1\r\nHost: x\r\nX-Remote-User: admin\r\n\r\n";
	static const char upgrade[] = "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n";

	(void)state;
	smuggled = 0;
	lie("/refuse", upgrade, "", more);
	assert_true(str_has_prefix(buf_str(&liar.answer), "HTTP/1.1 200 "));
	assert_int_equal(smuggled, 0);
	lie("/refuse", upgrade, more, more);
	assert_int_equal(smuggled, 0);
	lie("/plain", "", more, more);
	assert_true(str_has_prefix(buf_str(&liar.answer), "HTTP/1.1 200 "));
	assert_int_equal(smuggled, 0);
	/* A backend that switches protocols without having been asked to. */
	lie("/unasked", "", more, more);
	assert_true(str_has_prefix(buf_str(&liar.answer), "HTTP/1.1 500 "));
	buf_done(&liar.answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_request_head),
	    cmocka_unit_test(test_answer_head),
	    cmocka_unit_test(test_passes),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_tunnel),
	    cmocka_unit_test(test_no_requests_behind_a_request),
	};
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
