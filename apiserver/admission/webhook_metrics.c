/* How webhooks answer: names come from their configurations, which only administrators write. */
#include <stdio.h>
#include <stdlib.h>

#include "apiserver/admission/webhook.h"
#include "apiserver/metrics.h"
#include "lib/base/metrics.h"

#define PREFIX "apiserver_admission_webhook_"

struct webhook_metrics {
	struct metric *seconds, *total, *refused, *opened;
};

static const double bounds[] = {0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25};

void webhook_metrics_init(struct api_server *server)
{
	struct metric_set *set = metrics_set(server);
	struct webhook_metrics *m = metric_set_alloc(set, sizeof *m);

	m->seconds =
	    metric_histogram(set, PREFIX "admission_duration_seconds", "Time until a webhook answered.",
		"name,operation,type,rejected", bounds, sizeof bounds / sizeof bounds[0]);
	m->total = metric_counter(
	    set, PREFIX "request_total", "Calls of webhooks.", "name,operation,type,code,rejected");
	m->refused = metric_counter(set, PREFIX "rejection_count", "Requests refused because of a webhook.",
	    "name,operation,type,error_type,rejection_code");
	m->opened = metric_counter(set, PREFIX "fail_open_count",
	    "Requests let through although a webhook could not be asked.", "name,type");
	server->webhook_metrics = m;
}

void webhook_count(
    struct api_request *req, const struct webhook *hook, const struct webhook_answer *answer, bool is_refused)
{
	const struct webhook_metrics *m = req->server->webhook_metrics;
	const struct admission_run *run = req->admission_state;
	const char *operation = admission_operation_name(req),
		   *type = run->is_validating ? "validating" : "admit",
		   *rejected = is_refused ? "true" : "false";
	char code[16];

	/* 0: there was no answer, so no code. */
	snprintf(code, sizeof code, "%d",
	    answer->failure      ? 0
	    : answer->is_allowed ? 200
				 : error_http_status(answer->denial.code));
	metric_observe(metric_series(m->seconds, hook->name, operation, type, rejected), answer->seconds);
	metric_add(metric_series(m->total, hook->name, operation, type, code, rejected), 1);
	if (is_refused)
		metric_add(metric_series(m->refused, hook->name, operation, type,
			       answer->failure ? "calling_webhook_error" : "no_error", code),
		    1);
	else if (answer->failure)
		metric_add(metric_series(m->opened, hook->name, type), 1);
}
