#include "lib/resources/endpoints_repack.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

/* One appearance of an address in a subset. */
struct entry {
	CoreV1__EndpointAddress *address;
	const CoreV1__EndpointSubset *subset;
	size_t order; /* of appearance: of equal ones the first speaks */
	bool ready;
};

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

static const char *target_uid(const CoreV1__EndpointAddress *a)
{
	return a->target_ref ? a->target_ref->uid : "";
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
	return d ? d : compare_text(target_uid(a), target_uid(b));
}

static int compare_identity(const struct entry *a, const struct entry *b)
{
	int d = compare_text(a->address->ip, b->address->ip);

	return d ? d : compare_text(target_uid(a->address), target_uid(b->address));
}

static int compare_entries(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int d = compare_identity(a, b);

	return d ? d : (a->order > b->order) - (a->order < b->order);
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

static void add_entries(struct entry *entries, size_t *len, const CoreV1__EndpointSubset *s, bool ready)
{
	size_t n = ready ? s->n_addresses : s->n_not_ready_addresses;
	CoreV1__EndpointAddress **list = ready ? s->addresses : s->not_ready_addresses;

	for (size_t i = 0; i < n; i++, ++*len)
		entries[*len] =
		    (struct entry){.address = list[i], .subset = s, .order = *len, .ready = ready};
}

/* Entries of one address become one host; not ready somewhere is not ready. */
static size_t merge_entries(struct host *hosts, struct entry *entries, size_t len, struct arena *arena)
{
	size_t n = 0;

	qsort(entries, len, sizeof *entries, compare_entries);
	for (size_t i = 0; i < len; i++) {
		if (i == 0 || compare_identity(&entries[i - 1], &entries[i]))
			hosts[n++] = (struct host){.address = entries[i].address, .ready = true};
		hosts[n - 1].ready = hosts[n - 1].ready && entries[i].ready;
		add_ports(&hosts[n - 1], entries[i].subset, arena);
	}
	return n;
}

static int compare_hosts(const void *x, const void *y)
{
	const struct host *a = x, *b = y;

	for (size_t i = 0; i < a->n_ports && i < b->n_ports; i++) {
		int d = compare_ports(&a->ports[i], &b->ports[i]);

		if (d)
			return d;
	}
	return (a->n_ports > b->n_ports) - (a->n_ports < b->n_ports);
}

/* Hosts that have the same ports. */
static CoreV1__EndpointSubset *make_subset(const struct host *hosts, size_t len, struct arena *arena)
{
	CoreV1__EndpointSubset *s = API_NEW(arena, core_v1__endpoint_subset);

	s->ports = hosts[0].ports;
	s->n_ports = hosts[0].n_ports;
	s->addresses = ARENA_ARRAY(arena, CoreV1__EndpointAddress *, len);
	s->not_ready_addresses = ARENA_ARRAY(arena, CoreV1__EndpointAddress *, len);
	for (size_t i = 0; i < len; i++) {
		if (hosts[i].ready)
			s->addresses[s->n_addresses++] = hosts[i].address;
		else
			s->not_ready_addresses[s->n_not_ready_addresses++] = hosts[i].address;
	}
	qsort(s->addresses, s->n_addresses, sizeof *s->addresses, compare_addresses);
	qsort(s->not_ready_addresses, s->n_not_ready_addresses, sizeof *s->not_ready_addresses,
	    compare_addresses);
	return s;
}

void endpoints_repack(CoreV1__Endpoints *ep, struct arena *arena)
{
	size_t total = 0, entries_len = 0;

	for (size_t i = 0; i < ep->n_subsets; i++) {
		total += ep->subsets[i]->n_addresses + ep->subsets[i]->n_not_ready_addresses;
		if (!ep->subsets[i]->n_addresses && !ep->subsets[i]->n_not_ready_addresses)
			return; /* invalid: validation says so */
	}
	struct entry *entries = ARENA_ARRAY(arena, struct entry, total + 1);
	struct host *hosts = ARENA_ARRAY(arena, struct host, total + 1);
	for (size_t i = 0; i < ep->n_subsets; i++) {
		add_entries(entries, &entries_len, ep->subsets[i], true);
		add_entries(entries, &entries_len, ep->subsets[i], false);
	}
	size_t len = merge_entries(hosts, entries, entries_len, arena);
	qsort(hosts, len, sizeof *hosts, compare_hosts); /* the order of subsets too */
	ep->subsets = ARENA_ARRAY(arena, CoreV1__EndpointSubset *, len + 1);
	ep->n_subsets = 0;
	for (size_t i = 0, end; i < len; i = end) {
		for (end = i + 1; end < len && !compare_hosts(&hosts[i], &hosts[end]);)
			end++;
		ep->subsets[ep->n_subsets++] = make_subset(&hosts[i], end - i, arena);
	}
}
