#include "dns/publish.h"

#include <stdlib.h>
#include <string.h>

#include "dns/message.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

enum { RETRY_MIN_MS = 500, RETRY_MAX_MS = 30000 };

/* One object to make; when it is there already it is left alone, or patched. */
struct step {
	const struct resource_type *type;
	const char *json;
	bool patch_existing;
};

enum { STEPS = 3 };

struct dns_publisher {
	struct rest_client *client;
	struct arena *arena;
	struct step steps[STEPS];
	int at; /* STEPS: idle */
	bool again;
	struct rest_call *call;
	struct loop_timer *retry;
	int64_t delay_ms;
};

static void run_step(struct dns_publisher *publisher);

static void on_retry(void *arg)
{
	run_step(arg);
}

static const char *service_json(struct arena *arena, const struct dns_publish_options *options)
{
	const char *ip =
	    options->cluster_ip ? arena_printf(arena, "\"clusterIP\":\"%s\",", options->cluster_ip) : "";
	return arena_printf(arena,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"" DNS_SERVICE
	    "\",\"namespace\":\"" DNS_NAMESPACE "\",\"labels\":{\"k8s-app\":\"kube-dns\",\"kubernetes.io/"
	    "cluster-service\":\"true\",\"kubernetes.io/name\":\"KubeDNS\"}},"
	    "\"spec\":{%s\"ports\":[{\"name\":\"dns\",\"port\":53,\"protocol\":\"UDP\",\"targetPort\":%d},"
	    "{\"name\":\"dns-tcp\",\"port\":53,\"protocol\":\"TCP\",\"targetPort\":%d}]}}",
	    ip, options->port, options->port);
}

/* The label keeps the mirroring controller from making a second slice of it. */
static const char *endpoints_json(struct arena *arena, const struct dns_publish_options *options)
{
	return arena_printf(arena,
	    "{\"apiVersion\":\"v1\",\"kind\":\"Endpoints\",\"metadata\":{\"name\":\"" DNS_SERVICE
	    "\",\"namespace\":\"" DNS_NAMESPACE
	    "\",\"labels\":{\"k8s-app\":\"kube-dns\",\"endpointslice.kubernetes.io/skip-mirror\":\"true\"}},"
	    "\"subsets\":[{\"addresses\":[{\"ip\":\"%s\"}],\"ports\":[{\"name\":\"dns\",\"port\":%d,"
	    "\"protocol\":\"UDP\"},"
	    "{\"name\":\"dns-tcp\",\"port\":%d,\"protocol\":\"TCP\"}]}]}",
	    options->address, options->port, options->port);
}

static const char *slice_json(struct arena *arena, const struct dns_publish_options *options)
{
	struct dns_ip ip;
	const char *family = dns_ip_parse(options->address, &ip) && ip.size == 16 ? "IPv6" : "IPv4";
	return arena_printf(arena,
	    "{\"apiVersion\":\"discovery.k8s.io/"
	    "v1\",\"kind\":\"EndpointSlice\",\"metadata\":{\"name\":\"" DNS_SERVICE
	    "\",\"namespace\":\"" DNS_NAMESPACE
	    "\",\"labels\":{\"k8s-app\":\"kube-dns\",\"kubernetes.io/service-name\":\"" DNS_SERVICE
	    "\",\"endpointslice.kubernetes.io/managed-by\":\"kube-dns\"}},\"addressType\":\"%s\","
	    "\"endpoints\":[{\"addresses\":[\"%s\"],\"conditions\":{\"ready\":true,\"serving\":true,"
	    "\"terminating\":false}}],"
	    "\"ports\":[{\"name\":\"dns\",\"port\":%d,\"protocol\":\"UDP\"},{\"name\":\"dns-tcp\",\"port\":%"
	    "d,\"protocol\":\"TCP\"}]}",
	    family, options->address, options->port, options->port);
}

struct dns_publisher *dns_publisher_new(struct rest_client *client, const struct dns_publish_options *options)
{
	struct arena *arena = arena_new();
	struct dns_publisher *publisher = ARENA_NEW(arena, struct dns_publisher);
	publisher->arena = arena;
	publisher->client = client;
	publisher->at = STEPS;
	publisher->delay_ms = RETRY_MIN_MS;
	publisher->retry = loop_timer_new(rest_client_loop(client), on_retry, publisher);
	publisher->steps[0] = (struct step){resource_services, service_json(arena, options), false};
	publisher->steps[1] = (struct step){resource_endpoints, endpoints_json(arena, options), true};
	publisher->steps[2] = (struct step){resource_endpointslices, slice_json(arena, options), true};
	return publisher;
}

