/* Cycle, plugins, preemption and snapshot, with nodes and pods written as YAML; the facts come from
 * upstream's traces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/resources/resource.h"
#include "scheduler/cycle.h"
#include "scheduler/preemption.h"
#include "scheduler/snapshot.h"

struct world {
	struct arena *arena;
	struct snapshot *snapshot;
	struct informer_set *set;
	struct scheduling_caches caches;
	int serial;
};

static int setup(void **state)
{
	static struct world w;

	w = (struct world){.arena = arena_new(), .snapshot = snapshot_new(), .set = informer_set_new(NULL)};
	w.caches.claims = informer_get(w.set, resource_persistentvolumeclaims);
	w.caches.volumes = informer_get(w.set, resource_persistentvolumes);
	w.caches.storage_classes = informer_get(w.set, resource_storageclasses);
	w.caches.namespaces = informer_get(w.set, resource_namespaces);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	snapshot_free(w->snapshot);
	informer_set_free(w->set);
	arena_free(w->arena);
	return 0;
}

static struct object *decode(const char *yaml)
{
	struct object *obj = NULL;
	struct error err = ERROR_INIT;

	if (object_decode(yaml, strlen(yaml), &obj, &err) < 0)
		fail_msg("%s\n%s", err.message, yaml);
	return obj;
}

/* `more` continues the node: labels, spec. */
static void add_node(struct world *w, const char *name, const char *cpu, const char *pods,
    const char *metadata, const char *spec)
{
	struct object *node = decode(arena_printf(w->arena,
	    "apiVersion: v1\nkind: Node\nmetadata: {name: %s, labels: {kubernetes.io/hostname: %s%s}}\nspec: "
	    "{%s}\n"
	    "status: {allocatable: {cpu: \"%s\", memory: 4Gi, ephemeral-storage: 10Gi, pods: \"%s\"}}\n",
	    name, name, metadata, spec, cpu, pods));

	snapshot_set_node(w->snapshot, node);
	object_unref(node);
}

static struct object *make_pod(struct world *w, const char *name, const char *metadata, const char *spec)
{
	return decode(arena_printf(w->arena,
	    "apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: default, uid: uid-%s-%d%s}\nspec: "
	    "{%s}\n",
	    name, name, ++w->serial, metadata, spec));
}

static void place(struct world *w, const char *node, const char *name, const char *metadata, const char *spec)
{
	struct object *pod = make_pod(w, name, metadata, spec);

	snapshot_assume(w->snapshot, pod, node);
	object_unref(pod);
}

/* Name of the node, or the message. */
static const char *try(struct world *w, const char *metadata, const char *spec)
{
	struct object *pod = make_pod(w, "new", metadata, spec);
	struct pod_info *info = pod_info_new(pod);
	struct cycle_result result;

	cycle_run(w->arena, w->snapshot, info, &w->caches, &result);
	pod_info_free(info);
	object_unref(pod);
	return result.node ? result.node->name : result.message;
}

#define CPU(amount) "containers: [{name: c, image: i, resources: {requests: {cpu: \"" amount "\"}}}]"
#define PLAIN "containers: [{name: c, image: i}]"

static void test_no_nodes(void **state)
{
	assert_string_equal(try(*state, "", PLAIN), "no nodes available to schedule pods");
}

static void test_resources_fit(void **state)
{
	struct world *w = *state;

	add_node(w, "a", "2", "3", "", "");
	assert_string_equal(try(w, "", CPU("1")), "a");
	place(w, "a", "p1", "", CPU("1"));
	place(w, "a", "p2", "", CPU("1"));
	assert_string_equal(try(w, "", CPU("1")), "0/1 nodes are available: 1 Insufficient cpu.");
	assert_string_equal(try(w, "", PLAIN), "a"); /* nothing asked fits a full node */
	place(w, "a", "p3", "", PLAIN);
	assert_string_equal(try(w, "", PLAIN), "0/1 nodes are available: 1 Too many pods.");
	assert_string_equal(try(w, "",
				"containers: [{name: c, image: i, resources: {requests: {cpu: 3, memory: "
				"8Gi, example.com/foo: 1}}}]"),
	    "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient example.com/foo, 1 Insufficient "
	    "memory, 1 Too many pods.");
}

static void test_init_containers_count_by_maximum(void **state)
{
	struct world *w = *state;

	add_node(w, "a", "1500m", "10", "", "");
	assert_string_equal(
	    try(w, "", "initContainers: [{name: i, image: i, resources: {requests: {cpu: 2}}}], " CPU("1")),
	    "0/1 nodes are available: 1 Insufficient cpu.");
	assert_string_equal(
	    try(w, "",
		"initContainers: [{name: i, image: i, resources: {requests: {cpu: 1500m}}}], " CPU("1")),
	    "a");
	/* A sidecar runs beside the containers. */
	assert_string_equal(try(w, "",
				"initContainers: [{name: i, image: i, restartPolicy: Always, resources: "
				"{requests: {cpu: 1}}}], " CPU("1")),
	    "0/1 nodes are available: 1 Insufficient cpu.");
}

