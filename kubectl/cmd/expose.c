/* kubectl expose: a service for the pods of a workload, a pod or another service. */
#include <stdio.h>
#include <string.h>

#include "kubectl/last_applied.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/setting.h"
#include "kubectl/tree.h"

struct expose {
	struct kubectl *k;
	struct write_flags write;
	const char *name, *port, *target_port, *type, *protocol, *selector, *labels, *cluster_ip,
	    *external_ip, *affinity;
	bool save;
};

static struct json *pairs(struct arena *a, const char *text)
{
	struct json *map = json_new_object(a);
	size_t len;
	char **list = str_split(a, text, ',', &len);
	for (size_t i = 0; i < len; i++) {
		const char *eq = strchr(list[i], '=');
		if (eq)
			json_set(a, map, arena_strndup(a, list[i], (size_t)(eq - list[i])),
			    json_new_string(a, eq + 1));
	}
	return map;
}

static struct json *selector_of(const struct expose *e, const struct target *target)
{
	struct arena *a = e->k->arena;
	if (e->selector)
		return pairs(a, e->selector);
	const struct json *labels = tree_at(target->tree, "spec.selector.matchLabels");
	if (str_eq(target->mapping->plural, "pods"))
		labels = tree_at(target->tree, "metadata.labels");
	else if (!labels)
		labels = tree_at(target->tree, "spec.selector");
	return labels && tree_size(labels) ? json_clone(a, labels) : NULL;
}

static void add_port(
    const struct expose *e, struct json *ports, int64_t number, const char *protocol, size_t count)
{
	struct arena *a = e->k->arena;
	struct json *port = json_new_object(a);
	int64_t target;
	if (count > 1)
		tree_set_text(a, port, "name", arena_printf(a, "port-%zu", ports->len + 1));
	json_set(a, port, "port", json_new_int(a, number));
	tree_set_text(a, port, "protocol", str_or(e->protocol, str_or(protocol, "TCP")));
	if (!e->target_port)
		json_set(a, port, "targetPort", json_new_int(a, number));
	else if (str_to_int64(e->target_port, &target))
		json_set(a, port, "targetPort", json_new_int(a, target));
	else
		json_set(a, port, "targetPort", json_new_string(a, e->target_port));
	json_push(a, ports, port);
}

static int make_ports(
    const struct expose *e, const struct target *target, struct json *ports, struct error *err)
{
	size_t len, count = 0;
	if (e->port) {
		char **list = str_split(e->k->arena, e->port, ',', &len);
		for (size_t i = 0; i < len; i++) {
			int64_t number;
			if (!str_to_int64(list[i], &number))
				return error_set(err, ERR_PARSE, "invalid port %s", list[i]);
			add_port(e, ports, number, NULL, len);
		}
		return 0;
	}
	bool is_service = str_eq(target->mapping->plural, "services");
	tree_for_each(setting_containers(target->tree, false), c) count += tree_len(json_get(c, "ports"));
	tree_for_each(is_service ? tree_at(target->tree, "spec.ports") : NULL, p)
	    add_port(e, ports, json_get_int(p, "port", 0), json_get_string(p, "protocol", "TCP"),
		tree_len(tree_at(target->tree, "spec.ports")));
	tree_for_each(is_service ? NULL : setting_containers(target->tree, false), c)
	    tree_for_each(json_get(c, "ports"), p) add_port(
		e, ports, json_get_int(p, "containerPort", 0), json_get_string(p, "protocol", "TCP"), count);
	if (!ports->len)
		return error_set(err, ERR_PARSE, "couldn't find port via --port flag or introspection");
	return 0;
}

