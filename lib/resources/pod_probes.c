/* Probes and lifecycle handlers. */
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/podspec.h"

static void check_exec(const CoreV1__ExecAction *a, const struct field_path *p, struct field_errors *e)
{
	rule_required_that(e, CHILD(p, "command"), a->n_command, "");
}

static void check_http_get(const CoreV1__HTTPGetAction *a, const struct field_path *p, struct field_errors *e)
{
	rule_required(e, CHILD(p, "path"), a->path);
	rule_port_or_name(e, CHILD(p, "port"), a->port);
	RULE_ENUM(e, CHILD(p, "scheme"), a->scheme, "HTTP", "HTTPS");
	for (size_t i = 0; i < a->n_http_headers; i++)
		rule_format(e, CHILD(p, "httpHeaders"), a->http_headers[i]->name, "http-header");
}

/* The handlers of a probe or of a lifecycle event: exactly one. */
struct handlers {
	const CoreV1__ExecAction *exec;
	const CoreV1__HTTPGetAction *http_get;
	const CoreV1__TCPSocketAction *tcp_socket;
	const CoreV1__GRPCAction *grpc;
	const CoreV1__SleepAction *sleep;
	int64_t grace_s; /* how long a hook may sleep */
};

static bool first_handler(struct field_errors *e, const struct field_path *p, int *count)
{
	return rule_forbidden_if(e, p, (*count)++ > 0, "may not specify more than 1 handler type");
}

static void check_handlers(const struct handlers *h, const struct field_path *p, struct field_errors *e)
{
	int count = 0;

	if (h->exec && first_handler(e, CHILD(p, "exec"), &count))
		check_exec(h->exec, CHILD(p, "exec"), e);
	if (h->http_get && first_handler(e, CHILD(p, "httpGet"), &count))
		check_http_get(h->http_get, CHILD(p, "httpGet"), e);
	if (h->tcp_socket && first_handler(e, CHILD(p, "tcpSocket"), &count))
		rule_port_or_name(e, CHILD(CHILD(p, "tcpSocket"), "port"), h->tcp_socket->port);
	if (h->grpc && first_handler(e, CHILD(p, "grpc"), &count))
		rule_port(e, CHILD(CHILD(p, "grpc"), "port"), h->grpc->port);
	if (h->sleep && first_handler(e, CHILD(p, "sleep"), &count))
		rule_invalid_if(e, CHILD(p, "sleep"),
		    h->sleep->seconds <= 0 || h->sleep->seconds > h->grace_s, NULL,
		    "must be greater than 0 and less than terminationGracePeriodSeconds");
	rule_required_that(e, p, count, "must specify a handler type");
}

void podspec_validate_probe(
    const CoreV1__Probe *probe, enum probe_kind kind, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__ProbeHandler *h;

	if (!probe)
		return;
	h = probe->handler;
	check_handlers(
	    &(struct handlers){
		.exec = h->exec, .http_get = h->http_get, .tcp_socket = h->tcp_socket, .grpc = h->grpc},
	    p, e);
	rule_non_negative(e, CHILD(p, "initialDelaySeconds"), probe->initial_delay_seconds);
	rule_non_negative(e, CHILD(p, "timeoutSeconds"), probe->timeout_seconds);
	rule_non_negative(e, CHILD(p, "periodSeconds"), probe->period_seconds);
	rule_non_negative(e, CHILD(p, "successThreshold"), probe->success_threshold);
	rule_non_negative(e, CHILD(p, "failureThreshold"), probe->failure_threshold);
	if (probe->has_termination_grace_period_seconds)
		rule_positive(
		    e, CHILD(p, "terminationGracePeriodSeconds"), probe->termination_grace_period_seconds);
	if (kind == PROBE_READINESS)
		rule_invalid_if(e, CHILD(p, "terminationGracePeriodSeconds"),
		    probe->has_termination_grace_period_seconds, NULL, "must not be set for readinessProbes");
	else if (probe->success_threshold != 1)
		rule_invalid_int(e, CHILD(p, "successThreshold"), probe->success_threshold, "must be 1");
}

static void check_lifecycle_handler(const CoreV1__LifecycleHandler *h, const CoreV1__PodSpec *spec,
    const struct field_path *p, struct field_errors *e)
{
	if (h)
		check_handlers(&(struct handlers){.exec = h->exec,
				   .http_get = h->http_get,
				   .tcp_socket = h->tcp_socket,
				   .sleep = h->sleep,
				   .grace_s = spec->termination_grace_period_seconds},
		    p, e);
}

void podspec_validate_lifecycle(const CoreV1__Lifecycle *lifecycle, const CoreV1__PodSpec *spec,
    const struct field_path *p, struct field_errors *e)
{
	if (!lifecycle)
		return;
	check_lifecycle_handler(lifecycle->post_start, spec, CHILD(p, "postStart"), e);
	check_lifecycle_handler(lifecycle->pre_stop, spec, CHILD(p, "preStop"), e);
}
