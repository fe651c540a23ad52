/*
 * Custom resources whose versions a webhook converts: a whole API server, and the webhook beside it behind
 * real TLS. Stored is v1 {spec: {size}}; v2 has {spec: {amount}} and the annotation that the webhook adds.
 */
#include "apiserver/testing/test_server.h"
#include "lib/base/buf.h"

#define DEFINITIONS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define V1 "/apis/ex.test/v1/namespaces/default/boxes"
#define V2 "/apis/ex.test/v2/namespaces/default/boxes"
#define BOX(version, name, spec)                                                                             \
	"{\"apiVersion\":\"ex.test/" version "\",\"kind\":\"Box\",\"metadata\":{\"name\":\"" name            \
	"\"},\"spec\":{" spec "}}"
#define PROPERTY(name)                                                                                       \
	"{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\","           \
	"\"properties\":{\"" name "\":{\"type\":\"integer\"}}}}}}"

enum behaviour { GOOD, WRONG_UID, FAILED, FEWER, RENAMED, WRONG_VERSION, BAD_LABEL, GARBAGE, STATUS, HOLD };

static struct hook {
	struct http_server *server;
	enum behaviour behaviour;
	size_t calls, objects;
	struct http_server_request *held; /* with HOLD: the call that waits */
} hook;

static void rename_member(struct json *spec, const char *from, const char *to)
{
	struct json *v = json_get(spec, from);
	if (!v)
		return;
	json_set(arena, spec, to, v);
	json_remove(spec, from);
}

static struct json *convert_box(struct json *box, const char *version)
{
	bool is_v2 = !strcmp(version, "ex.test/v2");
	struct json *meta = json_get(box, "metadata"), *notes = json_new_object(arena);
	json_set(arena, box, "apiVersion",
	    json_new_string(arena, hook.behaviour == WRONG_VERSION ? "ex.test/v3" : version));
	rename_member(json_get(box, "spec"), is_v2 ? "size" : "amount", is_v2 ? "amount" : "size");
	json_set(arena, json_get(box, "spec"), "unknown", json_new_int(arena, 1));
	json_set(arena, meta, "generation", json_new_int(arena, 77)); /* of no effect */
	if (is_v2) {
		json_set(arena, notes, "converted", json_new_string(arena, "yes"));
		json_set(arena, meta, "annotations", notes);
	} else {
		json_remove(meta, "annotations");
	}
	if (hook.behaviour == RENAMED)
		json_set(arena, meta, "name", json_new_string(arena, "other"));
	if (hook.behaviour == BAD_LABEL) {
		json_set(arena, notes, "a b", json_new_string(arena, "x"));
		json_set(arena, meta, "labels", notes);
	}
	return box;
}

static void answer(struct http_server_request *http)
{
	struct json *review = NULL;
	assert_int_equal(json_parse(arena, http->body, http->body_size, NULL, &review, NULL), 0);
	assert_string_equal(json_get_string(review, "apiVersion", ""), "apiextensions.k8s.io/v1");
	struct json *request = json_get(review, "request"), *objects = json_get(request, "objects");
	struct json *response = json_new_object(arena), *result = json_new_object(arena),
		    *out = json_new_array(arena);
	hook.objects += objects->len;
	for (size_t i = 0; i < objects->len - (hook.behaviour == FEWER); i++)
		json_push(arena, out,
		    convert_box(objects->items[i], json_get_string(request, "desiredAPIVersion", "")));
	json_set(arena, result, "status",
	    json_new_string(arena, hook.behaviour == FAILED ? "Failure" : "Success"));
	if (hook.behaviour == FAILED)
		json_set(arena, result, "message", json_new_string(arena, "no room"));
	json_set(arena, response, "uid",
	    hook.behaviour == WRONG_UID ? json_new_string(arena, "1") : json_get(request, "uid"));
	json_set(arena, response, "result", result);
	json_set(arena, response, "convertedObjects", out);
	json_remove(review, "request");
	json_set(arena, review, "response", response);
	struct buf text = BUF_INIT;
	json_write(&text, review, 0);
	if (hook.behaviour == GARBAGE)
		http_respond(http, 200, "application/json", NULL, "{", 1);
	else
		http_respond(http, hook.behaviour == STATUS ? 503 : 200, "application/json", NULL, text.data,
		    text.size);
	buf_done(&text);
}

static void on_held_gone(void *arg)
{
	(void)arg;
	hook.held = NULL;
}

static void on_call(void *arg, struct http_server_request *http)
{
	(void)arg;
	hook.calls++;
	assert_string_equal(http->query, "timeout=30s");
	if (hook.behaviour != HOLD) {
		answer(http);
		return;
	}
	hook.held = http;
	http_on_close(http, on_held_gone, NULL);
	loop_stop(loop);
}

