#include "lib/client/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/api/field_errors.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/base/test.h"
#include "lib/client/fake_server.h"
#include "lib/client/kubeconfig.h"
#include "lib/client/test_objects.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

static struct loop *loop;
static struct fake_server *server;
static struct rest_client *client;
static struct buf requests; /* "METHOD target body\n" */
static struct buf last_head;
static fake_handler *handler;

static void on_request(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	buf_printf(&requests, "%s %s%s%s\n", method, target, *body ? " " : "", body);
	buf_reset(&last_head);
	buf_puts(&last_head, head);
	handler(arg, conn, method, target, head, body);
}

static struct rest_client *new_client(struct rest_config config)
{
	char url[64];
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", fake_server_port(server));
	config.server = url;
	config.user_agent = "test/v1";
	struct error err = ERROR_INIT;
	struct rest_client *made = rest_client_new(loop, &config, &err);
	assert_non_null(made);
	return made;
}

static int setup(void **state)
{
	loop = loop_new(NULL);
	server = fake_server_new(loop, 0, on_request, NULL);
	client = new_client((struct rest_config){.token = "secret"});
	return 0;
}

static int teardown(void **state)
{
	rest_client_free(client);
	fake_server_free(server);
	loop_free(loop);
	buf_done(&requests);
	buf_done(&last_head);
	return 0;
}

#define POD                                                                                                  \
	"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\",\"namespace\":\"n\","          \
	"\"resourceVersion\":\"7\"}}"

static void answer_pod(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	fake_reply(conn, 200, "", POD);
}

static void expect_requests(const char *text)
{
	assert_string_equal(buf_str(&requests), text);
	buf_reset(&requests);
}

static void test_urls(void **state)
{
	handler = answer_pod;
	struct object *pod = NULL;
	struct error err = ERROR_INIT;
	assert_int_equal(
	    rest_do(client, REST_REQUEST(.verb = REST_GET, .type = resource_pods, .ns = "n", .name = "p"),
		&pod, &err),
	    0);
	assert_int_equal(pod->revision, 7);
	assert_string_equal(pod->kind, "Pod");
	expect_requests("GET /api/v1/namespaces/n/pods/p\n");
	assert_non_null(strstr(buf_str(&last_head), "Authorization: Bearer secret\r\n"));
	assert_non_null(strstr(buf_str(&last_head), "User-Agent: test/v1\r\n"));

	rest_do(client,
	    REST_REQUEST(.verb = REST_DELETE, .type = resource_nodes, .ns = "ignored", .name = "a b/c"), NULL,
	    &err);
	expect_requests("DELETE /api/v1/nodes/a%20b%2Fc\n");
	rest_do(client,
	    REST_REQUEST(.verb = REST_UPDATE, .type = resource_deployments, .ns = "n", .name = "d",
		.subresource = "status", .body = pod, .query = "dryRun=All"),
	    NULL, &err);
	assert_true(str_has_prefix(buf_str(&requests),
	    "PUT /apis/apps/v1/namespaces/n/deployments/d/status?dryRun=All {\"kind\":\"Pod\""));
	buf_reset(&requests);
	rest_do(client,
	    REST_REQUEST(.verb = REST_CREATE, .type = resource_pods, .ns = "n", .name = "p",
		.subresource = "binding", .body = pod),
	    NULL, &err);
	assert_true(str_has_prefix(buf_str(&requests), "POST /api/v1/namespaces/n/pods/p/binding {"));
	assert_int_equal(err.code, ERR_NONE);
	object_unref(pod);
}

static void test_delete_options_and_patches(void **state)
{
	handler = answer_pod;
	struct arena *arena = arena_new();
	rest_do(client,
	    REST_REQUEST(.verb = REST_DELETE, .type = resource_pods, .ns = "n", .name = "p",
		.grace_period_s = 0, .propagation = "Background", .precondition_uid = "u"),
	    NULL, NULL);
	expect_requests(
	    "DELETE /api/v1/namespaces/n/pods/p {\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\","
	    "\"gracePeriodSeconds\":0,\"propagationPolicy\":\"Background\",\"preconditions\":{\"uid\":\"u\"}}"
	    "\n");
	struct json *patch = json_new_object(arena);
	json_set(arena, patch, "a", json_new_int(arena, 1));
	rest_do(client,
	    REST_REQUEST(.verb = REST_PATCH, .type = resource_pods, .ns = "n", .name = "p", .patch = patch,
		.patch_type = REST_PATCH_STRATEGIC),
	    NULL, NULL);
	expect_requests("PATCH /api/v1/namespaces/n/pods/p {\"a\":1}\n");
	assert_non_null(
	    strstr(buf_str(&last_head), "Content-Type: application/strategic-merge-patch+json\r\n"));
	arena_free(arena);
}

static void test_delete_collection(void **state)
{
	handler = answer_pod;
	rest_do(client,
	    REST_REQUEST(.verb = REST_DELETE_COLLECTION, .type = resource_pods, .ns = "n",
		.label_selector = "a=b"),
	    NULL, NULL);
	expect_requests("DELETE /api/v1/namespaces/n/pods?labelSelector=a%3Db\n");
}

