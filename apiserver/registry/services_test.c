/* Component test: a Service's addresses and the stored ranges, in one server over memory. */
#include "apiserver/testing/test_server.h"

#include "apiserver/registry/identity.h"
#include "apiserver/registry/services.h"
#include "apiserver/storage/storage.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/buf.h"
#include "proto/core_v1.pb-c.h"

#define IPS "/registry/ranges/serviceips"
#define PORTS "/registry/ranges/servicenodeports"
#define SERVICES "/api/v1/namespaces/default/services"

/* --- the store, behind the server's back --- */

static struct object *got;
static int64_t got_revision;

static void on_got(void *arg, const struct storage_result *result)
{
	struct error err = ERROR_INIT;
	assert_null(result->error);
	object_unref(got);
	got = NULL;
	got_revision = 0;
	if (result->items_len) {
		got_revision = result->items[0].revision;
		if (object_decode(result->items[0].value, result->items[0].value_size, &got, &err))
			fail_msg("%s", err.message);
	}
	loop_stop(loop);
}

static const CoreV1__RangeAllocation *stored(const char *key)
{
	server->storage->functions->get(server->storage, key, on_got, NULL);
	loop_run(loop);
	if (!got)
		return NULL;
	assert_string_equal(got->kind, "RangeAllocation");
	assert_string_equal(got->api_version, "v1");
	return (const CoreV1__RangeAllocation *)got->msg;
}

static bool has_bit(const char *key, size_t i)
{
	const CoreV1__RangeAllocation *m = stored(key);
	return i / 8 < m->data.len && (m->data.data[m->data.len - 1 - i / 8] >> (i % 8) & 1);
}

static size_t count_bits(const char *key)
{
	const CoreV1__RangeAllocation *m = stored(key);
	size_t n = 0;
	for (size_t i = 0; i < m->data.len * 8; i++)
		n += m->data.data[i / 8] >> (i % 8) & 1;
	return n;
}

static void on_put(void *arg, const struct storage_result *result)
{
	assert_null(result->error);
	assert_true(result->succeeded);
	loop_stop(loop);
}

static void put(const char *key, const void *value, size_t size)
{
	server->storage->functions->get(server->storage, key, on_got, NULL);
	loop_run(loop);
	if (value)
		server->storage->functions->put_if(
		    server->storage, key, got_revision, value, size, 0, on_put, NULL);
	else
		server->storage->functions->delete_if(server->storage, key, got_revision, on_put, NULL);
	loop_run(loop);
}

/* The bytes that upstream stores, written down by hand: envelope, TypeMeta, metadata, range, data. */
static void put_range(const char *key, const char *range, const void *data, size_t size)
{
	struct buf raw = BUF_INIT, value = BUF_INIT;
	static const char meta[] = {0x0a, 0, 0x12, 0, 0x1a, 0, 0x22, 0, 0x2a, 0, 0x32, 0, 0x38, 0, 0x42, 0};
	buf_printf(&raw, "\x0a%c", (int)sizeof meta);
	buf_append(&raw, meta, sizeof meta);
	buf_printf(&raw, "\x12%c%s\x1a%c", (int)strlen(range), range, (int)size);
	buf_append(&raw, data, size);
	assert_true(raw.size < 128);
	buf_append(&value, "k8s\0\x0a\x15\x0a\x02v1\x12\x0fRangeAllocation\x12", 28);
	buf_putc(&value, (char)raw.size);
	buf_append(&value, raw.data, raw.size);
	buf_append(&value, "\x1a\x00\x22\x00", 4);
	put(key, value.data, value.size);
	buf_done(&raw);
	buf_done(&value);
}

static void on_repaired(void *arg)
{
	loop_stop(loop);
}

static void repair(void)
{
	services_repair_now(server->services->repair, on_repaired, NULL);
	loop_run(loop);
}

/* --- Services --- */

static const char *service(const char *name, const char *spec)
{
	return arena_printf(
	    arena, "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"ports\":[{\"port\":80}],%s}}", name, spec);
}

static struct answer expect(int status, const char *method, const char *path, const char *body)
{
	struct answer a = call(ADMIN, method, path, body);
	if (a.status != status)
		fail_msg("%s %s: %d instead of %d: %s", method, path, a.status, status, a.text);
	return a;
}

static const struct json *spec_of(const struct answer *a)
{
	return json_get(a->body, "spec");
}

static void delete_service(const char *name)
{
	expect(200, "DELETE", arena_printf(arena, SERVICES "/%s", name), NULL);
}

static void ranges_are_stored_as_upstream_does(void **state)
{
	const CoreV1__RangeAllocation *m = stored(IPS);
	assert_non_null(m);
	assert_string_equal(m->range, "10.0.0.0/24");
	assert_int_equal(m->data.len, 1); /* 10.0.0.1, of the service kubernetes */
	assert_int_equal(m->data.data[0], 1);
	m = stored(PORTS);
	assert_string_equal(m->range, "30000-32767");
	assert_int_equal(m->data.len, 0);
}

