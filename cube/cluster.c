#include "cube/cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cube/files.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

static const char *own_directory(struct arena *arena);
static const char *default_node_name(struct arena *arena);
static void read_settings(struct cluster *cluster, const struct json *tree);

int cluster_load(struct arena *arena, const char *data_dir, struct cluster *ret, struct error *err)
{
	struct cluster c = {
	    .arena = arena,
	    .data_dir = data_dir[0] == '/' ? arena_strdup(arena, data_dir) : NULL,
	    .bin_dir = own_directory(arena),
	    .node_name = default_node_name(arena),
	    .node_ip = "10.245.0.1",
	    .owns_node_ip = true,
	    .api_port = 6443,
	    .kubelet_port = 10250,
	    .pod_cidr = "10.244.0.0/16",
	    .service_cidr = "10.96.0.0/16",
	    .cluster_domain = "cluster.local",
	    .snapshotter = "overlayfs",
	};
	char *text;
	size_t size;
	struct json *tree;

	if (!c.data_dir)
		return error_set(err, ERR_BAD_REQUEST, "--data-dir %s: give an absolute path", data_dir);
	/* Clusters in other network namespaces share the host's control groups. */
	c.cgroup = str_eq(data_dir, CLUSTER_DEFAULT_DATA_DIR)
		       ? "/cube"
		       : arena_printf(arena, "/cube-%08x", str_hash32(data_dir, strlen(data_dir)));
	if (cluster_exists(&c)) {
		const char *path = cluster_path(&c, "cluster.json");

		if (file_read(arena, path, &text, &size, err) < 0)
			return -1;
		if (json_parse(arena, text, size, NULL, &tree, err) < 0)
			return error_prefix(err, "%s", path);
		read_settings(&c, tree);
	}
	if (cluster_derive(&c, err) < 0)
		return -1;
	*ret = c;
	return 0;
}

bool cluster_exists(const struct cluster *cluster)
{
	return access(cluster_path(cluster, "cluster.json"), F_OK) == 0;
}

int cluster_save(const struct cluster *c, struct error *err)
{
	struct json *tree = json_new_object(c->arena);
	struct buf text = BUF_INIT;
	int status;

	json_set(c->arena, tree, "nodeName", json_new_string(c->arena, c->node_name));
	json_set(c->arena, tree, "nodeIP", json_new_string(c->arena, c->node_ip));
	json_set(c->arena, tree, "ownsNodeIP", json_new_bool(c->arena, c->owns_node_ip));
	json_set(c->arena, tree, "apiPort", json_new_int(c->arena, c->api_port));
	json_set(c->arena, tree, "kubeletPort", json_new_int(c->arena, c->kubelet_port));
	json_set(c->arena, tree, "podCIDR", json_new_string(c->arena, c->pod_cidr));
	json_set(c->arena, tree, "serviceCIDR", json_new_string(c->arena, c->service_cidr));
	json_set(c->arena, tree, "clusterDomain", json_new_string(c->arena, c->cluster_domain));
	json_set(c->arena, tree, "snapshotter", json_new_string(c->arena, c->snapshotter));
	json_set(c->arena, tree, "lacksSysResource", json_new_bool(c->arena, c->lacks_sys_resource));
	json_write(&text, tree, 2);
	buf_putc(&text, '\n');
	status = file_write(cluster_path(c, "cluster.json"), text.data, text.size, 0600, err);
	buf_done(&text);
	return status;
}

int cluster_derive(struct cluster *cluster, struct error *err)
{
	struct in_addr base;
	char *cidr = arena_strdup(cluster->arena, cluster->service_cidr), *slash = strchr(cidr, '/'),
	     text[INET_ADDRSTRLEN];
	int64_t bits;

	if (!slash || !str_to_int64(slash + 1, &bits) || bits < 8 || bits > 28)
		return error_set(err, ERR_BAD_REQUEST,
		    "--service-cidr %s: give a network such as 10.96.0.0/16, between /8 and /28",
		    cluster->service_cidr);
	*slash = '\0';
	if (inet_pton(AF_INET, cidr, &base) != 1)
		return error_set(err, ERR_BAD_REQUEST, "--service-cidr %s: %s is no IPv4 address",
		    cluster->service_cidr, cidr);
	base.s_addr = htonl((ntohl(base.s_addr) & ~(UINT32_MAX >> bits)) + 1);
	cluster->service_ip = arena_strdup(cluster->arena, inet_ntop(AF_INET, &base, text, sizeof text));
	base.s_addr = htonl(ntohl(base.s_addr) + 9);
	cluster->dns_ip = arena_strdup(cluster->arena, inet_ntop(AF_INET, &base, text, sizeof text));
	return 0;
}

const char *cluster_path(const struct cluster *cluster, const char *fmt, ...)
{
	va_list ap;
	char *tail;

	va_start(ap, fmt);
	tail = arena_vprintf(cluster->arena, fmt, ap);
	va_end(ap);
	return arena_printf(cluster->arena, "%s/%s", cluster->data_dir, tail);
}

static const char *own_directory(struct arena *arena)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	char *slash;

	if (n <= 0)
		return ".";
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	return arena_strdup(arena, path);
}

/* A host name made a legal node name: lower case, up to the first character that a DNS label can't hold. */
static const char *default_node_name(struct arena *arena)
{
	char host[256] = "";
	size_t len;

	if (gethostname(host, sizeof host - 1) < 0)
		return "cube";
	len = strspn(str_lower(arena, host), "abcdefghijklmnopqrstuvwxyz0123456789-");
	while (len > 0 && host[len - 1] == '-')
		len--;
	return len ? str_lower(arena, arena_strndup(arena, host, len)) : "cube";
}

static void read_settings(struct cluster *c, const struct json *tree)
{
	struct arena *a = c->arena;

	c->node_name = arena_strdup(a, json_get_string(tree, "nodeName", c->node_name));
	c->node_ip = arena_strdup(a, json_get_string(tree, "nodeIP", c->node_ip));
	c->owns_node_ip = json_get_bool(tree, "ownsNodeIP", c->owns_node_ip);
	c->api_port = json_get_int(tree, "apiPort", c->api_port);
	c->kubelet_port = json_get_int(tree, "kubeletPort", c->kubelet_port);
	c->pod_cidr = arena_strdup(a, json_get_string(tree, "podCIDR", c->pod_cidr));
	c->service_cidr = arena_strdup(a, json_get_string(tree, "serviceCIDR", c->service_cidr));
	c->cluster_domain = arena_strdup(a, json_get_string(tree, "clusterDomain", c->cluster_domain));
	c->snapshotter = arena_strdup(a, json_get_string(tree, "snapshotter", c->snapshotter));
	c->lacks_sys_resource = json_get_bool(tree, "lacksSysResource", c->lacks_sys_resource);
}
