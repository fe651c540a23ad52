/* Values of other versions and of no version; the component test of apiserver/testing/compat has real ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/resources/resource.h"
#include "lib/resources/stored.h"

static struct object *read_text(const struct resource_type *type, const char *text)
{
	struct error err = ERROR_INIT;
	struct object *obj = NULL;

	if (resource_decode_stored(type, arena_new(), text, strlen(text), &obj, &err))
		fail_msg("%s: %s", text, err.message);
	assert_ptr_equal(obj->schema, type->schema);
	return obj;
}

static void test_definition(void **state)
{
	struct object *obj = read_text(resource_customresourcedefinitions,
	    "{\"apiVersion\":\"apiextensions.k8s.io/"
	    "v1beta1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":{"
	    "\"name\":\"a.b.c\"},\"spec\":{\"group\":\"b.c\",\"version\":\"v1\",\"names\":{\"plural\":\"a\"},"
	    "\"validation\":{\"openAPIV3Schema\":{\"type\":\"object\"}},\"additionalPrinterColumns\":[{"
	    "\"name\":\"N\","
	    "\"type\":\"string\",\"JSONPath\":\".n\"}],\"conversion\":{\"strategy\":\"Webhook\","
	    "\"webhookClientConfig\":{\"url\":\"https://x\"}}}}");
	struct json *tree = object_to_json(obj->arena, obj), *spec = json_get(tree, "spec");
	struct json *version = json_get(spec, "versions")->items[0];
	struct json *webhook = json_get(json_get(spec, "conversion"), "webhook");

	(void)state;
	assert_string_equal(json_get_string(version, "name", ""), "v1");
	assert_true(json_get_bool(version, "storage", false));
	assert_non_null(json_get_path(version, "schema.openAPIV3Schema"));
	assert_string_equal(
	    json_get_string(json_get(version, "additionalPrinterColumns")->items[0], "jsonPath", ""), ".n");
	assert_string_equal(json_get_string(json_get(webhook, "clientConfig"), "url", ""), "https://x");
	assert_string_equal(json_get(webhook, "conversionReviewVersions")->items[0]->text, "v1beta1");
	assert_true(json_get_bool(spec, "preserveUnknownFields", false));
	object_unref(obj);
}

static void test_backends(void **state)
{
	struct object *obj = read_text(resource_ingresses,
	    "{\"apiVersion\":\"extensions/"
	    "v1beta1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":\"i\"},\"spec\":{"
	    "\"backend\":{\"resource\":{\"kind\":\"K\",\"name\":\"n\"},\"serviceName\":\"\"}}}");
	struct json *backend = json_get_path(object_to_json(obj->arena, obj), "spec.defaultBackend");

	(void)state;
	assert_string_equal(json_get_string(json_get(backend, "resource"), "name", ""), "n");
	assert_null(json_get(backend, "service"));
	object_unref(obj);
}

static void test_defaults(void **state)
{
	struct object *obj = read_text(resource_deployments,
	    "{\"apiVersion\":\"apps/v1beta2\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\"}}");

	(void)state;
	assert_int_equal(
	    json_get_int(json_get(object_to_json(obj->arena, obj), "spec"), "progressDeadlineSeconds", 0),
	    600);
	object_unref(obj);
}

static void test_refusals(void **state)
{
	static const char *const values[] = {"", "x", "[]", "null", "{}", "{\"kind\":1}", "{\"spec\":[]}",
	    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}", "{\"apiVersion\":\"v2\",\"kind\":\"Pod\"}",
	    "{\"apiVersion\":\"extensions/v1beta1\",\"kind\":\"Pod\"}",
	    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":1}",
	    "{\"apiVersion\":\"networking.k8s.io/v1beta1\",\"kind\":\"Ingress\",\"spec\":{\"rules\":[1]}}",
	    "{\"apiVersion\":\"apiextensions.k8s.io/"
	    "v1beta1\",\"kind\":\"CustomResourceDefinition\",\"spec\":{\"versions\":[1],"
	    "\"subresources\":{}}}"};
	const struct resource_type *types[] = {
	    resource_pods, resource_ingresses, resource_customresourcedefinitions};

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		for (size_t k = 0; k < 3; k++) {
			struct error err = ERROR_INIT;
			struct object *obj = NULL;

			assert_int_equal(resource_decode_stored(
					     types[k], arena_new(), values[i], strlen(values[i]), &obj, &err),
			    -1);
			assert_null(obj);
			assert_true(*err.message);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_definition), cmocka_unit_test(test_backends),
	    cmocka_unit_test(test_defaults), cmocka_unit_test(test_refusals)};

	resources_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
