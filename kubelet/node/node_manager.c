#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/config.h"
#include "kubelet/node/node.h"
#include "kubelet/node/node_images.h"
#include "kubelet/node/node_lease.h"
#include "kubelet/node/thresholds.h"
#include "kubelet/runtime/convert.h"
#include "kubelet/runtime/runtime.h"
#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/events.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

/* The API server and the network often come up just after us: look soon, then less and less often. */
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 5000
#define NOT_READY_CHECK_MS 100
/* A runtime that is started again is no reason to call the node, and with it all its pods, not ready
 * (upstream: 30 s). */
#define RUNTIME_GRACE_MS 30000
#define PRESSURE_CHECK_MS 10000

struct node_manager {
	const struct kubelet_config *config;
	struct loop *loop;
	struct rest_client *client;
	struct event_recorder *events;
	struct runtime *rt;
	struct machine machine;
	int port;
	const struct object *node; /* as the server has it */
	struct node_images *images;
	char runtime_version[80];
	char *not_ready;
	bool seen_ready;          /* once at least */
	int64_t trouble_since_ms; /* 0: none */
	bool memory_pressure, disk_pressure, pid_pressure, told_ready;
	int64_t retry_ms;
	bool dirty, version_known;
	struct rest_call *call;
	struct runtime_call *version_call, *status_call;
	struct loop_timer *retry, *status_timer, *report_timer, *pressure_timer;
	struct node_lease *lease;
	bool is_registered; /* the node exists by our doing: status and lease may be written */
	void (*on_network)(void *arg, bool ready, const char *message);
	void *arg;
};

static void send_status(struct node_manager *nm);
static void register_node(void *arg);
static void ask_runtime(void *arg);

static struct node_input input_of(struct node_manager *nm, const CoreV1__NodeStatus *old)
{
	size_t images_len;
	const struct node_image *images = node_images_list(nm->images, &images_len);
	return (struct node_input){.config = nm->config,
	    .machine = &nm->machine,
	    .runtime_version = nm->runtime_version,
	    .not_ready = nm->not_ready,
	    .memory_pressure = nm->memory_pressure,
	    .disk_pressure = nm->disk_pressure,
	    .pid_pressure = nm->pid_pressure,
	    .old = old,
	    .images = images,
	    .images_len = images_len,
	    .now_s = clock_wall_s(loop_clock(nm->loop)),
	    .kubelet_port = nm->port};
}

static void retry_later(struct node_manager *nm)
{
	nm->retry_ms = nm->retry_ms ? nm->retry_ms * 2 : RETRY_MIN_MS;
	if (nm->retry_ms > RETRY_MAX_MS)
		nm->retry_ms = RETRY_MAX_MS;
	loop_timer_start(nm->retry, nm->retry_ms, 0);
}

static void take_node(struct node_manager *nm, const struct object *obj)
{
	const struct object *old = nm->node;
	nm->node = object_ref(obj);
	object_unref(old);
}

static const CoreV1__NodeStatus *known_status(const struct node_manager *nm)
{
	return nm->node ? ((const CoreV1__Node *)nm->node->msg)->status : NULL;
}

/* ---- status ---- */

static void tell_readiness(struct node_manager *nm)
{
	bool ready = !nm->not_ready;
	if (!nm->node || ready == nm->told_ready)
		return;
	nm->told_ready = ready;
	event_record(nm->events, nm->node, false, ready ? "NodeReady" : "NodeNotReady",
	    "Node %s status is now: %s", nm->config->node_name, ready ? "NodeReady" : "NodeNotReady");
}

static void on_status_sent(void *arg, const struct rest_result *result)
{
	struct node_manager *nm = arg;
	nm->call = NULL;
	if (result->error) {
		log_warning("node status: %s", result->error->message);
		if (result->error->code == ERR_NOT_FOUND) { /* somebody deleted it: come back */
			object_unref(nm->node);
			nm->node = NULL;
			nm->is_registered = false;
			retry_later(nm);
			return;
		}
		nm->dirty = true;
		loop_timer_start(nm->report_timer, RETRY_MAX_MS, 0);
		return;
	}
	if (result->object)
		take_node(nm, result->object);
	tell_readiness(nm);
	loop_timer_start(nm->report_timer, nm->config->status_update_ms, 0);
	if (nm->dirty)
		send_status(nm);
}

