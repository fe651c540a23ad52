#include "apiserver/auth/service_account.h"

#include <math.h>
#include <string.h>

#include "apiserver/auth/object_reader.h"
#include "apiserver/auth/secret_data.h"
#include "apiserver/auth/token_source.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/values.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"

#define LEEWAY_S 60 /* what was deleted this recently still counts: clocks and caches differ a little */

static struct json *new_ref(struct arena *arena, const char *name, const char *uid)
{
	struct json *ref = json_new_object(arena);

	json_set(arena, ref, "name", json_new_string(arena, name));
	if (!str_empty(uid))
		json_set(arena, ref, "uid", json_new_string(arena, uid));
	return ref;
}

static struct json *new_private_claims(struct arena *arena, const struct service_account_request *r)
{
	struct json *k = json_new_object(arena);

	json_set(arena, k, "namespace", json_new_string(arena, object_namespace(r->account)));
	json_set(arena, k, "serviceaccount", new_ref(arena, object_name(r->account), object_uid(r->account)));
	if (r->pod)
		json_set(arena, k, "pod", new_ref(arena, object_name(r->pod), object_uid(r->pod)));
	if (r->secret)
		json_set(arena, k, "secret", new_ref(arena, object_name(r->secret), object_uid(r->secret)));
	if (!str_empty(r->node_name))
		json_set(arena, k, "node", new_ref(arena, r->node_name, r->node_uid));
	if (r->warn_in_s)
		json_set(arena, k, "warnafter", json_new_int(arena, r->now_s + r->warn_in_s));
	return k;
}

struct json *service_account_claims(
    struct arena *arena, const struct service_account_request *r, const char **ret_jti)
{
	struct json *claims = json_new_object(arena), *audiences = json_new_array(arena);
	char jti[37];

	str_uuid(jti);
	for (size_t i = 0; r->audiences && r->audiences[i]; i++)
		json_push(arena, audiences, json_new_string(arena, r->audiences[i]));
	json_set(arena, claims, "aud", audiences);
	json_set(arena, claims, "exp", json_new_int(arena, r->now_s + r->expires_in_s));
	json_set(arena, claims, "iat", json_new_int(arena, r->now_s));
	json_set(arena, claims, "nbf", json_new_int(arena, r->now_s));
	json_set(arena, claims, "iss", json_new_string(arena, r->issuer));
	json_set(arena, claims, "jti", json_new_string(arena, jti));
	json_set(arena, claims, "sub",
	    json_new_string(arena, arena_printf(arena, USER_SERVICE_ACCOUNT_PREFIX "%s:%s",
				       object_namespace(r->account), object_name(r->account))));
	json_set(arena, claims, "kubernetes.io", new_private_claims(arena, r));
	json_sort(claims);
	*ret_jti = arena_strdup(arena, jti);
	return claims;
}

static bool is_gone(const struct object *obj, int64_t now_s)
{
	return !obj ||
	       (object_is_deleting(obj) && time_seconds(obj->meta->deletion_timestamp) < now_s - LEEWAY_S);
}

static int check_account(const struct object_reader *reader, int64_t now_s, const char *ns, const char *name,
    const char *uid, struct error *err)
{
	const struct object *account = reader_get(reader, resource_serviceaccounts, ns, name);

	if (!account)
		return error_set(err, ERR_UNAUTHORIZED, "serviceaccount \"%s\" not found", name);
	if (is_gone(account, now_s))
		return error_set(err, ERR_UNAUTHORIZED, "service account %s/%s has been deleted", ns, name);
	if (!str_eq(object_uid(account), uid))
		return error_set(err, ERR_UNAUTHORIZED, "service account UID (%s) does not match claim (%s)",
		    object_uid(account), uid);
	return 0;
}

/* A bound pod, secret or node; ref is its claim, NULL when the token is not bound to one. */
static int check_bound(const struct object_reader *reader, int64_t now_s, const struct resource_type *type,
    const char *what, const char *ns, const struct json *ref, struct error *err)
{
	if (!ref)
		return 0;
	const struct object *obj = reader_get(reader, type, ns, json_get_string(ref, "name", ""));
	if (is_gone(obj, now_s))
		return error_set(err, ERR_UNAUTHORIZED, "service account token has been invalidated");
	const char *uid = json_get_string(ref, "uid", "");
	if (!str_eq(object_uid(obj), uid))
		return error_set(err, ERR_UNAUTHORIZED,
		    "%s UID (%s) does not match service account %s ref claim (%s)", what, object_uid(obj),
		    what, uid);
	return 0;
}

/* A NumericDate (RFC 7519, 2): seconds, with a fraction perhaps. Absent or null gives the fallback; what is
 * no number is no date, and not "any time". */
