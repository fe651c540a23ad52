/* /metrics: the set of all metrics, and the gauges that are read when somebody asks. */
#include "apiserver/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/options.h"
#include "apiserver/pipeline.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/base/buf.h"
#include "lib/base/metrics.h"

struct metric_series *metrics_once(
    struct metric_series **slot, struct metric *metric, const char *const *values)
{
	if (!*slot)
		*slot = metric_series_of(metric, values);
	return *slot;
}

struct metric_set *metrics_set(const struct api_server *server)
{
	return server->metrics->set;
}

/* --- what does not change while the server runs --- */

static void add_build_info(struct metric_set *set)
{
	struct metric *info =
	    metric_gauge(set, "kubernetes_build_info", "1; the labels are what /version says.",
		"build_date,compiler,git_commit,git_tree_state,git_version,go_version,major,minor,platform");
	struct version_info v;
	version_info(&v);
	metric_put(metric_series(info, v.build_date, v.compiler, v.git_commit, v.git_tree_state,
		       v.git_version, v.go_version, v.major, v.minor, v.platform),
	    1);
}

static void add_features(struct metric_set *set, const struct feature_gates *features)
{
	struct metric *enabled =
	    metric_gauge(set, "kubernetes_feature_enabled", "1 when the feature gate is on.", "name,stage");
	for (size_t i = 0; i < FEATURES_LEN; i++)
		metric_put(metric_series(enabled, feature_name(i), feature_stage(i)), features->on[i]);
}

/* --- what is read at each writing --- */

static void put_objects(struct metrics *m)
{
	struct buf name = BUF_INIT;
	metric_reset(m->objects);
	for (size_t i = 0; i < api_types_count(m->server); i++) {
		const struct resource_type *type = api_types_at(m->server, i);
		if (type->flags & (RESOURCE_VIRTUAL | RESOURCE_HIDDEN_VERSION))
			continue;
		buf_reset(&name);
		buf_printf(&name, "%s%s%s", type->plural, *type->group ? "." : "", type->group);
		metric_put(
		    metric_series(m->objects, buf_str(&name)), (double)watchcache_count(m->server, type));
	}
	buf_done(&name);
}

static void put_gauges(void *arg)
{
	struct metrics *m = arg;
	metric_put(metric_series(m->in_flight, "readOnly"), (double)m->server->in_flight[0]);
	metric_put(metric_series(m->in_flight, "mutating"), (double)m->server->in_flight[1]);
	put_objects(m);
}

struct metrics *metrics_new(struct api_server *server)
{
	struct metrics *m = calloc(1, sizeof *m);
	if (!m)
		abort();
	m->server = server;
	m->set = metric_set_new();
	m->requests = request_metrics_new(m->set);
	m->in_flight = metric_gauge(m->set, "apiserver_current_inflight_requests",
	    "Requests of clients being worked on, without long-running ones.", "request_kind");
	m->objects =
	    metric_gauge(m->set, "apiserver_storage_objects", "Objects stored, by type.", "resource");
	m->storage = storage_metrics_new(server, m->set);
	add_build_info(m->set);
	add_features(m->set, &server->options->features);
	metric_set_add_process(m->set);
	metric_set_on_write(m->set, put_gauges, m);
	return m;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	request_metrics_free(m->requests);
	storage_metrics_free(m->storage);
	metric_set_free(m->set);
	free(m);
}

int metrics_serve(struct api_request *req, struct error *err)
{
	struct buf out = BUF_INIT;
	metric_set_write(metrics_set(req->server), &out);
	api_respond_body(req, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
	return API_DONE;
}
