#include "apiserver/proxy/hook.h"

#include <string.h>

#include "apiserver/proxy/proxy.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

enum { PORT_DEFAULT = 443 };

static int find_service(struct api_server *server, struct arena *arena, const struct hook_target *t,
    const char **ret_url, struct error *err)
{
	const char *path = str_or(t->path, "/"), *ip;
	int port = t->port ? t->port : PORT_DEFAULT;

	if (target_service_endpoint(server, t->service_namespace, t->service_name,
		arena_printf(arena, "%d", port), &ip, &port, err) < 0)
		return -1;
	*ret_url = arena_printf(arena, strchr(ip, ':') ? "https://[%s]:%d%s%s" : "https://%s:%d%s%s", ip,
	    port, path[0] == '/' ? "" : "/", path);
	return 0;
}

int hook_find(struct api_server *server, struct arena *arena, const struct hook_target *target, int timeout_s,
    const char **ret_url, struct http_tls *ret_tls, struct error *err)
{
	const char *url = target->url;

	*ret_tls = (struct http_tls){0};
	if (!url && !target->service_name)
		return error_set(err, ERR_INTERNAL, "the webhook names neither url nor service");
	if (!url) {
		if (find_service(server, arena, target, &url, err) < 0)
			return -1;
		ret_tls->server_name =
		    arena_printf(arena, "%s.%s.svc", target->service_name, target->service_namespace);
	}
	if (target->ca_bundle_size > 0)
		ret_tls->ca_data = arena_strndup(arena, target->ca_bundle, target->ca_bundle_size);
	*ret_url = arena_printf(arena, "%s%ctimeout=%ds", url, strchr(url, '?') ? '&' : '?', timeout_s);
	return 0;
}
