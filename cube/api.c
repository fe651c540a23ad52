#include "cube/api.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cube/cluster.h"
#include "cube/phases.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/kubeconfig.h"
#include "lib/client/rest.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"
#include "proto/core_v1.pb-c.h"

extern const char cube_bootstrap_yaml[]; /* made of bootstrap.yaml by the build */

struct api {
	struct arena *arena;
	struct loop *loop;
	struct rest_client *client;
};

struct probe {
	struct loop *loop;
	int status;
	char text[512];
};

struct api *api_open(const struct cluster *cluster, struct error *err)
{
	struct arena *arena = arena_new();
	struct api *api = ARENA_NEW(arena, struct api);
	struct rest_config config = {0};

	resources_init();
	api->arena = arena;
	api->loop = loop_new(NULL);
	if (kubeconfig_load(
		arena, cluster_path(cluster, "kubeconfig/admin.conf"), NULL, NULL, NULL, &config, err) == 0) {
		config.user_agent = "cube/v1.32.0";
		api->client = rest_client_new(api->loop, &config, err);
	}
	if (api->client)
		return api;
	api_close(api);
	return NULL;
}

void api_close(struct api *api)
{
	if (!api)
		return;
	rest_client_free(api->client);
	loop_free(api->loop);
	arena_free(api->arena);
}

struct rest_client *api_client(struct api *api)
{
	return api->client;
}

static void on_probe(void *arg, const struct http_response *response)
{
	struct probe *probe = arg;

	probe->status = response->status;
	snprintf(probe->text, sizeof probe->text, "%s",
	    response->error ? response->error->message : str_or(response->body, ""));
	loop_stop(probe->loop);
}

bool api_is_ready(struct api *api, char *ret_text, size_t size)
{
	struct probe probe = {.loop = api->loop};

	rest_raw(api->client, "GET", "/readyz", "*/*", NULL, NULL, 0, on_probe, &probe);
	loop_run(api->loop);
	snprintf(ret_text, size, "%s", probe.text);
	return probe.status == 200;
}

int api_wait_ready(struct api *api, int64_t timeout_ms, struct error *err)
{
	int64_t end = phases_now_ms() + timeout_ms;
	char text[512] = "";

	while (!api_is_ready(api, text, sizeof text)) {
		if (phases_now_ms() > end)
			return error_set(err, ERR_TIMEOUT, "the API server is not ready after %lld s: %s",
			    (long long)(timeout_ms / 1000), text);
		usleep(5000);
	}
	return 0;
}

int api_create_bootstrap(struct api *api, struct error *err)
{
	struct json **documents;
	size_t *lines, len;

	if (yaml_parse_all(api->arena, cube_bootstrap_yaml, strlen(cube_bootstrap_yaml), NULL, &documents,
		&lines, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		struct buf text = BUF_INIT;
		struct object *obj = NULL;
		struct error create_err = ERROR_INIT;
		const struct resource_type *type;
		int rc;

		json_write(&text, documents[i], 0);
		rc = object_decode(text.data, text.size, &obj, err);
		buf_done(&text);
		if (rc < 0)
			return error_prefix(err, "bootstrap.yaml line %zu", lines[i]);
		type = resource_of(obj);
		rc = rest_do(api->client,
		    REST_REQUEST(.verb = REST_CREATE, .type = type, .ns = object_namespace(obj), .body = obj),
		    NULL, &create_err);
		if (rc < 0 && !error_is(&create_err, ERR_ALREADY_EXISTS)) {
			error_set(err, create_err.code, "create %s %s: %s", type->plural, object_name(obj),
			    create_err.message);
			object_unref(obj);
			return -1;
		}
		object_unref(obj);
	}
	return 0;
}

/* 1 ready, 0 not yet with the reason in text, -1 no answer. */
static int node_is_ready(struct api *api, const char *node, char *text, size_t size)
{
	struct object *obj = NULL;
	struct error err = ERROR_INIT;
	int ready = 0;

	snprintf(text, size, "the kubelet has not registered it");
	if (rest_do(api->client, REST_REQUEST(.verb = REST_GET, .type = resource_nodes, .name = node), &obj,
		&err) < 0) {
		if (!error_is(&err, ERR_NOT_FOUND))
			snprintf(text, size, "%s", err.message);
		return error_is(&err, ERR_NOT_FOUND) ? 0 : -1;
	}
	const CoreV1__Node *n = (const CoreV1__Node *)obj->msg;
	for (size_t i = 0; i < n->status->n_conditions; i++) {
		const CoreV1__NodeCondition *condition = n->status->conditions[i];

		if (!str_eq(condition->type, "Ready"))
			continue;
		ready = str_eq(condition->status, "True");
		snprintf(text, size, "%s: %s", condition->reason, condition->message);
	}
	object_unref(obj);
	return ready;
}

int api_wait_node_ready(struct api *api, const char *node, int64_t timeout_ms, struct error *err)
{
	int64_t end = phases_now_ms() + timeout_ms;
	char text[512] = "";

	while (node_is_ready(api, node, text, sizeof text) != 1) {
		if (phases_now_ms() > end)
			return error_set(err, ERR_TIMEOUT, "node %s is not ready after %lld s: %s", node,
			    (long long)(timeout_ms / 1000), text);
		usleep(20000);
	}
	return 0;
}
