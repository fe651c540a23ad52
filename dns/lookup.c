#include "dns/lookup.h"

#include <stdio.h>
#include <string.h>

#include "dns/zone.h"
#include "lib/base/str.h"

enum { LABELS_MAX = 8, ALIASES_MAX = 8, FQDN_MAX = 1024 };

/* What was asked for inside one service. */
struct wanted {
	const char *endpoint, *port, *protocol; /* NULL: any */
};

static bool wants(const struct lookup *lookup, uint16_t type)
{
	return lookup->type == type || lookup->type == DNS_ANY;
}

static bool wants_ip(const struct lookup *lookup, const struct dns_ip *ip)
{
	return wants(lookup, ip->size == 4 ? DNS_A : DNS_AAAA);
}

static void put_ip(struct lookup *lookup, const struct dns_ip *ip)
{
	dns_put_address(lookup->w, DNS_ANSWER, lookup->owner, dns_zone_ttl(lookup->zone), ip);
}

static bool port_matches(const struct wanted *wanted, const struct dns_port *port)
{
	return (!wanted->port || str_eq(wanted->port, port->name)) &&
	       (!wanted->protocol || str_eq(wanted->protocol, port->protocol));
}

static size_t matching_ports(const struct wanted *wanted, const struct dns_port *ports, size_t len)
{
	size_t matching = 0;
	for (size_t i = 0; i < len; i++)
		matching += port_matches(wanted, &ports[i]);
	return matching;
}

static const char *endpoint_label(const struct dns_endpoint *endpoint, char out[48])
{
	if (endpoint->hostname)
		return endpoint->hostname;
	dns_ip_dashed(&endpoint->ip, out);
	return out;
}

static const char *service_fqdn(const struct dns_zone *zone, const struct dns_service *service,
    const struct dns_endpoint *endpoint, char out[FQDN_MAX])
{
	char dashed[48];
	snprintf(out, FQDN_MAX, "%s%s%s.%s.svc.%s", endpoint ? endpoint_label(endpoint, dashed) : "",
	    endpoint ? "." : "", service->name, service->ns, dns_zone_domain(zone));
	return out;
}

/* Equal shares of 100, as CoreDNS weighs the targets of one name. */
static uint16_t weight_of(size_t targets)
{
	size_t weight = targets ? 100 / targets : 100;
	return (uint16_t)(weight ? weight : 1);
}

/* Services with addresses of their own */

static bool answer_cluster_ip(
    struct lookup *lookup, const struct dns_service *service, const struct wanted *wanted)
{
	char target[FQDN_MAX];
	size_t matching = matching_ports(wanted, service->ports, service->ports_len);
	if (!matching)
		return false;
	for (size_t i = 0; i < service->ips_len; i++)
		if (wants_ip(lookup, &service->ips[i]))
			put_ip(lookup, &service->ips[i]);
	if (!wants(lookup, DNS_SRV))
		return true;
	service_fqdn(lookup->zone, service, NULL, target);
	for (size_t i = 0; i < service->ports_len; i++)
		if (port_matches(wanted, &service->ports[i]))
			dns_put_srv(lookup->w, DNS_ANSWER, lookup->owner, dns_zone_ttl(lookup->zone), 0,
			    weight_of(matching), service->ports[i].port, target);
	for (size_t i = 0; i < service->ips_len; i++)
		dns_put_address(
		    lookup->w, DNS_ADDITIONAL, target, dns_zone_ttl(lookup->zone), &service->ips[i]);
	return true;
}

/* Endpoints: of headless services, and by name of any service */

/* Walks the endpoints that were asked for, beginning somewhere, so that the first of a long list changes. */
struct walk {
	const struct dns_slice *slice;
	size_t at;
};

static size_t slices_len(const struct dns_slice *slice)
{
	size_t len = 0;
	for (; slice; slice = slice->next)
		len += slice->endpoints_len;
	return len;
}

static struct walk walk_from(const struct dns_slice *slices, size_t start)
{
	struct walk walk = {slices, start};
	while (walk.slice && walk.at >= walk.slice->endpoints_len) {
		walk.at -= walk.slice->endpoints_len;
		walk.slice = walk.slice->next;
	}
	return walk;
}

