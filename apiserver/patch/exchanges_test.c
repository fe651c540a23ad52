/*
 * Component test: a whole server over memory is asked what exchanges.jsonl says, and must answer with what it
 * wants. One scenario a line: [{"do": "PATCH /path", "type": ..., "body": ..., "status": 200, "want": ...},
 * ...]; NS in texts is the scenario's own namespace. `want` is a part of the answer: objects may have more
 * members, lists must have as many items.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apiserver/options.h"
#include "apiserver/server.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/test.h"
#include "lib/loop/loop.h"

enum { FILE_MAX = 4 * 1024 * 1024 };

static struct {
	struct loop *loop;
	struct api_server *server;
	struct api_options options;
	const char *file;
	bool is_ready;
	atomic_bool done;
	int port, steps, failed;
} test;

/* As part of `got`? On failure *ret_path tells where. */
static bool contains(struct arena *arena, const struct json *got, const struct json *want, const char *path,
    const char **ret_path)
{
	*ret_path = path;
	if (want->type == JSON_OBJECT) {
		if (!got || got->type != JSON_OBJECT)
			return !want->len && !got; /* empty and absent are alike */
		for (size_t i = 0; i < want->len; i++) {
			const struct json_member *m = &want->members[i];
			if (!contains(arena, json_get(got, m->key), m->value,
				arena_printf(arena, "%s/%s", path, m->key), ret_path))
				return false;
		}
		return true;
	}
	if (want->type == JSON_ARRAY) {
		if (!got || got->type != JSON_ARRAY || got->len != want->len)
			return false;
		for (size_t i = 0; i < want->len; i++)
			if (!contains(arena, got->items[i], want->items[i],
				arena_printf(arena, "%s/%zu", path, i), ret_path))
				return false;
		return true;
	}
	return want->type == JSON_NULL ? !got || got->type == JSON_NULL : got && json_equal(got, want);
}

static const char *expand(struct arena *arena, const char *text, const char *ns)
{
	struct buf out = BUF_INIT;
	for (const char *at; (at = strstr(text, "{{ns}}")); text = at + strlen("{{ns}}")) {
		buf_append(&out, text, (size_t)(at - text));
		buf_puts(&out, ns);
	}
	buf_puts(&out, text);
	text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}

/* Sends one request on a connection of its own; *ret_body is what came behind the head. */
static int exchange(struct arena *arena, const char *request, const char *type, const char *accept,
    const char *body, const char **ret_body)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)test.port)};
	struct timeval limit = {.tv_sec = 15};
	struct buf in = BUF_INIT, out = BUF_INIT;
	int status = 0, fd = socket(AF_INET, SOCK_STREAM, 0);
	ssize_t n = 0;
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	buf_printf(&out,
	    "%s HTTP/1.1\r\nHost: test\r\nUser-Agent: test/1\r\nConnection: close\r\nContent-Type: %s\r\n"
	    "Accept: %s\r\nContent-Length: %zu\r\n\r\n%s",
	    request, type, accept, strlen(body), body);
	if (!connect(fd, (struct sockaddr *)&to, sizeof to) &&
	    send(fd, out.data, out.size, MSG_NOSIGNAL) == (ssize_t)out.size) {
		do {
			n = recv(fd, buf_reserve(&in, 65536), 65536, 0);
			in.size += n > 0 ? (size_t)n : 0;
		} while (n > 0);
		buf_putc(&in, '\0');
	}
	close(fd);
	sscanf(buf_str(&in), "HTTP/1.1 %d", &status);
	const char *end = strstr(buf_str(&in), "\r\n\r\n");
	*ret_body = arena_strdup(arena, end ? end + 4 : "");
	buf_done(&in);
	buf_done(&out);
	return status;
}

