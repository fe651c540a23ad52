#include "apiserver/registry/addresses.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "apiserver/options.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

enum { PREFIX_MIN = 12, PREFIX_MAX = 30 }; /* of the range of cluster IPs; upstream's least is 12 too */

int addresses_parse_ips(struct addresses *ret, const char *cidr, struct error *err)
{
	char ip[64];
	struct in_addr a;
	int64_t bits = 0;
	const char *slash = strchr(cidr, '/');
	size_t size = slash ? (size_t)(slash - cidr) : sizeof ip;
	if (size < sizeof ip) {
		memcpy(ip, cidr, size);
		ip[size] = '\0';
	}
	if (size >= sizeof ip || inet_pton(AF_INET, ip, &a) != 1 || !str_to_int64(slash + 1, &bits) ||
	    bits < PREFIX_MIN || bits > PREFIX_MAX)
		return error_set(err, ERR_BAD_REQUEST,
		    "--service-cluster-ip-range %s: an IPv4 range of /%d to /%d is wanted, such as "
		    "10.96.0.0/16",
		    cidr, PREFIX_MIN, PREFIX_MAX);
	uint32_t len = 1u << (32 - bits);
	ret->network = ntohl(a.s_addr) & ~(len - 1);
	ret->ips_len = len - 2;
	a.s_addr = htonl(ret->network);
	inet_ntop(AF_INET, &a, ip, sizeof ip);
	snprintf(ret->ip_text, sizeof ret->ip_text, "%.18s/%d", ip, (int)bits);
	return 0;
}

int addresses_parse_ports(struct addresses *ret, const char *text, struct error *err)
{
	int min = 0, max = 0, end = 0;
	if (sscanf(text, "%d-%d%n", &min, &max, &end) != 2 || text[end] || min < 1 || min > max ||
	    max > UINT16_MAX)
		return error_set(err, ERR_BAD_REQUEST,
		    "--service-node-port-range %s: two ports are wanted, such as 30000-32767", text);
	ret->port_min = min;
	ret->port_max = max;
	snprintf(ret->port_text, sizeof ret->port_text, "%d-%d", min, max);
	return 0;
}

int addresses_parse(struct addresses *ret, const struct api_options *options, struct error *err)
{
	if (addresses_parse_ips(ret, str_or(options->service_cluster_ip_range, "10.0.0.0/24"), err) < 0)
		return -1;
	return addresses_parse_ports(ret, str_or(options->service_node_port_range, "30000-32767"), err);
}

int64_t addresses_ip_number(const struct addresses *a, const char *text)
{
	struct in_addr in;
	if (str_empty(text) || inet_pton(AF_INET, text, &in) != 1)
		return ADDRESS_NONE;
	int64_t number = (int64_t)ntohl(in.s_addr) - a->network - 1;
	return number >= 0 && number < a->ips_len ? number : ADDRESS_NONE;
}

const char *addresses_ip(const struct addresses *a, int64_t number, char out[INET_ADDRSTRLEN])
{
	struct in_addr in = {.s_addr = htonl(a->network + 1 + (uint32_t)number)};
	return inet_ntop(AF_INET, &in, out, INET_ADDRSTRLEN);
}

int64_t addresses_port_number(const struct addresses *a, int32_t port)
{
	return port >= a->port_min && port <= a->port_max ? port - a->port_min : ADDRESS_NONE;
}

static void add_once(int64_t *list, size_t *len, int64_t number)
{
	for (size_t i = 0; i < *len; i++)
		if (list[i] == number)
			return;
	if (number != ADDRESS_NONE)
		list[(*len)++] = number;
}

void addresses_of(
    struct arena *arena, const struct addresses *a, const CoreV1__ServiceSpec *spec, struct address_list *ret)
{
	*ret = (struct address_list){0};
	if (!spec)
		return;
	ret->ips = ARENA_ARRAY(arena, int64_t, spec->n_cluster_ips + 1);
	ret->ports = ARENA_ARRAY(arena, int64_t, spec->n_ports + 1);
	add_once(ret->ips, &ret->ips_len, addresses_ip_number(a, spec->cluster_ip));
	for (size_t i = 0; i < spec->n_cluster_ips; i++)
		add_once(ret->ips, &ret->ips_len, addresses_ip_number(a, spec->cluster_ips[i]));
	for (size_t i = 0; i < spec->n_ports; i++)
		add_once(ret->ports, &ret->ports_len, addresses_port_number(a, spec->ports[i]->node_port));
	add_once(ret->ports, &ret->ports_len, addresses_port_number(a, spec->health_check_node_port));
}

static size_t subtract(int64_t *list, size_t len, const int64_t *other, size_t other_len)
{
	size_t kept = 0;
	for (size_t i = 0; i < len; i++) {
		bool is_shared = false;
		for (size_t j = 0; j < other_len && !is_shared; j++)
			is_shared = list[i] == other[j];
		if (!is_shared)
			list[kept++] = list[i];
	}
	return kept;
}

void addresses_subtract(struct address_list *list, const struct address_list *other)
{
	list->ips_len = subtract(list->ips, list->ips_len, other->ips, other->ips_len);
	list->ports_len = subtract(list->ports, list->ports_len, other->ports, other->ports_len);
}
