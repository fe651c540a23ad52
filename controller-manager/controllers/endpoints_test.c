/* endpoints, endpointslice and endpointslice_mirroring. Facts from traces of upstream: scenarios ep-*. */
#include <stdio.h>
#include <string.h>

#include "controller-manager/testing/bench.h"
#include "lib/api/object.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"
#include "proto/discovery_v1.pb-c.h"

static int teardown(void **state)
{
	bench_stop();
	return 0;
}

static void put_service(const char *meta, const char *spec)
{
	bench_put("apiVersion: v1\nkind: Service\nmetadata: {name: e, namespace: w%s}\n"
		  "spec: {clusterIP: 10.0.0.1, ipFamilies: [IPv4], selector: {app: e}, %s}\n",
	    meta, spec);
}

#define PORT80 "ports: [{port: 80, targetPort: 8080}]"

static void put_pod(const char *name, const char *ip, bool is_ready, const char *meta, const char *spec)
{
	bench_put("apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: w, labels: {app: e}%s}\n"
		  "spec: {nodeName: n1, containers: [{name: c, image: i}]%s}\n"
		  "status: {phase: Running, podIP: '%s', conditions: [{type: Ready, status: '%s'}]}\n",
	    name, meta, spec, ip, is_ready ? "True" : "False");
}

#define DYING ", deletionTimestamp: '2023-11-14T22:13:10Z'"

static void test_endpoints(void **state)
{
	bench_start(&controller_endpoints, NULL);
	put_service(", labels: {l: m}", PORT80);
	put_pod("b", "10.1.0.2", true, "", "");
	put_pod("a", "10.1.0.1", true, "", "");
	put_pod("c", "10.1.0.3", false, "", "");
	put_pod("noip", "", true, "", "");
	put_pod("dying", "10.1.0.5", true, DYING, "");
	bench_put("apiVersion: v1\nkind: Pod\nmetadata: {name: done, namespace: w, labels: {app: "
		  "e}}\nstatus: {phase: Failed, podIP: 10.1.0.9}\n");
	bench_expect("w/e", "create v1 endpoints w/e");
	bench_json_has(0, "\"labels\":{\"l\":\"m\"}");
	bench_json_has(0,
	    "\"subsets\":[{\"addresses\":[{\"ip\":\"10.1.0.1\",\"nodeName\":\"n1\",\"targetRef\":{\"kind\":"
	    "\"Pod\",\"namespace\":\"w\",\"name\":\"a\",\"uid\":\"uid-a\"}},"
	    "{\"ip\":\"10.1.0.2\"");
	bench_json_has(0, "\"notReadyAddresses\":[{\"ip\":\"10.1.0.3\"");
	bench_json_has(0, "\"ports\":[{\"port\":8080,\"protocol\":\"TCP\"}]}]");
	assert_null(strstr(bench_json(0), "10.1.0.5"));
	assert_null(strstr(bench_json(0), "10.1.0.9"));
	bench_apply();
	bench_expect("w/e", "");
	bench_remove(resource_services, "w", "e");
	bench_expect("w/e", "delete v1 endpoints w/e");
}

static void test_not_ready_ones_may_be_published(void **state)
{
	bench_start(&controller_endpoints, NULL);
	put_service("", PORT80 ", publishNotReadyAddresses: true");
	put_pod("a", "10.1.0.1", false, "", "");
	put_pod("dying", "10.1.0.5", true, DYING, "");
	bench_reconcile("w/e");
	bench_json_has(0, "\"addresses\":[{\"ip\":\"10.1.0.1\"");
	bench_json_has(0, "10.1.0.5");
	assert_null(strstr(bench_json(0), "notReady"));
}