static void walk_on(struct walk *walk, const struct dns_slice *slices)
{
	walk->at++;
	while (walk->at >= walk->slice->endpoints_len) { /* ends: callers know that there are endpoints */
		walk->slice = walk->slice->next ? walk->slice->next : slices;
		walk->at = 0;
	}
}

static bool endpoint_matches(const struct wanted *wanted, const struct walk *walk)
{
	char dashed[48];
	if (wanted->endpoint &&
	    !str_eq(wanted->endpoint, endpoint_label(&walk->slice->endpoints[walk->at], dashed)))
		return false;
	return matching_ports(wanted, walk->slice->ports, walk->slice->ports_len) > 0;
}

static bool same_ports(const struct dns_slice *a, const struct dns_slice *b)
{
	if (a->ports_len != b->ports_len)
		return false;
	for (size_t i = 0; i < a->ports_len; i++)
		if (a->ports[i].port != b->ports[i].port || !str_eq(a->ports[i].name, b->ports[i].name))
			return false;
	return true;
}

/* An address may stand in several slices, but never in two with the same ports: those split one set. */
static bool seen_before(const struct dns_slice *slices, const struct walk *walk, const struct wanted *wanted)
{
	const struct dns_ip *ip = &walk->slice->endpoints[walk->at].ip;
	for (struct walk other = {slices, 0}; other.slice != walk->slice; other.slice = other.slice->next) {
		if (same_ports(other.slice, walk->slice))
			continue;
		for (other.at = 0; other.at < other.slice->endpoints_len; other.at++)
			if (dns_ip_equal(ip, &other.slice->endpoints[other.at].ip) &&
			    endpoint_matches(wanted, &other))
				return true;
	}
	return false;
}

static size_t count_targets(const struct dns_slice *slices, const struct wanted *wanted)
{
	size_t targets = 0;
	for (const struct dns_slice *slice = slices; slice; slice = slice->next)
		for (struct walk walk = {slice, 0}; walk.at < slice->endpoints_len; walk.at++)
			if (endpoint_matches(wanted, &walk))
				targets += matching_ports(wanted, slice->ports, slice->ports_len);
	return targets;
}

static void put_endpoint_srv(struct lookup *lookup, const struct dns_service *service,
    const struct walk *walk, const struct wanted *wanted, uint16_t weight)
{
	char target[FQDN_MAX];
	service_fqdn(lookup->zone, service, &walk->slice->endpoints[walk->at], target);
	for (size_t i = 0; i < walk->slice->ports_len; i++)
		if (walk->slice->ports[i].port && port_matches(wanted, &walk->slice->ports[i]))
			dns_put_srv(lookup->w, DNS_ANSWER, lookup->owner, dns_zone_ttl(lookup->zone), 0,
			    weight, walk->slice->ports[i].port, target);
}

static bool answer_endpoints(
    struct lookup *lookup, const struct dns_service *service, const struct wanted *wanted)
{
	const struct dns_slice *slices = dns_zone_slices(lookup->zone, service);
	size_t len = slices_len(slices);
	if (!len)
		return false;
	size_t targets = count_targets(slices, wanted), left = len;
	struct walk walk = walk_from(slices, lookup->rotate % len);
	for (; targets && left; left--, walk_on(&walk, slices)) {
		const struct dns_endpoint *endpoint = &walk.slice->endpoints[walk.at];
		if (lookup->w->truncated)
			break;
		if (!endpoint_matches(wanted, &walk))
			continue;
		if (wants_ip(lookup, &endpoint->ip) && !seen_before(slices, &walk, wanted))
			put_ip(lookup, &endpoint->ip);
		if (wants(lookup, DNS_SRV))
			put_endpoint_srv(lookup, service, &walk, wanted, weight_of(targets));
	}
	if (!wants(lookup, DNS_SRV) || !lookup->w->counts[DNS_ANSWER])
		return targets > 0;
	walk = walk_from(slices, lookup->rotate % len);
	for (left = len; left && !lookup->w->truncated; left--, walk_on(&walk, slices)) {
		char target[FQDN_MAX];
		const struct dns_endpoint *endpoint = &walk.slice->endpoints[walk.at];
		if (endpoint_matches(wanted, &walk) && !seen_before(slices, &walk, wanted))
			dns_put_address(lookup->w, DNS_ADDITIONAL,
			    service_fqdn(lookup->zone, service, endpoint, target), dns_zone_ttl(lookup->zone),
			    &endpoint->ip);
	}
	return targets > 0;
}

