/*
 * kube-proxy: Services in iptables, and the pod network of the node. This file connects the parts: flags, the
 * watch on nodes, health and metrics.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/daemon.h"
#include "lib/client/informer.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"
#include "proxy/cleanup.h"
#include "proxy/health.h"
#include "proxy/podnet.h"
#include "proxy/sync.h"

enum { STUCK_MS = 60000, NODE_IPS_MAX = 8 };

static struct {
	const char *kubeconfig, *hostname, *cluster_cidr, *bind_address, *healthz, *metrics, *proxy_mode,
	    *iptables_mode;
	const char *conf_dir, *data_dir, *bridge;
	struct flag_list node_port_addresses;
	bool cleanup, masquerade_all, localhost_node_ports;
} opt = {
    .bind_address = "0.0.0.0",
    .healthz = "0.0.0.0:10256",
    .metrics = "127.0.0.1:10249",
    .proxy_mode = "iptables",
    .iptables_mode = "auto",
    .bridge = "cube0",
    .localhost_node_ports = true,
};

static const struct flag flags[] = {
    {"hostname-override", 0, FLAG_STRING, &opt.hostname, "name of this node (default: the host name)"},
    {"cluster-cidr", 0, FLAG_STRING, &opt.cluster_cidr,
	"range of all pods; what comes from outside it is masqueraded"},
    {"cleanup", 0, FLAG_BOOL, &opt.cleanup,
	"remove the rules, routes, bridge and CNI file of kube-proxy, and exit"},
    {"masquerade-all", 0, FLAG_BOOL, &opt.masquerade_all, "masquerade all traffic to cluster IPs"},
    {"nodeport-addresses", 0, FLAG_LIST, &opt.node_port_addresses,
	"ranges of addresses on which node ports answer (default: all)"},
    {"bind-address", 0, FLAG_STRING, &opt.bind_address, "address of the health check ports of Services"},
    {"healthz-bind-address", 0, FLAG_STRING, &opt.healthz, "address and port of /healthz; empty: none"},
    {"metrics-bind-address", 0, FLAG_STRING, &opt.metrics, "address and port of /metrics; empty: none"},
    {"proxy-mode", 0, FLAG_STRING, &opt.proxy_mode, "iptables is the only mode"},
    {"iptables-localhost-nodeports", 0, FLAG_BOOL, &opt.localhost_node_ports,
	"let node ports answer on 127.0.0.1"},
    {"iptables-mode", 0, FLAG_STRING, &opt.iptables_mode, "nft, legacy or auto: what is in use on this host"},
    {"cni-conf-dir", 0, FLAG_STRING, &opt.conf_dir,
	"folder of CNI configurations: makes the pod network (bridge, routes); empty: another one is in "
	"charge"},
    {"cni-data-dir", 0, FLAG_STRING, &opt.data_dir, "folder in which host-local keeps the addresses in use"},
    {"pod-bridge", 0, FLAG_STRING, &opt.bridge, "name of the pods' bridge"},
    {NULL},
};

/* What of our own Node the rules depend on. */
struct own_node {
	char pod_cidr[64], zone[128];
	char ips[NODE_IPS_MAX][64];
	const char *ip_list[NODE_IPS_MAX];
	size_t ips_len;
};

struct kube_proxy {
	struct daemon daemon;
	struct proxy_sync *sync;
	struct podnet *podnet; /* NULL: another pod network */
	struct own_node node;
	char hostname[256];
	struct health_listener *healthz, *metrics;
};

/* Nodes */

static const char *internal_ip(const CoreV1__Node *node)
{
	for (size_t i = 0; node->status && i < node->status->n_addresses; i++)
		if (str_eq(node->status->addresses[i]->type, "InternalIP") &&
		    !strchr(node->status->addresses[i]->address, ':'))
			return node->status->addresses[i]->address;
	return NULL;
}

static void read_node(const CoreV1__Node *node, struct own_node *ret)
{
	*ret = (struct own_node){0};
	snprintf(ret->pod_cidr, sizeof(ret->pod_cidr), "%s", node->spec->pod_cidr);
	snprintf(ret->zone, sizeof(ret->zone), "%s",
	    str_or(api_map_get(node->metadata, labels, "topology.kubernetes.io/zone"), ""));
	for (size_t i = 0; node->status && i < node->status->n_addresses && ret->ips_len < NODE_IPS_MAX; i++)
		if (str_has_suffix(node->status->addresses[i]->type, "IP"))
			snprintf(ret->ips[ret->ips_len++], sizeof(ret->ips[0]), "%s",
			    node->status->addresses[i]->address);
}

static bool same_node(const struct own_node *a, const struct own_node *b)
{
	bool same = str_eq(a->pod_cidr, b->pod_cidr) && str_eq(a->zone, b->zone) && a->ips_len == b->ips_len;
	for (size_t i = 0; same && i < a->ips_len; i++)
		same = str_eq(a->ips[i], b->ips[i]);
	return same;
}