/* ep-named-port: pods with different numbers behind a name; one lacks it. */
static void test_named_ports_split_subsets(void **state)
{
	bench_start(&controller_endpoints, NULL);
	put_service("", "ports: [{port: 80, targetPort: web}]");
	for (int i = 1; i <= 3; i++)
		bench_put(
		    "apiVersion: v1\nkind: Pod\nmetadata: {name: p%d, namespace: w, labels: {app: e}}\n"
		    "spec: {containers: [{name: c, image: i, ports: [{name: %s, containerPort: %d}]}]}\n"
		    "status: {phase: Running, podIP: 10.1.0.%d, conditions: [{type: Ready, status: "
		    "'True'}]}\n",
		    i, i == 3 ? "other" : "web", 8000 + i, i);
	bench_reconcile("w/e");
	bench_json_has(0,
	    "{\"addresses\":[{\"ip\":\"10.1.0.1\",\"targetRef\":{\"kind\":\"Pod\",\"namespace\":\"w\","
	    "\"name\":\"p1\",\"uid\":\"uid-p1\"}}],\"ports\":[{\"port\":8001,");
	bench_json_has(0, "\"ports\":[{\"port\":8002,");
	assert_null(strstr(bench_json(0), "10.1.0.3"));
}

static void test_headless(void **state)
{
	bench_start(&controller_endpoints, NULL);
	bench_put("apiVersion: v1\nkind: Service\nmetadata: {name: e, namespace: w}\nspec: {clusterIP: None, "
		  "selector: {app: e}}\n");
	put_pod("a", "10.1.0.1", true, "", ", hostname: h1, subdomain: e");
	put_pod("b", "10.1.0.2", true, "", ", hostname: h2, subdomain: other");
	bench_reconcile("w/e");
	bench_json_has(0, "\"labels\":{\"service.kubernetes.io/headless\":\"\"}");
	bench_json_has(0, "{\"ip\":\"10.1.0.1\",\"hostname\":\"h1\",");
	assert_null(strstr(bench_json(0), "h2"));
	assert_null(strstr(bench_json(0), "\"ports\""));
}

static void test_whose_endpoints_are_not_ours(void **state)
{
	bench_start(&controller_endpoints, NULL);
	bench_put("apiVersion: v1\nkind: Service\nmetadata: {name: e, namespace: w}\nspec: {clusterIP: "
		  "10.0.0.1, " PORT80 "}\n");
	bench_expect("w/e", "");
	bench_put("apiVersion: v1\nkind: Service\nmetadata: {name: e, namespace: w}\nspec: {type: "
		  "ExternalName, externalName: x.y, selector: {app: e}}\n");
	bench_expect("w/e", "");
}

static void test_what_wakes_endpoints(void **state)
{
	bench_start(&controller_endpoints, NULL);
	put_service("", PORT80);
	bench_put("apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: w}\nspec: {selector: "
		  "{app: x}, " PORT80 "}\n");
	bench_enqueued();
	put_pod("a", "10.1.0.1", false, "", "");
	assert_string_equal(bench_enqueued(), "w/e ");
	put_pod("a", "10.1.0.1", false, ", annotations: {note: it}", "");
	assert_string_equal(bench_enqueued(), ""); /* nothing that matters to Services */
	put_pod("a", "10.1.0.1", true, "", "");
	assert_string_equal(bench_enqueued(), "w/e ");
	bench_put("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: w, labels: {app: x}}\n");
	assert_string_equal(bench_enqueued(), "w/other w/e ");
	/* ep-user-edit */
	bench_put("apiVersion: v1\nkind: Endpoints\nmetadata: {name: e, namespace: w}\n");
	assert_string_equal(bench_enqueued(), "");
	bench_remove(resource_endpoints, "w", "e");
	assert_string_equal(bench_enqueued(), "w/e ");
}

/* ---- slices ---- */

