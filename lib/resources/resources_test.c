/* The table of kinds, table rows, and conversions between versions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/resources/resource.h"

#define NOW INT64_C(1700000000) /* 2023-11-14T22:13:20Z */
#define AN_HOUR_AGO "2023-11-14T21:13:20Z"

static struct object *parse(const char *text)
{
	struct error err = ERROR_INIT;
	struct object *obj = NULL;

	if (object_decode(text, strlen(text), &obj, &err) < 0)
		fail_msg("%s", err.message);
	return obj;
}

/* The row of an object as text, cells joined by '|'. */
static const char *row(struct arena *arena, const char *text)
{
	struct resource_context ctx = {.arena = arena, .now_s = NOW, .subresource = ""};
	struct object *obj = parse(text);
	const struct resource_type *type = resource_of(obj);
	const struct table_column *columns;
	struct json *cells[32] = {NULL};
	const char *line = "";
	size_t len;

	resource_columns(type, &columns, &len);
	resource_cells(type, obj, &ctx, cells);
	for (size_t i = 0; i < len; i++)
		line = arena_printf(arena, "%s%s%s", line, i ? "|" : "",
		    cells[i]->type == JSON_BOOL ? (cells[i]->boolean ? "true" : "false") : cells[i]->text);
	object_unref(obj);
	return line;
}

static void test_lookups(void **state)
{
	assert_ptr_equal(resource_by_plural("apps", "v1", "deployments"), resource_deployments);
	assert_ptr_equal(resource_by_kind("", "v1", "Pod"), resource_pods);
	assert_null(resource_by_plural("apps", "v2", "deployments"));
	assert_ptr_equal(resource_by_any_name("deploy"), resource_deployments);
	assert_ptr_equal(resource_by_any_name("po"), resource_pods);
	assert_ptr_equal(resource_by_any_name("Pod"), resource_pods);
	assert_ptr_equal(resource_by_any_name("events"), resource_events);
	assert_ptr_equal(resource_by_any_name("events.events.k8s.io"), resource_events_v1);
	assert_ptr_equal(resource_by_any_name("hpa"), resource_horizontalpodautoscalers);
	assert_ptr_equal(resource_by_any_name("deployments.v1.apps"), resource_deployments);
	assert_null(resource_by_any_name("widgets"));
	assert_string_equal(resource_api_version(resource_pods), "v1");
	assert_string_equal(resource_api_version(resource_deployments), "apps/v1");
	assert_string_equal(resource_networkpolicies->singular, "networkpolicy");
	assert_string_equal(resource_ingresses->storage_prefix, "/registry/ingress");
	assert_string_equal(resource_pods->storage_prefix, "/registry/pods");
	assert_string_equal(resource_events_v1->storage_prefix, "/registry/events");
	assert_ptr_equal(resource_events_v1->stored_as, resource_events);
	assert_non_null(subresource_find(resource_pods, "log"));
	assert_null(subresource_find(resource_pods, "status"));
}

/* Every entry can be shown, and has the schema of its list unless it is never listed. */
static void test_every_entry(void **state)
{
	for (size_t i = 0; i < resources_count(); i++) {
		const struct resource_type *type = resources_at(i);
		const struct table_column *columns;
		size_t len;

		assert_non_null(type->schema);
		if (type->verbs & VERB_LIST)
			assert_non_null(type->list_schema);
		resource_columns(type, &columns, &len);
		assert_true(len > 0);
		if (!(type->flags & RESOURCE_VIRTUAL))
			assert_non_null(type->storage_prefix);
	}
}

#define POD(extra)                                                                                           \
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"creationTimestamp\":"        \
	"\"" AN_HOUR_AGO "\"},\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}],"                 \
	"\"initContainers\":[{\"name\":\"i\"},{\"name\":\"j\"}]}," extra "}"

