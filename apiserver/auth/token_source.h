/*
 * token_source: what a bearer token may be, each kind checked by a pure function over the caches. A source
 * answers whether the token is its own and good; "not mine" and "mine but bad" differ only in the error they
 * leave.
 */
#ifndef CUBE_APISERVER_AUTH_TOKEN_SOURCE_H
#define CUBE_APISERVER_AUTH_TOKEN_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apiserver/auth/user.h"

struct arena;
struct error;
struct jwt_keys;
struct object_reader;
struct strmap;

enum token_result {
	TOKEN_UNKNOWN, /* no token of this source */
	TOKEN_GOOD,
	TOKEN_BAD /* err says why */
};

/* Compares without telling by its time where the texts differ. */
bool token_equal(const char *a, const char *b);

/*
 * --token-auth-file: lines of token,user,uid[,"group1,group2"]. Tokens are kept as hashes, so that a
 * look-up's time tells nothing about them.
 */
struct static_tokens;
struct static_tokens *static_tokens_load(const char *file, struct error *err);
struct static_tokens *static_tokens_parse(const char *text, struct error *err);
void static_tokens_free(struct static_tokens *tokens); /* NULL is accepted */
enum token_result static_tokens_check(
    const struct static_tokens *tokens, struct arena *arena, const char *token, struct api_user *ret_user);

/* ID.SECRET of a bootstrap.kubernetes.io/token secret in kube-system: kubelets that join. */
enum token_result bootstrap_token_check(const struct object_reader *reader, struct arena *arena,
    int64_t now_s, const char *token, struct api_user *ret_user, struct error *err);

#endif
