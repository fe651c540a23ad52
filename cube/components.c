#include "cube/components.h"

#include <stdarg.h>
#include <string.h>

#include "cube/cluster.h"
#include "cube/files.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

enum { ARGV_MAX = 48 };

static const char *const etcd_sockets[] = {"client.sock:1", "peer.sock:1", NULL};

static const char *const *args(const struct cluster *c, const char *program, ...) __attribute__((sentinel));
static const char *const *in_node(const struct cluster *c, const char *const *argv);
static const char *const *apiserver_args(const struct cluster *c);
static const char *const *kubelet_args(const struct cluster *c);

static const char *opt(const struct cluster *c, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	return text;
}

static const char *ours(const struct cluster *c, const char *name)
{
	return opt(c, "%s/%s", c->bin_dir, name);
}

static const char *kubeconfig(const struct cluster *c, const char *user)
{
	return opt(c, "--kubeconfig=%s", cluster_path(c, "kubeconfig/%s.conf", user));
}

const struct component *components_make(const struct cluster *c, size_t *ret_len)
{
	const struct component list[] = {
	    /* etcd listens on a socket in its own folder: nothing but root reaches it, and no port is taken.
	     */
	    {"etcd",
		args(c, "etcd", "--name=cube", opt(c, "--data-dir=%s", cluster_path(c, "etcd/data")),
		    "--listen-client-urls=unix://client.sock:1", "--advertise-client-urls=http://127.0.0.1:1",
		    "--listen-peer-urls=unix://peer.sock:1",
		    "--initial-advertise-peer-urls=http://127.0.0.1:1",
		    "--initial-cluster=cube=http://127.0.0.1:1", "--max-request-bytes=4194304",
		    "--quota-backend-bytes=8589934592", "--logger=zap", "--log-level=warn", NULL),
		cluster_path(c, "etcd"), etcd_sockets, STOP_ETCD},
	    {"kube-apiserver", apiserver_args(c), NULL, NULL, STOP_CONTROL_PLANE},
	    {"containerd",
		in_node(
		    c, args(c, "containerd", "--config", cluster_path(c, "containerd/config.toml"), NULL)),
		NULL, NULL, STOP_CONTAINERD},
	    {"kube-controller-manager",
		args(c, ours(c, "kube-controller-manager"), kubeconfig(c, "kube-controller-manager"),
		    opt(c, "--cluster-cidr=%s", c->pod_cidr), "--allocate-node-cidrs=true",
		    opt(c, "--service-cluster-ip-range=%s", c->service_cidr),
		    opt(c, "--root-ca-file=%s", cluster_path(c, "pki/ca.crt")),
		    opt(c, "--service-account-private-key-file=%s", cluster_path(c, "pki/sa.key")),
		    opt(c, "--host-path-provisioner-dir=%s", cluster_path(c, "volumes")),
		    "--leader-elect=false", NULL),
		NULL, NULL, STOP_NODE_DAEMONS},
	    {"kube-scheduler",
		args(c, ours(c, "kube-scheduler"), kubeconfig(c, "kube-scheduler"), "--leader-elect=false",
		    NULL),
		NULL, NULL, STOP_NODE_DAEMONS},
	    {"kubelet", in_node(c, kubelet_args(c)), NULL, NULL, STOP_NODE_DAEMONS},
	    {"kube-proxy",
		args(c, ours(c, "kube-proxy"), kubeconfig(c, "kube-proxy"),
		    opt(c, "--hostname-override=%s", c->node_name), opt(c, "--cluster-cidr=%s", c->pod_cidr),
		    opt(c, "--cni-conf-dir=%s", cluster_path(c, "cni/conf")),
		    opt(c, "--cni-data-dir=%s", cluster_path(c, "cni/ipam")),
		    opt(c, "--pod-bridge=%s", CLUSTER_POD_BRIDGE), NULL),
		NULL, NULL, STOP_NODE_DAEMONS},
	    {"kube-dns",
		args(c, ours(c, "kube-dns"), kubeconfig(c, "kube-dns"),
		    opt(c, "--domain=%s", c->cluster_domain), opt(c, "--bind-address=%s", c->node_ip),
		    opt(c, "--cluster-ip=%s", c->dns_ip), NULL),
		NULL, NULL, STOP_NODE_DAEMONS},
	};

	*ret_len = sizeof list / sizeof list[0];
	return arena_memdup(c->arena, list, sizeof list);
}

