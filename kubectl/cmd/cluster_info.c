/* kubectl cluster-info. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/session.h"
#include "kubectl/tree.h"
#include "lib/client/rest.h"

static void print_line(const char *name, const char *url)
{
	if (isatty(1))
		printf("\033[0;32m%s\033[0m is running at \033[0;33m%s\033[0m\n", name, url);
	else
		printf("%s is running at %s\n", name, url);
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	struct args args;
	struct json *list;
	if (kubectl_parse(k, "kubectl cluster-info", NULL, argc, argv, &args, err) || kubectl_connect(k, err))
		return -1;
	if (args.len && str_eq(args.items[0], "dump"))
		return error_set(
		    err, ERR_PARSE, "cluster-info dump is not supported: use kubectl get -A -o yaml");
	const char *path = session_path(k, mapper_built_in(k, "services"), "kube-system", NULL, NULL);
	if (session_list(
		k, session_param(k, path, "labelSelector", "kubernetes.io/cluster-service=true"), &list, err))
		return -1;
	const char *server = rest_client_server(k->rest);
	print_line("Kubernetes control plane", server);
	tree_for_each(json_get(list, "items"), service)
	{
		const struct json *ports = tree_at(service, "spec.ports"),
				  *port = tree_len(ports) ? ports->items[0] : NULL;
		const char *port_name = json_get_string(port, "name", "");
		const char *name = json_get_string(
		    tree_at(service, "metadata.labels"), "kubernetes.io/name", tree_name(service));
		print_line(
		    name, arena_printf(k->arena, "%s/api/v1/namespaces/%s/services/%s%s%s/proxy", server,
			      tree_namespace(service), tree_name(service), *port_name ? ":" : "", port_name));
	}
	printf("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n");
	return 0;
}

const struct command command_cluster_info = {
    "cluster-info", NULL, "Cluster Management Commands:", "Display cluster information", run};