static void set_own_node(struct kube_proxy *proxy, const CoreV1__Node *node)
{
	struct own_node fresh;
	struct error err = ERROR_INIT;
	read_node(node, &fresh);
	if (same_node(&fresh, &proxy->node))
		return;
	proxy->node = fresh;
	for (size_t i = 0; i < proxy->node.ips_len; i++)
		proxy->node.ip_list[i] = proxy->node.ips[i];
	struct proxy_config *config = sync_config(proxy->sync);
	config->zone = proxy->node.zone;
	config->node_ips = proxy->node.ip_list;
	config->node_ips_len = proxy->node.ips_len;
	if (proxy->podnet && *proxy->node.pod_cidr) {
		sync_base(proxy->sync)->pod_cidr = proxy->node.pod_cidr;
		if (podnet_set_cidr(proxy->podnet, proxy->node.pod_cidr, &err))
			log_error("pod network: %s", err.message);
		else
			log_info("pod network: %s on %s", proxy->node.pod_cidr, opt.bridge);
	}
	sync_all(proxy->sync);
}

static void on_node(void *arg, const struct object *old, const struct object *new_)
{
	struct kube_proxy *proxy = arg;
	const CoreV1__Node *node = new_ ? (const CoreV1__Node *)new_->msg : NULL;
	const char *name = object_name(new_ ? new_ : old);
	if (!str_eq(name, proxy->hostname)) {
		if (proxy->podnet)
			podnet_set_node(proxy->podnet, name, node ? node->spec->pod_cidr : NULL,
			    node ? internal_ip(node) : NULL);
	} else if (node) {
		set_own_node(
		    proxy, node); /* pods may outlive the Node object: nothing is taken back when it goes */
	}
}

/* Health and metrics */

static int answer_healthz(void *arg, const char *path, struct buf *body, const char **content_type)
{
	const struct kube_proxy *proxy = arg;
	struct loop *loop = proxy->daemon.loop;
	struct sync_counts counts;
	char now[TIME_TEXT_MAX], updated[TIME_TEXT_MAX];
	if (!str_eq(path, "/healthz") && !str_eq(path, "/livez"))
		return 404;
	sync_get_counts(proxy->sync, &counts);
	int64_t now_s = clock_wall_s(loop_clock(loop)),
		ago_s = (loop_now_ms(loop) - counts.last_done_ms) / 1000;
	bool is_stuck = counts.waiting_since_ms && loop_now_ms(loop) - counts.waiting_since_ms > STUCK_MS;
	time_format(now_s, now);
	/* Nothing to do counts as up to date. */
	time_format(counts.waiting_since_ms ? now_s - ago_s : now_s, updated);
	*content_type = "application/json";
	buf_printf(body, "{\"lastUpdated\": \"%s\",\"currentTime\": \"%s\"}", updated, now);
	return counts.last_done_ms && !is_stuck ? 200 : 503;
}

static int answer_metrics(void *arg, const char *path, struct buf *body, const char **content_type)
{
	const struct kube_proxy *proxy = arg;
	struct sync_counts counts;
	if (str_eq(path, "/healthz")) {
		buf_puts(body, "ok");
		return 200;
	}
	if (str_eq(path, "/proxyMode")) {
		buf_puts(body, "iptables");
		return 200;
	}
	if (!str_eq(path, "/metrics"))
		return 404;
	sync_get_counts(proxy->sync, &counts);
	*content_type = "text/plain; version=0.0.4; charset=utf-8";
	buf_printf(body,
	    "# TYPE kubeproxy_sync_rounds_total counter\nkubeproxy_sync_rounds_total %llu\n"
	    "# TYPE kubeproxy_sync_full_rounds_total counter\nkubeproxy_sync_full_rounds_total %llu\n"
	    "# TYPE kubeproxy_sync_proxy_rules_iptables_restore_failures_total counter\n"
	    "kubeproxy_sync_proxy_rules_iptables_restore_failures_total %llu\n"
	    "# TYPE kubeproxy_sync_last_duration_seconds gauge\nkubeproxy_sync_last_duration_seconds %.3f\n"
	    "# TYPE kubeproxy_sync_shared_rules gauge\nkubeproxy_sync_shared_rules %zu\n",
	    (unsigned long long)counts.rounds, (unsigned long long)counts.full_rounds,
	    (unsigned long long)counts.failures, (double)counts.last_ms / 1000, counts.lines);
	return 200;
}

