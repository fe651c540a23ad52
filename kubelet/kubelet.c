#include "kubelet/kubelet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/config.h"
#include "kubelet/files.h"
#include "kubelet/gc.h"
#include "kubelet/images/image_manager.h"
#include "kubelet/node/node.h"
#include "kubelet/pods/pod_manager.h"
#include "kubelet/pods/status_manager.h"
#include "kubelet/references.h"
#include "kubelet/runtime/cache.h"
#include "kubelet/runtime/runtime.h"
#include "kubelet/server/server.h"
#include "kubelet/volumes/volume.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/events.h"
#include "lib/client/informer.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

struct kubelet {
	const struct kubelet_config *config;
	struct loop *loop;
	struct rest_client *client;
	struct event_recorder *events;
	struct runtime *runtime;
	struct references *references;
	struct volume_manager *volumes;
	struct image_manager *images;
	struct status_manager *statuses;
	struct node_manager *node;
	struct pod_manager *pods;
	struct kubelet_server *server;
	struct gc *gc;
	struct informer_set *pod_set, *service_set, *node_set;
	struct informer *pod_informer, *node_informer;
};

static const struct object *node_of(void *arg)
{
	const struct kubelet *k = arg;
	return node_manager_node(k->node);
}

static void on_runtime_event(void *arg, int event)
{
	struct kubelet *k = arg;
	if (event == RUNTIME_CONNECTED || event == RUNTIME_DISCONNECTED)
		node_manager_set_runtime_up(k->node, event == RUNTIME_CONNECTED);
	else if (event == RUNTIME_IMAGES_CHANGED)
		node_manager_images_changed(k->node);
}

static void on_network(void *arg, bool ready, const char *message)
{
	struct kubelet *k = arg;
	pod_manager_set_network(k->pods, ready, message);
	pod_manager_kick_all(k->pods); /* the node may just have become known */
}

static void on_pod(void *arg, const struct object *old, const struct object *new_)
{
	struct kubelet *k = arg;
	pod_manager_on_pod(k->pods, old, new_);
}

static void on_node(void *arg, const struct object *old, const struct object *new_)
{
	struct kubelet *k = arg;
	node_manager_take(k->node, new_);
}

static void on_pods_synced(void *arg)
{
	struct kubelet *k = arg;
	pod_manager_set_pods_synced(k->pods);
}

static void on_services_synced(void *arg)
{
	struct kubelet *k = arg;
	pod_manager_set_services_synced(k->pods);
}

struct kubelet *kubelet_new(
    const struct kubelet_config *config, struct loop *loop, struct rest_client *client, struct error *err)
{
	char path[600];
	snprintf(path, sizeof path, "%s/pods", config->root_dir);
	if (files_make_path(path, 0750, err) || files_make_path(config->pod_log_dir, 0755, err))
		return NULL;
	struct kubelet *k = calloc(1, sizeof *k);
	*k = (struct kubelet){.config = config, .loop = loop, .client = client};
	k->events = event_recorder_new(client, "kubelet", config->node_name);
	k->runtime = str_eq(config->runtime_endpoint, "hollow")
			 ? hollow_runtime_new(loop)
			 : cri_runtime_new(loop, config->runtime_endpoint);
	k->references = references_new(client, NULL, NULL);
	k->volumes = volume_manager_new(&(struct volume_manager_deps){
	    .config = config, .loop = loop, .client = client, .references = k->references});
	k->images = image_manager_new(config, loop, k->runtime, k->events, k->references);
	k->statuses = status_manager_new(client);
	k->node = node_manager_new(config, loop, client, k->events, k->runtime);
	k->service_set = informer_set_new(client);
	k->pods = pod_manager_new(&(struct pod_manager_deps){.config = config,
	    .loop = loop,
	    .client = client,
	    .events = k->events,
	    .runtime = k->runtime,
	    .references = k->references,
	    .volumes = k->volumes,
	    .images = k->images,
	    .statuses = k->statuses,
	    .node = node_of,
	    .on_runtime_event = on_runtime_event,
	    .node_arg = k,
	    .services = informer_get(k->service_set, resource_services)});
	k->gc = gc_new(config, loop, k->runtime, k->pods, k->volumes, k->node);
	if (config->port > 0) {
		k->server = kubelet_server_new(&(struct kubelet_server_deps){.config = config,
						   .loop = loop,
						   .client = client,
						   .runtime = k->runtime,
						   .pods = k->pods,
						   .node = k->node},
		    err);
		if (!k->server) {
			kubelet_free(k);
			return NULL;
		}
	}
	return k;
}

void kubelet_start(struct kubelet *k)
{
	char selector[300];
	node_manager_start(
	    k->node, k->server ? kubelet_server_port(k->server) : (int)k->config->port, on_network, k);
	snprintf(selector, sizeof selector, "spec.nodeName=%s", k->config->node_name);
	k->pod_set = informer_set_new(k->client);
	k->pod_informer = informer_get_filtered(k->pod_set, resource_pods, NULL, NULL, selector);
	informer_add_handler(k->pod_informer, on_pod, k);
	informer_set_on_synced(k->pod_set, on_pods_synced, k);
	informer_set_start(k->pod_set);
	informer_set_on_synced(k->service_set, on_services_synced, k);
	informer_set_start(k->service_set);
	snprintf(selector, sizeof selector, "metadata.name=%s", k->config->node_name);
	k->node_set = informer_set_new(k->client);
	k->node_informer = informer_get_filtered(k->node_set, resource_nodes, NULL, NULL, selector);
	informer_add_handler(k->node_informer, on_node, k);
	informer_set_start(k->node_set);
	gc_start(k->gc);
}

void kubelet_free(struct kubelet *k)
{
	if (!k)
		return;
	kubelet_server_free(k->server);
	gc_free(k->gc);
	if (k->pod_set)
		informer_set_free(k->pod_set);
	if (k->node_set)
		informer_set_free(k->node_set);
	pod_manager_free(k->pods);
	informer_set_free(k->service_set);
	node_manager_free(k->node);
	status_manager_free(k->statuses);
	image_manager_free(k->images);
	volume_manager_free(k->volumes);
	references_free(k->references);
	runtime_free(k->runtime);
	event_recorder_free(k->events);
	free(k);
}