static char *path_of(const char *name)
{
	return arena_printf(arena, "%s/%s", dir, name);
}

/* With the certificate as caBundle, in base64. */
static char *certificate(void)
{
	char text[8192];
	FILE *f = fopen(path_of("hook.crt"), "re");
	assert_non_null(f);
	size_t size = fread(text, 1, sizeof text, f);
	fclose(f);
	return str_base64(arena, text, size);
}

static void create_definition(void)
{
	create(DEFINITIONS,
	    arena_printf(arena,
		"{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\","
		"\"metadata\":{\"name\":\"boxes.ex.test\"},\"spec\":{\"group\":\"ex.test\",\"scope\":"
		"\"Namespaced\",\"names\":{\"plural\":\"boxes\",\"kind\":\"Box\"},\"conversion\":{"
		"\"strategy\":"
		"\"Webhook\",\"webhook\":{\"conversionReviewVersions\":[\"v9\",\"v1\"],\"clientConfig\":{"
		"\"url\":"
		"\"https://127.0.0.1:%d/convert\",\"caBundle\":\"%s\"}}},\"versions\":["
		"{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":" PROPERTY(
		    "size") "},"
			    "{\"name\":\"v2\",\"served\":true,\"storage\":false,\"schema\":" PROPERTY(
				"amount") ","
					  "\"additionalPrinterColumns\":[{\"name\":\"Amount\",\"type\":"
					  "\"integer\",\"jsonPath\":"
					  "\".spec.amount\"}],\"subresources\":{\"scale\":{"
					  "\"specReplicasPath\":\".spec.amount\","
					  "\"statusReplicasPath\":\".status.n\"}}}]}}",
		http_server_port(hook.server), certificate()));
	for (size_t i = 0; call(ADMIN, "GET", V2, NULL).status != 200; i++)
		assert_true(i < 2000);
}

static int start_all(void **state)
{
	start(state);
	const char *command = arena_printf(arena,
	    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=hook "
	    "-addext subjectAltName=IP:127.0.0.1 "
	    "-keyout %s -out %s 2>/dev/null",
	    path_of("hook.key"), path_of("hook.crt"));
	assert_int_equal(system(command), 0);
	const struct http_server_options o = {
	    .address = "127.0.0.1", .cert_file = path_of("hook.crt"), .key_file = path_of("hook.key")};
	struct error err = ERROR_INIT;
	hook.server = http_server_new(loop, &o, on_call, NULL, &err);
	if (!hook.server)
		fail_msg("%s", err.message);
	create_definition();
	return 0;
}

static int stop_all(void **state)
{
	http_server_free(hook.server);
	unlink(path_of("hook.crt"));
	unlink(path_of("hook.key"));
	return stop(state);
}

static const char *at(const struct answer *a, const char *path)
{
	const struct json *v = json_get_path(a->body, path);
	return v ? v->text : "(absent)";
}

static void test_read(void **state)
{
	(void)state;
	hook.behaviour = GOOD;
	create(V1, BOX("v1", "a", "\"size\":3"));
	assert_int_equal(hook.calls, 0); /* it is the stored version */
	struct answer a = call(ADMIN, "GET", V2 "/a", NULL);
	assert_int_equal(a.status, 200);
	assert_string_equal(at(&a, "apiVersion"), "ex.test/v2");
	assert_string_equal(at(&a, "spec.amount"), "3");
	assert_string_equal(at(&a, "spec.unknown"), "(absent)");
	assert_string_equal(at(&a, "metadata.generation"), "1");
	assert_string_equal(at(&a, "metadata.annotations.converted"), "yes");
	assert_string_equal(at(&a, "metadata.name"), "a");
	assert_string_not_equal(at(&a, "metadata.uid"), "(absent)");
	call(ADMIN, "GET", V2 "/a", NULL);
	assert_int_equal(hook.calls, 1); /* the answer is kept with the object */
	a = call(ADMIN, "GET", V2 "/a/scale", NULL);
	assert_string_equal(at(&a, "spec.replicas"), "3");
	a = call_with(ADMIN, "Accept: application/json;as=Table;v=v1;g=meta.k8s.io", V2);
	assert_string_equal(json_get(json_get(a.body, "rows")->items[0], "cells")->items[1]->text, "3");
}

