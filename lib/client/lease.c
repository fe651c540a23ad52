/*
 * lease: the election. A candidate reads the lease, takes it when nobody holds it or the holder let it run
 * out (measured by our own clock since we last saw it change, so clocks need not agree), and as leader renews
 * it.
 *
 * Renewing every 5 s instead of upstream's 2 s keeps an idle cluster quieter and still leaves two tries
 * within the 10 s after which leadership is given up, and 5 s more before another candidate may take over.
 */
#include "lib/client/lease.h"

#include <stdlib.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/rest_private.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"
#include "proto/coordination_v1.pb-c.h"

#define LEASE_DURATION_S 15
#define RENEW_DEADLINE_MS 10000
#define RENEW_MS 5000
#define RETRY_MS 2000
#define CALL_TIMEOUT_MS 4000

struct lease_election {
	struct rest_client *client;
	char *ns, *name, *identity;
	void (*on_lead)(void *arg);
	void (*on_lost)(void *arg);
	void *arg;
	struct loop_timer *timer;
	struct rest_call *call;
	struct object *lease; /* as last seen or written */
	int64_t observed_ms;  /* when it last changed, by our clock */
	int64_t renewed_ms;   /* our last successful write */
	bool is_leader, is_reported_failing;
	void (*released)(void *arg);
	void *released_arg;
};

static void step(void *arg);

struct lease_election *lease_election_new(struct rest_client *client, const char *ns, const char *name,
    const char *identity, void (*on_lead)(void *arg), void (*on_lost)(void *arg), void *arg)
{
	struct lease_election *election = calloc(1, sizeof(*election));
	if (!election)
		abort();
	election->client = client;
	election->ns = strdup(ns);
	election->name = strdup(name);
	election->identity = strdup(identity);
	election->on_lead = on_lead;
	election->on_lost = on_lost;
	election->arg = arg;
	election->timer = loop_timer_new(rest_client_loop(client), step, election);
	loop_timer_start(election->timer, 0, 0);
	return election;
}

void lease_election_free(struct lease_election *election)
{
	if (!election)
		return;
	rest_cancel(election->call);
	loop_timer_free(election->timer);
	object_unref(election->lease);
	free(election->ns);
	free(election->name);
	free(election->identity);
	free(election);
}

static int64_t now_ms(const struct lease_election *election)
{
	return loop_now_ms(rest_client_loop(election->client));
}

static const CoordinationV1__LeaseSpec *spec_of(const struct object *lease)
{
	return ((const CoordinationV1__Lease *)lease->msg)->spec;
}

/* ---- what is known ---- */

static void observe(struct lease_election *election, const struct object *lease)
{
	bool is_changed = !election->lease || election->lease->revision != lease->revision;
	const struct object *old = election->lease;
	election->lease = object_ref(lease);
	object_unref(old);
	if (is_changed)
		election->observed_ms = now_ms(election);
}

static void forget(struct lease_election *election)
{
	object_unref(election->lease);
	election->lease = NULL;
}

static bool is_held_by_other(const struct lease_election *election)
{
	const CoordinationV1__LeaseSpec *spec = spec_of(election->lease);
	if (str_empty(spec->holder_identity) || str_eq(spec->holder_identity, election->identity))
		return false;
	int64_t duration_s =
	    spec->has_lease_duration_seconds ? spec->lease_duration_seconds : LEASE_DURATION_S;
	return now_ms(election) < election->observed_ms + duration_s * 1000;
}

/* ---- outcomes ---- */

static void again_in(struct lease_election *election, int64_t delay_ms)
{
	loop_timer_start(election->timer, delay_ms + rest_random((unsigned)delay_ms / 5 + 1), 0);
}

static void won(struct lease_election *election)
{
	election->renewed_ms = now_ms(election);
	election->is_reported_failing = false;
	again_in(election, RENEW_MS);
	if (election->is_leader)
		return;
	election->is_leader = true;
	log_info("leading: %s/%s is held as %s", election->ns, election->name, election->identity);
	election->on_lead(election->arg);
}

static void lost(struct lease_election *election)
{
	election->is_leader = false;
	loop_timer_stop(election->timer);
	log_error("leadership of %s/%s is lost", election->ns, election->name);
	election->on_lost(election->arg);
}

static void failed(struct lease_election *election, const struct error *err)
{
	if (!election->is_reported_failing)
		log_warning("lease %s/%s: %s", election->ns, election->name, err->message);
	election->is_reported_failing = true;
	if (election->is_leader && now_ms(election) - election->renewed_ms >= RENEW_DEADLINE_MS) {
		lost(election);
		return;
	}
	/* Not beyond the deadline: it is then that a leader has to know. */
	int64_t delay_ms = RETRY_MS, left_ms = election->renewed_ms + RENEW_DEADLINE_MS - now_ms(election);
	if (election->is_leader && left_ms < delay_ms) {
		loop_timer_start(election->timer, left_ms > 0 ? left_ms : 0, 0);
		return;
	}
	again_in(election, delay_ms);
}

