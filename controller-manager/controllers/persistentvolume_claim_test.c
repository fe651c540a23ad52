/* Binding of claims to volumes; facts from traces of upstream: scenarios pv-*. */
#include <string.h>

#include "controller-manager/testing/bench.h"
#include "lib/api/object.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"

static int setup(void **state)
{
	bench_start(&controller_persistentvolume_claim, NULL);
	return 0;
}

static int teardown(void **state)
{
	bench_stop();
	return 0;
}

static void put_claim(const char *size, const char *meta, const char *spec)
{
	bench_put(
	    "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: w, uid: u1%s}\n"
	    "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: %s}}%s}\n",
	    meta, size, spec);
}

static void put_volume(const char *name, const char *size, const char *spec)
{
	bench_put("apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: %s, uid: uid-%s}\n"
		  "spec: {accessModes: [ReadWriteOnce, ReadOnlyMany], capacity: {storage: %s}, "
		  "storageClassName: slow, hostPath: {path: /x}%s}\n"
		  "status: {phase: Available}\n",
	    name, name, size, spec);
}

static void test_binds_the_smallest_that_fits(void **state)
{
	put_volume("big", "10Gi", "");
	put_volume("small", "500Mi", "");
	put_volume("right", "2Gi", "");
	put_claim("1Gi", "", ", storageClassName: slow");
	bench_expect(
	    "w/data", "update v1 persistentvolumes right\nthen\nupdate v1 persistentvolumeclaims w/data");
	bench_json_has(0, "\"claimRef\":{\"kind\":\"PersistentVolumeClaim\",\"namespace\":\"w\",\"name\":"
			  "\"data\",\"uid\":\"u1\"");
	bench_json_has(0, "\"pv.kubernetes.io/bound-by-controller\":\"yes\"");
	bench_json_has(1, "\"volumeName\":\"right\"");
	bench_apply();
	bench_expect("w/data", "update-status v1 persistentvolumeclaims w/data");
	bench_json_has(0, "\"phase\":\"Bound\",\"accessModes\":[\"ReadWriteOnce\",\"ReadOnlyMany\"],"
			  "\"capacity\":{\"storage\":\"2Gi\"}");
	bench_apply();
	bench_expect("w/data", "");
}

static void test_a_reserved_volume_is_taken_and_stays_reserved(void **state)
{
	put_volume("mine", "5Gi", ", claimRef: {namespace: w, name: data}");
	put_volume("right", "1Gi", "");
	put_claim("1Gi", "", ", storageClassName: slow");
	bench_describe("w/data");
	bench_json_has(0, "\"name\":\"mine\"");
	assert_null(strstr(bench_json(0), "bound-by-controller"));
}

static void test_another_class_is_not_taken(void **state)
{
	put_volume("v", "5Gi", "");
	put_claim("1Gi", "", ", storageClassName: fast");
	bench_expect("w/data", "");
	assert_non_null(strstr(bench_events(), "Warning ProvisioningFailed"));
}

static void test_waits_for_its_first_consumer(void **state)
{
	bench_put("apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: "
		  "standard}\nprovisioner: cube.local/host-path\n"
		  "volumeBindingMode: WaitForFirstConsumer\n");
	put_claim("1Gi", "", ", storageClassName: standard");
	bench_expect("w/data", "");
	assert_non_null(strstr(bench_events(), "Normal WaitForFirstConsumer"));
	put_claim(
	    "1Gi", ", annotations: {volume.kubernetes.io/selected-node: n1}", ", storageClassName: standard");
	bench_expect("w/data", "update v1 persistentvolumeclaims w/data");
	bench_json_has(0, "\"volume.kubernetes.io/storage-provisioner\":\"cube.local/host-path\"");
	assert_non_null(strstr(bench_events(), "Normal ExternalProvisioning"));
}

static void test_the_default_class_is_assigned_later(void **state)
{
	put_claim("1Gi", "", "");
	bench_expect("w/data", "");
	assert_non_null(strstr(bench_events(), "Normal FailedBinding"));
	bench_put(
	    "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: standard, annotations: "
	    "{storageclass.kubernetes.io/is-default-class: 'true'}}\nprovisioner: p\n");
	bench_expect("w/data", "update v1 persistentvolumeclaims w/data");
	bench_json_has(0, "\"storageClassName\":\"standard\"");
	put_claim("1Gi", "", ", storageClassName: ''");
	bench_expect("w/data", "");
}

static void test_a_lost_volume_is_told(void **state)
{
	put_volume("other", "1Gi", "");
	put_claim("1Gi", ", resourceVersion: '1', annotations: {pv.kubernetes.io/bind-completed: 'yes'}",
	    ", storageClassName: slow, volumeName: gone");
	bench_expect("w/data", "update-status v1 persistentvolumeclaims w/data");
	bench_json_has(0, "\"phase\":\"Lost\"");
	assert_non_null(strstr(bench_events(), "Warning ClaimLost"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_binds_the_smallest_that_fits),
	    TEST(test_a_reserved_volume_is_taken_and_stays_reserved),
	    TEST(test_another_class_is_not_taken),
	    TEST(test_waits_for_its_first_consumer),
	    TEST(test_the_default_class_is_assigned_later),
	    TEST(test_a_lost_volume_is_told),
	};

	resources_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
