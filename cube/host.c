#include "cube/host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cube/cgroups.h"
#include "cube/cluster.h"
#include "cube/files.h"
#include "cube/mount_namespace.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

/* Kernel settings that Cube or the CNI plugins change, below /proc/sys. */
static const char *const sysctls[] = {
    "net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet", "net/bridge/bridge-nf-call-iptables", NULL};
/* Folders outside the data directory that containerd and libcni insist on; covered inside the node's
 * namespace. */
static const char *const outside_folders[] = {"/run/containerd", "/var/lib/cni", NULL};

static int journal_write(const struct cluster *c, struct error *err);
static struct json *journal_read(const struct cluster *c);
static int node_link_make(const struct cluster *c, struct error *err);
static int namespace_make(const struct cluster *c, struct error *err);
static void remove_cni_rules(const struct cluster *c, bool with_host_ports);
static char *sysctl_read(struct arena *arena, const char *name);
static int sysctl_write(struct arena *arena, const char *name, const char *value);

static bool overlay_works(const struct cluster *c)
{
	const char *base = cluster_path(c, "overlay-trial"), *names[] = {"l", "u", "w", "m"};
	struct error ignored = ERROR_INIT;
	bool works;

	for (size_t i = 0; i < 4; i++)
		directory_make(arena_printf(c->arena, "%s/%s", base, names[i]), 0700, &ignored);
	works =
	    mount("overlay", arena_printf(c->arena, "%s/m", base), "overlay", 0,
		arena_printf(c->arena, "lowerdir=%s/l,upperdir=%s/u,workdir=%s/w", base, base, base)) == 0;
	if (works)
		umount2(arena_printf(c->arena, "%s/m", base), MNT_DETACH);
	tree_remove(base, &ignored);
	return works;
}

int host_detect(struct cluster *c, struct error *err)
{
	enum { CAP_SYS_RESOURCE_BIT = 24 };
	unsigned long long bounding = 0;
	char *status, *line;

	if (file_read(c->arena, "/proc/self/status", &status, NULL, err) < 0)
		return -1;
	line = strstr(status, "CapBnd:");
	if (line)
		bounding = strtoull(line + 7, NULL, 16);
	c->lacks_sys_resource = !(bounding >> CAP_SYS_RESOURCE_BIT & 1);
	c->snapshotter = overlay_works(c) ? "overlayfs" : "native";
	return 0;
}

int host_prepare(const struct cluster *c, struct error *err)
{
	if (journal_write(c, err) < 0)
		return -1;
	if (c->owns_node_ip && node_link_make(c, err) < 0)
		return -1;
	if (sysctl_write(c->arena, "net/ipv4/ip_forward", "1") < 0)
		return error_set_errno(err, errno, "net.ipv4.ip_forward");
	return namespace_make(c, err);
}

int host_release_namespace(const struct cluster *c, struct error *err)
{
	const char *path = cluster_path(c, "run/mntns");

	while (umount2(path, MNT_DETACH) == 0)
		;
	unlink(path);
	while (umount2(cluster_path(c, "run"), MNT_DETACH) == 0)
		;
	return 0;
}

int host_restore(const struct cluster *c, struct error *err)
{
	struct json *journal = journal_read(c), *before = json_get(journal, "sysctls"),
		    *made = json_get(journal, "madeFolders");
	const char *proxy = arena_printf(c->arena, "%s/kube-proxy", c->bin_dir);
	struct error first = ERROR_INIT;

	if (access(proxy, X_OK) == 0)
		run(c->arena, NULL, NULL, "timeout", "30", proxy, "--cleanup",
		    arena_printf(c->arena, "--cluster-cidr=%s", c->pod_cidr),
		    arena_printf(c->arena, "--pod-bridge=%s", CLUSTER_POD_BRIDGE), NULL);
	remove_cni_rules(c, journal && !json_get_bool(journal, "hadHostPortChains", true));
	if (access("/sys/class/net/" CLUSTER_POD_BRIDGE, F_OK) == 0)
		run(c->arena, NULL, &first, "ip", "link", "delete", CLUSTER_POD_BRIDGE, NULL);
	if (access("/sys/class/net/" CLUSTER_NODE_LINK, F_OK) == 0)
		run(c->arena, NULL, &first, "ip", "link", "delete", CLUSTER_NODE_LINK, NULL);
	cgroups_remove(c->arena, c->cgroup, &first);
	for (size_t i = 0; sysctls[i]; i++) {
		const char *value = json_get_string(before, sysctls[i], NULL);

		if (value && sysctl_write(c->arena, sysctls[i], value) < 0)
			error_set_errno(&first, errno, "restore %s", sysctls[i]);
	}
	for (size_t i = 0; made && i < made->len; i++)
		rmdir(made->items[i]->text); /* stays when somebody else put something there */
	if (first.code && err)
		*err = first;
	return first.code ? -1 : 0;
}

int host_stop_pods(const struct cluster *c, int grace_ms, struct error *err)
{
	enum { STEP_MS = 20 };

	cgroups_signal(c->arena, c->cgroup, SIGTERM, true);
	for (int waited = 0; waited < grace_ms && cgroups_count(c->arena, c->cgroup) > 0; waited += STEP_MS)
		usleep(STEP_MS * 1000);
	for (int waited = 0; waited < 10000 && cgroups_count(c->arena, c->cgroup) > 0; waited += STEP_MS) {
		cgroups_signal(c->arena, c->cgroup, SIGKILL, false);
		usleep(STEP_MS * 1000);
	}
	if (cgroups_count(c->arena, c->cgroup) > 0)
		return error_set(err, ERR_TIMEOUT, "processes of pods are still there after SIGKILL");
	return 0;
}