static void send_status(struct node_manager *nm)
{
	nm->dirty = true;
	if (!nm->is_registered || nm->call)
		return;
	nm->dirty = false;
	struct arena *arena = arena_new();
	struct node_input in = input_of(nm, known_status(nm));
	CoreV1__NodeStatus *s = node_status_build(arena, &in);
	struct json *patch = json_new_object(arena);
	struct json *status = codec_to_json(arena, schema_of(s->base.descriptor), &s->base);
	/* Addresses merge by type: without this a new IP would stand beside the old one. */
	struct json *mark = json_new_object(arena), *addresses = json_get(status, "addresses");
	json_set(arena, mark, "$patch", json_new_string(arena, "replace"));
	json_push(arena, addresses, mark);
	json_set(arena, patch, "status", status);
	nm->call = rest_send(nm->client,
	    REST_REQUEST(.verb = REST_PATCH, .type = resource_nodes, .name = nm->config->node_name,
		.subresource = "status", .patch = patch, .patch_type = REST_PATCH_STRATEGIC),
	    on_status_sent, nm);
	arena_free(arena);
}

static void on_report(void *arg)
{
	send_status(arg);
}

/* ---- readiness: what the runtime says of itself ---- */

static void set_not_ready(struct node_manager *nm, const char *why)
{
	int64_t now = loop_now_ms(rest_client_loop(nm->client));
	if (why && nm->seen_ready && !nm->not_ready) {
		nm->trouble_since_ms = nm->trouble_since_ms ? nm->trouble_since_ms : now;
		if (now - nm->trouble_since_ms < RUNTIME_GRACE_MS)
			return;
	}
	nm->trouble_since_ms = 0;
	nm->seen_ready |= !why;
	if (str_eq(nm->not_ready, why) && (why != NULL) == (nm->not_ready != NULL))
		return;
	free(nm->not_ready);
	nm->not_ready = why ? strdup(why) : NULL;
	if (why)
		log_info("not ready: %s", why);
	else
		log_info("ready");
	send_status(nm);
}

static void on_runtime_status(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct node_manager *nm = arg;
	char why[900] = "";
	bool network = false;
	const char *network_message = "";
	nm->status_call = NULL;
	if (err) {
		snprintf(why, sizeof why, "container runtime is down: %.700s", err->message);
		loop_timer_start(nm->status_timer, 1000, 0);
		set_not_ready(nm, why);
		return;
	}
	const CriV1__RuntimeStatus *s = ((const CriV1__StatusResponse *)response)->status;
	for (size_t i = 0; s && i < s->n_conditions; i++) {
		const CriV1__RuntimeCondition *c = s->conditions[i];
		if (str_eq(c->type, "NetworkReady")) {
			network = c->status;
			network_message = c->message;
		}
		if (c->status)
			continue;
		const CoreV1__Node *node = nm->node ? (const CoreV1__Node *)nm->node->msg : NULL;
		size_t n = strlen(why);
		snprintf(why + n, sizeof why - n,
		    "%scontainer runtime %s not ready: %s=false reason:%.100s message:%.300s%s",
		    n ? ", " : "", str_eq(c->type, "NetworkReady") ? "network" : "is", c->type, c->reason,
		    c->message,
		    str_eq(c->type, "NetworkReady") && node && str_empty(node->spec->pod_cidr)
			? " (the node has no podCIDR yet)"
			: "");
	}
	nm->on_network(nm->arg, network, network ? NULL : network_message);
	loop_timer_start(nm->status_timer, *why ? NOT_READY_CHECK_MS : nm->config->sync_ms, 0);
	set_not_ready(nm, *why ? why : NULL);
}

static void on_version(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct node_manager *nm = arg;
	nm->version_call = NULL;
	if (!err) {
		const CriV1__VersionResponse *v = (const CriV1__VersionResponse *)response;
		snprintf(nm->runtime_version, sizeof nm->runtime_version, "%s://%s", v->runtime_name,
		    str_has_prefix(v->runtime_version, "v") ? v->runtime_version + 1 : v->runtime_version);
		/* Distributions add theirs: 1.6.20~ds1 */
		nm->runtime_version[strcspn(nm->runtime_version, "~+")] = 0;
		nm->version_known = true;
		send_status(nm);
		ask_runtime(nm);
	} else {
		loop_timer_start(nm->status_timer, 1000, 0);
		set_not_ready(nm, "container runtime is down");
	}
}

