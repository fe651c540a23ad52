#include "dns/zone.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/schema.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"

enum { KEY_MAX = 640 };

/* The slices of one service, whether or not the service itself is known. */
struct backends {
	struct dns_slice *slices;
};

/* Endpoints with a host name at one address; all in the slices that own them. */
struct named {
	struct named *next;
	const struct dns_slice *slice;
	const struct dns_endpoint *endpoint;
};

struct dns_zone {
	char *domain;
	uint32_t ttl_s, serial;
	struct dns_ip self;
	struct strmap *services;    /* "ns/name" -> struct dns_service */
	struct strmap *service_ips; /* address -> struct dns_service */
	struct strmap *slices;      /* "ns/slice" -> struct dns_slice */
	struct strmap *backends;    /* "ns/service" -> struct backends */
	struct strmap *named;       /* address -> struct named */
	struct strmap *namespaces;
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static char *lower(const char *s)
{
	char *copy = must(strdup(s ? s : ""));
	for (char *p = copy; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

static const char *key_of(const char *ns, const char *name, char out[KEY_MAX])
{
	snprintf(out, KEY_MAX, "%s/%s", ns, name);
	return out;
}

/* Addresses are keys in binary form, as hexadecimal text. */
static const char *ip_key(const struct dns_ip *ip, char out[KEY_MAX])
{
	for (size_t i = 0; i < ip->size; i++)
		snprintf(out + 2 * i, 3, "%02x", ip->bytes[i]);
	out[2 * ip->size] = 0;
	return out;
}

struct dns_zone *dns_zone_new(const char *domain, uint32_t ttl_s)
{
	struct dns_zone *zone = must(calloc(1, sizeof(*zone)));
	zone->domain = lower(domain);
	size_t len = strlen(zone->domain);
	if (len && zone->domain[len - 1] == '.')
		zone->domain[len - 1] = 0;
	zone->ttl_s = ttl_s;
	zone->serial = 1;
	zone->services = strmap_new();
	zone->service_ips = strmap_new();
	zone->slices = strmap_new();
	zone->backends = strmap_new();
	zone->named = strmap_new();
	zone->namespaces = strmap_new();
	return zone;
}

static void free_ports(struct dns_port *ports, size_t len)
{
	for (size_t i = 0; i < len; i++)
		free(ports[i].name);
	free(ports);
}

static void free_service(void *value)
{
	struct dns_service *service = value;
	free(service->key);
	free(service->ns);
	free(service->name);
	free(service->external_name);
	free(service->ips);
	free_ports(service->ports, service->ports_len);
	free(service);
}

static void free_slice(void *value)
{
	struct dns_slice *slice = value;
	for (size_t i = 0; i < slice->endpoints_len; i++)
		free(slice->endpoints[i].hostname);
	free(slice->endpoints);
	free_ports(slice->ports, slice->ports_len);
	free(slice->service);
	free(slice);
}

static void free_named(void *value)
{
	for (struct named *named = value, *next; named; named = next) {
		next = named->next;
		free(named);
	}
}

void dns_zone_free(struct dns_zone *zone)
{
	if (!zone)
		return;
	strmap_free(zone->named, free_named);
	strmap_free(zone->service_ips, NULL);
	strmap_free(zone->backends, free);
	strmap_free(zone->slices, free_slice);
	strmap_free(zone->services, free_service);
	strmap_free(zone->namespaces, NULL);
	free(zone->domain);
	free(zone);
}

const char *dns_zone_domain(const struct dns_zone *zone)
{
	return zone->domain;
}

uint32_t dns_zone_ttl(const struct dns_zone *zone)
{
	return zone->ttl_s;
}

uint32_t dns_zone_serial(const struct dns_zone *zone)
{
	return zone->serial;
}

void dns_zone_set_self(struct dns_zone *zone, const struct dns_ip *ip)
{
	zone->self = ip ? *ip : (struct dns_ip){0};
}

const struct dns_ip *dns_zone_self(const struct dns_zone *zone)
{
	return zone->self.size ? &zone->self : NULL;
}

static const char *protocol_of(const char *protocol)
{
	return str_eq(protocol, "UDP") ? "udp" : str_eq(protocol, "SCTP") ? "sctp" : "tcp";
}

/* Services */

static struct dns_service *copy_service(const CoreV1__Service *from)
{
	const CoreV1__ServiceSpec *spec = from->spec;
	struct dns_service *service = must(calloc(1, sizeof(*service)));
	char key[KEY_MAX];
	service->ns = must(strdup(from->metadata->namespace_));
	service->name = must(strdup(from->metadata->name));
	service->key = must(strdup(key_of(service->ns, service->name, key)));
	if (str_eq(spec->type, "ExternalName")) {
		service->external_name = lower(spec->external_name);
		size_t len = strlen(service->external_name);
		if (len && service->external_name[len - 1] == '.')
			service->external_name[len - 1] = 0;
		return service;
	}
	service->is_headless = str_eq(spec->cluster_ip, "None");
	service->ips = must(calloc(spec->n_cluster_ips + 1, sizeof(*service->ips)));
	for (size_t i = 0; i < spec->n_cluster_ips; i++)
		service->ips_len += dns_ip_parse(spec->cluster_ips[i], &service->ips[service->ips_len]);
	if (!service->ips_len)
		service->ips_len += dns_ip_parse(spec->cluster_ip, &service->ips[0]);
	service->ports = must(calloc(spec->n_ports + 1, sizeof(*service->ports)));
	for (size_t i = 0; i < spec->n_ports; i++)
		service->ports[service->ports_len++] = (struct dns_port){lower(spec->ports[i]->name),
		    protocol_of(spec->ports[i]->protocol), (uint16_t)spec->ports[i]->port};
	return service;
}

static void drop_service(struct dns_zone *zone, const char *key)
{
	char ip[KEY_MAX];
	struct dns_service *service = strmap_remove(zone->services, key);
	if (!service)
		return;
	for (size_t i = 0; i < service->ips_len; i++)
		if (strmap_get(zone->service_ips, ip_key(&service->ips[i], ip)) == service)
			strmap_remove(zone->service_ips, ip);
	free_service(service);
}

void dns_zone_put_service(struct dns_zone *zone, const CoreV1__Service *from)
{
	char ip[KEY_MAX];
	struct dns_service *service = copy_service(from);
	drop_service(zone, service->key);
	strmap_put(zone->services, service->key, service);
	for (size_t i = 0; i < service->ips_len; i++)
		strmap_put(zone->service_ips, ip_key(&service->ips[i], ip), service);
	zone->serial++;
}

void dns_zone_remove_service(struct dns_zone *zone, const char *ns, const char *name)
{
	char key[KEY_MAX];
	drop_service(zone, key_of(ns, name, key));
	zone->serial++;
}

/* Slices */

static bool is_ready(const DiscoveryV1__Endpoint *endpoint)
{
	return !endpoint->conditions || !endpoint->conditions->has_ready || endpoint->conditions->ready;
}

static struct dns_slice *copy_slice(const DiscoveryV1__EndpointSlice *from, const char *service)
{
	struct dns_slice *slice = must(calloc(1, sizeof(*slice)));
	char key[KEY_MAX];
	size_t addresses = 0;
	slice->service = must(strdup(key_of(from->metadata->namespace_, service, key)));
	for (size_t i = 0; i < from->n_endpoints; i++)
		addresses += from->endpoints[i]->n_addresses;
	slice->endpoints = must(calloc(addresses + 1, sizeof(*slice->endpoints)));
	for (size_t i = 0; i < from->n_endpoints; i++) {
		const DiscoveryV1__Endpoint *endpoint = from->endpoints[i];
		for (size_t j = 0; is_ready(endpoint) && j < endpoint->n_addresses; j++) {
			struct dns_endpoint *copy = &slice->endpoints[slice->endpoints_len];
			if (!dns_ip_parse(endpoint->addresses[j], &copy->ip))
				continue; /* address type FQDN */
			copy->hostname = str_empty(endpoint->hostname) ? NULL : lower(endpoint->hostname);
			slice->endpoints_len++;
		}
	}
	slice->ports = must(calloc(from->n_ports + 1, sizeof(*slice->ports)));
	for (size_t i = 0; i < from->n_ports; i++)
		slice->ports[slice->ports_len++] = (struct dns_port){lower(from->ports[i]->name),
		    protocol_of(from->ports[i]->protocol), (uint16_t)from->ports[i]->port};
	/* A headless service without ports has addresses all the same. */
	if (!slice->ports_len)
		slice->ports[slice->ports_len++] = (struct dns_port){lower(""), "", 0};
	return slice;
}

static void add_named(struct dns_zone *zone, const struct dns_slice *slice)
{
	char key[KEY_MAX];
	for (size_t i = 0; i < slice->endpoints_len; i++) {
		if (!slice->endpoints[i].hostname)
			continue;
		struct named *named = must(calloc(1, sizeof(*named)));
		*named = (struct named){strmap_get(zone->named, ip_key(&slice->endpoints[i].ip, key)), slice,
		    &slice->endpoints[i]};
		strmap_put(zone->named, key, named);
	}
}

static void remove_named(struct dns_zone *zone, const struct dns_slice *slice)
{
	char key[KEY_MAX];
	for (size_t i = 0; i < slice->endpoints_len; i++) {
		if (!slice->endpoints[i].hostname)
			continue;
		struct named *head = strmap_get(zone->named, ip_key(&slice->endpoints[i].ip, key));
		for (struct named **at = &head; *at;) {
			struct named *named = *at;
			if (named->slice != slice) {
				at = &named->next;
				continue;
			}
			*at = named->next;
			free(named);
		}
		if (head)
			strmap_put(zone->named, key, head);
		else
			strmap_remove(zone->named, key);
	}
}

static void drop_slice(struct dns_zone *zone, const char *key)
{
	struct dns_slice *slice = strmap_remove(zone->slices, key);
	if (!slice)
		return;
	remove_named(zone, slice);
	struct backends *backends = strmap_get(zone->backends, slice->service);
	struct dns_slice **at = &backends->slices;
	while (*at != slice)
		at = &(*at)->next;
	*at = slice->next;
	if (!backends->slices)
		free(strmap_remove(zone->backends, slice->service));
	free_slice(slice);
}

void dns_zone_put_slice(struct dns_zone *zone, const DiscoveryV1__EndpointSlice *from)
{
	char key[KEY_MAX];
	const char *service = api_map_get(from->metadata, labels, "kubernetes.io/service-name");
	drop_slice(zone, key_of(from->metadata->namespace_, from->metadata->name, key));
	zone->serial++;
	if (str_empty(service))
		return;
	struct dns_slice *slice = copy_slice(from, service);
	strmap_put(zone->slices, key, slice);
	struct backends *backends = strmap_get(zone->backends, slice->service);
	if (!backends) {
		backends = must(calloc(1, sizeof(*backends)));
		strmap_put(zone->backends, slice->service, backends);
	}
	slice->next = backends->slices;
	backends->slices = slice;
	add_named(zone, slice);
}

void dns_zone_remove_slice(struct dns_zone *zone, const char *ns, const char *name)
{
	char key[KEY_MAX];
	drop_slice(zone, key_of(ns, name, key));
	zone->serial++;
}

/* Namespaces and look-ups */

void dns_zone_put_namespace(struct dns_zone *zone, const char *name)
{
	strmap_put(zone->namespaces, name, NULL);
}

void dns_zone_remove_namespace(struct dns_zone *zone, const char *name)
{
	strmap_remove(zone->namespaces, name);
}

bool dns_zone_has_namespace(const struct dns_zone *zone, const char *name)
{
	return strmap_has(zone->namespaces, name);
}

const struct dns_service *dns_zone_service(const struct dns_zone *zone, const char *ns, const char *name)
{
	char key[KEY_MAX];
	return strmap_get(zone->services, key_of(ns, name, key));
}

const struct dns_slice *dns_zone_slices(const struct dns_zone *zone, const struct dns_service *service)
{
	const struct backends *backends = strmap_get(zone->backends, service->key);
	return backends ? backends->slices : NULL;
}

const struct dns_service *dns_zone_service_of_ip(const struct dns_zone *zone, const struct dns_ip *ip)
{
	char key[KEY_MAX];
	return strmap_get(zone->service_ips, ip_key(ip, key));
}

void dns_zone_endpoints_of_ip(const struct dns_zone *zone, const struct dns_ip *ip,
    void (*fn)(void *arg, const struct dns_service *service, const struct dns_endpoint *endpoint), void *arg)
{
	char key[KEY_MAX];
	for (const struct named *named = strmap_get(zone->named, ip_key(ip, key)); named;
	     named = named->next) {
		const struct dns_service *service = strmap_get(zone->services, named->slice->service);
		if (service)
			fn(arg, service, named->endpoint);
	}
}
