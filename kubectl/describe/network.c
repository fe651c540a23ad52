/* Services, Endpoints, Ingresses. */
#include <stdio.h>
#include <string.h>

#include "kubectl/describe/describe.h"

static const char *show(struct describe *d, const struct json *v, const char *path)
{
	return tree_show_at(d->arena, v, path, "");
}

static const char *join(struct describe *d, const struct json *list)
{
	struct buf out = BUF_INIT;
	tree_for_each(list, item) buf_printf(&out, "%s%s", out.size ? "," : "", tree_show(d->arena, item));
	const char *text = arena_strdup(d->arena, buf_str(&out));
	buf_done(&out);
	return text;
}

/* The ready addresses of a service's endpoint slices for one port; the first three and a count. */
static const char *endpoints_text(struct describe *d, const struct json *slices, const char *port_name)
{
	enum { SHOWN = 3 };
	struct buf out = BUF_INIT;
	size_t n = 0;
	tree_for_each(slices, slice) tree_for_each(json_get(slice, "ports"), port)
	{
		if (!str_eq(json_get_string(port, "name", ""), port_name))
			continue;
		tree_for_each(json_get(slice, "endpoints"), endpoint)
		{
			if (!tree_bool(endpoint, "conditions.ready", true))
				continue;
			tree_for_each(json_get(endpoint, "addresses"), address)
			{
				const char *ip = tree_show(d->arena, address);
				if (n++ < SHOWN)
					buf_printf(&out, strchr(ip, ':') ? "%s[%s]:%s" : "%s%s:%s",
					    out.size ? "," : "", ip, show(d, port, "port"));
			}
		}
	}
	if (n > SHOWN)
		buf_printf(&out, " + %zu more...", n - SHOWN);
	const char *text = out.size ? arena_strdup(d->arena, buf_str(&out)) : "<none>";
	buf_done(&out);
	return text;
}

static void put_ports(struct describe *d, const struct json *slices)
{
	tree_for_each(tree_at(d->object, "spec.ports"), port)
	{
		const char *name = json_get_string(port, "name", ""),
			   *protocol = json_get_string(port, "protocol", "TCP");
		put(d, 0, "Port:\t%s  %s/%s\n", *name ? name : "<unset>", show(d, port, "port"), protocol);
		put(d, 0, "TargetPort:\t%s/%s\n", show(d, port, "targetPort"), protocol);
		if (json_get_int(port, "nodePort", 0))
			put(d, 0, "NodePort:\t%s  %s/%s\n", *name ? name : "<unset>",
			    show(d, port, "nodePort"), protocol);
		put(d, 0, "Endpoints:\t%s\n", endpoints_text(d, slices, name));
	}
}

void describe_service(struct describe *d)
{
	const struct json *families = tree_at(d->object, "spec.ipFamilies"),
			  *ips = tree_at(d->object, "spec.clusterIPs");
	put_head(d);
	put(d, 0, "Selector:\t%s\n", selector_text(d, tree_at(d->object, "spec.selector")));
	put(d, 0, "Type:\t%s\n", text_at(d, "spec.type"));
	if (*text_at(d, "spec.ipFamilyPolicy"))
		put(d, 0, "IP Family Policy:\t%s\n", text_at(d, "spec.ipFamilyPolicy"));
	put(d, 0, "IP Families:\t%s\n", tree_len(families) ? join(d, families) : "<none>");
	put(d, 0, "IP:\t%s\n", text_at(d, "spec.clusterIP"));
	put(d, 0, "IPs:\t%s\n", tree_len(ips) ? join(d, ips) : "<none>");
	if (tree_len(tree_at(d->object, "spec.externalIPs")))
		put(d, 0, "External IPs:\t%s\n", join(d, tree_at(d->object, "spec.externalIPs")));
	if (*text_at(d, "spec.loadBalancerIP"))
		put(d, 0, "Desired LoadBalancer IP:\t%s\n", text_at(d, "spec.loadBalancerIP"));
	if (*text_at(d, "spec.externalName"))
		put(d, 0, "External Name:\t%s\n", text_at(d, "spec.externalName"));
	struct json *slices = list_other(d, "endpointslices", tree_namespace(d->object),
	    arena_printf(d->arena, "kubernetes.io/service-name=%s", tree_name(d->object)), NULL);
	put_ports(d, slices);
	put(d, 0, "Session Affinity:\t%s\n", text_at(d, "spec.sessionAffinity"));
	if (*text_at(d, "spec.externalTrafficPolicy"))
		put(d, 0, "External Traffic Policy:\t%s\n", text_at(d, "spec.externalTrafficPolicy"));
	if (*text_at(d, "spec.internalTrafficPolicy"))
		put(d, 0, "Internal Traffic Policy:\t%s\n", text_at(d, "spec.internalTrafficPolicy"));
	if (*text_at(d, "spec.trafficDistribution"))
		put(d, 0, "Traffic Distribution:\t%s\n", text_at(d, "spec.trafficDistribution"));
	if (tree_len(tree_at(d->object, "spec.loadBalancerSourceRanges")))
		put(d, 0, "LoadBalancer Source Ranges:\t%s\n",
		    join(d, tree_at(d->object, "spec.loadBalancerSourceRanges")));
	put_events(d);
}

static void put_addresses(struct describe *d, const char *title, const struct json *addresses)
{
	struct buf out = BUF_INIT;
	tree_for_each(addresses, address)
	    buf_printf(&out, "%s%s", out.size ? "," : "", json_get_string(address, "ip", ""));
	put(d, 1, "%s:\t%s\n", title, out.size ? buf_str(&out) : "<none>");
	buf_done(&out);
}

