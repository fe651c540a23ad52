#include <stdio.h>
#include <string.h>

#include "kubectl/describe/describe.h"
#include "lib/api/values.h"

static void put_addresses(struct describe *d)
{
	put(d, 0, "IP:\t%s\n", text_at(d, "status.podIP"));
	const struct json *ips = tree_at(d->object, "status.podIPs");
	put(d, 0, tree_len(ips) ? "IPs:\n" : "IPs:\t<none>\n");
	tree_for_each(ips, ip) put(d, 1, "IP:\t%s\n", json_get_string(ip, "ip", ""));
}

static void put_status(struct describe *d)
{
	char out[TIME_TEXT_MAX];
	const char *deleted = text_at(d, "metadata.deletionTimestamp");
	if (*deleted) {
		int64_t grace = tree_int(d->object, "metadata.deletionGracePeriodSeconds", 0);
		int64_t since = kubectl_now_s() - tree_time(d->object, "metadata.deletionTimestamp");
		put(d, 0, "Status:\tTerminating (lasts %s)\n",
		    time_human_duration(since < 0 ? 0 : since, out));
		put(d, 0, "Termination Grace Period:\t%llds\n", (long long)grace);
	} else {
		put(d, 0, "Status:\t%s\n", text_at(d, "status.phase"));
	}
	if (*text_at(d, "status.reason"))
		put(d, 0, "Reason:\t%s\n", text_at(d, "status.reason"));
	if (*text_at(d, "status.message"))
		put(d, 0, "Message:\t%s\n", text_at(d, "status.message"));
}

static void put_conditions(struct describe *d)
{
	const struct json *conditions = tree_at(d->object, "status.conditions");
	if (!tree_len(conditions))
		return;
	put(d, 0, "Conditions:\n");
	put(d, 1, "Type\tStatus\n");
	tree_for_each(conditions, c)
	    put(d, 1, "%s \t%s \n", json_get_string(c, "type", ""), json_get_string(c, "status", ""));
}

static void put_node(struct describe *d)
{
	const char *node = text_at(d, "spec.nodeName"), *ip = text_at(d, "status.hostIP");
	if (*node)
		put(d, 0, "Node:\t%s/%s\n", node, ip);
	else
		put(d, 0, "Node:\t<none>\n");
	if (*text_at(d, "status.startTime"))
		put(d, 0, "Start Time:\t%s\n", time_text(d, text_at(d, "status.startTime")));
}

void describe_pod(struct describe *d)
{
	const struct json *pod = d->object, *spec = json_get(pod, "spec");
	put(d, 0, "Name:\t%s\n", tree_name(pod));
	put(d, 0, "Namespace:\t%s\n", tree_namespace(pod));
	if (json_get(spec, "priority")) {
		put(d, 0, "Priority:\t%s\n", text_at(d, "spec.priority"));
		if (*text_at(d, "spec.priorityClassName"))
			put(d, 0, "Priority Class Name:\t%s\n", text_at(d, "spec.priorityClassName"));
	}
	if (*text_at(d, "spec.runtimeClassName"))
		put(d, 0, "Runtime Class Name:\t%s\n", text_at(d, "spec.runtimeClassName"));
	if (*text_at(d, "spec.serviceAccountName"))
		put(d, 0, "Service Account:\t%s\n", text_at(d, "spec.serviceAccountName"));
	put_node(d);
	put_labels(d, 0, "Labels", tree_at(pod, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(pod, "metadata.annotations"));
	put_status(d);
	put_addresses(d);
	if (controller_text(d, pod))
		put(d, 0, "Controlled By:\t%s\n", controller_text(d, pod));
	if (*text_at(d, "status.nominatedNodeName"))
		put(d, 0, "NominatedNodeName:\t%s\n", text_at(d, "status.nominatedNodeName"));
	if (tree_len(json_get(spec, "initContainers")))
		put_containers(d, 0, "Init Containers", json_get(spec, "initContainers"),
		    tree_at(pod, "status.initContainerStatuses"));
	put_containers(
	    d, 0, "Containers", json_get(spec, "containers"), tree_at(pod, "status.containerStatuses"));
	if (tree_len(json_get(spec, "ephemeralContainers")))
		put_containers(d, 0, "Ephemeral Containers", json_get(spec, "ephemeralContainers"),
		    tree_at(pod, "status.ephemeralContainerStatuses"));
	put_conditions(d);
	put_volumes(d, 0, json_get(spec, "volumes"));
	put(d, 0, "QoS Class:\t%s\n", text_at(d, "status.qosClass"));
	put_node_selectors(d, spec);
	put_tolerations(d, "Tolerations", json_get(spec, "tolerations"));
	put_events(d);
}
