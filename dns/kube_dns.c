/*
 * kube-dns: the cluster's DNS server, a process on the node. This file connects the parts: flags, informers
 * that feed the zone, the server's sockets, and the objects that make it known.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/forward.h"
#include "dns/publish.h"
#include "dns/server.h"
#include "dns/zone.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/daemon.h"
#include "lib/client/informer.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

static struct {
	const char *domain, *resolv_conf, *cluster_ip, *advertise;
	struct flag_list bind, upstream;
	int64_t port, ttl_ms;
	bool publish;
} opt = {
    .domain = "cluster.local",
    .resolv_conf = "/etc/resolv.conf",
    .cluster_ip = "10.96.0.10",
    .port = 53,
    .ttl_ms = 30000,
    .publish = true,
};

static const struct flag flags[] = {
    {"domain", 0, FLAG_STRING, &opt.domain, "the cluster's domain"},
    {"bind-address", 0, FLAG_LIST, &opt.bind, "addresses to serve DNS on (default 127.0.0.1)"},
    {"port", 0, FLAG_INT, &opt.port, "port to serve DNS on, UDP and TCP"},
    {"upstream", 0, FLAG_LIST, &opt.upstream,
	"servers for all other names: IP or IP:port (default: from --resolv-conf)"},
    {"resolv-conf", 0, FLAG_STRING, &opt.resolv_conf, "file to take upstream servers from; empty: none"},
    {"ttl", 0, FLAG_DURATION, &opt.ttl_ms, "time to live of the cluster's records"},
    {"publish", 0, FLAG_BOOL, &opt.publish,
	"keep the Service kube-system/kube-dns and its endpoints pointing here"},
    {"cluster-ip", 0, FLAG_STRING, &opt.cluster_ip, "address of that Service"},
    {"advertise-address", 0, FLAG_STRING, &opt.advertise,
	"address in its endpoints (default: the first of --bind-address that is no loopback address)"},
    {NULL},
};

struct kube_dns {
	struct daemon daemon;
	struct arena *arena;
	struct dns_zone *zone;
	struct dns_forwarder *forwarder;
	struct dns_server *server;
	struct dns_publisher *publisher;
	bool synced, looped;
};

/* Informers to zone */

static void on_service(void *arg, const struct object *old, const struct object *new_)
{
	struct kube_dns *dns = arg;
	if (new_)
		dns_zone_put_service(dns->zone, (const CoreV1__Service *)new_->msg);
	else
		dns_zone_remove_service(dns->zone, object_namespace(old), object_name(old));
	if (!new_ && dns->publisher && str_eq(object_namespace(old), DNS_NAMESPACE) &&
	    str_eq(object_name(old), DNS_SERVICE))
		dns_publisher_start(dns->publisher);
}

static void on_slice(void *arg, const struct object *old, const struct object *new_)
{
	struct kube_dns *dns = arg;
	if (new_)
		dns_zone_put_slice(dns->zone, (const DiscoveryV1__EndpointSlice *)new_->msg);
	else
		dns_zone_remove_slice(dns->zone, object_namespace(old), object_name(old));
	if (!new_ && dns->publisher && str_eq(object_namespace(old), DNS_NAMESPACE) &&
	    str_eq(object_name(old), DNS_SERVICE))
		dns_publisher_start(dns->publisher);
}

static void on_namespace(void *arg, const struct object *old, const struct object *new_)
{
	struct kube_dns *dns = arg;
	if (new_)
		dns_zone_put_namespace(dns->zone, object_name(new_));
	else
		dns_zone_remove_namespace(dns->zone, object_name(old));
}

static void on_synced(void *arg)
{
	struct kube_dns *dns = arg;
	dns->synced = true;
	dns_server_set_ready(dns->server);
	log_info("serving %s", dns_zone_domain(dns->zone));
}

static void on_loop(void *arg)
{
	struct kube_dns *dns = arg;
	dns->looped = true;
	log_error("an upstream server sends our queries back to us: other names are refused until --upstream "
		  "is put right");
}

static void start(void *arg)
{
	struct kube_dns *dns = arg;
	struct informer_set *informers = dns->daemon.informers;
	informer_add_handler(informer_get(informers, resource_services), on_service, dns);
	informer_add_handler(informer_get(informers, resource_endpointslices), on_slice, dns);
	informer_add_handler(informer_get(informers, resource_namespaces), on_namespace, dns);
	informer_set_start(informers);
	informer_set_on_synced(informers, on_synced, dns);
	if (dns->publisher)
		dns_publisher_start(dns->publisher);
	dns_server_probe_loop(dns->server, on_loop, dns);
}

/* Setting up */

static const char *with_port(struct arena *arena, const char *ip)
{
	return arena_printf(arena, strchr(ip, ':') ? "[%s]:%lld" : "%s:%lld", ip, (long long)opt.port);
}

