/* The parts of the API server put together, started in order and taken down again. */
#include "apiserver/server.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/audit/audit.h"
#include "apiserver/deadline.h"
#include "apiserver/extensions/aggregation.h"
#include "apiserver/extensions/extensions.h"
#include "apiserver/flowcontrol/flowcontrol.h"
#include "apiserver/metrics.h"
#include "apiserver/openapi/openapi.h"
#include "apiserver/options.h"
#include "apiserver/pipeline.h"
#include "apiserver/registry/services.h"
#include "apiserver/registry/system_objects.h"
#include "apiserver/shutdown.h"
#include "apiserver/storage/compactor.h"
#include "apiserver/storage/storage.h"
#include "apiserver/serving_flags.h"
#include "apiserver/tls_files.h"
#include "apiserver/types.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/base/arena.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"

static struct storage *open_storage(struct api_server *server, struct error *err)
{
	const struct api_options *o = server->options;
	if (o->etcd_servers.len == 1 && !strcmp(o->etcd_servers.items[0], "memory:"))
		return storage_memory_new(server->loop);
	struct arena *arena = arena_new();
	const char **endpoints = ARENA_ARRAY(arena, const char *, o->etcd_servers.len + 1);
	for (size_t i = 0; i < o->etcd_servers.len; i++)
		endpoints[i] = o->etcd_servers.items[i];
	struct storage_etcd_options options = {.endpoints = endpoints,
	    .ca_file = o->etcd_cafile,
	    .cert_file = o->etcd_certfile,
	    .key_file = o->etcd_keyfile};
	struct storage *storage = storage_etcd_new(server->loop, &options, err);
	arena_free(arena);
	return storage;
}

struct api_server *api_server_new(struct loop *loop, const struct api_options *options, struct error *err)
{
	struct api_server *server = calloc(1, sizeof *server);
	if (!server)
		abort();
	server->loop = loop;
	server->options = options;
	server->types = types_new();
	server->metrics = metrics_new(server);
	server->deadlines = deadlines_new(loop);
	server->http_client = http_client_new(loop, NULL);
	flowcontrol_init(server);
	server->storage = open_storage(server, err);
	if (server->storage)
		server->storage->observer = metrics_storage_observer(server);
	if (server->storage)
		server->cache = watchcache_new(server);
	if (server->cache)
		server->services = services_new(server, err);
	if (!server->services || auth_init(server, err) || admission_init(server, err) ||
	    audit_init(server, err)) {
		api_server_free(server);
		return NULL;
	}
	return server;
}

static int listen_for_requests(struct api_server *server, struct error *err)
{
	const struct api_options *o = server->options;
	struct arena *arena = arena_new();
	struct http_server_options http = {.address = str_or(o->bind_address, "0.0.0.0"),
	    .port = (int)o->secure_port,
	    .client_ca_file = o->client_ca_file,
	    .body_timeout_ms = o->request_timeout_ms,
	    .screen = pipeline_screen,
	    .late_handler = pipeline_handle_late};
	int rc = 0;
	if (o->client_ca_file && !*o->client_ca_file)
		http.client_ca_file = NULL;
	if (!o->is_insecure)
		rc = tls_files(arena, o, &http.cert_file, &http.key_file, err) ||
		     serving_flags_tls(arena, o, &http, err);
	if (!rc) {
		server->http = http_server_new(server->loop, &http, pipeline_handle, server, err);
		rc = server->http ? 0 : -1;
	}
	arena_free(arena);
	return rc;
}

static void report_ready(struct api_server *server, const struct error *err)
{
	void (*fn)(void *, const struct error *) = server->on_ready;
	server->on_ready = NULL;
	if (fn)
		fn(server->on_ready_arg, err);
}

static void on_system_objects(void *arg)
{
	struct api_server *server = arg;
	server->is_bootstrapped = true;
	flowcontrol_maintain(server);
	log_info("ready on port %d", api_server_port(server));
	report_ready(server, NULL);
}

static void on_bootstrapped(void *arg)
{
	struct api_server *server = arg;
	server->has_policy = true;
	server->system_objects = system_objects_start(server, on_system_objects, server);
}

static void on_services_repaired(void *arg)
{
	bootstrap_start(arg, on_bootstrapped, arg);
}

static void on_cache_ready(void *arg)
{
	struct api_server *server = arg;
	struct error why = ERROR_INIT;
	flowcontrol_start(server);
	extensions_start(server);
	aggregation_start(server);
	if (listen_for_requests(server, &why)) {
		report_ready(server, &why);
		return;
	}
	services_start(server->services, SERVICES_REPAIR_MS, on_services_repaired, server);
}

static void on_bootstrapped_again(void *arg)
{
	struct api_server *server = arg;
	server->has_policy = server->is_bootstrapped = true;
	flowcontrol_maintain(server);
}

/* An older state, or an empty one, may lack what a cluster cannot do without. system_objects notices by
 * itself.
 */
static void on_cache_replaced(void *arg)
{
	struct api_server *server = arg;
	if (!server->is_bootstrapped)
		return; /* that is under way, and tries again what it finds missing */
	server->has_policy = server->is_bootstrapped = false;
	services_repair_now(server->services->repair, NULL, NULL);
	bootstrap_start(server, on_bootstrapped_again, server);
}

void api_server_start(
    struct api_server *server, void (*on_ready)(void *arg, const struct error *err), void *arg)
{
	static const struct watchcache_callbacks callbacks = {
	    .on_ready = on_cache_ready, .on_replaced = on_cache_replaced};
	server->on_ready = on_ready;
	server->on_ready_arg = arg;
	server->compactor =
	    compactor_start(server->loop, server->storage, server->options->etcd_compaction_interval_ms);
	watchcache_start(server->cache, &callbacks, server);
}

int api_server_port(const struct api_server *server)
{
	return server->http ? http_server_port(server->http) : 0;
}

void api_server_free(struct api_server *server)
{
	if (!server)
		return;
	server->is_stopping = true;
	system_objects_free(server->system_objects);
	compactor_free(server->compactor);
	http_server_free(server->http);
	admission_done(server);
	aggregation_done(server);
	extensions_done(server);
	openapi_done(server);
	auth_done(server);
	services_free(server->services);
	server->services = NULL;
	watchcache_free(server->cache);
	if (server->storage)
		server->storage->functions->free(server->storage);
	http_client_free(server->http_client);
	pipeline_free_all(server); /* nothing is left that could resume one */
	flowcontrol_free(server);
	metrics_free(server->metrics);
	deadlines_free(server->deadlines);
	shutdown_free(server->shutdown);
	audit_done(server);
	types_free(server->types);
	free(server);
}