static const char *const *apiserver_args(const struct cluster *c)
{
	return args(c, ours(c, "kube-apiserver"),
	    opt(c, "--etcd-servers=unix://%s", cluster_path(c, "etcd/client.sock:1")),
	    opt(c, "--secure-port=%lld", (long long)c->api_port),
	    opt(c, "--advertise-address=%s", c->node_ip),
	    opt(c, "--tls-cert-file=%s", cluster_path(c, "pki/apiserver.crt")),
	    opt(c, "--tls-private-key-file=%s", cluster_path(c, "pki/apiserver.key")),
	    opt(c, "--client-ca-file=%s", cluster_path(c, "pki/ca.crt")), "--authorization-mode=Node,RBAC",
	    "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
	    opt(c, "--service-cluster-ip-range=%s", c->service_cidr),
	    opt(c, "--service-account-issuer=https://kubernetes.default.svc.%s", c->cluster_domain),
	    opt(c, "--service-account-key-file=%s", cluster_path(c, "pki/sa.pub")),
	    opt(c, "--service-account-signing-key-file=%s", cluster_path(c, "pki/sa.key")),
	    opt(c, "--kubelet-certificate-authority=%s", cluster_path(c, "pki/ca.crt")),
	    opt(c, "--kubelet-client-certificate=%s", cluster_path(c, "pki/apiserver-kubelet-client.crt")),
	    opt(c, "--kubelet-client-key=%s", cluster_path(c, "pki/apiserver-kubelet-client.key")),
	    opt(c, "--requestheader-client-ca-file=%s", cluster_path(c, "pki/front-proxy-ca.crt")),
	    "--requestheader-allowed-names=front-proxy-client",
	    "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
	    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
	    opt(c, "--proxy-client-cert-file=%s", cluster_path(c, "pki/front-proxy-client.crt")),
	    opt(c, "--proxy-client-key-file=%s", cluster_path(c, "pki/front-proxy-client.key")), NULL);
}

static const char *const *kubelet_args(const struct cluster *c)
{
	return args(c, ours(c, "kubelet"), kubeconfig(c, "kubelet"),
	    opt(c, "--hostname-override=%s", c->node_name), opt(c, "--node-ip=%s", c->node_ip),
	    opt(c, "--root-dir=%s", cluster_path(c, "kubelet")),
	    opt(c, "--pod-logs-dir=%s", cluster_path(c, "pod-logs")),
	    opt(c, "--container-runtime-endpoint=unix://%s", cluster_path(c, "containerd/containerd.sock")),
	    opt(c, "--cluster-dns=%s", c->dns_ip), opt(c, "--cluster-domain=%s", c->cluster_domain),
	    opt(c, "--cgroup-root=%s", c->cgroup), "--cgroup-driver=cgroupfs", "--fail-swap-on=false",
	    opt(c, "--port=%lld", (long long)c->kubelet_port),
	    opt(c, "--client-ca-file=%s", cluster_path(c, "pki/ca.crt")),
	    opt(c, "--tls-cert-file=%s", cluster_path(c, "pki/kubelet.crt")),
	    opt(c, "--tls-private-key-file=%s", cluster_path(c, "pki/kubelet.key")), NULL);
}