static void test_empty_service_has_a_slice(void **state)
{
	bench_start(&controller_endpointslice, NULL);
	put_service(", labels: {l: m}", PORT80);
	bench_expect("w/e", "create discovery.k8s.io/v1 endpointslices w/e-*");
	bench_json_has(0, "\"labels\":{\"endpointslice.kubernetes.io/"
			  "managed-by\":\"endpointslice-controller.k8s.io\",\"kubernetes.io/"
			  "service-name\":\"e\",\"l\":\"m\"}");
	bench_json_has(0, "\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"name\":\"e\","
			  "\"uid\":\"uid-e\",\"controller\":true,\"blockOwnerDeletion\":true}]");
	bench_json_has(0, "\"addressType\":\"IPv4\"");
	bench_apply();
	bench_expect("w/e", "");
	/* The first pod turns it into a real one. */
	put_pod("a", "10.1.0.1", true, "", "");
	const char *text = bench_describe("w/e");
	assert_true(str_has_prefix(text, "update discovery.k8s.io/v1 endpointslices w/e-"));
	bench_json_has(0, "\"endpoints\":[{\"addresses\":[\"10.1.0.1\"],\"conditions\":{\"ready\":true,"
			  "\"serving\":true,\"terminating\":false},"
			  "\"targetRef\":{\"kind\":\"Pod\",\"namespace\":\"w\",\"name\":\"a\",\"uid\":\"uid-"
			  "a\"},\"nodeName\":\"n1\"}]");
	bench_json_has(0, "\"ports\":[{\"name\":\"\",\"protocol\":\"TCP\",\"port\":8080}]");
	bench_apply();
	bench_expect("w/e", "");
	bench_remove(resource_pods, "w", "a");
	bench_reconcile("w/e");
	bench_json_has(0, "\"endpoints\":null");
	bench_apply();
	bench_expect("w/e", "");
	bench_remove(resource_services, "w", "e");
	assert_true(str_has_prefix(bench_describe("w/e"), "delete discovery.k8s.io/v1 endpointslices w/e-"));
}

static void test_terminating_endpoints_are_told(void **state)
{
	bench_start(&controller_endpointslice, NULL);
	put_service("", PORT80);
	put_pod("a", "10.1.0.1", true, DYING, "");
	bench_put(
	    "apiVersion: v1\nkind: Node\nmetadata: {name: n1, labels: {topology.kubernetes.io/zone: z1}}\n");
	bench_reconcile("w/e");
	bench_json_has(0, "\"conditions\":{\"ready\":false,\"serving\":true,\"terminating\":true}");
	bench_json_has(0, "\"zone\":\"z1\"");
}

static size_t count_slices(size_t *ret_endpoints)
{
	size_t n = 0;
	*ret_endpoints = 0;
	informer_for_each (
	    obj, informer_all(informer_get(bench_context()->informers, resource_endpointslices))) {
		n++;
		*ret_endpoints += ((const DiscoveryV1__EndpointSlice *)obj->msg)->n_endpoints;
	}
	return n;
}

static void test_large_services_have_many_slices(void **state)
{
	bench_start(&controller_endpointslice, NULL);
	put_service("", PORT80);
	char name[16], ip[16];
	for (int i = 0; i < 250; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		snprintf(ip, sizeof(ip), "10.1.%d.%d", i / 100, i % 100);
		put_pod(name, ip, true, "", "");
	}
	bench_reconcile("w/e");
	bench_apply();
	size_t endpoints;
	assert_int_equal(count_slices(&endpoints), 3);
	assert_int_equal(endpoints, 250);
	bench_expect("w/e", "");
	/* One change writes one slice. */
	put_pod("p7", "10.1.0.7", false, "", "");
	assert_int_equal(plan_ops_len(bench_reconcile("w/e")), 1);
	bench_apply();
	put_pod("new", "10.1.9.9", true, "", "");
	assert_int_equal(plan_ops_len(bench_reconcile("w/e")), 1);
	bench_apply();
	assert_int_equal(count_slices(&endpoints), 3);
	assert_int_equal(endpoints, 251);
}

/* ep-multiport: the slice stays, its ports change. */
static void test_changed_ports_reuse_the_slice(void **state)
{
	bench_start(&controller_endpointslice, NULL);
	put_service("", PORT80);
	put_pod("a", "10.1.0.1", true, "", "");
	bench_reconcile("w/e");
	bench_apply();
	put_service("", "ports: [{port: 80, targetPort: 9090}]");
	assert_true(str_has_prefix(bench_describe("w/e"), "update discovery.k8s.io/v1 endpointslices w/e-"));
	assert_int_equal(plan_ops_len(bench_reconcile("w/e")), 1);
	bench_json_has(0, "\"port\":9090");
}

