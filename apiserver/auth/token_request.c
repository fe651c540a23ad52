/* serviceaccounts/token: tokens for service accounts, bound to a pod, secret or node; and the issuer's public
 * documents. */
#include "apiserver/auth/auth.h"

#include <string.h>

#include "apiserver/auth/jwt.h"
#include "apiserver/auth/service_account.h"
#include "apiserver/options.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "proto/core_v1.pb-c.h"

#define MIN_EXPIRATION_S 600
#define MAX_EXPIRATION_S (1LL << 32)
#define DEFAULT_EXPIRATION_S 3600
/* Clients of old do not read their token again. Kubelets ask for exactly this long for such pods; they get a
 * year, and a warning once what was asked for is over. */
#define WARN_ONLY_EXPIRATION_S 3607
#define EXTENDED_EXPIRATION_S (365LL * 24 * 3600)

static int invalid(
    struct api_request *req, const char *path, const char *value, const char *detail, struct error *err)
{
	struct field_errors errors;

	field_errors_init(&errors, req->arena);
	field_errors_add(&errors, FIELD_INVALID, path, value, "%s", detail);
	return field_errors_to_error(&errors, "authentication.k8s.io", "TokenRequest", "", err);
}

static int check_expiration(
    struct api_request *req, AuthenticationV1__TokenRequestSpec *spec, struct error *err)
{
	if (!spec->has_expiration_seconds) {
		spec->has_expiration_seconds = true;
		spec->expiration_seconds = DEFAULT_EXPIRATION_S;
	}
	const char *value = arena_printf(req->arena, "%lld", (long long)spec->expiration_seconds);
	if (spec->expiration_seconds < MIN_EXPIRATION_S)
		return invalid(req, "spec.expirationSeconds", value,
		    "may not specify a duration less than 10 minutes", err);
	if (spec->expiration_seconds > MAX_EXPIRATION_S)
		return invalid(req, "spec.expirationSeconds", value,
		    "may not specify a duration larger than 2^32 seconds", err);
	return 0;
}

static int not_found(const char *resource, const char *name, struct error *err)
{
	error_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", resource, name);
	error_about(err, "", resource, name);
	return -1;
}

static int conflict(const char *kind, const char *name, const char *wanted, struct error *err)
{
	error_set(err, ERR_CONFLICT,
	    "Operation cannot be fulfilled on %s \"%s\": the UID in the bound object reference (%s) does not "
	    "match the UID in "
	    "record. The object might have been deleted and then recreated",
	    kind, name, wanted);
	error_about(err, "", kind, name);
	return -1;
}

static int bind_pod(
    struct api_request *req, const struct object *pod, struct service_account_request *r, struct error *err)
{
	const CoreV1__PodSpec *spec = ((const CoreV1__Pod *)pod->msg)->spec;

	if (!str_eq(spec->service_account_name, object_name(r->account)))
		return error_set(err, ERR_BAD_REQUEST,
		    "cannot bind token for serviceaccount \"%s\" to pod running with different "
		    "serviceaccount name.",
		    object_name(r->account));
	r->pod = pod;
	if (str_empty(spec->node_name))
		return 0;
	const struct object *node = reader_get(auth_reader(req->server), resource_nodes, "", spec->node_name);
	r->node_name = spec->node_name;
	r->node_uid = node ? object_uid(node) : NULL;
	return 0;
}

static int bind_object(struct api_request *req, const AuthenticationV1__BoundObjectReference *ref,
    struct service_account_request *r, struct error *err)
{
	const struct resource_type *type = str_eq(ref->kind, "Pod")      ? resource_pods
					   : str_eq(ref->kind, "Secret") ? resource_secrets
					   : str_eq(ref->kind, "Node")   ? resource_nodes
									 : NULL;
	/* Only the group counts, and "" is both the core group and no version. */
	if (!type || strchr(ref->api_version, '/'))
		return error_set(err, ERR_BAD_REQUEST, "cannot bind token to object of type %s, Kind=%s",
		    ref->api_version, ref->kind);
	if (str_empty(ref->name))
		return error_set(err, ERR_BAD_REQUEST,
		    "Name parameter required: set spec.boundObjectRef.name to the name of the %s.",
		    ref->kind);
	const char *ns = type == resource_nodes ? "" : req->info.ns;
	const struct object *obj = reader_get(auth_reader(req->server), type, ns, ref->name);
	if (!obj)
		return not_found(type->plural, ref->name, err);
	if (!str_empty(ref->uid) && !str_eq(ref->uid, object_uid(obj)))
		return conflict(ref->kind, ref->name, ref->uid, err);
	if (type == resource_pods)
		return bind_pod(req, obj, r, err);
	if (type == resource_secrets) {
		r->secret = obj;
	} else {
		r->node_name = object_name(obj);
		r->node_uid = object_uid(obj);
	}
	return 0;
}

/* How long the token lives in truth, and when its user is to be warned. */
static void choose_expiration(struct api_request *req, const AuthenticationV1__TokenRequestSpec *spec,
    struct service_account_request *r)
{
	const struct api_options *options = req->server->options;
	int64_t max_s = options->service_account_max_token_expiration_ms / 1000;

