/* /metrics: a few counters in Prometheus' text form. */
#include "apiserver/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apiserver/flowcontrol/flowcontrol.h"
#include "apiserver/pipeline.h"
#include "apiserver/registry/internal.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

struct counter {
	uint64_t requests;
	double seconds;
};

struct metrics {
	struct strmap *requests; /* labels -> struct counter */
};

struct metrics *metrics_new(void)
{
	struct metrics *m = calloc(1, sizeof *m);
	if (!m)
		abort();
	m->requests = strmap_new();
	return m;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	strmap_free(metrics->requests, free);
	free(metrics);
}

void metrics_count(struct api_server *server, const struct api_request *req, int status)
{
	char labels[512];
	/* Only names that the server knows: a client must not be able to make series. */
	bool is_known = req->type != NULL;
	snprintf(labels, sizeof labels,
	    "code=\"%d\",group=\"%s\",resource=\"%s\",subresource=\"%s\",verb=\"%s\",version=\"%s\"", status,
	    is_known ? req->type->group : "", is_known ? req->type->plural : "",
	    is_known && registry_subresource_verbs(req->type, req->info.subresource) ? req->info.subresource
										     : "",
	    is_known ? req->info.verb_text : "other", is_known ? req->type->version : "");
	struct counter *c = strmap_get(server->metrics->requests, labels);
	if (!c) {
		c = calloc(1, sizeof *c);
		if (!c)
			abort();
		strmap_put(server->metrics->requests, labels, c);
	}
	c->requests++;
	if (req->info.verb != API_WATCH)
		c->seconds += (double)(loop_now_ms(server->loop) - req->start_ms) / 1000.0;
}

static size_t resident_bytes(void)
{
	unsigned long pages = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f)
		return 0;
	if (fscanf(f, "%lu %lu", &pages, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

int metrics_serve(struct api_request *req, struct error *err)
{
	struct api_server *server = req->server;
	struct buf out = BUF_INIT;
	buf_puts(&out,
	    "# HELP apiserver_request_total Requests answered.\n# TYPE apiserver_request_total counter\n");
	strmap_for_each (server->metrics->requests, e) {
		const struct counter *c = strmap_value(e);
		buf_printf(&out, "apiserver_request_total{%s} %" PRIu64 "\n", strmap_key(e), c->requests);
	}
	buf_puts(&out,
	    "# HELP apiserver_request_duration_seconds_sum Time from head to answer, without watches.\n"
	    "# TYPE apiserver_request_duration_seconds_sum counter\n");
	strmap_for_each (server->metrics->requests, e) {
		const struct counter *c = strmap_value(e);
		buf_printf(
		    &out, "apiserver_request_duration_seconds_sum{%s} %.3f\n", strmap_key(e), c->seconds);
	}
	buf_puts(&out, "# HELP apiserver_storage_objects Objects stored, by type.\n# TYPE "
		       "apiserver_storage_objects gauge\n");
	for (size_t i = 0; i < api_types_count(server); i++) {
		const struct resource_type *type = api_types_at(server, i);
		if (!(type->flags & (RESOURCE_VIRTUAL | RESOURCE_HIDDEN_VERSION)))
			buf_printf(&out, "apiserver_storage_objects{resource=\"%s%s%s\"} %zu\n", type->plural,
			    *type->group ? "." : "", type->group, watchcache_count(server, type));
	}
	buf_printf(&out,
	    "# TYPE apiserver_current_inflight_requests gauge\napiserver_current_inflight_requests %zu\n"
	    "# TYPE apiserver_longrunning_requests gauge\napiserver_longrunning_requests %zu\n"
	    "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %zu\n",
	    server->requests_running - server->streams_running, server->streams_running, resident_bytes());
	flowcontrol_print_metrics(server, &out);
	api_respond_body(req, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
	return API_DONE;
}
