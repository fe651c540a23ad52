#include "cube/preflight.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cube/cluster.h"
#include "cube/files.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

/* A unix socket's path has 107 bytes; the longest below the data directory is etcd's or containerd's ttrpc
 * socket. */
enum { DATA_DIR_MAX = 70 };

struct needed {
	const char *program, *package;
};

static const struct needed programs[] = {
    {"etcd", "etcd-server"},
    {"containerd", "containerd"},
    {"containerd-shim-runc-v2", "containerd"},
    {"ctr", "containerd"},
    {"runc", "runc"},
    {"iptables", "iptables"},
    {"iptables-restore", "iptables"},
    {"ip", "iproute2"},
    {"nsenter", "util-linux"},
    {"unshare", "util-linux"},
};
static const char *const ours[] = {
    "kube-apiserver", "kube-scheduler", "kube-controller-manager", "kubelet", "kube-proxy", "kube-dns"};
static const char *const cni_plugins[] = {"bridge", "host-local", "portmap", "loopback"};

static int port_is_free(int port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_ANY)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, rc;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	rc = bind(fd, (struct sockaddr *)&address, sizeof address);
	if (rc == 0)
		rc = listen(fd, 1);
	rc = rc < 0 ? errno : 0;
	close(fd);
	return rc;
}

static void check_programs(const struct cluster *c, struct buf *problems)
{
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
		if (!find_program(c->arena, programs[i].program))
			buf_printf(problems, "\n  %s is missing: apt-get install %s", programs[i].program,
			    programs[i].package);
	}
	for (size_t i = 0; i < sizeof cni_plugins / sizeof cni_plugins[0]; i++) {
		if (access(arena_printf(c->arena, "/usr/lib/cni/%s", cni_plugins[i]), X_OK) < 0)
			buf_printf(problems,
			    "\n  CNI plugin %s is missing: apt-get install containernetworking-plugins",
			    cni_plugins[i]);
	}
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
		if (access(arena_printf(c->arena, "%s/%s", c->bin_dir, ours[i]), X_OK) < 0)
			buf_printf(problems, "\n  %s/%s is missing: make build", c->bin_dir, ours[i]);
	}
}

int preflight(const struct cluster *c, struct error *err)
{
	struct buf problems = BUF_INIT;
	const struct {
		int64_t port;
		const char *remedy, *use;
	} ports[] = {
	    {c->api_port, " or choose another with --api-port", "the API server"},
	    {c->kubelet_port, " or choose another with --kubelet-port", "the kubelet"},
	    {10248, "", "the kubelet's health"},
	    {10257, "", "the controller manager's health"},
	    {10259, "", "the scheduler's health"},
	};
	int rc = 0;

	if (geteuid() != 0)
		return error_set(err, ERR_FORBIDDEN,
		    "cube start needs root (namespaces, mounts, iptables): run it with sudo");
	if (strlen(c->data_dir) > DATA_DIR_MAX)
		buf_printf(&problems,
		    "\n  --data-dir %s: at most %d characters, or the sockets below it get no name",
		    c->data_dir, DATA_DIR_MAX);
	check_programs(c, &problems);
	for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
		int problem = port_is_free((int)ports[i].port);

		if (problem)
			buf_printf(&problems, "\n  port %lld for %s: %s; end what listens there (ss -ltnp)%s",
			    (long long)ports[i].port, ports[i].use, strerror(problem), ports[i].remedy);
	}
	if (problems.size)
		rc = error_set(err, ERR_UNAVAILABLE, "this host is not ready:%s", buf_str(&problems));
	buf_done(&problems);
	return rc;
}