static void test_taints(void **state)
{
	struct world *w = *state;

	add_node(w, "a", "2", "10", "", "taints: [{key: k, value: v, effect: NoSchedule}]");
	assert_string_equal(
	    try(w, "", PLAIN), "0/1 nodes are available: 1 node(s) had untolerated taint {k: v}.");
	assert_string_equal(try(w, "", "tolerations: [{key: k, operator: Equal, value: v}], " PLAIN), "a");
	assert_string_equal(try(w, "", "tolerations: [{operator: Exists}], " PLAIN), "a");
	assert_string_equal(
	    try(w, "", "tolerations: [{key: k, operator: Exists, effect: NoExecute}], " PLAIN),
	    "0/1 nodes are available: 1 node(s) had untolerated taint {k: v}.");
	add_node(w, "b", "2", "10", "", "taints: [{key: soft, effect: PreferNoSchedule}]");
	assert_string_equal(try(w, "", "tolerations: [{key: k, operator: Exists}], " PLAIN), "a");
}

static void test_unschedulable(void **state)
{
	struct world *w = *state;

	add_node(w, "a", "2", "10", "", "unschedulable: true");
	assert_string_equal(try(w, "", PLAIN), "0/1 nodes are available: 1 node(s) were unschedulable.");
	assert_string_equal(
	    try(w, "", "tolerations: [{key: node.kubernetes.io/unschedulable, operator: Exists}], " PLAIN),
	    "a");
}

static void test_node_affinity(void **state)
{
	struct world *w = *state;
	static const char prefer[] =
	    "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 5, "
	    "preference: "
	    "{matchExpressions: [{key: size, operator: Gt, values: [\"3\"]}]}}]}}, " PLAIN;

	add_node(w, "a", "2", "10", ", size: \"1\"", "");
	add_node(w, "b", "2", "10", ", size: \"5\"", "");
	assert_string_equal(try(w, "", "nodeSelector: {size: \"5\"}, " PLAIN), "b");
	assert_string_equal(try(w, "", "nodeSelector: {size: \"7\"}, " PLAIN),
	    "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.");
	assert_string_equal(try(w, "", prefer), "b");
}

static void test_host_ports(void **state)
{
	struct world *w = *state;
#define PORT(p) "containers: [{name: c, image: i, ports: [{containerPort: 80, " p "}]}]"

	add_node(w, "a", "2", "10", "", "");
	place(w, "a", "p", "", PORT("hostPort: 8080"));
	assert_string_equal(try(w, "", PORT("hostPort: 8080")),
	    "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.");
	assert_string_equal(try(w, "", PORT("hostPort: 8080, protocol: UDP")), "a");
	assert_string_equal(try(w, "", PORT("hostPort: 8080, hostIP: 10.0.0.1")),
	    "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.");
}

static void test_pod_anti_affinity(void **state)
{
	struct world *w = *state;
	static const char anti[] =
	    "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: "
	    "{matchLabels: "
	    "{app: x}}, topologyKey: kubernetes.io/hostname}]}}, " PLAIN;

	add_node(w, "a", "2", "10", "", "");
	place(w, "a", "p", ", labels: {app: x}", anti);
	assert_string_equal(try(w, ", labels: {app: x}", anti),
	    "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.");
	/* The placed pod repels a plain one that carries the label. */
	assert_string_equal(try(w, ", labels: {app: x}", PLAIN),
	    "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.");
	add_node(w, "b", "2", "10", "", "");
	assert_string_equal(try(w, ", labels: {app: x}", anti), "b");
}

static void test_pod_affinity(void **state)
{
	struct world *w = *state;
	static const char near[] = "affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
				   "[{labelSelector: {matchLabels: "
				   "{app: x}}, topologyKey: zone}]}}, " PLAIN;

	add_node(w, "a", "2", "10", ", zone: z1", "");
	add_node(w, "b", "2", "10", ", zone: z2", "");
	assert_string_equal(
	    try(w, "", near), "0/2 nodes are available: 2 node(s) didn't match pod affinity rules.");
	assert_true(
	    strlen(try(w, ", labels: {app: x}", near)) == 1); /* the first of its group may start anywhere */
	place(w, "b", "p", ", labels: {app: x}", PLAIN);
	assert_string_equal(try(w, "", near), "b");
}

