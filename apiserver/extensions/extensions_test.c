/* A definition's life in a whole API server: established, its objects served, changed while they are there,
 * deleted. */
#include "apiserver/testing/test_server.h"
#include "lib/base/buf.h"

#define DEFINITIONS "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define DEFINITION DEFINITIONS "/gadgets.ex.test"
#define GADGETS "/apis/ex.test/v1/namespaces/default/gadgets"

static const char definition[] =
    "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\","
    "\"metadata\":{\"name\":\"gadgets.ex.test\"},\"spec\":{\"group\":\"ex.test\",\"scope\":\"Namespaced\","
    "\"names\":{\"plural\":\"gadgets\",\"kind\":\"Gadget\",\"shortNames\":[\"gd\"]},\"versions\":["
    "{\"name\":\"v1beta1\",\"served\":true,\"storage\":false,\"deprecated\":true,\"schema\":{"
    "\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{"
    "\"a\":{\"type\":\"integer\"}}}}}}},"
    "{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\","
    "\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},"
    "\"b\":{\"type\":\"string\"}}},\"status\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":"
    "\"integer\"}}}}}},\"subresources\":{\"status\":{},\"scale\":{\"specReplicasPath\":\".spec.a\","
    "\"statusReplicasPath\":\".status.n\"}},"
    "\"additionalPrinterColumns\":[{\"name\":\"A\",\"type\":\"integer\",\"jsonPath\":\".spec.a\"}]}]}}";

static const char gadget[] =
    "{\"apiVersion\":\"ex.test/v1\",\"kind\":\"Gadget\",\"metadata\":{\"name\":\"g\"},"
    "\"spec\":{\"a\":1,\"b\":\"x\",\"zz\":1}}";

/* Repeats a GET until it has the status; what changes does so within a few turns of the loop. */
static struct answer wait_for(const char *path, int status)
{
	struct answer a = {0};
	for (size_t i = 0; i < 2000; i++) {
		a = call(ADMIN, "GET", path, NULL);
		if (a.status == status)
			return a;
	}
	fail_msg("%s: still %d", path, a.status);
	return a;
}

static const char *at(const struct answer *a, const char *path)
{
	const struct json *v = json_get_path(a->body, path);
	return v ? v->text : "(absent)";
}

static void test_established(void **state)
{
	(void)state;
	create(DEFINITIONS, definition);
	struct answer a = wait_for(GADGETS, 200);
	assert_string_equal(at(&a, "kind"), "GadgetList");
	a = call(ADMIN, "GET", DEFINITION, NULL);
	assert_string_equal(at(&a, "status.acceptedNames.singular"), "gadget");
	assert_string_equal(
	    json_get_string(json_get_path(a.body, "status.conditions")->items[1], "type", ""), "Established");
	a = call(ADMIN, "GET", "/apis/ex.test", NULL);
	assert_string_equal(at(&a, "preferredVersion.version"), "v1");
	a = call(ADMIN, "GET", "/openapi/v3/apis/ex.test/v1", NULL);
	assert_non_null(strstr(a.text, "test.ex.v1.Gadget"));
}

static void test_objects(void **state)
{
	(void)state;
	struct answer a = call(ADMIN, "POST", GADGETS "?fieldValidation=Strict", gadget);
	assert_int_equal(a.status, 400);
	create(GADGETS, gadget);
	a = call(ADMIN, "GET", GADGETS "/g", NULL);
	assert_null(json_get_path(a.body, "spec.zz"));
	assert_string_equal(at(&a, "metadata.generation"), "1");
	a = call(ADMIN, "GET", "/apis/ex.test/v1beta1/namespaces/default/gadgets/g", NULL);
	assert_string_equal(at(&a, "apiVersion"), "ex.test/v1beta1");
	assert_null(json_get_path(a.body, "spec.b"));
	a = call(ADMIN, "GET", GADGETS "/g/scale", NULL);
	assert_string_equal(at(&a, "spec.replicas"), "1");
	a = call(ADMIN, "PUT", GADGETS "/g/status",
	    "{\"apiVersion\":\"ex.test/"
	    "v1\",\"kind\":\"Gadget\",\"metadata\":{\"name\":\"g\",\"labels\":{\"l\":\"x\"}},"
	    "\"spec\":{\"a\":7},\"status\":{\"n\":4}}");
	assert_int_equal(a.status, 422); /* updates name a version */
	a = call_with(ADMIN, "Accept: application/json;as=Table;v=v1;g=meta.k8s.io", GADGETS);
	assert_string_equal(
	    json_get_string(json_get(a.body, "columnDefinitions")->items[1], "name", ""), "A");
}

/* A default that comes later shows in objects that are there. */
static void test_changed_schema(void **state)
{
	(void)state;
	struct answer a = call(ADMIN, "GET", DEFINITION, NULL);
	struct json *versions = json_get_path(a.body, "spec.versions");
	struct json *spec =
	    json_get_path(versions->items[1], "schema.openAPIV3Schema.properties.spec.properties");
	struct json *c = json_new_object(arena);
	json_set(arena, c, "type", json_new_string(arena, "string"));
	json_set(arena, c, "default", json_new_string(arena, "later"));
	json_set(arena, spec, "c", c);
	struct buf text = BUF_INIT;
	json_write(&text, a.body, 0);
	a = call(ADMIN, "PUT", DEFINITION, buf_str(&text));
	buf_done(&text);
	assert_int_equal(a.status, 200);
	a = wait_for(GADGETS "/g", 200);
	assert_string_equal(at(&a, "spec.c"), "later");
	assert_string_equal(at(&a, "metadata.generation"), "1");
}

static void test_names_conflict(void **state)
{
	(void)state;
	create(DEFINITIONS,
	    "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\","
	    "\"metadata\":{\"name\":\"things.ex.test\"},\"spec\":{\"group\":\"ex.test\",\"scope\":"
	    "\"Namespaced\","
	    "\"names\":{\"plural\":\"things\",\"kind\":\"Gadget\"},\"versions\":[{\"name\":\"v1\",\"served\":"
	    "true,"
	    "\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]}}");
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(call(ADMIN, "GET", "/apis/ex.test/v1/things", NULL).status, 404);
	assert_int_equal(call(ADMIN, "DELETE", DEFINITIONS "/things.ex.test", NULL).status, 200);
	wait_for(DEFINITIONS "/things.ex.test", 404);
}

static void test_deleted(void **state)
{
	(void)state;
	struct answer a = call(ADMIN, "DELETE", DEFINITION, NULL);
	assert_int_equal(a.status, 200);
	assert_string_equal(at(&a, "kind"), "CustomResourceDefinition");
	wait_for(DEFINITION, 404);
	assert_int_equal(call(ADMIN, "GET", GADGETS, NULL).status, 404);
	create(DEFINITIONS, definition);
	a = wait_for(GADGETS, 200);
	assert_int_equal(json_get(a.body, "items")->len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_established),
	    cmocka_unit_test(test_objects),
	    cmocka_unit_test(test_changed_schema),
	    cmocka_unit_test(test_names_conflict),
	    cmocka_unit_test(test_deleted),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
