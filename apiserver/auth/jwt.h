/*
 * jwt: signing and checking of JSON Web Tokens (RFC 7515, 7519) with the cluster's service account keys:
 * RS256 for RSA, ES256, ES384 or ES512 for the P-256, P-384 and P-521 curves. Keys are named as upstream
 * names them, by the unpadded base64url SHA-256 of the public key's DER, so tokens and key sets are
 * interchangeable with its.
 */
#ifndef CUBE_APISERVER_AUTH_JWT_H
#define CUBE_APISERVER_AUTH_JWT_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buf;
struct error;
struct json;
struct jwt_keys;

/* Files hold PEM: public keys, certificates' keys are not read; private keys count by their public half.
 * signing_file may be NULL: nothing can be signed then. */
struct jwt_keys *jwt_keys_new(
    const char *const *files, size_t files_len, const char *signing_file, struct error *err);
void jwt_keys_free(struct jwt_keys *keys); /* NULL is accepted */
bool jwt_can_sign(const struct jwt_keys *keys);

/* The compact form, in the arena. */
char *jwt_sign(
    const struct jwt_keys *keys, struct arena *arena, const struct json *claims, struct error *err);
/* The claims, unverified: to see whose token it is. NULL when the text is no token. */
struct json *jwt_peek(struct arena *arena, const char *token);
/* Checks the signature only; times and audiences are the caller's. A NULL kid in the header tries every key.
 */
int jwt_verify(const struct jwt_keys *keys, struct arena *arena, const char *token, struct json **ret_claims,
    struct error *err);
/* Appends the JSON Web Key Set. */
void jwt_write_key_set(const struct jwt_keys *keys, struct buf *out);
/* The algorithms of the keys, as JSON strings joined by commas, without repeats. */
void jwt_write_algorithms(const struct jwt_keys *keys, struct buf *out);

#endif
