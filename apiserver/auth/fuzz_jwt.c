/*
 * Tokens. Any text is no token of ours: what verifies was signed here. And an input taken as claims, when it
 * is a JSON object, comes back from its own token, while the token with one of its bytes changed does not
 * verify.
 */
#include <assert.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apiserver/auth/jwt.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct jwt_keys *make_keys(void)
{
	char path[] = "/tmp/cube-fuzz-jwt-XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	EVP_PKEY *keys[] = {EVP_EC_gen("P-256"), EVP_EC_gen("P-521")};
	assert(file);
	for (size_t i = 0; i < 2; i++) {
		assert(PEM_write_PrivateKey(file, keys[i], NULL, NULL, 0, NULL, NULL) == 1);
		EVP_PKEY_free(keys[i]);
	}
	fclose(file);
	const char *files[] = {path};
	struct jwt_keys *made = jwt_keys_new(files, 1, path, NULL);
	unlink(path);
	assert(made);
	return made;
}

/* Base64url has spare bits at the end of a part: another letter there can mean the same bytes, and a
 * signature of the same bytes is the same signature. So the parts are compared as bytes. */
static bool is_same_token(struct arena *arena, const char *a, const char *b)
{
	const char *dot_a = strrchr(a, '.'), *dot_b = strrchr(b, '.');
	if (!dot_b || dot_a - a != dot_b - b || memcmp(a, b, (size_t)(dot_a - a)) != 0)
		return false;
	size_t size_a, size_b;
	char *sig_a = str_unbase64url(arena, dot_a + 1, strlen(dot_a + 1), &size_a);
	char *sig_b = str_unbase64url(arena, dot_b + 1, strlen(dot_b + 1), &size_b);
	return sig_b && size_a == size_b && !memcmp(sig_a, sig_b, size_a);
}

static void check_claims(struct arena *arena, const struct jwt_keys *keys, const struct json *claims,
    const uint8_t *data, size_t size)
{
	struct json *back = NULL;
	char *token = jwt_sign(keys, arena, claims, NULL);
	assert(token && jwt_verify(keys, arena, token, &back, NULL) == 0);
	assert(json_equal(claims, back));
	assert(json_equal(claims, jwt_peek(arena, token)));
	char *changed = arena_strdup(arena, token);
	size_t at = (data[0] * 256u + data[size - 1]) % strlen(token);
	changed[at] ^= (char)(1u << data[size / 2] % 7);
	if (!is_same_token(arena, token, changed))
		assert(jwt_verify(keys, arena, changed, &back, NULL) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jwt_keys *keys;
	struct arena *arena = arena_new();
	char *text = arena_strndup(arena, (const char *)data, size);
	struct json *claims = NULL;
	struct error err = ERROR_INIT;
	struct json_limits limits = {.depth_max = 100};
	if (!keys)
		keys = make_keys();
	jwt_peek(arena, text);
	assert(jwt_verify(keys, arena, text, &claims, &err) < 0 && err.code == ERR_UNAUTHORIZED);
	claims = NULL;
	if (size > 0 && json_parse(arena, (const char *)data, size, &limits, &claims, NULL) == 0 &&
	    claims->type == JSON_OBJECT)
		check_claims(arena, keys, claims, data, size);
	arena_free(arena);
	return 0;
}