void describe_endpoints(struct describe *d)
{
	put_head(d);
	put(d, 0, "Subsets:\n");
	tree_for_each(json_get(d->object, "subsets"), subset)
	{
		put_addresses(d, "Addresses", json_get(subset, "addresses"));
		put_addresses(d, "NotReadyAddresses", json_get(subset, "notReadyAddresses"));
		if (tree_len(json_get(subset, "ports")))
			put(d, 1, "Ports:\n    Name\tPort\tProtocol\n    ----\t----\t--------\n");
		tree_for_each(json_get(subset, "ports"), port)
		    put(d, 2, "%s\t%s\t%s\n", json_get_string(port, "name", "<unset>"), show(d, port, "port"),
			json_get_string(port, "protocol", ""));
		put(d, 0, "\n");
	}
	put_events(d);
}

static const char *backend_text(struct describe *d, const struct json *backend)
{
	const struct json *service = json_get(backend, "service"), *resource = json_get(backend, "resource");
	if (resource)
		return arena_printf(d->arena, "APIGroup: %s, Kind: %s, Name: %s",
		    show(d, resource, "apiGroup"), show(d, resource, "kind"), show(d, resource, "name"));
	const char *port = tree_show_at(d->arena, service, "port.number", show(d, service, "port.name"));
	struct json *slices = list_other(d, "endpointslices", tree_namespace(d->object),
	    arena_printf(d->arena, "kubernetes.io/service-name=%s", show(d, service, "name")), NULL);
	const char *name = "";
	if (tree_len(slices) && tree_len(json_get(slices->items[0], "ports")))
		name = json_get_string(json_get(slices->items[0], "ports")->items[0], "name", "");
	const char *found =
	    tree_len(slices) ? endpoints_text(d, slices, name) : "<error: services \"\" not found>";
	if (!tree_len(slices))
		found =
		    arena_printf(d->arena, "<error: services \"%s\" not found>", show(d, service, "name"));
	return arena_printf(d->arena, "%s:%s (%s)", show(d, service, "name"), port, found);
}

void describe_ingress(struct describe *d)
{
	struct buf addresses = BUF_INIT;
	const struct json *fallback = tree_at(d->object, "spec.defaultBackend");
	tree_for_each(tree_at(d->object, "status.loadBalancer.ingress"), point) buf_printf(&addresses, "%s%s",
	    addresses.size ? "," : "", json_get_string(point, "ip", json_get_string(point, "hostname", "")));
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put(d, 0, "Namespace:\t%s\n", tree_namespace(d->object));
	put(d, 0, "Address:\t%s\n", buf_str(&addresses));
	buf_done(&addresses);
	put(d, 0, "Ingress Class:\t%s\n", text_or(d, "spec.ingressClassName", "<none>"));
	put(d, 0, "Default backend:\t%s\n", fallback ? backend_text(d, fallback) : "<default>");
	if (tree_len(tree_at(d->object, "spec.tls")))
		put(d, 0, "TLS:\n");
	tree_for_each(tree_at(d->object, "spec.tls"), tls) put(d, 1, "%s terminates %s\n",
	    json_get_string(tls, "secretName", "SNI routes"), join(d, json_get(tls, "hosts")));
	put(d, 0, "Rules:\n  Host\tPath\tBackends\n");
	put(d, 1, "----\t----\t--------\n");
	tree_for_each(tree_at(d->object, "spec.rules"), rule)
	{
		put(d, 1, "%s\t\n", json_get_string(rule, "host", "*"));
		tree_for_each(tree_at(rule, "http.paths"), path) put(
		    d, 1, "  \t%s \t%s\n", show(d, path, "path"), backend_text(d, json_get(path, "backend")));
	}
	if (!tree_len(tree_at(d->object, "spec.rules")))
		put(d, 1, "%s\t%s\t%s\n", "*", "*", fallback ? backend_text(d, fallback) : "<default>");
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	put_events(d);
}

void describe_endpoint_slice(struct describe *d)
{
	const struct json *ports = json_get(d->object, "ports"),
			  *endpoints = json_get(d->object, "endpoints");
	put_head(d);
	put(d, 0, "AddressType:\t%s\n", text_at(d, "addressType"));
	put(d, 0,
	    tree_len(ports) ? "Ports:\n  Name\tPort\tProtocol\n  ----\t----\t--------\n"
			    : "Ports: <unset>\n");
	tree_for_each(ports, port)
	{
		const char *name = json_get_string(port, "name", "");
		put(d, 1, "%s\t%s\t%s\n", *name ? name : "<unset>", show(d, port, "port"),
		    show(d, port, "protocol"));
	}
	put(d, 0, tree_len(endpoints) ? "Endpoints:\n" : "Endpoints: <none>\n");
	tree_for_each(endpoints, endpoint)
	{
		put(d, 1, "- Addresses:\t%s\n", join(d, json_get(endpoint, "addresses")));
		put(d, 2, "Conditions:\n");
		put(d, 3, "Ready:\t%s\n", tree_show_at(d->arena, endpoint, "conditions.ready", "<unset>"));
		put(d, 2, "Hostname:\t%s\n", tree_show_at(d->arena, endpoint, "hostname", "<unset>"));
		if (json_get(endpoint, "targetRef"))
			put(d, 2, "TargetRef:\t%s/%s\n", show(d, endpoint, "targetRef.kind"),
			    show(d, endpoint, "targetRef.name"));
		put(d, 2, "NodeName:\t%s\n", tree_show_at(d->arena, endpoint, "nodeName", "<unset>"));
		put(d, 2, "Zone:\t%s\n", tree_show_at(d->arena, endpoint, "zone", "<unset>"));
	}
	put_events(d);
}
