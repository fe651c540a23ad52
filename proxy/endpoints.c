#include "proxy/endpoints.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"

static bool same_port(const CoreV1__ServicePort *port, const DiscoveryV1__EndpointPort *other)
{
	return str_eq(port->name, other->name) &&
	       str_eq(str_or(port->protocol, "TCP"), str_or(other->protocol, "TCP")) && other->has_port &&
	       other->port > 0;
}

static int by_text(const void *a, const void *b)
{
	const struct proxy_endpoint *x = a, *y = b;
	int order = strcmp(x->text, y->text);
	/* Of two entries for one address the ready one counts: a pod may stand in two slices while it moves.
	 */
	return order ? order : (int)y->ready - (int)x->ready;
}

static void read_conditions(struct proxy_endpoint *to, const DiscoveryV1__EndpointConditions *from)
{
	/* Unset means true for ready; serving follows ready. */
	to->ready = !from || !from->has_ready || from->ready;
	to->serving = from && from->has_serving ? from->serving : to->ready;
	to->terminating = from && from->has_terminating && from->terminating;
}

static void read_hints(struct proxy_endpoint *to, const DiscoveryV1__EndpointHints *hints, const char *zone)
{
	to->has_hints = hints && hints->n_for_zones;
	for (size_t i = 0; to->has_hints && i < hints->n_for_zones; i++)
		to->hinted |= !str_empty(zone) && str_eq(hints->for_zones[i]->name, zone);
}

struct proxy_endpoint *endpoints_of_port(struct arena *arena, const CoreV1__ServicePort *port,
    const DiscoveryV1__EndpointSlice *const *slices, size_t slices_len, const char *node_name,
    const char *zone, size_t *ret_len)
{
	size_t capacity = 0, len = 0, unique = 0;
	for (size_t i = 0; i < slices_len; i++)
		capacity += slices[i]->n_endpoints * slices[i]->n_ports;
	struct proxy_endpoint *list = ARENA_ARRAY(arena, struct proxy_endpoint, capacity + 1);
	for (size_t i = 0; i < slices_len; i++)
		for (size_t p = 0; p < slices[i]->n_ports; p++) {
			if (!same_port(port, slices[i]->ports[p]))
				continue;
			for (size_t e = 0; e < slices[i]->n_endpoints; e++) {
				const DiscoveryV1__Endpoint *from = slices[i]->endpoints[e];
				struct proxy_endpoint *to = &list[len];
				struct in_addr ip;
				/* Consumers use the first address only. */
				if (!from->n_addresses || inet_pton(AF_INET, from->addresses[0], &ip) != 1)
					continue;
				*to = (struct proxy_endpoint){
				    .is_local = !str_empty(node_name) && str_eq(from->node_name, node_name)};
				snprintf(to->ip, sizeof(to->ip), "%s", from->addresses[0]);
				snprintf(to->text, sizeof(to->text), "%s:%u", to->ip,
				    (unsigned)(slices[i]->ports[p]->port & 0xffff));
				read_conditions(to, from->conditions);
				read_hints(to, from->hints, zone);
				len++;
			}
		}
	qsort(list, len, sizeof(*list), by_text);
	for (size_t i = 0; i < len; i++)
		if (!unique || strcmp(list[unique - 1].text, list[i].text) != 0)
			list[unique++] = list[i];
	*ret_len = unique;
	return list;
}

static bool is_ready(const struct proxy_endpoint *endpoint)
{
	return endpoint->ready;
}

static bool is_ready_local(const struct proxy_endpoint *endpoint)
{
	return endpoint->ready && endpoint->is_local;
}

static bool is_ready_hinted(const struct proxy_endpoint *endpoint)
{
	return endpoint->ready && endpoint->hinted;
}

static bool is_leaving(const struct proxy_endpoint *endpoint)
{
	return endpoint->serving && endpoint->terminating;
}

static bool is_leaving_local(const struct proxy_endpoint *endpoint)
{
	return is_leaving(endpoint) && endpoint->is_local;
}

static struct proxy_endpoints filter(struct arena *arena, const struct proxy_endpoint *endpoints, size_t len,
    bool (*wanted)(const struct proxy_endpoint *endpoint))
{
	struct proxy_endpoints chosen = {ARENA_ARRAY(arena, const struct proxy_endpoint *, len + 1), 0};
	for (size_t i = 0; i < len; i++)
		if (wanted(&endpoints[i]))
			chosen.items[chosen.len++] = &endpoints[i];
	return chosen;
}

static bool use_hints(const struct proxy_endpoint *endpoints, size_t len)
{
	bool found = false;
	for (size_t i = 0; i < len; i++) {
		if (endpoints[i].ready && !endpoints[i].has_hints)
			return false;
		found |= endpoints[i].ready && endpoints[i].hinted;
	}
	return found;
}

/* Both lists are in the order of `endpoints`. */
static struct proxy_endpoints join(struct arena *arena, struct proxy_endpoints a, struct proxy_endpoints b)
{
	struct proxy_endpoints all = {
	    ARENA_ARRAY(arena, const struct proxy_endpoint *, a.len + b.len + 1), 0};
	size_t i = 0, j = 0;
	while (i < a.len || j < b.len) {
		const struct proxy_endpoint *x = i < a.len ? a.items[i] : NULL,
					    *y = j < b.len ? b.items[j] : NULL;
		const struct proxy_endpoint *next = !y || (x && x <= y) ? x : y;
		i += x == next;
		j += y == next;
		all.items[all.len++] = next;
	}
	return all;
}

void endpoints_choose(struct arena *arena, const struct proxy_endpoint *endpoints, size_t len,
    const struct proxy_policy *policy, struct proxy_choice *ret)
{
	*ret = (struct proxy_choice){0};
	for (size_t i = 0; i < len; i++)
		ret->has_any |= is_ready(&endpoints[i]) || is_leaving(&endpoints[i]);
	/* With an external policy of Local the cluster's endpoints still serve pods and the node itself. */
	if (!policy->internal_local || policy->externally_accessible) {
		ret->cluster =
		    filter(arena, endpoints, len, use_hints(endpoints, len) ? is_ready_hinted : is_ready);
		if (!ret->cluster.len)
			ret->cluster = filter(arena, endpoints, len, is_leaving);
	}
	if (policy->internal_local || (policy->external_local && policy->externally_accessible)) {
		ret->local = filter(arena, endpoints, len, is_ready_local);
		if (!ret->local.len)
			ret->local = filter(arena, endpoints, len, is_leaving_local);
	}
	ret->all = join(arena, ret->cluster, ret->local);
}