void dns_publisher_free(struct dns_publisher *publisher)
{
	if (!publisher)
		return;
	rest_cancel(publisher->call);
	loop_timer_free(publisher->retry);
	arena_free(publisher->arena);
}

void dns_publisher_start(struct dns_publisher *publisher)
{
	if (publisher->at < STEPS) {
		publisher->again = true;
		return;
	}
	publisher->at = 0;
	publisher->again = false;
	run_step(publisher);
}

static void step_done(struct dns_publisher *publisher)
{
	publisher->delay_ms = RETRY_MIN_MS;
	publisher->at++;
	if (publisher->at < STEPS)
		run_step(publisher);
	else if (publisher->again)
		dns_publisher_start(publisher);
	else
		log_info("published as service " DNS_NAMESPACE "/" DNS_SERVICE);
}

static void step_failed(struct dns_publisher *publisher, const struct error *err)
{
	log_warning("publishing %s " DNS_NAMESPACE "/" DNS_SERVICE " failed, trying again: %s",
	    publisher->steps[publisher->at].type->kind, err->message);
	loop_timer_start(publisher->retry, publisher->delay_ms, 0);
	publisher->delay_ms = publisher->delay_ms * 2 < RETRY_MAX_MS ? publisher->delay_ms * 2 : RETRY_MAX_MS;
}

static void on_patched(void *arg, const struct rest_result *result)
{
	struct dns_publisher *publisher = arg;
	publisher->call = NULL;
	if (result->error)
		step_failed(publisher, result->error);
	else
		step_done(publisher);
}

static void patch_existing(struct dns_publisher *publisher, const struct step *step)
{
	struct arena *arena = arena_new();
	struct json *patch;
	if (json_parse(arena, step->json, strlen(step->json), NULL, &patch, NULL))
		abort();
	json_remove(patch, "apiVersion");
	json_remove(patch, "kind");
	json_remove(patch, "addressType"); /* immutable */
	publisher->call = rest_send(publisher->client,
	    REST_REQUEST(.verb = REST_PATCH, .type = step->type, .ns = DNS_NAMESPACE, .name = DNS_SERVICE,
		.patch = patch, .patch_type = REST_PATCH_MERGE),
	    on_patched, publisher);
	arena_free(arena);
}

static void on_created(void *arg, const struct rest_result *result)
{
	struct dns_publisher *publisher = arg;
	publisher->call = NULL;
	if (!result->error || error_is(result->error, ERR_ALREADY_EXISTS))
		step_done(publisher);
	else
		step_failed(publisher, result->error);
}

static void create(struct dns_publisher *publisher, const struct step *step)
{
	struct object *object;
	struct error err = ERROR_INIT;
	if (object_decode(step->json, strlen(step->json), &object, &err)) {
		log_error("publishing: %s", err.message); /* an address that is none, from a flag */
		return;
	}
	publisher->call = rest_send(publisher->client,
	    REST_REQUEST(.verb = REST_CREATE, .type = step->type, .ns = DNS_NAMESPACE, .body = object),
	    on_created, publisher);
	object_unref(object);
}

/*
 * Looking first: creating a Service that exists is not answered with AlreadyExists, but with 422, since its
 * address is taken.
 */
static void on_looked(void *arg, const struct rest_result *result)
{
	struct dns_publisher *publisher = arg;
	const struct step *step = &publisher->steps[publisher->at];
	publisher->call = NULL;
	if (error_is(result->error, ERR_NOT_FOUND))
		create(publisher, step);
	else if (result->error)
		step_failed(publisher, result->error);
	else if (step->patch_existing)
		patch_existing(publisher, step);
	else
		step_done(publisher);
}

static void run_step(struct dns_publisher *publisher)
{
	const struct step *step = &publisher->steps[publisher->at];
	publisher->call = rest_send(publisher->client,
	    REST_REQUEST(.verb = REST_GET, .type = step->type, .ns = DNS_NAMESPACE, .name = DNS_SERVICE),
	    on_looked, publisher);
}