static const char *advertised(void)
{
	if (!str_empty(opt.advertise))
		return opt.advertise;
	for (size_t i = 0; i < opt.bind.len; i++)
		if (!str_has_prefix(opt.bind.items[i], "127.") && !str_eq(opt.bind.items[i], "::1") &&
		    !str_eq(opt.bind.items[i], "0.0.0.0") && !str_eq(opt.bind.items[i], "::"))
			return opt.bind.items[i];
	return NULL;
}

/* What a query sent to would come back to us. */
static const char *const *own_addresses(struct kube_dns *dns, size_t *ret_len)
{
	const char **own = ARENA_ARRAY(dns->arena, const char *, opt.bind.len + 2);
	size_t len = 0;
	for (size_t i = 0; i < opt.bind.len; i++)
		own[len++] = with_port(dns->arena, opt.bind.items[i]);
	if (!str_empty(opt.cluster_ip))
		own[len++] = arena_printf(
		    dns->arena, strchr(opt.cluster_ip, ':') ? "[%s]:53" : "%s:53", opt.cluster_ip);
	*ret_len = len;
	return own;
}

static int open_server(struct kube_dns *dns, struct error *err)
{
	size_t own_len, len;
	const char *const *own = own_addresses(dns, &own_len);
	const char *const *upstreams = dns_upstreams(
	    dns->arena, opt.upstream.items, opt.upstream.len, opt.resolv_conf, own, own_len, &len);
	if (len)
		dns->forwarder = dns_forwarder_new(dns->daemon.loop, upstreams, len);
	else
		log_warning("no upstream server: names outside %s are refused", opt.domain);
	dns->server = dns_server_new(dns->daemon.loop, dns->zone, dns->forwarder);
	for (size_t i = 0; i < opt.bind.len; i++) {
		if (dns_server_listen(dns->server, with_port(dns->arena, opt.bind.items[i]), err))
			return -1;
		log_info("listening on %s", with_port(dns->arena, opt.bind.items[i]));
	}
	return 0;
}

static void set_up_publisher(struct kube_dns *dns)
{
	const char *address = advertised();
	if (opt.publish && !address)
		log_warning(
		    "no address to advertise: the Service " DNS_NAMESPACE "/" DNS_SERVICE " is not made");
	if (!opt.publish || !address)
		return;
	struct dns_publish_options options = {
	    .cluster_ip = str_empty(opt.cluster_ip) ? NULL : opt.cluster_ip,
	    .address = address,
	    .port = dns_server_port(dns->server),
	};
	dns->publisher = dns_publisher_new(dns->daemon.client, &options);
}

static void metrics(void *arg, struct buf *out)
{
	const struct kube_dns *dns = arg;
	const struct dns_server_counts *counts = dns_server_counts(dns->server);
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {{"queries", counts->queries}, {"answered", counts->answered},
	    {"forwarded", counts->forwarded}, {"forward_failures", counts->forward_failures},
	    {"dropped", counts->dropped}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		buf_printf(out, "# TYPE kube_dns_%s_total counter\nkube_dns_%s_total %llu\n", rows[i].name,
		    rows[i].name, (unsigned long long)rows[i].value);
}

static const char *healthy(void *arg)
{
	const struct kube_dns *dns = arg;
	return dns->looped   ? "an upstream server leads back here"
	       : dns->synced ? NULL
			     : "waiting for the first list";
}

int main(int argc, char **argv)
{
	static struct kube_dns dns;
	static const struct daemon_options options = {.name = "kube-dns", .flags = flags};
	struct error err = ERROR_INIT;
	struct dns_ip self;
	daemon_init(&dns.daemon, &options, argc, argv);
	static const char *const loopback[] = {"127.0.0.1"};
	if (!opt.bind.len)
		opt.bind = (struct flag_list){(const char **)loopback, 1};
	dns.arena = arena_new();
	dns.zone = dns_zone_new(opt.domain, (uint32_t)(opt.ttl_ms / 1000));
	if (dns_ip_parse(opt.cluster_ip, &self))
		dns_zone_set_self(dns.zone, &self);
	if (open_server(&dns, &err)) {
		log_error("%s", err.message);
		return 1;
	}
	set_up_publisher(&dns);
	daemon_set_metrics(&dns.daemon, metrics, &dns);
	daemon_set_health(&dns.daemon, healthy, &dns);
	int status = daemon_run(&dns.daemon, start, NULL, &dns);
	dns_publisher_free(dns.publisher);
	dns_server_free(dns.server);
	dns_forwarder_free(dns.forwarder);
	daemon_done(&dns.daemon);
	dns_zone_free(dns.zone);
	arena_free(dns.arena);
	return status;
}
