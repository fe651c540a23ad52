/*
 * node-ipam: gives every node a part of --cluster-cidr for its pods (spec.podCIDR). All nodes share one key,
 * so that one reconcile sees every part that is taken.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "controller-manager/options.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"
#include "proto/core_v1.pb-c.h"

struct network {
	uint32_t base;
	int bits;
};

static bool parse_cidr(const char *text, struct network *ret)
{
	char copy[64], *slash;
	struct in_addr address;
	int64_t bits;

	if (str_empty(text) || strlen(text) >= sizeof copy)
		return false;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (!slash || !str_to_int64(slash + 1, &bits) || bits < 1 || bits > 32)
		return false;
	*slash = '\0';
	if (inet_pton(AF_INET, copy, &address) != 1)
		return false;
	ret->bits = (int)bits;
	ret->base = ntohl(address.s_addr) & (UINT32_MAX << (32 - bits));
	return true;
}

static void map_all(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	const CoreV1__Node *node = new_ ? (const CoreV1__Node *)new_->msg : NULL;

	/* A node that went may make room for one that found none. */
	if (!node || str_empty(node->spec->pod_cidr))
		enqueue->key(enqueue, "nodes");
}

/* One bit for each part of the cluster's network that a node holds. */
static void mark_used(unsigned char *used, const struct network *cluster, int node_bits, const char *cidr)
{
	struct network have;
	uint64_t first, last;

	if (!parse_cidr(cidr, &have) || (have.base & (UINT32_MAX << (32 - cluster->bits))) != cluster->base)
		return;
	first = (have.base - cluster->base) >> (32 - node_bits);
	last = have.bits < node_bits ? first + (1u << (node_bits - have.bits)) - 1 : first;
	for (uint64_t i = first; i <= last; i++)
		used[i / 8] |= (unsigned char)(1 << i % 8);
}

static void assign(struct plan *plan, const struct object *node, uint32_t address, int bits)
{
	struct arena *a = plan_arena(plan);
	struct in_addr in = {.s_addr = htonl(address)};
	char text[INET_ADDRSTRLEN];
	struct json *cidr =
	    json_new_string(a, arena_printf(a, "%s/%d", inet_ntop(AF_INET, &in, text, sizeof text), bits));
	struct json *patch = json_new_object(a), *spec = json_new_object(a), *list = json_new_array(a);

	json_push(a, list, cidr);
	json_set(a, spec, "podCIDR", cidr);
	json_set(a, spec, "podCIDRs", list);
	json_set(a, patch, "spec", spec);
	plan_patch(plan, resource_nodes, NULL, object_name(node), REST_PATCH_STRATEGIC, patch);
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct controller_manager_options *o = options_of(ctx);
	const struct informer *nodes = controller_informer(ctx, resource_nodes);
	int node_bits = (int)o->node_cidr_mask_size;
	struct network cluster;
	unsigned char *used;
	uint64_t parts, next = 0;

	if (!o->allocate_node_cidrs)
		return;
	if (!parse_cidr(o->cluster_cidr, &cluster) || node_bits < cluster.bits || node_bits > 30 ||
	    node_bits - cluster.bits > 20) {
		plan_fail(plan,
		    "--cluster-cidr %s with --node-cidr-mask-size %d: give an IPv4 network that holds at "
		    "least one node's part",
		    str_or(o->cluster_cidr, "(none)"), node_bits);
		return;
	}
	parts = 1ULL << (node_bits - cluster.bits);
	used = arena_alloc(plan_arena(plan), parts / 8 + 1);
	informer_for_each (obj, informer_all(nodes)) {
		const CoreV1__Node *node = (const CoreV1__Node *)obj->msg;

		mark_used(used, &cluster, node_bits, node->spec->pod_cidr);
	}
	informer_for_each (obj, informer_all(nodes)) {
		const CoreV1__Node *node = (const CoreV1__Node *)obj->msg;

		if (!str_empty(node->spec->pod_cidr) || obj->meta->deletion_timestamp)
			continue;
		while (next < parts && used[next / 8] >> next % 8 & 1)
			next++;
		if (next == parts) {
			plan_event(plan, obj, false, "CIDRNotAvailable",
			    "Node %s status is now: CIDRNotAvailable", object_name(obj));
			continue;
		}
		assign(plan, obj, cluster.base + (uint32_t)(next++ << (32 - node_bits)), node_bits);
	}
}

static const struct controller_watch watches[] = {{&resource_nodes, map_all}, {NULL, NULL}};
const struct controller controller_node_ipam = {.name = "node-ipam",
    .event_component = "cidrAllocator",
    .watches = watches,
    .reconcile = reconcile,
    .concurrency = 1};
