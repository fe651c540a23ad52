/*
 * auth: the state behind the stages auth_authenticate() and auth_authorize() of server.h, and what other
 * folders may ask of it. Everything is synchronous over the watch cache.
 */
#ifndef CUBE_APISERVER_AUTH_AUTH_H
#define CUBE_APISERVER_AUTH_AUTH_H

#include "apiserver/auth/authorizer.h"
#include "apiserver/auth/object_reader.h"
#include "apiserver/auth/token_source.h"
#include "apiserver/server.h"

struct metric_series;

struct auth {
	struct api_server *server;
	struct object_reader reader;
	struct authorizer *authorizer;
	struct jwt_keys *keys;                 /* NULL: no service account tokens */
	struct static_tokens *tokens;          /* NULL: no token file */
	const char *const *issuers;            /* ends with NULL; the first one signs */
	const char *const *audiences;          /* of the API server itself; ends with NULL */
	struct front_proxy *front_proxy;       /* NULL: none trusted */
	struct metric_series *known, *unknown; /* of authentication_attempts */
};

/* The cache as a reader, for other folders. */
const struct object_reader *auth_reader(struct api_server *server);

/*
 * Who is behind a bearer token. `audiences` (ends with NULL) is what the asker accepts; NULL means the API
 * server's own. ret_audiences receives those that both sides know.
 */
enum token_result auth_check_token(struct auth *auth, struct arena *arena, const char *token,
    const char *const *audiences, struct api_user *ret_user, const char *const **ret_audiences,
    struct error *err);

/*
 * From the head alone: is a body to be read? Yes for a user who is known, and for anybody else who may do
 * without a name what is asked for. Counts nothing; fills req->user.
 */
bool auth_screen(struct api_request *req);
/* What a request asks for, as the authorizer wants it. */
void auth_attributes(struct api_request *req, struct authz_attributes *ret);
/* May the request's user create the object that an update or an apply would create? Fills the 403 otherwise.
 */
int auth_may_create(struct api_request *req, struct error *err);
/* May the request's user do this to the named object? Selectors and path are ignored. */
bool auth_user_may(struct api_request *req, const char *verb, const char *group, const char *resource,
    const char *subresource, const char *ns, const char *name);

/* ... get what is at this path, which is no resource's? */
bool auth_user_may_get(struct api_request *req, const char *path);

/* The parts of auth_authenticate() and auth_serve_review() that have files of their own. */
struct front_proxy *front_proxy_new(const struct api_options *options, struct error *err);
void front_proxy_free(struct front_proxy *proxy);
/* TOKEN_BAD when the proxy is trusted but names no user. */
enum token_result front_proxy_check(
    const struct front_proxy *proxy, struct api_request *req, struct error *err);
int review_access(struct api_request *req, struct error *err); /* the three access reviews */
int review_rules(struct api_request *req, struct error *err);  /* SelfSubjectRulesReview */
int review_token(struct api_request *req, struct error *err);  /* TokenReview */
int review_self(struct api_request *req, struct error *err);   /* SelfSubjectReview */
int token_request(struct api_request *req, struct error *err); /* serviceaccounts/token */

#endif