/* Names */

static bool look_up(struct lookup *lookup, const char *name, int depth);

const char *lookup_relative(const struct dns_zone *zone, const char *name, char out[DNS_NAME_MAX])
{
	const char *domain = dns_zone_domain(zone);
	size_t len = strlen(name), domain_len = strlen(domain);
	if (len < domain_len || strcmp(name + len - domain_len, domain) != 0)
		return NULL;
	len -= domain_len;
	if (len && name[len - 1] != '.')
		return NULL;
	snprintf(out, DNS_NAME_MAX, "%.*s", (int)(len ? len - 1 : 0), name);
	return out;
}

static bool is_host_name(const char *name)
{
	size_t len = strlen(name);
	struct dns_ip ip;
	if (!len || len > DNS_NAME_MAX - 3 || dns_ip_parse(name, &ip))
		return false;
	for (const char *label = name; label; label = strchr(label, '.') ? strchr(label, '.') + 1 : NULL)
		if (!strcspn(label, ".") || strcspn(label, ".") > 63)
			return false;
	return true;
}

static bool answer_alias(struct lookup *lookup, const char *target, int depth)
{
	char text[DNS_NAME_MAX];
	if (!is_host_name(target)) /* what an object says need not be one; an address is none */
		return false;
	dns_put_name(lookup->w, DNS_ANSWER, lookup->owner, DNS_CNAME, dns_zone_ttl(lookup->zone), target);
	if (lookup->type == DNS_CNAME || lookup->type == DNS_ANY)
		return true;
	if (!lookup_relative(lookup->zone, target, text)) {
		snprintf(lookup->chase, DNS_NAME_MAX, "%s", target);
		return true;
	}
	lookup->owner = target;
	return depth >= ALIASES_MAX || look_up(lookup, target, depth + 1);
}

/* labels: what stands before "svc", the namespace last. */
static bool answer_svc(struct lookup *lookup, char *const *labels, size_t len, int depth)
{
	struct wanted wanted = {0};
	const char *ns = labels[len - 1];
	if (len == 1)
		return dns_zone_has_namespace(lookup->zone, ns);
	const struct dns_service *service = dns_zone_service(lookup->zone, ns, labels[len - 2]);
	if (!service || len > 4)
		return false;
	if (len == 3)
		wanted.endpoint = labels[0];
	if (len == 4) {
		if (labels[0][0] != '_' || labels[1][0] != '_')
			return false;
		wanted.port = labels[0] + 1;
		wanted.protocol = labels[1] + 1;
	}
	if (service->external_name)
		return len == 2 && answer_alias(lookup, service->external_name, depth);
	if (service->is_headless || wanted.endpoint)
		return answer_endpoints(lookup, service, &wanted);
	return answer_cluster_ip(lookup, service, &wanted);
}

/* 10-244-0-5.ns.pod: the address is in the name, no pod is looked for. */
static bool answer_pod(struct lookup *lookup, char *const *labels, size_t len)
{
	char text[DNS_NAME_MAX];
	struct dns_ip ip;
	if (len > 2 || !dns_zone_has_namespace(lookup->zone, labels[len - 1]))
		return false;
	if (len == 1)
		return true;
	for (int v6 = 0; v6 < 2; v6++) {
		snprintf(text, sizeof(text), "%s", labels[0]);
		for (char *p = text; *p; p++)
			*p = *p == '-' ? (v6 ? ':' : '.') : *p;
		if (dns_ip_parse(text, &ip)) {
			if (wants_ip(lookup, &ip))
				put_ip(lookup, &ip);
			return true;
		}
	}
	return false;
}