static void test_pod_rows(void **state)
{
	struct arena *arena = arena_new();

	assert_string_equal(row(arena, POD("\"status\":{\"phase\":\"Pending\"}")),
	    "p|0/2|Pending|0|60m|<none>|<none>|<none>|<none>");
	assert_string_equal(
	    row(arena,
		POD("\"status\":{\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\",\"state\":"
		    "{\"terminated\":{\"exitCode\":0}}},{\"name\":\"j\",\"state\":{\"running\":{}}}]}")),
	    "p|0/2|Init:1/2|0|60m|<none>|<none>|<none>|<none>");
	assert_string_equal(
	    row(arena,
		POD("\"status\":{\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\",\"state\":"
		    "{\"waiting\":{\"reason\":\"ErrImagePull\"}}}]}")),
	    "p|0/2|Init:ErrImagePull|0|60m|<none>|<none>|<none>|<none>");
	assert_string_equal(row(arena, POD("\"status\":{\"phase\":\"Running\",\"podIPs\":[{\"ip\":\"10.0.0."
					   "1\"}],\"containerStatuses\":[{\"name\":\"a\","
					   "\"ready\":true,\"restartCount\":2,\"state\":{\"running\":{}},"
					   "\"lastState\":{\"terminated\":{\"finishedAt\":"
					   "\"2023-11-14T22:08:20Z\"}}},{\"name\":\"b\",\"restartCount\":1,"
					   "\"state\":{\"waiting\":{\"reason\":"
					   "\"CrashLoopBackOff\"}}}]}")),
	    "p|1/2|CrashLoopBackOff|3 (5m ago)|60m|10.0.0.1|<none>|<none>|<none>");
	assert_string_equal(row(arena, POD("\"status\":{\"phase\":\"Succeeded\",\"containerStatuses\":[{"
					   "\"name\":\"a\",\"state\":{\"terminated\":"
					   "{\"exitCode\":0,\"reason\":\"Completed\"}}}]}")),
	    "p|0/2|Completed|0|60m|<none>|<none>|<none>|<none>");
	assert_string_equal(row(arena, POD("\"status\":{\"phase\":\"Failed\",\"containerStatuses\":[{"
					   "\"name\":\"a\",\"state\":{\"terminated\":"
					   "{\"exitCode\":3}}}]}")),
	    "p|0/2|ExitCode:3|0|60m|<none>|<none>|<none>|<none>");
	arena_free(arena);
}