static void test_write(void **state)
{
	(void)state;
	hook.behaviour = GOOD;
	struct answer a = call(ADMIN, "POST", V2, BOX("v2", "b", "\"amount\":5"));
	assert_int_equal(a.status, 201);
	assert_string_equal(at(&a, "spec.amount"), "5");
	a = call(ADMIN, "GET", V1 "/b", NULL);
	assert_string_equal(at(&a, "apiVersion"), "ex.test/v1");
	assert_string_equal(at(&a, "spec.size"), "5");
	assert_string_equal(at(&a, "metadata.annotations.converted"), "(absent)");
	struct json *tree = call(ADMIN, "GET", V2 "/b", NULL).body;
	json_set(arena, json_get(tree, "spec"), "amount", json_new_int(arena, 6));
	struct buf text = BUF_INIT;
	json_write(&text, tree, 0);
	a = call(ADMIN, "PUT", V2 "/b", buf_str(&text));
	buf_done(&text);
	assert_int_equal(a.status, 200);
	assert_string_equal(at(&a, "metadata.generation"), "2");
	a = call(ADMIN, "GET", V1 "/b", NULL);
	assert_string_equal(at(&a, "spec.size"), "6");
	/* A dry run stores nothing, so there is nothing to convert. */
	size_t calls = hook.calls;
	assert_int_equal(call(ADMIN, "POST", V2 "?dryRun=All", BOX("v2", "c", "\"amount\":5")).status, 201);
	assert_int_equal(hook.calls, calls);
	a = call(ADMIN, "POST", V2, BOX("v2", "c", "\"amount\":\"x\""));
	assert_int_equal(a.status, 422); /* by the schema of its own version */
}

static struct answer patch(const char *type, const char *path, const char *body)
{
	struct answer a;
	const char *headers[] = {
	    arena_printf(arena, "Content-Type: application/%s", type), "Authorization: Bearer " ADMIN, NULL};
	const struct http_request request = {.method = "PATCH",
	    .url = arena_printf(arena, "http://127.0.0.1:%d%s", api_server_port(server), path),
	    .headers = headers,
	    .body = body,
	    .body_size = strlen(body)};
	outstanding++;
	http_client_send(client, &request, on_done, &a);
	loop_run(loop);
	return a;
}

static void test_patch_and_apply(void **state)
{
	(void)state;
	hook.behaviour = GOOD;
	struct answer a = patch("merge-patch+json", V2 "/a", "{\"spec\":{\"amount\":8}}");
	assert_int_equal(a.status, 200);
	a = call(ADMIN, "GET", V1 "/a", NULL);
	assert_string_equal(at(&a, "spec.size"), "8");
	a = patch("apply-patch+yaml", V2 "/d?fieldManager=m", BOX("v2", "d", "\"amount\":1"));
	assert_int_equal(a.status, 201);
	a = patch("apply-patch+yaml", V2 "/d?fieldManager=m", BOX("v2", "d", "\"amount\":2"));
	assert_int_equal(a.status, 200);
	a = call(ADMIN, "GET", V1 "/d", NULL);
	assert_string_equal(at(&a, "spec.size"), "2");
	a = patch("merge-patch+json", V2 "/d/scale", "{\"spec\":{\"replicas\":4}}");
	assert_int_equal(a.status, 200);
	assert_string_equal(at(&a, "spec.replicas"), "4");
	a = call(ADMIN, "GET", V1 "/d", NULL);
	assert_string_equal(at(&a, "spec.size"), "4");
}

static void test_list(void **state)
{
	(void)state;
	hook.behaviour = GOOD;
	for (size_t i = 0; i < 20; i++)
		create(V1, arena_printf(arena, BOX("v1", "many-%02zu", "\"size\":%zu"), i, i));
	size_t calls = hook.calls, objects = hook.objects;
	struct answer a = call(ADMIN, "GET", V2, NULL);
	assert_int_equal(a.status, 200);
	assert_string_equal(at(&a, "apiVersion"), "ex.test/v2");
	struct json *items = json_get(a.body, "items");
	assert_true(items->len >= 20);
	for (size_t i = 0; i < items->len; i++) {
		assert_string_equal(json_get_string(items->items[i], "apiVersion", ""), "ex.test/v2");
		assert_non_null(json_get_path(items->items[i], "spec.amount"));
	}
	assert_int_equal(hook.calls, calls + 1);
	assert_true(hook.objects >= objects + 20);
	/* Pages: the first from the cache, the next, when the type has changed meanwhile, from the store. */
	a = call(ADMIN, "GET", V2 "?limit=5", NULL);
	create(V1, BOX("v1", "zz", "\"size\":1"));
	a = call(
	    ADMIN, "GET", arena_printf(arena, V2 "?limit=50&continue=%s", at(&a, "metadata.continue")), NULL);
	assert_int_equal(a.status, 200);
	struct json *rest = json_get(a.body, "items");
	assert_int_equal(rest->len, items->len - 5);
	for (size_t i = 0; i < rest->len; i++)
		assert_non_null(json_get_path(rest->items[i], "spec.amount"));
}

