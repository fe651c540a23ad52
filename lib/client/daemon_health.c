#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/metrics.h"
#include "lib/base/str.h"
#include "lib/client/daemon_private.h"
#include "lib/http/server.h"

struct daemon_health {
	struct http_server *server;
	struct metric_set *metrics;
	const struct daemon_health_hooks *hooks;
};

static void respond_metrics(struct daemon_health *health, struct http_server_request *request)
{
	struct buf out = BUF_INIT;
	metric_set_write(health->metrics, &out);
	if (health->hooks->metrics)
		health->hooks->metrics(health->hooks->metrics_arg, &out);
	http_respond(request, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, buf_str(&out), out.size);
	buf_done(&out);
}

static void on_request(void *arg, struct http_server_request *request)
{
	static const char *const probes[] = {"/healthz", "/livez", "/readyz", NULL};
	struct daemon_health *health = arg;
	const char *text = "ok";
	int status = 200;
	if (str_eq(request->path, "/metrics")) {
		respond_metrics(health, request);
		return;
	}
	if (str_in(request->path, probes)) {
		const char *reason =
		    health->hooks->healthy ? health->hooks->healthy(health->hooks->healthy_arg) : NULL;
		if (reason) {
			status = 500;
			text =
			    arena_printf(request->arena, "%s check failed: %s\n", request->path + 1, reason);
		}
	} else {
		status = 404;
		text = "404 page not found\n";
	}
	http_respond(request, status, "text/plain; charset=utf-8", NULL, text, strlen(text));
}

struct daemon_health *daemon_health_new(struct loop *loop, const char *address, int port,
    const struct daemon_health_hooks *hooks, struct error *err)
{
	struct daemon_health *health = calloc(1, sizeof(*health));
	if (!health)
		abort();
	health->hooks = hooks;
	health->metrics = metric_set_new();
	metric_set_add_process(health->metrics);
	struct http_server_options options = {.address = address, .port = port, .connections_max = 100};
	health->server = http_server_new(loop, &options, on_request, health, err);
	if (health->server)
		return health;
	daemon_health_free(health);
	return NULL;
}

void daemon_health_free(struct daemon_health *health)
{
	if (!health)
		return;
	http_server_free(health->server);
	metric_set_free(health->metrics);
	free(health);
}