static int expose_one(struct expose *e, const struct target *target, struct error *err)
{
	static const char *const kinds[] = {
	    "pods", "services", "replicationcontrollers", "deployments", "replicasets", NULL};
	struct kubectl *k = e->k;
	struct arena *a = k->arena;
	if (!str_in(target->mapping->plural, kinds))
		return error_set(err, ERR_PARSE, "cannot expose a %s", mapping_kind_text(a, target->mapping));
	struct json *selector = selector_of(e, target), *ports = json_new_array(a), *created;
	if (!selector)
		return error_set(err, ERR_PARSE,
		    "couldn't retrieve selectors via --selector flag or introspection: %s",
		    str_eq(target->mapping->plural, "pods") ? "the pod has no labels and cannot be exposed"
							    : "the object selects no pods");
	if (make_ports(e, target, ports, err))
		return -1;
	const struct mapping *services = mapper_built_in(k, "services");
	struct json *service = tree_new(a, "v1", "Service", str_or(e->name, target->name),
	    write_is_client(&e->write) && !k->globals.ns_set ? NULL : target->ns);
	const struct json *labels = tree_at(target->tree, "metadata.labels");
	if (write_is_client(&e->write))
		tree_set(a, service, "metadata.creationTimestamp", json_new_null(a));
	if (e->labels)
		tree_set(a, service, "metadata.labels", pairs(a, e->labels));
	else if (tree_size(labels))
		tree_set(a, service, "metadata.labels", json_clone(a, labels));
	tree_set(a, service, "spec.ports", ports);
	tree_set(a, service, "spec.selector", selector);
	if (e->type)
		tree_set_text(a, service, "spec.type", e->type);
	if (e->cluster_ip)
		tree_set_text(a, service, "spec.clusterIP", e->cluster_ip);
	if (e->affinity)
		tree_set_text(a, service, "spec.sessionAffinity", e->affinity);
	if (e->external_ip) {
		struct json *list = json_new_array(a);
		json_push(a, list, json_new_string(a, e->external_ip));
		tree_set(a, service, "spec.externalIPs", list);
	}
	if (write_is_client(&e->write))
		tree_set(a, service, "status.loadBalancer", json_new_object(a));
	if (e->save)
		last_applied_set(a, service);
	created = service;
	const char *path = write_query(
	    k, &e->write, session_path(k, services, target->ns, NULL, NULL), "kubectl-expose", true);
	if (!write_is_client(&e->write) && session_call(k, "POST", path, service, &created, err))
		return -1;
	return write_done(k, &e->write, services, created, "exposed", err);
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct expose e = {.k = k};
	struct file_flags files = {0};
	const struct flag flags[] = {FILE_FLAGS(&files), WRITE_FLAGS(&e.write),
	    {"name", 0, FLAG_STRING, &e.name, "Name of the service"},
	    {"port", 0, FLAG_STRING, &e.port, "Port of the service"},
	    {"target-port", 0, FLAG_STRING, &e.target_port, "Port of the pods"},
	    {"type", 0, FLAG_STRING, &e.type, "ClusterIP, NodePort, LoadBalancer or ExternalName"},
	    {"protocol", 0, FLAG_STRING, &e.protocol, "TCP, UDP or SCTP"},
	    {"selector", 0, FLAG_STRING, &e.selector, "Labels of the pods"},
	    {"labels", 'l', FLAG_STRING, &e.labels, "Labels of the service"},
	    {"cluster-ip", 0, FLAG_STRING, &e.cluster_ip, "Address, or None"},
	    {"external-ip", 0, FLAG_STRING, &e.external_ip, "More addresses"},
	    {"session-affinity", 0, FLAG_STRING, &e.affinity, "None or ClientIP"},
	    {"save-config", 0, FLAG_BOOL, &e.save, "Remember for apply"}, FLAG_END};
	struct args args;
	struct target *targets;
	struct failures failures = {0};
	size_t len;
	if (kubectl_parse(k,
		"kubectl expose (-f FILENAME | TYPE NAME) [--port=port] [--protocol=TCP|UDP|SCTP] "
		"[--target-port=number-or-name]",
		flags, argc, argv, &args, err) ||
	    write_flags_check(k, &e.write, err))
		return -1;
	const struct target_query query = {.args = args.items, .args_len = args.len, .files = &files};
	if (targets_find(k, &query, &targets, &len, &failures, err))
		return -1;
	for (size_t i = 0; i < len; i++) {
		struct error one = ERROR_INIT;
		if (expose_one(&e, &targets[i], &one))
			failures_add(k, &failures, &one);
	}
	return failures_result(k, &failures, err);
}

const struct command command_expose = {"expose", NULL, "Basic Commands (Beginner):",
    "Take a replication controller, service, deployment or pod and expose it as a new Kubernetes service",
    run};
