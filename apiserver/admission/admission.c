#include "apiserver/admission/admission.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/admission/plugin.h"
#include "apiserver/metrics.h"
#include "apiserver/options.h"
#include "lib/base/clock.h"
#include "lib/base/metrics.h"
#include "lib/loop/loop.h"

#define PLUGIN(symbol) extern const struct admission_plugin admission_##symbol;
#include "apiserver/admission/plugins.def"
#undef PLUGIN

static const struct admission_plugin *const all_plugins[] = {
#define PLUGIN(symbol) &admission_##symbol,
#include "apiserver/admission/plugins.def"
#undef PLUGIN
};
#define PLUGINS_LEN (sizeof(all_plugins) / sizeof(all_plugins[0]))

enum { OPERATIONS = 4 }; /* bits of enum admission_operation */

struct admission {
	const struct admission_plugin *plugins[PLUGINS_LEN]; /* those switched on */
	size_t len;
	struct metric *seconds;
	struct metric_series *took[PLUGINS_LEN][2][OPERATIONS][2]; /* validating, operation, refused */
};

static const double bounds[] = {0.005, 0.025, 0.1, 0.5, 1, 2.5};

static bool in_list(const struct flag_list *list, const char *name)
{
	for (size_t i = 0; i < list->len; i++)
		if (str_eq(list->items[i], name))
			return true;
	return false;
}

static int check_names(const struct flag_list *list, struct error *err)
{
	/* Names of upstream's plugins that do nothing here are accepted, so that its command lines go on
	 * working. */
	static const char *const inert[] = {"ClusterTrustBundleAttest", "PodTopologyLabels",
	    "ValidatingAdmissionPolicy", "MutatingAdmissionPolicy", "AlwaysAdmit", "NamespaceExists", NULL};

	for (size_t i = 0; i < list->len; i++) {
		bool known = str_in(list->items[i], inert);
		for (size_t p = 0; p < PLUGINS_LEN && !known; p++)
			known = str_eq(all_plugins[p]->name, list->items[i]);
		if (!known)
			return error_set(
			    err, ERR_BAD_REQUEST, "admission plugin \"%s\" is unknown", list->items[i]);
	}
	return 0;
}

int admission_init(struct api_server *server, struct error *err)
{
	const struct api_options *o = server->options;
	struct admission *admission = calloc(1, sizeof(*admission));

	if (!admission)
		abort();
	server->admission = admission;
	admission->seconds =
	    metric_histogram(metrics_set(server), "apiserver_admission_controller_admission_duration_seconds",
		"Time that an admission plugin took for a request.", "name,operation,type,rejected", bounds,
		sizeof bounds / sizeof bounds[0]);
	webhook_metrics_init(server);
	if (check_names(&o->enable_admission_plugins, err) < 0 ||
	    check_names(&o->disable_admission_plugins, err) < 0)
		return -1;
	for (size_t i = 0; i < PLUGINS_LEN; i++) {
		const struct admission_plugin *plugin = all_plugins[i];
		if (in_list(&o->disable_admission_plugins, plugin->name) ||
		    (plugin->is_off_by_default && !in_list(&o->enable_admission_plugins, plugin->name)))
			continue;
		if (plugin->init && plugin->init(server, err) < 0)
			return error_prefix(err, "admission plugin %s", plugin->name);
		admission->plugins[admission->len++] = plugin;
	}
	return 0;
}

void admission_done(struct api_server *server)
{
	free(server->admission);
	server->admission = NULL;
}

static bool is_connect(const struct api_request *req)
{
	static const char *const tunnels[] = {"exec", "attach", "portforward", "proxy", NULL};
	return str_in(req->info.subresource, tunnels);
}

enum admission_operation admission_operation_of(const struct api_request *req)
{
	if (is_connect(req))
		return ADMIT_CONNECT;
	switch (req->info.verb) {
	case API_DELETE:
	case API_DELETECOLLECTION:
		return ADMIT_DELETE;
	case API_UPDATE:
	case API_PATCH:
		return req->is_creating ? ADMIT_CREATE : ADMIT_UPDATE;
	default:
		return ADMIT_CREATE;
	}
}

const char *admission_operation_name(const struct api_request *req)
{
	switch (admission_operation_of(req)) {
	case ADMIT_CREATE:
		return "CREATE";
	case ADMIT_UPDATE:
		return "UPDATE";
	case ADMIT_DELETE:
		return "DELETE";
	default:
		return "CONNECT";
	}
}

static bool applies(const struct api_request *req, const struct admission_plugin *plugin, bool is_validating)
{
	return (plugin->operations & admission_operation_of(req)) &&
	       (is_validating ? plugin->validate != NULL : plugin->mutate != NULL);
}

