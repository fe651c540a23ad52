#include "apiserver/auth/jwt.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#define SIGNATURE_MAX 1024 /* RSA keys up to 8192 bits */
#define COORDINATE_MAX 66  /* bytes of a P-521 coordinate */

struct key {
	EVP_PKEY *pkey;
	char kid[64];
	const char *algorithm; /* RS256, ES256, ... */
	const char *curve;     /* "P-256", or NULL for RSA */
	size_t coordinate;     /* bytes of r and s each; 0 for RSA */
};

struct jwt_keys {
	struct key *items;
	size_t len;
	struct key *signer; /* one of items' kin, owned; NULL when there is none */
};

static const EVP_MD *digest_of(const struct key *key)
{
	if (key->coordinate == 48)
		return EVP_sha384();
	return key->coordinate == COORDINATE_MAX ? EVP_sha512() : EVP_sha256();
}

static bool name_key(struct key *key)
{
	unsigned char *der = NULL, hash[32];
	int size = i2d_PUBKEY(key->pkey, &der);

	if (size <= 0 || EVP_Digest(der, (size_t)size, hash, NULL, EVP_sha256(), NULL) != 1)
		return false;
	OPENSSL_free(der);
	struct arena *arena = arena_new();
	strcpy(key->kid, str_base64url(arena, hash, sizeof(hash))); /* 43 characters */
	arena_free(arena);
	return true;
}

static bool describe_key(struct key *key)
{
	if (EVP_PKEY_is_a(key->pkey, "RSA")) {
		key->algorithm = "RS256";
		return EVP_PKEY_get_size(key->pkey) <= SIGNATURE_MAX && name_key(key);
	}
	if (!EVP_PKEY_is_a(key->pkey, "EC"))
		return false;
	switch (EVP_PKEY_get_bits(key->pkey)) {
	case 256:
		key->algorithm = "ES256", key->curve = "P-256", key->coordinate = 32;
		break;
	case 384:
		key->algorithm = "ES384", key->curve = "P-384", key->coordinate = 48;
		break;
	case 521:
		key->algorithm = "ES512", key->curve = "P-521", key->coordinate = COORDINATE_MAX;
		break;
	default:
		return false;
	}
	return name_key(key);
}

static int add_key(struct jwt_keys *keys, EVP_PKEY *take_pkey, const char *file, struct error *err)
{
	struct key key = {.pkey = take_pkey};

	if (!describe_key(&key)) {
		EVP_PKEY_free(take_pkey);
		return error_set(err, ERR_BAD_REQUEST,
		    "%s: neither an RSA key nor one of the curves P-256, P-384, P-521", file);
	}
	for (size_t i = 0; i < keys->len; i++) {
		if (strcmp(keys->items[i].kid, key.kid) == 0) {
			EVP_PKEY_free(take_pkey);
			return 0;
		}
	}
	keys->items = realloc(keys->items, (keys->len + 1) * sizeof(*keys->items));
	if (!keys->items)
		abort();
	keys->items[keys->len++] = key;
	return 0;
}

/* Every key of a file that may hold several, of both kinds. */
static int read_keys(struct jwt_keys *keys, const char *file, struct error *err)
{
	BIO *bio = BIO_new_file(file, "re");
	char *name, *header;
	unsigned char *data;
	long size;
	int found = 0, result = 0;

	if (!bio)
		return error_set(err, ERR_IO, "cannot read the service account key %s", file);
	while (result == 0 && PEM_read_bio(bio, &name, &header, &data, &size) == 1) {
		const unsigned char *p = data;
		EVP_PKEY *pkey = NULL;
		if (strcmp(name, "PUBLIC KEY") == 0)
			pkey = d2i_PUBKEY(NULL, &p, size);
		else if (strcmp(name, "RSA PUBLIC KEY") == 0)
			pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, size);
		else if (strstr(name, "PRIVATE KEY"))
			pkey = d2i_AutoPrivateKey(NULL, &p, size);
		if (pkey) {
			result = add_key(keys, pkey, file, err);
			found++;
		}
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(data);
	}
	BIO_free(bio);
	if (result == 0 && found == 0)
		return error_set(err, ERR_BAD_REQUEST, "%s holds no key", file);
	return result;
}