static void test_rows(void **state)
{
	struct arena *arena = arena_new();

	assert_string_equal(
	    row(arena, "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"s\","
		       "\"creationTimestamp\":"
		       "\"" AN_HOUR_AGO
		       "\"},\"spec\":{\"type\":\"NodePort\",\"clusterIP\":\"10.96.0.5\",\"clusterIPs\":"
		       "[\"10.96.0.5\"],\"ports\":[{\"port\":80,\"protocol\":\"TCP\",\"nodePort\":30080}],"
		       "\"selector\":"
		       "{\"b\":\"2\",\"a\":\"1\"}}}"),
	    "s|NodePort|10.96.0.5|<none>|80:30080/TCP|60m|a=1,b=2");
	assert_string_equal(
	    row(arena,
		"{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n\",\"creationTimestamp\":"
		"\"" AN_HOUR_AGO
		"\",\"labels\":{\"node-role.kubernetes.io/worker\":\"\",\"node-role.kubernetes.io/"
		"control-plane\":\"\"}},\"spec\":{\"unschedulable\":true},\"status\":{\"conditions\":[{"
		"\"type\":"
		"\"Ready\",\"status\":\"True\"}],\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"192.0."
		"2.1\"}],"
		"\"nodeInfo\":{\"kubeletVersion\":\"v1.32.0\",\"osImage\":\"Debian\"}}}"),
	    "n|Ready,SchedulingDisabled|control-plane,worker|60m|v1.32.0|192.0.2.1|<none>|Debian|<unknown>|<"
	    "unknown>");
	assert_string_equal(
	    row(arena,
		"{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\","
		"\"creationTimestamp\":\"" AN_HOUR_AGO
		"\"},\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":"
		"{\"app\":\"d\"}},\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x:1\"},"
		"{\"name\":\"b\",\"image\":\"y\"}]}}},\"status\":{\"readyReplicas\":2,\"updatedReplicas\":3,"
		"\"availableReplicas\":2}}"),
	    "d|2/3|3|2|60m|a,b|x:1,y|app=d");
	assert_string_equal(
	    row(arena,
		"{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"c\","
		"\"creationTimestamp\":\"" AN_HOUR_AGO
		"\"},\"spec\":{\"volumeName\":\"v\",\"storageClassName\":\"fast\","
		"\"volumeMode\":\"Filesystem\"},\"status\":{\"phase\":\"Bound\",\"accessModes\":["
		"\"ReadWriteMany\","
		"\"ReadWriteOnce\"],\"capacity\":{\"storage\":\"1Gi\"}}}"),
	    "c|Bound|v|1Gi|RWO,RWX|fast|<unset>|60m|Filesystem");
	assert_string_equal(
	    row(arena, "{\"apiVersion\":\"events.k8s.io/"
		       "v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"e\"},\"type\":\"Normal\","
		       "\"reason\":\"Started\",\"note\":\"it "
		       "started\\n\",\"regarding\":{\"kind\":\"Pod\",\"name\":\"p\"},"
		       "\"eventTime\":\"2023-11-14T22:13:10.000000Z\",\"reportingController\":\"kubelet\","
		       "\"reportingInstance\":\"n1\"}"),
	    "10s|Normal|Started|pod/p||kubelet, n1|it started|10s|1|e");
	arena_free(arena);
}

/* v2 to v1 and back: what v1 has no field for survives in annotations. */
static void test_autoscaler_versions(void **state)
{
	static const char text[] =
	    "{\"apiVersion\":\"autoscaling/"
	    "v2\",\"kind\":\"HorizontalPodAutoscaler\",\"metadata\":{\"name\":\"h\"},\"spec\":{"
	    "\"scaleTargetRef\":{\"kind\":\"Deployment\",\"name\":\"d\",\"apiVersion\":\"apps/"
	    "v1\"},\"minReplicas\":2,\"maxReplicas\":5,"
	    "\"metrics\":[{\"type\":\"Pods\",\"pods\":{\"metric\":{\"name\":\"qps\"},\"target\":{\"type\":"
	    "\"AverageValue\","
	    "\"averageValue\":\"1k\"}}},{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{"
	    "\"type\":\"Utilization\","
	    "\"averageUtilization\":60}}}],\"behavior\":{\"scaleDown\":{\"selectPolicy\":\"Max\","
	    "\"policies\":[{\"type\":\"Pods\","
	    "\"value\":1,\"periodSeconds\":60}]}}}}";
	struct arena *arena = arena_new();
	struct object *v2 = parse(text), *v1 = NULL, *back = NULL;
	struct error err = ERROR_INIT;
	struct json *tree;

	assert_int_equal(resource_convert(v2, resource_horizontalpodautoscalers_v1, &v1, &err), 0);
	tree = object_to_json(arena, v1);
	assert_string_equal(json_get_string(tree, "apiVersion", ""), "autoscaling/v1");
	assert_int_equal(json_get_int(json_get(tree, "spec"), "targetCPUUtilizationPercentage", 0), 60);
	assert_string_equal(json_get_string(json_get_path(tree, "metadata.annotations"),
				"autoscaling.alpha.kubernetes.io/metrics", ""),
	    "[{\"type\":\"Pods\",\"pods\":{\"metricName\":\"qps\",\"targetAverageValue\":\"1k\"}}]");
	assert_int_equal(resource_convert(v1, resource_horizontalpodautoscalers, &back, &err), 0);
	assert_true(json_equal(
	    json_get(object_to_json(arena, v2), "spec"), json_get(object_to_json(arena, back), "spec")));
	object_unref(back);
	object_unref(v1);
	object_unref(v2);
	arena_free(arena);
}

