#include <stdio.h>
#include <string.h>

#include "kubectl/describe/describe.h"
#include "lib/api/values.h"

static const char *show(struct describe *d, const struct json *v, const char *path)
{
	return tree_show_at(d->arena, v, path, "");
}

static void put_roles(struct describe *d)
{
	struct buf out = BUF_INIT;
	const struct json *labels = tree_at(d->object, "metadata.labels");
	for (size_t i = 0; i < tree_size(labels); i++)
		if (str_has_prefix(labels->members[i].key, "node-role.kubernetes.io/"))
			buf_printf(&out, "%s%s", out.size ? "," : "",
			    labels->members[i].key + strlen("node-role.kubernetes.io/"));
	put(d, 0, "Roles:\t%s\n", out.size ? buf_str(&out) : "<none>");
	buf_done(&out);
}

static void put_taints(struct describe *d)
{
	const struct json *taints = tree_at(d->object, "spec.taints");
	if (!tree_len(taints))
		put(d, 0, "Taints:\t<none>\n");
	tree_for_each(taints, taint)
	{
		const char *value = show(d, taint, "value");
		put(d, 0, "%s\t%s%s%s:%s\n", taint_i ? "" : "Taints:", show(d, taint, "key"),
		    *value ? "=" : "", value, show(d, taint, "effect"));
	}
}

static void put_lease(struct describe *d)
{
	struct json *leases = list_other(d, "leases", "kube-node-lease", NULL,
	    arena_printf(d->arena, "metadata.name=%s", tree_name(d->object)));
	const struct json *lease = tree_len(leases) ? leases->items[0] : NULL;
	if (!lease) {
		put(d, 0, "Lease:\tFailed to get lease: leases.coordination.k8s.io \"%s\" not found\n",
		    tree_name(d->object));
		return;
	}
	put(d, 0, "Lease:\n");
	put(d, 1, "HolderIdentity:\t%s\n", tree_text(lease, "spec.holderIdentity", "<unset>"));
	put(d, 1, "AcquireTime:\t%s\n", time_text(d, tree_text(lease, "spec.acquireTime", "")));
	put(d, 1, "RenewTime:\t%s\n", time_text(d, tree_text(lease, "spec.renewTime", "")));
}

static void put_conditions(struct describe *d)
{
	const struct json *conditions = tree_at(d->object, "status.conditions");
	if (!tree_len(conditions))
		return;
	put(d, 0, "Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage\n");
	put(d, 1, "----\t------\t-----------------\t------------------\t------\t-------\n");
	tree_for_each(conditions, c) put(d, 1, "%s \t%s \t%s \t%s \t%s \t%s\n", show(d, c, "type"),
	    show(d, c, "status"), time_text(d, show(d, c, "lastHeartbeatTime")),
	    time_text(d, show(d, c, "lastTransitionTime")), show(d, c, "reason"), show(d, c, "message"));
}

static void put_map(struct describe *d, const char *title, const struct json *map)
{
	if (!tree_size(map))
		return;
	struct json *sorted = json_clone(d->arena, map);
	json_sort(sorted);
	put(d, 0, "%s:\n", title);
	for (size_t i = 0; i < sorted->len; i++)
		put(d, 1, "%s:\t%s\n", sorted->members[i].key, tree_show(d->arena, sorted->members[i].value));
}