static void test_topology_spread(void **state)
{
	struct world *w = *state;
	static const char spread[] =
	    "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, "
	    "labelSelector: {matchLabels: {app: x}}}], " PLAIN;

	add_node(w, "a", "2", "10", ", zone: z1", "");
	add_node(w, "b", "2", "1", ", zone: z2", "");
	add_node(w, "c", "2", "10", "", "");
	place(w, "a", "p1", ", labels: {app: x}", PLAIN);
	assert_string_equal(try(w, ", labels: {app: x}", spread), "b");
	place(w, "b", "p2", ", labels: {app: other}", PLAIN);
	assert_string_equal(try(w, ", labels: {app: x}", spread),
	    "0/3 nodes are available: 1 Too many pods, 1 node(s) didn't match pod topology spread "
	    "constraints, "
	    "1 node(s) didn't match pod topology spread constraints (missing required label).");
}

static void test_spreads_by_load(void **state)
{
	struct world *w = *state;

	add_node(w, "a", "4", "10", "", "");
	add_node(w, "b", "4", "10", "", "");
	place(w, "a", "p1", "", CPU("2"));
	assert_string_equal(try(w, "", CPU("1")), "b");
}

static void test_volumes(void **state)
{
	struct world *w = *state;
	static const char uses[] = "volumes: [{name: v, persistentVolumeClaim: {claimName: data}}], " PLAIN;
	struct object *obj;

	add_node(w, "a", "4", "10", "", "");
	add_node(w, "b", "4", "10", "", "");
	assert_string_equal(
	    try(w, "", uses), "0/2 nodes are available: persistentvolumeclaim \"data\" not found.");
	obj = decode("apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: "
		     "default, uid: c1}\n"
		     "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, "
		     "storageClassName: slow}\n");
	informer_inject((struct informer *)w->caches.claims, obj);
	object_unref(obj);
	assert_string_equal(
	    try(w, "", uses), "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.");
	obj = decode("apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: slow, uid: "
		     "s1}\nprovisioner: kubernetes.io/no-provisioner\n"
		     "volumeBindingMode: WaitForFirstConsumer\n");
	informer_inject((struct informer *)w->caches.storage_classes, obj);
	object_unref(obj);
	assert_string_equal(try(w, "", uses),
	    "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.");
	obj =
	    decode("apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: pv, uid: v1}\nspec: {capacity: "
		   "{storage: 2Gi}, accessModes: "
		   "[ReadWriteOnce], storageClassName: slow, nodeAffinity: {required: {nodeSelectorTerms: "
		   "[{matchExpressions: [{key: "
		   "kubernetes.io/hostname, operator: In, values: [b]}]}]}}}\nstatus: {phase: Available}\n");
	informer_inject((struct informer *)w->caches.volumes, obj);
	object_unref(obj);
	assert_string_equal(try(w, "", uses), "b");
}

static void test_preemption(void **state)
{
	struct world *w = *state;
	struct object *pod = make_pod(w, "high", "", "priority: 100, " CPU("1"));
	struct pod_info *info = pod_info_new(pod);
	struct cycle_result result;
	struct preemption preemption;

	add_node(w, "a", "2", "10", "", "");
	add_node(w, "b", "2", "10", "", "unschedulable: true");
	place(w, "a", "low1", "", "priority: 1, " CPU("1"));
	place(w, "a", "low2", "", "priority: 2, " CPU("1"));
	cycle_run(w->arena, w->snapshot, info, &w->caches, &result);
	assert_null(result.node);
	preemption_find(w->arena, w->snapshot, info, &w->caches, &result, NULL, &preemption);
	assert_string_equal(preemption.node->name, "a");
	assert_int_equal(preemption.victims_len, 1);
	assert_string_equal(object_name(preemption.victims[0]->object), "low1");
	pod_info_free(info);
	object_unref(pod);

	pod = make_pod(w, "equal", "", "priority: 1, " CPU("1"));
	info = pod_info_new(pod);
	cycle_run(w->arena, w->snapshot, info, &w->caches, &result);
	preemption_find(w->arena, w->snapshot, info, &w->caches, &result, NULL, &preemption);
	assert_null(preemption.node);
	assert_string_equal(preemption.message,
	    "preemption: 0/2 nodes are available: 1 No preemption victims found for "
	    "incoming pod, 1 Preemption is not helpful for scheduling.");
	pod_info_free(info);
	object_unref(pod);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_no_nodes),
	    TEST(test_resources_fit),
	    TEST(test_init_containers_count_by_maximum),
	    TEST(test_taints),
	    TEST(test_unschedulable),
	    TEST(test_node_affinity),
	    TEST(test_host_ports),
	    TEST(test_pod_anti_affinity),
	    TEST(test_pod_affinity),
	    TEST(test_topology_spread),
	    TEST(test_spreads_by_load),
	    TEST(test_volumes),
	    TEST(test_preemption),
	};

	resources_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
