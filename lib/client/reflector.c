/*
 * reflector: keeps one informer fed. It lists, watches from the list's revision, resumes a stream that ended
 * from the last revision seen, and lists again when that revision is gone. While the server is away it tries
 * again after 0.8 s, doubling to 30 s, each spread by half.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/informer_private.h"
#include "lib/client/rest_private.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

#define BACKOFF_FIRST_MS 50 /* before the first list: daemons and API server often start together */
#define BACKOFF_MIN_MS 800
#define BACKOFF_MAX_MS 30000
#define STABLE_MS 10000 /* a watch that lived this long ends the back-off */

struct reflector {
	struct rest_client *client;
	struct informer *inf;
	const struct informer_scope *scope;
	struct loop_timer *timer;
	struct rest_call *list;
	struct rest_watch *watch;
	int64_t list_ms, previous_list_ms, watch_start_ms; /* when these began */
	int64_t backoff_ms;                                /* of the next failure */
	bool must_list;                                    /* the next step is a list, not a watch */
	bool list_consistent; /* list from the store, not from the server's cache: the revision we know is
				 gone */
	bool is_failing;      /* logged; the next success is logged too */
	char revision[32];
};

static void step(void *arg);

struct reflector *reflector_new(
    struct rest_client *client, struct informer *inf, const struct informer_scope *scope)
{
	struct reflector *reflector = calloc(1, sizeof(*reflector));
	if (!reflector)
		abort();
	reflector->client = client;
	reflector->inf = inf;
	reflector->scope = scope;
	reflector->must_list = true;
	reflector->backoff_ms = BACKOFF_FIRST_MS;
	strcpy(reflector->revision, "0");
	reflector->timer = loop_timer_new(rest_client_loop(client), step, reflector);
	loop_timer_start(reflector->timer, 0, 0);
	return reflector;
}

void reflector_free(struct reflector *reflector)
{
	if (!reflector)
		return;
	rest_cancel(reflector->list);
	rest_watch_cancel(reflector->watch);
	loop_timer_free(reflector->timer);
	free(reflector);
}

static void set_revision(struct reflector *reflector, const char *revision)
{
	if (!str_empty(revision))
		snprintf(reflector->revision, sizeof(reflector->revision), "%s", revision);
}

static void back_off(struct reflector *reflector, const char *what, const struct error *err)
{
	if (!reflector->is_failing)
		log_warning(
		    "%s of %s failed, trying again: %s", what, reflector->scope->type->plural, err->message);
	reflector->is_failing = true;
	int64_t delay_ms = reflector->backoff_ms + rest_random((unsigned)reflector->backoff_ms / 2);
	if (err->retry_after_s > 0 && err->retry_after_s * 1000 > delay_ms)
		delay_ms = err->retry_after_s * 1000;
	if (delay_ms > BACKOFF_MAX_MS)
		delay_ms = BACKOFF_MAX_MS;
	reflector->backoff_ms *= 2;
	if (reflector->backoff_ms > BACKOFF_MAX_MS)
		reflector->backoff_ms = BACKOFF_MAX_MS;
	loop_timer_start(reflector->timer, delay_ms, 0);
}

/* The back-off starts anew only after a while of success: a server that ends every watch at once must not
 * keep us busy. */
static void recovered(struct reflector *reflector, int64_t since_ms)
{
	if (reflector->is_failing)
		log_info("following %s again", reflector->scope->type->plural);
	reflector->is_failing = false;
	if (loop_now_ms(rest_client_loop(reflector->client)) - since_ms >= STABLE_MS)
		reflector->backoff_ms = BACKOFF_MIN_MS;
}

static bool is_expired(const struct error *err)
{
	return error_is(err, ERR_EXPIRED) || error_is(err, ERR_GONE);
}

/* A server that is behind our revision (its store was restored, say) answers with a timeout of this kind. */
static bool is_too_large(const struct error *err)
{
	return error_is(err, ERR_TIMEOUT) && strstr(err->message, "Too large resource version");
}

