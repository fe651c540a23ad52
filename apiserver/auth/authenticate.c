/* The authenticate stage: who is asking. Sources are tried in upstream's order; the first that knows the
 * asker wins. */
#include "apiserver/auth/auth.h"

#include <string.h>
#include <strings.h>

#include "apiserver/auth/jwt.h"
#include "apiserver/auth/service_account.h"
#include "apiserver/options.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/metrics.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

static bool has_audience(const struct json *aud, const char *wanted)
{
	if (aud && aud->type == JSON_STRING)
		return str_eq(aud->text, wanted);
	for (size_t i = 0; aud && aud->type == JSON_ARRAY && i < aud->len; i++)
		if (aud->items[i]->type == JSON_STRING && str_eq(aud->items[i]->text, wanted))
			return true;
	return false;
}

/* Those of `wanted` that the token is for; an empty list when there are none. */
static const char *const *intersect(struct arena *arena, const char *const *wanted, const struct json *aud)
{
	size_t len = 0, kept = 0;

	while (wanted[len])
		len++;
	const char **both = ARENA_ARRAY(arena, const char *, len + 1);
	for (size_t i = 0; i < len; i++)
		if (has_audience(aud, wanted[i]))
			both[kept++] = wanted[i];
	return both;
}

/* Tokens that carry no audience are for the API server: good when the asker accepts one of its audiences. */
static const char *const *own_audiences(struct auth *auth, struct arena *arena, const char *const *wanted)
{
	struct json *own = json_new_array(arena);

	for (size_t i = 0; auth->audiences[i]; i++)
		json_push(arena, own, json_new_string(arena, auth->audiences[i]));
	return intersect(arena, wanted, own);
}

static enum token_result check_service_account(struct auth *auth, struct arena *arena, const char *token,
    const char *const *wanted, struct api_user *ret_user, const char *const **ret_audiences,
    struct error *err)
{
	struct json *claims = auth->keys ? jwt_peek(arena, token) : NULL;
	const char *issuer = claims ? json_get_string(claims, "iss", "") : "";
	bool legacy = str_eq(issuer, LEGACY_ISSUER);

	if (!claims || (!legacy && !str_in(issuer, auth->issuers)))
		return TOKEN_UNKNOWN;
	if (jwt_verify(auth->keys, arena, token, &claims, err) < 0)
		return TOKEN_BAD;
	*ret_audiences =
	    legacy ? own_audiences(auth, arena, wanted) : intersect(arena, wanted, json_get(claims, "aud"));
	if (!(*ret_audiences)[0]) {
		error_set(err, ERR_UNAUTHORIZED, "token audiences is invalid for the target audiences");
		return TOKEN_BAD;
	}
	int64_t now_s = clock_wall_s(loop_clock(auth->server->loop));
	if (service_account_check(&auth->reader, arena, now_s, claims, token, ret_user, err) < 0)
		return TOKEN_BAD;
	return TOKEN_GOOD;
}

enum token_result auth_check_token(struct auth *auth, struct arena *arena, const char *token,
    const char *const *audiences, struct api_user *ret_user, const char *const **ret_audiences,
    struct error *err)
{
	int64_t now_s = clock_wall_s(loop_clock(auth->server->loop));
	const char *const *wanted = audiences && audiences[0] ? audiences : auth->audiences;
	enum token_result result = static_tokens_check(auth->tokens, arena, token, ret_user);

	if (result == TOKEN_UNKNOWN && auth->server->options->enable_bootstrap_token_auth)
		result = bootstrap_token_check(&auth->reader, arena, now_s, token, ret_user, err);
	if (result == TOKEN_GOOD) {
		*ret_audiences = own_audiences(auth, arena, wanted);
		if (!(*ret_audiences)[0])
			result = TOKEN_UNKNOWN;
	} else if (result == TOKEN_UNKNOWN) {
		result = check_service_account(auth, arena, token, wanted, ret_user, ret_audiences, err);
	}
	if (result == TOKEN_GOOD)
		user_add_group(arena, ret_user, GROUP_AUTHENTICATED);
	else
		error_set(err, ERR_UNAUTHORIZED, "invalid bearer token");
	return result;
}

#define WEBSOCKET_TOKEN "base64url.bearer.authorization.k8s.io."

