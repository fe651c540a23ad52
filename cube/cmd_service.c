#include <stdio.h>

#include "cube/api.h"
#include "cube/command.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/rest.h"
#include "lib/resources/resource.h"
#include "proto/core_v1.pb-c.h"

/* One line a port: the URL alone with --url (or when there is just one way), else the port's name too. */
static int print_urls(const struct cluster *c, const CoreV1__Service *service, bool only_url)
{
	size_t printed = 0;

	for (size_t i = 0; i < service->spec->n_ports; i++) {
		const CoreV1__ServicePort *port = service->spec->ports[i];

		if (!port->node_port)
			continue;
		if (!only_url && !str_empty(port->name))
			printf("%s ", port->name);
		printf("%s://%s:%d\n", port->port == 443 || str_eq(port->name, "https") ? "https" : "http",
		    c->node_ip, port->node_port);
		printed++;
	}
	if (printed)
		return 0;
	fprintf(stderr,
	    "cube: service %s/%s is of type %s and has no node port; `cube kubectl -- port-forward "
	    "service/%s PORT` reaches it\n",
	    service->metadata->namespace_, service->metadata->name, service->spec->type,
	    service->metadata->name);
	return 1;
}

int cmd_service(int argc, char **argv)
{
	const char *data_dir = CLUSTER_DEFAULT_DATA_DIR, *ns = "default", **args;
	bool only_url = false;
	const struct flag flags[] = {FLAG_DATA_DIR(data_dir),
	    {"namespace", 'n', FLAG_STRING, &ns, "The Service's namespace", NULL, NULL},
	    {"url", 0, FLAG_BOOL, &only_url, "Print URLs only", NULL, NULL}, FLAG_END};
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct cluster cluster;
	struct object *obj = NULL;
	struct api *api;
	size_t len;
	int rc = command_parse("service", flags, argc, argv, &args, &len, NULL);

	if (rc)
		return rc < 0 ? EXIT_USAGE : 0;
	if (len != 1) {
		fprintf(stderr, "cube service: name one Service\n");
		return EXIT_USAGE;
	}
	if (command_open(arena, data_dir, true, &cluster) != 0)
		return 1;
	api = api_open(&cluster, &err);
	if (!api || rest_do(api_client(api),
			REST_REQUEST(.verb = REST_GET, .type = resource_services, .ns = ns, .name = args[0]),
			&obj, &err) < 0)
		rc = command_fail(&err);
	else
		rc = print_urls(&cluster, (const CoreV1__Service *)obj->msg, only_url);
	object_unref(obj);
	api_close(api);
	arena_free(arena);
	return rc;
}
