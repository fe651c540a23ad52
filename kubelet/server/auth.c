#include "kubelet/server/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/config.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/rest.h"
#include "lib/http/server.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"
#include "proto/authentication_v1.pb-c.h"
#include "proto/authorization_v1.pb-c.h"

#define TOKEN_TTL_MS 120000
#define ALLOWED_TTL_MS 300000
#define DENIED_TTL_MS 30000
#define CACHE_MAX 1000

struct user {
	char *name;
	char **groups; /* ends with NULL */
};

struct verdict {
	int64_t until_ms;
	bool allowed;
	struct user user; /* of a token */
};

struct check {
	struct kubelet_auth *auth;
	struct check *prev, *next;
	struct http_server_request *request;
	struct user user;
	char *key; /* of the cache entry that is being asked for */
	struct rest_call *call;
	void (*allowed)(void *arg, struct http_server_request *request);
	void *arg;
};

struct kubelet_auth {
	const struct kubelet_config *config;
	struct loop *loop;
	struct rest_client *client;
	struct strmap *tokens, *access; /* key -> struct verdict */
	struct check *checks;
};

/* ---- users ---- */

static void user_done(struct user *u)
{
	for (char **g = u->groups; g && *g; g++)
		free(*g);
	free(u->groups);
	free(u->name);
	*u = (struct user){0};
}

static struct user user_new(const char *name, const char *const *groups, size_t len)
{
	struct user u = {.name = strdup(name), .groups = calloc(len + 2, sizeof *u.groups)};
	for (size_t i = 0; i < len; i++)
		u.groups[i] = strdup(groups[i]);
	return u;
}

static struct user user_copy(const struct user *u)
{
	size_t n = 0;
	while (u->groups[n])
		n++;
	return user_new(u->name, (const char *const *)u->groups, n);
}

/* ---- the cache ---- */

static void verdict_free(void *p)
{
	struct verdict *v = p;
	user_done(&v->user);
	free(v);
}

static struct verdict *cache_get(struct kubelet_auth *auth, struct strmap *map, const char *key)
{
	struct verdict *v = strmap_get(map, key);
	if (v && v->until_ms < loop_now_ms(auth->loop)) {
		strmap_remove(map, key);
		verdict_free(v);
		v = NULL;
	}
	return v;
}

static struct verdict *cache_put(
    struct kubelet_auth *auth, struct strmap *map, const char *key, bool allowed, int64_t ttl_ms)
{
	while (strmap_len(map) >= CACHE_MAX) { /* the oldest goes */
		struct strmap_entry *oldest = strmap_first(map);
		verdict_free(strmap_remove(map, strmap_key(oldest)));
	}
	struct verdict *v = calloc(1, sizeof *v);
	v->until_ms = loop_now_ms(auth->loop) + ttl_ms;
	v->allowed = allowed;
	struct verdict *old = strmap_put(map, key, v);
	if (old)
		verdict_free(old);
	return v;
}

/* ---- one check ---- */

static void check_free(struct check *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		c->auth->checks = c->next;
	if (c->next)
		c->next->prev = c->prev;
	rest_cancel(c->call);
	user_done(&c->user);
	free(c->key);
	free(c);
}

static void refuse(struct check *c, int status, const char *text)
{
	http_respond(c->request, status, "text/plain; charset=utf-8", NULL, text, strlen(text));
	check_free(c);
}

static void allow(struct check *c)
{
	void (*allowed)(void *, struct http_server_request *) = c->allowed;
	void *arg = c->arg;
	struct http_server_request *request = c->request;
	check_free(c);
	http_on_close(request, NULL, NULL);
	allowed(arg, request);
}

static void on_peer_gone(void *arg)
{
	check_free(arg);
}

/* ---- authorization ---- */

static const char *verb_of(const char *method)
{
	return str_eq(method, "POST")     ? "create"
	       : str_eq(method, "PUT")    ? "update"
	       : str_eq(method, "PATCH")  ? "patch"
	       : str_eq(method, "DELETE") ? "delete"
					  : "get";
}

static const char *subresource_of(const char *path)
{
	static const struct {
		const char *prefix, *name;
	} table[] = {{"/stats", "stats"}, {"/metrics", "metrics"}, {"/logs", "log"}, {"/spec", "spec"},
	    {"/checkpoint", "checkpoint"}};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		size_t n = strlen(table[i].prefix);
		if (strncmp(path, table[i].prefix, n) == 0 && (!path[n] || path[n] == '/'))
			return table[i].name;
	}
	return "proxy";
}

static void deny(struct check *c)
{
	char text[600];
	snprintf(text, sizeof text, "Forbidden (user=%s, verb=%s, resource=nodes, subresource=%s)",
	    c->user.name, verb_of(c->request->method), subresource_of(c->request->path));
	refuse(c, 403, text);
}

static void on_access(void *arg, const struct rest_result *result)
{
	struct check *c = arg;
	c->call = NULL;
	if (result->error) {
		log_warning("SubjectAccessReview: %s", result->error->message);
		refuse(c, 500, "the API server could not be asked whether this is allowed");
		return;
	}
	const AuthorizationV1__SubjectAccessReview *r =
	    (const AuthorizationV1__SubjectAccessReview *)result->object->msg;
	cache_put(c->auth, c->auth->access, c->key, r->status->allowed,
	    r->status->allowed ? ALLOWED_TTL_MS : DENIED_TTL_MS);
	if (r->status->allowed)
		allow(c);
	else
		deny(c);
}