static int journal_write(const struct cluster *c, struct error *err)
{
	const char *path = cluster_path(c, "host.json");
	struct json *tree = json_new_object(c->arena), *values = json_new_object(c->arena),
		    *made = json_new_array(c->arena);
	struct buf text = BUF_INIT;
	char *rules = NULL;
	int rc;

	if (access(path, F_OK) == 0)
		return 0; /* what was there before the first start counts */
	for (size_t i = 0; sysctls[i]; i++) {
		char *value = sysctl_read(c->arena, sysctls[i]);

		if (value)
			json_set(c->arena, values, sysctls[i], json_new_string(c->arena, value));
	}
	for (size_t i = 0; outside_folders[i]; i++) {
		if (access(outside_folders[i], F_OK) < 0)
			json_push(c->arena, made, json_new_string(c->arena, outside_folders[i]));
	}
	run(c->arena, &rules, NULL, "iptables-save", "-t", "nat", NULL);
	json_set(c->arena, tree, "sysctls", values);
	json_set(c->arena, tree, "madeFolders", made);
	json_set(c->arena, tree, "hadHostPortChains",
	    json_new_bool(c->arena, rules && strstr(rules, ":CNI-HOSTPORT-")));
	json_write(&text, tree, 2);
	buf_putc(&text, '\n');
	rc = file_write(path, text.data, text.size, 0600, err);
	buf_done(&text);
	return rc;
}

static struct json *journal_read(const struct cluster *c)
{
	struct error ignored = ERROR_INIT;
	struct json *tree = NULL;
	char *text;
	size_t size;

	if (file_read(c->arena, cluster_path(c, "host.json"), &text, &size, &ignored) < 0 ||
	    json_parse(c->arena, text, size, NULL, &tree, &ignored) < 0)
		return NULL;
	return tree;
}

/* A bridge without ports: the kernel may lack dummy links, and the address works without carrier. */
static int node_link_make(const struct cluster *c, struct error *err)
{
	const char *address = arena_printf(c->arena, "%s/32", c->node_ip);
	char *out = NULL;

	if (access("/sys/class/net/" CLUSTER_NODE_LINK, F_OK) < 0 &&
	    run(c->arena, &out, err, "ip", "link", "add", CLUSTER_NODE_LINK, "type", "bridge", NULL) != 0)
		return error_set(
		    err, ERR_IO, "make link %s: %s", CLUSTER_NODE_LINK, str_or(out, "ip failed"));
	if (run(c->arena, &out, err, "ip", "address", "replace", address, "dev", CLUSTER_NODE_LINK, NULL) !=
		0 ||
	    run(c->arena, &out, err, "ip", "link", "set", CLUSTER_NODE_LINK, "up", NULL) != 0)
		return error_set(err, ERR_IO, "address %s on %s: %s", address, CLUSTER_NODE_LINK,
		    str_or(out, "ip failed"));
	return 0;
}

/* The node's mount namespace, see mount_namespace.h. */
static int namespace_make(const struct cluster *c, struct error *err)
{
	const char *folder = cluster_path(c, "run"), *path = cluster_path(c, "run/mntns");

	if (mount_namespace_is_pinned(path))
		return 0;
	/* A namespace can only be pinned on a private mount. */
	if (mount(folder, folder, NULL, MS_BIND, NULL) < 0 || mount(NULL, folder, NULL, MS_PRIVATE, NULL) < 0)
		return error_set_errno(err, errno, "bind %s", folder);
	return mount_namespace_make(c->arena, path, cluster_path(c, "cni/cache"), err);
}

/* Each pod has a POSTROUTING rule and a chain when CNI masquerades, and hostPort chains; the plugins leave
 * some behind. */
static void remove_cni_rules(const struct cluster *c, bool with_host_ports)
{
	char *rules = NULL, *save = NULL;

	if (run(c->arena, &rules, NULL, "iptables-save", "-t", "nat", NULL) != 0 || !strstr(rules, "CNI-"))
		return;
	for (char *line = strtok_r(rules, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool jump =
		    str_has_prefix(line, "-A ") && (strstr(line, "name: \\\"cube\\\"") != NULL ||
						       (with_host_ports && strstr(line, "-j CNI-HOSTPORT-")));
		const char *chain = strstr(line, "-j CNI-");

		if (!jump)
			continue;
		run(c->arena, NULL, NULL, "sh", "-c",
		    arena_printf(c->arena, "iptables -w -t nat -D %s", line + 3), NULL);
		if (chain) {
			chain = arena_strndup(c->arena, chain + 3, strcspn(chain + 3, " "));
			run(c->arena, NULL, NULL, "iptables", "-w", "-t", "nat", "-F", chain, NULL);
			run(c->arena, NULL, NULL, "iptables", "-w", "-t", "nat", "-X", chain, NULL);
		}
	}
}

static char *sysctl_read(struct arena *arena, const char *name)
{
	char *text;

	if (file_read(arena, arena_printf(arena, "/proc/sys/%s", name), &text, NULL, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static int sysctl_write(struct arena *arena, const char *name, const char *value)
{
	int fd = open(arena_printf(arena, "/proc/sys/%s", name), O_WRONLY | O_CLOEXEC), rc, saved;

	if (fd < 0)
		return -1;
	rc = write(fd, value, strlen(value)) < 0 ? -1 : 0;
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}