static void addresses_are_taken_and_given_back(void **state)
{
	expect(201, "POST", SERVICES, service("a", "\"type\":\"NodePort\",\"clusterIP\":\"10.0.0.9\""));
	assert_true(has_bit(IPS, 8));
	assert_int_equal(count_bits(PORTS), 1);
	struct answer b = expect(201, "POST", SERVICES, service("b", "\"type\":\"ClusterIP\""));
	unsigned last = 0;
	assert_int_equal(sscanf(json_get_string(spec_of(&b), "clusterIP", ""), "10.0.0.%u", &last), 1);
	assert_in_range(last, 17, 254); /* the low ones are for static addresses */
	assert_true(has_bit(IPS, last - 1));
	/* A create that fails leaves nothing. */
	expect(409, "POST", SERVICES, service("a", "\"type\":\"NodePort\""));
	expect(422, "POST", SERVICES, service("c", "\"type\":\"NodePort\",\"clusterIP\":\"10.0.0.9\""));
	repair(); /* give-backs that nobody waits for are done before it */
	assert_int_equal(count_bits(IPS), 3);
	assert_int_equal(count_bits(PORTS), 1);
	/* The node port goes with the type. */
	struct answer a = call_with(ADMIN, NULL, SERVICES "/a");
	const char *body = arena_printf(arena,
	    "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"%s\"},\"spec\":{\"type\":\"ClusterIP\","
	    "\"clusterIP\":\"10.0.0.9\",\"ports\":[{\"port\":80}]}}",
	    json_get_string(json_get(a.body, "metadata"), "resourceVersion", ""));
	expect(200, "PUT", SERVICES "/a", body);
	assert_int_equal(count_bits(PORTS), 0);
	delete_service("a");
	assert_false(has_bit(IPS, 8));
	expect(201, "POST", SERVICES, service("a", "\"type\":\"ClusterIP\",\"clusterIP\":\"10.0.0.9\""));
	delete_service("a");
	delete_service("b");
	assert_int_equal(count_bits(IPS), 1);
}

static void dry_run_takes_nothing(void **state)
{
	struct answer a =
	    expect(201, "POST", SERVICES "?dryRun=All", service("dry", "\"type\":\"NodePort\""));
	assert_string_not_equal(json_get_string(spec_of(&a), "clusterIP", ""), "");
	expect(422, "POST", SERVICES "?dryRun=All",
	    service("dry", "\"type\":\"NodePort\",\"clusterIP\":\"10.0.0.1\""));
	expect(201, "POST", SERVICES, service("wet", "\"type\":\"NodePort\""));
	expect(200, "DELETE", SERVICES "/wet?dryRun=All", NULL);
	assert_int_equal(count_bits(IPS), 2);
	assert_int_equal(count_bits(PORTS), 1);
	delete_service("wet");
	assert_int_equal(count_bits(IPS), 1);
	assert_int_equal(count_bits(PORTS), 0);
}

static void ports_of_one_service(void **state)
{
	struct answer a = expect(201, "POST", SERVICES,
	    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"type\":\"LoadBalancer\",\"externalTrafficPolicy\":"
	    "\"Local\",\"ports\":[{\"name\":\"t\",\"port\":53,\"protocol\":\"TCP\"},"
	    "{\"name\":\"u\",\"port\":53,\"protocol\":\"UDP\"},{\"name\":\"w\",\"port\":80},"
	    "{\"name\":\"x\",\"port\":81,\"nodePort\":30005}]}}");
	const struct json *ports = json_get(spec_of(&a), "ports");
	int64_t port[4];
	for (size_t i = 0; i < 4; i++)
		port[i] = json_get_int(ports->items[i], "nodePort", 0);
	int64_t health = json_get_int(spec_of(&a), "healthCheckNodePort", 0);
	assert_int_equal(port[0], port[1]); /* shared between protocols */
	assert_int_not_equal(port[0], port[2]);
	assert_int_equal(port[3], 30005);
	assert_in_range(port[2], 30086, 32767);
	assert_in_range(health, 30086, 32767);
	assert_int_equal(count_bits(PORTS), 4);
	assert_true(has_bit(PORTS, (size_t)(health - 30000)));
	expect(422, "POST", SERVICES,
	    "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":1,"
	    "\"nodePort\":30005}]}}");
	delete_service("p");
	repair();
	assert_int_equal(count_bits(PORTS), 0);
	assert_int_equal(count_bits(IPS), 1);
}

