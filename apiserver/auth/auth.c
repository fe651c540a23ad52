#include "apiserver/auth/auth.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/auth/jwt.h"
#include "apiserver/metrics.h"
#include "apiserver/options.h"
#include "apiserver/watchcache/watchcache.h"
#include "lib/base/arena.h"
#include "lib/base/metrics.h"
#include "lib/base/str.h"

static const struct object *read_one(
    void *arg, const struct resource_type *type, const char *ns, const char *name)
{
	return watchcache_lookup(arg, type, ns, name);
}

static void read_each(
    void *arg, const struct resource_type *type, const char *ns, object_visit_fn *visit, void *visit_arg)
{
	struct watchcache_cursor cursor;
	const struct object *obj;

	watchcache_cursor_init(&cursor, arg, type, str_empty(ns) ? NULL : ns);
	while ((obj = watchcache_next(&cursor)) && visit(visit_arg, obj)) {
	}
}

static void refresh(void *server, void (*fn)(void *arg, const struct error *err), void *arg)
{
	watchcache_fence(server, fn, arg);
}

const struct object_reader *auth_reader(struct api_server *server)
{
	return &server->auth->reader;
}

static void observe(void *arg, const struct object *old, const struct object *obj)
{
	authorizer_observe(arg, old, obj);
}

static void subscribe(struct auth *auth)
{
	const struct resource_type *const types[] = {resource_roles, resource_clusterroles,
	    resource_rolebindings, resource_clusterrolebindings, resource_pods};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		watchcache_subscribe(auth->server, types[i], observe, auth->authorizer);
}

/* A NULL-terminated copy of a flag's list; `fallback` when it is empty. */
static const char *const *copy_list(const struct flag_list *list, const char *fallback)
{
	const char **copy = calloc(list->len + 2, sizeof(*copy));

	if (!copy)
		abort();
	for (size_t i = 0; i < list->len; i++)
		copy[i] = list->items[i];
	if (list->len == 0)
		copy[0] = fallback;
	return copy;
}

static int read_keys(struct auth *auth, const struct api_options *options, struct error *err)
{
	const struct flag_list *files = &options->service_account_key_files;

	if (files->len == 0 && str_empty(options->service_account_signing_key_file))
		return 0;
	auth->keys = jwt_keys_new(files->items, files->len, options->service_account_signing_key_file, err);
	return auth->keys ? 0 : -1;
}

static struct authorizer *new_authorizer(
    struct auth *auth, const struct api_options *options, struct error *err)
{
	struct arena *arena = arena_new();
	const char *modes =
	    options->authorization_modes.len == 0
		? "AlwaysAllow"
		: str_join(arena, options->authorization_modes.items, options->authorization_modes.len, ",");
	struct authorizer *authorizer = authorizer_new(modes, &auth->reader, err);

	arena_free(arena);
	return authorizer;
}

static void add_metrics(struct auth *auth)
{
	struct metric *attempts = metric_counter(metrics_set(auth->server), "authentication_attempts",
	    "Requests by whether their user is known.", "result");

	auth->known = metric_series(attempts, "success");
	auth->unknown = metric_series(attempts, "failure");
}

int auth_init(struct api_server *server, struct error *err)
{
	const struct api_options *options = server->options;
	struct auth *auth = calloc(1, sizeof(*auth));

	if (!auth)
		abort();
	server->auth = auth;
	auth->server = server;
	add_metrics(auth);
	auth->reader = (struct object_reader){read_one, read_each, server, refresh};
	auth->issuers =
	    copy_list(&options->service_account_issuers, "https://kubernetes.default.svc.cluster.local");
	auth->audiences = copy_list(&options->api_audiences, auth->issuers[0]);
	if (!str_empty(options->token_auth_file)) {
		auth->tokens = static_tokens_load(options->token_auth_file, err);
		if (!auth->tokens)
			return -1;
	}
	if (!str_empty(options->requestheader_client_ca_file)) {
		auth->front_proxy = front_proxy_new(options, err);
		if (!auth->front_proxy)
			return -1;
	}
	auth->authorizer = new_authorizer(auth, options, err);
	if (!auth->authorizer || read_keys(auth, options, err) < 0)
		return -1;
	subscribe(auth);
	authorizer_count(auth->authorizer, metrics_set(server));
	return 0;
}

void auth_done(struct api_server *server)
{
	struct auth *auth = server->auth;

	if (!auth)
		return;
	authorizer_free(auth->authorizer);
	jwt_keys_free(auth->keys);
	static_tokens_free(auth->tokens);
	front_proxy_free(auth->front_proxy);
	free((void *)auth->issuers);
	free((void *)auth->audiences);
	free(auth);
	server->auth = NULL;
}