static int read_signer(struct jwt_keys *keys, const char *file, struct error *err)
{
	BIO *bio = BIO_new_file(file, "re");
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	if (!pkey)
		return error_set(err, ERR_IO, "cannot read the service account signing key %s", file);
	keys->signer = calloc(1, sizeof(*keys->signer));
	if (!keys->signer)
		abort();
	keys->signer->pkey = pkey;
	if (!describe_key(keys->signer))
		return error_set(err, ERR_BAD_REQUEST, "%s: unsupported kind of key", file);
	/* What is signed here must be accepted here. */
	EVP_PKEY_up_ref(pkey);
	return add_key(keys, pkey, file, err);
}

struct jwt_keys *jwt_keys_new(
    const char *const *files, size_t files_len, const char *signing_file, struct error *err)
{
	struct jwt_keys *keys = calloc(1, sizeof(*keys));
	int result = 0;

	if (!keys)
		abort();
	for (size_t i = 0; result == 0 && i < files_len; i++)
		result = read_keys(keys, files[i], err);
	if (result == 0 && !str_empty(signing_file))
		result = read_signer(keys, signing_file, err);
	if (result < 0) {
		jwt_keys_free(keys);
		return NULL;
	}
	return keys;
}

void jwt_keys_free(struct jwt_keys *keys)
{
	if (!keys)
		return;
	for (size_t i = 0; i < keys->len; i++)
		EVP_PKEY_free(keys->items[i].pkey);
	free(keys->items);
	if (keys->signer)
		EVP_PKEY_free(keys->signer->pkey);
	free(keys->signer);
	free(keys);
}

bool jwt_can_sign(const struct jwt_keys *keys)
{
	return keys && keys->signer;
}

/* ECDSA signatures are DER in OpenSSL and r || s in tokens. */
static bool signature_from_der(
    const struct key *key, const unsigned char *der, size_t der_size, unsigned char *out)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)der_size);
	int n = (int)key->coordinate;

	bool ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, n) == n &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + n, n) == n;
	ECDSA_SIG_free(sig);
	return ok;
}

static int signature_to_der(const struct key *key, const unsigned char *raw, unsigned char **ret_der)
{
	int n = (int)key->coordinate, size = -1;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, n, NULL), *s = BN_bin2bn(raw + n, n, NULL);

	if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
		*ret_der = NULL;
		size = i2d_ECDSA_SIG(sig, ret_der);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(sig);
	return size;
}

char *jwt_sign(const struct jwt_keys *keys, struct arena *arena, const struct json *claims, struct error *err)
{
	const struct key *key = keys ? keys->signer : NULL;
	unsigned char der[SIGNATURE_MAX], raw[SIGNATURE_MAX];
	size_t size = sizeof(der);
	struct buf text = BUF_INIT;

	if (!key)
		return error_set(err, ERR_INTERNAL, "no key to sign service account tokens with"), NULL;
	char *header = arena_printf(arena, "{\"alg\":\"%s\",\"kid\":\"%s\"}", key->algorithm, key->kid);
	json_write(&text, claims, 0);
	char *signed_part = arena_printf(arena, "%s.%s", str_base64url(arena, header, strlen(header)),
	    str_base64url(arena, buf_str(&text), text.size));
	buf_done(&text);

	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok =
	    EVP_DigestSignInit(ctx, NULL, digest_of(key), NULL, key->pkey) == 1 &&
	    EVP_DigestSign(ctx, der, &size, (const unsigned char *)signed_part, strlen(signed_part)) == 1;
	EVP_MD_CTX_free(ctx);
	const unsigned char *signature = der;
	if (ok && key->coordinate) {
		ok = signature_from_der(key, der, size, raw);
		signature = raw;
		size = 2 * key->coordinate;
	}
	if (!ok)
		return error_set(err, ERR_INTERNAL, "signing a token failed"), NULL;
	return arena_printf(arena, "%s.%s", signed_part, str_base64url(arena, signature, size));
}

/* The parts of HEADER.CLAIMS.SIGNATURE; false when there are not exactly three. */
static bool split_token(const char *token, const char **ret_dot1, const char **ret_dot2)
{
	*ret_dot1 = strchr(token, '.');
	*ret_dot2 = *ret_dot1 ? strchr(*ret_dot1 + 1, '.') : NULL;
	return *ret_dot2 && !strchr(*ret_dot2 + 1, '.');
}

static struct json *parse_part(struct arena *arena, const char *start, const char *end)
{
	size_t size;
	struct json *v = NULL;
	char *text = str_unbase64url(arena, start, (size_t)(end - start), &size);

	if (!text || json_parse(arena, text, size, NULL, &v, NULL) < 0 || v->type != JSON_OBJECT)
		return NULL;
	return v;
}

struct json *jwt_peek(struct arena *arena, const char *token)
{
	const char *dot1, *dot2;
	return split_token(token, &dot1, &dot2) ? parse_part(arena, dot1 + 1, dot2) : NULL;
}

