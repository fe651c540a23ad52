/* /stats/summary, /spec, /metrics, /metrics/resource: usage of node, pods and containers from the runtime and
 * from cgroups. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/config.h"
#include "kubelet/files.h"
#include "kubelet/node/node.h"
#include "kubelet/pods/pod_manager.h"
#include "kubelet/runtime/convert.h"
#include "kubelet/runtime/runtime.h"
#include "kubelet/server/server_private.h"
#include "lib/api/json.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

#define TIMEOUT_MS 10000
#define SAMPLES_MAX 4000

struct usage {
	int64_t cpu_ns, cpu_nano_cores, memory_bytes, working_set_bytes, rss_bytes, time_ns;
};

/* One request that waits for the runtime's list. */
struct stats_request {
	struct kubelet_server *server;
	struct http_server_request *request;
	struct runtime_call *call;
	void (*write)(struct stats_request *r, const CriV1__ListContainerStatsResponse *list);
};

/* The last reading of a cumulative counter, to make a rate of: containerd 1.6 gives none. */
struct cpu_sample {
	int64_t cpu_ns, time_ns, nano_cores;
};

/* The rate since the reading before this one, over a second at least; 0 until there are two. */
static int64_t rate_of(struct kubelet_server *s, const char *id, int64_t cpu_ns, int64_t time_ns)
{
	if (!s->samples || strmap_len(s->samples) > SAMPLES_MAX) { /* mostly of the gone: begin anew */
		strmap_free(s->samples, free);
		s->samples = strmap_new();
	}
	struct cpu_sample *sample = strmap_get(s->samples, id);
	if (!sample) {
		sample = calloc(1, sizeof *sample);
		*sample = (struct cpu_sample){cpu_ns, time_ns, 0};
		strmap_put(s->samples, id, sample);
	}
	int64_t passed = time_ns - sample->time_ns;
	if (passed >= 1000000000) {
		int64_t used = cpu_ns - sample->cpu_ns;
		*sample = (struct cpu_sample){
		    cpu_ns, time_ns, used > 0 ? (int64_t)((__int128)used * 1000000000 / passed) : 0};
	}
	return sample->nano_cores;
}

static int64_t number(const CriV1__UInt64Value *v)
{
	return v ? (int64_t)v->value : 0;
}

static struct usage usage_of(struct kubelet_server *server, const CriV1__ContainerStats *s)
{
	struct usage u = {0};
	if (s->cpu) {
		u.cpu_ns = number(s->cpu->usage_core_nano_seconds);
		u.cpu_nano_cores = number(s->cpu->usage_nano_cores);
		u.time_ns = s->cpu->timestamp;
		if (!u.cpu_nano_cores && s->attributes)
			u.cpu_nano_cores = rate_of(server, s->attributes->id, u.cpu_ns, u.time_ns);
	}
	if (s->memory) {
		u.working_set_bytes = number(s->memory->working_set_bytes);
		u.memory_bytes = number(s->memory->usage_bytes);
		u.rss_bytes = number(s->memory->rss_bytes);
	}
	return u;
}

/* Jiffies of /proc/stat that weren't idle, in nanoseconds. */
static struct usage node_usage(struct kubelet_server *s)
{
	struct usage u = {0};
	struct buf text = BUF_INIT;
	long long user, nice, sys, idle, wait, irq, soft;
	const struct machine *m = node_manager_machine(s->deps.node);
	files_read("/proc/stat", &text);
	if (sscanf(buf_str(&text), "cpu %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &sys, &idle, &wait,
		&irq, &soft) == 7)
		u.cpu_ns = (user + nice + sys + irq + soft) * 10000000;
	buf_done(&text);
	u.working_set_bytes = m->memory_bytes - m->memory_available_bytes;
	u.memory_bytes = u.working_set_bytes;
	u.time_ns = clock_wall_ns(loop_clock(s->deps.loop));
	u.cpu_nano_cores = rate_of(s, "node", u.cpu_ns, u.time_ns);
	return u;
}

/* ---- summary ---- */

static struct json *time_json(struct arena *arena, int64_t ns)
{
	char text[TIME_TEXT_MAX];
	return json_new_string(arena, time_format(ns / 1000000000, text));
}