static void test_same_shape_versions(void **state)
{
	struct object *beta =
	    parse("{\"apiVersion\":\"policy/"
		  "v1beta1\",\"kind\":\"PodDisruptionBudget\",\"metadata\":{\"name\":\"b\"},"
		  "\"spec\":{\"minAvailable\":1}}");
	struct object *v1 = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(resource_convert(beta, resource_poddisruptionbudgets, &v1, &err), 0);
	assert_string_equal(v1->api_version, "policy/v1");
	assert_string_equal(v1->meta->name, "b");
	assert_int_equal(resource_convert(v1, resource_pods, &(struct object *){NULL}, &err), -1);
	object_unref(v1);
	object_unref(beta);
}

/* What has nothing but a kind goes through every hook of it: nothing is taken for granted. */
static void test_empty_objects(void **state)
{
	for (size_t i = 0; i < resources_count(); i++) {
		const struct resource_type *type = resources_at(i);
		struct arena *arena = arena_new();
		struct resource_context ctx = {.arena = arena, .now_s = NOW, .subresource = ""};
		struct object *obj = object_new(type->schema), *copy, *converted = NULL;
		struct json *cells[32];
		struct field_errors errors;

		if (type->flags & RESOURCE_VIRTUAL) {
			object_unref(obj);
			arena_free(arena);
			continue;
		}
		field_errors_init(&errors, arena);
		resource_apply_defaults(type, obj, &ctx);
		resource_prepare_create(type, obj, &ctx);
		resource_validate(type, obj, &ctx, &errors);
		assert_true(errors.len > 0); /* a name is the least */
		copy = object_clone(obj);
		resource_prepare_update(type, copy, obj, &ctx);
		resource_validate_update(type, copy, obj, &ctx, &errors);
		resource_prepare_status_update(type, copy, obj, &ctx);
		resource_validate_status_update(type, copy, obj, &ctx, &errors);
		resource_cells(type, copy, &ctx, cells);
		for (size_t k = 0; type->field_selectors && type->field_selectors[k]; k++)
			resource_field(type, copy, type->field_selectors[k], arena);
		assert_int_equal(resource_convert(copy, type->stored_as, &converted, NULL), 0);
		object_unref(converted);
		object_unref(copy);
		object_unref(obj);
		arena_free(arena);
	}
}

/* Nodes register themselves with a status; everybody else's is dropped. */
static void test_status_on_create(void **state)
{
	struct arena *arena = arena_new();
	struct resource_context ctx = {.arena = arena, .now_s = NOW, .subresource = ""};
	struct object *node = parse("{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n\"},"
				    "\"status\":{\"phase\":\"Running\"}}");
	struct object *pod = parse("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},"
				   "\"status\":{\"phase\":\"Running\"}}");

	resource_prepare_create(resource_nodes, node, &ctx);
	assert_string_equal(
	    json_get_string(json_get(object_to_json(arena, node), "status"), "phase", ""), "Running");
	resource_prepare_create(resource_pods, pod, &ctx);
	assert_string_equal(resource_field(resource_pods, pod, "status.phase", arena), "Pending");
	assert_string_equal(resource_field(resource_pods, pod, "metadata.name", arena), "p");
	assert_null(resource_field(resource_pods, pod, "spec.color", arena));
	object_unref(pod);
	object_unref(node);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lookups), cmocka_unit_test(test_every_entry),
	    cmocka_unit_test(test_pod_rows), cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_autoscaler_versions), cmocka_unit_test(test_same_shape_versions),
	    cmocka_unit_test(test_status_on_create), cmocka_unit_test(test_empty_objects)};

	resources_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