static struct health_listener *listen_on(struct kube_proxy *proxy, const char *address, health_answer *answer)
{
	struct error err = ERROR_INIT;
	if (str_empty(address))
		return NULL;
	struct health_listener *listener = health_listen(proxy->daemon.loop, address, answer, proxy, &err);
	if (!listener) /* Services matter more */
		log_warning("%s", err.message);
	return listener;
}

/* Life */

static void on_synced(void *arg)
{
	struct kube_proxy *proxy = arg;
	sync_start(proxy->sync);
	if (proxy->podnet)
		podnet_start(proxy->podnet);
}

static void start(void *arg)
{
	struct kube_proxy *proxy = arg;
	struct informer_set *informers = proxy->daemon.informers;
	char selector[300];
	snprintf(selector, sizeof(selector), "metadata.name=%s", proxy->hostname);
	/* All nodes only where routes to them are our business. */
	struct informer *nodes = proxy->podnet
				     ? informer_get(informers, resource_nodes)
				     : informer_get_filtered(informers, resource_nodes, NULL, NULL, selector);
	informer_add_handler(nodes, on_node, proxy);
	informer_set_start(informers);
	informer_set_on_synced(informers, on_synced, proxy);
}

static void set_hostname(struct kube_proxy *proxy)
{
	if (str_empty(opt.hostname) && gethostname(proxy->hostname, sizeof(proxy->hostname) - 1))
		strcpy(proxy->hostname, "localhost");
	if (!str_empty(opt.hostname))
		snprintf(proxy->hostname, sizeof(proxy->hostname), "%s", opt.hostname);
	for (char *p = proxy->hostname; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
}

/* --cleanup needs no API server, so it comes before everything else. */
static void clean_up_if_told(int argc, char **argv)
{
	struct flag all[sizeof(flags) / sizeof(*flags) + 3] = {
	    {"kubeconfig", 0, FLAG_STRING, &opt.kubeconfig}, {"v", 'v', FLAG_STRING, &opt.kubeconfig}};
	bool is_told = false;
	for (int i = 1; i < argc; i++)
		is_told |= str_eq(argv[i], "--cleanup") || str_eq(argv[i], "--cleanup=true");
	if (!is_told)
		return;
	struct error err = ERROR_INIT;
	memcpy(all + 2, flags, sizeof(flags));
	if (flags_parse(all, argc, argv, NULL, NULL, NULL, &err)) {
		fprintf(stderr, "kube-proxy: %s\n", err.message);
		exit(2);
	}
	log_init("kube-proxy", LOG_INFO);
	exit(cleanup_run(&(struct cleanup_options){opt.bridge, opt.conf_dir}) ? 1 : 0);
}

static void make_parts(struct kube_proxy *proxy)
{
	struct sync_options options = {
	    .config = {.node_name = proxy->hostname,
		.zone = "",
		.cluster_cidr = str_or(opt.cluster_cidr, ""),
		.masquerade_all = opt.masquerade_all},
	    .base = {.pod_cidr = "",
		.cluster_cidr = str_or(opt.cluster_cidr, ""),
		.bridge_is_filtered = podnet_set_sysctls(),
		.localhost_node_ports = opt.localhost_node_ports,
		.node_port_cidrs = opt.node_port_addresses.items,
		.node_port_cidrs_len = opt.node_port_addresses.len},
	    .iptables_mode = str_eq(opt.iptables_mode, "auto") ? NULL : opt.iptables_mode,
	    .health_address = opt.bind_address,
	};
	if (!options.base.bridge_is_filtered)
		log_warning(
		    "br_netfilter is missing: Service traffic between pods of this node is masqueraded");
	proxy->sync = sync_new(proxy->daemon.loop, proxy->daemon.informers, &options);
	if (!str_empty(opt.conf_dir)) {
		struct podnet_options net = {opt.conf_dir, opt.data_dir, opt.bridge};
		proxy->podnet = podnet_new(proxy->daemon.loop, &net);
	}
	proxy->healthz = listen_on(proxy, opt.healthz, answer_healthz);
	proxy->metrics = listen_on(proxy, opt.metrics, answer_metrics);
}

int main(int argc, char **argv)
{
	static struct kube_proxy proxy;
	static const struct daemon_options options = {.name = "kube-proxy", .flags = flags};
	clean_up_if_told(argc, argv);
	daemon_init(&proxy.daemon, &options, argc, argv);
	if (!str_eq(opt.proxy_mode, "iptables") && !str_empty(opt.proxy_mode)) {
		log_error("proxy mode \"%s\" does not exist here, only iptables does", opt.proxy_mode);
		return 2;
	}
	set_hostname(&proxy);
	make_parts(&proxy);
	int status = daemon_run(&proxy.daemon, start, NULL, &proxy);
	health_close(proxy.healthz);
	health_close(proxy.metrics);
	podnet_free(proxy.podnet);
	sync_free(proxy.sync);
	daemon_done(&proxy.daemon);
	return status;
}
