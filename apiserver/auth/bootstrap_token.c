/* Bootstrap tokens, with which nodes join; see token_source.h. */
#include "apiserver/auth/token_source.h"

#include <string.h>

#include "apiserver/auth/object_reader.h"
#include "apiserver/auth/secret_data.h"
#include "lib/api/object.h"
#include "lib/api/values.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"

#define ID_LEN 6
#define SECRET_LEN 16

static bool is_word(const char *s, size_t len)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789") >= len;
}

static bool looks_like_one(const char *token)
{
	return strlen(token) == ID_LEN + 1 + SECRET_LEN && token[ID_LEN] == '.' && is_word(token, ID_LEN) &&
	       is_word(token + ID_LEN + 1, SECRET_LEN);
}

static bool has_expired(const char *expiration, int64_t now_s)
{
	int64_t at;
	int32_t nanos;

	if (str_empty(expiration))
		return false;
	return !time_parse(expiration, &at, &nanos) || at <= now_s; /* what cannot be read has expired */
}

static bool add_extra_groups(struct arena *arena, const char *text, struct api_user *user)
{
	size_t len = 0;
	char **groups = str_empty(text) ? NULL : str_split(arena, text, ',', &len);

	for (size_t i = 0; i < len; i++) {
		if (!str_has_prefix(groups[i], "system:bootstrappers:"))
			return false;
		user_add_group(arena, user, groups[i]);
	}
	return true;
}

enum token_result bootstrap_token_check(const struct object_reader *reader, struct arena *arena,
    int64_t now_s, const char *token, struct api_user *ret_user, struct error *err)
{
	if (!looks_like_one(token))
		return TOKEN_UNKNOWN;
	const char *id = arena_strndup(arena, token, ID_LEN);
	const struct object *obj = reader_get(
	    reader, resource_secrets, "kube-system", arena_printf(arena, "bootstrap-token-%s", id));
	const CoreV1__Secret *secret = obj ? (const CoreV1__Secret *)obj->msg : NULL;

	if (!secret || object_is_deleting(obj) || !str_eq(secret->type, "bootstrap.kubernetes.io/token") ||
	    !str_eq(secret_text(arena, secret, "token-id"), id) ||
	    !token_equal(secret_text(arena, secret, "token-secret"), token + ID_LEN + 1) ||
	    has_expired(secret_text(arena, secret, "expiration"), now_s) ||
	    !str_eq(secret_text(arena, secret, "usage-bootstrap-authentication"), "true"))
		return TOKEN_UNKNOWN;
	user_init(arena, ret_user, arena_printf(arena, "system:bootstrap:%s", id), NULL);
	user_add_group(arena, ret_user, "system:bootstrappers");
	if (!add_extra_groups(arena, secret_text(arena, secret, "auth-extra-groups"), ret_user)) {
		error_set(err, ERR_UNAUTHORIZED, "bootstrap token %s names a group it may not", id);
		return TOKEN_BAD;
	}
	return TOKEN_GOOD;
}