int components_write_config(const struct cluster *c, struct error *err)
{
	static const char *const folders[] = {"etcd", "containerd/certs.d", "cni/conf", "cni/ipam",
	    "cni/cache", "kubelet", "pod-logs", "volumes", "logs", "run", "images"};
	const char *dir = cluster_path(c, "containerd");
	struct buf out = BUF_INIT;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof folders / sizeof folders[0]; i++)
		rc = directory_make(
		    cluster_path(c, "%s", folders[i]), strcmp(folders[i], "etcd") ? 0755 : 0700, err);
	if (rc < 0)
		return -1;
	/* docs/runtime-notes.md says what each line is for. */
	buf_printf(&out,
	    "version = 2\n"
	    "root = \"%s/root\"\n"
	    "state = \"%s/state\"\n"
	    "oom_score = 0\n"
	    "disabled_plugins = [\"io.containerd.internal.v1.opt\", \"io.containerd.internal.v1.tracing\",\n"
	    "  \"io.containerd.tracing.processor.v1.otlp\", \"io.containerd.snapshotter.v1.aufs\",\n"
	    "  \"io.containerd.snapshotter.v1.btrfs\", \"io.containerd.snapshotter.v1.devmapper\",\n"
	    "  \"io.containerd.snapshotter.v1.zfs\"]\n"
	    "[grpc]\n"
	    "  address = \"%s/containerd.sock\"\n",
	    dir, dir, dir);
	buf_printf(&out,
	    "[plugins.\"io.containerd.grpc.v1.cri\"]\n"
	    "  sandbox_image = \"cube.local/pause:1\"\n"
	    "  restrict_oom_score_adj = %s\n"
	    "  netns_mounts_under_state_dir = true\n"
	    "  stream_server_address = \"127.0.0.1\"\n"
	    "  stream_server_port = \"0\"\n"
	    "  enable_tls_streaming = false\n"
	    "  disable_tcp_service = true\n"
	    "  [plugins.\"io.containerd.grpc.v1.cri\".cni]\n"
	    "    bin_dir = \"/usr/lib/cni\"\n"
	    "    conf_dir = \"%s\"\n"
	    "    max_conf_num = 1\n"
	    "  [plugins.\"io.containerd.grpc.v1.cri\".registry]\n"
	    "    config_path = \"%s/certs.d\"\n"
	    "  [plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
	    "    snapshotter = \"%s\"\n"
	    "    default_runtime_name = \"runc\"\n"
	    "    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
	    "      runtime_type = \"io.containerd.runc.v2\"\n"
	    "      [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n"
	    "        Root = \"%s/runc\"\n"
	    "        SystemdCgroup = false\n",
	    c->lacks_sys_resource ? "true" : "false", cluster_path(c, "cni/conf"), dir, c->snapshotter, dir);
	rc = file_write(cluster_path(c, "containerd/config.toml"), out.data, out.size, 0644, err);
	buf_done(&out);
	return rc;
}

static const char *const *args(const struct cluster *c, const char *program, ...)
{
	const char **argv = arena_calloc(c->arena, ARGV_MAX, sizeof *argv);
	size_t n = 0;
	va_list ap;

	argv[n++] = strchr(program, '/') ? program : find_program(c->arena, program);
	if (!argv[0])
		argv[0] = program;
	va_start(ap, program);
	while (n < ARGV_MAX - 1 && (argv[n] = va_arg(ap, const char *)) != NULL)
		n++;
	va_end(ap);
	return argv;
}

/* Runs inside the node's mount namespace, where volumes and pods' file systems are mounted. */
static const char *const *in_node(const struct cluster *c, const char *const *argv)
{
	const char **all = arena_calloc(c->arena, ARGV_MAX + 4, sizeof *all);
	size_t n = 0;

	all[n++] = find_program(c->arena, "nsenter");
	all[n++] = opt(c, "--mount=%s", cluster_path(c, "run/mntns"));
	all[n++] = "--";
	for (size_t i = 0; argv[i]; i++)
		all[n++] = argv[i];
	return all;
}