static void ask_runtime(void *arg)
{
	struct node_manager *nm = arg;
	if (nm->status_call || nm->version_call)
		return;
	if (!nm->version_known) {
		CriV1__VersionRequest version = CRI_V1__VERSION_REQUEST__INIT;
		nm->version_call = runtime_call(nm->rt, RUNTIME_VERSION, &version, 5000, on_version, nm);
		return;
	}
	CriV1__StatusRequest request = CRI_V1__STATUS_REQUEST__INIT;
	nm->status_call = runtime_call(nm->rt, RUNTIME_STATUS, &request, 10000, on_runtime_status, nm);
}

void node_manager_set_runtime_up(struct node_manager *nm, bool up)
{
	if (up) {
		nm->version_known = false;
		node_manager_images_changed(nm);
	}
	loop_timer_start(nm->status_timer, 0, 0);
}

void node_manager_images_changed(struct node_manager *nm)
{
	node_images_refresh(nm->images);
}

/* ---- pressure ---- */

static void check_pressure(void *arg)
{
	struct node_manager *nm = arg;
	struct machine *m = &nm->machine;
	machine_read_pressure(m, nm->config->root_dir);
	bool memory =
	    m->memory_available_bytes < threshold_bytes(nm->config, "memory.available", m->memory_bytes);
	bool disk = m->fs_available_bytes < threshold_bytes(nm->config, "nodefs.available", m->fs_bytes) ||
		    m->fs_inodes_free < threshold_bytes(nm->config, "nodefs.inodesFree", m->fs_inodes);
	int64_t pids = threshold_bytes(nm->config, "pid.available", m->pids_max);
	bool pid = pids && m->pids_max - m->pids_used < pids;
	if (memory == nm->memory_pressure && disk == nm->disk_pressure && pid == nm->pid_pressure)
		return;
	nm->memory_pressure = memory;
	nm->disk_pressure = disk;
	nm->pid_pressure = pid;
	send_status(nm);
}

bool node_manager_has_pressure(const struct node_manager *nm, bool *ret_memory, bool *ret_disk)
{
	*ret_memory = nm->memory_pressure;
	*ret_disk = nm->disk_pressure;
	return nm->memory_pressure || nm->disk_pressure;
}

/* ---- registration ---- */

static void registered(struct node_manager *nm, const struct object *obj)
{
	take_node(nm, obj);
	nm->is_registered = true;
	nm->retry_ms = 0;
	log_info("node %s is registered", nm->config->node_name);
	event_record(nm->events, nm->node, false, "Starting", "Starting kubelet.");
	node_lease_start(nm->lease, nm->node);
	send_status(nm);
	nm->on_network(
	    nm->arg, nm->not_ready == NULL, nm->not_ready); /* pods may go on: the node is known now */
}

static void on_created(void *arg, const struct rest_result *result)
{
	struct node_manager *nm = arg;
	nm->call = NULL;
	if (!result->error && result->object) {
		registered(nm, result->object);
		return;
	}
	if (result->error && result->error->code != ERR_ALREADY_EXISTS)
		log_warning("registering the node: %s", result->error->message);
	retry_later(nm);
}

static void on_labelled(void *arg, const struct rest_result *result)
{
	struct node_manager *nm = arg;
	nm->call = NULL;
	if (result->error) {
		log_warning("registering the node: %s", result->error->message);
		retry_later(nm);
		return;
	}
	registered(nm, result->object);
}

