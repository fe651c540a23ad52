/*
 * /healthz, /livez and /readyz: ?verbose, ?exclude=, and each check under its own path. etcd is really asked,
 * with a limit of 2 s as upstream's probe. The pages themselves are open to everybody; why a check fails is
 * told to those who may also ask for this check by its own path, which always tells.
 */
#include <stdlib.h>
#include <string.h>

#include "apiserver/auth/auth.h"
#include "apiserver/pipeline.h"
#include "apiserver/storage/storage.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

enum { PROBE_MS = 2000 };

struct probe { /* of the store; in the request's arena */
	struct api_request *req;
	struct storage_op *op;
	struct loop_timer *timer;
	struct error error; /* code ERR_NONE: it has answered */
};

static const char *check_ping(const struct api_request *req)
{
	return NULL;
}

static const char *check_etcd(const struct api_request *req)
{
	const struct probe *probe = req->stage_state;
	return probe && probe->error.code ? probe->error.message : NULL;
}

static const char *check_cache(const struct api_request *req)
{
	return watchcache_why_behind(req->server->cache);
}

static const char *check_objects(const struct api_request *req)
{
	return req->server->has_policy ? NULL : "not finished";
}

static const char *check_bootstrap(const struct api_request *req)
{
	return req->server->is_bootstrapped ? NULL : "not finished";
}

static const char *check_shutdown(const struct api_request *req)
{
	return req->server->is_stopping ? "process is shutting down" : NULL;
}

static const struct check {
	const char *name;
	const char *(*why_not)(const struct api_request *req); /* NULL: well */
	bool is_for_healthz, is_for_livez;                     /* readyz has all of them */
} checks[] = {
    {"ping", check_ping, true, true},
    {"log", check_ping, true, true},
    {"etcd", check_etcd, true, false}, /* a restart of the server would not bring etcd back */
    {"etcd-readiness", check_etcd, false, false},
    {"informer-sync", check_cache, false, false},
    {"poststarthook/start-apiextensions-controllers", check_ping, true, true}, /* run before we listen */
    {"poststarthook/crd-informer-synced", check_ping, true, true},
    {"poststarthook/start-system-namespaces-controller", check_bootstrap, false, false},
    {"poststarthook/rbac/bootstrap-roles", check_objects, false, false},
    {"poststarthook/scheduling/bootstrap-system-priority-classes", check_objects, false, false},
    {"poststarthook/bootstrap-controller", check_bootstrap, false, false},
    {"poststarthook/apiservice-registration-controller", check_ping, true, true},
    {"shutdown", check_shutdown, false, false},
};
enum { CHECKS_LEN = sizeof checks / sizeof checks[0] };

/* Asking the store */

static void probe_end(struct probe *probe)
{
	loop_timer_free(probe->timer);
	storage_cancel(probe->req->server->storage, probe->op);
	probe->timer = NULL;
	probe->op = NULL;
}

static void on_store(void *arg, const struct storage_result *result)
{
	struct probe *probe = arg;
	probe->op = NULL;
	if (result->error)
		probe->error = *result->error;
	probe_end(probe);
	api_request_resume(probe->req);
}

static void on_late(void *arg)
{
	struct probe *probe = arg;
	const char *before = probe->req->server->storage->functions->health(probe->req->server->storage);
	error_set(&probe->error, ERR_TIMEOUT, "etcd does not answer within %d s%s%s", PROBE_MS / 1000,
	    before ? "; before that: " : "", str_or(before, ""));
	probe_end(probe);
	api_request_resume(probe->req);
}

static void on_cancel(void *arg)
{
	probe_end(arg);
}

static int ask_store(struct api_request *req)
{
	struct probe *probe = req->stage_state = ARENA_NEW(req->arena, struct probe);
	struct storage *storage = req->server->storage;
	probe->req = req;
	probe->timer = loop_timer_new(req->server->loop, on_late, probe);
	loop_timer_start(probe->timer, PROBE_MS, 0);
	probe->op = storage->functions->revision(storage, on_store, probe);
	req->cancel = on_cancel;
	req->cancel_arg = probe;
	return API_PENDING;
}

/* The pages */

