/* /healthz, /livez, /readyz with ?verbose, ?exclude= and single checks. */
#include <string.h>

#include "apiserver/pipeline.h"
#include "apiserver/storage/storage.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

static const char *check_ping(struct api_server *server)
{
	return NULL;
}

static const char *check_etcd(struct api_server *server)
{
	return server->storage->functions->health(server->storage);
}

static const char *check_bootstrap(struct api_server *server)
{
	return server->is_bootstrapped ? NULL : "not finished";
}

static const char *check_shutdown(struct api_server *server)
{
	return server->is_stopping ? "process is shutting down" : NULL;
}

static const struct check {
	const char *name;
	const char *(*why_not)(struct api_server *server); /* NULL: well */
	bool is_for_healthz, is_for_livez;                 /* readyz has all of them */
} checks[] = {
    {"ping", check_ping, true, true},
    {"log", check_ping, true, true},
    {"etcd", check_etcd, true, false}, /* a restart of the server would not bring etcd back */
    {"poststarthook/start-apiextensions-controllers", check_ping, true, true},
    {"poststarthook/rbac/bootstrap-roles", check_bootstrap, false, false},
    {"poststarthook/bootstrap-controller", check_bootstrap, false, false},
    {"shutdown", check_shutdown, false, false},
};

static bool is_part_of(const struct check *c, const char *endpoint)
{
	if (!strcmp(endpoint, "readyz"))
		return true;
	return !strcmp(endpoint, "livez") ? c->is_for_livez : c->is_for_healthz;
}

static bool is_excluded(struct api_request *req, const char *name)
{
	const char *v;
	for (size_t i = 0; (v = http_request_query(req->http, "exclude", i)); i++)
		if (!strcmp(v, name))
			return true;
	return false;
}

int health_serve(struct api_request *req, struct error *err)
{
	const char *path = req->info.path + 1;
	const char *one = strchr(path, '/');
	char *endpoint =
	    one ? arena_strndup(req->arena, path, (size_t)(one - path)) : arena_strdup(req->arena, path);
	bool is_well = true, is_found = !one;
	struct buf text = BUF_INIT;
	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
		const struct check *c = &checks[i];
		if (one ? strcmp(one + 1, c->name) != 0 : !is_part_of(c, endpoint))
			continue;
		is_found = true;
		if (is_excluded(req, c->name)) {
			buf_printf(&text, "[+]%s excluded: ok\n", c->name);
			continue;
		}
		const char *why_not = c->why_not(req->server);
		is_well = is_well && !why_not;
		if (why_not && one) /* few may ask for a single check: they are told why */
			buf_printf(&text, "internal server error: %s: %s\n", c->name, why_not);
		else if (why_not)
			buf_printf(&text, "[-]%s failed: reason withheld\n", c->name);
		else
			buf_printf(&text, "[+]%s ok\n", c->name);
	}
	int status = !is_found ? 404 : is_well ? 200 : 500;
	if (!is_found) {
		buf_reset(&text);
		buf_puts(&text, "404 page not found\n");
	} else if (is_well && !http_request_query(req->http, "verbose", 0)) {
		buf_reset(&text);
		buf_puts(&text, "ok");
	} else {
		buf_printf(&text, "%s check %s\n", endpoint, is_well ? "passed" : "failed");
	}
	api_respond_body(req, status, "text/plain; charset=utf-8", &text);
	return API_DONE;
}