/* Browsers cannot set headers on a WebSocket: they hand the token over as a subprotocol. */
static const char *websocket_token(struct http_server_request *http, struct arena *arena)
{
	for (size_t i = 0; i < http->headers_len; i++) {
		size_t len, size;
		if (strcasecmp(http->headers[i].name, "sec-websocket-protocol") != 0)
			continue;
		char **items = str_split(arena, http->headers[i].value, ',', &len);
		for (size_t j = 0; j < len; j++) {
			const char *item = items[j] + strspn(items[j], " ");
			if (!str_has_prefix(item, WEBSOCKET_TOKEN))
				continue;
			item += strlen(WEBSOCKET_TOKEN);
			const char *token = str_unbase64url(arena, item, strcspn(item, " "), &size);
			return token ? arena_strndup(arena, token, size) : NULL;
		}
	}
	return NULL;
}

/* NULL when the request carries no token; other schemes, and a Bearer without text, count as none. */
static const char *bearer_token(struct api_request *req)
{
	const char *value = http_request_header(req->http, "Authorization");

	if (!value)
		return req->http->is_upgrade ? websocket_token(req->http, req->arena) : NULL;
	value += strspn(value, " ");
	if (strncasecmp(value, "Bearer ", 7) != 0)
		return NULL;
	value += 7;
	value += strspn(value, " ");
	size_t len = strcspn(value, " ");
	return len == 0 ? NULL : arena_strndup(req->arena, value, len);
}

static enum token_result check_certificate(struct api_request *req, struct error *err)
{
	const struct http_peer *peer = req->http->peer;

	if (!peer || !peer->has_cert)
		return TOKEN_UNKNOWN;
	if (!peer->cert_verified) {
		error_set(err, ERR_UNAUTHORIZED, "client certificate: %s",
		    str_or(peer->cert_error, "not verified"));
		return TOKEN_BAD;
	}
	if (str_empty(peer->cert_common_name))
		return TOKEN_UNKNOWN;
	user_init(req->arena, &req->user, peer->cert_common_name, NULL);
	for (size_t i = 0; peer->cert_organizations && peer->cert_organizations[i]; i++)
		user_add_group(req->arena, &req->user, peer->cert_organizations[i]);
	return TOKEN_GOOD;
}

static bool find_user(struct api_request *req, bool *ret_failed)
{
	struct auth *auth = req->server->auth;
	const char *const *audiences;
	struct error why = ERROR_INIT;
	enum token_result result =
	    auth->front_proxy ? front_proxy_check(auth->front_proxy, req, &why) : TOKEN_UNKNOWN;

	if (result == TOKEN_UNKNOWN)
		result = check_certificate(req, &why);
	*ret_failed = result == TOKEN_BAD;
	if (result == TOKEN_GOOD)
		return true;
	const char *token = bearer_token(req);
	if (!token)
		return false;
	if (auth_check_token(auth, req->arena, token, NULL, &req->user, &audiences, &why) == TOKEN_GOOD)
		return true;
	*ret_failed = true;
	return false;
}

bool auth_screen(struct api_request *req)
{
	bool failed;
	struct authz_attributes a;

	if (find_user(req, &failed))
		return true;
	if (failed || !req->server->options->anonymous_auth)
		return false;
	user_init(req->arena, &req->user, USER_ANONYMOUS, NULL);
	user_add_group(req->arena, &req->user, GROUP_UNAUTHENTICATED);
	auth_attributes(req, &a);
	return authz_allowed(req->server->auth->authorizer, &a, req->arena);
}

int auth_authenticate(struct api_request *req, struct error *err)
{
	const struct auth *auth = req->server->auth;
	bool failed;

	if (find_user(req, &failed)) {
		metric_add(auth->known, 1);
		user_add_group(req->arena, &req->user, GROUP_AUTHENTICATED);
		return API_NEXT;
	}
	/* Bad credentials are never anonymous: the client should learn that they are bad. */
	if (failed || !req->server->options->anonymous_auth) {
		metric_add(auth->unknown, 1);
		return error_set(err, ERR_UNAUTHORIZED, "Unauthorized");
	}
	metric_add(auth->known, 1);
	user_init(req->arena, &req->user, USER_ANONYMOUS, NULL);
	user_add_group(req->arena, &req->user, GROUP_UNAUTHENTICATED);
	return API_NEXT;
}
