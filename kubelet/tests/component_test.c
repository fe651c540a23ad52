/*
 * The pod manager over a real containerd of its own, without an API server: pods are handed in, states are
 * looked at. Needs root, containerd, runc and the images of manifests/images and packaging/pause; is skipped
 * where one is missing.
 */
#include "lib/base/test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kubelet/config.h"
#include "kubelet/files.h"
#include "kubelet/images/image_manager.h"
#include "kubelet/node/node.h"
#include "kubelet/pods/pod_manager.h"
#include "kubelet/pods/status_manager.h"
#include "kubelet/references.h"
#include "kubelet/runtime/cache.h"
#include "kubelet/runtime/runtime.h"
#include "kubelet/server/server.h"
#include "kubelet/volumes/volume.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/kubeconfig.h"
#include "lib/client/rest.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

#define BUSYBOX "/var/cache/cube/images/busybox.tar"
#define DEADLINE_MS 60000

struct node {
	char dir[64], endpoint[128], root[96], logs[96], cgroup[64];
	pid_t containerd;
	bool skip;
	struct loop *loop;
	struct kubelet_config config;
	struct runtime *runtime;
	struct references *references;
	struct volume_manager *volumes;
	struct image_manager *images;
	struct status_manager *statuses;
	struct pod_manager *pods;
};

static struct node node;

/* ---- containerd ---- */

static const char config_text[] =
    "version = 2\nroot = \"%s/root\"\nstate = \"%s/state\"\noom_score = 0\n"
    "disabled_plugins = [\"io.containerd.internal.v1.opt\", \"io.containerd.internal.v1.tracing\", "
    "\"io.containerd.tracing.processor.v1.otlp\", \"io.containerd.snapshotter.v1.aufs\", "
    "\"io.containerd.snapshotter.v1.btrfs\", \"io.containerd.snapshotter.v1.devmapper\", "
    "\"io.containerd.snapshotter.v1.zfs\"]\n"
    "[grpc]\n  address = \"%s/containerd.sock\"\n"
    "[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = \"cube.local/pause:1\"\n  "
    "restrict_oom_score_adj = true\n"
    "  netns_mounts_under_state_dir = true\n  disable_tcp_service = true\n"
    "  [plugins.\"io.containerd.grpc.v1.cri\".cni]\n    conf_dir = \"%s/cni\"\n"
    "  [plugins.\"io.containerd.grpc.v1.cri\".containerd]\n    snapshotter = \"overlayfs\"\n"
    "    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n      runtime_type = "
    "\"io.containerd.runc.v2\"\n"
    "      [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n        Root = "
    "\"%s/runc\"\n";

static bool run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool run(const char *format, ...)
{
	char command[1024];
	va_list ap;
	va_start(ap, format);
	vsnprintf(command, sizeof command, format, ap);
	va_end(ap);
	return system(command) == 0;
}

/* Everything mounted by containerd and by us lives in a mount namespace that ends with this process. */
static bool make_namespace(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) == 0 &&
	       (mkdir("/run/containerd", 0711) == 0 || access("/run/containerd", F_OK) == 0) &&
	       mount("tmpfs", "/run/containerd", "tmpfs", 0, NULL) == 0;
}