static void put_system_info(struct describe *d)
{
	static const char *const rows[][2] = {{"Machine ID", "machineID"}, {"System UUID", "systemUUID"},
	    {"Boot ID", "bootID"}, {"Kernel Version", "kernelVersion"}, {"OS Image", "osImage"},
	    {"Operating System", "operatingSystem"}, {"Architecture", "architecture"},
	    {"Container Runtime Version", "containerRuntimeVersion"}, {"Kubelet Version", "kubeletVersion"},
	    {"Kube-Proxy Version", "kubeProxyVersion"}};
	const struct json *info = tree_at(d->object, "status.nodeInfo");
	put(d, 0, "System Info:\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		put(d, 1, "%s:\t%s\n", rows[i][0], show(d, info, rows[i][1]));
}

/* -- requests and limits
 * ------------------------------------------------------------------------------------------ */

enum { RESOURCES = 3 };
static const char *const resource_names[RESOURCES] = {"cpu", "memory", "ephemeral-storage"};

struct sums {
	struct quantity requests[RESOURCES], limits[RESOURCES];
};

static struct quantity quantity_from(const struct json *map, const char *name)
{
	struct quantity q = {0};
	struct error ignored = ERROR_INIT;
	const struct json *v = json_get(map, name);
	if (v && (v->type == JSON_STRING || v->type == JSON_NUMBER))
		quantity_parse(v->text, &q, &ignored);
	return q;
}

static void add_pod(struct sums *sums, const struct json *pod)
{
	tree_for_each(tree_at(pod, "spec.containers"), c) for (size_t i = 0; i < RESOURCES; i++)
	{
		struct quantity request = quantity_from(tree_at(c, "resources.requests"), resource_names[i]);
		struct quantity limit = quantity_from(tree_at(c, "resources.limits"), resource_names[i]);
		quantity_add(&sums->requests[i], &request);
		quantity_add(&sums->limits[i], &limit);
	}
	tree_for_each(tree_at(pod, "spec.initContainers"), init) for (size_t i = 0; i < RESOURCES; i++)
	{
		struct quantity request =
		    quantity_from(tree_at(init, "resources.requests"), resource_names[i]);
		struct quantity limit = quantity_from(tree_at(init, "resources.limits"), resource_names[i]);
		if (quantity_compare(&request, &sums->requests[i]) > 0)
			sums->requests[i] = request;
		if (quantity_compare(&limit, &sums->limits[i]) > 0)
			sums->limits[i] = limit;
	}
}

static const char *with_percent(struct describe *d, const struct quantity *q, const struct quantity *whole)
{
	char text[QUANTITY_TEXT_MAX];
	long long percent =
	    whole->nano ? (long long)(q->nano / (whole->nano / 100 ? whole->nano / 100 : 1)) : 0;
	return arena_printf(d->arena, "%s (%lld%%)", quantity_format(q, text), percent);
}

static void put_huge_pages(struct describe *d, const struct json *pods, const struct json *allocatable)
{
	for (size_t i = 0; i < tree_size(allocatable); i++) {
		const char *name = allocatable->members[i].key;
		struct quantity whole = quantity_from(allocatable, name), requests = {0}, limits = {0};
		if (!str_has_prefix(name, "hugepages-"))
			continue;
		tree_for_each(pods, pod) tree_for_each(tree_at(pod, "spec.containers"), c)
		{
			struct quantity request = quantity_from(tree_at(c, "resources.requests"), name);
			struct quantity limit = quantity_from(tree_at(c, "resources.limits"), name);
			quantity_add(&requests, &request);
			quantity_add(&limits, &limit);
		}
		put(d, 1, "%s\t%s\t%s\n", name, with_percent(d, &requests, &whole),
		    with_percent(d, &limits, &whole));
	}
}

static void put_pods(struct describe *d)
{
	struct json *pods = list_other(d, "pods", "", NULL,
	    arena_printf(d->arena, "spec.nodeName=%s,status.phase!=Succeeded,status.phase!=Failed",
		tree_name(d->object)));
	const struct json *allocatable = tree_at(d->object, "status.allocatable");
	struct quantity cpu = quantity_from(allocatable, "cpu"),
			memory = quantity_from(allocatable, "memory");
	struct sums total = {0};
	put(d, 0, "Non-terminated Pods:\t(%zu in total)\n", tree_len(pods));
	put(d, 1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge\n");
	put(d, 1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---\n");
	tree_for_each(pods, pod)
	{
		struct sums sums = {0};
		add_pod(&sums, pod);
		put(d, 1, "%s\t%s\t\t%s\t%s\t%s\t%s\t%s\n", tree_namespace(pod), tree_name(pod),
		    with_percent(d, &sums.requests[0], &cpu), with_percent(d, &sums.limits[0], &cpu),
		    with_percent(d, &sums.requests[1], &memory), with_percent(d, &sums.limits[1], &memory),
		    tree_age(d->arena, pod, "metadata.creationTimestamp", "<unknown>"));
		for (size_t i = 0; i < RESOURCES; i++) {
			quantity_add(&total.requests[i], &sums.requests[i]);
			quantity_add(&total.limits[i], &sums.limits[i]);
		}
	}
	put(d, 0, "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)\n");
	put(d, 1, "Resource\tRequests\tLimits\n");
	put(d, 1, "--------\t--------\t------\n");
	for (size_t i = 0; i < RESOURCES; i++) {
		struct quantity whole = quantity_from(allocatable, resource_names[i]);
		put(d, 1, "%s\t%s\t%s\n", resource_names[i], with_percent(d, &total.requests[i], &whole),
		    with_percent(d, &total.limits[i], &whole));
	}
	put_huge_pages(d, pods, allocatable);
}

void describe_node(struct describe *d)
{
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put_roles(d);
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	put(d, 0, "CreationTimestamp:\t%s\n", time_text(d, text_at(d, "metadata.creationTimestamp")));
	put_taints(d);
	put(d, 0, "Unschedulable:\t%s\n", text_or(d, "spec.unschedulable", "false"));
	put_lease(d);
	put_conditions(d);
	put(d, 0, "Addresses:\n");
	tree_for_each(tree_at(d->object, "status.addresses"), address)
	    put(d, 1, "%s:\t%s\n", show(d, address, "type"), show(d, address, "address"));
	put_map(d, "Capacity", tree_at(d->object, "status.capacity"));
	put_map(d, "Allocatable", tree_at(d->object, "status.allocatable"));
	put_system_info(d);
	if (*text_at(d, "spec.podCIDR"))
		put(d, 0, "PodCIDR:\t%s\n", text_at(d, "spec.podCIDR"));
	const struct json *cidrs = tree_at(d->object, "spec.podCIDRs");
	if (tree_len(cidrs)) {
		put(d, 0, "PodCIDRs:\t");
		tree_for_each(cidrs, cidr) put(d, 0, "%s%s", cidr_i ? "," : "", tree_show(d->arena, cidr));
		put(d, 0, "\n");
	}
	if (*text_at(d, "spec.providerID"))
		put(d, 0, "ProviderID:\t%s\n", text_at(d, "spec.providerID"));
	put_pods(d);
	put_events(d);
}
