/* The kubelet's command line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kubelet/config.h"
#include "kubelet/files.h"
#include "kubelet/kubelet.h"
#include "kubelet/node/node.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/daemon.h"
#include "lib/loop/loop.h"

#define CAP_SYS_RESOURCE_BIT 24

static struct kubelet_config config = {
    .root_dir = "/var/lib/kubelet",
    .pod_log_dir = "/var/log/pods",
    .runtime_endpoint = "unix:///run/containerd/containerd.sock",
    .cgroup_driver = "cgroupfs",
    .cgroup_root = "/",
    .cluster_domain = "cluster.local",
    .resolv_conf = "/etc/resolv.conf",
    .register_node = true,
    .fail_swap_on = true,
    .max_pods = 110,
    .address = "0.0.0.0",
    .port = 10250,
    .anonymous_auth = false,
    .auth_webhook = true,
    .authorization_mode = "Webhook",
    .status_update_ms = 300000,
    .lease_duration_s = 40,
    .sync_ms = 60000,
    .image_gc_high = 85,
    .image_gc_low = 80,
    .container_log_max_size = 10 << 20,
    .container_log_max_files = 5,
    .max_container_backoff_ms = 300000,
    .serialize_image_pulls = true,
    .cgroups_enabled = true,
};
static const char *log_max_size;

static const struct flag flags[] = {
    {"hostname-override", 0, FLAG_STRING, &config.node_name, "name of the node instead of the host's"},
    {"node-ip", 0, FLAG_STRING, &config.node_ip, "address of the node; default: that of the default route"},
    {"root-dir", 0, FLAG_STRING, &config.root_dir, "directory for pods and volumes"},
    {"pod-log-dir", 0, FLAG_STRING, &config.pod_log_dir, "the same"},
    {"pod-logs-dir", 0, FLAG_STRING, &config.pod_log_dir, "directory for container logs"},
    {"container-runtime-endpoint", 0, FLAG_STRING, &config.runtime_endpoint,
	"unix:///path of the CRI socket, or hollow"},
    {"cgroup-driver", 0, FLAG_STRING, &config.cgroup_driver, "cgroupfs (the only one)"},
    {"cgroup-root", 0, FLAG_STRING, &config.cgroup_root, "cgroup under which kubepods stands"},
    {"cgroups-per-qos", 0, FLAG_BOOL, &config.cgroups_enabled, "make cgroups for QoS classes and pods"},
    {"cluster-dns", 0, FLAG_LIST, &config.cluster_dns, "addresses of the cluster's DNS"},
    {"cluster-domain", 0, FLAG_STRING, &config.cluster_domain, "domain of the cluster"},
    {"resolv-conf", 0, FLAG_STRING, &config.resolv_conf,
	"resolver configuration that pods with dnsPolicy Default get"},
    {"pod-cidr", 0, FLAG_STRING, &config.pod_cidr,
	"accepted for compatibility: the node object's podCIDR counts"},
    {"node-labels", 0, FLAG_LIST, &config.node_labels, "labels of the node: key=value"},
    {"register-with-taints", 0, FLAG_LIST, &config.node_taints, "taints of the node: key=value:Effect"},
    {"register-node", 0, FLAG_BOOL, &config.register_node, "register with the API server"},
    {"allowed-unsafe-sysctls", 0, FLAG_LIST, &config.allowed_sysctls,
	"sysctls or patterns (ending in *) pods may set"},
    {"fail-swap-on", 0, FLAG_BOOL, &config.fail_swap_on, "refuse to start when swap is on"},
    {"max-pods", 0, FLAG_INT, &config.max_pods, "pods that may run here"},
    {"address", 0, FLAG_STRING, &config.address, "address of the HTTPS server"},
    {"port", 0, FLAG_INT, &config.port, "port of the HTTPS server; 0: none"},
    {"read-only-port", 0, FLAG_INT, &config.read_only_port,
	"port of a plain HTTP server without authentication: /healthz, /pods, /spec, /stats/summary, "
	"/metrics; 0: none"},
    {"tls-cert-file", 0, FLAG_STRING, &config.cert_file, "server certificate"},
    {"tls-private-key-file", 0, FLAG_STRING, &config.key_file, "server key"},
    {"client-ca-file", 0, FLAG_STRING, &config.client_ca_file, "CA of client certificates"},
    {"anonymous-auth", 0, FLAG_BOOL, &config.anonymous_auth, "let requests without credentials be anonymous"},
    {"authentication-token-webhook", 0, FLAG_BOOL, &config.auth_webhook, "check tokens by TokenReview"},
    {"authorization-mode", 0, FLAG_STRING, &config.authorization_mode, "Webhook or AlwaysAllow"},
    {"volume-plugin-dir", 0, FLAG_STRING, &config.volume_plugin_dir,
	"accepted for compatibility: no flex volumes"},
    {"pod-manifest-path", 0, FLAG_STRING, &config.pod_manifest_path, "static pods: not supported"},
    {"eviction-hard", 0, FLAG_LIST, &config.eviction_hard,
	"thresholds: memory.available<100Mi,nodefs.available<10%"},
    {"system-reserved", 0, FLAG_LIST, &config.system_reserved,
	"resources kept for the system: cpu=100m,memory=1Gi"},
    {"kube-reserved", 0, FLAG_LIST, &config.kube_reserved, "resources kept for Kubernetes' daemons"},
    {"node-status-report-frequency", 0, FLAG_DURATION, &config.status_update_ms,
	"how often an unchanged status is reported"},
    {"node-lease-duration-seconds", 0, FLAG_INT, &config.lease_duration_s, "duration of the node lease"},
    {"sync-frequency", 0, FLAG_DURATION, &config.sync_ms, "how often the runtime is listed for safety"},
    {"image-gc-high-threshold", 0, FLAG_INT, &config.image_gc_high,
	"percent of disk at which unused images go"},
    {"image-gc-low-threshold", 0, FLAG_INT, &config.image_gc_low, "percent of disk at which that ends"},
    {"container-log-max-size", 0, FLAG_STRING, &log_max_size, "size at which a log is rotated: 10Mi"},
    {"container-log-max-files", 0, FLAG_INT, &config.container_log_max_files, "files kept for each log"},
    {"serialize-image-pulls", 0, FLAG_BOOL, &config.serialize_image_pulls, "pull one image at a time"},
    {NULL},
};

static void die(const char *format, const char *value)
{
	fprintf(stderr, "kubelet: ");
	fprintf(stderr, format, value);
	fputc('\n', stderr);
	exit(2);
}

static bool has_capability(int bit)
{
	struct buf text = BUF_INIT;
	files_read("/proc/self/status", &text);
	const char *line = strstr(buf_str(&text), "CapBnd:");
	bool has = line && strtoull(line + strlen("CapBnd:"), NULL, 16) >> bit & 1;
	buf_done(&text);
	return has;
}

static void check_config(const struct machine *m)
{
	if (!str_empty(config.pod_manifest_path))
		die("--pod-manifest-path: static pods are not supported (%s)", config.pod_manifest_path);
	if (!str_eq(config.cgroup_driver, "cgroupfs"))
		die("--cgroup-driver=%s: only cgroupfs is supported", config.cgroup_driver);
	if (!str_in(config.authorization_mode, (const char *const[]){"Webhook", "AlwaysAllow", NULL}))
		die("--authorization-mode=%s: Webhook or AlwaysAllow", config.authorization_mode);
	if (config.read_only_port < 0 || config.read_only_port > 65535)
		die("--read-only-port: %s", "must be between 1 and 65535, or 0 for none");
	if (config.read_only_port && (config.port <= 0 || config.port == config.read_only_port))
		die("--read-only-port: %s", "needs --port, and another one than that");
	if (config.fail_swap_on && m->swap_bytes)
		die("%s", "swap is on; switch it off or say --fail-swap-on=false");
	if (str_has_prefix(config.runtime_endpoint, "unix:///run/containerd") && geteuid() != 0)
		die("%s", "must run as root");
}

static void detect(struct machine *m)
{
	static char name[65];
	static struct machine machine;
	machine_read(&machine, config.root_dir);
	*m = machine;
	for (size_t i = 0; m->hostname[i]; i++)
		name[i] = (char)(m->hostname[i] >= 'A' && m->hostname[i] <= 'Z' ? m->hostname[i] + 32
										: m->hostname[i]);
	if (str_empty(config.node_name))
		config.node_name = name;
	if (str_empty(config.node_ip))
		config.node_ip = machine.default_ip;
	config.memory_bytes = m->memory_bytes;
	config.allocatable_memory = m->memory_bytes;
	config.cpus = m->cpus;
	config.cgroup_v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
	config.may_lower_oom_score = has_capability(CAP_SYS_RESOURCE_BIT);
	if (str_eq(config.runtime_endpoint, "hollow"))
		config.cgroups_enabled = false;
}

static void start(void *arg)
{
	kubelet_start(arg);
}

int main(int argc, char **argv)
{
	struct daemon daemon;
	struct daemon_options options = {.name = "kubelet", .flags = flags, .default_port = 10248};
	struct machine machine;
	struct error err = ERROR_INIT;
	umask(0);
	daemon_init(&daemon, &options, argc, argv);
	detect(&machine);
	check_config(&machine);
	struct kubelet *k = kubelet_new(&config, daemon.loop, daemon.client, &err);
	if (!k) {
		log_error("%s", err.message);
		return 1;
	}
	int status = daemon_run(&daemon, start, NULL, k);
	kubelet_free(k);
	daemon_done(&daemon);
	return status;
}