/* An empty name must never reach the collection. */
static void test_senseless_requests_are_not_sent(void **state)
{
	handler = answer_pod;
	struct error err = ERROR_INIT;
	assert_int_equal(
	    rest_do(client, REST_REQUEST(.verb = REST_DELETE, .type = resource_pods, .ns = "n", .name = ""),
		NULL, &err),
	    -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	err = ERROR_INIT;
	assert_int_equal(
	    rest_do(client, REST_REQUEST(.verb = REST_GET, .type = resource_pods, .name = "p"), NULL, &err),
	    -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	expect_requests("");
}

static void answer_invalid(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	fake_reply(conn, 422, "",
	    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"Pod \\\"p\\\" "
	    "is invalid: x\",\"reason\":"
	    "\"Invalid\",\"code\":422,\"details\":{\"name\":\"p\",\"kind\":\"Pod\",\"causes\":[{\"reason\":"
	    "\"FieldValueRequired\","
	    "\"message\":\"Required value\",\"field\":\"spec.containers\"}]}}");
}

static void test_status_becomes_error(void **state)
{
	handler = answer_invalid;
	struct error err = ERROR_INIT;
	assert_int_equal(
	    rest_do(client, REST_REQUEST(.verb = REST_GET, .type = resource_pods, .ns = "n", .name = "p"),
		NULL, &err),
	    -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_string_equal(err.message, "Pod \"p\" is invalid: x");
	assert_string_equal(err.kind, "Pod");
	assert_string_equal(err.name, "p");
	assert_int_equal(err.causes->len, 1);
	assert_int_equal(err.causes->items[0].type, FIELD_REQUIRED);
	assert_string_equal(err.causes->items[0].field, "spec.containers");
}

static void answer_html(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	fake_reply(conn, 502, "", "<html>bad gateway</html>");
}

static void answer_garbage(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	fake_reply(conn, 200, "", "{\"kind\":\"Pod\",");
}

static void answer_by_closing(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	fake_close(conn);
}

static void test_broken_answers(void **state)
{
	fake_handler *handlers[] = {answer_html, answer_garbage, answer_by_closing};
	for (size_t i = 0; i < 3; i++) {
		struct error err = ERROR_INIT;
		handler = handlers[i];
		assert_int_equal(
		    rest_do(client,
			REST_REQUEST(.verb = REST_GET, .type = resource_pods, .ns = "n", .name = "p"), NULL,
			&err),
		    -1);
		assert_int_not_equal(err.code, ERR_NONE);
		assert_true(err.message[0]);
	}
}

static int patience;

static void answer_later(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	if (patience-- > 0)
		fake_reply(conn, patience % 2 ? 429 : 503, "Retry-After: 0\r\n", "{}");
	else
		fake_reply(conn, 200, "", POD);
}

static void test_retry_after(void **state)
{
	handler = answer_later;
	struct error err = ERROR_INIT;
	patience = 3;
	assert_int_equal(
	    rest_do(client, REST_REQUEST(.verb = REST_GET, .type = resource_pods, .ns = "n", .name = "p"),
		NULL, &err),
	    0);
	patience = 100; /* more than we have */
	assert_int_equal(
	    rest_do(client, REST_REQUEST(.verb = REST_GET, .type = resource_pods, .ns = "n", .name = "p"),
		NULL, &err),
	    -1);
	assert_int_equal(patience, 89);
}

#define ITEM(name)                                                                                           \
	"{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"n\",\"managedFields\":[{\"manager\":\"m\"}]}}"

static void answer_pages(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	if (strstr(target, "continue=two"))
		fake_reply(conn, 200, "",
		    "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"9\"},"
		    "\"items\":[" ITEM("c") "]}");
	else
		fake_reply(conn, 200, "",
		    "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"9\","
		    "\"continue\":\"two\"},"
		    "\"items\":[" ITEM("a") "," ITEM("b") "]}");
}

static void test_list_pages(void **state)
{
	handler = answer_pages;
	struct object **items = NULL;
	size_t len = 0;
	char rv[32];
	struct error err = ERROR_INIT;
	assert_int_equal(rest_list(client,
			     REST_REQUEST(.verb = REST_LIST, .type = resource_pods, .limit = 2,
				 .resource_version = "0", .label_selector = "a=b,c"),
			     &items, &len, rv, &err),
	    0);
	assert_int_equal(len, 3);
	assert_string_equal(object_name(items[2]), "c");
	assert_string_equal(items[0]->kind, "Pod");
	assert_int_equal(items[0]->meta->n_managed_fields, 1);
	assert_string_equal(rv, "9");
	expect_requests("GET /api/v1/pods?labelSelector=a%3Db%2Cc&resourceVersion=0&limit=2\n"
			"GET /api/v1/pods?labelSelector=a%3Db%2Cc&limit=2&continue=two\n");
	rest_items_free(items, len);
}

static void answer_expired_page(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	if (strstr(target, "continue=")) {
		fake_reply(conn, 410, "",
		    "{\"kind\":\"Status\",\"reason\":\"Expired\",\"message\":\"too old\",\"code\":410}");
	} else if (strstr(target, "limit=")) {
		answer_pages(arg, conn, method, target, head, body);
	} else {
		fake_reply(
		    conn, 200, "", "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[" ITEM("x") "]}");
	}
}

static void test_expired_page_lists_whole(void **state)
{
	handler = answer_expired_page;
	struct object **items = NULL;
	size_t len = 0;
	struct error err = ERROR_INIT;
	assert_int_equal(rest_list(client, REST_REQUEST(.verb = REST_LIST, .type = resource_pods, .limit = 2),
			     &items, &len, NULL, &err),
	    0);
	assert_int_equal(len, 1);
	assert_string_equal(object_name(items[0]), "x");
	rest_items_free(items, len);
}

static void answer_half_list(void *arg, struct fake_conn *conn, const char *method, const char *target,
    const char *head, const char *body)
{
	fake_stream_start(conn);
	fake_stream_send(conn, "{\"metadata\":{},\"items\":[" ITEM("a") ",");
	fake_stream_end(conn);
}

static void test_half_list_fails(void **state)
{
	handler = answer_half_list;
	struct object **items = NULL;
	size_t len = 0;
	struct error err = ERROR_INIT;
	assert_int_equal(rest_list(client, REST_REQUEST(.verb = REST_LIST, .type = resource_pods), &items,
			     &len, NULL, &err),
	    -1);
	assert_int_equal(err.code, ERR_IO);
}

static int items_seen;
static struct rest_call *call_to_cancel;

static void cancel_at_second(void *arg, struct object *obj)
{
	assert_int_equal(obj->meta->n_managed_fields, 0);
	if (++items_seen == 2)
		rest_cancel(call_to_cancel);
}

static void must_not_fire(void *arg, const struct rest_result *result)
{
	fail();
}

static void test_cancel_from_within_an_item(void **state)
{
	handler = answer_pages;
	items_seen = 0;
	call_to_cancel = rest_list_each(client,
	    REST_REQUEST(.verb = REST_LIST, .type = resource_pods, .drop_managed_fields = true),
	    cancel_at_second, must_not_fire, NULL);
	for (int i = 0; i < 200 && items_seen < 2; i++, usleep(1000))
		loop_poll(loop);
	for (int i = 0; i < 20; i++)
		loop_poll(loop);
	assert_int_equal(items_seen, 2);
}

static void test_cancel_before_the_answer(void **state)
{
	handler = answer_pod;
	struct rest_call *call =
	    rest_send(client, REST_REQUEST(.verb = REST_GET, .type = resource_pods, .ns = "n", .name = "p"),
		must_not_fire, NULL);
	rest_cancel(call);
	rest_cancel(NULL);
	call = rest_send(
	    client, REST_REQUEST(.verb = REST_GET, .type = resource_pods, .name = "p"), must_not_fire, NULL);
	rest_cancel(call);
	for (int i = 0; i < 20; i++)
		loop_poll(loop);
}

static void test_token_file_and_impersonation(void **state)
{
	char path[] = "/tmp/cube-token-XXXXXX";
	int fd = mkstemp(path);
	assert_int_equal(write(fd, "from-file\n", 10), 10);
	close(fd);
	const char *groups[] = {"g1", "g2", NULL};
	struct rest_client *other =
	    new_client((struct rest_config){.token_file = path, .as_user = "bob", .as_groups = groups});
	handler = answer_pod;
	rest_do(
	    other, REST_REQUEST(.verb = REST_GET, .type = resource_pods, .ns = "n", .name = "p"), NULL, NULL);
	assert_non_null(strstr(buf_str(&last_head), "Authorization: Bearer from-file\r\n"));
	assert_non_null(strstr(buf_str(&last_head), "Impersonate-User: bob\r\n"));
	assert_non_null(strstr(buf_str(&last_head), "Impersonate-Group: g2\r\n"));
	rest_client_free(other);
	other = new_client((struct rest_config){.username = "u", .password = "p"});
	rest_do(
	    other, REST_REQUEST(.verb = REST_GET, .type = resource_pods, .ns = "n", .name = "p"), NULL, NULL);
	assert_non_null(strstr(buf_str(&last_head), "Authorization: Basic dTpw\r\n"));
	rest_client_free(other);
	unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	resources_init();
	const struct CMUnitTest tests[] = {
	    TEST(test_urls),
	    TEST(test_delete_options_and_patches),
	    TEST(test_delete_collection),
	    TEST(test_senseless_requests_are_not_sent),
	    TEST(test_status_becomes_error),
	    TEST(test_broken_answers),
	    TEST(test_retry_after),
	    TEST(test_list_pages),
	    TEST(test_expired_page_lists_whole),
	    TEST(test_half_list_fails),
	    TEST(test_cancel_from_within_an_item),
	    TEST(test_cancel_before_the_answer),
	    TEST(test_token_file_and_impersonation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