static bool verify_with(
    const struct key *key, const char *text, size_t text_size, const unsigned char *sig, size_t size)
{
	unsigned char *der = NULL;
	bool ok = false;

	if (key->coordinate) {
		if (size != 2 * key->coordinate)
			return false;
		int der_size = signature_to_der(key, sig, &der);
		if (der_size <= 0)
			return false;
		sig = der;
		size = (size_t)der_size;
	}
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ok = EVP_DigestVerifyInit(ctx, NULL, digest_of(key), NULL, key->pkey) == 1 &&
	     EVP_DigestVerify(ctx, sig, size, (const unsigned char *)text, text_size) == 1;
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(der);
	return ok;
}

int jwt_verify(const struct jwt_keys *keys, struct arena *arena, const char *token, struct json **ret_claims,
    struct error *err)
{
	const char *dot1, *dot2;
	size_t size;

	if (!split_token(token, &dot1, &dot2))
		return error_set(err, ERR_UNAUTHORIZED, "not a token of three parts");
	struct json *header = parse_part(arena, token, dot1);
	struct json *claims = parse_part(arena, dot1 + 1, dot2);
	unsigned char *sig = str_unbase64url(arena, dot2 + 1, strlen(dot2 + 1), &size);
	if (!header || !claims || !sig)
		return error_set(err, ERR_UNAUTHORIZED, "malformed token");

	const char *algorithm = json_get_string(header, "alg", ""), *kid = json_get_string(header, "kid", "");
	for (size_t i = 0; i < keys->len; i++) {
		const struct key *key = &keys->items[i];
		/* The key says which algorithm is meant, never the token alone. */
		if (strcmp(key->algorithm, algorithm) != 0 || (kid[0] && strcmp(kid, key->kid) != 0))
			continue;
		if (verify_with(key, token, (size_t)(dot2 - token), sig, size)) {
			*ret_claims = claims;
			return 0;
		}
	}
	return error_set(err, ERR_UNAUTHORIZED, "the token's signature does not verify");
}

static void write_number(
    struct buf *out, struct arena *arena, const struct key *key, const char *param, size_t width)
{
	BIGNUM *n = NULL;
	unsigned char bytes[SIGNATURE_MAX];

	if (EVP_PKEY_get_bn_param(key->pkey, param, &n) != 1)
		return;
	if (!width)
		width = (size_t)BN_num_bytes(n);
	if (width <= sizeof(bytes) && BN_bn2binpad(n, bytes, (int)width) == (int)width)
		buf_puts(out, str_base64url(arena, bytes, width));
	BN_free(n);
}

void jwt_write_key_set(const struct jwt_keys *keys, struct buf *out)
{
	struct arena *arena = arena_new();

	buf_puts(out, "{\"keys\":[");
	for (size_t i = 0; i < keys->len; i++) {
		const struct key *key = &keys->items[i];
		buf_printf(out, "%s{\"use\":\"sig\",\"kty\":\"%s\",\"kid\":\"%s\",", i ? "," : "",
		    key->curve ? "EC" : "RSA", key->kid);
		if (key->curve) {
			buf_printf(out, "\"crv\":\"%s\",\"alg\":\"%s\",\"x\":\"", key->curve, key->algorithm);
			write_number(out, arena, key, OSSL_PKEY_PARAM_EC_PUB_X, key->coordinate);
			buf_puts(out, "\",\"y\":\"");
			write_number(out, arena, key, OSSL_PKEY_PARAM_EC_PUB_Y, key->coordinate);
		} else {
			buf_printf(out, "\"alg\":\"%s\",\"n\":\"", key->algorithm);
			write_number(out, arena, key, OSSL_PKEY_PARAM_RSA_N, 0);
			buf_puts(out, "\",\"e\":\"");
			write_number(out, arena, key, OSSL_PKEY_PARAM_RSA_E, 0);
		}
		buf_puts(out, "\"}");
	}
	buf_puts(out, "]}");
	arena_free(arena);
}

void jwt_write_algorithms(const struct jwt_keys *keys, struct buf *out)
{
	bool first = true;

	for (size_t i = 0; i < keys->len; i++) {
		bool seen = false;
		for (size_t j = 0; j < i; j++)
			seen = seen || strcmp(keys->items[j].algorithm, keys->items[i].algorithm) == 0;
		if (!seen)
			buf_printf(out, "%s\"%s\"", first ? "" : ",", keys->items[i].algorithm);
		first = false;
	}
}
