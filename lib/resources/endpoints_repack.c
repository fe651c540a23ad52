#include "lib/resources/endpoints_repack.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

/* One address with all ports that some subset gives it. */
struct host {
	CoreV1__EndpointAddress *address;
	bool ready;
	CoreV1__EndpointPort **ports;
	size_t n_ports;
};

static int compare_text(const char *a, const char *b)
{
	return strcmp(str_or(a, ""), str_or(b, ""));
}

static int compare_ports(const void *x, const void *y)
{
	const CoreV1__EndpointPort *a = *(CoreV1__EndpointPort *const *)x,
				   *b = *(CoreV1__EndpointPort *const *)y;
	int d = compare_text(a->name, b->name);

	if (!d)
		d = compare_text(a->protocol, b->protocol);
	return d ? d : (a->port > b->port) - (a->port < b->port);
}

/* Numerically, IPv4 before IPv6; the object that an address stands for decides between equal ones. */
static int compare_addresses(const void *x, const void *y)
{
	const CoreV1__EndpointAddress *a = *(CoreV1__EndpointAddress *const *)x,
				      *b = *(CoreV1__EndpointAddress *const *)y;
	unsigned char p[16] = {0}, q[16] = {0};
	bool a6 = inet_pton(AF_INET, a->ip, p + 12) != 1, b6 = inet_pton(AF_INET, b->ip, q + 12) != 1;
	int d;

	if (a6 != b6)
		return a6 ? 1 : -1;
	if (a6) {
		inet_pton(AF_INET6, a->ip, p);
		inet_pton(AF_INET6, b->ip, q);
	}
	d = memcmp(p, q, sizeof p);
	if (!d)
		d = compare_text(a->hostname, b->hostname);
	return d ? d
		 : compare_text(
		       a->target_ref ? a->target_ref->uid : "", b->target_ref ? b->target_ref->uid : "");
}

static bool same_address(const CoreV1__EndpointAddress *a, const CoreV1__EndpointAddress *b)
{
	return str_eq(a->ip, b->ip) &&
	       str_eq(a->target_ref ? a->target_ref->uid : "", b->target_ref ? b->target_ref->uid : "");
}

static struct host *find_host(struct host *hosts, size_t *len, CoreV1__EndpointAddress *address)
{
	for (size_t i = 0; i < *len; i++)
		if (same_address(hosts[i].address, address))
			return &hosts[i];
	hosts[*len] = (struct host){.address = address, .ready = true};
	return &hosts[(*len)++];
}

static void add_ports(struct host *host, const CoreV1__EndpointSubset *s, struct arena *arena)
{
	CoreV1__EndpointPort **ports =
	    ARENA_ARRAY(arena, CoreV1__EndpointPort *, host->n_ports + s->n_ports + 1);
	size_t len = 0;

	for (size_t i = 0; i < host->n_ports; i++)
		ports[len++] = host->ports[i];
	for (size_t i = 0; i < s->n_ports; i++) {
		bool known = false;

		for (size_t j = 0; j < len && !known; j++)
			known = !compare_ports(&ports[j], &s->ports[i]);
		if (!known)
			ports[len++] = s->ports[i];
	}
	qsort(ports, len, sizeof *ports, compare_ports);
	host->ports = ports;
	host->n_ports = len;
}

static void add_addresses(
    struct host *hosts, size_t *len, const CoreV1__EndpointSubset *s, bool ready, struct arena *arena)
{
	size_t n = ready ? s->n_addresses : s->n_not_ready_addresses;
	CoreV1__EndpointAddress **list = ready ? s->addresses : s->not_ready_addresses;

	for (size_t i = 0; i < n; i++) {
		struct host *host = find_host(hosts, len, list[i]);

		host->ready = host->ready && ready; /* not ready somewhere is not ready */
		add_ports(host, s, arena);
	}
}

static bool same_ports(const struct host *host, const CoreV1__EndpointSubset *s)
{
	if (host->n_ports != s->n_ports)
		return false;
	for (size_t i = 0; i < s->n_ports; i++)
		if (compare_ports(&host->ports[i], &s->ports[i]))
			return false;
	return true;
}

static int compare_subsets(const void *x, const void *y)
{
	const CoreV1__EndpointSubset *a = *(CoreV1__EndpointSubset *const *)x,
				     *b = *(CoreV1__EndpointSubset *const *)y;

	for (size_t i = 0; i < a->n_ports && i < b->n_ports; i++) {
		int d = compare_ports(&a->ports[i], &b->ports[i]);

		if (d)
			return d;
	}
	return (a->n_ports > b->n_ports) - (a->n_ports < b->n_ports);
}

void endpoints_repack(CoreV1__Endpoints *ep, struct arena *arena)
{
	size_t total = 0, len = 0;
	CoreV1__Endpoints packed = *ep;
	struct host *hosts;

	for (size_t i = 0; i < ep->n_subsets; i++) {
		total += ep->subsets[i]->n_addresses + ep->subsets[i]->n_not_ready_addresses;
		if (!ep->subsets[i]->n_addresses && !ep->subsets[i]->n_not_ready_addresses)
			return; /* invalid: validation says so */
	}
	hosts = ARENA_ARRAY(arena, struct host, total + 1);
	for (size_t i = 0; i < ep->n_subsets; i++) {
		add_addresses(hosts, &len, ep->subsets[i], true, arena);
		add_addresses(hosts, &len, ep->subsets[i], false, arena);
	}
	packed.n_subsets = 0;
	packed.subsets = NULL;
	for (size_t i = 0; i < len; i++) {
		CoreV1__EndpointSubset *s = NULL;

		for (size_t j = 0; j < packed.n_subsets && !s; j++)
			if (same_ports(&hosts[i], packed.subsets[j]))
				s = packed.subsets[j];
		if (!s) {
			s = API_NEW(arena, core_v1__endpoint_subset);
			s->ports = hosts[i].ports;
			s->n_ports = hosts[i].n_ports;
			api_append(arena, &packed, subsets, s);
		}
		if (hosts[i].ready)
			api_append(arena, s, addresses, hosts[i].address);
		else
			api_append(arena, s, not_ready_addresses, hosts[i].address);
	}
	for (size_t i = 0; i < packed.n_subsets; i++) {
		CoreV1__EndpointSubset *s = packed.subsets[i];

		if (s->n_addresses)
			qsort(s->addresses, s->n_addresses, sizeof *s->addresses, compare_addresses);
		if (s->n_not_ready_addresses)
			qsort(s->not_ready_addresses, s->n_not_ready_addresses,
			    sizeof *s->not_ready_addresses, compare_addresses);
	}
	if (packed.n_subsets)
		qsort(packed.subsets, packed.n_subsets, sizeof *packed.subsets, compare_subsets);
	ep->n_subsets = packed.n_subsets;
	ep->subsets = packed.subsets;
}