static void test_wrong_answers(void **state)
{
	static const struct {
		enum behaviour behaviour;
		const char *message;
	} cases[] = {{WRONG_UID, "failed: expected response.uid="}, {FAILED, "failed: no room"},
	    {FEWER, "returned 0 objects, expected 1"}, {RENAMED, "must have the same name: wrong != other"},
	    {WRONG_VERSION, "invalid groupVersion (expected ex.test/v2, received ex.test/v3)"},
	    {BAD_LABEL, "returned invalid metadata: metadata.labels: Invalid value"}, {GARBAGE, "failed: "},
	    {STATUS, "the server answered with status 503"}};
	(void)state;
	create(V1, BOX("v1", "wrong", "\"size\":3"));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		hook.behaviour = cases[i].behaviour;
		struct answer a = call(ADMIN, "GET", V2 "/wrong", NULL);
		assert_int_equal(a.status, 500);
		if (!strstr(message(&a), cases[i].message) ||
		    !str_has_prefix(message(&a), "conversion webhook for ex.test/v1, Kind=Box"))
			fail_msg("%s", message(&a));
	}
	/* Nothing is stored that could not be converted. */
	hook.behaviour = FAILED;
	assert_int_equal(call(ADMIN, "POST", V2, BOX("v2", "never", "\"amount\":5")).status, 500);
	assert_int_equal(call(ADMIN, "GET", V1 "/never", NULL).status, 404);
	assert_int_equal(call(ADMIN, "GET", V2, NULL).status, 500);
	hook.behaviour = GOOD;
	assert_int_equal(call(ADMIN, "GET", V2 "/wrong", NULL).status, 200);
}

/* Who goes away while the webhook thinks leaves nothing behind, and others are served meanwhile. */
static void test_client_goes(void **state)
{
	(void)state;
	hook.behaviour = HOLD;
	create(V1, BOX("v1", "slow", "\"size\":3"));
	struct http_client *other = http_client_new(loop, NULL);
	const char *headers[] = {"Authorization: Bearer " ADMIN, NULL};
	const struct http_request request = {
	    .url = arena_printf(arena, "http://127.0.0.1:%d" V2 "/slow", api_server_port(server)),
	    .headers = headers};
	struct answer a;
	struct http_call *pending = http_client_send(other, &request, on_done, &a);
	loop_run(loop); /* until the webhook is asked */
	assert_non_null(hook.held);
	assert_int_equal(call(ADMIN, "GET", V1 "/slow", NULL).status, 200);
	http_call_cancel(pending);
	http_client_free(other);
	hook.behaviour = GOOD;
	answer(hook.held);
	hook.held = NULL;
	a = call(ADMIN, "GET", V2 "/slow", NULL);
	assert_int_equal(a.status, 200);
	assert_string_equal(at(&a, "spec.amount"), "3");
}

static struct stream {
	struct buf text;
	size_t lines, wanted;
} stream;

static void on_data(void *arg, const char *data, size_t size)
{
	(void)arg;
	buf_append(&stream.text, data, size);
	stream.lines = 0;
	for (size_t i = 0; i < stream.text.size; i++)
		stream.lines += stream.text.data[i] == '\n';
	if (stream.lines >= stream.wanted)
		loop_stop(loop);
}

static void on_end(void *arg, const struct http_response *response)
{
	(void)response;
	*(bool *)arg = true;
	loop_stop(loop);
}

static void wait_lines(size_t wanted)
{
	stream.wanted = wanted;
	while (stream.lines < wanted)
		loop_run(loop);
}

static struct json *event(size_t n)
{
	struct json *tree = NULL;
	const char *line = stream.text.data;
	while (n--)
		line = strchr(line, '\n') + 1;
	assert_int_equal(json_parse(arena, line, strcspn(line, "\n"), NULL, &tree, NULL), 0);
	return tree;
}

static struct http_call *watch(const char *revision, bool *ended)
{
	const char *headers[] = {"Authorization: Bearer " ADMIN, NULL};
	const struct http_request request = {
	    .url = arena_printf(arena, "http://127.0.0.1:%d" V2 "?watch=true&resourceVersion=%s",
		api_server_port(server), revision),
	    .headers = headers,
	    .timeout_ms = -1};
	*ended = false;
	buf_done(&stream.text);
	stream.text = BUF_INIT;
	stream.lines = 0;
	return http_client_stream(client, &request, NULL, on_data, on_end, ended);
}