/* 10.0.0.1 and 10.0.0.10, written by another program; nobody has the second one. */
static void leaked_address_returns_after_three_rounds(void **state)
{
	static const char body[] = "{\"metadata\":{\"name\":\"ten\"},\"spec\":{\"clusterIP\":\"10.0.0.10\","
				   "\"ports\":[{\"port\":80}]}}";
	put_range(IPS, "10.0.0.0/24", "\x02\x01", 2);
	struct answer a = expect(422, "POST", SERVICES, body);
	assert_non_null(strstr(message(&a), "provided IP is already allocated"));
	repair();
	repair();
	assert_true(has_bit(IPS, 9));
	expect(422, "POST", SERVICES, body);
	repair();
	assert_false(has_bit(IPS, 9));
	assert_int_equal(count_bits(IPS), 1);
	expect(201, "POST", SERVICES, body);
	/* Seen leaked, then used, then leaked again: counted from the start. */
	delete_service("ten");
	put_range(IPS, "10.0.0.0/24", "\x02\x01", 2);
	repair();
	repair();
	put_range(IPS, "10.0.0.0/24", "\x01", 1);
	expect(201, "POST", SERVICES, body);
	repair();
	delete_service("ten");
	put_range(IPS, "10.0.0.0/24", "\x02\x01", 2);
	repair();
	assert_true(has_bit(IPS, 9));
	put_range(IPS, "10.0.0.0/24", "\x01", 1);
}

static size_t events(const char *name, const char *reason)
{
	struct answer a = expect(200, "GET",
	    arena_printf(arena,
		"/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=%s,reason=%s", name,
		reason),
	    NULL);
	return json_get(a.body, "items")->len;
}

/* Services as an operator would write them into etcd. */
static void put_service(const char *name, const char *ip, int port)
{
	struct error err = ERROR_INIT;
	struct object *obj;
	struct buf value = BUF_INIT;
	const char *text = arena_printf(arena,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"%s\",\"namespace\":"
	    "\"default\",\"uid\":\"%s\"},\"spec\":{\"type\":\"NodePort\",\"clusterIP\":\"%s\",\"clusterIPs\":"
	    "[\"%s\"],\"ports\":[{\"port\":80,\"protocol\":\"TCP\",\"nodePort\":%d}]}}",
	    name, name, ip, ip, port);
	if (object_decode(text, strlen(text), &obj, &err))
		fail_msg("%s", err.message);
	object_encode_stored(&value, obj);
	object_unref(obj);
	put(arena_printf(arena, "/registry/services/specs/default/%s", name), value.data, value.size);
	buf_done(&value);
}

static void damage_is_reported_and_repaired(void **state)
{
	put_service("one", "10.0.0.77", 30077);
	put_service("two", "10.0.0.77", 30077);
	put_service("far", "10.9.9.9", 40000);
	repair();
	repair();
	assert_true(has_bit(IPS, 76));
	assert_true(has_bit(PORTS, 77));
	assert_int_equal(events("one", "ClusterIPNotAllocated"), 1);
	assert_int_equal(events("one", "PortNotAllocated"), 1);
	assert_int_equal(events("one", "ClusterIPAlreadyAllocated"), 0);
	assert_int_equal(events("two", "ClusterIPAlreadyAllocated"), 1);
	assert_int_equal(events("two", "PortAlreadyAllocated"), 1);
	assert_int_equal(events("far", "ClusterIPOutOfRange"), 1);
	assert_int_equal(events("far", "PortOutOfRange"), 1);
	delete_service("far");
	delete_service("two");
	repair(); /* deleting one of the two has freed the address of the other */
	assert_true(has_bit(IPS, 76));
	delete_service("one");
	assert_int_equal(count_bits(IPS), 1);
	assert_int_equal(count_bits(PORTS), 0);
}

/* A server that was started with another range takes over what both ranges have. */
static void another_range_is_refused_until_repaired(void **state)
{
	put_range(IPS, "10.0.0.0/28", "\x20\x01", 2); /* 10.0.0.14 and 10.0.0.1 */
	struct answer a = expect(500, "POST", SERVICES, service("a", "\"type\":\"ClusterIP\""));
	assert_non_null(strstr(message(&a), "10.0.0.0/28"));
	repair();
	assert_string_equal(stored(IPS)->range, "10.0.0.0/24");
	assert_true(has_bit(IPS, 13));
	repair();
	repair();
	assert_int_equal(count_bits(IPS), 1);
}

