/* What clients see of a server behind an APIService that cannot be reached, in a whole API server. */
#include "apiserver/testing/test_server.h"

#define SERVICES "/apis/apiregistration.k8s.io/v1/apiservices"

static const char service[] =
    "{\"apiVersion\":\"apiregistration.k8s.io/"
    "v1\",\"kind\":\"APIService\",\"metadata\":{\"name\":\"v1.x.test\"},"
    "\"spec\":{\"group\":\"x.test\",\"version\":\"v1\",\"groupPriorityMinimum\":1000,\"versionPriority\":10,"
    "\"insecureSkipTLSVerify\":true,\"service\":{\"name\":\"none\",\"namespace\":\"default\"}}}";

static const char *available(const char **ret_reason)
{
	struct answer a = call(ADMIN, "GET", SERVICES "/v1.x.test", NULL);
	const struct json *list = json_get_path(a.body, "status.conditions");
	if (!list || !list->len)
		return "";
	*ret_reason = json_get_string(list->items[0], "reason", "");
	return json_get_string(list->items[0], "status", "");
}

static void test_unavailable(void **state)
{
	const char *reason = "";
	(void)state;
	assert_int_equal(call(ADMIN, "GET", "/apis/x.test/v1/things", NULL).status, 404);
	create(SERVICES, service);
	for (size_t i = 0; i < 2000 && strcmp(available(&reason), "False") != 0; i++)
		;
	assert_string_equal(reason, "ServiceNotFound");
	assert_int_equal(call(ADMIN, "GET", "/apis/x.test/v1/things", NULL).status, 503);
	assert_int_equal(call(ADMIN, "GET", "/apis/x.test/v1", NULL).status, 503);
	/* Who may not see it here does not learn how the other server is. */
	assert_int_equal(call(ALICE, "GET", "/apis/x.test/v1/things", NULL).status, 403);
	assert_int_equal(call(ADMIN, "GET", "/apis/x.test/v12/things", NULL).status, 404);
}

static void test_discovery(void **state)
{
	(void)state;
	struct answer a = call(ADMIN, "GET", "/apis/x.test", NULL);
	assert_int_equal(a.status, 200);
	a = call_with(
	    ADMIN, "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", "/apis");
	const char *group = strstr(a.text, "\"x.test\"");
	assert_non_null(group);
	assert_non_null(strstr(group, "\"Stale\""));
}

static void test_gone(void **state)
{
	(void)state;
	assert_int_equal(call(ADMIN, "DELETE", SERVICES "/v1.x.test", NULL).status, 200);
	assert_int_equal(call(ADMIN, "GET", "/apis/x.test/v1/things", NULL).status, 404);
	assert_int_equal(call(ADMIN, "GET", "/apis/x.test", NULL).status, 404);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_unavailable),
	    cmocka_unit_test(test_discovery),
	    cmocka_unit_test(test_gone),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