/* Objects come in the order of their changes, also while the webhook takes its time for the first. */
static void test_watch(void **state)
{
	bool ended;
	(void)state;
	hook.behaviour = GOOD;
	struct answer a = call(ADMIN, "GET", V2, NULL);
	struct http_call *call_ = watch(at(&a, "metadata.resourceVersion"), &ended);
	create(V1, BOX("v1", "w0", "\"size\":0"));
	wait_lines(1);
	assert_string_equal(json_get_string(event(0), "type", ""), "ADDED");
	assert_string_equal(json_get_path(event(0), "object.spec.amount")->text, "0");
	hook.behaviour = HOLD;
	create(V1, BOX("v1", "w1", "\"size\":1"));
	while (!hook.held)
		loop_run(loop);
	for (size_t i = 2; i < 6; i++)
		create(V1, arena_printf(arena, BOX("v1", "w%zu", "\"size\":%zu"), i, i));
	assert_int_equal(call(ADMIN, "DELETE", V1 "/w2", NULL).status, 200);
	assert_int_equal(stream.lines, 1);
	hook.behaviour = GOOD;
	answer(hook.held);
	hook.held = NULL;
	wait_lines(7);
	for (size_t i = 1; i < 6; i++) {
		assert_string_equal(json_get_string(event(i), "type", ""), "ADDED");
		assert_string_equal(
		    json_get_path(event(i), "object.spec.amount")->text, arena_printf(arena, "%zu", i));
	}
	assert_string_equal(json_get_string(event(6), "type", ""), "DELETED");
	assert_string_equal(json_get_path(event(6), "object.spec.amount")->text, "2");
	/* What cannot be converted ends the watch with an error. */
	hook.behaviour = FAILED;
	create(V1, BOX("v1", "w6", "\"size\":6"));
	while (!ended)
		loop_run(loop);
	assert_string_equal(json_get_string(event(7), "type", ""), "ERROR");
	assert_string_equal(json_get_path(event(7), "object.code")->text, "500");
	(void)call_;
	/* From the beginning: all of it, converted before the first frame. */
	hook.behaviour = GOOD;
	call_ = watch("0", &ended);
	wait_lines(20);
	assert_non_null(json_get_path(event(19), "object.spec.amount"));
	http_call_cancel(call_);
	buf_done(&stream.text);
}

/* Another version is stored from now on; what was stored before stays readable in both. */
static void test_storage_version_changes(void **state)
{
	(void)state;
	hook.behaviour = GOOD;
	struct json *crd = call(ADMIN, "GET", DEFINITIONS "/boxes.ex.test", NULL).body;
	struct json *versions = json_get_path(crd, "spec.versions");
	versions->items[0] = json_clone(arena, versions->items[0]);
	for (size_t i = 0; i < 2; i++) {
		bool is_v2 = !strcmp(json_get_string(versions->items[i], "name", ""), "v2");
		json_set(arena, versions->items[i], "storage", json_new_bool(arena, is_v2));
	}
	struct buf text = BUF_INIT;
	json_write(&text, crd, 0);
	struct answer a = call(ADMIN, "PUT", DEFINITIONS "/boxes.ex.test", buf_str(&text));
	buf_done(&text);
	assert_int_equal(a.status, 200);
	assert_int_equal(json_get_path(a.body, "status.storedVersions")->len, 2);
	a = call(ADMIN, "GET", V1 "/a", NULL);
	assert_string_equal(at(&a, "spec.size"), "8");
	a = call(ADMIN, "GET", V2 "/a", NULL);
	assert_string_equal(at(&a, "spec.amount"), "8");
	a = patch("merge-patch+json", V1 "/a", "{\"spec\":{\"size\":9}}");
	assert_int_equal(a.status, 200);
	assert_string_equal(at(&a, "spec.size"), "9");
	a = call(ADMIN, "GET", V2 "/a", NULL);
	assert_string_equal(at(&a, "spec.amount"), "9");
	a = call(ADMIN, "DELETE", V1, NULL);
	assert_int_equal(a.status, 200);
	a = call(ADMIN, "GET", V2, NULL);
	assert_int_equal(json_get(a.body, "items")->len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_write),
	    cmocka_unit_test(test_patch_and_apply),
	    cmocka_unit_test(test_list),
	    cmocka_unit_test(test_wrong_answers),
	    cmocka_unit_test(test_client_goes),
	    cmocka_unit_test(test_watch),
	    cmocka_unit_test(test_storage_version_changes),
	};
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