/* The node exists from an earlier run: its labels are brought up to date, the rest is left alone. */
static void update_labels(struct node_manager *nm, const struct object *existing)
{
	struct node_input in = input_of(nm, NULL);
	struct object *wanted = node_object_build(&in);
	struct arena *arena = wanted->arena;
	struct json *labels = json_new_object(arena), *meta = json_new_object(arena),
		    *patch = json_new_object(arena);
	for (size_t i = 0; i < wanted->meta->n_labels; i++) {
		const char *key = wanted->meta->labels[i]->key, *value = wanted->meta->labels[i]->value;
		if (!str_eq(api_map_get(existing->meta, labels, key), value))
			json_set(arena, labels, key, json_new_string(arena, value));
	}
	if (!labels->len) {
		registered(nm, existing);
	} else {
		json_set(arena, meta, "labels", labels);
		json_set(arena, patch, "metadata", meta);
		nm->call = rest_send(nm->client,
		    REST_REQUEST(.verb = REST_PATCH, .type = resource_nodes, .name = nm->config->node_name,
			.patch = patch, .patch_type = REST_PATCH_STRATEGIC),
		    on_labelled, nm);
	}
	object_unref(wanted);
}

static void on_existing(void *arg, const struct rest_result *result)
{
	struct node_manager *nm = arg;
	nm->call = NULL;
	if (!result->error) {
		update_labels(nm, result->object);
		return;
	}
	if (result->error->code != ERR_NOT_FOUND && result->error->code != ERR_FORBIDDEN) {
		if (!nm->retry_ms)
			log_warning("reading the node: %s", result->error->message);
		retry_later(nm);
		return;
	}
	struct node_input in = input_of(nm, NULL);
	struct object *node = node_object_build(&in);
	nm->call = rest_send(nm->client,
	    REST_REQUEST(.verb = REST_CREATE, .type = resource_nodes, .body = node), on_created, nm);
	object_unref(node);
}

/* That the informer already knows the node says nothing: its labels may be old, and its lease is not renewed
 * yet. */
static void register_node(void *arg)
{
	struct node_manager *nm = arg;
	if (!nm->is_registered && !nm->call)
		nm->call = rest_send(nm->client,
		    REST_REQUEST(.verb = REST_GET, .type = resource_nodes, .name = nm->config->node_name),
		    on_existing, nm);
}

/* ---- life ---- */

struct node_manager *node_manager_new(const struct kubelet_config *config, struct loop *loop,
    struct rest_client *client, struct event_recorder *events, struct runtime *rt)
{
	struct node_manager *nm = calloc(1, sizeof *nm);
	*nm = (struct node_manager){.config = config,
	    .loop = loop,
	    .client = client,
	    .events = events,
	    .rt = rt,
	    .not_ready = strdup("the kubelet is starting")};
	machine_read(&nm->machine, config->root_dir);
	nm->retry = loop_timer_new(loop, register_node, nm);
	nm->status_timer = loop_timer_new(loop, ask_runtime, nm);
	nm->report_timer = loop_timer_new(loop, on_report, nm);
	nm->pressure_timer = loop_timer_new(loop, check_pressure, nm);
	nm->images = node_images_new(loop, rt, on_report, nm);
	nm->lease = node_lease_new(config, client);
	return nm;
}

void node_manager_start(struct node_manager *nm, int kubelet_port,
    void (*on_network)(void *arg, bool ready, const char *message), void *arg)
{
	nm->port = kubelet_port;
	nm->on_network = on_network;
	nm->arg = arg;
	check_pressure(nm);
	loop_timer_start(nm->pressure_timer, PRESSURE_CHECK_MS, PRESSURE_CHECK_MS);
	if (nm->config->register_node)
		register_node(nm);
	ask_runtime(nm);
	node_manager_images_changed(nm);
}

void node_manager_free(struct node_manager *nm)
{
	if (!nm)
		return;
	rest_cancel(nm->call);
	runtime_cancel(nm->rt, nm->version_call);
	runtime_cancel(nm->rt, nm->status_call);
	loop_timer_free(nm->retry);
	loop_timer_free(nm->status_timer);
	loop_timer_free(nm->report_timer);
	loop_timer_free(nm->pressure_timer);
	node_images_free(nm->images);
	node_lease_free(nm->lease);
	object_unref(nm->node);
	free(nm->not_ready);
	free(nm);
}

const struct object *node_manager_node(const struct node_manager *nm)
{
	return nm->node;
}

void node_manager_take(struct node_manager *nm, const struct object *node)
{
	if (!node || (nm->node && nm->node->revision > node->revision))
		return;
	if (!nm->is_registered && !nm->config->register_node)
		registered(nm, node); /* somebody else made it */
	else
		take_node(nm, node);
}

const struct machine *node_manager_machine(const struct node_manager *nm)
{
	return &nm->machine;
}