static int64_t now_ns(const struct api_request *req)
{
	const struct clock *clock = loop_clock(req->server->loop);
	return clock->monotonic_ns(clock);
}

static void note_time(
    struct api_request *req, const struct admission_run *r, bool is_refused, int64_t from_ns, int64_t to_ns)
{
	struct admission *admission = req->server->admission;
	int operation = __builtin_ctz(admission_operation_of(req));
	struct metric_series **slot = &admission->took[r->next][r->is_validating][operation][is_refused];

	metrics_once(slot, admission->seconds,
	    (const char *const[]){admission->plugins[r->next]->name, admission_operation_name(req),
		r->is_validating ? "validate" : "admit", is_refused ? "true" : "false"});
	metric_observe(*slot, (double)(to_ns - from_ns) / 1e9);
}

static int run_once(struct api_request *req, struct admission_run *r, struct error *err)
{
	const struct admission *admission = req->server->admission;

	int64_t now = now_ns(req);

	for (; r->next < admission->len; r->next++) {
		const struct admission_plugin *plugin = admission->plugins[r->next];
		if (!applies(req, plugin, r->is_validating))
			continue;
		int64_t from = r->waits_since_ns ? r->waits_since_ns : now;
		int result = r->is_validating ? plugin->validate(req, req->object, req->old, err)
					      : plugin->mutate(req, req->object, req->old, err);
		if (result == API_PENDING) {
			r->waits_since_ns = from;
			return API_PENDING;
		}
		r->waits_since_ns = 0;
		now = now_ns(req);
		note_time(req, r, result != API_NEXT, from, now);
		req->stage_state = NULL; /* of the plugin that has finished */
		if (result != API_NEXT)
			return result;
	}
	return API_NEXT;
}

static int run(struct api_request *req, bool is_validating, struct error *err)
{
	struct admission_run *r = req->admission_state;

	if (!r)
		req->admission_state = r = ARENA_NEW(req->arena, struct admission_run);
	if (r->is_validating != is_validating) {
		r->is_validating = is_validating;
		r->next = 0;
	}
	int result = run_once(req, r, err);
	if (result == API_NEXT && r->is_changed_by_hook && !r->is_second_round) {
		/* A container that a hook has added needs what every container gets. */
		r->is_second_round = true;
		r->next = 0;
		result = run_once(req, r, err);
	}
	if (result != API_PENDING) {
		/* A write that lost a race comes through here again. */
		r->next = 0;
		r->is_changed_by_hook = r->is_second_round = false;
	}
	return result;
}

int admission_mutate(struct api_request *req, struct error *err)
{
	return run(req, false, err);
}

int admission_validate(struct api_request *req, struct error *err)
{
	/* An update that turns out to create needs the right to create as well. */
	if (req->is_creating && (req->info.verb == API_UPDATE || req->info.verb == API_PATCH) &&
	    auth_may_create(req, err) < 0)
		return API_FAIL;
	return run(req, true, err);
}

const char *admission_name(const struct api_request *req, const struct object *obj)
{
	if (!str_empty(req->info.name))
		return req->info.name;
	return obj ? str_or(object_name(obj), "") : "";
}

int admission_forbid(
    const struct api_request *req, const struct object *obj, struct error *err, const char *fmt, ...)
{
	const char *name = admission_name(req, obj), *group = str_or(req->info.group, "");
	char text[640];
	va_list ap;

	if (str_empty(name) && obj)
		name = str_or(obj->meta->generate_name, "");
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	error_set(err, ERR_FORBIDDEN, "%s%s%s \"%s\" is forbidden: %s", req->info.resource,
	    group[0] ? "." : "", group, name, text);
	error_about(err, group, req->info.resource, name);
	return API_FAIL;
}

struct refresh { /* in the request's arena */
	struct api_request *req;
	struct error error;
};

static void on_fresh(void *arg, const struct error *err)
{
	struct refresh *refresh = arg;
	if (err)
		refresh->error = *err;
	api_request_resume(refresh->req);
}

int admission_refresh(struct api_request *req, struct error *err)
{
	struct refresh *refresh = req->stage_state;
	const struct object_reader *reader = auth_reader(req->server);

	if (!reader->refresh)
		return API_NEXT;
	if (!refresh) {
		req->stage_state = refresh = ARENA_NEW(req->arena, struct refresh);
		refresh->req = req;
		reader->refresh(reader->arg, on_fresh, refresh);
		return API_PENDING;
	}
	*err = refresh->error;
	return err->code ? API_FAIL : API_NEXT;
}

int admission_not_found(const char *group, const char *resource, const char *name, struct error *err)
{
	error_set(err, ERR_NOT_FOUND, "%s%s%s \"%s\" not found", resource, group[0] ? "." : "", group, name);
	error_about(err, group, resource, name);
	return API_FAIL;
}