static void set_usage(struct arena *arena, struct json *out, const struct usage *u)
{
	struct json *cpu = json_new_object(arena), *memory = json_new_object(arena);
	json_set(arena, cpu, "time", time_json(arena, u->time_ns));
	json_set(arena, cpu, "usageNanoCores", json_new_int(arena, u->cpu_nano_cores));
	json_set(arena, cpu, "usageCoreNanoSeconds", json_new_int(arena, u->cpu_ns));
	json_set(arena, memory, "time", time_json(arena, u->time_ns));
	json_set(arena, memory, "usageBytes", json_new_int(arena, u->memory_bytes));
	json_set(arena, memory, "workingSetBytes", json_new_int(arena, u->working_set_bytes));
	json_set(arena, memory, "rssBytes", json_new_int(arena, u->rss_bytes));
	json_set(arena, out, "cpu", cpu);
	json_set(arena, out, "memory", memory);
}

struct summary {
	struct kubelet_server *server;
	struct arena *arena;
	const CriV1__ListContainerStatsResponse *list;
	struct json *pods;
};

static void add_pod(void *arg, const struct object *pod, const CoreV1__PodStatus *status)
{
	struct summary *s = arg;
	struct arena *arena = s->arena;
	struct json *out = json_new_object(arena), *ref = json_new_object(arena),
		    *containers = json_new_array(arena);
	struct usage sum = {0};
	json_set(arena, ref, "name", json_new_string(arena, pod->meta->name));
	json_set(arena, ref, "namespace", json_new_string(arena, pod->meta->namespace_));
	json_set(arena, ref, "uid", json_new_string(arena, pod->meta->uid));
	json_set(arena, out, "podRef", ref);
	json_set(arena, out, "startTime", time_json(arena, time_seconds(status->start_time) * 1000000000));
	for (size_t i = 0; i < s->list->n_stats; i++) {
		const CriV1__ContainerStats *c = s->list->stats[i];
		if (!c->attributes ||
		    !str_eq(cri_map_get(c->attributes, labels, LABEL_POD_UID), pod->meta->uid))
			continue;
		struct usage u = usage_of(s->server, c);
		struct json *entry = json_new_object(arena);
		json_set(arena, entry, "name",
		    json_new_string(
			arena, str_or(cri_map_get(c->attributes, labels, LABEL_CONTAINER_NAME), "")));
		json_set(arena, entry, "startTime",
		    time_json(arena, time_seconds(status->start_time) * 1000000000));
		set_usage(arena, entry, &u);
		json_push(arena, containers, entry);
		sum.cpu_ns += u.cpu_ns;
		sum.cpu_nano_cores += u.cpu_nano_cores;
		sum.memory_bytes += u.memory_bytes;
		sum.working_set_bytes += u.working_set_bytes;
		sum.rss_bytes += u.rss_bytes;
		sum.time_ns = u.time_ns;
	}
	json_set(arena, out, "containers", containers);
	set_usage(arena, out, &sum);
	json_push(arena, s->pods, out);
}

static void write_summary(struct stats_request *r, const CriV1__ListContainerStatsResponse *list)
{
	struct arena *arena = r->request->arena;
	const struct machine *m = node_manager_machine(r->server->deps.node);
	struct json *out = json_new_object(arena), *node = json_new_object(arena),
		    *fs = json_new_object(arena);
	struct usage u = node_usage(r->server);
	struct summary s = {r->server, arena, list, json_new_array(arena)};
	json_set(arena, node, "nodeName", json_new_string(arena, r->server->deps.config->node_name));
	set_usage(arena, node, &u);
	json_set(arena, fs, "time", time_json(arena, u.time_ns));
	json_set(arena, fs, "availableBytes", json_new_int(arena, m->fs_available_bytes));
	json_set(arena, fs, "capacityBytes", json_new_int(arena, m->fs_bytes));
	json_set(arena, fs, "usedBytes", json_new_int(arena, m->fs_bytes - m->fs_available_bytes));
	json_set(arena, fs, "inodes", json_new_int(arena, m->fs_inodes));
	json_set(arena, fs, "inodesFree", json_new_int(arena, m->fs_inodes_free));
	json_set(arena, node, "fs", fs);
	json_set(arena, out, "node", node);
	pod_manager_for_each(r->server->deps.pods, add_pod, &s);
	json_set(arena, out, "pods", s.pods);
	struct buf text = BUF_INIT;
	json_write(&text, out, 0);
	http_respond(r->request, 200, "application/json", NULL, text.data, text.size);
	buf_done(&text);
}

/* ---- spec ---- */