/* ---- list ---- */

static void on_item(void *arg, struct object *obj)
{
	struct reflector *reflector = arg;
	informer_replace_item(reflector->inf, obj, reflector->list_consistent);
}

static void on_listed(void *arg, const struct rest_result *result)
{
	struct reflector *reflector = arg;
	reflector->list = NULL;
	if (result->error) {
		if (is_expired(result->error) || is_too_large(result->error))
			reflector->list_consistent = true;
		back_off(reflector, "list", result->error);
		return;
	}
	int64_t revision = 0;
	str_to_int64(result->resource_version, &revision);
	set_revision(reflector, result->resource_version);
	reflector->must_list = false;
	reflector->list_consistent = false;
	recovered(reflector, reflector->previous_list_ms);
	loop_timer_start(reflector->timer, 0, 0); /* then watch */
	informer_replace_end(reflector->inf, revision);
}

static void start_list(struct reflector *reflector)
{
	const struct informer_scope *scope = reflector->scope;
	reflector->previous_list_ms = reflector->list_ms;
	reflector->list_ms = loop_now_ms(rest_client_loop(reflector->client));
	informer_replace_begin(reflector->inf);
	struct rest_request *request = REST_REQUEST(.verb = REST_LIST, .type = scope->type, .ns = scope->ns,
	    .label_selector = scope->label_selector, .field_selector = scope->field_selector,
	    .resource_version = reflector->list_consistent ? NULL : reflector->revision,
	    .drop_managed_fields = true, .timeout_ms = 120000);
	reflector->list = rest_list_each(reflector->client, request, on_item, on_listed, reflector);
}

/* ---- watch ---- */

static void on_event(void *arg, enum watch_event_type type, struct object *obj)
{
	struct reflector *reflector = arg;
	set_revision(reflector, obj->meta->resource_version);
	if (reflector->is_failing)
		recovered(reflector, reflector->watch_start_ms);
	if (type == WATCH_BOOKMARK)
		informer_bookmark(reflector->inf, obj->revision);
	else
		informer_apply(reflector->inf, obj, type == WATCH_DELETED);
}

static void on_watch_end(void *arg, const struct error *err)
{
	struct reflector *reflector = arg;
	reflector->watch = NULL;
	int64_t lived_ms = loop_now_ms(rest_client_loop(reflector->client)) - reflector->watch_start_ms;
	if (lived_ms >= STABLE_MS)
		recovered(reflector, reflector->watch_start_ms);
	bool must_list = err && (is_expired(err) || is_too_large(err));
	if (must_list) {
		log_debug("listing %s again: %s", reflector->scope->type->plural, err->message);
		reflector->must_list = true;
		reflector->list_consistent = true;
	}
	if (lived_ms >= STABLE_MS && (!err || must_list)) {
		loop_timer_start(reflector->timer, 0, 0);
		return;
	}
	if (must_list && reflector->backoff_ms <= BACKOFF_MIN_MS) {
		reflector->backoff_ms *= 2; /* the first time at once, then with a pause */
		loop_timer_start(reflector->timer, 0, 0);
		return;
	}
	struct error early = {.code = ERR_IO, .message = "the stream ended early"};
	back_off(reflector, "watch", err ? err : &early);
}

static void start_watch(struct reflector *reflector)
{
	const struct informer_scope *scope = reflector->scope;
	reflector->watch_start_ms = loop_now_ms(rest_client_loop(reflector->client));
	struct rest_request *request = REST_REQUEST(.verb = REST_LIST, .type = scope->type, .ns = scope->ns,
	    .label_selector = scope->label_selector, .field_selector = scope->field_selector,
	    .resource_version = reflector->revision, .drop_managed_fields = true);
	reflector->watch = rest_watch(reflector->client, request, on_event, on_watch_end, reflector);
}

static void step(void *arg)
{
	struct reflector *reflector = arg;
	if (reflector->must_list)
		start_list(reflector);
	else
		start_watch(reflector);
}