	r->expires_in_s = spec->expiration_seconds;
	if (max_s > 0 && r->expires_in_s > max_s)
		r->expires_in_s = max_s;
	/* Only for tokens of pods that are meant for the API server itself. */
	if (!options->service_account_extend_token_expiration ||
	    spec->expiration_seconds != WARN_ONLY_EXPIRATION_S || !r->pod)
		return;
	for (size_t i = 0; r->audiences[i]; i++)
		if (!str_in(r->audiences[i], req->server->auth->audiences))
			return;
	r->warn_in_s = spec->expiration_seconds;
	r->expires_in_s = EXTENDED_EXPIRATION_S;
}

static const char *const *choose_audiences(struct api_request *req, AuthenticationV1__TokenRequestSpec *spec)
{
	const char *const *own = req->server->auth->audiences;

	for (size_t i = 0; spec->n_audiences == 0 && own[i]; i++)
		api_append(req->object->arena, spec, audiences, arena_strdup(req->object->arena, own[i]));
	const char **list = ARENA_ARRAY(req->arena, const char *, spec->n_audiences + 1);
	for (size_t i = 0; i < spec->n_audiences; i++)
		list[i] = spec->audiences[i];
	return list;
}

int token_request(struct api_request *req, struct error *err)
{
	AuthenticationV1__TokenRequest *tr = (void *)req->object->msg;
	struct auth *auth = req->server->auth;
	struct arena *arena = req->object->arena;
	const char *jti;

	const struct object *account =
	    reader_get(&auth->reader, resource_serviceaccounts, req->info.ns, req->info.name);
	if (!account)
		return not_found("serviceaccounts", req->info.name, err);
	if (!str_empty(object_name(req->object)) && !str_eq(object_name(req->object), req->info.name))
		return error_set(err, ERR_BAD_REQUEST,
		    "the name of the object (%s) does not match the name on the URL (%s)",
		    object_name(req->object), req->info.name);
	if (check_expiration(req, tr->spec, err) < 0)
		return API_FAIL;
	struct service_account_request r = {
	    .issuer = auth->issuers[0],
	    .audiences = choose_audiences(req, tr->spec),
	    .account = account,
	    .now_s = clock_wall_s(loop_clock(req->server->loop)),
	};
	if (tr->spec->bound_object_ref && bind_object(req, tr->spec->bound_object_ref, &r, err) < 0)
		return API_FAIL;
	choose_expiration(req, tr->spec, &r);
	char *token = jwt_sign(auth->keys, req->arena, service_account_claims(req->arena, &r, &jti), err);
	if (!token)
		return API_FAIL;
	req->object->meta->name = arena_strdup(arena, object_name(account));
	req->object->meta->namespace_ = arena_strdup(arena, object_namespace(account));
	tr->status = API_NEW(arena, authentication_v1__token_request_status);
	tr->status->token = arena_strdup(arena, token);
	/* What was asked for, not the extension: the kubelet refreshes by this. */
	int64_t shown_s = r.warn_in_s ? r.warn_in_s : r.expires_in_s;
	tr->spec->expiration_seconds = shown_s;
	tr->status->expiration_timestamp = time_new(arena, r.now_s + shown_s);
	return API_NEXT;
}

static void write_configuration(struct api_request *req, struct buf *out)
{
	const struct auth *auth = req->server->auth;
	const struct api_options *o = req->server->options;
	const char *jwks = o->service_account_jwks_uri;

	if (str_empty(jwks)) {
		const char *host =
		    str_or(o->external_hostname, str_or(o->advertise_address, o->bind_address));
		jwks = strchr(host, ':') ? arena_printf(req->arena, "https://[%s]:%lld/openid/v1/jwks", host,
					       (long long)o->secure_port)
					 : arena_printf(req->arena, "https://%s:%lld/openid/v1/jwks", host,
					       (long long)o->secure_port);
	}
	buf_puts(out, "{\"issuer\":");
	json_write_string(out, auth->issuers[0], strlen(auth->issuers[0]));
	buf_puts(out, ",\"jwks_uri\":");
	json_write_string(out, jwks, strlen(jwks));
	buf_puts(out, ",\"response_types_supported\":[\"id_token\"],\"subject_types_supported\":[\"public\"],"
		      "\"id_token_signing_alg_values_supported\":[");
	jwt_write_algorithms(auth->keys, out);
	buf_puts(out, "]}");
}

int auth_serve_openid(struct api_request *req, struct error *err)
{
	struct buf out = BUF_INIT;
	bool is_keys = str_has_suffix(req->info.path, "/jwks");

	if (!req->server->auth->keys)
		return error_set(err, ERR_NOT_FOUND, "the server has no service account keys");
	if (is_keys)
		jwt_write_key_set(req->server->auth->keys, &out);
	else
		write_configuration(req, &out);
	api_respond_text(req, 200, is_keys ? "application/jwk-set+json" : "application/json", buf_str(&out));
	buf_done(&out);
	return API_DONE;
}
