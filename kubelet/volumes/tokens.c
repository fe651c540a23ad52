#include "kubelet/volumes/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/pods/pod_facts.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"
#include "proto/authentication_v1.pb-c.h"

#define DAY_S 86400
#define RETRY_MS 30000

struct token {
	struct tokens *owner;
	char *key, *text, *audience;
	const struct object *pod;
	int64_t expiration_s;
	struct rest_call *call;
	struct loop_timer *timer;
	struct error error; /* of the last try, when there is no token */
};

struct tokens {
	struct loop *loop;
	struct rest_client *client;
	struct strmap *by_key;
	void (*on_change)(void *arg, const char *uid);
	void *arg;
};

static void request(void *arg);

static void token_free(void *p)
{
	struct token *t = p;
	rest_cancel(t->call);
	loop_timer_free(t->timer);
	object_unref(t->pod);
	free(t->key);
	free(t->text);
	free(t->audience);
	free(t);
}

static void on_answer(void *arg, const struct rest_result *result)
{
	struct token *t = arg;
	t->call = NULL;
	const AuthenticationV1__TokenRequest *r =
	    !result->error && result->object ? (const AuthenticationV1__TokenRequest *)result->object->msg
					     : NULL;
	if (!r || str_empty(r->status->token)) {
		error_clear(&t->error);
		error_set(&t->error, ERR_UNAVAILABLE, "failed to fetch token: %s",
		    result->error ? result->error->message : "the answer holds none");
		/* A token that is still good goes on being used. */
		loop_timer_start(t->timer, RETRY_MS, 0);
		if (!t->text)
			t->owner->on_change(t->owner->arg, t->pod->meta->uid);
		return;
	}
	free(t->text);
	t->text = strdup(r->status->token);
	error_clear(&t->error);
	int64_t left =
	    time_seconds(r->status->expiration_timestamp) - clock_wall_s(loop_clock(t->owner->loop));
	int64_t wait = left * 8 / 10;
	if (wait > DAY_S)
		wait = DAY_S;
	if (wait < 10)
		wait = 10;
	loop_timer_start(t->timer, wait * 1000, 0);
	t->owner->on_change(t->owner->arg, t->pod->meta->uid);
}

static void request(void *arg)
{
	struct token *t = arg;
	if (t->call)
		return;
	struct object *body = object_new(schema_by_gvk("authentication.k8s.io", "v1", "TokenRequest"));
	AuthenticationV1__TokenRequest *r = (AuthenticationV1__TokenRequest *)body->msg;
	if (!str_empty(t->audience))
		api_append(body->arena, r->spec, audiences, arena_strdup(body->arena, t->audience));
	r->spec->has_expiration_seconds = true;
	r->spec->expiration_seconds = t->expiration_s;
	r->spec->bound_object_ref = API_NEW(body->arena, authentication_v1__bound_object_reference);
	r->spec->bound_object_ref->api_version = arena_strdup(body->arena, "v1");
	r->spec->bound_object_ref->kind = arena_strdup(body->arena, "Pod");
	r->spec->bound_object_ref->name = arena_strdup(body->arena, t->pod->meta->name);
	r->spec->bound_object_ref->uid = arena_strdup(body->arena, t->pod->meta->uid);
	t->call = rest_send(t->owner->client,
	    REST_REQUEST(.verb = REST_CREATE, .type = resource_serviceaccounts,
		.ns = t->pod->meta->namespace_,
		.name = str_or(pod_of(t->pod)->spec->service_account_name, "default"), .subresource = "token",
		.body = body),
	    on_answer, t);
	object_unref(body);
}

struct tokens *tokens_new(
    struct loop *loop, struct rest_client *client, void (*on_change)(void *arg, const char *uid), void *arg)
{
	struct tokens *tokens = calloc(1, sizeof *tokens);
	*tokens = (struct tokens){loop, client, strmap_new(), on_change, arg};
	return tokens;
}

void tokens_free(struct tokens *tokens)
{
	if (!tokens)
		return;
	strmap_free(tokens->by_key, token_free);
	free(tokens);
}

int tokens_get(struct tokens *tokens, const struct object *pod, const char *audience, int64_t expiration_s,
    const char **ret, struct error *err)
{
	char key[512];
	snprintf(
	    key, sizeof key, "%s/%lld/%s", pod->meta->uid, (long long)expiration_s, str_or(audience, ""));
	struct token *t = strmap_get(tokens->by_key, key);
	if (!t && !tokens->client)
		return error_set(err, ERR_UNAVAILABLE, "no API server to ask for a token");
	if (!t) {
		t = calloc(1, sizeof *t);
		*t = (struct token){.owner = tokens,
		    .key = strdup(key),
		    .audience = strdup(str_or(audience, "")),
		    .pod = object_ref(pod),
		    .expiration_s = expiration_s};
		t->timer = loop_timer_new(tokens->loop, request, t);
		strmap_put(tokens->by_key, key, t);
		request(t);
	}
	if (t->text) {
		*ret = t->text;
		return 0;
	}
	if (t->call)
		return 1;
	error_set(err, t->error.code, "%s", t->error.message);
	request(t);
	return -1;
}

void tokens_remove_pod(struct tokens *tokens, const char *uid)
{
	strmap_for_each (tokens->by_key, e) {
		struct token *t = strmap_value(e);
		if (!str_eq(t->pod->meta->uid, uid))
			continue;
		strmap_remove(tokens->by_key, t->key);
		token_free(t);
	}
}