static void test_dual_stack(void **state)
{
	bench_start(&controller_endpointslice, NULL);
	bench_put("apiVersion: v1\nkind: Service\nmetadata: {name: e, namespace: w}\n"
		  "spec: {clusterIP: 10.0.0.1, ipFamilies: [IPv4, IPv6], selector: {app: e}, " PORT80 "}\n");
	bench_put("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: w, labels: {app: e}}\n"
		  "status: {phase: Running, podIP: 10.1.0.1, podIPs: [{ip: 10.1.0.1}, {ip: 'fd00::1'}], "
		  "conditions: [{type: Ready, status: 'True'}]}\n");
	assert_int_equal(plan_ops_len(bench_reconcile("w/e")), 2);
	bench_apply();
	bench_expect("w/e", "");
}

static void test_deleted_slice_wakes_its_service(void **state)
{
	bench_start(&controller_endpointslice, NULL);
	put_service("", PORT80);
	bench_reconcile("w/e");
	bench_apply();
	assert_string_equal(bench_enqueued(), "w/e w/e ");
	bench_put("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: foreign, "
		  "namespace: w, labels: {kubernetes.io/service-name: e, "
		  "endpointslice.kubernetes.io/managed-by: me}}\naddressType: IPv4\n");
	assert_string_equal(bench_enqueued(), "");
	bench_expect("w/e", "");
}

/* ep-mirror */
static void test_mirroring(void **state)
{
	bench_start(&controller_endpointslice_mirroring, NULL);
	bench_put("apiVersion: v1\nkind: Endpoints\nmetadata: {name: e, namespace: w, labels: {el: one}}\n"
		  "subsets:\n- {addresses: [{ip: 192.0.2.5}, {ip: 192.0.2.6, hostname: hh}], "
		  "notReadyAddresses: [{ip: 192.0.2.7}], ports: [{name: x, port: 8080}]}\n"
		  "- {addresses: [{ip: 192.0.2.8}], ports: [{name: x, port: 9090}]}\n");
	bench_expect("w/e", ""); /* ep-mirror-nosvc */
	bench_put("apiVersion: v1\nkind: Service\nmetadata: {name: e, namespace: w}\nspec: {clusterIP: "
		  "10.0.0.1, " PORT80 "}\n");
	bench_expect("w/e", "create discovery.k8s.io/v1 endpointslices w/e-*\ncreate discovery.k8s.io/v1 "
			    "endpointslices w/e-*");
	bench_apply();
	bench_expect("w/e", "");
	bench_put("apiVersion: v1\nkind: Endpoints\nmetadata: {name: e, namespace: w}\nsubsets:\n- "
		  "{addresses: [{ip: 192.0.2.5}], ports: [{name: x, port: 8080}]}\n");
	const char *text = bench_describe("w/e");
	assert_non_null(strstr(text, "update "));
	assert_non_null(strstr(text, "delete "));
	bench_apply();
	bench_put("apiVersion: v1\nkind: Endpoints\nmetadata: {name: e, namespace: w, labels: "
		  "{endpointslice.kubernetes.io/skip-mirror: 'true'}}\nsubsets:\n- {addresses: [{ip: "
		  "192.0.2.5}], ports: [{name: x, port: 8080}]}\n");
	assert_true(str_has_prefix(bench_describe("w/e"), "delete "));
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_endpoints),
	    TEST(test_not_ready_ones_may_be_published),
	    TEST(test_named_ports_split_subsets),
	    TEST(test_headless),
	    TEST(test_whose_endpoints_are_not_ours),
	    TEST(test_what_wakes_endpoints),
	    TEST(test_empty_service_has_a_slice),
	    TEST(test_terminating_endpoints_are_told),
	    TEST(test_large_services_have_many_slices),
	    TEST(test_changed_ports_reuse_the_slice),
	    TEST(test_dual_stack),
	    TEST(test_deleted_slice_wakes_its_service),
	    TEST(test_mirroring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