static bool answer_apex(struct lookup *lookup)
{
	const struct dns_zone *zone = lookup->zone;
	char server[DNS_NAME_MAX + 8];
	uint32_t ttl = dns_zone_ttl(zone);
	if (wants(lookup, DNS_SOA))
		dns_put_soa(lookup->w, DNS_ANSWER, dns_zone_domain(zone), ttl, dns_zone_serial(zone));
	if (wants(lookup, DNS_NS)) {
		snprintf(server, sizeof(server), "ns.dns.%s", dns_zone_domain(zone));
		dns_put_name(lookup->w, DNS_ANSWER, lookup->owner, DNS_NS, ttl, server);
		if (dns_zone_self(zone))
			dns_put_address(lookup->w, DNS_ADDITIONAL, server, ttl, dns_zone_self(zone));
	}
	return true;
}

/* True when the name exists; the records of the type asked for, if any, are then written. */
static bool look_up(struct lookup *lookup, const char *name, int depth)
{
	char text[DNS_NAME_MAX], *labels[LABELS_MAX];
	size_t len = 0;
	if (!lookup_relative(lookup->zone, name, text))
		return false;
	if (!*text)
		return answer_apex(lookup);
	for (char *p = text; p; len++) {
		if (len == LABELS_MAX)
			return false;
		labels[len] = p;
		p = strchr(p, '.');
		if (p)
			*p++ = 0;
	}
	const char *kind = labels[--len];
	if (str_eq(kind, "svc"))
		return !len || answer_svc(lookup, labels, len, depth);
	if (str_eq(kind, "pod"))
		return !len || answer_pod(lookup, labels, len);
	if (str_eq(kind, "dns")) {
		if (len == 1 && str_eq(labels[0], "ns")) {
			const struct dns_ip *self = dns_zone_self(lookup->zone);
			if (self && wants_ip(lookup, self))
				put_ip(lookup, self);
			return true;
		}
		return !len;
	}
	if (str_eq(kind, "dns-version") && !len) {
		if (wants(lookup, DNS_TXT))
			dns_put_text(
			    lookup->w, DNS_ANSWER, lookup->owner, dns_zone_ttl(lookup->zone), "1.1.0");
		return true;
	}
	return false;
}

/* Reverse names */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool reverse_ip(const char *name, struct dns_ip *ret)
{
	if (str_has_suffix(name, ".in-addr.arpa")) {
		unsigned b[4];
		int used = 0;
		if (strspn(name, "0123456789.") != strlen(name) - strlen("in-addr.arpa") ||
		    sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &b[3], &b[2], &b[1], &b[0], &used) != 4 ||
		    name[used] || !used)
			return false;
		*ret = (struct dns_ip){.size = 4};
		for (int i = 0; i < 4; i++) {
			if (b[i] > 255)
				return false;
			ret->bytes[i] = (uint8_t)b[i];
		}
		return true;
	}
	if (strlen(name) != 72 || !str_has_suffix(name, ".ip6.arpa"))
		return false;
	*ret = (struct dns_ip){.size = 16};
	for (int i = 0; i < 32; i++) {
		int digit = hex_digit(name[2 * i]);
		if (digit < 0 || name[2 * i + 1] != '.')
			return false;
		ret->bytes[15 - i / 2] |= (uint8_t)(digit << (i % 2 ? 4 : 0));
	}
	return true;
}

static void put_endpoint_ptr(
    void *arg, const struct dns_service *service, const struct dns_endpoint *endpoint)
{
	struct lookup *lookup = arg;
	char target[FQDN_MAX];
	if (wants(lookup, DNS_PTR))
		dns_put_name(lookup->w, DNS_ANSWER, NULL, DNS_PTR, dns_zone_ttl(lookup->zone),
		    service_fqdn(lookup->zone, service, endpoint, target));
}

bool lookup_reverse(struct lookup *lookup, const char *name)
{
	struct dns_ip ip;
	if (!reverse_ip(name, &ip))
		return false;
	const struct dns_service *service = dns_zone_service_of_ip(lookup->zone, &ip);
	if (service)
		put_endpoint_ptr(lookup, service, NULL);
	else
		dns_zone_endpoints_of_ip(lookup->zone, &ip, put_endpoint_ptr, lookup);
	return service || lookup->w->counts[DNS_ANSWER];
}

bool lookup_name(struct lookup *lookup, const char *name)
{
	return look_up(lookup, name, 0);
}