/* ---- requests ---- */

static void on_written(void *arg, const struct rest_result *result)
{
	struct lease_election *election = arg;
	election->call = NULL;
	if (!result->error) {
		if (result->object)
			observe(election, result->object);
		won(election);
		return;
	}
	if (result->status == 409 || result->status == 404) {
		forget(election); /* somebody else was quicker: look again */
		if (!election->is_leader) {
			again_in(election, RETRY_MS);
			return;
		}
	}
	failed(election, result->error);
}

static void write_lease(struct lease_election *election)
{
	bool is_new = !election->lease;
	struct object *obj = is_new ? object_new(resource_leases->schema) : object_clone(election->lease);
	CoordinationV1__LeaseSpec *spec = ((CoordinationV1__Lease *)obj->msg)->spec;
	int64_t now_ns = clock_wall_ns(loop_clock(rest_client_loop(election->client)));
	bool is_ours = str_eq(spec->holder_identity, election->identity);
	if (is_new) {
		obj->meta->name = arena_strdup(obj->arena, election->name);
		obj->meta->namespace_ = arena_strdup(obj->arena, election->ns);
	}
	if (!is_ours) {
		spec->acquire_time = micro_time_new(obj->arena, now_ns);
		spec->lease_transitions =
		    is_new || !spec->has_lease_transitions ? 0 : spec->lease_transitions + 1;
		spec->has_lease_transitions = true;
	}
	spec->holder_identity = arena_strdup(obj->arena, election->identity);
	spec->lease_duration_seconds = LEASE_DURATION_S;
	spec->has_lease_duration_seconds = true;
	spec->renew_time = micro_time_new(obj->arena, now_ns);
	struct rest_request *request = REST_REQUEST(.verb = is_new ? REST_CREATE : REST_UPDATE,
	    .type = resource_leases, .ns = election->ns, .name = is_new ? NULL : election->name, .body = obj,
	    .timeout_ms = CALL_TIMEOUT_MS);
	election->call = rest_send(election->client, request, on_written, election);
	object_unref(obj);
}

static void on_read(void *arg, const struct rest_result *result)
{
	struct lease_election *election = arg;
	election->call = NULL;
	if (result->error && !error_is(result->error, ERR_NOT_FOUND)) {
		failed(election, result->error);
		return;
	}
	if (result->error) {
		forget(election);
	} else if (result->object) {
		observe(election, result->object);
		if (is_held_by_other(election)) {
			election->is_reported_failing = false;
			if (election->is_leader)
				lost(election);
			else
				again_in(election, RETRY_MS);
			return;
		}
	}
	write_lease(election);
}

static void step(void *arg)
{
	struct lease_election *election = arg;
	if (election->call)
		return;
	if (election->is_leader && now_ms(election) - election->renewed_ms >= RENEW_DEADLINE_MS) {
		lost(election);
		return;
	}
	if (election->is_leader && election->lease) {
		write_lease(election); /* nobody else writes it: no need to read first */
		return;
	}
	struct rest_request *request = REST_REQUEST(.verb = REST_GET, .type = resource_leases,
	    .ns = election->ns, .name = election->name, .timeout_ms = CALL_TIMEOUT_MS);
	election->call = rest_send(election->client, request, on_read, election);
}

/* ---- giving it up ---- */

static void on_released(void *arg, const struct rest_result *result)
{
	struct lease_election *election = arg;
	election->call = NULL;
	if (election->released)
		election->released(election->released_arg);
}

static void on_nothing_to_release(void *arg)
{
	on_released(arg, NULL);
}

void lease_election_release(struct lease_election *election, void (*done)(void *arg), void *arg)
{
	struct loop *loop = rest_client_loop(election->client);
	election->released = done;
	election->released_arg = arg;
	rest_cancel(election->call);
	election->call = NULL;
	loop_timer_stop(election->timer);
	if (!election->is_leader || !election->lease) {
		loop_defer(loop, on_nothing_to_release, election);
		return;
	}
	election->is_leader = false;
	struct object *obj = object_clone(election->lease);
	CoordinationV1__LeaseSpec *spec = ((CoordinationV1__Lease *)obj->msg)->spec;
	spec->holder_identity = arena_strdup(obj->arena, "");
	spec->lease_duration_seconds = 1;
	spec->renew_time = micro_time_new(obj->arena, clock_wall_ns(loop_clock(loop)));
	struct rest_request *request = REST_REQUEST(.verb = REST_UPDATE, .type = resource_leases,
	    .ns = election->ns, .name = election->name, .body = obj, .timeout_ms = 2000);
	election->call = rest_send(election->client, request, on_released, election);
	object_unref(obj);
}