static bool read_date(const struct json *claims, const char *name, double fallback, double *ret)
{
	const struct json *v = json_get(claims, name);

	*ret = fallback;
	return !v || v->type == JSON_NULL || json_number(v, ret);
}

static int check_times(int64_t now_s, const struct json *claims, struct error *err)
{
	double now = (double)now_s, expires, not_before, issued;

	if (!read_date(claims, "exp", INFINITY, &expires) || !read_date(claims, "nbf", 0, &not_before) ||
	    !read_date(claims, "iat", 0, &issued))
		return error_set(err, ERR_UNAUTHORIZED, "service account token has a time that is no number");
	if (now - LEEWAY_S > expires)
		return error_set(err, ERR_UNAUTHORIZED, "service account token has expired");
	if (now + LEEWAY_S < not_before || now + LEEWAY_S < issued)
		return error_set(err, ERR_UNAUTHORIZED, "service account token is not valid yet");
	return 0;
}

static void add_ref_extra(
    struct arena *arena, struct api_user *user, const struct json *ref, const char *what)
{
	if (!ref)
		return;
	const char *name = json_get_string(ref, "name", ""), *uid = json_get_string(ref, "uid", "");
	user_add_extra(arena, user, arena_printf(arena, "authentication.kubernetes.io/%s-name", what), name);
	if (uid[0])
		user_add_extra(
		    arena, user, arena_printf(arena, "authentication.kubernetes.io/%s-uid", what), uid);
}

static int check_legacy(const struct object_reader *reader, struct arena *arena, int64_t now_s,
    const struct json *claims, const char *token, struct api_user *ret_user, struct error *err)
{
#define LEGACY_CLAIM(name) json_get_string(claims, "kubernetes.io/serviceaccount/" name, "")
	const char *ns = LEGACY_CLAIM("namespace"), *name = LEGACY_CLAIM("service-account.name");
	const char *uid = LEGACY_CLAIM("service-account.uid"), *secret_name = LEGACY_CLAIM("secret.name");
	char *sub = arena_printf(arena, USER_SERVICE_ACCOUNT_PREFIX "%s:%s", ns, name);

	if (!ns[0] || !name[0] || !uid[0] || !secret_name[0] ||
	    !str_eq(json_get_string(claims, "sub", ""), sub))
		return error_set(err, ERR_UNAUTHORIZED, "malformed legacy service account token");
	const struct object *obj = reader_get(reader, resource_secrets, ns, secret_name);
	if (is_gone(obj, now_s) ||
	    !token_equal(secret_text(arena, (const CoreV1__Secret *)obj->msg, "token"), token))
		return error_set(err, ERR_UNAUTHORIZED, "service account token has been invalidated");
	if (check_account(reader, now_s, ns, name, uid, err) < 0)
		return -1;
	user_init_service_account(arena, ret_user, ns, name, uid);
	return 0;
}

int service_account_check(const struct object_reader *reader, struct arena *arena, int64_t now_s,
    const struct json *claims, const char *token, struct api_user *ret_user, struct error *err)
{
	if (check_times(now_s, claims, err) < 0)
		return -1;
	if (str_eq(json_get_string(claims, "iss", ""), LEGACY_ISSUER))
		return check_legacy(reader, arena, now_s, claims, token, ret_user, err);

	const struct json *k = json_get(claims, "kubernetes.io");
	const char *ns = json_get_string(k, "namespace", "");
	const struct json *account = json_get(k, "serviceaccount"), *pod = json_get(k, "pod");
	const struct json *secret = json_get(k, "secret"), *node = json_get(k, "node");
	const char *name = json_get_string(account, "name", ""), *uid = json_get_string(account, "uid", "");
	if (!k || !ns[0] || !name[0])
		return error_set(err, ERR_UNAUTHORIZED, "the token names no service account");
	/* A pod's token outlives its node object; only a token bound to the node itself is checked against
	 * it. */
	if (check_account(reader, now_s, ns, name, uid, err) < 0 ||
	    check_bound(reader, now_s, resource_secrets, "secret", ns, secret, err) < 0 ||
	    check_bound(reader, now_s, resource_pods, "pod", ns, pod, err) < 0 ||
	    check_bound(reader, now_s, resource_nodes, "node", "", pod ? NULL : node, err) < 0)
		return -1;
	user_init_service_account(arena, ret_user, ns, name, uid);
	const char *jti = json_get_string(claims, "jti", "");
	if (jti[0])
		user_add_extra(arena, ret_user, "authentication.kubernetes.io/credential-id",
		    arena_printf(arena, "JTI=%s", jti));
	add_ref_extra(arena, ret_user, pod, "pod");
	add_ref_extra(arena, ret_user, node, "node");
	return 0;
}