static bool start_containerd(void)
{
	struct buf text = BUF_INIT;
	char path[128];
	snprintf(path, sizeof path, "%s/config.toml", node.dir);
	buf_printf(&text, config_text, node.dir, node.dir, node.dir, node.dir, node.dir);
	bool ok = files_write(path, text.data, text.size, 0644, NULL) == 0;
	buf_done(&text);
	node.containerd = ok ? fork() : -1;
	if (node.containerd == 0) {
		char log[128];
		snprintf(log, sizeof log, "%s/containerd.log", node.dir);
		int fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		dup2(fd, 1);
		dup2(fd, 2);
		execlp("containerd", "containerd", "--config", path, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; node.containerd > 0 && i < 100; i++) {
		if (run("ctr -a %s/containerd.sock version >/dev/null 2>&1", node.dir))
			return true;
		usleep(50000);
	}
	return false;
}

static bool load_images(void)
{
	/* The pause binary is made here: the test doesn't wait for packaging. */
	return run("cc -Os -static -o %s/pause ../packaging/pause/pause.c && sh "
		   "../packaging/pause/mkimage.sh %s/pause "
		   "%s/pause.tar && for i in %s/pause.tar " BUSYBOX
		   "; do ctr -a %s/containerd.sock -n k8s.io images import "
		   "$i >/dev/null || exit 1; done",
	    node.dir, node.dir, node.dir, node.dir, node.dir);
}

/* ---- the kubelet's parts ---- */

static void make_modules(void)
{
	node.config = (struct kubelet_config){.node_name = "n",
	    .node_ip = "127.0.0.1",
	    .root_dir = node.root,
	    .pod_log_dir = node.logs,
	    .cluster_domain = "cluster.local",
	    .resolv_conf = "/etc/resolv.conf",
	    .cgroup_root = node.cgroup,
	    .cgroups_enabled = true,
	    .cgroup_v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0,
	    .sync_ms = 60000,
	    .max_container_backoff_ms = BACKOFF_MAX_MS};
	node.runtime = cri_runtime_new(node.loop, node.endpoint);
	node.references = references_new(NULL, NULL, NULL);
	node.volumes = volume_manager_new(&(struct volume_manager_deps){
	    .config = &node.config, .loop = node.loop, .references = node.references});
	node.images = image_manager_new(&node.config, node.loop, node.runtime, NULL, node.references);
	node.statuses = status_manager_new(NULL);
	node.pods = pod_manager_new(&(struct pod_manager_deps){.config = &node.config,
	    .loop = node.loop,
	    .runtime = node.runtime,
	    .references = node.references,
	    .volumes = node.volumes,
	    .images = node.images,
	    .statuses = node.statuses});
	pod_manager_set_services_synced(node.pods);
	pod_manager_set_network(node.pods, true, NULL);
}

static void free_modules(void)
{
	pod_manager_free(node.pods);
	status_manager_free(node.statuses);
	image_manager_free(node.images);
	volume_manager_free(node.volumes);
	references_free(node.references);
	runtime_free(node.runtime);
}

static int set_up(void **state)
{
	strcpy(node.dir, "/tmp/cube-kubelet-XXXXXX");
	if (geteuid() != 0 || access(BUSYBOX, R_OK) < 0 ||
	    !run("command -v containerd runc ctr cc >/dev/null") || !mkdtemp(node.dir) || !make_namespace()) {
		node.skip = true;
		return 0;
	}
	snprintf(node.endpoint, sizeof node.endpoint, "unix://%s/containerd.sock", node.dir);
	snprintf(node.root, sizeof node.root, "%s/kubelet", node.dir);
	snprintf(node.logs, sizeof node.logs, "%s/logs", node.dir);
	snprintf(node.cgroup, sizeof node.cgroup, "/cube-kubelet-test-%d", (int)getpid());
	resources_init();
	node.skip = !start_containerd() || !load_images();
	node.loop = loop_new(NULL);
	if (!node.skip)
		make_modules();
	return 0;
}

static int tear_down(void **state)
{
	if (!node.skip)
		free_modules();
	if (node.loop)
		loop_free(node.loop);
	if (node.containerd > 0) {
		kill(node.containerd, SIGTERM);
		waitpid(node.containerd, NULL, 0);
	}
	umount2("/run/containerd", MNT_DETACH);
	files_unmount_below(node.dir);
	run("find /sys/fs/cgroup -depth -path '*%s*' -type d -exec rmdir {} + 2>/dev/null", node.cgroup);
	if (node.dir[0])
		run("rm -rf --one-file-system %s", node.dir);
	return 0;
}

/* ---- waiting ---- */

static void stop_loop(void *arg)
{
	loop_stop(node.loop);
}

static bool wait_until(bool (*holds)(void *arg), void *arg)
{
	int64_t end = loop_now_ms(node.loop) + DEADLINE_MS;
	struct loop_timer *timer = loop_timer_new(node.loop, stop_loop, NULL);
	while (!holds(arg) && loop_now_ms(node.loop) < end) {
		loop_timer_start(timer, 20, 0);
		loop_run(node.loop);
	}
	loop_timer_free(timer);
	return holds(arg);
}

static struct object *new_pod(const char *uid, const char *spec)
{
	struct error err = ERROR_INIT;
	struct object *pod;
	struct buf text = BUF_INIT;
	buf_printf(&text,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\","
	    "\"uid\":\"%s\"},\"spec\":%s}",
	    uid, uid, spec);
	assert_int_equal(object_decode(text.data, text.size, &pod, &err), 0);
	resource_apply_defaults(resource_pods, pod, &(struct resource_context){.arena = pod->arena});
	buf_done(&text);
	return pod;
}

struct wanted {
	const char *uid, *phase;
	int restarts;
};

static bool has_phase(void *arg)
{
	const struct wanted *w = arg;
	const CoreV1__PodStatus *s = pod_manager_status(node.pods, w->uid);
	return s && str_eq(s->phase, w->phase) &&
	       (!w->restarts ||
		   (s->n_container_statuses && s->container_statuses[0]->restart_count >= w->restarts));
}

static bool is_gone(void *arg)
{
	char dir[200];
	snprintf(dir, sizeof dir, "%s/pods/%s", node.root, (const char *)arg);
	return !pod_manager_status(node.pods, arg) && !runtime_cache_pod(pod_manager_cache(node.pods), arg) &&
	       access(dir, F_OK) < 0;
}

static bool has_ended(void *arg)
{
	const CoreV1__PodStatus *s = pod_manager_status(node.pods, arg);
	return s && (str_eq(s->phase, "Succeeded") || str_eq(s->phase, "Failed"));
}

/* As the API server does it: a deletion time, then, when the kubelet has said its last word, nothing. */
static void delete_pod(struct object *take_pod)
{
	struct object *deleted = object_clone(take_pod);
	char *uid = strdup(take_pod->meta->uid);
	deleted->meta->deletion_timestamp = time_new(deleted->arena, 1700000000);
	deleted->meta->has_deletion_grace_period_seconds = true;
	deleted->meta->deletion_grace_period_seconds = 1;
	pod_manager_on_pod(node.pods, take_pod, deleted);
	assert_true(wait_until(has_ended, uid));
	pod_manager_on_pod(node.pods, deleted, NULL);
	assert_true(wait_until(is_gone, uid));
	object_unref(deleted);
	object_unref(take_pod);
	free(uid);
}

#define HOST_POD(policy, command)                                                                            \
	"{\"hostNetwork\":true,\"restartPolicy\":\"" policy                                                  \
	"\",\"containers\":[{\"name\":\"c\",\"image\":\"busybox:1.35\","                                     \
	"\"command\":[\"sh\",\"-c\",\"" command                                                              \
	"\"],\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\"}]}],"                                    \
	"\"volumes\":[{\"name\":\"v\",\"emptyDir\":{\"medium\":\"Memory\"}}]}"

/* ---- tests ---- */

static void runs_and_leaves_nothing(void **state)
{
	if (node.skip)
		skip();
	struct object *pod = new_pod("run-1", HOST_POD("Always", "echo hello; touch /v/x; sleep 1000"));
	pod_manager_on_pod(node.pods, NULL, pod);
	assert_true(wait_until(has_phase, &(struct wanted){"run-1", "Running", 0}));
	const CoreV1__PodStatus *s = pod_manager_status(node.pods, "run-1");
	assert_true(s->container_statuses[0]->ready);
	assert_string_equal(s->container_statuses[0]->image, "docker.io/library/busybox:1.35");
	delete_pod(pod);
}

static void a_shorter_deletion_is_honoured(void **state)
{
	if (node.skip)
		skip();
	struct object *pod =
	    new_pod("short-1", HOST_POD("Always", "trap '' TERM; while true; do sleep 1; done"));
	pod_manager_on_pod(node.pods, NULL, pod);
	assert_true(wait_until(has_phase, &(struct wanted){"short-1", "Running", 0}));
	struct object *slow = object_clone(pod);
	slow->meta->deletion_timestamp = time_new(slow->arena, 1700000000);
	slow->meta->has_deletion_grace_period_seconds = true;
	slow->meta->deletion_grace_period_seconds = 600;
	pod_manager_on_pod(node.pods, pod, slow);
	int64_t begin = loop_now_ms(node.loop);
	delete_pod(slow); /* with one second */
	assert_true(loop_now_ms(node.loop) - begin < 20000);
	object_unref(pod);
}

static void ends_with_exit_code_and_message(void **state)
{
	if (node.skip)
		skip();
	struct object *pod = new_pod("end-1", HOST_POD("Never", "echo why > /dev/termination-log; exit 3"));
	pod_manager_on_pod(node.pods, NULL, pod);
	assert_true(wait_until(has_phase, &(struct wanted){"end-1", "Failed", 0}));
	const CoreV1__ContainerStateTerminated *t =
	    pod_manager_status(node.pods, "end-1")->container_statuses[0]->state->terminated;
	assert_int_equal(t->exit_code, 3);
	assert_string_equal(t->message, "why\n");
	delete_pod(pod);
}

static void restarts_on_failure(void **state)
{
	if (node.skip)
		skip();
	struct object *pod = new_pod("crash-1", HOST_POD("OnFailure", "exit 1"));
	pod_manager_on_pod(node.pods, NULL, pod);
	assert_true(wait_until(has_phase, &(struct wanted){"crash-1", "Running", 1}));
	delete_pod(pod);
}

static void a_second_kubelet_adopts_what_runs(void **state)
{
	if (node.skip)
		skip();
	struct object *pod = new_pod("adopt-1", HOST_POD("Always", "sleep 1000"));
	pod_manager_on_pod(node.pods, NULL, pod);
	assert_true(wait_until(has_phase, &(struct wanted){"adopt-1", "Running", 0}));
	char *id = strdup(pod_manager_status(node.pods, "adopt-1")->container_statuses[0]->container_id);
	free_modules();
	make_modules();
	pod_manager_on_pod(node.pods, NULL, pod);
	pod_manager_set_pods_synced(node.pods);
	assert_true(wait_until(has_phase, &(struct wanted){"adopt-1", "Running", 0}));
	const CoreV1__ContainerStatus *c = pod_manager_status(node.pods, "adopt-1")->container_statuses[0];
	assert_string_equal(c->container_id, id);
	assert_int_equal(c->restart_count, 0);
	free(id);
	delete_pod(pod);
}

static void what_nobody_knows_is_removed(void **state)
{
	if (node.skip)
		skip();
	struct object *pod = new_pod("orphan-1", HOST_POD("Always", "sleep 1000"));
	pod_manager_on_pod(node.pods, NULL, pod);
	assert_true(wait_until(has_phase, &(struct wanted){"orphan-1", "Running", 0}));
	free_modules();
	make_modules();
	pod_manager_set_pods_synced(node.pods); /* and the pod isn't among them */
	assert_true(wait_until(is_gone, "orphan-1"));
	object_unref(pod);
}

/* ---- the read-only port ---- */

struct answer {
	bool done;
	int status;
	char *body;
};

static void on_answer(void *arg, const struct http_response *response)
{
	struct answer *a = arg;
	*a = (struct answer){true, response->status, strdup(str_or(response->body, ""))};
}

static bool is_answered(void *arg)
{
	return ((struct answer *)arg)->done;
}

/* Whether METHOD PATH on the plain port is answered with that status and a body that contains `text`. */
static void expect(struct http_client *http, int64_t port, const char *method, const char *path, int status,
    const char *text)
{
	char url[200];
	struct answer a = {0};
	snprintf(url, sizeof url, "http://127.0.0.1:%lld%s", (long long)port, path);
	http_client_send(http, &(struct http_request){.method = method, .url = url}, on_answer, &a);
	assert_true(wait_until(is_answered, &a));
	if (a.status != status || !strstr(a.body, text))
		print_error("%s %s: %d %s\n", method, path, a.status, a.body);
	assert_int_equal(a.status, status);
	assert_non_null(strstr(a.body, text));
	free(a.body);
}

/* A server on a read-only port that was free a moment ago. */
static struct kubelet_server *open_server(struct node_manager *machine)
{
	struct kubelet_server *server = NULL;
	node.config.address = "127.0.0.1";
	node.config.authorization_mode = "Webhook";
	for (int i = 0; i < 20 && !server; i++) {
		struct error err = ERROR_INIT;
		node.config.read_only_port = 20000 + (getpid() * 37 + i * 101) % 12000;
		server = kubelet_server_new(&(struct kubelet_server_deps){.config = &node.config,
						.loop = node.loop,
						.runtime = node.runtime,
						.pods = node.pods,
						.node = machine},
		    &err);
	}
	return server;
}

static void the_read_only_port_shows_and_does_nothing(void **state)
{
	static const char *const acting[] = {
	    "/exec/ns/p/c?command=id", "/attach/ns/p/c", "/portForward/ns/p", "/containerLogs/ns/p/c"};
	if (node.skip)
		skip();
	struct object *pod = new_pod("shown-1", HOST_POD("Always", "sleep 1000"));
	pod_manager_on_pod(node.pods, NULL, pod);
	assert_true(wait_until(has_phase, &(struct wanted){"shown-1", "Running", 0}));
	struct error err = ERROR_INIT;
	struct rest_client *nobody =
	    rest_client_new(node.loop, &(struct rest_config){.server = "http://127.0.0.1:1"}, &err);
	struct node_manager *machine = node_manager_new(&node.config, node.loop, nobody, NULL, node.runtime);
	struct kubelet_server *server = open_server(machine);
	assert_non_null(server);
	struct http_client *http = http_client_new(node.loop, NULL);
	int64_t port = node.config.read_only_port;

	expect(http, port, "GET", "/healthz", 200, "ok");
	expect(http, port, "GET", "/pods", 200, "\"uid\":\"shown-1\"");
	expect(http, port, "GET", "/spec/", 200, "\"num_cores\":");
	expect(http, port, "GET", "/stats/summary", 200, "\"nodeName\":\"n\"");
	expect(http, port, "GET", "/stats/summary", 200, "\"uid\":\"shown-1\"");
	expect(http, port, "GET", "/metrics", 200, "kubelet_running_pods 1\n");
	expect(http, port, "GET", "/metrics/resource", 200, "pod=\"shown-1\"");
	expect(http, port, "GET", "/metrics/cadvisor", 200, "container_cpu_usage_seconds_total{");
	expect(http, port, "GET", "/nothing", 404, "");
	expect(http, port, "POST", "/run/ns/p/c", 404, "");
	for (size_t i = 0; i < sizeof acting / sizeof *acting; i++) {
		expect(http, port, "GET", acting[i], 405, "Debug endpoints are disabled.");
		expect(http, port, "POST", acting[i], 405, "Debug endpoints are disabled.");
	}
	expect(http, port, "POST", "/pods", 405, "Method Not Allowed");
	expect(http, port, "DELETE", "/pods", 405, "Method Not Allowed");

	http_client_free(http);
	kubelet_server_free(server);
	node_manager_free(machine);
	rest_client_free(nobody);
	node.config.read_only_port = 0;
	delete_pod(pod);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(runs_and_leaves_nothing),
	    cmocka_unit_test(a_shorter_deletion_is_honoured),
	    cmocka_unit_test(ends_with_exit_code_and_message), cmocka_unit_test(restarts_on_failure),
	    cmocka_unit_test(a_second_kubelet_adopts_what_runs),
	    cmocka_unit_test(what_nobody_knows_is_removed),
	    cmocka_unit_test(the_read_only_port_shows_and_does_nothing)};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