static void lost_range_is_rebuilt(void **state)
{
	expect(201, "POST", SERVICES, service("a", "\"type\":\"NodePort\",\"clusterIP\":\"10.0.0.9\""));
	put(IPS, NULL, 0);
	struct answer b = call(ADMIN, "POST", SERVICES, service("b", "\"type\":\"ClusterIP\""));
	assert_int_equal(b.status, 503);
	repair();
	assert_true(has_bit(IPS, 0));
	assert_true(has_bit(IPS, 8));
	assert_int_equal(events("a", "ClusterIPNotAllocated"), 0);
	expect(201, "POST", SERVICES, service("b", "\"type\":\"ClusterIP\""));
	delete_service("a");
	delete_service("b");
	/* What is no range is said, and left alone. */
	put(IPS, "k8s\0garbage", 11);
	assert_int_equal(call(ADMIN, "POST", SERVICES, service("a", "\"type\":\"ClusterIP\"")).status, 500);
}

/* --- what tells of this server --- */

static void identity_is_named_after_the_host(void **state)
{
	static const char leases[] = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
	static const char old[] =
	    "{\"metadata\":{\"name\":\"apiserver-old\",\"labels\":{\"apiserver.kubernetes.io/identity\":"
	    "\"kube-apiserver\"}},\"spec\":{\"holderIdentity\":\"o\",\"leaseDurationSeconds\":3600,"
	    "\"renewTime\":\"%s\"}}";
	char name[IDENTITY_NAME_MAX], host[256];
	assert_string_equal(identity_name("master-1", name), "apiserver-wj467rbl25eeviqacfhvg2yvnm");
	gethostname(host, sizeof host);
	struct answer a =
	    expect(200, "GET", arena_printf(arena, "%s/%s", leases, identity_name(host, name)), NULL);
	assert_string_equal(
	    json_get_string(json_get(json_get(a.body, "metadata"), "labels"), "kubernetes.io/hostname", ""),
	    host);
	assert_int_equal(json_get_int(spec_of(&a), "leaseDurationSeconds", 0), 3600);
	/* Of two others, the one that has run out goes, once somebody looks. */
	expect(201, "POST", leases, arena_printf(arena, old, "2020-01-01T00:00:00.000000Z"));
	struct identity *second = identity_start(server);
	for (int i = 0;
	     i < 20000 &&
	     call(ADMIN, "GET", arena_printf(arena, "%s/apiserver-old", leases), NULL).status != 404;
	     i++)
		usleep(1000);
	expect(404, "GET", arena_printf(arena, "%s/apiserver-old", leases), NULL);
	expect(201, "POST", leases, arena_printf(arena, old, "2999-01-01T00:00:00.000000Z"));
	identity_free(second);
	second = identity_start(server);
	expect(200, "GET", arena_printf(arena, "%s/apiserver-old", leases), NULL);
	repair(); /* the loop has turned */
	expect(200, "GET", arena_printf(arena, "%s/apiserver-old", leases), NULL);
	identity_free(second);
}

static void wrong_flags_are_refused(void **state)
{
	static const char *const wrong[] = {"--endpoint-reconciler-type=both", "--apiserver-count=0", NULL};
	static const char *const ranges[] = {"--service-cluster-ip-range=10.0.0.0/8",
	    "--service-cluster-ip-range=10.0.0.0", "--service-cluster-ip-range=10.0.0.0/31",
	    "--service-cluster-ip-range=fd00::/112", "--service-node-port-range=30000",
	    "--service-node-port-range=30000-20000", "--service-node-port-range=1-70000",
	    "--service-node-port-range=1-2x", NULL};
	for (size_t i = 0; wrong[i]; i++) {
		struct api_options o;
		struct error err = ERROR_INIT;
		char *argv[] = {"kube-apiserver", (char *)wrong[i]};
		assert_int_equal(options_parse(&o, 2, argv, &err), -1);
		assert_non_null(strstr(err.message, "is wanted"));
		options_done(&o);
	}
	for (size_t i = 0; ranges[i]; i++) {
		struct api_options o;
		struct addresses a;
		struct error err = ERROR_INIT;
		char *argv[] = {"kube-apiserver", (char *)ranges[i]};
		assert_int_equal(options_parse(&o, 2, argv, &err), 0);
		assert_int_equal(addresses_parse(&a, &o, &err), -1);
		assert_non_null(strstr(err.message, "wanted"));
		options_done(&o);
	}
}

static int stop_all(void **state)
{
	object_unref(got);
	return stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(ranges_are_stored_as_upstream_does),
	    cmocka_unit_test(addresses_are_taken_and_given_back), cmocka_unit_test(dry_run_takes_nothing),
	    cmocka_unit_test(ports_of_one_service),
	    cmocka_unit_test(leaked_address_returns_after_three_rounds),
	    cmocka_unit_test(damage_is_reported_and_repaired),
	    cmocka_unit_test(another_range_is_refused_until_repaired),
	    cmocka_unit_test(lost_range_is_rebuilt), cmocka_unit_test(identity_is_named_after_the_host),
	    cmocka_unit_test(wrong_flags_are_refused)};
	return cmocka_run_group_tests(tests, start, stop_all);
}