static void authorize(struct check *c)
{
	struct kubelet_auth *auth = c->auth;
	if (str_eq(auth->config->authorization_mode, "AlwaysAllow")) {
		allow(c);
		return;
	}
	const char *verb = verb_of(c->request->method), *sub = subresource_of(c->request->path);
	struct arena *arena = c->request->arena;
	const char *key = arena_printf(arena, "%s\n%s\n%s", c->user.name, verb, sub);
	for (char **g = c->user.groups; *g; g++)
		key = arena_printf(arena, "%s\n%s", key, *g);
	struct verdict *known = cache_get(auth, auth->access, key);
	if (known) {
		if (known->allowed)
			allow(c);
		else
			deny(c);
		return;
	}
	free(c->key);
	c->key = strdup(key);
	struct object *body = object_new(schema_by_gvk("authorization.k8s.io", "v1", "SubjectAccessReview"));
	AuthorizationV1__SubjectAccessReview *r = (AuthorizationV1__SubjectAccessReview *)body->msg;
	r->spec->user = arena_strdup(body->arena, c->user.name);
	for (char **g = c->user.groups; *g; g++)
		api_append(body->arena, r->spec, groups, arena_strdup(body->arena, *g));
	r->spec->resource_attributes = API_NEW(body->arena, authorization_v1__resource_attributes);
	r->spec->resource_attributes->verb = arena_strdup(body->arena, verb);
	r->spec->resource_attributes->version = arena_strdup(body->arena, "v1");
	r->spec->resource_attributes->resource = arena_strdup(body->arena, "nodes");
	r->spec->resource_attributes->subresource = arena_strdup(body->arena, sub);
	r->spec->resource_attributes->name = arena_strdup(body->arena, auth->config->node_name);
	c->call = rest_send(auth->client,
	    REST_REQUEST(.verb = REST_CREATE,
		.type = resource_by_plural("authorization.k8s.io", "v1", "subjectaccessreviews"),
		.body = body),
	    on_access, c);
	object_unref(body);
}

/* ---- authentication ---- */

static void on_token(void *arg, const struct rest_result *result)
{
	struct check *c = arg;
	c->call = NULL;
	if (result->error) {
		log_warning("TokenReview: %s", result->error->message);
		refuse(c, 500, "the API server could not be asked about the token");
		return;
	}
	const AuthenticationV1__TokenReview *r = (const AuthenticationV1__TokenReview *)result->object->msg;
	if (!r->status->authenticated) {
		cache_put(c->auth, c->auth->tokens, c->key, false, DENIED_TTL_MS / 3);
		refuse(c, 401, "Unauthorized");
		return;
	}
	c->user = user_new(r->status->user->username, (const char *const *)r->status->user->groups,
	    r->status->user->n_groups);
	cache_put(c->auth, c->auth->tokens, c->key, true, TOKEN_TTL_MS)->user = user_copy(&c->user);
	authorize(c);
}

static void review_token(struct check *c, const char *token)
{
	struct verdict *known = cache_get(c->auth, c->auth->tokens, token);
	if (known && !known->allowed) {
		refuse(c, 401, "Unauthorized");
		return;
	}
	if (known) {
		c->user = user_copy(&known->user);
		authorize(c);
		return;
	}
	c->key = strdup(token);
	struct object *body = object_new(schema_by_gvk("authentication.k8s.io", "v1", "TokenReview"));
	((AuthenticationV1__TokenReview *)body->msg)->spec->token = arena_strdup(body->arena, token);
	c->call = rest_send(c->auth->client,
	    REST_REQUEST(.verb = REST_CREATE,
		.type = resource_by_plural("authentication.k8s.io", "v1", "tokenreviews"), .body = body),
	    on_token, c);
	object_unref(body);
}

void kubelet_auth_check(struct kubelet_auth *auth, struct http_server_request *request,
    void (*allowed)(void *arg, struct http_server_request *request), void *arg)
{
	struct check *c = calloc(1, sizeof *c);
	*c = (struct check){
	    .auth = auth, .next = auth->checks, .request = request, .allowed = allowed, .arg = arg};
	if (auth->checks)
		auth->checks->prev = c;
	auth->checks = c;
	http_on_close(request, on_peer_gone, c);
	const char *header = http_request_header(request, "Authorization");
	if (request->peer && request->peer->cert_verified) {
		size_t n = 0;
		while (request->peer->cert_organizations && request->peer->cert_organizations[n])
			n++;
		c->user = user_new(request->peer->cert_common_name, request->peer->cert_organizations, n);
		c->user.groups[n] = strdup("system:authenticated");
		authorize(c);
	} else if (header && str_has_prefix(header, "Bearer ") && auth->config->auth_webhook) {
		review_token(c, header + strlen("Bearer "));
	} else if (auth->config->anonymous_auth && !header) {
		c->user = user_new("system:anonymous", (const char *const[]){"system:unauthenticated"}, 1);
		authorize(c);
	} else {
		refuse(c, 401, "Unauthorized");
	}
}

struct kubelet_auth *kubelet_auth_new(
    const struct kubelet_config *config, struct loop *loop, struct rest_client *client)
{
	struct kubelet_auth *auth = calloc(1, sizeof *auth);
	*auth = (struct kubelet_auth){
	    .config = config, .loop = loop, .client = client, .tokens = strmap_new(), .access = strmap_new()};
	return auth;
}

void kubelet_auth_free(struct kubelet_auth *auth)
{
	if (!auth)
		return;
	while (auth->checks)
		check_free(auth->checks);
	strmap_free(auth->tokens, verdict_free);
	strmap_free(auth->access, verdict_free);
	free(auth);
}