static bool run_step(struct arena *arena, const struct json *step, const char *ns, int line)
{
	struct buf text = BUF_INIT;
	const struct json *body = json_get(step, "body"), *want = json_get(step, "want");
	const char *request = expand(arena, json_get_string(step, "do", ""), ns), *answer = "", *path = "";
	struct json *got = NULL, *wanted = NULL;
	if (body && body->type == JSON_STRING)
		buf_puts(&text, body->text);
	else if (body)
		json_write(&text, body, 0);
	int status = exchange(arena, request, json_get_string(step, "type", "application/json"),
	    json_get_string(step, "accept", "application/json"), expand(arena, buf_str(&text), ns), &answer);
	bool ok = status == json_get_int(step, "status", 200);
	buf_reset(&text);
	if (want)
		json_write(&text, want, 0);
	const char *want_text = expand(arena, buf_str(&text), ns);
	if (ok && want)
		ok = !json_parse(arena, answer, strlen(answer), NULL, &got, NULL) &&
		     !json_parse(arena, want_text, strlen(want_text), NULL, &wanted, NULL) &&
		     contains(arena, got, wanted, "", &path);
	if (!ok)
		fprintf(stderr, "exchanges.jsonl:%d: %s: status %d at '%s'\n  got  %.3000s\n  want %.3000s\n",
		    line, request, status, path, answer, want_text);
	buf_done(&text);
	return ok;
}

static void run_scenario(const char *text, size_t size, int line)
{
	struct arena *arena = arena_new();
	struct json *steps = NULL;
	const char *ns = arena_printf(arena, "s%d", line), *answer;
	if (json_parse(arena, text, size, NULL, &steps, NULL) || steps->type != JSON_ARRAY)
		abort();
	exchange(arena, "POST /api/v1/namespaces", "application/json", "application/json",
	    arena_printf(arena, "{\"metadata\":{\"name\":\"%s\"}}", ns), &answer);
	for (size_t i = 0; i < steps->len; i++, test.steps++)
		test.failed += !run_step(arena, steps->items[i], ns, line);
	arena_free(arena);
}

static void *run_client(void *arg)
{
	int line = 1;
	for (const char *p = test.file, *end; *p; p = end + (*end == '\n'), line++) {
		end = p + strcspn(p, "\n");
		if (end > p)
			run_scenario(p, (size_t)(end - p), line);
	}
	test.done = true;
	return NULL;
}

static void on_ready(void *arg, const struct error *err)
{
	test.is_ready = !err;
}

static int start(void **state)
{
	char *argv[] = {"kube-apiserver", "--secure-port=0", "--bind-address=127.0.0.1", "--insecure-http",
	    "--authorization-mode=AlwaysAllow", "--service-cluster-ip-range=10.96.0.0/16",
	    "--disable-admission-plugins=ServiceAccount", "--etcd-servers=memory:", NULL};
	struct error err = ERROR_INIT;
	log_init("test", LOG_ERROR);
	resources_init();
	assert_int_equal(options_parse(&test.options, 8, argv, &err), 0);
	test.loop = loop_new(NULL);
	test.server = api_server_new(test.loop, &test.options, &err);
	assert_non_null(test.server);
	api_server_start(test.server, on_ready, NULL);
	for (int i = 0; i < 30000 && !test.is_ready; i++) {
		loop_poll(test.loop);
		usleep(1000);
	}
	assert_true(test.is_ready);
	test.port = api_server_port(test.server);
	return 0;
}

static int stop(void **state)
{
	api_server_free(test.server);
	loop_free(test.loop);
	options_done(&test.options);
	return 0;
}

static void test_exchanges(void **state)
{
	pthread_t thread;
	FILE *f = fopen("exchanges.jsonl", "r");
	char *text = calloc(1, FILE_MAX);
	assert_non_null(f);
	assert_true(fread(text, 1, FILE_MAX - 1, f) > 0);
	fclose(f);
	test.file = text;
	pthread_create(&thread, NULL, run_client, NULL);
	while (!test.done) {
		loop_poll(test.loop);
		usleep(100);
	}
	pthread_join(thread, NULL);
	free(text);
	print_message("%d steps\n", test.steps);
	assert_int_equal(test.failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_exchanges)};
	return cmocka_run_group_tests(tests, start, stop);
}