/* The facts about the machine that don't change, by the names that cAdvisor gave them. */
void handle_spec(struct kubelet_server *s, struct http_server_request *request)
{
	struct arena *arena = request->arena;
	const struct machine *m = node_manager_machine(s->deps.node);
	struct json *out = json_new_object(arena);
	struct buf text = BUF_INIT;
	json_set(arena, out, "num_cores", json_new_int(arena, m->cpus));
	json_set(arena, out, "memory_capacity", json_new_int(arena, m->memory_bytes));
	json_set(arena, out, "machine_id", json_new_string(arena, m->machine_id));
	json_set(arena, out, "system_uuid", json_new_string(arena, m->system_uuid));
	json_set(arena, out, "boot_id", json_new_string(arena, m->boot_id));
	json_write(&text, out, 0);
	http_respond(request, 200, "application/json", NULL, text.data, text.size);
	buf_done(&text);
}

/* ---- metrics ---- */

static void respond_metrics(struct http_server_request *request, struct buf *text)
{
	http_respond(
	    request, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, buf_str(text), text->size);
	buf_done(text);
}

static void write_resource_metrics(struct stats_request *r, const CriV1__ListContainerStatsResponse *list)
{
	struct buf out = BUF_INIT;
	struct usage n = node_usage(r->server);
	buf_puts(&out, "# TYPE container_cpu_usage_seconds_total counter\n# TYPE "
		       "container_memory_working_set_bytes gauge\n");
	for (size_t i = 0; i < list->n_stats; i++) {
		const CriV1__ContainerAttributes *a = list->stats[i]->attributes;
		struct usage u = usage_of(r->server, list->stats[i]);
		if (!a)
			continue;
		char labels[700];
		snprintf(labels, sizeof labels, "{container=\"%s\",namespace=\"%s\",pod=\"%s\"}",
		    str_or(cri_map_get(a, labels, LABEL_CONTAINER_NAME), ""),
		    str_or(cri_map_get(a, labels, LABEL_POD_NAMESPACE), ""),
		    str_or(cri_map_get(a, labels, LABEL_POD_NAME), ""));
		buf_printf(&out, "container_cpu_usage_seconds_total%s %.9f %lld\n", labels,
		    (double)u.cpu_ns / 1e9, (long long)(u.time_ns / 1000000));
		buf_printf(&out, "container_memory_working_set_bytes%s %lld %lld\n", labels,
		    (long long)u.working_set_bytes, (long long)(u.time_ns / 1000000));
	}
	buf_printf(&out, "# TYPE node_cpu_usage_seconds_total counter\nnode_cpu_usage_seconds_total %.9f\n",
	    (double)n.cpu_ns / 1e9);
	buf_printf(&out, "# TYPE node_memory_working_set_bytes gauge\nnode_memory_working_set_bytes %lld\n",
	    (long long)n.working_set_bytes);
	buf_puts(&out, "# TYPE resource_scrape_error gauge\nresource_scrape_error 0\n");
	respond_metrics(r->request, &out);
}

void handle_metrics(struct kubelet_server *s, struct http_server_request *request)
{
	struct buf out = BUF_INIT;
	buf_printf(&out, "# TYPE kubelet_running_pods gauge\nkubelet_running_pods %zu\n",
	    pod_manager_len(s->deps.pods));
	buf_printf(&out, "# TYPE kubelet_node_name gauge\nkubelet_node_name{node=\"%s\"} 1\n",
	    s->deps.config->node_name);
	respond_metrics(request, &out);
}

/* ---- the runtime's list ---- */

static void on_list(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct stats_request *r = arg;
	r->call = NULL;
	http_on_close(r->request, NULL, NULL);
	if (err)
		respond_text(r->request, 503, err->message);
	else
		r->write(r, (const CriV1__ListContainerStatsResponse *)response);
	free(r);
}

static void on_peer_gone(void *arg)
{
	struct stats_request *r = arg;
	runtime_cancel(r->server->deps.runtime, r->call);
	free(r);
}

static void ask(struct kubelet_server *s, struct http_server_request *request,
    void (*write)(struct stats_request *r, const CriV1__ListContainerStatsResponse *list))
{
	CriV1__ListContainerStatsRequest list = CRI_V1__LIST_CONTAINER_STATS_REQUEST__INIT;
	struct stats_request *r = calloc(1, sizeof *r);
	*r = (struct stats_request){.server = s, .request = request, .write = write};
	http_on_close(request, on_peer_gone, r);
	r->call = runtime_call(s->deps.runtime, RUNTIME_LIST_STATS, &list, TIMEOUT_MS, on_list, r);
}

void handle_stats_summary(struct kubelet_server *s, struct http_server_request *request)
{
	ask(s, request, write_summary);
}

void handle_metrics_resource(struct kubelet_server *s, struct http_server_request *request)
{
	ask(s, request, write_resource_metrics);
}