static int respond(struct api_request *req, int status, struct buf *take_text)
{
	api_respond_body(req, status, "text/plain; charset=utf-8", take_text);
	return API_DONE;
}

static int serve_one(struct api_request *req, const struct check *c)
{
	struct buf text = BUF_INIT;
	if (c->why_not == check_etcd && !req->stage_state)
		return ask_store(req);
	const char *why_not = c->why_not(req);
	if (why_not)
		buf_printf(&text, "internal server error: %s\n", why_not);
	else
		buf_puts(&text, "ok");
	return respond(req, why_not ? 500 : 200, &text);
}

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

/* Names that exclude nothing are told: a typing error would go unnoticed else. */
static void warn_about_excludes(struct api_request *req, const char *endpoint, struct buf *text)
{
	const char *v, *separator = "warn: some health checks cannot be excluded: no matches for ";
	size_t size = text->size;
	for (size_t i = 0; (v = http_request_query(req->http, "exclude", i)); i++) {
		bool is_known = false;
		for (size_t c = 0; c < CHECKS_LEN; c++)
			is_known |= !strcmp(v, checks[c].name) && is_part_of(&checks[c], endpoint);
		if (is_known)
			continue;
		buf_printf(text, "%s\"%s\"", separator, v);
		separator = ",";
	}
	if (text->size > size)
		buf_putc(text, '\n');
}

/* One line a check; false when one fails. `log` receives the reasons. */
static bool list_checks(struct api_request *req, const char *endpoint, struct buf *text, struct buf *log)
{
	bool is_well = true;
	for (size_t i = 0; i < CHECKS_LEN; i++) {
		const struct check *c = &checks[i];
		if (!is_part_of(c, endpoint))
			continue;
		if (is_excluded(req, c->name)) {
			buf_printf(text, "[+]%s excluded: ok\n", c->name);
			continue;
		}
		const char *why_not = c->why_not(req);
		if (!why_not) {
			buf_printf(text, "[+]%s ok\n", c->name);
			continue;
		}
		const char *path = arena_printf(req->arena, "/%s/%s", endpoint, c->name);
		buf_printf(text, "[-]%s failed: %s\n", c->name,
		    auth_user_may_get(req, path) ? why_not : "reason withheld");
		buf_printf(log, "%s%s: %s", is_well ? "" : ", ", c->name, why_not);
		is_well = false;
	}
	return is_well;
}

static bool needs_store(struct api_request *req, const char *endpoint)
{
	for (size_t i = 0; i < CHECKS_LEN; i++)
		if (checks[i].why_not == check_etcd && is_part_of(&checks[i], endpoint) &&
		    !is_excluded(req, checks[i].name))
			return true;
	return false;
}

static int serve_all(struct api_request *req, const char *endpoint)
{
	struct buf text = BUF_INIT, reasons = BUF_INIT;
	if (needs_store(req, endpoint) && !req->stage_state)
		return ask_store(req);
	bool is_well = list_checks(req, endpoint, &text, &reasons);
	warn_about_excludes(req, endpoint, &text);
	if (!is_well)
		log_info("%s check failed: %s", endpoint, buf_str(&reasons));
	buf_done(&reasons);
	if (is_well && !http_request_query(req->http, "verbose", 0)) {
		buf_reset(&text);
		buf_puts(&text, "ok");
	} else {
		buf_printf(&text, "%s check %s\n", endpoint, is_well ? "passed" : "failed");
	}
	return respond(req, is_well ? 200 : 500, &text);
}

int health_serve(struct api_request *req, struct error *err)
{
	const char *path = req->info.path + 1;
	const char *one = strchr(path, '/');
	const char *endpoint = one ? arena_strndup(req->arena, path, (size_t)(one - path)) : path;
	struct buf text = BUF_INIT;
	if (!one)
		return serve_all(req, endpoint);
	for (size_t i = 0; i < CHECKS_LEN; i++)
		if (!strcmp(one + 1, checks[i].name) && is_part_of(&checks[i], endpoint))
			return serve_one(req, &checks[i]);
	buf_puts(&text, "404 page not found\n");
	return respond(req, 404, &text);
}
