#include "kubelet/server/server.h"

#include <stdlib.h>

#include "kubelet/config.h"

struct kubelet_server {
	int port;
};

struct kubelet_server *kubelet_server_new(const struct kubelet_server_deps *deps, struct error *err)
{
	struct kubelet_server *s = calloc(1, sizeof *s);
	s->port = (int)deps->config->port;
	return s;
}

int kubelet_server_port(const struct kubelet_server *server)
{
	return server->port;
}

void kubelet_server_free(struct kubelet_server *server)
{
	free(server);
}
